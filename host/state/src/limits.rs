//! The limits of the store, and what is counted against them.

use snow_core::declare::BYTES_MAX;
use snow_core::sync::{AtomicUsize, Ordering};

use crate::error::{Limit, StoreError};

/// The most waiters that a deployer can allow: a ticket has so many bits for one.
const WAITERS_MAX: u64 = 1 << 27;
/// The most keys, buckets or queued writes that a deployer can allow.
const COUNT_MAX: u64 = 1 << 30;
/// The digits of any integer that an increment may set, and its sign.
const INTEGER_BYTES_MAX: u64 = 20;
/// The most bytes that a deployer can allow for all values: 1 TiB.
const TOTAL_BYTES_MAX: u64 = 1 << 40;

snow_core::declare_settings! {
    /// The limits of the store. The unit stands last in every name, before `_max`.
    ///
    /// Bytes of an entry are those of its key and its value. An entry takes about 250 bytes more,
    /// which `store_bucket_entries_max` and `store_entries_max` bound.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StoreLimits {
        /// Bytes of a key in the store, and of the name of a bucket.
        pub store_key_bytes_max: usize = 1_024, live, in 1..=65_536;
        /// Bytes of a value in the store.
        pub store_value_bytes_max: usize = 1_048_576, live, in INTEGER_BYTES_MAX..=BYTES_MAX;
        /// Keys that one operation on the store reads, sets, deletes or lists.
        pub store_batch_keys_max: usize = 256, live, in 1..=65_536;
        /// Keys in one bucket of the store.
        pub store_bucket_entries_max: usize = 100_000, live, in 0..=COUNT_MAX,
            at_most guest_store_entries_max;
        /// Bytes of the keys and values in one bucket of the store.
        pub store_bucket_bytes_max: usize = 67_108_864, live, in 0..=TOTAL_BYTES_MAX,
            at_most guest_store_bytes_max;
        /// Buckets of one guest: the one that has its name, and those whose names begin with that and
        /// a slash. A shared bucket counts as a guest by itself, with those below it.
        pub guest_store_buckets_max: usize = 1_024, live, in 0..=COUNT_MAX, at_most store_buckets_max;
        /// Keys in all buckets of one guest.
        pub guest_store_entries_max: usize = 250_000, live, in 0..=COUNT_MAX, at_most store_entries_max;
        /// Bytes of the keys and values in all buckets of one guest. A value that was replaced or
        /// deleted is one of them for as long as a pending that it settled has it.
        pub guest_store_bytes_max: usize = 67_108_864, live, in 0..=TOTAL_BYTES_MAX,
            at_most store_bytes_max;
        /// Buckets of the store that have a key, or a key that somebody waits for.
        pub store_buckets_max: usize = 4_096, live, in 0..=COUNT_MAX;
        /// Keys in all buckets of the store together.
        pub store_entries_max: usize = 1_000_000, live, in 0..=COUNT_MAX;
        /// Bytes of the keys and values in all buckets of the store together, and of values that were
        /// replaced or deleted, for as long as a pending that they settled has them.
        pub store_bytes_max: usize = 268_435_456, live, in 0..=TOTAL_BYTES_MAX;
        /// Waits for changes of keys, of all guests together.
        pub store_waiters_max: usize = 1_048_576, live, in 0..=WAITERS_MAX;
        /// Writes to the buckets of one guest that wait until the store's thread brings them to the
        /// disk.
        pub guest_store_queue_writes_max: usize = 4_096, live, in 1..=COUNT_MAX,
            at_most store_queue_writes_max;
        /// Bytes of the keys and values of those writes.
        pub guest_store_queue_bytes_max: usize = 16_777_216, live, in 1..=TOTAL_BYTES_MAX,
            at_most store_queue_bytes_max;
        /// Writes that wait until the store's thread brings them to the disk.
        pub store_queue_writes_max: usize = 16_384, live, in 1..=COUNT_MAX;
        /// Bytes of the keys and values of writes that wait until the store's thread brings them to
        /// the disk.
        pub store_queue_bytes_max: usize = 33_554_432, live, in 1..=TOTAL_BYTES_MAX;
    }
}

/// How much a bucket holds, or all of them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of entries. An entry that has expired is one of them until it is removed.
    pub entries: usize,
    /// The bytes of their keys and values.
    pub bytes: usize,
}

impl Usage {
    /// Returns the usage of one entry.
    pub(crate) fn of(key: &str, value: &[u8]) -> Usage {
        Usage { entries: 1, bytes: key.len() + value.len() }
    }

    pub(crate) fn plus(self, other: Usage) -> Usage {
        Usage { entries: self.entries + other.entries, bytes: self.bytes + other.bytes }
    }

    /// Returns by how much this is more than another usage, each number by itself and never less
    /// than zero.
    pub(crate) fn above(self, other: Usage) -> Usage {
        Usage {
            entries: self.entries.saturating_sub(other.entries),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What all buckets hold together. Any thread may charge.
///
/// Growth is charged when it is decided on, and what shrinks is credited when it is gone. So two
/// writes that race for the last room can't both get it, whichever locks they hold.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    entries: AtomicUsize,
    bytes: AtomicUsize,
    buckets: AtomicUsize,
    waiters: AtomicUsize,
    /// The bytes of values that were replaced or deleted, and that somebody still has.
    replaced: AtomicUsize,
}

/// Something that was added to the totals, and is either kept or credited again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Entries and their bytes.
    pub usage: Usage,
    /// Buckets.
    pub buckets: usize,
    /// Waiters.
    pub waiters: usize,
}

impl Charge {
    pub fn plus(self, other: Charge) -> Charge {
        Charge {
            usage: self.usage.plus(other.usage),
            buckets: self.buckets + other.buckets,
            waiters: self.waiters + other.waiters,
        }
    }
}

impl Totals {
    /// Charges all of this, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] with the first limit that would be passed. Only a number that grows is
    /// held to its limit, so a store that is over a limit which was lowered can still shrink.
    pub fn charge(&self, charge: Charge, limits: &StoreLimits) -> Result<(), StoreError> {
        let replaced = self.replaced_bytes();
        let counts = self.counts(charge);
        let limits = [
            (Limit::Entries, limits.store_entries_max),
            (Limit::Bytes, limits.store_bytes_max),
            (Limit::Buckets, limits.store_buckets_max),
            (Limit::Waiters, limits.store_waiters_max),
        ];
        for (at, ((count, by), (limit, max))) in counts.iter().zip(limits).enumerate() {
            if *by == 0 {
                continue;
            }
            // Counted first, then looked at: two threads that race for the last room can't both get
            // it.
            let before = count.fetch_add(*by, Ordering::Relaxed);
            let besides = if limit == Limit::Bytes { replaced } else { 0 };
            if before.saturating_add(*by).saturating_add(besides) > max {
                for (count, by) in &counts[..=at] {
                    count.fetch_sub(*by, Ordering::Relaxed);
                }
                return Err(StoreError::Full { limit, max });
            }
        }
        Ok(())
    }

    /// Adds without looking at a limit, for what is there already: data that are loaded.
    pub fn add(&self, charge: Charge) {
        for (count, by) in self.counts(charge) {
            count.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Takes back what was charged.
    pub fn credit(&self, charge: Charge) {
        // All threads share the counts, so what has not changed is left alone.
        for (count, by) in self.counts(charge).into_iter().filter(|(_, by)| *by > 0) {
            count.fetch_sub(by, Ordering::Relaxed);
        }
    }

    /// Adds the bytes of a value that was replaced or deleted, and that somebody still has.
    pub fn add_replaced(&self, bytes: usize) {
        self.replaced.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes back the bytes of such a value, since nobody has it any more.
    pub fn credit_replaced(&self, bytes: usize) {
        self.replaced.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes of values that were replaced or deleted, and that somebody still has.
    pub fn replaced_bytes(&self) -> usize {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Returns the totals, which may be a moment old.
    pub fn now(&self) -> Charge {
        Charge {
            usage: Usage {
                entries: self.entries.load(Ordering::Relaxed),
                bytes: self.bytes.load(Ordering::Relaxed),
            },
            buckets: self.buckets.load(Ordering::Relaxed),
            waiters: self.waiters.load(Ordering::Relaxed),
        }
    }

    fn counts(&self, charge: Charge) -> [(&AtomicUsize, usize); 4] {
        [
            (&self.entries, charge.usage.entries),
            (&self.bytes, charge.usage.bytes),
            (&self.buckets, charge.buckets),
            (&self.waiters, charge.waiters),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_limit_refuses_is_charged_to_none() {
        let totals = Totals::default();
        let limits =
            StoreLimits { store_entries_max: 2, store_bytes_max: 10, ..Default::default() };
        let charge =
            |entries, bytes| Charge { usage: Usage { entries, bytes }, ..Charge::default() };
        assert_eq!(totals.charge(charge(1, 8), &limits), Ok(()));
        assert_eq!(
            totals.charge(charge(1, 3), &limits),
            Err(StoreError::Full { limit: Limit::Bytes, max: 10 })
        );
        assert_eq!(totals.now(), charge(1, 8));
        assert_eq!(totals.charge(charge(1, 2), &limits), Ok(()));
        assert_eq!(
            totals.charge(charge(1, 0), &limits),
            Err(StoreError::Full { limit: Limit::Entries, max: 2 })
        );
        totals.credit(charge(2, 10));
        assert_eq!(totals.now(), Charge::default());
    }

    #[test]
    fn a_number_that_does_not_grow_is_not_held_to_its_limit() {
        let totals = Totals::default();
        totals.add(Charge { usage: Usage { entries: 5, bytes: 50 }, ..Charge::default() });
        let limits =
            StoreLimits { store_entries_max: 1, store_bytes_max: 100, ..Default::default() };
        let longer = Charge { usage: Usage { entries: 0, bytes: 7 }, ..Charge::default() };
        assert_eq!(totals.charge(longer, &limits), Ok(()));
    }
}
