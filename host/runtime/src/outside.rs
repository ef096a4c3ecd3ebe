//! Requests of guests to other servers, as the rooms above see them.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use snow_config::{Limits, OutboundRules};
use snow_core::Pipe;
use snow_http::{Field, Response};

use crate::{OperationId, Settled, Settlement};

/// Sends requests of guests to other servers, on threads of its own.
pub trait Outside: Send + Sync {
    /// Begins a fetch, and returns at once: a number, which names the fetch for as long as the
    /// process lives. It is even and no multiple of four: those are the numbers of
    /// [`Databases`](crate::Databases). `done` is called exactly once, on another thread, with the
    /// answer or with why there is none; never within this function, and not at all if the fetch is
    /// cancelled first.
    fn fetch(&self, fetch: Fetch, done: FetchDone) -> OperationId;

    /// Tells how an answer is wanted. One that is [relayed](Delivery::Relayed) is reported as soon
    /// as its head has come, if there is a content; the fetch then goes on until all of that has
    /// come, or until it is cancelled. Nothing changes for a fetch that is over, nor for an outside
    /// that has all answers whole.
    fn deliver(&self, _operation: OperationId, _how: Delivery) {}

    /// Ends an operation, if it is under way: its request is given up, and nothing is reported.
    fn cancel(&self, operation: OperationId);

    /// Waits until nothing is left to be reported at the time that the server's clock shows, for a
    /// test that moves the clock. `None` if that is not so by `until`. What goes by the machine's
    /// clock is always at rest.
    fn rest(&self, _until: Instant) -> Option<OutsideRest> {
        Some(OutsideRest::default())
    }

    /// Notes that the server's clock was moved.
    fn clock_moved(&self) {}
}

/// What an [`Outside`] does when nothing is due by the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutsideRest {
    /// When something is to be reported next, in milliseconds of the clock.
    pub next_ms: Option<u64>,
    /// How often something was reported so far.
    pub works: u64,
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Whole, for a guest.
    Whole,
    /// As it comes, for a client.
    Relayed,
}

/// The answer of a fetch.
#[derive(Debug)]
pub enum FetchAnswer {
    /// All of it.
    Whole(Response),
    /// Its head, and the content while it comes.
    Relayed(Relayed),
}

impl From<FetchAnswer> for Settlement {
    fn from(answer: FetchAnswer) -> Settlement {
        match answer {
            FetchAnswer::Whole(response) => Settlement::Response(response),
            FetchAnswer::Relayed(relayed) => Settlement::Relayed(Box::new(relayed)),
        }
    }
}

/// An answer whose content is still to come.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// The head. Its body is empty.
    pub head: Response,
    /// How many bytes the content has, if that is known.
    pub length: Option<u64>,
    /// What has come of the content, and what will.
    pub content: Arc<Pipe<Bytes>>,
}

impl PartialEq for Relayed {
    fn eq(&self, other: &Relayed) -> bool {
        self.head == other.head && Arc::ptr_eq(&self.content, &other.content)
    }
}

/// The outside of a program that serves nobody, and so has no call that could ask for it. What is
/// begun here never ends.
pub struct Nowhere;

impl Outside for Nowhere {
    fn fetch(&self, _: Fetch, _: FetchDone) -> OperationId {
        OperationId(NonZeroU64::MAX)
    }

    fn cancel(&self, _: OperationId) {}
}

/// What is called with the end of a fetch.
pub type FetchDone = Box<dyn FnOnce(Result<Settled, FetchFailure>) + Send>;

/// Makes an answer one that is kept for those who wait for it, and counts its bytes; or finds no room
/// for them.
pub type KeepAnswer = Arc<dyn Fn(FetchAnswer) -> Result<Settled, FetchFailure> + Send + Sync>;

/// A request of a guest to another server, with what its deployer allows.
pub struct Fetch {
    /// The guest's name: fetches are counted for each guest.
    pub guest: Arc<str>,
    /// Where the guest may send requests.
    pub rules: Arc<OutboundRules>,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// The identifier of the client's request, which the other server is told.
    pub request_id: String,
    /// The method, as the guest gave it.
    pub method: String,
    /// The URL, as the guest gave it.
    pub url: String,
    /// The fields, as the guest gave them.
    pub headers: Vec<Field>,
    /// The content.
    pub body: Vec<u8>,
    /// What the guest asks for beyond that.
    pub options: FetchOptions,
    /// What makes the answer one that can be shared.
    pub keep: KeepAnswer,
}

/// How a fetch is done. What is `None` is up to the host's settings, which bound everything.
#[derive(Clone, Debug, Default)]
pub struct FetchOptions {
    /// How long it may take in all, in milliseconds.
    pub timeout_ms: Option<u32>,
    /// How long it may take to connect, in milliseconds.
    pub connect_timeout_ms: Option<u32>,
    /// How many redirects are followed. `None` for none.
    pub redirects_max: Option<u8>,
    /// The most bytes of the answer's content, decompressed.
    pub response_bytes_max: Option<u32>,
    /// What the fetch is equal to: while one of the same guest that has the same text is under way,
    /// it waits for that one's end, as long as its own `timeout_ms` allows.
    pub collapse: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The kind of the failure.
    pub code: FetchCode,
    /// What happened, for the guest's author: one line.
    pub message: String,
}

/// The kinds of failures of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FetchCode {
    /// The URL, the method or a field is none that can be sent.
    InvalidUrl,
    /// The deployer does not allow it: the request itself, the address that its host leads to, or a
    /// redirect.
    Denied,
    /// The host's name was not found.
    Dns,
    /// Nobody listens there, or it can't be reached.
    Refused,
    /// The certificate is not valid for the host, or no encrypted connection could be made.
    Tls,
    /// It took too long.
    Timeout,
    /// The answer is larger than may be.
    TooLarge,
    /// The connection was lost before the answer's end.
    Reset,
    /// What came is no answer of HTTP, or there were too many redirects.
    Protocol,
    /// Too many other fetches are under way.
    Overloaded,
}

impl FetchCode {
    /// All kinds.
    pub const ALL: [FetchCode; 10] = [
        FetchCode::InvalidUrl,
        FetchCode::Denied,
        FetchCode::Dns,
        FetchCode::Refused,
        FetchCode::Tls,
        FetchCode::Timeout,
        FetchCode::TooLarge,
        FetchCode::Reset,
        FetchCode::Protocol,
        FetchCode::Overloaded,
    ];

    /// Returns the code that guests see.
    pub fn name(self) -> &'static str {
        match self {
            FetchCode::InvalidUrl => "invalid-url",
            FetchCode::Denied => "denied",
            FetchCode::Dns => "dns",
            FetchCode::Refused => "refused",
            FetchCode::Tls => "tls",
            FetchCode::Timeout => "timeout",
            FetchCode::TooLarge => "too-large",
            FetchCode::Reset => "reset",
            FetchCode::Protocol => "protocol",
            FetchCode::Overloaded => "overloaded",
        }
    }
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.name(), self.message)
    }
}
