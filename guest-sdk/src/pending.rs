//! What a request waits for, and how it is settled.
//!
//! A [`Pending`] is settled exactly once: through its token, through its key, or by the clock. Settling is
//! open to every guest, on every thread of the host; the functions of this module are how.
//!
//! A pending exists from the moment it is created. So create it first, then look at your data, then decide
//! whether to suspend: a settlement that comes in between is kept, and the request goes on at once.

use crate::Response;
use crate::bindings::snow::host::pending_handles as raw;
use std::fmt;
use std::time::Duration;

/// Something that will be settled exactly once.
///
/// It belongs to the call that created it. Return it in a [`Suspension`], or the host releases it when the
/// call ends; after that nobody can settle it.
#[derive(Debug)]
pub struct Pending(raw::Pending);

impl Pending {
    /// One that is settled by whoever has its [`token`](Self::token).
    pub fn create() -> Result<Self, Refusal> {
        host::create(None).map(Self)
    }

    /// One that is settled under `key`, or through its token. Several may wait under one key; they are served
    /// first in, first out.
    pub fn keyed(key: &str) -> Result<Self, Refusal> {
        host::create(Some(key)).map(Self)
    }

    /// One that the clock settles `after` now, with an empty value. Its token may settle it earlier.
    pub fn timer(after: Duration) -> Result<Self, Refusal> {
        host::timer(milliseconds(after)).map(Self)
    }

    /// The right to settle it with [`set_result`]: at most 64 ASCII characters, safe in a URL, not to be
    /// guessed. Whoever has it can settle, so give it only to who may.
    pub fn token(&self) -> String {
        self.0.token()
    }

    /// Waits for this one alone.
    pub fn suspend(self) -> Suspension {
        Suspension::all([self])
    }

    pub(crate) fn lift(raw: raw::Pending) -> Self {
        Self(raw)
    }
}

/// What a request waits for. Return it from a handler: the call ends, its instance is freed, and the host
/// keeps only the client's connection until the wait is over.
///
/// Then the `resume` function of the route is called, if it has one. If not, the host answers by itself
/// with what came, without a call: a [`Response`] as it is, a value as a 200 with those bytes
/// (`application/octet-stream`), a [`Failure`] as a 502.
#[derive(Debug)]
#[must_use = "a suspension waits only when it is returned"]
pub struct Suspension {
    handles: Vec<Pending>,
    until: raw::Join,
    timeout_ms: Option<u32>,
    on_timeout: Option<Response>,
    keep_request: bool,
    state: Vec<u8>,
}

impl Suspension {
    /// Waits until every one of these is settled.
    pub fn all(pendings: impl IntoIterator<Item = Pending>) -> Self {
        Self::new(pendings, raw::Join::All)
    }

    /// Waits until the first of these is settled. The others are handed back alive
    /// ([`Resumed::take`](crate::Resumed::take)).
    pub fn any(pendings: impl IntoIterator<Item = Pending>) -> Self {
        Self::new(pendings, raw::Join::Any)
    }

    fn new(pendings: impl IntoIterator<Item = Pending>, until: raw::Join) -> Self {
        Self {
            handles: pendings.into_iter().collect(),
            until,
            timeout_ms: None,
            on_timeout: None,
            keep_request: false,
            state: Vec::new(),
        }
    }

    /// How long to wait at most, from when the suspension is returned. Without it the host's default counts
    /// (30 seconds unless the deployer says otherwise), and its maximum (an hour) always does.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.timeout_ms = Some(milliseconds(after));
        self
    }

    /// The answer at the deadline for a route without `resume`; a bare 504 if it is not given. A route with
    /// `resume` is called at the deadline too and answers itself: see
    /// [`Resumed::timed_out`](crate::Resumed::timed_out).
    pub fn on_timeout(mut self, response: impl Into<Response>) -> Self {
        self.on_timeout = Some(response.into());
        self
    }

    /// Bytes for [`Resumed::state`](crate::Resumed::state), at most 64 KiB: `resume` runs in another
    /// instance, so what it is to know must be said here.
    pub fn state(mut self, state: impl Into<Vec<u8>>) -> Self {
        self.state = state.into();
        self
    }

    /// Gives `resume` the request again. Without it the request's head and body are freed meanwhile.
    pub fn keep_request(mut self) -> Self {
        self.keep_request = true;
        self
    }

    pub(crate) fn lower(self, resume: bool) -> raw::Suspension {
        raw::Suspension {
            handles: self.handles.into_iter().map(|pending| pending.0).collect(),
            until: self.until,
            timeout_ms: self.timeout_ms,
            on_timeout: self.on_timeout.map(|response| response.0),
            resume,
            keep_request: self.keep_request,
            state: self.state,
        }
    }
}

/// What a pending is settled with.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// Bytes. A timer's settlement is an empty value.
    Value(Vec<u8>),
    /// A whole answer.
    Response(Response),
    /// A failure.
    Failed(Failure),
}

impl Settlement {
    /// The bytes: those of a value, or the content of an answer. A failure has none.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Settlement::Value(value) => Some(value),
            Settlement::Response(response) => Some(response.body()),
            Settlement::Failed(_) => None,
        }
    }

    pub(crate) fn lift(raw: raw::Settlement) -> Self {
        match raw {
            raw::Settlement::Value(value) => Settlement::Value(value),
            raw::Settlement::Response(response) => Settlement::Response(Response(response)),
            raw::Settlement::Failed(raw::Failure { code, message }) => Settlement::Failed(Failure { code, message }),
        }
    }

    fn lower(self) -> raw::Settlement {
        match self {
            Settlement::Value(value) => raw::Settlement::Value(value),
            Settlement::Response(response) => raw::Settlement::Response(response.0),
            Settlement::Failed(Failure { code, message }) => raw::Settlement::Failed(raw::Failure { code, message }),
        }
    }
}

impl From<&str> for Settlement {
    fn from(value: &str) -> Self {
        Settlement::Value(value.into())
    }
}

impl From<String> for Settlement {
    fn from(value: String) -> Self {
        Settlement::Value(value.into())
    }
}

impl From<&[u8]> for Settlement {
    fn from(value: &[u8]) -> Self {
        Settlement::Value(value.into())
    }
}

impl From<Vec<u8>> for Settlement {
    fn from(value: Vec<u8>) -> Self {
        Settlement::Value(value)
    }
}

impl From<Response> for Settlement {
    fn from(response: Response) -> Self {
        Settlement::Response(response)
    }
}

impl From<Failure> for Settlement {
    fn from(failure: Failure) -> Self {
        Settlement::Failed(failure)
    }
}

/// A wait that failed, told to the guest that waits. Neither text reaches the client by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short, stable word for programs.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure with this code and this message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Failure {}

/// Why the host refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such token: malformed, never given out, or its pending is gone (its request was answered, its
    /// client left, its call ended).
    Unknown,
    /// It was settled before.
    AlreadySettled,
    /// This guest may not do that, or not here: a pending is created only while a request is handled; and the deployer
    /// may have granted keys to some guests (`snow.toml`), and not this one to this guest.
    Denied,
    /// A limit of the host: pendings of this call, of this guest or in all; the length of a key or of a settlement.
    Limit,
}

impl Refusal {
    fn lift(raw: raw::Refusal) -> Self {
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

/// Settles the pending that has this token. `Ok` means that this settlement won; the client may still leave
/// before it gets the answer.
pub fn set_result(token: &str, settlement: impl Into<Settlement>) -> Result<(), Refusal> {
    host::set_result(token, settlement.into().lower())
}

/// Settles the one that has waited longest under `key`; `false` if none waits. If its client leaves before
/// it could be told, the settlement passes to the next one.
pub fn set_next(key: &str, settlement: impl Into<Settlement>) -> Result<bool, Refusal> {
    host::set_next(key, settlement.into().lower())
}

/// Settles every one that waits under `key` now, and says how many there were.
pub fn set_all(key: &str, settlement: impl Into<Settlement>) -> Result<u32, Refusal> {
    host::set_all(key, settlement.into().lower())
}

/// How many wait under `key`: not settled, their client still there. 0 if this guest may neither create nor settle there.
pub fn waiting(key: &str) -> u32 {
    host::waiting(key)
}

/// Rounded up, so that a wait is never shorter than asked; at most what 32 bits hold, 49 days.
fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

/// The host's functions.
#[cfg(target_arch = "wasm32")]
mod host {
    use super::{Refusal, raw};

    pub fn create(key: Option<&str>) -> Result<raw::Pending, Refusal> {
        raw::create(key).map_err(Refusal::lift)
    }
    pub fn timer(after_ms: u32) -> Result<raw::Pending, Refusal> {
        raw::timer(after_ms).map_err(Refusal::lift)
    }
    pub fn set_result(token: &str, settlement: raw::Settlement) -> Result<(), Refusal> {
        raw::set_result(token, &settlement).map_err(Refusal::lift)
    }
    pub fn set_next(key: &str, settlement: raw::Settlement) -> Result<bool, Refusal> {
        raw::set_next(key, &settlement).map_err(Refusal::lift)
    }
    pub fn set_all(key: &str, settlement: raw::Settlement) -> Result<u32, Refusal> {
        raw::set_all(key, &settlement).map_err(Refusal::lift)
    }
    pub use raw::waiting;
}

/// In a native test there is no host: nothing waits, and everything that needs one is refused.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    use super::{Refusal, raw};

    pub fn create(_: Option<&str>) -> Result<raw::Pending, Refusal> {
        Err(Refusal::lift(raw::Refusal::Denied))
    }
    pub fn timer(_: u32) -> Result<raw::Pending, Refusal> {
        Err(Refusal::Denied)
    }
    pub fn set_result(_: &str, _: raw::Settlement) -> Result<(), Refusal> {
        Err(Refusal::Unknown)
    }
    pub fn set_next(_: &str, _: raw::Settlement) -> Result<bool, Refusal> {
        Ok(false)
    }
    pub fn set_all(_: &str, _: raw::Settlement) -> Result<u32, Refusal> {
        Ok(0)
    }
    pub fn waiting(_: &str) -> u32 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_shorter_than_asked() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(300)), 300);
        assert_eq!(milliseconds(Duration::from_micros(300_001)), 301);
        assert_eq!(milliseconds(Duration::MAX), u32::MAX);
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
