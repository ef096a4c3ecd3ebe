//! A worker's share of a deployment, and how it gets to the worker.

use std::sync::{Arc, Mutex};

use snow_core::lock;
use snow_runtime::Router;

use super::version::Version;
use crate::contract::grants::Permit;
use crate::runtime::Runtime;

/// A version, with what its guest may do under the newest manifest.
pub(crate) struct Member {
    pub permit: Arc<Permit>,
    pub version: Arc<Version>,
}

/// All that one worker needs of a deployment, shared with no other worker. The deployer makes it,
/// so that the worker only has to swap it in.
pub struct Share {
    pub(crate) runtime: Runtime,
    /// The table of routes. Matching needs scratch space, so each worker has a copy.
    pub(crate) router: Router,
    /// The versions that serve.
    pub(crate) current: Vec<Member>,
    /// Versions that were replaced, and for which the worker may still hold requests.
    pub(crate) older: Vec<Member>,
    /// Whether each answered request is logged.
    pub(crate) access_log: bool,
}

/// Where a worker finds its share of the next deployment. Clones share one place.
#[derive(Clone, Default)]
pub struct Successor(Arc<Mutex<Option<Box<Share>>>>);

impl Successor {
    /// Puts a share there. It takes the place of one that the worker has not taken yet.
    pub fn put(&self, share: Share) {
        let unused = lock(&self.0).replace(Box::new(share));
        // Dropped after the lock is released, since the worker takes it.
        drop(unused);
    }

    pub(crate) fn take(&self) -> Option<Share> {
        lock(&self.0).take().map(|share| *share)
    }
}
