//! A worker's share of a deployment, and how it gets to the worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use snow_core::lock;
use snow_runtime::Router;

use super::version::Version;
use crate::contract::grants::Permit;
use crate::runtime::{Report, Runtime};

/// A version, with what its guest may do under the newest manifest.
pub(crate) struct Member {
    pub permit: Arc<Permit>,
    pub version: Arc<Version>,
}

/// All that one worker needs of a deployment, shared with no other worker. The deployer makes it,
/// so that the worker only has to swap it in.
pub struct Share {
    pub(crate) runtime: Runtime,
    /// The table of routes.
    pub(crate) router: Router,
    /// The versions that serve.
    pub(crate) current: Vec<Member>,
    /// Versions that were replaced, and for which the worker may still hold requests.
    pub(crate) older: Vec<Member>,
    /// Whether each answered request is logged.
    pub(crate) access_log: bool,
    /// The number of the deployment.
    pub(crate) number: u64,
}

/// Where a worker finds its share of the next deployment. Clones share one place.
#[derive(Clone, Default)]
pub struct Successor(Arc<Place>);

#[derive(Default)]
struct Place {
    share: Mutex<Option<Box<Share>>>,
    /// The number of the deployment whose share was taken last.
    taken: AtomicU64,
}

impl Successor {
    /// Puts a share there. It takes the place of one that the worker has not taken yet.
    pub fn put(&self, share: Share) {
        let unused = lock(&self.0.share).replace(Box::new(share));
        // Dropped after the lock is released, since the worker takes it.
        drop(unused);
    }

    /// Takes the share that is there, to be adopted at once, and reports that.
    pub(crate) fn take(&self) -> Option<Share> {
        let share = *lock(&self.0.share).take()?;
        self.0.taken.store(share.number, Ordering::Release);
        (share.runtime.report)(Report::Adopted);
        Some(share)
    }

    /// Returns the number of the deployment that the worker serves; 0 if it serves the first one.
    pub fn adopted(&self) -> u64 {
        self.0.taken.load(Ordering::Acquire)
    }
}
