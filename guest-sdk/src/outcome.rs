//! How a handler ends.

use crate::bindings::snow::host::pending_handles as raw;
use crate::{Error, Response, Suspension};

/// How a handler ends: with an answer, or with what it waits for.
///
/// A handler that may do either returns this, or a `Result` of it; `.into()` makes one of both.
#[derive(Debug)]
pub enum Outcome {
    /// The answer.
    Respond(Response),
    /// The request waits, and this call and its instance are over.
    Suspend(Suspension),
}

impl Outcome {
    /// For the host. `resume` says whether the route has a function to go on with.
    pub(crate) fn lower(self, resume: bool) -> raw::Outcome {
        match self {
            Outcome::Respond(response) => raw::Outcome::Respond(response.0),
            Outcome::Suspend(suspension) => raw::Outcome::Suspend(suspension.lower(resume)),
        }
    }
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Outcome::Respond(response)
    }
}

impl From<Suspension> for Outcome {
    fn from(suspension: Suspension) -> Self {
        Outcome::Suspend(suspension)
    }
}

/// What a handler, or the function that resumes it, may return.
///
/// | type | answer |
/// |---|---|
/// | [`Response`] | itself |
/// | [`Suspension`] | none yet: the request waits |
/// | [`Outcome`] | either |
/// | `&str`, `String` | 200, `text/plain` |
/// | `(u16, &str)`, `(u16, String)` | that status, `text/plain` |
/// | `Result<T, E>` | that of `T`; an `E` becomes an [`Error`], which says what the client gets |
///
/// An error that is text is not an `E` yet: say whether the client may read it, with
/// `map_err(Error::new)` or with [`Error::status`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer",
    label = "a handler returns a `Response`, a `Suspension`, an `Outcome`, text, `(status, text)`, or a `Result` of one of them"
)]
pub trait IntoOutcome {
    /// Turns it into what the host is told.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

impl IntoOutcome for Suspension {
    fn into_outcome(self) -> Outcome {
        self.into()
    }
}

impl<T: IntoOutcome, E: Into<Error>> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(answer) => answer.into_outcome(),
            Err(error) => Response::from(error.into()).into(),
        }
    }
}

macro_rules! answers {
    ($($type:ty),*) => { $(
        impl IntoOutcome for $type {
            fn into_outcome(self) -> Outcome {
                Response::from(self).into()
            }
        }
    )* };
}

answers!(Response, &str, String, (u16, &str), (u16, String));
