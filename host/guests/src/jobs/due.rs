//! Jobs that are due, and those that wait for too long.

use std::cmp::Reverse;
use std::sync::Arc;

use snow_core::lock;
use snow_jobs::{Due, Happening, Line, LineKind};

use super::keeping::Chore;
use super::office::{Jobs, Published, State, is_runnable};
use super::task::{Queued, Scheduled};

/// Jobs that are kept and become due, and chores about them, that one look deals with.
const DUE_MAX: usize = 256;
/// How long jobs wait for a place until the log is told, and until it is told again.
const STUCK_MS: u64 = 10_000;
const STUCK_AGAIN_MS: u64 = 60_000;
/// Guests that the log names then.
const STUCK_GUESTS: usize = 5;

impl Jobs {
    /// Queues what is due by now, and does what else there is to do.
    pub(super) fn take_up_due(&self) {
        let chores = self.look_what_is_due();
        self.do_chores(chores);
    }

    /// Queues what is due by now, and returns what else there is to do.
    fn look_what_is_due(&self) -> Vec<Chore> {
        let now_ms = self.clock.wall_ms();
        let mut state = lock(&self.state);
        let stuck = state.tell_stuck(self.clock.now_ms());
        let mut chores: Vec<Chore> = stuck.map(Chore::Warn).into_iter().collect();
        let State { queue, kept, timetable, published, drain, .. } = &mut *state;
        let is_due = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        if drain.is_some() || !is_due(kept.next_ms()) && !is_due(timetable.next_ms()) {
            return chores;
        }
        let Some(Published { runtime, members, .. }) = published else { return chores };
        let limits = &runtime.limits.jobs;
        let mut push = |guest: Arc<str>, queued| {
            let line = Line { guest, kind: LineKind::Kept };
            // Lines of this kind have no limits here: what is kept and scheduled has its own.
            queue.push(line, queued, 0, limits).expect("no limit is looked at");
        };
        for _ in 0..DUE_MAX {
            match kept.pop_due(now_ms) {
                None => break,
                Some(Due::Queue(id, guest)) => push(guest, Queued::Kept(id)),
                Some(Due::Look(id)) => chores.push(Chore::Look(id)),
                Some(Due::Remove(id)) => chores.push(Chore::Remove(id)),
            }
        }
        while chores.len() < DUE_MAX
            && let Some(happening) = timetable.pop_due(now_ms, |guest| members.contains_key(guest))
        {
            if let Happening::Run { id: schedule, guest, schedule: spec, due_ms, .. } = &happening {
                let scheduled = Scheduled {
                    id: self.new_id(),
                    schedule: *schedule,
                    name: spec.job.clone(),
                    payload: spec.payload.clone().into_bytes(),
                    due_ms: *due_ms,
                };
                push(guest.clone(), Queued::Scheduled(scheduled));
            }
            chores.push(Chore::Tell(happening));
        }
        chores
    }
}

impl State {
    /// Returns what the log is to be told of jobs that wait though nothing else is missing: no
    /// executor has had a place for any of them for a while.
    fn tell_stuck(&mut self, now_ms: u64) -> Option<String> {
        let State { queue, published, drain, stuck, running, .. } = self;
        let may_run = |line: &Line| is_runnable(line, published.as_ref(), *drain);
        if !queue.has_turn(may_run) {
            *stuck = None;
            return None;
        }
        let (since_ms, tell_ms) = stuck.get_or_insert((now_ms, now_ms + STUCK_MS));
        if now_ms < *tell_ms {
            return None;
        }
        *tell_ms = now_ms + STUCK_AGAIN_MS;
        let mut waiting: Vec<_> = queue.lines().filter(|(line, _)| may_run(line)).collect();
        waiting.sort_by_key(|(_, jobs)| Reverse(*jobs));
        let mut guests: Vec<String> = waiting
            .iter()
            .take(STUCK_GUESTS)
            .map(|(line, jobs)| format!("{jobs} of {}", line.guest))
            .collect();
        if waiting.len() > guests.len() {
            guests.push("others".to_owned());
        }
        let seconds = (now_ms - *since_ms) / 1_000;
        Some(format!(
            "no job has begun for {seconds} s: {} wait, and the executors have no place for them beside \
             {running} that are under way, of these guests or of others \
             (executor_jobs_waiting_max, executor_jobs_running_max, `--executors`)",
            guests.join(", ")
        ))
    }
}
