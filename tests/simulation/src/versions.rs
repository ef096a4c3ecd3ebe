//! Versions of the one simulated guest: which of them each worker still needs.

use std::collections::{BTreeMap, BTreeSet};

use snow_core::WorkerId;
use snow_runtime::VersionId;

/// What should be, of all workers.
#[derive(Debug)]
pub struct Versions {
    /// The newest. No id is used twice.
    pub newest: VersionId,
    /// The newest that each worker has taken up.
    current: BTreeMap<WorkerId, VersionId>,
    /// By worker and version: its requests.
    requests: BTreeMap<(WorkerId, VersionId), usize>,
    /// Whose suspensions are refused.
    pub expelled: BTreeSet<VersionId>,
    /// By worker: calls that wait in place.
    pub parked: BTreeMap<WorkerId, usize>,
}

impl Versions {
    /// Only the first version so far, which no worker has taken up.
    #[expect(clippy::new_without_default, reason = "a first version is no default")]
    pub fn new() -> Versions {
        Versions {
            newest: VersionId(0),
            current: BTreeMap::new(),
            requests: BTreeMap::new(),
            expelled: BTreeSet::new(),
            parked: BTreeMap::new(),
        }
    }

    /// One more request.
    pub fn hold(&mut self, worker: WorkerId, version: VersionId) {
        self.assert_known(worker, version);
        *self.requests.entry((worker, version)).or_default() += 1;
    }

    /// One less. True if the worker does not need the version any more.
    pub fn let_go(&mut self, worker: WorkerId, version: VersionId) -> bool {
        let requests = self.requests.get_mut(&(worker, version)).expect("what is let go was held");
        *requests -= 1;
        if *requests > 0 {
            return false;
        }
        self.requests.remove(&(worker, version));
        self.current[&worker] != version
    }

    /// A worker takes up the newest. Which it had, if that is another, and whether it needs that no
    /// more.
    pub fn take_up(&mut self, worker: WorkerId) -> Option<(VersionId, bool)> {
        let before = self.current.insert(worker, self.newest);
        let before = before.filter(|before| *before != self.newest)?;
        Some((before, !self.requests.contains_key(&(worker, before))))
    }

    /// A version's id means something to a worker while it is current, or somebody holds it.
    pub fn assert_known(&self, worker: WorkerId, version: VersionId) {
        let known =
            self.current[&worker] == version || self.requests.contains_key(&(worker, version));
        assert!(known, "worker {worker} uses {version:?}, which it has let go: {self:?}");
    }

    /// Whether a worker has requests of a version.
    pub fn has_requests(&self, worker: WorkerId, version: VersionId) -> bool {
        self.requests.contains_key(&(worker, version))
    }

    /// Requests of a worker.
    pub fn requests(&self, worker: WorkerId) -> usize {
        self.requests
            .range((worker, VersionId(0))..=(worker, VersionId(u32::MAX)))
            .map(|(_, requests)| requests)
            .sum()
    }

    /// One that is not the newest, if somebody has requests of it.
    pub fn oldest_held(&self) -> Option<VersionId> {
        self.requests
            .keys()
            .map(|(_, version)| *version)
            .filter(|version| *version != self.newest)
            .min()
    }
}
