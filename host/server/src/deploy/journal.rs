//! What whoever deploys has done, for others to look at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use snow_guests::Version;

/// Guests of which something is known at one time. A folder has fewer; what is beyond is not noted.
const GUESTS_MAX: usize = 4_096;

/// Written by whoever deploys, on its thread. See the module's text.
#[derive(Default)]
pub struct Journal {
    /// By name.
    guests: Mutex<BTreeMap<String, GuestRecord>>,
    /// Each that somebody may still need.
    versions: Mutex<Vec<Weak<Version>>>,
    swaps: AtomicU64,
    rollbacks: AtomicU64,
    load_failures: AtomicU64,
}

/// What is known of one guest.
#[derive(Clone, Debug, Default)]
pub struct GuestRecord {
    /// Its file.
    pub file: PathBuf,
    /// Why what is in the file now does not serve, if it does not.
    pub failure: Option<Failure>,
    /// Which version was taken back, if that is why an older one serves.
    pub rolled_back: Option<u32>,
}

/// A file that can't be loaded.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For people, with its causes.
    pub error: String,
    /// When it was tried.
    pub at: SystemTime,
}

/// How often something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    /// A version took the place of another.
    pub swaps: u64,
    /// A version was taken back.
    pub rollbacks: u64,
    /// A file could not be loaded.
    pub load_failures: u64,
}

impl Journal {
    /// A guest's file was loaded, perhaps in the place of a version that served.
    pub fn loaded(&self, name: &str, file: &Path, replaces: bool) {
        self.swaps.fetch_add(u64::from(replaces), Ordering::Relaxed);
        self.note(name, |entry| *entry = GuestRecord { file: file.to_owned(), ..GuestRecord::default() });
    }

    /// A guest's file can't be loaded; whatever served before serves on.
    pub fn failed(&self, name: &str, file: &Path, error: String) {
        self.load_failures.fetch_add(1, Ordering::Relaxed);
        let failure = Failure { error, at: SystemTime::now() };
        self.note(name, |entry| (entry.file, entry.failure) = (file.to_owned(), Some(failure)));
    }

    /// This version of a guest was taken back.
    pub fn rolled_back(&self, name: &str, version: u32) {
        self.rollbacks.fetch_add(1, Ordering::Relaxed);
        self.note(name, |entry| entry.rolled_back = Some(version));
    }

    /// A guest's file is gone.
    pub fn removed(&self, name: &str) {
        lock(&self.guests).remove(name);
    }

    /// All versions that somebody may still need.
    pub fn set_versions(&self, versions: Vec<Weak<Version>>) {
        *lock(&self.versions) = versions;
    }

    /// What is known of each guest, by name.
    pub fn guests(&self) -> BTreeMap<String, GuestRecord> {
        lock(&self.guests).clone()
    }

    /// Those that somebody needs: in the newest deployment, or for a request that they hold.
    pub fn versions(&self) -> Vec<Arc<Version>> {
        lock(&self.versions).iter().filter_map(Weak::upgrade).collect()
    }

    /// How often what has happened.
    pub fn happened(&self) -> Happened {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Happened {
            swaps: count(&self.swaps),
            rollbacks: count(&self.rollbacks),
            load_failures: count(&self.load_failures),
        }
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut GuestRecord)) {
        let mut guests = lock(&self.guests);
        if guests.len() < GUESTS_MAX || guests.contains_key(name) {
            change(guests.entry(name.to_owned()).or_default());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let entry = journal.guests()["a"].clone();
        assert_eq!(entry.failure.unwrap().error, "it is no guest: a bad magic number");
        journal.loaded("a", file, true);
        journal.rolled_back("a", 2);
        let entry = journal.guests()["a"].clone();
        assert!(entry.failure.is_none() && entry.rolled_back == Some(2));
        journal.removed("a");
        assert!(journal.guests().is_empty());
        assert_eq!(journal.happened(), Happened { swaps: 1, rollbacks: 1, load_failures: 1 });
    }
}
