//! The end of a wait.

use crate::bindings::snow::host::pending_handles as raw;
use crate::{Failure, Pending, Request, Response, Settlement};
use std::borrow::Cow;
use std::time::Duration;

/// A wait that is over, as the `resume` function of a route gets it.
///
/// It runs in a new instance, and knows only what is in here. It may answer, or suspend again,
/// and is then called again at the end of that wait; one function sees every step of a route, and
/// tells them apart by [`state`](Self::state).
#[derive(Debug)]
pub struct Resumed {
    /// The request, if the suspension asked to [`keep`](crate::Suspension::keep_request) it.
    pub request: Option<Request>,
    /// Why the wait is over.
    pub cause: Cause,
    /// The bytes that the suspension gave.
    pub state: Vec<u8>,
    arrivals: Vec<Arrival>,
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What it waited for was settled.
    Settled,
    /// The deadline passed first.
    Deadline,
}

/// What became of one pending.
#[derive(Debug)]
struct Arrival {
    /// `None` once it was taken, and in tests, where there is no host.
    handle: Option<Pending>,
    settlement: Option<Settlement>,
}

impl Resumed {
    /// How long the request has waited: from when the suspension was returned until this call has
    /// started. Nothing in a native test.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(host::waited_ms().into())
    }

    /// How long the deadline of that wait still has; nothing if it has passed, and in a native test.
    /// A further wait has a deadline of its own, unless it is to
    /// [keep](crate::Suspension::keep_deadline) this one.
    pub fn left(&self) -> Duration {
        Duration::from_millis(host::left_ms().unwrap_or(0).into())
    }

    /// Whether the deadline passed first.
    pub fn timed_out(&self) -> bool {
        self.cause == Cause::Deadline
    }

    /// What the pending at `index` of the suspension was settled with; `None` if it is not settled.
    pub fn settlement(&self, index: usize) -> Option<&Settlement> {
        self.arrivals.get(index)?.settlement.as_ref()
    }

    /// The answer, or the failure, that the pending at `index` of the suspension was settled with,
    /// as a [fetch](crate::Fetch) is; `None` if it is not settled.
    pub fn response(&self, index: usize) -> Option<Result<Cow<'_, Response>, &Failure>> {
        self.settlement(index).map(Settlement::response)
    }

    /// The settlements that came, in the order of the suspension.
    pub fn settlements(&self) -> impl Iterator<Item = &Settlement> {
        let arrivals = self.arrivals.iter();
        arrivals.filter_map(|arrival| arrival.settlement.as_ref())
    }

    /// The first of the suspension's pendings that is settled, in their order: its place there, and
    /// what it was settled with. `None` if the deadline passed before any was. In a suspension of
    /// [`any`](crate::Suspension::any) this says which one came; if another has come too since,
    /// [`settlement`](Self::settlement) says so.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// fn over(resumed: Resumed) -> String {
    ///     match resumed.first() {
    ///         Some((0, settlement)) => format!("left: {}", settlement.text()),
    ///         Some((_, settlement)) => format!("right: {}", settlement.text()),
    ///         None => "neither".to_owned(),
    ///     }
    /// }
    ///
    /// let resumed = Resumed::new(Cause::Settled, "", [None, Some("done".into())]);
    /// assert_eq!(over(resumed), "right: done");
    /// ```
    pub fn first(&self) -> Option<(usize, &Settlement)> {
        let mut arrivals = self.arrivals.iter().enumerate();
        arrivals.find_map(|(index, arrival)| Some((index, arrival.settlement.as_ref()?)))
    }

    /// The bytes of the first settlement that has any. A timer's are empty, a failure has none.
    pub fn value(&self) -> Option<&[u8]> {
        self.settlements().find_map(Settlement::value)
    }

    /// [`value`](Self::value) as text: empty if nothing came, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.value().unwrap_or_default())
    }

    /// The first failure that came.
    pub fn failure(&self) -> Option<&Failure> {
        self.settlements().find_map(Settlement::failure)
    }

    /// [`state`](Self::state) as text, with U+FFFD for what is not UTF-8.
    pub fn state_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.state)
    }

    /// The pending at `index` of the suspension, to wait on it once more, in a new suspension or
    /// [in place](Pending::wait). `None` if it is settled, or was taken before. One that is not
    /// taken is released when the call ends. For all that are left see
    /// [`take_unsettled`](Self::take_unsettled).
    pub fn take(&mut self, index: usize) -> Option<Pending> {
        let arrival = self.arrivals.get_mut(index)?;
        match arrival.settlement {
            Some(_) => None,
            None => arrival.handle.take(),
        }
    }

    /// Every pending that is not settled, in the order of the suspension, to wait on them once
    /// more; those that were [taken](Self::take) before are not among them. Their places in the
    /// next suspension are their places here.
    ///
    /// When the last one has come there are none left: [`all`](crate::Suspension::all) of none is
    /// over at once, but [`any`](crate::Suspension::any) of none only at its deadline. Each
    /// suspension has its own deadline.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// /// Collects what three say, each as soon as it comes.
    /// #[route(GET, r"/three", resume = one_more)]
    /// fn three(_: Request) -> Result<Suspension> {
    ///     let three = [Pending::keyed("a")?, Pending::keyed("b")?, Pending::keyed("c")?];
    ///     Ok(Suspension::any(three))
    /// }
    ///
    /// fn one_more(mut resumed: Resumed) -> Outcome {
    ///     let mut said = resumed.state_text().into_owned();
    ///     for settlement in resumed.settlements() {
    ///         said += &settlement.text();
    ///     }
    ///     let left = resumed.take_unsettled();
    ///     if left.is_empty() || resumed.timed_out() {
    ///         return Response::text(said).into();
    ///     }
    ///     Suspension::any(left).state(said).into()
    /// }
    ///
    /// snow_guest::serve!(three);
    /// # fn main() {}
    /// ```
    pub fn take_unsettled(&mut self) -> Vec<Pending> {
        (0..self.arrivals.len()).filter_map(|index| self.take(index)).collect()
    }

    /// The host makes these; this makes one by hand, to test a `resume` function natively.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// fn answered(resumed: Resumed) -> Response {
    ///     match resumed.timed_out() {
    ///         true => Response::text("nobody came").status(504),
    ///         false => Response::text(resumed.text()),
    ///     }
    /// }
    ///
    /// let resumed = Resumed::new(Cause::Settled, "", [Some("done".into())]);
    /// assert_eq!(answered(resumed).body(), b"done");
    /// assert_eq!(answered(Resumed::new(Cause::Deadline, "", [None])).code(), 504);
    /// ```
    pub fn new(
        cause: Cause,
        state: impl Into<Vec<u8>>,
        settlements: impl IntoIterator<Item = Option<Settlement>>,
    ) -> Self {
        let arrival = |settlement| Arrival { handle: None, settlement };
        Self {
            request: None,
            cause,
            state: state.into(),
            arrivals: settlements.into_iter().map(arrival).collect(),
        }
    }

    pub(crate) fn lift(
        cause: raw::Cause,
        request: Option<Request>,
        state: Vec<u8>,
        arrivals: Vec<raw::Arrival>,
    ) -> Self {
        let arrival = |raw: raw::Arrival| Arrival {
            handle: Some(Pending::lift(raw.handle)),
            settlement: raw.settlement.map(Settlement::lift),
        };
        Self {
            request,
            cause: match cause {
                raw::Cause::Settled => Cause::Settled,
                raw::Cause::Deadline => Cause::Deadline,
            },
            state,
            arrivals: arrivals.into_iter().map(arrival).collect(),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    pub use crate::bindings::snow::host::resumption::{left_ms, waited_ms};
}

/// In a native test there is no host, and nothing waits.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub fn waited_ms() -> u32 {
        0
    }

    pub fn left_ms() -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_found_among_the_settlements() {
        let failure = Failure::new("late", "too late");
        let resumed = Resumed::new(
            Cause::Settled,
            "step",
            [
                None,
                Some(failure.clone().into()),
                Some(Response::text("body").into()),
                Some("value".into()),
            ],
        );
        assert_eq!(resumed.text(), "body");
        assert_eq!(resumed.failure(), Some(&failure));
        assert_eq!(resumed.settlements().count(), 3);
        assert!(resumed.settlement(0).is_none() && resumed.settlement(9).is_none());
        assert_eq!(resumed.state_text(), "step");
    }

    #[test]
    fn nothing_that_came_is_no_value() {
        let mut resumed = Resumed::new(Cause::Deadline, "", [None, Some("x".into())]);
        assert!(resumed.timed_out());
        assert!(resumed.take(1).is_none(), "a settled pending is not waited on again");
        assert!(resumed.take_unsettled().is_empty(), "a test has no pendings");
        assert!(matches!(resumed.first(), Some((1, Settlement::Value(_)))));
        assert!(Resumed::new(Cause::Deadline, "", [None]).first().is_none());
        assert_eq!(Resumed::new(Cause::Deadline, "", [None]).value(), None);
    }
}
