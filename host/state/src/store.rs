//! The store: shards, totals, and what is done to them from outside.

use snow_core::Key;
use snow_core::sync::{Mutex, MutexGuard, lock};

use crate::entry::{Entry, Version, Versions};
use crate::error::StoreError;
use crate::limits::{Charge, StoreLimits, Totals};
use crate::listener::{Alarm, Listener};
use crate::shard::{Page, SLICE, Shard};
use crate::stats::{BucketStats, Counts, StoreStats};
use crate::waiters::Woken;
use crate::write::{Action, Outcome, Write, check_count, check_key, evaluate};

/// The number of shards. Two guests with buckets of their own rarely meet at a lock.
const SHARDS: usize = 16;

/// Buckets of keys, shared by all threads. The [crate](crate) has an example.
///
/// Every operation is handed the time, in milliseconds since 1970.
pub struct Store<L: Listener> {
    shards: Box<[Mutex<Shard<L::Waiter>>]>,
    totals: Totals,
    versions: Versions,
    alarm: Alarm,
    listener: L,
}

/// What became of a write that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is done. The caller is not told again.
    Done(
        /// What it did.
        Outcome,
    ),
    /// It waits for the disk. [`Listener::done`] is told its result.
    Queued,
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

impl<L: Listener> Store<L> {
    /// Creates an empty store whose content ends with the process.
    pub fn in_memory(limits: StoreLimits, listener: L, now_ms: u64) -> Store<L> {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(limits))).collect();
        Store {
            shards,
            totals: Totals::default(),
            versions: Versions::new(now_ms, None),
            alarm: Alarm::new(),
            listener,
        }
    }

    /// Returns whether the content outlives the process. Then a write waits for the disk, and a
    /// thread that must not wait [submits](Store::submit) it.
    pub fn is_on_disk(&self) -> bool {
        false
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

    /// Does a write, and returns when it is done. If the store is on disk, this waits for the disk.
    ///
    /// # Errors
    /// Any [`StoreError`]. Then nothing has changed.
    pub fn apply(&self, write: &Write, now_ms: u64) -> Result<Outcome, StoreError> {
        self.apply_in_memory(write, now_ms)
    }

    /// Does a write without waiting: at once if the store is in memory, or else by the store's
    /// thread, which tells the caller.
    ///
    /// # Errors
    /// Any [`StoreError`]. Then nothing has changed, and the caller is not told again.
    pub fn submit(
        &self,
        write: Write,
        caller: L::Caller,
        now_ms: u64,
    ) -> Result<Submitted, StoreError> {
        drop(caller);
        self.apply_in_memory(&write, now_ms).map(Submitted::Done)
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
        let checked = check_key(bucket, &shard.limits).and_then(|()| check_key(key, &shard.limits));
        let waits = checked.and_then(|()| shard.wait(bucket, key, waiter, &self.totals));
        match waits {
            Ok(key) => {
                shard.counts.waits += 1;
                Ok(Watch::Waiting(Ticket { shard: number as u16, key }))
            }
            Err(error) => {
                shard.counts.refused += 1;
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

    /// Does what is due: removes entries that have expired, and wakes waiters that a write has left.
    /// Returns when to call it next, which may be at once. Call it earlier if the listener is
    /// [told](Listener::work_at).
    ///
    /// `budget` is about how many entries and waiters it deals with before it returns. One thread
    /// calls it.
    pub fn work(&self, now_ms: u64, budget: usize) -> Option<u64> {
        self.alarm.clear();
        let mut left = budget;
        let mut is_done = false;
        while !is_done && left > 0 {
            is_done = true;
            for shard in &self.shards {
                let used = self.work_on(shard, now_ms, left.min(SLICE));
                is_done &= used == 0;
                left = left.saturating_sub(used);
            }
        }
        for shard in &self.shards {
            let shard = lock(shard);
            let waves_at = shard.waiters.has_waves().then_some(now_ms);
            if let Some(at) = waves_at.into_iter().chain(shard.next_expiry_ms()).min() {
                self.alarm.ask(at);
            }
        }
        self.alarm.at_ms()
    }

    /// Removes some expired entries of a shard, and wakes some waiters. Returns how many of both.
    fn work_on(&self, shard: &Mutex<Shard<L::Waiter>>, now_ms: u64, max: usize) -> usize {
        let mut woken = Vec::new();
        let mut shard = lock(shard);
        let expired = shard.expired(now_ms, max);
        let removed = expired.len();
        for place in expired {
            shard.expire(place, now_ms, &self.totals, &mut woken);
        }
        if let Some(slice) = shard.waiters.next_slice(max) {
            shard.counts.woken += slice.waiters.len() as u64;
            woken.push(slice);
        }
        drop(shard);
        removed + self.wake(&woken)
    }

    /// Returns what the store holds and has done.
    pub fn stats(&self) -> StoreStats {
        let mut counts = Counts::default();
        for shard in &self.shards {
            counts.add(&lock(shard).counts);
        }
        let Charge { usage, buckets, waiters } = self.totals.now();
        StoreStats { usage, buckets, waiters, counts, disk: None }
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

    /// Does a write under its shard's lock, and then wakes the first waiters.
    fn apply_in_memory(&self, write: &Write, now_ms: u64) -> Result<Outcome, StoreError> {
        let mut woken = Vec::new();
        let mut shard = self.shard(&write.bucket);
        let result = self.write(&mut shard, write, now_ms, &mut woken);
        shard.counts.tally(&result);
        let has_waves = shard.waiters.has_waves();
        drop(shard);
        self.wake(&woken);
        if has_waves {
            self.ask_for_work(now_ms);
        }
        if let (Action::Set { expires_ms: Some(at), .. }, Ok(_)) = (&write.action, &result) {
            self.ask_for_work(*at);
        }
        result
    }

    fn write(
        &self,
        shard: &mut Shard<L::Waiter>,
        write: &Write,
        now_ms: u64,
        woken: &mut Vec<Woken<L::Waiter>>,
    ) -> Result<Outcome, StoreError> {
        write.check(&shard.limits)?;
        let bucket = &write.bucket;
        let find = |key: &str| shard.find(bucket, key).cloned();
        let plan = evaluate(&write.action, find, &self.versions, now_ms)?;
        let charge = plan.charge(shard.usage(bucket), &shard.limits, &self.totals)?;
        let outcome = plan.outcome.clone();
        shard.carry_out(bucket, plan, charge.buckets == 1, &self.totals, woken);
        Ok(outcome)
    }

    /// Tells the listener of waiters that were taken off their lists. Returns how many.
    fn wake(&self, woken: &[Woken<L::Waiter>]) -> usize {
        let mut count = 0;
        for Woken { change, waiters } in woken {
            count += waiters.len();
            self.listener.changed(waiters, change);
        }
        self.totals.credit(Charge { waiters: count, ..Charge::default() });
        count
    }

    fn ask_for_work(&self, at_ms: u64) {
        if self.alarm.ask(at_ms) {
            self.listener.work_at(at_ms);
        }
    }

    fn shard(&self, bucket: &str) -> MutexGuard<'_, Shard<L::Waiter>> {
        lock(&self.shards[shard_of(bucket)])
    }
}

/// Returns the shard of a bucket, by the FNV-1a hash of its name.
fn shard_of(bucket: &str) -> usize {
    let hash = bucket.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The low bits of an FNV hash depend on the low bits of the text alone.
    (hash >> 32) as usize % SHARDS
}

#[cfg(test)]
mod tests;
