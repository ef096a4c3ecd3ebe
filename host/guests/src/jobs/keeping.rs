//! Jobs that are kept in the store: how they are written, read at the start, shown and removed.

use std::sync::Arc;

use snow_core::lock;
use snow_jobs::{Happening, JobId, JobLimits, KeptState, LimitReached, Record};
use snow_runtime::Level;
use snow_state::{Action, Condition, Outcome, StoreError, Submitted, Write};

use super::BUCKET;
use super::office::Jobs;
use crate::contract::state::listener::{AlsoDone, Writer};

/// Something to be done about jobs that are kept or scheduled, without a lock.
pub(super) enum Chore {
    /// Nobody has said whether the job was written.
    Look(JobId),
    /// The job was to be removed some time ago, and is still there.
    Remove(JobId),
    /// The log is to be told.
    Tell(Happening),
    Warn(String),
}

/// A job that is kept, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// The job's id.
    pub id: JobId,
    /// What is known of it.
    pub record: Record,
    /// What it is doing.
    pub state: KeptState,
    /// Whether it is due and its guest is not there, or has no jobs.
    pub is_orphaned: bool,
}

/// Some of the jobs that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsPage {
    /// The jobs, in the order of their ids.
    pub jobs: Vec<JobRow>,
    /// The last one, if more may follow.
    pub next: Option<JobId>,
}

/// A schedule, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// The guest's name.
    pub guest: Arc<str>,
    /// The job's name.
    pub job: String,
    /// When it comes, as it is written in the manifest.
    pub times: String,
    /// When it is due next, in milliseconds since 1970.
    pub next_ms: Option<u64>,
    /// Whether a run of it is under way.
    pub is_under_way: bool,
}

impl Jobs {
    /// Takes up all jobs that the store has kept from before. To be called once, before anything is
    /// published.
    pub fn load(&self) {
        if !self.store.is_on_disk() {
            return;
        }
        let now_ms = self.clock.wall_ms();
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = self.store.list(BUCKET, "", after.as_deref(), usize::MAX, now_ms);
            page.keys.iter().for_each(|key| self.take_up(key));
            match page.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }

    /// Takes up a job that the store has and the table has not.
    fn take_up(&self, key: &str) {
        let Some(entry) = self.store.get(BUCKET, key, self.clock.wall_ms()) else { return };
        match JobId::parse(key).zip(Record::decode(&entry.value).ok()) {
            Some((id, (record, payload))) => {
                let had_failed = record.failed_ms.is_some();
                let kept = &mut lock(&self.state).kept;
                kept.load(id, record, payload.len(), self.clock.wall_ms());
                let record = kept.record(id).cloned();
                let has_failed = record.filter(|it| it.failed_ms.is_some() && !had_failed);
                let Some(record) = has_failed else { return };
                self.log.host(
                    Level::Error,
                    format!(
                        "guest={} id={id} job={:?}: it has failed for good: the server ended while it \
                         ran, in each of {} attempts. `snow-host jobs` shows it",
                        record.guest, record.name, record.attempts
                    ),
                );
            }
            None => {
                let message = format!(
                    "the key {key:?} of the bucket {BUCKET} is not a job, so it is left alone"
                );
                self.log.host(Level::Warn, message);
            }
        }
    }

    /// Takes room for a job that is about to be written to the store.
    pub(crate) fn reserve(
        &self,
        id: JobId,
        record: Record,
        payload_bytes: usize,
        limits: &JobLimits,
    ) -> Result<(), LimitReached> {
        let now_ms = self.clock.wall_ms();
        lock(&self.state).kept.reserve(id, record, payload_bytes, now_ms, limits)
    }

    /// Notes that a job was written.
    fn confirm(&self, id: JobId) {
        let is_known = lock(&self.state).kept.confirm(id);
        if !is_known {
            // The disk took so long that the job was taken for one that was not written.
            self.take_up(&id.to_string());
        }
        self.ring();
    }

    /// Returns what takes up the result of the write of a new job, whatever becomes of the call that
    /// waits for it.
    pub(crate) fn written(&self, id: JobId) -> AlsoDone {
        let this = self.this.clone();
        Box::new(move |result| {
            let Some(jobs) = this.upgrade() else { return };
            match result {
                Ok(_) => jobs.confirm(id),
                Err(_) => jobs.withdraw(id),
            }
        })
    }

    /// Gives the room of a job back that was not written.
    pub(crate) fn withdraw(&self, id: JobId) {
        lock(&self.state).kept.remove(id);
    }

    /// Returns the payload of a job that is kept. `None` if somebody has removed it from the store:
    /// then it is gone here too.
    pub(super) fn payload(&self, id: JobId) -> Option<Vec<u8>> {
        let entry = self.store.get(BUCKET, &id.to_string(), self.clock.wall_ms());
        let payload = entry.and_then(|entry| {
            Record::decode(&entry.value).ok().map(|(_, payload)| payload.to_vec())
        });
        if payload.is_none() {
            lock(&self.state).kept.remove(id);
        }
        payload
    }

    pub(super) fn do_chores(&self, chores: Vec<Chore>) {
        for chore in chores {
            match chore {
                Chore::Look(id) => {
                    let key = id.to_string();
                    match self.store.get(BUCKET, &key, self.clock.wall_ms()).is_some() {
                        true => self.confirm(id),
                        false => self.withdraw(id),
                    }
                }
                Chore::Remove(id) => self.delete(id),
                Chore::Warn(message) => self.log.host(Level::Warn, message),
                Chore::Tell(Happening::Run { missed: 0, .. }) => {}
                Chore::Tell(Happening::Run { guest, schedule, missed, .. }) => {
                    let message = format!(
                        "guest={guest} job={:?}: late: {missed} more runs of its schedule are skipped",
                        schedule.job
                    );
                    self.log.host(Level::Warn, message);
                }
                Chore::Tell(Happening::Skipped { guest, job, has_begun }) => {
                    let last = match has_begun {
                        true => "is still under way",
                        false => "still waits for an executor",
                    };
                    let message = format!(
                        "guest={guest} job={job:?}: it is due again, and its last run {last}: runs are \
                         skipped until that ends"
                    );
                    self.log.host(Level::Warn, message);
                }
            }
        }
    }

    /// Removes a job from the store, and then from the table. If the disk does not take that, it is
    /// tried again as long as the job [leaves](snow_jobs::Kept::leave).
    pub(super) fn delete(&self, id: JobId) {
        let action = Action::Delete { key: id.to_string().into(), only: Condition::Always };
        let this = self.this.clone();
        self.write(action, move |result| {
            if let (Ok(_), Some(jobs)) = (result, this.upgrade()) {
                lock(&jobs.state).kept.remove(id);
            }
        });
    }

    /// Writes what is known of a job by now, or what is given, beside its payload.
    pub(super) fn rewrite(&self, id: JobId, given: Option<&Record>) {
        let key = id.to_string();
        let Some(entry) = self.store.get(BUCKET, &key, self.clock.wall_ms()) else { return };
        let Ok((_, payload)) = Record::decode(&entry.value) else { return };
        let log = self.log.clone();
        // Under the lock, so that the last one who writes has the newest record. And a job leaves
        // in the table before it is removed from the store. So this is written before that, or not
        // at all, and no job comes back.
        let state = lock(&self.state);
        let Some(known) = state.kept.record(id) else { return };
        let record = given.unwrap_or(known);
        let (value, only) = (record.encode(payload).into(), Condition::Always);
        self.write(Action::Set { key: key.into(), value, expires_ms: None, only }, move |result| {
            if let Err(error) = result {
                let message = format!(
                    "job {id}: its attempts can't be written, so they will count anew after a restart: \
                     {error}"
                );
                log.host(Level::Warn, message);
            }
        });
    }

    /// Submits a write to the bucket of jobs. `done` is called with its result, perhaps on another
    /// thread, and perhaps before this returns.
    fn write(
        &self,
        action: Action,
        done: impl FnOnce(Result<Outcome, StoreError>) + Clone + Send + 'static,
    ) {
        let write = Write { bucket: BUCKET.into(), action };
        let writer = Writer::Job(Box::new(done.clone()));
        match self.store.submit(write, writer, self.clock.wall_ms()) {
            Ok(Submitted::Queued) => {}
            Ok(Submitted::Done(outcome)) => done(Ok(outcome)),
            Err(error) => done(Err(error)),
        }
    }

    /// Returns the jobs that are kept after one of them: `limit` of them at most.
    pub fn list(&self, after: Option<JobId>, limit: usize) -> JobsPage {
        let state = lock(&self.state);
        let jobs: Vec<JobRow> = state
            .kept
            .list(after, limit)
            .map(|(id, record, kept)| JobRow {
                id,
                record: record.clone(),
                state: kept,
                is_orphaned: kept == KeptState::Queued && state.serving(&record.guest).is_none(),
            })
            .collect();
        let next = jobs.last().map(|last| last.id).filter(|_| jobs.len() == limit);
        JobsPage { jobs, next }
    }

    /// Returns the schedules of all guests.
    pub fn schedules(&self) -> Vec<ScheduleRow> {
        let state = lock(&self.state);
        let row = |(guest, schedule, next_ms, is_under_way): (
            &Arc<str>,
            &snow_jobs::Schedule,
            Option<u64>,
            bool,
        )| ScheduleRow {
            guest: guest.clone(),
            job: schedule.job.clone(),
            times: schedule.times.to_string(),
            next_ms,
            is_under_way,
        };
        state.timetable.list().map(row).collect()
    }

    /// Lets a job be tried again now that waits or has failed for good. Returns false if there is
    /// no such job, or it is under way.
    pub fn retry(&self, id: JobId) -> bool {
        let is_idle = lock(&self.state).kept.retry(id, self.clock.wall_ms()).is_some();
        if is_idle {
            self.rewrite(id, None);
            self.ring();
        }
        is_idle
    }

    /// Removes a job that is kept. Returns whether it is under way: then it runs to its end all the
    /// same. `None` if there is no such job.
    pub fn remove(&self, id: JobId) -> Option<bool> {
        let mut state = lock(&self.state);
        let is_running = state.kept.is_running(id);
        let was_there = state.kept.leave(id, self.clock.wall_ms());
        drop(state);
        was_there.then(|| {
            self.delete(id);
            is_running
        })
    }
}
