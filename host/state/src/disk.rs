//! The way of writes to the disk.
//!
//! All data are in memory, so reads never wait. A write goes into a queue. The store's thread takes
//! a batch, decides about each write in order (as if those before it were done), and gives all
//! changes to the [`Journal`] at once. Only when they are durable are they made in memory, where
//! everybody sees them, and only then are the waiters and the callers told. So nobody ever sees a
//! value that a crash could take back.
//!
//! While one batch is on its way to the disk the next one gathers, so the more is written, the more
//! writes share the cost of reaching the disk.

use std::collections::BTreeMap;

use snow_core::Fifo;
use snow_core::sync::{Arc, Mutex, lock};

use crate::entry::{Entry, Place, Version};
use crate::error::{Limit, StoreError};
use crate::limits::StoreLimits;
use crate::share::{self, guest_of};
use crate::stats::DiskStats;
use crate::write::Write;

pub(crate) use self::batch::RETRY_MS;
pub use self::folder::DataError;
pub use self::redb::RedbJournal;

mod batch;
mod draft;
mod folder;
mod redb;

/// The most writes in a batch.
const BATCH_WRITES_MAX: usize = 1_024;
/// The bytes of writes that make a batch full. A single write may have more.
const BATCH_BYTES: usize = 4 << 20;

/// Keeps entries for good. [`RedbJournal`](crate::RedbJournal) keeps them in a file.
///
/// A journal is used by one thread at a time.
pub trait Journal: Send {
    /// Hands over everything that is kept, once, when a store is opened. Returns the last version
    /// that was given out; `None` if the journal is new.
    ///
    /// # Errors
    /// What was found instead of entries, naming the file.
    fn load(&mut self, each: &mut dyn FnMut(Place, Entry))
    -> Result<Option<Version>, JournalError>;

    /// Makes changes durable: all of them, or none. When it returns, a loss of power takes none of
    /// them back.
    ///
    /// # Errors
    /// What the disk reported. It may be unknown then whether the changes are durable. The store
    /// sees to that: its next call sets every one of these keys to what it shall hold.
    fn commit(&mut self, changes: &Changes) -> Result<(), JournalError>;
}

/// The reason why a journal failed, as text for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct JournalError {
    /// Where: the file. It is for the deployer, and not for whoever writes to the store.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

/// What keys shall hold from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// By bucket and key: the entry, or `None` for a key that is deleted.
    pub entries: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Option<Entry>>>,
    /// The last version that was given out.
    pub last_version: Option<Version>,
}

impl Changes {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What a store on disk has besides.
pub(crate) struct Disk<C> {
    queue: Mutex<Queue<C>>,
    pub writer: Mutex<Writer>,
    stats: Mutex<DiskStats>,
}

/// Whoever has the lock of this writes.
pub(crate) struct Writer {
    pub journal: Box<dyn Journal>,
    /// The keys of a batch that failed. Nobody knows whether the journal holds what they held
    /// before or after it.
    pub in_doubt: Option<Changes>,
}

/// Writes that wait for the store's thread, the oldest first.
struct Queue<C> {
    writes: Fifo<Queued<C>>,
    bytes: usize,
    /// What is there of each guest: writes to its buckets.
    guests: BTreeMap<Arc<str>, OwnWrites>,
}

/// What of the queue belongs to one guest.
#[derive(Clone, Copy, Default, PartialEq)]
struct OwnWrites {
    writes: usize,
    bytes: usize,
}

/// A write, and who is told its result. `None`: whoever called and waits.
pub(crate) struct Queued<C> {
    pub write: Write,
    pub caller: Option<C>,
}

impl<C> Disk<C> {
    pub fn new(journal: Box<dyn Journal>) -> Disk<C> {
        Disk {
            queue: Mutex::new(Queue { writes: Fifo::new(), bytes: 0, guests: BTreeMap::new() }),
            writer: Mutex::new(Writer { journal, in_doubt: None }),
            stats: Mutex::new(DiskStats::default()),
        }
    }

    /// Puts a write at the end of the queue.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn push(&self, write: Write, caller: C, limits: &StoreLimits) -> Result<(), StoreError> {
        let bytes = write.bytes();
        let guest = guest_of(&write.bucket);
        let mut queue = lock(&self.queue);
        let own = queue.guests.get(guest).copied().unwrap_or_default();
        // What each would be with this write.
        let numbers = [
            (own.writes + 1, Limit::GuestQueueWrites, limits.guest_store_queue_writes_max),
            (own.bytes + bytes, Limit::GuestQueueBytes, limits.guest_store_queue_bytes_max),
            (queue.writes.len() + 1, Limit::QueueWrites, limits.store_queue_writes_max),
            (queue.bytes + bytes, Limit::QueueBytes, limits.store_queue_bytes_max),
        ];
        if let Some(&(_, limit, max)) = numbers.iter().find(|(number, _, max)| number > max) {
            return Err(StoreError::Full { limit, max });
        }
        queue.bytes += bytes;
        share::change(&mut queue.guests, guest, |own| {
            own.writes += 1;
            own.bytes += bytes;
        });
        queue.writes.push_back(Queued { write, caller: Some(caller) });
        Ok(())
    }

    /// Takes the oldest writes, as many as fit into one batch.
    pub fn take(&self) -> Vec<Queued<C>> {
        let mut queue = lock(&self.queue);
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < BATCH_WRITES_MAX && bytes < BATCH_BYTES {
            let Some(queued) = queue.writes.pop_front() else { break };
            let of_write = queued.write.bytes();
            bytes += of_write;
            share::change(&mut queue.guests, guest_of(&queued.write.bucket), |own| {
                own.writes -= 1;
                own.bytes -= of_write;
            });
            taken.push(queued);
        }
        queue.bytes -= bytes;
        taken
    }

    /// Returns whether no write waits.
    pub fn is_idle(&self) -> bool {
        lock(&self.queue).writes.is_empty()
    }

    /// Counts a batch by its result. Returns whether the disk has begun to fail by it, or to take
    /// writes again.
    pub fn tally(&self, writes: usize, result: &Result<(), JournalError>) -> bool {
        let mut stats = lock(&self.stats);
        let failing = match result {
            Ok(()) => {
                stats.commits += 1;
                stats.committed_writes += writes as u64;
                stats.batch_writes_largest = stats.batch_writes_largest.max(writes as u64);
                None
            }
            Err(error) => {
                stats.failures += 1;
                Some(error.to_string().into())
            }
        };
        let turns = failing.is_some() != stats.failing.is_some();
        stats.failing = failing;
        turns
    }

    /// Returns whether the latest batch failed.
    pub fn is_failing(&self) -> bool {
        lock(&self.stats).failing.is_some()
    }

    pub fn stats(&self) -> DiskStats {
        let mut stats = lock(&self.stats).clone();
        let queue = lock(&self.queue);
        (stats.queue_writes, stats.queue_bytes) = (queue.writes.len(), queue.bytes);
        stats
    }
}

#[cfg(test)]
mod tests;
