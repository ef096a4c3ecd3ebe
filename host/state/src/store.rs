//! The store: shards, totals, and what is done to them from outside.

use std::num::NonZeroU64;

use snow_core::Key;
use snow_core::sync::{Mutex, MutexGuard, lock};

use self::work::FullReport;
pub use self::writes::Submitted;
use crate::disk::{Disk, Journal, JournalError};
use crate::entry::{Entry, Version, Versions};
use crate::error::StoreError;
use crate::limits::{Charge, StoreLimits, Totals};
use crate::listener::{Alarm, Listener};
use crate::shard::{Page, Shard};
use crate::share::guest_of;
use crate::stats::{BucketStats, Counts, StoreStats};
use crate::write::check_count;

mod work;
mod writes;

/// The number of shards. Two guests with buckets of their own rarely meet at a lock; all buckets of
/// one guest lie in one shard.
const SHARDS: usize = 1 << SHARD_BITS;

/// Buckets of keys, shared by all threads. The [crate](crate) has an example.
///
/// Every operation is handed the time, in milliseconds since 1970.
pub struct Store<L: Listener> {
    shards: Box<[Mutex<Shard<L::Waiter>>]>,
    pub(crate) totals: Totals,
    pub(crate) versions: Versions,
    alarm: Alarm,
    full_report: Mutex<FullReport>,
    listener: L,
    disk: Option<Disk<L::Caller>>,
}

/// The answer to whoever asks to wait for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The key has another version already. The waiter is not told again.
    Changed(
        /// What the key holds. `None` if it does not exist.
        Option<Entry>,
    ),
    /// The waiter waits, and [`Listener::changed`] is told once.
    Waiting(
        /// What removes the waiter.
        Ticket,
    ),
}

/// Names a waiter, to remove it from the list of those who wait. After the waiter was woken, it
/// names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    shard: u16,
    key: Key,
}

/// How many bits of a ticket's number stand for the slot, and for the shard.
const SLOT_BITS: u32 = 27;
const SHARD_BITS: u32 = 4;

impl Ticket {
    /// Returns the ticket as a number.
    pub fn number(self) -> NonZeroU64 {
        let Key { slot, generation } = self.key;
        // `store_waiters_max` keeps the slot below its bits. The last bit is always set.
        let place = u64::from(self.shard) << (SLOT_BITS + 1) | u64::from(slot) << 1;
        NonZeroU64::MIN | place | u64::from(generation) << 32
    }

    /// Returns the ticket that [`number`](Ticket::number) has turned into a number.
    pub fn from_number(number: NonZeroU64) -> Ticket {
        let (place, generation) = (number.get() as u32, (number.get() >> 32) as u32);
        let slot = place >> 1 & ((1 << SLOT_BITS) - 1);
        Ticket { shard: (place >> (SLOT_BITS + 1)) as u16, key: Key { slot, generation } }
    }
}

impl<L: Listener> Store<L> {
    /// Creates an empty store whose content ends with the process.
    pub fn in_memory(limits: StoreLimits, listener: L, now_ms: u64) -> Store<L> {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(limits))).collect();
        Store {
            shards,
            totals: Totals::default(),
            versions: Versions::new(now_ms, None),
            alarm: Alarm::new(),
            full_report: Mutex::default(),
            listener,
            disk: None,
        }
    }

    /// Creates a store with everything that a journal holds, even if that is more than the limits
    /// allow. What is written to it is kept by the journal.
    ///
    /// # Errors
    /// What the journal found instead of entries.
    pub fn on_disk(
        limits: StoreLimits,
        listener: L,
        mut journal: Box<dyn Journal>,
        now_ms: u64,
    ) -> Result<Store<L>, JournalError> {
        let mut store = Store::in_memory(limits, listener, now_ms);
        let last = journal.load(&mut |place, entry| {
            lock(&store.shards[shard_of(&place.bucket)]).load(place, entry, &store.totals);
        })?;
        store.versions = Versions::new(now_ms, last);
        store.disk = Some(Disk::new(journal));
        // Entries may have expired meanwhile, so whoever owns the store begins by calling `work`.
        store.alarm.ask(now_ms);
        Ok(store)
    }

    /// Lets a write wake so many waiters by itself, in place of 256, and leave the others to `work`. So
    /// a test needs no crowd to see those that are left.
    pub fn with_slices_of(self, waiters: usize) -> Store<L> {
        for shard in &self.shards {
            lock(shard).slice = waiters;
        }
        self
    }

    /// Returns whether the content outlives the process. Then a write waits for the disk, and a
    /// thread that must not wait [submits](Store::submit) it.
    pub fn is_on_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Returns the listener.
    pub fn listener(&self) -> &L {
        &self.listener
    }

    /// Replaces the limits. What is there already stays, even if it is more than they allow.
    pub fn set_limits(&self, limits: StoreLimits) {
        for shard in &self.shards {
            lock(shard).limits = limits;
        }
    }

    /// Returns the limits.
    pub fn limits(&self) -> StoreLimits {
        lock(&self.shards[0]).limits
    }

    /// Returns what a key holds.
    pub fn get(&self, bucket: &str, key: &str, now_ms: u64) -> Option<Entry> {
        let mut shard = self.shard(bucket);
        shard.counts.reads += 1;
        shard.get(bucket, key, now_ms).cloned()
    }

    /// Returns what several keys hold, all of them at one moment.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if there are too many keys.
    pub fn get_many(
        &self,
        bucket: &str,
        keys: &[impl AsRef<str>],
        now_ms: u64,
    ) -> Result<Vec<Option<Entry>>, StoreError> {
        let mut shard = self.shard(bucket);
        check_count(keys.len(), &shard.limits)?;
        shard.counts.reads += keys.len() as u64;
        Ok(keys.iter().map(|key| shard.get(bucket, key.as_ref(), now_ms).cloned()).collect())
    }

    /// Returns the first keys of a bucket that begin with `prefix`, in the order of their bytes: at
    /// most `limit` of them, and never more than `store_batch_keys_max`. With `after`, those that
    /// come after that key, which need not exist.
    pub fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: u64,
    ) -> Page {
        let mut shard = self.shard(bucket);
        shard.counts.lists += 1;
        let limit = limit.min(shard.limits.store_batch_keys_max);
        shard.list(bucket, prefix, after, limit, now_ms)
    }

    /// Lets a waiter wait until a key's version is no longer `since`; `None` stands for a key that
    /// does not exist. If it is another version already, the answer says so at once.
    ///
    /// No change is lost: the look at the version and the wait are one step, and so are a change
    /// and taking the key's waiters off it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], and [`StoreError::Full`] if too many wait or there are too many
    /// buckets.
    pub fn changed(
        &self,
        bucket: &str,
        key: &str,
        since: Option<Version>,
        waiter: L::Waiter,
        now_ms: u64,
    ) -> Result<Watch, StoreError> {
        let number = shard_of(bucket);
        let mut shard = lock(&self.shards[number]);
        let held = shard.get(bucket, key, now_ms);
        if held.map(|entry| entry.version) != since {
            return Ok(Watch::Changed(held.cloned()));
        }
        let checked = shard.limits.check_key(bucket).and_then(|()| shard.limits.check_key(key));
        let waits = checked.and_then(|()| shard.wait(bucket, key, waiter, &self.totals));
        match waits {
            Ok(key) => {
                shard.counts.waits += 1;
                Ok(Watch::Waiting(Ticket { shard: number as u16, key }))
            }
            Err(error) => {
                shard.counts.refused += 1;
                drop(shard);
                self.note_refusal(&error, now_ms);
                Err(error)
            }
        }
    }

    /// Removes a waiter that is no longer interested, in constant time. Returns whether it was
    /// waiting. If not, it was woken, or is being woken at this moment by another thread.
    pub fn forget(&self, ticket: Ticket) -> bool {
        let Some(shard) = self.shards.get(usize::from(ticket.shard)) else { return false };
        let was_waiting = lock(shard).forget(ticket.key, &self.totals);
        self.totals.credit(Charge { waiters: usize::from(was_waiting), ..Charge::default() });
        was_waiting
    }

    /// Returns what the store holds and has done.
    pub fn stats(&self) -> StoreStats {
        let mut counts = Counts::default();
        for shard in &self.shards {
            counts.add(&lock(shard).counts);
        }
        let Charge { usage, buckets, waiters } = self.totals.now();
        let disk = self.disk.as_ref().map(Disk::stats);
        let replaced_bytes = self.totals.replaced_bytes();
        StoreStats { usage, replaced_bytes, buckets, waiters, counts, disk }
    }

    /// Returns what buckets hold, in the order of their names: the first `limit` ones after a name.
    pub fn buckets(&self, after: Option<&str>, limit: usize) -> Vec<BucketStats> {
        // Each shard may have all of them.
        let of_shards = self.shards.iter().map(|shard| lock(shard).buckets(after, limit));
        let mut buckets: Vec<BucketStats> = of_shards.flatten().collect();
        buckets.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        buckets.truncate(limit);
        buckets
    }

    pub(crate) fn shard(&self, bucket: &str) -> MutexGuard<'_, Shard<L::Waiter>> {
        lock(&self.shards[shard_of(bucket)])
    }
}

/// Returns the shard of a bucket, by the FNV-1a hash of its guest's name.
fn shard_of(bucket: &str) -> usize {
    let hash = guest_of(bucket).bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The low bits of an FNV hash depend on the low bits of the text alone.
    (hash >> 32) as usize % SHARDS
}

#[cfg(test)]
mod tests;
