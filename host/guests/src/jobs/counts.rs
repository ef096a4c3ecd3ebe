//! What is counted of jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use snow_core::{Distribution, Histogram};

/// Guests whose jobs are counted by themselves. Those of others are counted together, as `*`.
const GUESTS_MAX: usize = 1_000;
/// Bounds of the buckets of a job's time.
static JOB_MS: [u64; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// How an attempt of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobOutcome {
    /// `run` returned a value.
    Value,
    /// `run` returned a failure.
    Failed,
    /// It trapped, or used too much memory.
    Trapped,
    /// It computed or waited for too long.
    Timeout,
    /// It returned more than a settlement may have, or more than can be kept now.
    TooLarge,
    /// The drain ended first.
    Stopped,
    /// There was no instance for it.
    Overloaded,
}

impl JobOutcome {
    /// Every outcome.
    pub const ALL: [JobOutcome; 7] = [
        JobOutcome::Value,
        JobOutcome::Failed,
        JobOutcome::Trapped,
        JobOutcome::Timeout,
        JobOutcome::TooLarge,
        JobOutcome::Stopped,
        JobOutcome::Overloaded,
    ];

    /// Returns the word for it: the code of the failure that guests see, but for a job whose `run`
    /// has returned something.
    pub fn name(self) -> &'static str {
        match self {
            JobOutcome::Value => "value",
            JobOutcome::Failed => "failed",
            JobOutcome::Trapped => "trapped",
            JobOutcome::Timeout => "timeout",
            JobOutcome::TooLarge => "too-large",
            JobOutcome::Stopped => "stopped",
            JobOutcome::Overloaded => "overloaded",
        }
    }
}

/// What is counted of the jobs of one guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestJobs {
    /// Attempts that have begun.
    pub begun: u64,
    /// Attempts that have ended, in the order of [`JobOutcome::ALL`].
    pub ended: [u64; 7],
    /// Jobs that wait for an executor now.
    pub queued: usize,
}

/// What jobs do now and have done.
#[derive(Clone, Debug)]
pub struct JobStats {
    /// Jobs that were started and wait for an executor now.
    pub queued: usize,
    /// Bytes of their names and payloads.
    pub queued_bytes: usize,
    /// Jobs that have an instance now.
    pub running: usize,
    /// Those of them that wait in place.
    pub waiting: usize,
    /// Jobs that are kept now, those that have failed for good included.
    pub kept: usize,
    /// Bytes of their names and payloads.
    pub kept_bytes: usize,
    /// Jobs that have failed for good and are kept for people to see.
    pub failed: usize,
    /// What is counted by guest.
    pub guests: BTreeMap<Arc<str>, GuestJobs>,
    /// How long attempts took, in milliseconds.
    pub took_ms: Distribution,
}

/// What is counted, as it is written.
pub(super) struct JobCounts {
    pub guests: BTreeMap<Arc<str>, GuestJobs>,
    took_ms: Histogram<15>,
}

impl Default for JobCounts {
    fn default() -> JobCounts {
        JobCounts { guests: BTreeMap::new(), took_ms: Histogram::new(&JOB_MS) }
    }
}

impl JobCounts {
    /// Counts an attempt that begins.
    pub fn begun(&mut self, guest: &Arc<str>) {
        self.of(guest).begun += 1;
    }

    /// Counts an attempt that has ended.
    pub fn ended(&mut self, guest: &Arc<str>, outcome: JobOutcome, took_ms: u64) {
        self.of(guest).ended[outcome as usize] += 1;
        self.took_ms.add(took_ms);
    }

    /// Returns how long attempts took, in milliseconds.
    pub fn took_ms(&self) -> Distribution {
        self.took_ms.read()
    }

    fn of(&mut self, guest: &Arc<str>) -> &mut GuestJobs {
        let is_known = self.guests.contains_key(guest) || self.guests.len() < GUESTS_MAX;
        let name = if is_known { guest.clone() } else { "*".into() };
        self.guests.entry(name).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_place_of_their_number() {
        for (place, outcome) in JobOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
        }
    }

    #[test]
    fn guests_beyond_those_that_are_counted_share_a_name() {
        let mut counts = JobCounts::default();
        for number in 0..GUESTS_MAX + 5 {
            counts.begun(&number.to_string().into());
        }
        counts.begun(&"0".into());
        assert_eq!(counts.guests.len(), GUESTS_MAX + 1);
        assert_eq!((counts.guests["0"].begun, counts.guests["*"].begun), (2, 5));
    }
}
