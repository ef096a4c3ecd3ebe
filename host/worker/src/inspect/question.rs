//! What can be asked about a worker's suspensions, and its answer.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use snow_core::WorkerId;
use snow_http::RequestId;
use snow_runtime::{RouteId, VersionId};

/// A question about what a worker holds.
pub struct Inspection {
    /// Holdings requests in the answer, at most.
    pub requests_max: usize,
    /// Only those after this one.
    pub after: Option<Position>,
    /// Called once with the answer, on the worker's thread. Dropped if the worker ends before.
    pub reply: Box<dyn FnOnce(HeldPage) + Send>,
}

/// Where others leave what they ask. Whoever does bounds how much that is.
#[derive(Debug, Default)]
pub struct Desk(Mutex<VecDeque<Inspection>>);

impl Desk {
    /// Leaves a question.
    pub fn put(&self, inspection: Inspection) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(inspection);
    }

    pub(crate) fn take(&self) -> Option<Inspection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// A worker's answer.
#[derive(Debug, Default)]
pub struct HeldPage {
    /// The oldest first. Of those that were found, some may have ended before they were described.
    pub requests: Vec<HeldRequest>,
    /// The last that was found, if there may be more after it.
    pub more_after: Option<Position>,
}

impl fmt::Debug for Inspection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Inspection").field("requests_max", &self.requests_max).finish_non_exhaustive()
    }
}

/// A held request's place among all: the older one first. It does not change while it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When its head was whole, on the workers' clock.
    pub started_ms: u64,
    /// Its worker.
    pub worker: WorkerId,
    /// Its place in that worker's slab.
    pub slot: u32,
    /// Tells it from earlier ones in its place.
    pub generation: u32,
}

/// A request that is held, as others may see it: it has no token, and not its target, in which one might be.
#[derive(Clone, Debug)]
pub struct HeldRequest {
    /// Its place among all.
    pub position: Position,
    /// Its name.
    pub id: RequestId,
    /// The client's address.
    pub client: SocketAddr,
    /// The version that holds it.
    pub version: VersionId,
    /// The name of that version's guest.
    pub name: Arc<str>,
    /// The route of that version.
    pub route: RouteId,
    /// When it is answered at the latest, on the workers' clock. `None`: its wait is over, and its `resume` is next.
    pub deadline_at_ms: Option<u64>,
    /// What it waits for.
    pub pendings: usize,
    /// The keys of the first of those that have one.
    pub keys: Vec<Arc<str>>,
    /// Its call keeps its instance.
    pub in_place: bool,
}
