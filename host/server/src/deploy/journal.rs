//! What the deployer has done, for the admin listener and for `snow-host dev` to read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use snow_core::lock;
use snow_guests::Version;

/// Guests that are recorded at one time. A folder may hold fewer; guests beyond this number are not
/// recorded.
const GUESTS_MAX: usize = 4_096;

/// A record of each guest and the totals of what happened. The deployer's thread writes it, others
/// read it.
#[derive(Default)]
pub struct Journal {
    /// By name.
    guests: Mutex<BTreeMap<String, GuestRecord>>,
    /// Versions that a worker or the catalog may still need.
    versions: Mutex<Vec<Weak<Version>>>,
    swaps: AtomicU64,
    rollbacks: AtomicU64,
    load_failures: AtomicU64,
}

/// What is known of one guest.
#[derive(Clone, Debug, Default)]
pub struct GuestRecord {
    /// The guest's file.
    pub file: PathBuf,
    /// Why the present content of the file does not serve. `None` if it does.
    pub failure: Option<LoadFailure>,
    /// The version that was rolled back, if that is why an older one serves.
    pub rolled_back: Option<u32>,
}

/// A file that can't be loaded.
#[derive(Clone, Debug)]
pub struct LoadFailure {
    /// The error with its causes.
    pub error: String,
    /// When loading was tried.
    pub at: SystemTime,
}

/// How often the deployer did what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployTotals {
    /// Versions that replaced another.
    pub swaps: u64,
    /// Versions that were rolled back.
    pub rollbacks: u64,
    /// Files that could not be loaded.
    pub load_failures: u64,
}

impl Journal {
    /// Records that a guest's file was loaded. `replaces`: another version of the guest served
    /// before.
    pub fn loaded(&self, name: &str, file: &Path, replaces: bool) {
        self.swaps.fetch_add(u64::from(replaces), Ordering::Relaxed);
        self.record(name, |record| {
            *record = GuestRecord { file: file.to_owned(), ..GuestRecord::default() }
        });
    }

    /// Records that a guest's file can't be loaded.
    pub fn failed(&self, name: &str, file: &Path, error: String) {
        self.load_failures.fetch_add(1, Ordering::Relaxed);
        let failure = LoadFailure { error, at: SystemTime::now() };
        self.record(name, |record| {
            (record.file, record.failure) = (file.to_owned(), Some(failure))
        });
    }

    /// Records that this version of a guest was rolled back.
    pub fn rolled_back(&self, name: &str, version: u32) {
        self.rollbacks.fetch_add(1, Ordering::Relaxed);
        self.record(name, |record| record.rolled_back = Some(version));
    }

    /// Forgets a guest whose file was removed.
    pub fn removed(&self, name: &str) {
        lock(&self.guests).remove(name);
    }

    /// Records all versions that may still be needed.
    pub fn set_versions(&self, versions: Vec<Weak<Version>>) {
        *lock(&self.versions) = versions;
    }

    /// Returns the record of each guest, by name.
    pub fn guests(&self) -> BTreeMap<String, GuestRecord> {
        lock(&self.guests).clone()
    }

    /// Returns the versions that exist: those that serve, and those that are kept for the requests
    /// they hold.
    pub fn versions(&self) -> Vec<Arc<Version>> {
        lock(&self.versions).iter().filter_map(Weak::upgrade).collect()
    }

    /// Returns how often the deployer did what it does.
    pub fn totals(&self) -> DeployTotals {
        let total = |total: &AtomicU64| total.load(Ordering::Relaxed);
        DeployTotals {
            swaps: total(&self.swaps),
            rollbacks: total(&self.rollbacks),
            load_failures: total(&self.load_failures),
        }
    }

    fn record(&self, name: &str, change: impl FnOnce(&mut GuestRecord)) {
        let mut guests = lock(&self.guests);
        if guests.len() < GUESTS_MAX || guests.contains_key(name) {
            change(guests.entry(name.to_owned()).or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_lasts_until_the_file_can_be_loaded() {
        let journal = Journal::default();
        let file = Path::new("guests/a.wasm");
        journal.loaded("a", file, false);
        journal.failed("a", file, "it is no guest: a bad magic number".into());
        let record = journal.guests()["a"].clone();
        assert_eq!(record.failure.unwrap().error, "it is no guest: a bad magic number");
        journal.loaded("a", file, true);
        journal.rolled_back("a", 2);
        let record = journal.guests()["a"].clone();
        assert!(record.failure.is_none() && record.rolled_back == Some(2));
        journal.removed("a");
        assert!(journal.guests().is_empty());
        assert_eq!(journal.totals(), DeployTotals { swaps: 1, rollbacks: 1, load_failures: 1 });
    }
}
