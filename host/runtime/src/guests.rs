//! Calls into guests, as a worker sees them: they are started, get time slices, may wait in place,
//! and end.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::outcome::{Arrival, Cause, Handle, Join, OperationId, Outcome};
use crate::outside::Delivery;
use crate::router::{Param, RouteId, Router, VersionId};
use snow_config::Limits;
use snow_core::{GateId, Key, Waiter, WorkerId};
use snow_http::{Request, RequestId, Response};

/// The way to workers from any thread: tells them that their suspensions are settled, and that
/// their calls may go on.
pub trait Post: Send + Sync {
    /// Tells each waiter's worker, once, that a pending of the waiter's suspension is settled. The
    /// worker acts on a later turn.
    fn wake(&self, waiters: &[Waiter]);

    /// Tells a worker that it is its turn to enter a gate. On its next turn it calls
    /// [`Guests::enter`], or [`Guests::give_up`] if it has nothing to start.
    fn gate_opened(&self, worker: WorkerId, gate: GateId);

    /// Tells a worker that more of a relayed answer has come.
    fn relay_ready(&self, worker: WorkerId, relay: Key);
}

/// Names a started call's place among the calls of its worker, for as long as the call lasts.
/// Another call may get the place afterwards. Not to be confused with the slot of a slab's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

impl Slot {
    /// Returns the slot's place in a table by slot.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Runs guests for one worker.
///
/// A call is started in a slot and runs in time slices ([`start`](Self::start),
/// [`poll`](Self::poll)). After a slice it has ended, computes and needs another slice, or waits in
/// place until [`unpark`](Self::unpark) or [`cancel`](Self::cancel).
///
/// The methods with a default body are for redeployment, gates, instances that are kept, and waits
/// in place. The defaults fit guests that are deployed once and have no limits beside the host's.
///
/// A [`VersionId`] is valid for as long as the router has it, or a request holds it
/// ([`hold`](Self::hold)).
pub trait Guests {
    /// Returns the table that decides which guest takes a request.
    fn router(&self) -> &Router;

    /// Returns the name of a version's guest, for the log.
    fn guest_name(&self, version: VersionId) -> Arc<str>;

    /// Returns whether the version exports `resume`.
    fn has_resume(&self, version: VersionId) -> bool;

    /// Returns the guest's limit for the content of a request, if it has one. The host's limit
    /// applies beside it.
    fn body_bytes_max(&self, _version: VersionId) -> Option<u64> {
        None
    }

    /// Keeps a version for one more request that is queued, running or suspended, whatever is
    /// deployed meanwhile.
    fn hold(&mut self, _version: VersionId) {}

    /// Ends one [`hold`](Self::hold). Returns true if that was the last one and the version has
    /// been replaced: then its id is no longer valid.
    fn let_go(&mut self, _version: VersionId) -> bool {
        false
    }

    /// Takes up the newest deployment. Returns `None` if it has been taken up before.
    fn adopt(&mut self) -> Option<Adopted> {
        None
    }

    /// Marks a version for which nothing may be suspended any more. Returns false if this worker
    /// does not have the version, or has marked it before.
    fn expel(&mut self, _version: VersionId) -> bool {
        false
    }

    /// Returns whether the version is marked by [`expel`](Self::expel).
    fn is_expelled(&self, _version: VersionId) -> bool {
        false
    }

    /// Returns the gate of a guest that may have a limited number of calls at once in the whole
    /// process. All versions of the guest share it, on every worker.
    fn gate(&self, _version: VersionId) -> Option<GateId> {
        None
    }

    /// Enters the gate of a version for the call that is started next, which leaves it by itself
    /// when it ends. Returns false if the gate is full: [`Post::gate_opened`] then tells this
    /// worker when to try again.
    fn enter(&mut self, _version: VersionId) -> bool {
        true
    }

    /// Gives up this worker's turn at a gate that [`Post::gate_opened`] announced, since there is
    /// nothing to start.
    fn give_up(&mut self, _gate: GateId) {}

    /// Returns when the instance that has been idle for the longest expires, on the worker's clock.
    fn expires_ms(&self) -> Option<u64> {
        None
    }

    /// Drops instances that have expired. Drops only some of them if they are many, so that a turn
    /// stays short.
    fn expire(&mut self, _now_ms: u64) {}

    /// Starts a call in a free slot and runs its first time slice.
    fn start(&mut self, slot: Slot, call: Call) -> Ran;

    /// Runs the next time slice of the call in a slot. The worker calls this only after the call
    /// has yielded, or was unparked.
    fn poll(&mut self, slot: Slot) -> Ran;

    /// Ends a wait in place: the call goes on at the next [`poll`](Self::poll). `handles` are the
    /// wait's, with the timers that the worker has set for them, and belong to the call again.
    fn unpark(&mut self, _slot: Slot, handles: Box<[Handle]>) {
        drop(handles);
    }

    /// Tells how the answer of an operation is wanted, of which a request waits for the pending:
    /// [relayed](Delivery::Relayed) if the host will answer with it, whatever it is.
    fn deliver(&mut self, _operation: OperationId, _how: Delivery) {}

    /// Cancels an operation whose pending is released. One that is over already is left alone.
    fn cancel_operation(&mut self, _operation: OperationId) {}

    /// Ends a call that waits in place or has yielded, without running it again. `handles` are the
    /// wait's; of a call that has yielded, none. Returns every handle that the call owned, those of
    /// the wait included.
    fn cancel(&mut self, _slot: Slot, handles: Box<[Handle]>) -> Vec<Handle> {
        handles.into_vec()
    }
}

/// What changes with a deployment, beside the guests and their routes.
pub struct Adopted {
    /// The limits in force from now on.
    pub limits: Arc<Limits>,
    /// Whether each answered request is logged.
    pub access_log: bool,
    /// Versions that were replaced and that no request holds. Their ids are no longer valid.
    pub gone: Vec<VersionId>,
}

/// The state of a call after a time slice.
#[derive(Debug)]
pub enum Ran {
    /// The call is over, and its instance is gone or kept for another call.
    Ended(CallEnd),
    /// The call computes, and can go on at once.
    Yielded,
    /// The call waits in place, and keeps its instance.
    Parked(Wait),
}

/// What a call waits for in place.
#[derive(Debug)]
pub struct Wait {
    /// The pendings, each once. The call goes on owning them.
    pub handles: Vec<Handle>,
    /// How many of the pendings have to be settled.
    pub until: Join,
    /// The guest's own deadline, counted from when the wait begins.
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
    /// The export to call, with its arguments.
    pub entry: CallEntry,
    /// The time on the worker's clock when the call starts.
    pub now_ms: u64,
}

/// The export that a call enters, with its arguments.
#[derive(Debug)]
pub enum CallEntry {
    /// `handler.handle`
    Handle(Box<GuestRequest>),
    /// `resumer.resume`
    Resume {
        /// Why the suspension ended.
        cause: Cause,
        /// The request, if the suspension kept it.
        request: Option<Box<GuestRequest>>,
        /// The suspension's state.
        state: Vec<u8>,
        /// One arrival for each handle of the suspension, in its order.
        arrivals: Vec<Arrival>,
        /// When the suspension began, and when it would have been over.
        wait: PastWait,
    },
}

/// The times of a wait that is over, on the worker's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastWait {
    /// When it began.
    pub began_ms: u64,
    /// Its deadline.
    pub deadline_ms: u64,
}

/// A request together with what the host knows about it.
#[derive(Debug)]
pub struct GuestRequest {
    /// The request as it was received.
    pub request: Request,
    /// The client's address.
    pub client: SocketAddr,
    /// The captures of its route's pattern.
    pub params: Vec<Param>,
    /// The length of the guest's mount prefix, with which the path begins.
    pub mount_bytes: usize,
    /// The body's part of the bytes that the worker keeps.
    pub share: Share,
}

/// A part of a total, until it is dropped.
#[derive(Debug, Default)]
pub struct Share(Option<(Rc<Cell<usize>>, usize)>);

impl Share {
    /// Adds a part to a total.
    pub fn of(total: &Rc<Cell<usize>>, part: usize) -> Share {
        total.set(total.get() + part);
        Share(Some((total.clone(), part)))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some((total, part)) = &self.0 {
            total.set(total.get() - part);
        }
    }
}

impl GuestRequest {
    /// Returns the path as the guest sees it: without its mount prefix, beginning with a slash.
    pub fn path(&self) -> &str {
        match self.request.head.path().get(self.mount_bytes..) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }
}

/// How a call ended. Whatever happened, the worker owns all handles in here from now on.
#[derive(Debug)]
pub struct CallEnd {
    /// What the guest wants done.
    pub outcome: Result<Outcome, CallFault>,
    /// Pendings that the call owned and did not return: the worker has to release them.
    pub leftover: Vec<Handle>,
    /// The request, if it is still needed.
    pub request: Option<Box<GuestRequest>>,
}

/// Why a call has no outcome. The text is for the deployer's log, never for the client.
#[derive(Debug, thiserror::Error)]
pub enum CallFault {
    /// The guest trapped, ran too long or used too much memory. The text has the wasm backtrace.
    #[error("{0}")]
    Trapped(String),
    /// The guest trapped in `resume`, and its version has been withdrawn for such faults: the
    /// client may send the request again.
    #[error("in a version that was rolled back: {0}")]
    Withdrawn(String),
    /// The call was cancelled, since its request has ended. The guest is not to blame.
    #[error("its request has ended")]
    Cancelled,
    /// The host could not start the guest, and the guest is not to blame.
    #[error("the guest could not be started: {0}")]
    Start(String),
}

impl CallFault {
    /// Returns the response for the client: 500 for the guest's fault, 503 if a retry may succeed.
    pub fn response(&self) -> Response {
        match self {
            CallFault::Trapped(_) => Response::text(500, "internal server error\n"),
            CallFault::Withdrawn(_) | CallFault::Cancelled | CallFault::Start(_) => {
                Response::unavailable()
            }
        }
    }
}
