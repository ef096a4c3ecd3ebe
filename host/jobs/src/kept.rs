//! The table of jobs that are kept until they have succeeded.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{JobId, JobLimits, LimitReached};
use crate::pause::pause_ms;
use crate::record::{JobFailure, Record};
use snow_core::sync::Arc;

/// How long after a job was handed to the disk the table looks whether it is there, if nobody has
/// said so: a call that was ended meanwhile does not.
const LOOK_AFTER_MS: u64 = 60_000;
/// How long after a job was to be removed from the disk this is tried again.
const REMOVE_AGAIN_MS: u64 = 10_000;

/// Jobs that are kept: all but their payloads, which are where the jobs are kept.
///
/// It only decides; whoever owns it reads and writes. A job is [reserved](Kept::reserve), written,
/// and [confirmed](Kept::confirm). When it is [due](Kept::pop_due) it is queued, then it
/// [begins](Kept::begin), and it either succeeds and [leaves](Kept::leave), or [fails](Kept::fail) and
/// is due again later.
#[derive(Debug, Default)]
pub struct Kept {
    jobs: BTreeMap<JobId, Job>,
    /// When something is to be done about a job.
    due: BTreeSet<(u64, JobId)>,
    /// Those that have failed for good, the oldest first.
    failed: BTreeSet<(u64, JobId)>,
    /// How many jobs each guest has.
    guests: BTreeMap<Arc<str>, usize>,
    bytes: usize,
}

#[derive(Debug)]
struct Job {
    record: Record,
    bytes: usize,
    state: KeptState,
    /// The job's entry in `due`.
    due_ms: Option<u64>,
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptState {
    /// It is being written, and does not exist for anybody yet.
    Written,
    /// It waits until it is due.
    Waits,
    /// It is due, and waits for an executor, or until its guest is there.
    Queued,
    /// It runs.
    Runs,
    /// It has failed for good.
    Failed,
    /// It has succeeded, or a person does not want it any more, and it is being removed.
    Leaves,
}

impl KeptState {
    /// Returns the word for people.
    pub fn name(self) -> &'static str {
        match self {
            KeptState::Written => "being written",
            KeptState::Waits => "waiting",
            KeptState::Queued => "due",
            KeptState::Runs => "running",
            KeptState::Failed => "failed",
            KeptState::Leaves => "being removed",
        }
    }
}

/// What is to be done about a job now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is to be queued.
    Queue(JobId, Arc<str>),
    /// Nobody has said whether it was written: look, and [confirm](Kept::confirm) or
    /// [drop](Kept::remove) it.
    Look(JobId),
    /// It is to be removed where it is kept, and then [here](Kept::remove).
    Remove(JobId),
}

/// What follows from an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The record, to be written.
    pub record: Record,
    /// Older jobs that have failed for good, to be removed where they are kept: there are too many.
    /// They are gone from the table.
    pub forgotten: Vec<JobId>,
}

impl Kept {
    /// Returns how many jobs are kept.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether no job is kept.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Returns how many of them have failed for good.
    pub fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Returns the bytes of their names and payloads.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns when something is to be done next, in milliseconds since 1970.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(at_ms, _)| *at_ms)
    }

    /// Returns the record of a job as it is to be written. `None` if the job is gone or leaves.
    pub fn record(&self, id: JobId) -> Option<&Record> {
        let job = self.jobs.get(&id).filter(|job| job.state != KeptState::Leaves)?;
        Some(&job.record)
    }

    /// Takes room for a job that is about to be written.
    ///
    /// # Errors
    /// Too many jobs or bytes are kept.
    pub fn reserve(
        &mut self,
        id: JobId,
        record: Record,
        payload_bytes: usize,
        now_ms: u64,
        limits: &JobLimits,
    ) -> Result<(), LimitReached> {
        let own = self.guests.get(&record.guest).copied().unwrap_or_default();
        let bytes = record.name.len() + payload_bytes;
        let (own_max, jobs_max) = (limits.guest_jobs_kept_max, limits.jobs_kept_max);
        let bytes_max = limits.jobs_kept_bytes_max;
        LimitReached::check(own + 1, own_max, "jobs are kept", "guest_jobs_kept_max")?;
        LimitReached::check(self.jobs.len() + 1, jobs_max, "jobs are kept", "jobs_kept_max")?;
        let of_bytes = "bytes of jobs are kept";
        LimitReached::check(self.bytes + bytes, bytes_max, of_bytes, "jobs_kept_bytes_max")?;
        self.insert(id, record, bytes, KeptState::Written);
        self.set_due(id, Some(now_ms + LOOK_AFTER_MS));
        Ok(())
    }

    /// Takes up a job that was kept before the start. No limit is looked at: it is there.
    pub fn load(&mut self, id: JobId, record: Record, payload_bytes: usize) {
        let bytes = record.name.len() + payload_bytes;
        let (failed_ms, next_ms) = (record.failed_ms, record.next_ms);
        self.remove(id);
        match failed_ms {
            Some(failed_ms) => {
                self.insert(id, record, bytes, KeptState::Failed);
                self.failed.insert((failed_ms, id));
            }
            None => {
                self.insert(id, record, bytes, KeptState::Waits);
                self.set_due(id, Some(next_ms));
            }
        }
    }

    /// Notes that a job was written: it is due at its time. False if there is no such job.
    pub fn confirm(&mut self, id: JobId) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        if job.state == KeptState::Written {
            job.state = KeptState::Waits;
            let next_ms = job.record.next_ms;
            self.set_due(id, Some(next_ms));
        }
        true
    }

    /// Removes a job from the table, whatever it does. Returns whether it was there.
    pub fn remove(&mut self, id: JobId) -> bool {
        self.set_due(id, None);
        let Some(job) = self.jobs.remove(&id) else { return false };
        self.bytes -= job.bytes;
        if let Some(failed_ms) = job.record.failed_ms {
            self.failed.remove(&(failed_ms, id));
        }
        if let Some(count) = self.guests.get_mut(&job.record.guest) {
            *count -= 1;
            if *count == 0 {
                self.guests.remove(&job.record.guest);
            }
        }
        true
    }

    /// Returns something that is to be done by now. A job that is to be queued counts as such from
    /// now on.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<Due> {
        let (at_ms, id) = *self.due.first()?;
        if at_ms > now_ms {
            return None;
        }
        let job = self.jobs.get_mut(&id)?;
        let (due, again_ms) = match job.state {
            KeptState::Written => (Due::Look(id), Some(now_ms + LOOK_AFTER_MS)),
            KeptState::Leaves => (Due::Remove(id), Some(now_ms + REMOVE_AGAIN_MS)),
            _ => {
                job.state = KeptState::Queued;
                (Due::Queue(id, job.record.guest.clone()), None)
            }
        };
        self.set_due(id, again_ms);
        Some(due)
    }

    /// Begins an attempt of a job that is queued, and returns its record. `None` if it is gone or
    /// waits again: somebody has changed it meanwhile.
    pub fn begin(&mut self, id: JobId) -> Option<Record> {
        let job = self.jobs.get_mut(&id).filter(|job| job.state == KeptState::Queued)?;
        job.state = KeptState::Runs;
        Some(job.record.clone())
    }

    /// Lets a job be due again whose attempt was not its own fault, so that it does not count.
    pub fn put_back(&mut self, id: JobId, at_ms: u64) {
        if let Some(job) = self.jobs.get_mut(&id)
            && matches!(job.state, KeptState::Queued | KeptState::Runs)
        {
            job.state = KeptState::Waits;
            self.set_due(id, Some(at_ms));
        }
    }

    /// Notes that a job is to be removed, whatever it does. If nobody says that it
    /// [was](Kept::remove), that is due again after a while. Returns false if there is no such job,
    /// or it leaves already.
    pub fn leave(&mut self, id: JobId, now_ms: u64) -> bool {
        let stays = |job: &&mut Job| job.state != KeptState::Leaves;
        let Some(job) = self.jobs.get_mut(&id).filter(stays) else { return false };
        job.state = KeptState::Leaves;
        if let Some(failed_ms) = job.record.failed_ms.take() {
            self.failed.remove(&(failed_ms, id));
        }
        self.set_due(id, Some(now_ms + REMOVE_AGAIN_MS));
        true
    }

    /// Notes that an attempt has failed, for good if it `is_final` or was the last one. `None` if
    /// the job is gone.
    pub fn fail(
        &mut self,
        id: JobId,
        failure: JobFailure,
        is_final: bool,
        (now_ms, random): (u64, u64),
        limits: &JobLimits,
    ) -> Option<Failed> {
        let job = self.jobs.get_mut(&id).filter(|job| job.state == KeptState::Runs)?;
        let record = &mut job.record;
        record.attempts = record.attempts.saturating_add(1);
        record.failure = Some(failure);
        if is_final || record.attempts >= record.attempts_max {
            record.failed_ms = Some(now_ms);
            job.state = KeptState::Failed;
            let record = record.clone();
            self.failed.insert((now_ms, id));
            let forgotten = self.forget_failed(limits.jobs_failed_max);
            return Some(Failed { record, forgotten });
        }
        record.next_ms = now_ms + pause_ms(record.attempts, random);
        job.state = KeptState::Waits;
        let (record, next_ms) = (record.clone(), record.next_ms);
        self.set_due(id, Some(next_ms));
        Some(Failed { record, forgotten: Vec::new() })
    }

    /// Lets a job be tried again that waits or has failed for good. Returns its record, to be
    /// written.
    pub fn retry(&mut self, id: JobId, now_ms: u64) -> Option<Record> {
        let is_idle = |state| matches!(state, KeptState::Waits | KeptState::Failed);
        let job = self.jobs.get_mut(&id).filter(|job| is_idle(job.state))?;
        if let Some(failed_ms) = job.record.failed_ms {
            self.failed.remove(&(failed_ms, id));
        }
        job.record.try_again(now_ms);
        job.state = KeptState::Waits;
        let record = job.record.clone();
        self.set_due(id, Some(now_ms));
        Some(record)
    }

    /// Returns the first jobs after an id, in the order of the ids.
    pub fn list(
        &self,
        after: Option<JobId>,
        limit: usize,
    ) -> impl Iterator<Item = (JobId, &Record, KeptState)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let jobs = self.jobs.range((from, Unbounded)).take(limit);
        jobs.map(|(id, job)| (*id, &job.record, job.state))
    }

    /// Removes the oldest of too many jobs that have failed for good.
    fn forget_failed(&mut self, most: usize) -> Vec<JobId> {
        let mut forgotten = Vec::new();
        while self.failed.len() > most
            && let Some((_, id)) = self.failed.first().copied()
        {
            self.remove(id);
            forgotten.push(id);
        }
        forgotten
    }

    fn insert(&mut self, id: JobId, record: Record, bytes: usize, state: KeptState) {
        *self.guests.entry(record.guest.clone()).or_default() += 1;
        self.bytes += bytes;
        self.jobs.insert(id, Job { record, bytes, state, due_ms: None });
    }

    fn set_due(&mut self, id: JobId, at_ms: Option<u64>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if let Some(before_ms) = std::mem::replace(&mut job.due_ms, at_ms) {
            self.due.remove(&(before_ms, id));
        }
        if let Some(at_ms) = at_ms {
            self.due.insert((at_ms, id));
        }
    }
}

#[cfg(test)]
mod tests;
