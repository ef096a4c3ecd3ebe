//! What a worker needs of whoever runs guests: calls are started, get time slices, wait in place and end.

use std::net::SocketAddr;
use std::sync::Arc;

use snow_config::Limits;
use snow_core::{GateId, Waiter, WorkerId};
use snow_http::{Request, RequestId, Response};

use crate::outcome::{Arrival, Cause, Handle, Join, Outcome};
use crate::router::{Param, RouteId, Router, VersionId};

/// Tells workers that their suspensions are settled, and that their calls may go on.
pub trait Post: Send + Sync {
    /// Each waiter is told once; its worker acts on a later turn.
    fn wake(&self, waiters: &[Waiter]);

    /// It is this worker's turn to enter a gate ([`Guests::enter`]), or to give it up, on its next turn.
    fn gate_opened(&self, worker: WorkerId, gate: GateId);
}

/// Names the place of a started call among the calls of its worker, for as long as the call lasts; another call may get
/// the place afterwards. Not to be confused with the slot of a slab's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

impl Slot {
    /// Returns the slot's place in a table by slot.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Runs guests. A call that needs longer than one time slice goes on at the next `poll`; one that waits in place, at
/// the `poll` after its `unpark`.
///
/// What is not required is as if guests were deployed but once, never waited in place, and had no limits of their own.
///
/// A [`VersionId`] means something for as long as the router has it, or a request holds it ([`Guests::hold`]).
pub trait Guests {
    /// The table that decides which guest takes a request.
    fn router(&self) -> &Router;

    /// The name of a version's guest, for the log.
    fn guest_name(&self, version: VersionId) -> Arc<str>;

    /// Whether the version exports `resume`.
    fn has_resume(&self, version: VersionId) -> bool;

    /// The longest content of a request to it, if it has a limit of its own. The limit of all counts beside it.
    fn body_bytes_max(&self, _version: VersionId) -> Option<u64> {
        None
    }

    /// One more request of this version is queued, running or suspended: it stays, whatever is deployed meanwhile.
    fn hold(&mut self, _version: VersionId) {}

    /// One less. True if that was the last and the version has been replaced: its id means nothing from now on.
    fn let_go(&mut self, _version: VersionId) -> bool {
        false
    }

    /// Takes up the newest deployment, if there is one that it has not taken up.
    fn adopt(&mut self) -> Option<Adopted> {
        None
    }

    /// Nothing is to be suspended for this version any more. False if nothing is held for it here.
    fn expel(&mut self, _version: VersionId) -> bool {
        false
    }

    /// Whether that was said of it.
    fn is_expelled(&self, _version: VersionId) -> bool {
        false
    }

    /// The gate of a guest whose calls in the process are limited in number: all its versions have the same, on every
    /// worker.
    fn gate(&self, _version: VersionId) -> Option<GateId> {
        None
    }

    /// The next call to be started, of this version, enters its gate; it leaves it by itself when it ends. False if it has
    /// to wait: then [`Post::gate_opened`] tells this worker when to try again.
    fn enter(&mut self, _version: VersionId) -> bool {
        true
    }

    /// This worker was told that a gate has opened, and has nothing to start.
    fn give_up(&mut self, _gate: GateId) {}

    /// When instances that are kept for other calls have been so for too long, on the worker's clock.
    fn expires_ms(&self) -> Option<u64> {
        None
    }

    /// Drops those for which that time has come; some of them, if they are many.
    fn expire(&mut self, _now_ms: u64) {}

    /// Starts a call in a free slot and runs its first time slice.
    fn start(&mut self, slot: Slot, call: Call) -> Ran;

    /// Runs the next time slice of the call in a slot. Only after the slot was reported runnable, or unparked.
    fn poll(&mut self, slot: Slot) -> Ran;

    /// A wait in place is over: the call's next `poll` goes on. `handles` are the wait's, with the timers that were set
    /// for them meanwhile; they are the call's again.
    fn unpark(&mut self, _slot: Slot, handles: Box<[Handle]>) {
        drop(handles);
    }

    /// Ends a call that waits in place where it stands. Returns what it owned, `handles` of the wait included.
    fn cancel(&mut self, _slot: Slot, handles: Box<[Handle]>) -> Vec<Handle> {
        handles.into_vec()
    }
}

/// What changes with a deployment, beside the guests and their routes.
pub struct Adopted {
    /// In force from now on.
    pub limits: Arc<Limits>,
    /// Whether each answered request is logged.
    pub access_log: bool,
    /// Versions that were replaced and that nothing is held for: their ids mean nothing from now on.
    pub gone: Vec<VersionId>,
}

/// What became of a call in one time slice.
#[derive(Debug)]
pub enum Ran {
    /// It is over, and its instance is gone or kept for another call.
    Ended(CallEnd),
    /// It computes: its slot will be reported runnable, or is already.
    Yielded,
    /// It waits in place, and keeps its instance.
    Parked(Wait),
}

/// What a call waits for in place.
#[derive(Debug)]
pub struct Wait {
    /// Each once. They remain the call's.
    pub handles: Vec<Handle>,
    /// How many of them it takes.
    pub until: Join,
    /// The guest's own deadline.
    pub timeout_ms: Option<u32>,
}

/// One call into a guest.
#[derive(Debug)]
pub struct Call {
    /// The version of the guest.
    pub version: VersionId,
    /// The route of that version.
    pub route: RouteId,
    /// The request's id, for the log.
    pub request_id: RequestId,
    /// What is called.
    pub entry: CallEntry,
    /// The worker's clock, when the call starts.
    pub now_ms: u64,
}

/// Which export is called.
#[derive(Debug)]
pub enum CallEntry {
    /// `handler.handle`
    Handle(Box<GuestRequest>),
    /// `resumer.resume`
    Resume {
        /// Why.
        cause: Cause,
        /// The request, if the suspension kept it.
        request: Option<Box<GuestRequest>>,
        /// The suspension's state.
        state: Vec<u8>,
        /// One for each handle of the suspension.
        arrivals: Vec<Arrival>,
    },
}

/// A request with what the host knows of it.
#[derive(Debug)]
pub struct GuestRequest {
    /// As it was received.
    pub request: Request,
    /// The client's address.
    pub client: SocketAddr,
    /// The captures of its route.
    pub params: Vec<Param>,
    /// How much of the path's beginning is the guest's mount prefix.
    pub mount_bytes: usize,
}

impl GuestRequest {
    /// The path as the guest sees it: without its mount prefix, and with a slash at its beginning.
    pub fn path(&self) -> &str {
        match self.request.head.path().get(self.mount_bytes..) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }
}

/// How a call ended. Whatever happened, the handles are the worker's now.
#[derive(Debug)]
pub struct CallEnd {
    /// What the guest wants done.
    pub outcome: Result<Outcome, CallFault>,
    /// Pendings that the call owned and did not return: to be released.
    pub leftover: Vec<Handle>,
    /// The request, if it is still needed.
    pub request: Option<Box<GuestRequest>>,
}

/// Why a call has no outcome. The text is for the deployer's log, never for the client.
#[derive(Debug, thiserror::Error)]
pub enum CallFault {
    /// The guest trapped, ran too long or ate its memory: with the wasm backtrace.
    #[error("{0}")]
    Trapped(String),
    /// It trapped in `resume`, and its version has been withdrawn for such faults: the request may come again.
    #[error("of a version that was rolled back: {0}")]
    Withdrawn(String),
    /// The guest could not be started: the host's trouble, not the guest's.
    #[error("the guest could not be started: {0}")]
    Start(String),
}

impl CallFault {
    /// What the client is told.
    pub fn response(&self) -> Response {
        match self {
            CallFault::Trapped(_) => Response::text(500, "internal server error\n"),
            CallFault::Withdrawn(_) | CallFault::Start(_) => Response::unavailable(),
        }
    }
}
