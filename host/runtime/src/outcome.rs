//! What a guest can do to a request, and what a guest's call is given back: plain values, the
//! host's side of `wit/snow.wit`.

use std::num::NonZeroU64;
use std::ops::Deref;
use std::sync::Arc;

pub use snow_core::Join;
use snow_core::{Charge, PendingId, TimerKey};
use snow_http::{Field, Response};

use crate::outside::Relayed;

/// What a pending is settled with.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Bytes.
    Value(Arc<[u8]>),
    /// A whole response.
    Response(Response),
    /// A response that the host passes on to its client while it comes. No guest ever gets it, since
    /// it is made for a request that waits for nothing else, and whose guest is not called again.
    Relayed(Box<Relayed>),
    /// A failure. Neither text reaches the client by itself.
    Failed {
        /// A stable word for programs.
        code: String,
        /// An explanation for people.
        message: String,
    },
}

/// What a header field costs beside its text, the number that HTTP/2 uses too (RFC 9113, section
/// 6.5.2). Without it, thousands of empty fields would be free.
const FIELD_BYTES: usize = 32;

impl Settlement {
    /// Returns how many bytes it takes to keep the settlement: those of the value; of the
    /// response's body and of each header field's name and value, and 32 more for each field; or of
    /// the failure's texts.
    pub fn bytes(&self) -> usize {
        match self {
            Settlement::Value(bytes) => bytes.len(),
            Settlement::Response(response) => response_bytes(response),
            Settlement::Relayed(relayed) => response_bytes(&relayed.head),
            Settlement::Failed { code, message } => code.len() + message.len(),
        }
    }
}

fn response_bytes(response: &Response) -> usize {
    let bytes = |field: &Field| field.name.len() + field.value.len() + FIELD_BYTES;
    response.body.len() + response.headers.iter().map(bytes).sum::<usize>()
}

/// A settlement as the registry holds it: shared, because `set-all` gives one settlement to
/// thousands of pendings. Its bytes count for as long as any of them has it.
#[derive(Clone, Debug)]
pub struct Settled(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    settlement: Settlement,
    _charge: Option<Charge>,
}

impl Settled {
    /// Makes a settlement whose bytes nobody counts: the host's own.
    pub fn new(settlement: Settlement) -> Settled {
        Settled(Arc::new(Kept { settlement, _charge: None }))
    }

    /// Makes the settlement of a timer: a value without bytes.
    pub fn by_clock() -> Settled {
        Settled::new(Settlement::Value(Arc::default()))
    }

    /// Makes a settlement whose bytes are counted by `charge` until nothing has it any more.
    pub fn charged(settlement: Settlement, charge: Charge) -> Settled {
        Settled(Arc::new(Kept { settlement, _charge: Some(charge) }))
    }

    /// Returns whether something else has this settlement, too.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Returns whether this is the very settlement that `other` is, shared.
    pub fn is(&self, other: &Settled) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Settled {
    fn eq(&self, other: &Settled) -> bool {
        self.0.settlement == other.0.settlement
    }
}

impl Deref for Settled {
    type Target = Settlement;

    fn deref(&self) -> &Settlement {
        &self.0.settlement
    }
}

/// Why a suspension ended and `resume` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The suspension's join came true.
    Settled,
    /// The suspension's deadline passed first.
    Deadline,
}

/// A pending as its owner (a call or a suspension) knows it. Not a smart pointer: the owner has to
/// release the pending in the registry, and to end its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The pending.
    pub id: PendingId,
    /// What settles the pending, beside guests.
    pub source: Source,
}

/// What settles a pending without a guest. Whoever releases the pending ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing does: only guests settle the pending.
    None,
    /// The clock, at a certain time. The worker sets a timer once the pending is waited for: until
    /// then, nothing would notice that it is settled.
    Due {
        /// The time on the worker's clock.
        at_ms: u64,
    },
    /// The clock, for which the worker has set a timer.
    Timer(TimerKey),
    /// Work that goes on elsewhere, and whose result settles the pending. It is
    /// [cancelled](crate::Guests::cancel_operation) when the pending is released.
    Operation(OperationId),
}

/// Names an operation for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub NonZeroU64);

/// What a call hands over when it ends well. Everything that a guest can do to a request is in
/// here.
#[derive(Debug)]
pub enum Outcome {
    /// Answer the request.
    Respond(Response),
    /// Hold the request until something happens.
    Suspend(Suspend),
}

/// A suspension as a guest returned it.
#[derive(Debug)]
pub struct Suspend {
    /// The pendings, in the guest's order.
    pub handles: Vec<Handle>,
    /// How many of the pendings have to be settled.
    pub until: Join,
    /// The guest's own deadline, counted from when the suspension is returned.
    pub timeout_ms: Option<u32>,
    /// The deadline on the worker's clock, instead of `timeout_ms`: that of the wait before.
    pub deadline_ms: Option<u64>,
    /// The answer at the deadline if `resume` is not called.
    pub on_timeout: Option<Response>,
    /// Whether `resume` is to be called.
    pub resume: bool,
    /// Whether `resume` gets the request again.
    pub keep_request: bool,
    /// Bytes for `resume`.
    pub state: Vec<u8>,
}

/// What `resume` is told about one handle.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The handle, owned by the new call.
    pub handle: Handle,
    /// What the pending was settled with, if it was.
    pub settlement: Option<Settled>,
}
