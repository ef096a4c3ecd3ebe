//! What others learn of the jobs: whether there is anything to do, and what was counted.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use snow_core::{Sleep, lock};

use super::counts::{GuestJobs, JobStats};
use super::office::Jobs;

/// How long whoever waits for executors sleeps between two looks.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// Executors that have nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobsRest {
    /// When one of them has something to do next, on the clock.
    pub next_ms: Option<u64>,
    /// How often they were awake so far. If two answers have the same number, nothing was done in
    /// between.
    pub wakes: u64,
}

impl Jobs {
    /// Waits until all executors have nothing to do. `None` if they have too much to do until then.
    pub fn rest(&self, until: Instant) -> Option<JobsRest> {
        'look: loop {
            let now_ms = self.clock.now_ms();
            let mut rest = JobsRest { next_ms: None, wakes: 0 };
            for executor in &self.executors {
                let Some(Sleep { next_ms, wakes }) = executor.bell.sleep_of(now_ms) else {
                    if Instant::now() >= until {
                        return None;
                    }
                    thread::sleep(LOOK_AGAIN);
                    continue 'look;
                };
                rest.wakes += wakes;
                rest.next_ms = rest.next_ms.into_iter().chain(next_ms).min();
            }
            return Some(rest);
        }
    }

    /// Returns what jobs do now and have done.
    pub fn stats(&self) -> JobStats {
        let state = lock(&self.state);
        let mut guests = state.counts.guests.clone();
        for (line, jobs) in state.queue.lines() {
            let counted: &mut GuestJobs = guests.entry(line.guest.clone()).or_default();
            counted.queued += jobs;
        }
        JobStats {
            queued: state.queue.started(),
            queued_bytes: state.queue.started_bytes(),
            running: state.running,
            waiting: self.waiting.load(Ordering::Relaxed),
            kept: state.kept.len(),
            kept_bytes: state.kept.bytes(),
            failed: state.kept.failed(),
            guests,
            took_ms: state.counts.took_ms(),
        }
    }
}
