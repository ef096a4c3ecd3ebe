//! Writes: at once in memory, or through the queue to the disk.

use snow_core::sync::{Arc, MutexGuard};

use super::Store;
use super::work::REPLACED_MS;
use crate::entry::Entry;
use crate::error::StoreError;
use crate::limits::Charge;
use crate::listener::Listener;
use crate::shard::{LOOKS, Shard};
use crate::write::{Outcome, Plan, Write, evaluate};

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

impl<L: Listener> Store<L> {
    /// Does a write, and returns when it is done. If the store is on disk, this waits for the disk.
    ///
    /// # Errors
    /// Any [`StoreError`]. Then nothing has changed.
    pub fn apply(&self, write: &Write, now_ms: u64) -> Result<Outcome, StoreError> {
        match &self.disk {
            Some(disk) => {
                let mut results = self.apply_on_disk(disk, vec![write.clone()], now_ms);
                results.pop().expect("one write has one result")
            }
            None => self.apply_in_memory(write, now_ms),
        }
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
        let Some(disk) = &self.disk else {
            return self.apply_in_memory(&write, now_ms).map(Submitted::Done);
        };
        let mut shard = self.shard(&write.bucket);
        let limits = shard.limits;
        if let Err(error) = write.check(&limits).and_then(|()| disk.push(write, caller, &limits)) {
            shard.counts.refused += 1;
            return Err(error);
        }
        drop(shard);
        self.ask_for_work(now_ms);
        Ok(Submitted::Queued)
    }

    /// Does writes in order, up to the first that is refused. Returns the results, of which at most
    /// the last one is an error. On disk they are one batch; if the disk does not take it, all of
    /// them are errors.
    pub(crate) fn apply_until_refused(
        &self,
        writes: Vec<Write>,
        now_ms: u64,
    ) -> Vec<Result<Outcome, StoreError>> {
        let Some(disk) = &self.disk else {
            let mut is_refused = false;
            let results = writes.iter().map_while(|write| {
                let result = (!is_refused).then(|| self.apply_in_memory(write, now_ms))?;
                is_refused = result.is_err();
                Some(result)
            });
            return results.collect();
        };
        self.apply_on_disk(disk, writes, now_ms)
    }

    /// Does a write under its shard's lock, and then wakes the first waiters.
    fn apply_in_memory(&self, write: &Write, now_ms: u64) -> Result<Outcome, StoreError> {
        let mut shard = self.shard(&write.bucket);
        let decided = self.decide(&mut shard, write, now_ms);
        shard.counts.tally(&decided);
        let (plan, charge) = match decided {
            Ok(decided) => decided,
            Err(error) => {
                drop(shard);
                self.note_refusal(&error, now_ms);
                return Err(error);
            }
        };
        let outcome = plan.outcome.clone();
        self.carry_out(shard, &write.bucket, plan, charge.buckets == 1, now_ms);
        Ok(outcome)
    }

    /// Decides about a write, and charges what it adds.
    fn decide(
        &self,
        shard: &mut Shard<L::Waiter>,
        write: &Write,
        now_ms: u64,
    ) -> Result<(Plan, Charge), StoreError> {
        write.check(&shard.limits)?;
        shard.shares.free_replaced(LOOKS, &self.totals);
        let find = |key: &str| -> Option<Entry> { shard.find(&write.bucket, key).cloned() };
        let plan = evaluate(&write.action, find, &self.versions, now_ms)?;
        let (held, share) = (shard.usage(&write.bucket), shard.share(&write.bucket));
        let charge = plan.charge(held, &share, &shard.limits, &self.totals)?;
        Ok((plan, charge))
    }

    /// Makes the changes of a plan, lets the lock go, and then wakes the first waiters.
    pub(crate) fn carry_out(
        &self,
        mut shard: MutexGuard<'_, Shard<L::Waiter>>,
        bucket: &Arc<str>,
        plan: Plan,
        bucket_is_charged: bool,
        now_ms: u64,
    ) {
        let expiry_ms = plan.next_expiry_ms();
        let mut woken = Vec::new();
        shard.carry_out(bucket, plan, bucket_is_charged, &self.totals, &mut woken);
        let waves_ms = shard.waiters.has_waves().then_some(now_ms);
        let replaced_ms = shard.shares.has_replaced().then_some(now_ms + REPLACED_MS);
        drop(shard);
        self.wake(&woken);
        if let Some(at) = waves_ms.into_iter().chain(expiry_ms).chain(replaced_ms).min() {
            self.ask_for_work(at);
        }
    }
}
