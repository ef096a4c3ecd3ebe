//! What the store counts.

use snow_core::sync::Arc;

use crate::error::StoreError;
use crate::limits::Usage;

/// What the store holds and has done since it was opened. The numbers may be of slightly different
/// moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// What all buckets hold.
    pub usage: Usage,
    /// The bytes of values that were replaced or deleted, and that a pending still has.
    pub replaced_bytes: usize,
    /// The number of buckets.
    pub buckets: usize,
    /// The number of waiters, those that are about to be woken included.
    pub waiters: usize,
    /// What was done in memory.
    pub counts: Counts,
    /// What was done on disk. `None` if the store is in memory only.
    pub disk: Option<DiskStats>,
}

/// What was done, each number since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys that were read.
    pub reads: u64,
    /// Pages of keys that were listed.
    pub lists: u64,
    /// Writes that were done.
    pub writes: u64,
    /// Writes that were refused because their condition did not hold.
    pub conflicts: u64,
    /// Writes and waits that were refused for any other reason.
    pub refused: u64,
    /// Waits for a change that had to wait.
    pub waits: u64,
    /// Waiters that were woken.
    pub woken: u64,
    /// Entries that were removed because they had expired.
    pub expired: u64,
}

impl Counts {
    /// Counts a write by what was decided about it.
    pub(crate) fn tally<T>(&mut self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => self.writes += 1,
            Err(StoreError::Conflict(_)) => self.conflicts += 1,
            Err(_) => self.refused += 1,
        }
    }

    /// Adds the counts of another shard.
    pub(crate) fn add(&mut self, other: &Counts) {
        self.reads += other.reads;
        self.lists += other.lists;
        self.writes += other.writes;
        self.conflicts += other.conflicts;
        self.refused += other.refused;
        self.waits += other.waits;
        self.woken += other.woken;
        self.expired += other.expired;
    }
}

/// What the store did on disk since it was opened, and what waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Batches that were made durable.
    pub commits: u64,
    /// Writes in those batches, with those that were refused and removals of expired entries.
    pub committed_writes: u64,
    /// The most writes that were in one batch.
    pub batch_writes_largest: u64,
    /// Batches that the disk did not take.
    pub failures: u64,
    /// What the disk reported, if the latest batch failed.
    pub failing: Option<Arc<str>>,
    /// Writes that wait for the store's thread.
    pub queue_writes: usize,
    /// The bytes of their names, keys and values.
    pub queue_bytes: usize,
}

/// What one bucket holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketStats {
    /// The bucket's name.
    pub name: Arc<str>,
    /// Its entries and their bytes.
    pub usage: Usage,
    /// The number of its keys that somebody waits for.
    pub keys_waited_for: usize,
}
