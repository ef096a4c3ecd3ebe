//! Versions of the one simulated guest: which of them each worker still needs.

use std::collections::{BTreeMap, BTreeSet};

/// What should be, of all workers.
#[derive(Debug, Default)]
pub struct Versions {
    /// The number of the newest. None is used twice.
    pub newest: u32,
    /// The newest that each worker has taken up.
    current: BTreeMap<u16, u32>,
    /// By worker and version: its requests.
    requests: BTreeMap<(u16, u32), usize>,
    /// Whose suspensions are refused.
    pub expelled: BTreeSet<u32>,
    /// By worker: calls that wait in place.
    pub parked: BTreeMap<u16, usize>,
}

impl Versions {
    /// One more request.
    pub fn hold(&mut self, worker: u16, version: u32) {
        self.assert_known(worker, version);
        *self.requests.entry((worker, version)).or_default() += 1;
    }

    /// One less. True if the worker does not need the version any more.
    pub fn let_go(&mut self, worker: u16, version: u32) -> bool {
        let requests = self.requests.get_mut(&(worker, version)).expect("what is let go was held");
        *requests -= 1;
        if *requests > 0 {
            return false;
        }
        self.requests.remove(&(worker, version));
        self.current[&worker] != version
    }

    /// A worker takes up the newest. Which it had, if that is another, and whether it needs that no more.
    pub fn take_up(&mut self, worker: u16) -> Option<(u32, bool)> {
        let before = self.current.insert(worker, self.newest);
        let before = before.filter(|before| *before != self.newest)?;
        Some((before, !self.requests.contains_key(&(worker, before))))
    }

    /// A version's number means something to a worker while it is current, or somebody holds it.
    pub fn assert_known(&self, worker: u16, version: u32) {
        let known = self.current[&worker] == version || self.requests.contains_key(&(worker, version));
        assert!(known, "worker {worker} uses version {version}, which it has let go: {self:?}");
    }

    /// Whether a worker has requests of a version.
    pub fn has_requests(&self, worker: u16, version: u32) -> bool {
        self.requests.contains_key(&(worker, version))
    }

    /// Requests of a worker.
    pub fn requests(&self, worker: u16) -> usize {
        self.requests.range((worker, 0)..=(worker, u32::MAX)).map(|(_, requests)| requests).sum()
    }

    /// One that is not the newest, if somebody has requests of it.
    pub fn oldest_held(&self) -> Option<u32> {
        self.requests.keys().map(|(_, version)| *version).filter(|version| *version != self.newest).min()
    }
}
