//! The writes of the store, and what each of them would do.
//!
//! [`evaluate`] decides about a write and changes nothing. In memory its plan is carried out at
//! once, under the lock under which it was made. On disk, plans are made for a batch of writes, and
//! carried out when the batch is durable. So there is one meaning of each write.

use std::collections::BTreeMap;

use snow_core::sync::Arc;

use crate::entry::{Entry, Version, Versions};
use crate::error::{Limit, StoreError};
use crate::limits::{Charge, StoreLimits, Totals, Usage};
use crate::share::Share;

/// A write to one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The bucket's name.
    pub bucket: Arc<str>,
    /// What is to be done there.
    pub action: Action,
}

/// What a write does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets a key. The entry has this expiry, not the one of the entry before it.
    Set {
        /// The key.
        key: Arc<str>,
        /// The value.
        value: Arc<[u8]>,
        /// When the entry ends, in milliseconds since 1970.
        expires_ms: Option<u64>,
        /// The condition under which it is done.
        only: Condition,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: Arc<str>,
        /// The condition under which it is done.
        only: Condition,
    },
    /// Adds to a value that is an integer in decimal digits. A key that does not exist counts as
    /// 0. The entry keeps its expiry.
    Increment {
        /// The key.
        key: Arc<str>,
        /// What is added. It may be negative.
        by: i64,
    },
    /// Sets several keys without expiry: all of them, or none. Of a key that stands here twice, the
    /// later value is set.
    SetMany(
        /// The keys and their values.
        Vec<(Arc<str>, Arc<[u8]>)>,
    ),
    /// Deletes several keys.
    DeleteMany(
        /// The keys.
        Vec<Arc<str>>,
    ),
}

/// The condition under which a write is done. An entry that has expired does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It is done in any case.
    #[default]
    Always,
    /// The key does not exist.
    Absent,
    /// The key has this version.
    Version(Version),
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The key, or all of the keys, was set.
    Set(
        /// The version that it has now. Of several keys, the last one's.
        Version,
    ),
    /// Keys were deleted.
    Deleted(
        /// How many of the keys existed.
        usize,
    ),
    /// The value was incremented.
    Incremented(
        /// The sum.
        i64,
        /// The version that the key has now.
        Version,
    ),
}

/// The changes that a write makes, and its outcome once they are made.
#[derive(Debug)]
pub(crate) struct Plan {
    pub outcome: Outcome,
    /// The changes, of each key at most one.
    pub changes: Vec<Planned>,
}

/// One change of one key.
#[derive(Debug)]
pub(crate) struct Planned {
    pub key: Arc<str>,
    /// What the key holds afterwards. `None` if it is deleted.
    pub entry: Option<Entry>,
    /// The usage of what the key held before, whether that had expired or not.
    pub before: Usage,
}

impl Planned {
    /// Returns the usage of what the key holds afterwards.
    pub fn after(&self) -> Usage {
        self.entry.as_ref().map_or(Usage::default(), |entry| Usage::of(&self.key, &entry.value))
    }
}

impl Plan {
    /// Returns the usage of all changed keys before and after.
    pub fn usage(&self) -> (Usage, Usage) {
        self.changes.iter().fold((Usage::default(), Usage::default()), |(before, after), change| {
            (before.plus(change.before), after.plus(change.after()))
        })
    }

    /// Returns when the first of the entries expires that the plan sets.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.changes.iter().filter_map(|change| change.entry.as_ref()?.expires_ms).min()
    }

    /// Charges what the plan adds, and returns the charge. `held` is what the bucket holds; `None`
    /// if there is no such bucket. `share` is what its guest has.
    ///
    /// # Errors
    /// [`StoreError::Full`]. Only a number that grows is held to its limit.
    pub fn charge(
        &self,
        held: Option<Usage>,
        share: &Share,
        limits: &StoreLimits,
        totals: &Totals,
    ) -> Result<Charge, StoreError> {
        let (before, after) = self.usage();
        let grows = after.above(before);
        let sum = held.unwrap_or_default().plus(after).above(before);
        if grows.entries > 0 && sum.entries > limits.store_bucket_entries_max {
            let max = limits.store_bucket_entries_max;
            return Err(StoreError::Full { limit: Limit::BucketEntries, max });
        }
        if grows.bytes > 0 && sum.bytes > limits.store_bucket_bytes_max {
            let max = limits.store_bucket_bytes_max;
            return Err(StoreError::Full { limit: Limit::BucketBytes, max });
        }
        let buckets = usize::from(held.is_none() && !self.changes.is_empty());
        let charge = Charge { usage: grows, buckets, waiters: 0 };
        share.check(charge, limits)?;
        if self.changes.iter().any(|change| change.entry.is_some()) {
            share.check_replaced(limits, totals)?;
        }
        totals.charge(charge, limits)?;
        Ok(charge)
    }
}

impl Write {
    /// Returns the bytes of the names, keys and values in it, as they count in the queue.
    pub(crate) fn bytes(&self) -> usize {
        let of_action = match &self.action {
            Action::Set { key, value, .. } => key.len() + value.len(),
            Action::Delete { key, .. } | Action::Increment { key, .. } => key.len(),
            Action::SetMany(entries) => {
                entries.iter().map(|(key, value)| key.len() + value.len()).sum()
            }
            Action::DeleteMany(keys) => keys.iter().map(|key| key.len()).sum(),
        };
        self.bucket.len() + of_action
    }

    /// Checks the sizes of everything in it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`].
    pub(crate) fn check(&self, limits: &StoreLimits) -> Result<(), StoreError> {
        limits.check_key(&self.bucket)?;
        match &self.action {
            Action::Set { key, value, .. } => {
                limits.check_key(key)?;
                check_value(value, limits)
            }
            Action::Delete { key, .. } | Action::Increment { key, .. } => limits.check_key(key),
            Action::SetMany(entries) => {
                check_count(entries.len(), limits)?;
                entries.iter().try_for_each(|(key, value)| {
                    limits.check_key(key)?;
                    check_value(value, limits)
                })
            }
            Action::DeleteMany(keys) => {
                check_count(keys.len(), limits)?;
                keys.iter().try_for_each(|key| limits.check_key(key))
            }
        }
    }
}

impl StoreLimits {
    /// Checks the length of a key, or of a bucket's name.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`].
    pub fn check_key(&self, key: &str) -> Result<(), StoreError> {
        at_most(key.len(), Limit::KeyBytes, self.store_key_bytes_max)
    }
}

/// Checks how many keys an operation has.
pub(crate) fn check_count(count: usize, limits: &StoreLimits) -> Result<(), StoreError> {
    at_most(count, Limit::BatchKeys, limits.store_batch_keys_max)
}

fn check_value(value: &[u8], limits: &StoreLimits) -> Result<(), StoreError> {
    at_most(value.len(), Limit::ValueBytes, limits.store_value_bytes_max)
}

fn at_most(size: usize, limit: Limit, max: usize) -> Result<(), StoreError> {
    if size > max { Err(StoreError::TooLarge { limit, max, size }) } else { Ok(()) }
}

/// Decides what a write would do at this time, given what each key holds. `find` returns an entry
/// even if it has expired.
///
/// # Errors
/// [`StoreError::Conflict`], [`StoreError::NotAnInteger`] and [`StoreError::Overflow`].
pub(crate) fn evaluate(
    action: &Action,
    find: impl Fn(&str) -> Option<Entry>,
    versions: &Versions,
    now_ms: u64,
) -> Result<Plan, StoreError> {
    let look = |key: &str| {
        let held = find(key);
        let before = held.as_ref().map_or(Usage::default(), |entry| Usage::of(key, &entry.value));
        (held.filter(|entry| entry.exists_at(now_ms)), before)
    };
    match action {
        Action::Set { key, value, expires_ms, only } => {
            let (held, before) = look(key);
            only.check(held.as_ref())?;
            let version = versions.next();
            let entry = Entry { value: value.clone(), version, expires_ms: *expires_ms };
            let change = Planned { key: key.clone(), entry: Some(entry), before };
            Ok(Plan { outcome: Outcome::Set(version), changes: vec![change] })
        }
        Action::Delete { key, only } => {
            let (held, before) = look(key);
            only.check(held.as_ref())?;
            // One that has expired is left to be removed in its turn, which wakes its waiters.
            let change = held.is_some().then(|| Planned { key: key.clone(), entry: None, before });
            let changes: Vec<Planned> = change.into_iter().collect();
            Ok(Plan { outcome: Outcome::Deleted(changes.len()), changes })
        }
        Action::Increment { key, by } => {
            let (held, before) = look(key);
            let sum = number(held.as_ref())?.checked_add(*by).ok_or(StoreError::Overflow)?;
            let version = versions.next();
            let expires_ms = held.and_then(|entry| entry.expires_ms);
            let entry = Entry { value: sum.to_string().as_bytes().into(), version, expires_ms };
            let change = Planned { key: key.clone(), entry: Some(entry), before };
            Ok(Plan { outcome: Outcome::Incremented(sum, version), changes: vec![change] })
        }
        Action::SetMany(entries) => {
            // A map holds the later value of a key that stands there twice.
            let latest: BTreeMap<&Arc<str>, &Arc<[u8]>> =
                entries.iter().map(|(key, value)| (key, value)).collect();
            let changes: Vec<Planned> = latest
                .into_iter()
                .map(|(key, value)| {
                    let version = versions.next();
                    let entry = Entry { value: value.clone(), version, expires_ms: None };
                    Planned { key: key.clone(), entry: Some(entry), before: look(key).1 }
                })
                .collect();
            let last = changes.last().and_then(|change| change.entry.as_ref());
            let version = last.map_or_else(|| versions.last(), |entry| entry.version);
            Ok(Plan { outcome: Outcome::Set(version), changes })
        }
        Action::DeleteMany(keys) => {
            let once: BTreeMap<&Arc<str>, ()> = keys.iter().map(|key| (key, ())).collect();
            let changes: Vec<Planned> = once
                .into_keys()
                .filter_map(|key| {
                    let (held, before) = look(key);
                    held.map(|_| Planned { key: key.clone(), entry: None, before })
                })
                .collect();
            Ok(Plan { outcome: Outcome::Deleted(changes.len()), changes })
        }
    }
}

impl Condition {
    /// Checks the condition against what the key holds.
    fn check(self, held: Option<&Entry>) -> Result<(), StoreError> {
        let holds = match self {
            Condition::Always => true,
            Condition::Absent => held.is_none(),
            Condition::Version(version) => held.is_some_and(|entry| entry.version == version),
        };
        if holds { Ok(()) } else { Err(StoreError::Conflict(held.cloned())) }
    }
}

/// Returns the integer that an entry holds, or 0 for none.
fn number(held: Option<&Entry>) -> Result<i64, StoreError> {
    let Some(entry) = held else { return Ok(0) };
    let text = std::str::from_utf8(&entry.value).map_err(|_| StoreError::NotAnInteger)?;
    // Rust would take a `+` before the digits.
    let digits = Some(text).filter(|text| !text.starts_with('+'));
    digits.and_then(|digits| digits.parse().ok()).ok_or(StoreError::NotAnInteger)
}
