//! One batch, from the queue to the disk and back.

use snow_core::sync::{Arc, lock};

use super::draft::{Below, Draft, Drafted};
use super::{Changes, Disk, JournalError, Queued, Writer};
use crate::entry::{Entry, Place};
use crate::error::StoreError;
use crate::limits::Usage;
use crate::listener::Listener;
use crate::shard::LOOKS;
use crate::share::Share;
use crate::store::Store;
use crate::write::{Outcome, Write};

/// How long a disk that has failed is left alone, unless somebody writes.
pub(crate) const RETRY_MS: u64 = 1_000;

impl<L: Listener> Below for Store<L> {
    fn find(&self, bucket: &str, key: &str) -> Option<Entry> {
        self.shard(bucket).find(bucket, key).cloned()
    }

    fn usage(&self, bucket: &str) -> Option<Usage> {
        self.shard(bucket).usage(bucket)
    }

    fn share(&self, bucket: &str) -> Share {
        let mut shard = self.shard(bucket);
        shard.shares.free_replaced(LOOKS, &self.totals);
        shard.share(bucket)
    }
}

/// What a refused write means for those after it in its batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusals {
    /// Nothing: they are of others.
    AreAlone,
    /// They are not done, and have no result.
    EndBatch,
}

/// A write of a batch with its plan, or the reason why it is refused.
type Decided<C> = (Queued<C>, Result<Drafted, StoreError>);

/// The result of a write, and who is told. `None`: whoever called and waits.
pub(crate) type Told<C> = (Option<C>, Result<Outcome, StoreError>);

impl<L: Listener> Store<L> {
    /// Does writes on disk as one batch, up to the first that is refused, and returns when they are
    /// durable.
    pub(crate) fn apply_on_disk(
        &self,
        disk: &Disk<L::Caller>,
        writes: Vec<Write>,
        now_ms: u64,
    ) -> Vec<Result<Outcome, StoreError>> {
        let mut writer = lock(&disk.writer);
        let batch = writes.into_iter().map(|write| Queued { write, caller: None }).collect();
        let told = self.commit(disk, &mut writer, batch, Vec::new(), Refusals::EndBatch, now_ms);
        told.into_iter().map(|(_, result)| result).collect()
    }

    /// Removes entries that have expired and does the writes of the next batch. Returns how many of
    /// both.
    pub(crate) fn work_on_disk(
        &self,
        disk: &Disk<L::Caller>,
        expired: Vec<Place>,
        now_ms: u64,
    ) -> usize {
        let mut writer = lock(&disk.writer);
        let batch = disk.take();
        let used = batch.len() + expired.len();
        let told = self.commit(disk, &mut writer, batch, expired, Refusals::AreAlone, now_ms);
        drop(writer);
        for (caller, result) in told {
            if let Some(caller) = caller {
                self.listener().done(caller, result);
            }
        }
        used
    }

    /// Decides about a batch, makes it durable, and then makes its changes in memory.
    fn commit(
        &self,
        disk: &Disk<L::Caller>,
        writer: &mut Writer,
        batch: Vec<Queued<L::Caller>>,
        expired: Vec<Place>,
        refusals: Refusals,
        now_ms: u64,
    ) -> Vec<Told<L::Caller>> {
        let limits = self.limits();
        let mut draft = Draft::new(self, &self.totals, &limits);
        // Entries that have expired go first, so that they make room.
        let removed: Vec<(Arc<str>, Drafted)> = expired
            .into_iter()
            .filter_map(|place| {
                let drafted = draft.expire(&place, now_ms)?;
                Some((place.bucket, drafted))
            })
            .collect();
        let mut decided: Vec<Decided<L::Caller>> = Vec::new();
        for queued in batch {
            let drafted = draft.write(&queued.write, &self.versions, now_ms);
            let is_last = drafted.is_err() && refusals == Refusals::EndBatch;
            decided.push((queued, drafted));
            if is_last {
                break;
            }
        }
        let (changes, charged) = draft.finish(self.versions.last());
        let writes = removed.len() + decided.len();
        match self.make_durable(disk, writer, changes, writes) {
            Ok(()) => {
                for (bucket, drafted) in removed {
                    self.shard(&bucket).counts.expired += 1;
                    self.carry_out_drafted(&bucket, drafted, now_ms);
                }
                let decided = decided.into_iter();
                decided.map(|(queued, drafted)| self.conclude(queued, drafted, now_ms)).collect()
            }
            Err(error) => {
                self.totals.credit(charged);
                // Whatever was decided about a write, it may have been because of another write of
                // this batch. So all of them failed.
                let unavailable = StoreError::Unavailable(error.reason.into());
                let failed = decided
                    .into_iter()
                    .map(|(queued, _)| self.conclude(queued, Err(unavailable.clone()), now_ms));
                failed.collect()
            }
        }
    }

    /// Makes the changes of a write whose batch is durable, and returns its result.
    fn conclude(
        &self,
        queued: Queued<L::Caller>,
        drafted: Result<Drafted, StoreError>,
        now_ms: u64,
    ) -> Told<L::Caller> {
        let Queued { write, caller } = queued;
        self.shard(&write.bucket).counts.tally(&drafted);
        if let Err(error) = &drafted {
            self.note_refusal(error, now_ms);
        }
        let result = drafted.map(|drafted| {
            let outcome = drafted.plan.outcome.clone();
            self.carry_out_drafted(&write.bucket, drafted, now_ms);
            outcome
        });
        (caller, result)
    }

    fn carry_out_drafted(&self, bucket: &Arc<str>, drafted: Drafted, now_ms: u64) {
        let Drafted { plan, bucket_is_charged } = drafted;
        self.carry_out(self.shard(bucket), bucket, plan, bucket_is_charged, now_ms);
    }

    /// Gives changes to the journal. Tells the listener if the disk begins to fail by it, or takes
    /// writes again.
    fn make_durable(
        &self,
        disk: &Disk<L::Caller>,
        writer: &mut Writer,
        changes: Changes,
        writes: usize,
    ) -> Result<(), JournalError> {
        let has_changes = !changes.is_empty();
        if !has_changes && writer.in_doubt.is_none() {
            return Ok(());
        }
        // A disk that has failed is tried again even if there is nothing to write.
        let mut result = self.settle_doubt(writer);
        if has_changes && result.is_ok() {
            result = writer.journal.commit(&changes);
            writer.in_doubt = result.is_err().then_some(changes);
        }
        if disk.tally(writes, &result) {
            self.listener().disk(result.as_ref().err());
        }
        if has_changes { result } else { Ok(()) }
    }

    /// Sets the keys of a batch that failed to what they hold in memory, in the journal. Before
    /// that nothing else is written, so there is never more than one such batch.
    fn settle_doubt(&self, writer: &mut Writer) -> Result<(), JournalError> {
        let Some(doubt) = &writer.in_doubt else { return Ok(()) };
        let mut settled = doubt.clone();
        for (bucket, entries) in &mut settled.entries {
            for (key, entry) in entries {
                *entry = self.find(bucket, key);
            }
        }
        writer.journal.commit(&settled)?;
        writer.in_doubt = None;
        Ok(())
    }
}
