//! What a request waits for, and how it is settled.
//!
//! A [`Pending`] is settled exactly once: through its token, through its key, or by the clock.
//! Settling is open to every guest, on every thread of the host; the functions of this module are
//! how.
//!
//! A pending exists from the moment it is created. So create it first, then look at your data, then
//! decide whether to suspend: a settlement that comes in between is kept, and the request goes on
//! at once.

use crate::bindings::snow::host::pending_handles as raw;
use crate::{Response, Settlement};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

mod host;
mod wait;

#[doc(hidden)]
pub use wait::run;
pub use wait::{Wait, sleep};

/// Something that will be settled exactly once.
///
/// It belongs to the call that created it. [Wait](Self::wait) on it there, or return it in a
/// [`Suspension`]. What is not returned is released when it is dropped, at the latest when the call
/// ends; after that nobody can settle it.
///
/// In an `async` handler it can be awaited: `pending.await` is [`wait`](Self::wait), and
/// `pending.within(time).await` is [`wait_for`](Self::wait_for). See [`Wait`].
#[derive(Debug)]
pub struct Pending(
    // Shared with a `Wait` only, which ends before this is given back to the host.
    Arc<raw::Pending>,
);

impl Pending {
    /// Creates a pending that is settled by whoever has its [`token`](Self::token).
    pub fn create() -> Result<Self, Refusal> {
        host::create(None).map(Self::lift)
    }

    /// Creates a pending that is settled under `key`, or through its token. Several may wait under
    /// one key; they are served first in, first out.
    pub fn keyed(key: &str) -> Result<Self, Refusal> {
        host::create(Some(key)).map(Self::lift)
    }

    /// Creates a pending that the clock settles `after` now, with an empty value. Its token may
    /// settle it earlier.
    pub fn timer(after: Duration) -> Result<Self, Refusal> {
        host::timer(milliseconds(after)).map(Self::lift)
    }

    /// The right to settle it with [`set_result`]: at most 64 ASCII characters, safe in a URL, not
    /// to be guessed. Whoever has it can settle, so give it only to who may.
    pub fn token(&self) -> String {
        self.0.token()
    }

    /// Waits for this one alone, without an instance: what a handler returns.
    pub fn suspend(self) -> Suspension {
        Suspension::all([self])
    }

    /// Waits in place: the next line runs when this one is settled, and has what it was settled
    /// with. `None` if the deadline came first: the host's default, 30 seconds unless the deployer
    /// says otherwise. To say how long, as for a timer that takes longer, see
    /// [`wait_for`](Self::wait_for).
    ///
    /// It keeps this call's instance all the while, and the host has room for a limited number of
    /// calls that wait so; [`suspend`](Self::suspend) waits without one. The loop and other
    /// requests go on, this guest's too. The call ends right here, and nothing after this line
    /// runs, if its client leaves or the server's time to drain is over.
    ///
    /// A settled pending gives the same settlement again when it is waited on again. One that is
    /// not settled stays alive: it can be waited on once more, or suspended.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// #[route(GET, r"/news")]
    /// fn news(_: Request) -> Result<Response> {
    ///     let Some(news) = Pending::keyed("news")?.wait()? else {
    ///         return Ok(Response::empty(204));
    ///     };
    ///     Ok(Response::text(news.text()))
    /// }
    ///
    /// snow_guest::serve!(news);
    /// # fn main() {}
    /// ```
    ///
    /// A pending that goes into a suspension is given away, and can't be waited on in place too:
    ///
    /// ```compile_fail,E0382
    /// # use snow_guest::prelude::*;
    /// fn twice(pending: Pending) -> Result<Suspension> {
    ///     let suspension = pending.suspend();
    ///     pending.wait()?;
    ///     Ok(suspension)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The host refuses to wait. A [`Failure`](crate::Failure) that somebody settled it with is no
    /// error, but a settlement.
    pub fn wait(&self) -> Result<Option<Settlement>, Refusal> {
        wait_for_one(self, None)
    }

    /// Waits in place as [`wait`](Self::wait) does, this long at most; at most an hour unless the
    /// deployer says otherwise. With no time at all it asks whether it is settled already.
    pub fn wait_for(&self, time: Duration) -> Result<Option<Settlement>, Refusal> {
        wait_for_one(self, Some(milliseconds(time)))
    }

    pub(crate) fn lift(raw: raw::Pending) -> Self {
        Self(Arc::new(raw))
    }

    fn lower(self) -> raw::Pending {
        Arc::try_unwrap(self.0).expect("nothing waits for a pending that is given away")
    }
}

/// What a request waits for. Return it from a handler: the call ends, its instance is freed, and
/// the host keeps only the client's connection until the wait is over.
///
/// Then the `resume` function of the route is called, if it has one. If not, the host answers by
/// itself with what came, without a call: a [`Response`] as it is, a value as a 200 with those
/// bytes (`application/octet-stream`), a [`Failure`](crate::Failure) as a 502.
#[derive(Debug)]
#[must_use = "a suspension waits only when it is returned"]
pub struct Suspension {
    handles: Vec<Pending>,
    until: raw::Join,
    timeout_ms: Option<u32>,
    keeps_deadline: bool,
    on_timeout: Option<Response>,
    keep_request: bool,
    state: Vec<u8>,
}

impl Suspension {
    /// Waits until every one of these is settled.
    pub fn all(pendings: impl IntoIterator<Item = Pending>) -> Self {
        Self::new(pendings, raw::Join::All)
    }

    /// Waits until the first of these is settled ([`Resumed::first`](crate::Resumed::first)). The
    /// others are handed back alive, to be waited on once more
    /// ([`Resumed::take_unsettled`](crate::Resumed::take_unsettled)).
    pub fn any(pendings: impl IntoIterator<Item = Pending>) -> Self {
        Self::new(pendings, raw::Join::Any)
    }

    fn new(pendings: impl IntoIterator<Item = Pending>, until: raw::Join) -> Self {
        Self {
            handles: pendings.into_iter().collect(),
            until,
            timeout_ms: None,
            keeps_deadline: false,
            on_timeout: None,
            keep_request: false,
            state: Vec::new(),
        }
    }

    /// How long to wait at most, from when the suspension is returned. Without it the host's
    /// default applies (30 seconds unless the deployer says otherwise); its maximum (an hour)
    /// always does.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.timeout_ms = Some(milliseconds(after));
        self
    }

    /// Ends this wait at the same moment as the one before, instead of giving it a deadline of its
    /// own: a request that waits again and again has one deadline in all. For what `resume` returns;
    /// what a handler returns has no wait before it, and keeps its own deadline. If the deadline has
    /// passed, the new wait is over at once, so look at
    /// [`timed_out`](crate::Resumed::timed_out) first.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// #[route(GET, r"/both", resume = came)]
    /// fn both(_: Request) -> Result<Suspension> {
    ///     let both = [Pending::keyed("a")?, Pending::keyed("b")?];
    ///     Ok(Suspension::any(both).deadline(Duration::from_secs(10)))
    /// }
    ///
    /// fn came(mut resumed: Resumed) -> Outcome {
    ///     let left = resumed.take_unsettled();
    ///     if left.is_empty() || resumed.timed_out() {
    ///         return Response::text(format!("after {:?}", resumed.waited())).into();
    ///     }
    ///     Suspension::any(left).keep_deadline().into()
    /// }
    ///
    /// snow_guest::serve!(both);
    /// # fn main() {}
    /// ```
    pub fn keep_deadline(mut self) -> Self {
        self.keeps_deadline = true;
        self
    }

    /// The answer at the deadline for a route without `resume`; a bare 504 if it is not given.
    ///
    /// **For a route with `resume` this is ignored**, and never sent: `resume` is called at the
    /// deadline too, and gives the answer itself where
    /// [`Resumed::timed_out`](crate::Resumed::timed_out) says so.
    pub fn on_timeout(mut self, response: impl Into<Response>) -> Self {
        self.on_timeout = Some(response.into());
        self
    }

    /// Bytes for [`Resumed::state`](crate::Resumed::state), at most 64 KiB: `resume` runs in
    /// another instance, so what it is to know must be said here.
    pub fn state(mut self, state: impl Into<Vec<u8>>) -> Self {
        self.state = state.into();
        self
    }

    /// Gives `resume` the request again. Without it the request's head and body are freed
    /// meanwhile.
    pub fn keep_request(mut self) -> Self {
        self.keep_request = true;
        self
    }

    pub(crate) fn lower(self, resume: bool) -> raw::Suspension {
        if self.keeps_deadline {
            host::keep_deadline();
        }
        raw::Suspension {
            handles: self.handles.into_iter().map(Pending::lower).collect(),
            until: self.until,
            timeout_ms: self.timeout_ms,
            on_timeout: self.on_timeout.map(|response| response.0),
            resume,
            keep_request: self.keep_request,
            state: self.state,
        }
    }
}

/// Why the host refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such token: malformed, never given out, or its pending is gone (its request was answered,
    /// its client left, its call ended).
    Unknown,
    /// It was settled before.
    AlreadySettled,
    /// This guest may not do that, or not here: a pending is created only while a request is
    /// handled; and the deployer may have granted keys to some guests (`snow.toml`), and not this
    /// one to this guest.
    Denied,
    /// A limit of the host: pendings of this call, of this guest or in all; the length of a key or
    /// of a settlement.
    Limit,
}

impl Refusal {
    pub(crate) fn lift(raw: raw::Refusal) -> Self {
        match raw {
            raw::Refusal::Unknown => Refusal::Unknown,
            raw::Refusal::AlreadySettled => Refusal::AlreadySettled,
            raw::Refusal::Denied => Refusal::Denied,
            raw::Refusal::Limit => Refusal::Limit,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Refusal::Unknown => "nothing waits under this token",
            Refusal::AlreadySettled => "this was settled before",
            Refusal::Denied => "the host does not allow this guest to do that here",
            Refusal::Limit => "a limit of the host is reached",
        })
    }
}

impl std::error::Error for Refusal {}

/// Settles the pending that has this token. `Ok` means that this settlement won; the client may
/// still leave before it gets the answer.
pub fn set_result(token: &str, settlement: impl Into<Settlement>) -> Result<(), Refusal> {
    host::set_result(token, settlement.into().lower())
}

/// Settles the pending that has waited longest under `key`; `false` if none waits. If its client
/// leaves before it could be told, the settlement passes to the next one.
pub fn set_next(key: &str, settlement: impl Into<Settlement>) -> Result<bool, Refusal> {
    host::set_next(key, settlement.into().lower())
}

/// Settles every pending that waits under `key` now, and returns how many there were.
pub fn set_all(key: &str, settlement: impl Into<Settlement>) -> Result<u32, Refusal> {
    host::set_all(key, settlement.into().lower())
}

/// Returns how many pendings wait under `key`: not settled, their client still there. 0 if this
/// guest may neither create nor settle there.
pub fn waiting(key: &str) -> u32 {
    host::waiting(key)
}

/// Waits in place, as [`Pending::wait`] does, until every one of these is settled, or for `time` at
/// most. Returns what each was settled with, in their order; `None` for those that were not.
///
/// ```
/// use snow_guest::prelude::*;
///
/// #[route(GET, r"/offer")]
/// fn offer(_: Request) -> Result<(u16, String)> {
///     let (price, stock) = (Pending::keyed("price")?, Pending::keyed("stock")?);
///     let came = pending::wait_all([&price, &stock], Duration::from_secs(5))?;
///     let [Some(price), Some(stock)] = &came[..] else {
///         return Ok((504, "one of them did not come".to_owned()));
///     };
///     Ok((200, format!("{} at {}", stock.text(), price.text())))
/// }
///
/// snow_guest::serve!(offer);
/// # fn main() {}
/// ```
///
/// # Errors
///
/// [`Limit`](Refusal::Limit) for more of them than a call may own.
pub fn wait_all<'a>(
    pendings: impl IntoIterator<Item = &'a Pending>,
    time: Duration,
) -> Result<Vec<Option<Settlement>>, Refusal> {
    let settlements = wait_in_place(pendings, raw::Join::All, time)?;
    Ok(settlements.into_iter().map(|settlement| settlement.map(Settlement::lift)).collect())
}

/// Waits in place, as [`Pending::wait`] does, until the first of these is settled, or for `time` at
/// most. Returns its place, and what it was settled with; `None` if the time passed
/// first.
///
/// If several are settled, that is the first of them in the order given. The others lose nothing:
/// waiting on one of them gives its settlement. Without any pendings, the time passes.
///
/// ```
/// use snow_guest::prelude::*;
///
/// #[route(GET, r"/first")]
/// fn first(_: Request) -> Result<String> {
///     let (left, right) = (Pending::keyed("left")?, Pending::keyed("right")?);
///     Ok(match pending::wait_any([&left, &right], Duration::from_secs(5))? {
///         Some((0, settlement)) => format!("left: {}", settlement.text()),
///         Some((_, settlement)) => format!("right: {}", settlement.text()),
///         None => "neither".to_owned(),
///     })
/// }
///
/// snow_guest::serve!(first);
/// # fn main() {}
/// ```
///
/// # Errors
///
/// [`Limit`](Refusal::Limit) for more of them than a call may own.
pub fn wait_any<'a>(
    pendings: impl IntoIterator<Item = &'a Pending>,
    time: Duration,
) -> Result<Option<(usize, Settlement)>, Refusal> {
    Ok(first(wait_in_place(pendings, raw::Join::Any, time)?))
}

fn wait_in_place<'a>(
    pendings: impl IntoIterator<Item = &'a Pending>,
    until: raw::Join,
    time: Duration,
) -> Result<Vec<Option<raw::Settlement>>, Refusal> {
    let handles: Vec<_> = pendings.into_iter().map(|pending| &*pending.0).collect();
    host::wait(&handles, until, Some(milliseconds(time)))
}

fn wait_for_one(pending: &Pending, timeout_ms: Option<u32>) -> Result<Option<Settlement>, Refusal> {
    let settlements = host::wait(&[&pending.0], raw::Join::All, timeout_ms)?;
    Ok(first(settlements).map(|(_, settlement)| settlement))
}

/// The first one that is settled, and its place.
fn first(settlements: Vec<Option<raw::Settlement>>) -> Option<(usize, Settlement)> {
    let mut settlements = settlements.into_iter().enumerate();
    settlements.find_map(|(index, settlement)| Some((index, Settlement::lift(settlement?))))
}

/// Rounded up, so that a wait is never shorter than asked; at most what 32 bits hold, 49 days.
pub(crate) fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn a_wait_is_never_shorter_than_asked() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(300)), 300);
        assert_eq!(milliseconds(Duration::from_micros(300_001)), 301);
        assert_eq!(milliseconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn the_first_that_came_has_its_place() {
        let came = |text: &str| Some(Settlement::from(text).lower());
        let (index, settlement) = first(vec![None, came("b"), came("c")]).unwrap();
        assert_eq!((index, settlement.text().as_ref()), (1, "b"));
        assert!(first(vec![None, None]).is_none());
        assert!(first(vec![]).is_none());
    }

    #[test]
    fn a_settlement_says_its_value_as_text() {
        assert_eq!(Settlement::from("value").text(), "value");
        assert_eq!(Settlement::from(Response::text("body")).text(), "body");
        assert_eq!(Settlement::from(&b"\xff"[..]).text(), "\u{fffd}");
        let failed = Settlement::from(Failure::new("late", "too late"));
        assert_eq!(
            (failed.text().as_ref(), failed.value()),
            ("", None),
            "a failure's words are not its value"
        );
        assert_eq!(failed.failure().unwrap().code, "late");
        assert!(Settlement::from("value").failure().is_none());
    }

    #[test]
    fn a_suspension_says_what_was_asked() {
        let lowered = Suspension::any([])
            .deadline(Duration::from_secs(2))
            .on_timeout((504, "nobody came"))
            .state("step 1")
            .keep_request()
            .lower(true);
        assert_eq!(lowered.until, raw::Join::Any);
        assert_eq!(lowered.timeout_ms, Some(2000));
        assert_eq!(lowered.on_timeout.unwrap().status, 504);
        assert_eq!(lowered.state, b"step 1");
        assert!(lowered.resume && lowered.keep_request);

        let plain = Suspension::all([]).lower(false);
        assert!(!plain.resume && !plain.keep_request && plain.timeout_ms.is_none());
    }
}
