//! What a guest can do to a request, and what is done to a guest's call: plain values, the host's side of
//! `wit/snow.wit`.

use std::sync::Arc;

pub use snow_core::Join;
use snow_core::{PendingId, TimerKey};
use snow_http::Response;

/// What a pending is settled with. Shared, because `set-all` gives one settlement to thousands.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Bytes.
    Value(Vec<u8>),
    /// A whole response.
    Response(Response),
    /// A failure; neither text reaches the client by itself.
    Failed {
        /// A stable word for programs.
        code: String,
        /// For people.
        message: String,
    },
}

/// What a header field costs beside its text, as HTTP/2 counts it (RFC 9113, section 6.5.2): thousands of empty ones are
/// not free.
const FIELD_BYTES: usize = 32;

impl Settlement {
    /// What it takes to keep it, in bytes: a value; a response's body, and the name and value of each header field and
    /// 32 more; a failure's texts.
    pub fn bytes(&self) -> usize {
        match self {
            Settlement::Value(bytes) => bytes.len(),
            Settlement::Response(response) => {
                let fields = response.headers.iter().map(|field| field.name.len() + field.value.len() + FIELD_BYTES);
                response.body.len() + fields.sum::<usize>()
            }
            Settlement::Failed { code, message } => code.len() + message.len(),
        }
    }
}

/// A settlement as the registry holds it.
pub type Settled = Arc<Settlement>;

/// Why a suspension ended and `resume` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its join came true.
    Settled,
    /// Its deadline passed first.
    Deadline,
}

/// A pending as the call or the suspension that owns it knows it. Not a smart pointer: whoever drops one
/// has to release it in the registry and to cancel its timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The pending.
    pub id: PendingId,
    /// What settles it, if the clock does.
    pub timer: TimerState,
}

/// Whether and when the clock settles a pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerState {
    /// Never.
    None,
    /// At this time, once it is suspended: nobody can tell before.
    Due {
        /// On the worker's clock.
        at_ms: u64,
    },
    /// The worker has set a timer for it.
    Set(TimerKey),
}

/// What a call hands over when it ends well. Everything a guest can do to a request is in here.
#[derive(Debug)]
pub enum Outcome {
    /// The answer.
    Respond(Response),
    /// What the request waits for.
    Suspend(Suspend),
}

/// A suspension as a guest returned it.
#[derive(Debug)]
pub struct Suspend {
    /// In the guest's order.
    pub handles: Vec<Handle>,
    /// How many of them it takes.
    pub until: Join,
    /// The guest's own deadline.
    pub timeout_ms: Option<u32>,
    /// The answer at the deadline if `resume` is not called.
    pub on_timeout: Option<Response>,
    /// Whether `resume` is to be called.
    pub resume: bool,
    /// Whether `resume` gets the request again.
    pub keep_request: bool,
    /// Bytes for `resume`.
    pub state: Vec<u8>,
}

/// What `resume` is told of one handle.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The handle, alive again in the new call.
    pub handle: Handle,
    /// What it was settled with, if it was.
    pub settlement: Option<Settled>,
}
