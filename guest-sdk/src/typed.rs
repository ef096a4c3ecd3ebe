//! The state of a suspension as a type. The feature `serde`.

use crate::{Error, Result, Resumed, Suspension};
use serde::{Deserialize, Serialize};
use std::any::type_name;
use std::fmt::Display;

impl Suspension {
    /// A value for [`Resumed::state_as`], instead of bytes for [`Resumed::state`]. With the feature
    /// `serde`.
    ///
    /// The type is the guest's own: a struct, or an enum with a variant for each step, that derives
    /// serde's `Serialize` and `Deserialize` (the guest depends on `serde` with its feature
    /// `derive`). It is written in the format of [postcard](https://docs.rs/postcard): a few bytes
    /// without names, at most 64 KiB, which must be read as the type that was written. That holds
    /// by itself: the version of a guest that suspended a request is the one that goes on with it.
    /// The format can't read what serde must guess: `untagged`, `tag = "…"`, `flatten`,
    /// `skip_serializing_if`.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use snow_guest::prelude::*;
    ///
    /// #[derive(Serialize, Deserialize)]
    /// enum Step {
    ///     Ask { name: String },
    ///     Pause { name: String, said: String },
    /// }
    ///
    /// #[route(GET, r"/ask/(\w+)", resume = next)]
    /// fn ask(request: Request) -> Result<Suspension> {
    ///     let name = request.param(0).to_owned();
    ///     Pending::keyed(&name)?.suspend().state_of(&Step::Ask { name })
    /// }
    ///
    /// fn next(resumed: Resumed) -> Result<Outcome> {
    ///     Ok(match resumed.state_as()? {
    ///         Step::Ask { name } => {
    ///             let said = resumed.text().into_owned();
    ///             let pause = Pending::timer(Duration::from_secs(1))?;
    ///             pause.suspend().state_of(&Step::Pause { name, said })?.into()
    ///         }
    ///         Step::Pause { name, said } => Response::text(format!("{name} said {said}")).into(),
    ///     })
    /// }
    ///
    /// snow_guest::serve!(ask);
    ///
    /// # fn main() {
    /// let paused = Step::Pause { name: "Ann".into(), said: "yes".into() };
    /// let resumed = Resumed::new(Cause::Settled, "", [Some("".into())]).with_state_of(&paused).unwrap();
    /// match next(resumed).unwrap() {
    ///     Outcome::Respond(response) => assert_eq!(response.body(), b"Ann said yes"),
    ///     Outcome::Suspend(suspension) => panic!("it waits: {suspension:?}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A value that its `Serialize` refuses to write. With `?` the client gets a 500, and the
    /// host's log says which type and why.
    pub fn state_of<T: Serialize + ?Sized>(self, state: &T) -> Result<Self> {
        Ok(self.state(write(state)?))
    }
}

impl Resumed {
    /// [`state`](Self::state) as the type that [`Suspension::state_of`] was given. With the feature
    /// `serde`.
    ///
    /// It may borrow from `self`, as in a struct of `&str`.
    ///
    /// # Errors
    ///
    /// Bytes that are not a `T`, or more than one: a state that was written as another type, or
    /// with [`Suspension::state`]. Not every such mistake can be noticed, as the bytes don't name
    /// their type. With `?` the client gets a 500, and the host's log says which type and why.
    pub fn state_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        let (state, rest) =
            postcard::take_from_bytes(&self.state).map_err(|error| unreadable::<T>(error))?;
        match rest.len() {
            0 => Ok(state),
            more => Err(unreadable::<T>(format_args!("{more} bytes are left over"))),
        }
    }

    /// Sets the state that [`Suspension::state_of`] would give: for tests, beside
    /// [`new`](Self::new). With the feature `serde`.
    ///
    /// # Errors
    ///
    /// As for [`Suspension::state_of`].
    pub fn with_state_of<T: Serialize + ?Sized>(mut self, state: &T) -> Result<Self> {
        self.state = write(state)?;
        Ok(self)
    }
}

fn write<T: Serialize + ?Sized>(state: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(state).map_err(|error| {
        Error::new(format_args!("a `{}` can't be written as a state: {error}", type_name::<T>()))
    })
}

fn unreadable<T>(why: impl Display) -> Error {
    Error::new(format_args!("the state is no `{}`: {why}", type_name::<T>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    enum Step<'a> {
        First,
        Second { name: &'a str, count: u64 },
    }

    fn resumed(state: impl Into<Vec<u8>>) -> Resumed {
        Resumed::new(Cause::Settled, state, [])
    }

    #[test]
    fn what_was_written_is_read_and_is_small() {
        for step in [Step::First, Step::Second { name: "n", count: 300 }] {
            let suspended = Suspension::all([]).state_of(&step).unwrap().lower(true);
            assert!(suspended.state.len() <= 5, "{:?}", suspended.state);
            assert_eq!(resumed(suspended.state).state_as::<Step>().unwrap(), step);
            assert_eq!(resumed("").with_state_of(&step).unwrap().state_as::<Step>().unwrap(), step);
        }
    }

    #[test]
    fn what_is_no_such_state_is_a_500_that_names_the_type() {
        // Nothing, no such variant, a text that ends too early, a byte too many.
        for bytes in [&b""[..], b"\x09", b"\x01\x05n", b"\x00\x00"] {
            let error = resumed(bytes).state_as::<Step>().unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("the state is no `snow_guest::typed::tests::Step"), "{text}");
            let response = crate::Response::from(error);
            assert_eq!((response.code(), response.body()), (500, &b"internal server error"[..]));
        }
    }

    #[test]
    fn what_refuses_to_be_written_is_an_error_that_names_the_type() {
        struct Never;
        impl Serialize for Never {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("never"))
            }
        }
        let error = Suspension::all([]).state_of(&Never).unwrap_err().to_string();
        assert!(error.contains("::Never` can't be written as a state: "), "{error}");
    }
}
