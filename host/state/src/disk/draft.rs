//! What the store will hold once a batch is durable.
//!
//! A draft lies over the memory: a key that a write of the batch changes is found here, all others
//! below. So a write sees those before it in its batch, and nobody else does.
//!
//! What a write adds is charged to the totals at once, and what it removes is credited when it is
//! durable. So a batch that deletes and sets in a store which is full may have to be sent twice;
//! but no batch that fails leaves the store with more than it may hold.

use std::collections::BTreeMap;

use snow_core::sync::Arc;

use super::Changes;
use crate::entry::{Entry, Place, Version, Versions};
use crate::error::StoreError;
use crate::limits::{Charge, StoreLimits, Totals, Usage};
use crate::share::{Share, guest_of};
use crate::write::{Outcome, Plan, Planned, Write, evaluate};

/// What a draft lies over.
pub(crate) trait Below {
    /// Returns what a key holds, even if it has expired.
    fn find(&self, bucket: &str, key: &str) -> Option<Entry>;

    /// Returns what a bucket holds. `None` if there is no such bucket.
    fn usage(&self, bucket: &str) -> Option<Usage>;

    /// Returns what the guest of a bucket has.
    fn share(&self, bucket: &str) -> Share;
}

/// Changes that are decided on, and not made yet.
pub(crate) struct Draft<'a, B> {
    below: &'a B,
    totals: &'a Totals,
    limits: &'a StoreLimits,
    buckets: BTreeMap<Arc<str>, DraftBucket>,
    /// What guests will have that the batch writes to.
    shares: BTreeMap<Arc<str>, Share>,
    /// What was charged for all of it.
    charged: Charge,
}

#[derive(Default)]
struct DraftBucket {
    /// What the bucket will hold. `None` if there will be no such bucket.
    usage: Option<Usage>,
    entries: BTreeMap<Arc<str>, Option<Entry>>,
}

/// A plan that is part of a draft.
pub(crate) struct Drafted {
    pub plan: Plan,
    /// Whether a bucket was charged for it.
    pub bucket_is_charged: bool,
}

impl<'a, B: Below> Draft<'a, B> {
    pub fn new(below: &'a B, totals: &'a Totals, limits: &'a StoreLimits) -> Draft<'a, B> {
        let (buckets, shares) = (BTreeMap::new(), BTreeMap::new());
        Draft { below, totals, limits, buckets, shares, charged: Charge::default() }
    }

    /// Decides about a write and notes its changes.
    ///
    /// # Errors
    /// Any [`StoreError`]. Then the draft is as before.
    pub fn write(
        &mut self,
        write: &Write,
        versions: &Versions,
        now_ms: u64,
    ) -> Result<Drafted, StoreError> {
        write.check(self.limits)?;
        let find = |key: &str| self.find(&write.bucket, key);
        let plan = evaluate(&write.action, find, versions, now_ms)?;
        self.note(&write.bucket, plan)
    }

    /// Notes that an entry is removed, if it has expired and no write of the batch has set the key
    /// anew.
    pub fn expire(&mut self, place: &Place, now_ms: u64) -> Option<Drafted> {
        let Place { bucket, key } = place;
        let held = self.find(bucket, key).filter(|entry| !entry.exists_at(now_ms))?;
        let before = Usage::of(key, &held.value);
        let changes = vec![Planned { key: key.clone(), entry: None, before }];
        // What only shrinks is never refused.
        self.note(bucket, Plan { outcome: Outcome::Deleted(1), changes }).ok()
    }

    fn note(&mut self, bucket: &Arc<str>, plan: Plan) -> Result<Drafted, StoreError> {
        let held = match self.buckets.get(bucket) {
            Some(drafted) => drafted.usage,
            None => self.below.usage(bucket),
        };
        let share = match self.shares.get(guest_of(bucket)) {
            Some(drafted) => *drafted,
            None => self.below.share(bucket),
        };
        let charge = plan.charge(held, &share, self.limits, self.totals)?;
        self.charged = self.charged.plus(charge);
        if !plan.changes.is_empty() {
            let (before, after) = plan.usage();
            let share = Share {
                buckets: share.buckets + charge.buckets,
                usage: share.usage.plus(after).above(before),
                ..share
            };
            self.shares.insert(guest_of(bucket).into(), share);
            let drafted = self.buckets.entry(bucket.clone()).or_default();
            drafted.usage = Some(held.unwrap_or_default().plus(after).above(before));
            let changes = plan.changes.iter();
            drafted
                .entries
                .extend(changes.map(|change| (change.key.clone(), change.entry.clone())));
        }
        Ok(Drafted { plan, bucket_is_charged: charge.buckets == 1 })
    }

    fn find(&self, bucket: &str, key: &str) -> Option<Entry> {
        let drafted = self.buckets.get(bucket).and_then(|bucket| bucket.entries.get(key));
        drafted.cloned().unwrap_or_else(|| self.below.find(bucket, key))
    }

    /// Returns the changes, and what was charged for them.
    pub fn finish(self, last_version: Version) -> (Changes, Charge) {
        let entries = self.buckets.into_iter().map(|(name, bucket)| (name, bucket.entries));
        let changes = Changes { entries: entries.collect(), last_version: Some(last_version) };
        (changes, self.charged)
    }
}
