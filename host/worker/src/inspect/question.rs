//! A question about the requests that a worker holds, and its answer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use snow_core::{Key, WorkerId};
use snow_http::RequestId;
use snow_runtime::{RouteId, VersionId};

/// A question about the requests that a worker holds: which are the oldest.
pub struct Inspection {
    /// The most requests that the answer may have.
    pub requests_max: usize,
    /// The last request of the page before; `None` for the first page.
    pub after: Option<Position>,
    /// Called once with the answer, on the worker's thread. Dropped uncalled if the worker ends
    /// before.
    pub reply: Box<dyn FnOnce(HeldPage) + Send>,
}

impl fmt::Debug for Inspection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Inspection")
            .field("requests_max", &self.requests_max)
            .finish_non_exhaustive()
    }
}

/// A worker's answer to an [`Inspection`].
#[derive(Debug, Default)]
pub struct HeldPage {
    /// The oldest first. Requests that ended after they were found and before they were described
    /// are missing.
    pub requests: Vec<HeldRequest>,
    /// The last that was found, if there may be more after it.
    pub more_after: Option<Position>,
}

/// A held request's place among all: the older one first. It does not change while the request is
/// held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When its head was whole, on the workers' clock.
    pub started_ms: u64,
    /// Its worker.
    pub worker: WorkerId,
    /// The slot of its suspension in that worker's slab.
    pub slot: u32,
    /// The generation of that slot.
    pub generation: u32,
}

impl Position {
    pub(crate) fn new(started_ms: u64, worker: WorkerId, suspension: Key) -> Position {
        let Key { slot, generation } = suspension;
        Position { started_ms, worker, slot, generation }
    }

    /// Returns the key of the suspension.
    pub(crate) fn suspension(&self) -> Key {
        Key { slot: self.slot, generation: self.generation }
    }
}

/// A held request as an administrator may see it: without tokens, and without its target, which may
/// contain one.
#[derive(Clone, Debug)]
pub struct HeldRequest {
    /// Its place among all.
    pub position: Position,
    /// The request's id.
    pub id: RequestId,
    /// The client's address.
    pub client: SocketAddr,
    /// The version that holds it.
    pub version: VersionId,
    /// The name of that version's guest.
    pub name: Arc<str>,
    /// The route of that version.
    pub route: RouteId,
    /// When it is answered at the latest, on the workers' clock. `None`: its wait is over, and its
    /// `resume` is next.
    pub deadline_at_ms: Option<u64>,
    /// How many pendings it waits for.
    pub pendings: usize,
    /// The keys of the first of those that have one.
    pub keys: Vec<Arc<str>>,
    /// Whether its call waits in place, and so keeps its instance.
    pub in_place: bool,
}
