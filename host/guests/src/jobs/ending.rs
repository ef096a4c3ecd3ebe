//! What follows from the end of a job.

use std::sync::Arc;

use snow_core::{PendingId, lock};
use snow_jobs::{Failed, JobFailure};
use snow_runtime::{Level, Settled, Settlement};

use super::counts::JobOutcome;
use super::office::{Jobs, Stopped, random};
use super::task::{Origin, Started, Task};
use crate::runtime::Runtime;

/// The code by which a job says that it is not to be tried again.
const GIVE_UP: &str = "give-up";
/// How long a job that is kept waits if there was no instance for it.
const NO_INSTANCE_PAUSE_MS: u64 = 1_000;

/// How an attempt ended.
pub(super) enum End {
    /// `run` returned a value.
    Value(Vec<u8>),
    /// `run` returned a failure.
    Failed { code: String, message: String },
    /// It could not go on: why, for the log.
    Fault(JobOutcome, String),
}

impl End {
    fn outcome(&self) -> JobOutcome {
        match self {
            End::Value(_) => JobOutcome::Value,
            End::Failed { .. } => JobOutcome::Failed,
            End::Fault(outcome, _) => *outcome,
        }
    }
}

impl Jobs {
    /// Counts and logs the end of an attempt, and does what follows from it.
    pub(super) fn ended(&self, runtime: &Runtime, task: &Task, end: End, took_ms: u64) {
        if let End::Fault(outcome, why) = &end
            && *outcome != JobOutcome::Stopped
        {
            self.tell(Level::Error, task, &format!("the job failed: {why}"));
        }
        let count = |outcome| {
            let name = &task.member.permit.name;
            lock(&self.state).counts.ended(name, outcome, took_ms);
        };
        match task.origin {
            Origin::Started(pending) => {
                if matches!(end, End::Fault(JobOutcome::Stopped, _)) {
                    self.count_stopped(&task.member.permit.name, (1, 0));
                }
                let (outcome, settled) = settled(runtime, task, end);
                // Before anybody learns of the end, who may look at the counts.
                count(outcome);
                settle(runtime, pending, settled);
            }
            Origin::Scheduled(schedule) => {
                count(end.outcome());
                let skipped = lock(&self.state).timetable.ended(schedule);
                if skipped > 0 {
                    let what = format!("{skipped} runs of its schedule were skipped meanwhile");
                    self.tell(Level::Warn, task, &what);
                }
                if let End::Failed { code, message } = end {
                    let JobFailure { code, message } = for_people(task, code, message);
                    self.tell(Level::Warn, task, &format!("the job failed: {code}: {message}"));
                }
            }
            Origin::Kept => {
                count(end.outcome());
                self.kept_ended(runtime, task, end);
            }
        }
    }

    fn kept_ended(&self, runtime: &Runtime, task: &Task, end: End) {
        let (id, now_ms) = (task.id, self.clock.wall_ms());
        let (failure, is_final) = match end {
            End::Value(_) => {
                lock(&self.state).kept.leave(id, now_ms);
                return self.delete(id);
            }
            // Neither is the job's fault.
            End::Fault(JobOutcome::Stopped, _) => {
                self.count_stopped(&task.member.permit.name, (0, 1));
                return self.put_back(task, now_ms);
            }
            End::Fault(JobOutcome::Overloaded, _) => {
                return self.put_back(task, now_ms + NO_INSTANCE_PAUSE_MS);
            }
            End::Failed { code, message } => {
                let is_final = code == GIVE_UP;
                (for_people(task, code, message), is_final)
            }
            End::Fault(outcome, why) => {
                (for_people(task, outcome.name().into(), first_line(&why)), false)
            }
        };
        let what = format!("{}: {}", failure.code, failure.message);
        let at = (now_ms, u64::from_le_bytes(random()));
        let limits = &runtime.limits.jobs;
        let failed = lock(&self.state).kept.fail(id, failure, is_final, at, limits);
        // `None` if somebody has removed it meanwhile.
        let Some(Failed { record, forgotten }) = failed else { return };
        self.rewrite(id, None);
        let attempts = (record.attempts, record.attempts_max);
        match record.failed_ms {
            Some(_) => {
                let shown = match forgotten.contains(&id) {
                    true => "It is not kept (jobs_failed_max)",
                    false => "`snow-host jobs` shows it",
                };
                let older = match forgotten.iter().filter(|older| **older != id).count() {
                    0 => String::new(),
                    count => {
                        format!(". {count} that failed before are forgotten (jobs_failed_max)")
                    }
                };
                let said = format!(
                    "it has failed for good, in attempt {} of {}: {what}. {shown}{older}",
                    attempts.0, attempts.1
                );
                self.tell(Level::Error, task, &said);
            }
            None => {
                let pause_ms = record.next_ms.saturating_sub(now_ms);
                let said = format!(
                    "attempt {} of {} failed: {what}. It is tried again in {pause_ms} ms",
                    attempts.0, attempts.1
                );
                self.tell(Level::Warn, task, &said);
            }
        }
        forgotten.into_iter().for_each(|id| self.delete(id));
    }

    /// Lets a job that is kept be tried again whose attempt does not count.
    fn put_back(&self, task: &Task, at_ms: u64) {
        lock(&self.state).kept.put_back(task.id, at_ms);
        // As it was before, and not as if this attempt counted.
        if task.to_write.is_some() {
            self.rewrite(task.id, None);
        }
    }

    /// Tells whoever waits for a job that it is not run any more, since the server ends.
    pub(super) fn stopped(&self, runtime: &Runtime, started: &Started) {
        self.count_stopped(&started.member.permit.name, (1, 0));
        let failed = Settlement::Failed {
            code: JobOutcome::Stopped.name().into(),
            message: "the server ends before the job does".into(),
        };
        settle(runtime, started.pending, Settled::new(failed));
    }

    fn count_stopped(&self, guest: &Arc<str>, (started, kept): (usize, usize)) {
        let mut state = lock(&self.state);
        let stopped = state.stopped.entry(guest.clone()).or_default();
        *stopped = Stopped { started: stopped.started + started, kept: stopped.kept + kept };
    }

    fn tell(&self, level: Level, task: &Task, what: &str) {
        let (guest, id, job) = (&task.member.permit.name, task.id, &task.name);
        let message = format!("guest={guest} id={id} job={job:?}: {what}");
        self.log.host(level, task.member.permit.masks.masked(message, usize::MAX));
    }
}

/// Returns a failure as people see it: without the secrets of the guest, and not too long.
fn for_people(task: &Task, code: String, message: String) -> JobFailure {
    let masks = &task.member.permit.masks;
    JobFailure::new(masks.masked(code, usize::MAX), masks.masked(message, usize::MAX))
}

/// Returns what happened, without the guest's backtrace.
fn first_line(why: &str) -> String {
    why.lines().next().unwrap_or_default().to_owned()
}

/// Returns what the pending of a job that a call has started is settled with, and as what that
/// counts.
fn settled(runtime: &Runtime, task: &Task, end: End) -> (JobOutcome, Settled) {
    let failed = |outcome: JobOutcome, message: String| {
        // It is short, and the guest has to learn it.
        let code = outcome.name().into();
        (outcome, Settled::new(Settlement::Failed { code, message }))
    };
    let outcome = end.outcome();
    let settlement = match end {
        End::Value(value) => Settlement::Value(value.into()),
        End::Failed { code, message } => Settlement::Failed { code, message },
        End::Fault(_, why) => {
            // Where the guest stood is for the log.
            let message = match outcome {
                JobOutcome::Trapped => "the job trapped: the host's log has the reason".to_owned(),
                JobOutcome::Overloaded => "there was no instance for the job".to_owned(),
                _ => first_line(&why),
            };
            return failed(outcome, message);
        }
    };
    let (bytes, most) = (settlement.bytes(), runtime.limits.settlement_bytes_max);
    if bytes > most {
        let why =
            format!("it returned {bytes} bytes; at most {most} are allowed (settlement_bytes_max)");
        return failed(JobOutcome::TooLarge, why);
    }
    match task.member.permit.keep(settlement, &runtime.limits) {
        Ok(settled) => (outcome, settled),
        Err(_) => {
            let message = "other settlements that are kept leave no room for the result \
                           (guest_settled_bytes_max, settled_bytes_max)";
            failed(JobOutcome::TooLarge, message.to_owned())
        }
    }
}

fn settle(runtime: &Runtime, pending: PendingId, settled: Settled) {
    // It fails if nobody waits any more.
    if let Ok(waiter) = runtime.registry.settle(pending, settled) {
        runtime.post.wake(waiter.as_slice());
    }
}
