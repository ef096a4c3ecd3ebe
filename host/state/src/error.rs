//! Why the store refuses.

use snow_core::sync::Arc;
use std::fmt;

use crate::entry::Entry;

/// The reason why the store did nothing. No operation that fails has changed anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operation is larger than one may ever be.
    #[error("{what} is too large: {size} of at most {max} ({limit})", what = limit.subject())]
    TooLarge {
        /// The limit that it passes.
        limit: Limit,
        /// How much the limit allows.
        max: usize,
        /// How much there was.
        size: usize,
    },
    /// There is no room now. There may be again, once something is deleted or has expired.
    #[error("{what}: at most {max} ({limit})", what = limit.subject())]
    Full {
        /// The limit that was reached.
        limit: Limit,
        /// How much the limit allows.
        max: usize,
    },
    /// The condition does not hold: another write was first.
    #[error("{}", match .0 {
        Some(entry) => format!("the key has version {} by now", entry.version),
        None => "the key does not exist".to_owned(),
    })]
    Conflict(
        /// The entry that is there instead. `None` if the key does not exist.
        Option<Entry>,
    ),
    /// The value to be incremented is not an integer in decimal digits that fits into 64 bits.
    #[error("the value is not an integer")]
    NotAnInteger,
    /// The sum does not fit into 64 bits.
    #[error("the sum does not fit into 64 bits")]
    Overflow,
    /// The disk does not take writes, so that nothing would be kept. Reads go on. The next write is
    /// tried anew.
    #[error("the store can't write to its disk: {0}")]
    Unavailable(
        /// What the disk reported, without the name of its file.
        Arc<str>,
    ),
}

/// One of the [limits](crate::StoreLimits). Shown as its name in `snow.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// `store_key_bytes_max`.
    KeyBytes,
    /// `store_value_bytes_max`.
    ValueBytes,
    /// `store_batch_keys_max`.
    BatchKeys,
    /// `store_bucket_entries_max`.
    BucketEntries,
    /// `store_bucket_bytes_max`.
    BucketBytes,
    /// `guest_store_buckets_max`.
    GuestBuckets,
    /// `guest_store_entries_max`.
    GuestEntries,
    /// `guest_store_bytes_max`.
    GuestBytes,
    /// `store_buckets_max`.
    Buckets,
    /// `store_entries_max`.
    Entries,
    /// `store_bytes_max`.
    Bytes,
    /// `store_waiters_max`.
    Waiters,
    /// `guest_store_queue_writes_max`.
    GuestQueueWrites,
    /// `guest_store_queue_bytes_max`.
    GuestQueueBytes,
    /// `store_queue_writes_max`.
    QueueWrites,
    /// `store_queue_bytes_max`.
    QueueBytes,
}

impl Limit {
    /// Returns the limit's name in `snow.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Limit::KeyBytes => "store_key_bytes_max",
            Limit::ValueBytes => "store_value_bytes_max",
            Limit::BatchKeys => "store_batch_keys_max",
            Limit::BucketEntries => "store_bucket_entries_max",
            Limit::BucketBytes => "store_bucket_bytes_max",
            Limit::GuestBuckets => "guest_store_buckets_max",
            Limit::GuestEntries => "guest_store_entries_max",
            Limit::GuestBytes => "guest_store_bytes_max",
            Limit::Buckets => "store_buckets_max",
            Limit::Entries => "store_entries_max",
            Limit::Bytes => "store_bytes_max",
            Limit::Waiters => "store_waiters_max",
            Limit::GuestQueueWrites => "guest_store_queue_writes_max",
            Limit::GuestQueueBytes => "guest_store_queue_bytes_max",
            Limit::QueueWrites => "store_queue_writes_max",
            Limit::QueueBytes => "store_queue_bytes_max",
        }
    }

    /// Returns whether all guests share what it bounds, so that one is refused for what another has.
    pub fn is_of_all(self) -> bool {
        matches!(self, Limit::Buckets | Limit::Entries | Limit::Bytes)
    }

    /// Returns what a message begins with.
    fn subject(self) -> &'static str {
        match self {
            Limit::KeyBytes => "the key",
            Limit::ValueBytes => "the value",
            Limit::BatchKeys => "the number of keys",
            Limit::BucketEntries => "the bucket has no room for another key",
            Limit::BucketBytes => "the bucket has no room for these bytes",
            Limit::GuestBuckets => "the guest has no room for another bucket",
            Limit::GuestEntries => "the guest's buckets have no room for another key",
            Limit::GuestBytes => "the guest's buckets have no room for these bytes",
            Limit::Buckets => "the store has no room for another bucket",
            Limit::Entries => "the store has no room for another key",
            Limit::Bytes => "the store has no room for these bytes",
            Limit::Waiters => "too many wait for changes in the store",
            Limit::GuestQueueWrites | Limit::GuestQueueBytes => {
                "too many of the guest's writes wait for the store's disk"
            }
            Limit::QueueWrites | Limit::QueueBytes => "too many writes wait for the store's disk",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use snow_core::declare::{HasSettings, Setting, Visit};

    use super::*;
    use crate::StoreLimits;

    struct Names(Vec<&'static str>);

    impl<V, K> Visit<StoreLimits, V, K> for Names {
        fn visit(&mut self, setting: Setting<StoreLimits, V>) {
            self.0.push(setting.about.name);
        }
    }

    #[test]
    fn each_limit_has_the_name_of_its_setting() {
        let mut names = Names(Vec::new());
        StoreLimits::visit_settings(&mut names);
        let limits = [
            Limit::KeyBytes,
            Limit::ValueBytes,
            Limit::BatchKeys,
            Limit::BucketEntries,
            Limit::BucketBytes,
            Limit::GuestBuckets,
            Limit::GuestEntries,
            Limit::GuestBytes,
            Limit::Buckets,
            Limit::Entries,
            Limit::Bytes,
            Limit::Waiters,
            Limit::GuestQueueWrites,
            Limit::GuestQueueBytes,
            Limit::QueueWrites,
            Limit::QueueBytes,
        ];
        assert_eq!(limits.map(Limit::name).to_vec(), names.0);
    }

    #[test]
    fn a_message_names_the_limit_and_its_number() {
        let large = StoreError::TooLarge { limit: Limit::ValueBytes, max: 10, size: 11 };
        assert_eq!(
            large.to_string(),
            "the value is too large: 11 of at most 10 (store_value_bytes_max)"
        );
        let full = StoreError::Full { limit: Limit::BucketEntries, max: 3 };
        assert_eq!(
            full.to_string(),
            "the bucket has no room for another key: at most 3 (store_bucket_entries_max)"
        );
    }
}
