//! One shard of the store: some of its buckets, when their entries expire, and who waits for them.
//!
//! Everything that runs under a shard's lock is in this file and in the files of its parts, and
//! nothing in it can block. A bucket lies in one shard, so that all of its keys are under one lock:
//! a page of keys is one look, and a write of several keys is one step. And all buckets of a guest
//! lie in one shard, so that what the guest has is counted under that lock too.

use std::collections::BTreeMap;
use std::ops::Bound;

use snow_core::Key;
use snow_core::sync::Arc;

use crate::entry::{Entry, Place, Version};
use crate::error::StoreError;
use crate::limits::{Charge, StoreLimits, Totals, Usage};
use crate::share::{Share, Shares, guest_of};
use crate::stats::{BucketStats, Counts};
use crate::waiters::{Removed, Waiters, Woken};
use crate::write::{Plan, Planned};

/// The most waiters that a write wakes by itself, unless the store is told otherwise. The others are
/// left to [`work`](crate::Store::work). Under loom a wave is two waiters, since it runs every order
/// of steps.
pub(crate) const SLICE: usize = if cfg!(loom) { 1 } else { 256 };
/// How many values that have outlived their entries each write looks at, and frees if it can.
pub(crate) const LOOKS: usize = 16;
/// The most entries that a page of keys passes over because they have expired.
const PASSED_OVER_MAX: usize = 4_096;

pub(crate) struct Shard<W> {
    pub limits: StoreLimits,
    /// The most waiters that a write wakes by itself.
    pub slice: usize,
    pub counts: Counts,
    /// The buckets that have an entry, or a key that is waited for. B-trees, because they grow
    /// without copying and no choice of keys makes them slow.
    buckets: BTreeMap<Arc<str>, Bucket>,
    /// What each guest has of them.
    pub shares: Shares,
    /// When entries expire, the next one first.
    expiries: BTreeMap<(u64, Version), Place>,
    pub waiters: Waiters<W>,
}

struct Bucket {
    name: Arc<str>,
    entries: BTreeMap<Arc<str>, Entry>,
    usage: Usage,
    /// The list of waiters of each key that somebody waits for, whether the key exists or not.
    waited: BTreeMap<Arc<str>, Key>,
}

impl Bucket {
    fn new(name: Arc<str>) -> Bucket {
        Bucket { name, entries: BTreeMap::new(), usage: Usage::default(), waited: BTreeMap::new() }
    }

    fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.waited.is_empty()
    }
}

/// Keys of a bucket, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<Arc<str>>,
    /// Pass this as `after` to go on. `None` if there are no more keys. A page may have few keys,
    /// or none, and yet not be the last one: then it has passed over many that have expired.
    pub next: Option<Arc<str>>,
}

impl<W: Copy> Shard<W> {
    pub fn new(limits: StoreLimits) -> Shard<W> {
        Shard {
            limits,
            slice: SLICE,
            counts: Counts::default(),
            buckets: BTreeMap::new(),
            shares: Shares::default(),
            expiries: BTreeMap::new(),
            waiters: Waiters::new(),
        }
    }

    /// Returns what a key holds, even if it has expired.
    pub fn find(&self, bucket: &str, key: &str) -> Option<&Entry> {
        self.buckets.get(bucket)?.entries.get(key)
    }

    /// Returns what a key holds at this time.
    pub fn get(&self, bucket: &str, key: &str, now_ms: u64) -> Option<&Entry> {
        self.find(bucket, key).filter(|entry| entry.exists_at(now_ms))
    }

    /// Returns what a bucket holds. `None` if there is no such bucket.
    pub fn usage(&self, bucket: &str) -> Option<Usage> {
        Some(self.buckets.get(bucket)?.usage)
    }

    /// Returns what the guest of a bucket has.
    pub fn share(&self, bucket: &str) -> Share {
        self.shares.of(guest_of(bucket))
    }

    /// Returns the next keys of a bucket that begin with `prefix` and come after `after`.
    pub fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: u64,
    ) -> Page {
        let mut page = Page { keys: Vec::new(), next: None };
        let Some(bucket) = self.buckets.get(bucket).filter(|_| limit > 0) else { return page };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = bucket.entries.range::<str, _>((start, Bound::Unbounded));
        let mut keys = range.take_while(|(key, _)| key.starts_with(prefix)).peekable();
        for looked_at in 1.. {
            let Some((key, entry)) = keys.next() else { break };
            if entry.exists_at(now_ms) {
                page.keys.push(key.clone());
            }
            let is_full = page.keys.len() >= limit || looked_at >= limit + PASSED_OVER_MAX;
            if is_full && keys.peek().is_some() {
                page.next = Some(key.clone());
            }
            if is_full {
                break;
            }
        }
        page
    }

    /// Carries out a plan whose growth is charged, and adds the waiters that are to be woken at
    /// once.
    ///
    /// `bucket_is_charged` says whether a bucket was charged, because there was none at that time.
    pub fn carry_out(
        &mut self,
        bucket: &Arc<str>,
        plan: Plan,
        bucket_is_charged: bool,
        totals: &Totals,
        woken: &mut Vec<Woken<W>>,
    ) {
        if plan.changes.is_empty() {
            return;
        }
        match (self.buckets.contains_key(bucket), bucket_is_charged) {
            // Meanwhile somebody waits for a key of it, or nobody does any more.
            (true, true) => totals.credit(Charge { buckets: 1, ..Charge::default() }),
            (false, false) => totals.add(Charge { buckets: 1, ..Charge::default() }),
            _ => {}
        }
        let (before, after) = plan.usage();
        totals.credit(Charge { usage: before.above(after), ..Charge::default() });
        let mut room = self.slice;
        for change in plan.changes {
            self.put(bucket, change, &mut room, totals, woken);
        }
        self.let_go(bucket, totals);
    }

    /// Takes an entry as it was stored, while the store is being loaded.
    pub fn load(&mut self, place: Place, entry: Entry, totals: &Totals) {
        let Place { bucket, key } = place;
        let usage = Usage::of(&key, &entry.value);
        let buckets = usize::from(!self.buckets.contains_key(&bucket));
        totals.add(Charge { usage, buckets, waiters: 0 });
        let change = Planned { key, entry: Some(entry), before: Usage::default() };
        self.put(&bucket, change, &mut 0, totals, &mut Vec::new());
    }

    /// Makes one change, and takes the key's waiters off the key. Adds as many of them to `woken` as
    /// there is `room` for; the others become a wave.
    fn put(
        &mut self,
        bucket: &Arc<str>,
        change: Planned,
        room: &mut usize,
        totals: &Totals,
        woken: &mut Vec<Woken<W>>,
    ) {
        let after = change.after();
        let Planned { key, entry, before } = change;
        let guest = guest_of(bucket);
        let is_new = !self.buckets.contains_key(bucket);
        self.shares.change(guest, |share| {
            share.buckets += usize::from(is_new);
            share.usage = share.usage.plus(after).above(before);
        });
        let record =
            self.buckets.entry(bucket.clone()).or_insert_with(|| Bucket::new(bucket.clone()));
        record.usage = record.usage.plus(after).above(before);
        let old = match &entry {
            Some(entry) => record.entries.insert(key.clone(), entry.clone()),
            None => record.entries.remove(&key),
        };
        let waited = record.waited.remove(&key);
        if let Some(at) = expiry(old.as_ref()) {
            self.expiries.remove(&at);
        }
        if let Some(old) = old {
            self.shares.replace(guest, old.value, totals);
        }
        if let Some(at) = expiry(entry.as_ref()) {
            self.expiries.insert(at, Place { bucket: bucket.clone(), key });
        }
        if let Some(list) = waited {
            let slice = self.waiters.change(list, entry.as_ref(), *room);
            *room -= slice.waiters.len();
            self.counts.woken += slice.waiters.len() as u64;
            woken.extend((!slice.waiters.is_empty()).then_some(slice));
        }
    }

    /// Frees the record of a bucket that has neither entries nor waiters.
    fn let_go(&mut self, bucket: &str, totals: &Totals) {
        if self.buckets.get(bucket).is_some_and(Bucket::is_idle) {
            self.buckets.remove(bucket);
            self.shares.change(guest_of(bucket), |share| share.buckets -= 1);
            totals.credit(Charge { buckets: 1, ..Charge::default() });
        }
    }

    /// Adds a waiter to a key. Returns the key that removes it.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn wait(
        &mut self,
        bucket: &str,
        key: &str,
        waiter: W,
        totals: &Totals,
    ) -> Result<Key, StoreError> {
        let buckets = usize::from(!self.buckets.contains_key(bucket));
        let charge = Charge { buckets, waiters: 1, ..Charge::default() };
        self.share(bucket).check(charge, &self.limits)?;
        totals.charge(charge, &self.limits)?;
        if buckets == 1 {
            self.shares.change(guest_of(bucket), |share| share.buckets += 1);
            let name: Arc<str> = bucket.into();
            self.buckets.insert(name.clone(), Bucket::new(name));
        }
        let record = self.buckets.get_mut(bucket).expect("there is such a bucket now");
        let list = match record.waited.get(key) {
            Some(&list) => list,
            None => {
                let key: Arc<str> = key.into();
                let place = Place { bucket: record.name.clone(), key: key.clone() };
                let list = self.waiters.create_list(place);
                record.waited.insert(key, list);
                list
            }
        };
        Ok(self.waiters.add(list, waiter))
    }

    /// Removes a waiter. Returns whether it was waiting.
    pub fn forget(&mut self, waiter: Key, totals: &Totals) -> bool {
        let removed = self.waiters.remove(waiter);
        if let Removed::LastOf(Place { bucket, key }) = &removed {
            if let Some(record) = self.buckets.get_mut(bucket) {
                record.waited.remove(key);
            }
            self.let_go(bucket, totals);
        }
        removed != Removed::Nobody
    }

    /// Returns when the next entry expires.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.expiries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Returns the places of entries that have expired and are not removed yet, at most `max`.
    pub fn expired(&self, now_ms: u64, max: usize) -> Vec<Place> {
        let due = self.expiries.iter().take_while(|((at, _), _)| *at <= now_ms).take(max);
        due.map(|(_, place)| place.clone()).collect()
    }

    /// Removes an entry if it has expired. Gives its waiters to be woken.
    pub fn expire(
        &mut self,
        place: Place,
        now_ms: u64,
        totals: &Totals,
        woken: &mut Vec<Woken<W>>,
    ) {
        let Place { bucket, key } = place;
        let held = self.find(&bucket, &key).filter(|entry| !entry.exists_at(now_ms));
        let Some(before) = held.map(|entry| Usage::of(&key, &entry.value)) else { return };
        self.counts.expired += 1;
        totals.credit(Charge { usage: before, ..Charge::default() });
        let mut room = self.slice;
        self.put(&bucket, Planned { key, entry: None, before }, &mut room, totals, woken);
        self.let_go(&bucket, totals);
    }

    /// Returns what each bucket holds, in the order of their names, after a name.
    pub fn buckets(&self, after: Option<&str>, limit: usize) -> Vec<BucketStats> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.buckets.range::<str, _>((start, Bound::Unbounded));
        let stats = range.take(limit).map(|(name, bucket)| BucketStats {
            name: name.clone(),
            usage: bucket.usage,
            keys_waited_for: bucket.waited.len(),
        });
        stats.collect()
    }
}

/// Returns when an entry expires, as its place in the order of expiries.
fn expiry(entry: Option<&Entry>) -> Option<(u64, Version)> {
    entry.and_then(|entry| Some((entry.expires_ms?, entry.version)))
}
