//! The table of jobs that are kept until they have succeeded.

mod steps;

use std::collections::{BTreeMap, BTreeSet};

pub use self::steps::{Begun, Due, Failed};
use crate::limits::{JobId, JobLimits, LimitReached};
use crate::pause::pause_ms;
use crate::record::{JobFailure, Record};
use snow_core::sync::Arc;

/// How long after a job was handed to the disk the table looks whether it is there, if nobody has
/// said so: a call that was ended meanwhile does not.
const LOOK_AFTER_MS: u64 = 60_000;
/// How long after a job was to be removed from the disk this is tried again.
const REMOVE_AGAIN_MS: u64 = 10_000;
/// What a job that is kept takes beside its name and its payload, about: what is written of its
/// attempts, and its entry here.
const OVERHEAD_BYTES: usize = 500;
/// The code of a job's failure whose attempts all ended with the process.
const INTERRUPTED: &str = "interrupted";

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
    /// Those that have failed for good.
    failed: usize,
    guests: BTreeMap<Arc<str>, Own>,
    bytes: usize,
}

/// The jobs of one guest.
#[derive(Debug, Default)]
struct Own {
    jobs: usize,
    bytes: usize,
    /// Those that have failed for good, the oldest first.
    failed: BTreeSet<(u64, JobId)>,
}

#[derive(Debug)]
struct Job {
    record: Record,
    bytes: usize,
    state: KeptState,
    /// The job's entry in `due`.
    due_ms: Option<u64>,
    /// Whether it was there before the start, and no attempt of it has begun since then.
    is_left_over: bool,
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
        self.failed
    }

    /// Returns the bytes that they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns each guest that has jobs here which have not failed for good, and how many.
    pub fn guests(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        let guests = self.guests.iter().map(|(guest, own)| (guest, own.jobs - own.failed.len()));
        guests.filter(|(_, jobs)| *jobs > 0)
    }

    /// Returns when something is to be done next, in milliseconds since 1970.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(at_ms, _)| *at_ms)
    }

    /// Returns whether a job runs at this moment.
    pub fn is_running(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_some_and(|job| job.state == KeptState::Runs)
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
        let own = self.guests.get(&record.guest).map_or((0, 0), |own| (own.jobs, own.bytes));
        let bytes = bytes_of(&record, payload_bytes);
        let (jobs, of_bytes) = ("jobs are kept", "bytes of jobs are kept");
        for (number, most, what, limit) in [
            (own.0 + 1, limits.guest_jobs_kept_max, jobs, "guest_jobs_kept_max"),
            (self.jobs.len() + 1, limits.jobs_kept_max, jobs, "jobs_kept_max"),
            (
                own.1 + bytes,
                limits.guest_jobs_kept_bytes_max,
                of_bytes,
                "guest_jobs_kept_bytes_max",
            ),
            (self.bytes + bytes, limits.jobs_kept_bytes_max, of_bytes, "jobs_kept_bytes_max"),
        ] {
            LimitReached::check(number, most, what, limit)?;
        }
        self.insert(id, record, bytes, KeptState::Written);
        self.set_due(id, Some(now_ms + LOOK_AFTER_MS));
        Ok(())
    }

    /// Takes up a job that was kept before the start. No limit is looked at: it is there. One whose
    /// last attempt the process has not survived has failed for good.
    pub fn load(&mut self, id: JobId, mut record: Record, payload_bytes: usize, now_ms: u64) {
        if record.failed_ms.is_none() && record.attempts >= record.attempts_max {
            record.failed_ms = Some(now_ms);
            let message = "the server ended while it ran, each time".to_owned();
            record.failure.get_or_insert(JobFailure::new(INTERRUPTED.into(), message));
        }
        let bytes = bytes_of(&record, payload_bytes);
        let next_ms = record.next_ms;
        self.remove(id);
        if record.failed_ms.is_some() {
            self.insert(id, record, bytes, KeptState::Failed);
            self.set_failed(id, true);
            return;
        }
        self.insert(id, record, bytes, KeptState::Waits);
        self.set_due(id, Some(next_ms));
        if let Some(job) = self.jobs.get_mut(&id) {
            job.is_left_over = true;
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
        self.set_failed(id, false);
        let Some(job) = self.jobs.remove(&id) else { return false };
        self.bytes -= job.bytes;
        if let Some(own) = self.guests.get_mut(&job.record.guest) {
            (own.jobs, own.bytes) = (own.jobs - 1, own.bytes - job.bytes);
            if own.jobs == 0 {
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

    /// Begins an attempt of a job that is queued. `None` if it is gone or waits again: somebody has
    /// changed it meanwhile.
    pub fn begin(&mut self, id: JobId) -> Option<Begun> {
        let job = self.jobs.get_mut(&id).filter(|job| job.state == KeptState::Queued)?;
        job.state = KeptState::Runs;
        let record = job.record.clone();
        let counted = || Record { attempts: record.attempts.saturating_add(1), ..record.clone() };
        let to_write = std::mem::take(&mut job.is_left_over).then(counted);
        Some(Begun { record, to_write })
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
        self.set_failed(id, false);
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
            self.set_failed(id, true);
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
        self.jobs.get(&id).filter(|job| is_idle(job.state))?;
        self.set_failed(id, false);
        let job = self.jobs.get_mut(&id)?;
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

    /// Returns the jobs that are to be removed where they are kept.
    pub fn leaving(&self) -> impl Iterator<Item = JobId> {
        let jobs = self.jobs.iter().filter(|(_, job)| job.state == KeptState::Leaves);
        jobs.map(|(id, _)| *id)
    }

    /// Removes the oldest of too many jobs that have failed for good, of the guest that has the most
    /// of them: so no guest loses its own by another's.
    fn forget_failed(&mut self, most: usize) -> Vec<JobId> {
        let mut forgotten = Vec::new();
        while self.failed > most
            && let Some(own) = self.guests.values().max_by_key(|own| own.failed.len())
            && let Some((_, id)) = own.failed.first().copied()
        {
            self.remove(id);
            forgotten.push(id);
        }
        forgotten
    }

    fn insert(&mut self, id: JobId, record: Record, bytes: usize, state: KeptState) {
        let own = self.guests.entry(record.guest.clone()).or_default();
        (own.jobs, own.bytes) = (own.jobs + 1, own.bytes + bytes);
        self.bytes += bytes;
        self.jobs.insert(id, Job { record, bytes, state, due_ms: None, is_left_over: false });
    }

    /// Takes a job up among those that have failed for good, if its record says when, or takes it
    /// out.
    fn set_failed(&mut self, id: JobId, is_failed: bool) {
        let Some(Job { record, .. }) = self.jobs.get_mut(&id) else { return };
        let (Some(own), Some(failed_ms)) = (self.guests.get_mut(&record.guest), record.failed_ms)
        else {
            return;
        };
        if is_failed {
            self.failed += usize::from(own.failed.insert((failed_ms, id)));
        } else {
            self.failed -= usize::from(own.failed.remove(&(failed_ms, id)));
            record.failed_ms = None;
        }
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

/// Returns what a job takes.
fn bytes_of(record: &Record, payload_bytes: usize) -> usize {
    record.name.len() + payload_bytes + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests;
