//! Versions of the simulated guest that changes, and which of them each worker still needs.

use std::collections::{BTreeMap, BTreeSet};

use snow_core::WorkerId;
use snow_runtime::VersionId;

/// The version of the guest whose calls are always quick. It is never replaced.
pub const QUICK: VersionId = VersionId(0);

/// What should be, of all versions and workers.
#[derive(Debug)]
pub struct Versions {
    /// The newest version. No id is used twice.
    pub newest: VersionId,
    /// The newest version that each worker has adopted.
    current: BTreeMap<WorkerId, VersionId>,
    /// The number of requests, by worker and version.
    requests: BTreeMap<(WorkerId, VersionId), usize>,
    /// Versions whose suspensions are refused.
    pub expelled: BTreeSet<VersionId>,
    /// The number of calls that wait in place, by worker.
    pub parked: BTreeMap<WorkerId, usize>,
}

impl Versions {
    /// Creates the first version, which no worker has adopted yet.
    #[expect(clippy::new_without_default, reason = "a first version is no default")]
    pub fn new() -> Versions {
        Versions {
            newest: VersionId(1),
            current: BTreeMap::new(),
            requests: BTreeMap::new(),
            expelled: BTreeSet::new(),
            parked: BTreeMap::new(),
        }
    }

    /// Counts one more request.
    pub fn hold(&mut self, worker: WorkerId, version: VersionId) {
        self.assert_known(worker, version);
        *self.requests.entry((worker, version)).or_default() += 1;
    }

    /// Counts one request less. Returns whether the worker does not need the version any more.
    pub fn let_go(&mut self, worker: WorkerId, version: VersionId) -> bool {
        let requests = self.requests.get_mut(&(worker, version)).expect("what is let go was held");
        *requests -= 1;
        if *requests > 0 {
            return false;
        }
        self.requests.remove(&(worker, version));
        self.current[&worker] != version && version != QUICK
    }

    /// Lets a worker adopt the newest version. Returns the one that it had, if that is another, and
    /// whether it does not need that any more.
    pub fn adopt(&mut self, worker: WorkerId) -> Option<(VersionId, bool)> {
        let before = self.current.insert(worker, self.newest);
        let before = before.filter(|before| *before != self.newest)?;
        Some((before, !self.requests.contains_key(&(worker, before))))
    }

    /// Checks that a worker may use a version: the version is its newest, or a request holds it.
    pub fn assert_known(&self, worker: WorkerId, version: VersionId) {
        let known = version == QUICK
            || self.current[&worker] == version
            || self.requests.contains_key(&(worker, version));
        assert!(known, "worker {worker} uses {version:?}, which it has let go: {self:?}");
    }

    /// Returns whether a worker has requests of a version.
    pub fn has_requests(&self, worker: WorkerId, version: VersionId) -> bool {
        self.requests.contains_key(&(worker, version))
    }

    /// Counts the requests of a worker.
    pub fn requests(&self, worker: WorkerId) -> usize {
        self.requests
            .range((worker, VersionId(0))..=(worker, VersionId(u32::MAX)))
            .map(|(_, requests)| requests)
            .sum()
    }

    /// Returns the oldest version that has requests, if it is not the newest.
    pub fn oldest_held(&self) -> Option<VersionId> {
        self.requests
            .keys()
            .map(|(_, version)| *version)
            .filter(|version| *version != self.newest && *version != QUICK)
            .min()
    }
}
