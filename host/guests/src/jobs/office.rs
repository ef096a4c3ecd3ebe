//! What the threads share that start jobs and run them.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, Weak};

use snow_core::{Bell, Inbox, Key, lock};
use snow_jobs::{JobId, JobLimits, Kept, LimitReached, Line, LineKind, Queue, Timetable};
use snow_runtime::{Clock, Level, Log};

use super::counts::JobCounts;
use super::room::Room;
use super::task::{Origin, Queued, Started, Task};
use crate::contract::state::listener::GuestStore;
use crate::deploy::deployment::Deployment;
use crate::deploy::share::Member;
use crate::runtime::Runtime;

/// All jobs of a process, and the ways to its executors.
///
/// It is made before the executors, whose number never changes.
pub struct Jobs {
    /// To hand itself to what ends later.
    pub(super) this: Weak<Jobs>,
    pub(super) state: Mutex<State>,
    pub(super) executors: Vec<Reach>,
    pub(super) clock: Clock,
    pub(super) log: Log,
    pub(super) store: Arc<GuestStore>,
    /// Jobs that wait in place.
    pub(super) waiting: AtomicUsize,
}

/// How one executor is reached.
pub(super) struct Reach {
    pub bell: Arc<Bell>,
    /// Waits of which a pending was settled.
    settled: Arc<Inbox<Key>>,
}

#[derive(Default)]
pub(super) struct State {
    pub queue: Queue<Queued>,
    pub kept: Kept,
    pub timetable: Timetable,
    pub counts: JobCounts,
    pub published: Option<Published>,
    /// Jobs that have an instance.
    pub running: usize,
    pub drain: Option<Drain>,
    /// Jobs that were stopped by the end of the server, of each guest.
    pub stopped: BTreeMap<Arc<str>, Stopped>,
    /// Since when jobs wait for which no executor has a place, on the clock; and when the log is to
    /// be told next.
    pub stuck: Option<(u64, u64)>,
}

/// Jobs that were stopped.
#[derive(Clone, Copy, Default)]
pub(super) struct Stopped {
    /// Those that were started, and are lost.
    pub started: usize,
    /// Those that are kept, and are tried again after the next start.
    pub kept: usize,
}

/// What serves.
pub(super) struct Published {
    pub runtime: Runtime,
    /// The guests that have jobs.
    pub members: BTreeMap<Arc<str>, Arc<Member>>,
    /// Grows with each deployment.
    number: u64,
}

/// The end of the server.
#[derive(Clone, Copy)]
pub(super) struct Drain {
    /// When what is under way is stopped, on the clock.
    until_ms: u64,
    /// Whether no call starts jobs any more: executors without jobs may end.
    is_last: bool,
}

/// What an executor that has nothing to do is to do.
pub(super) enum Idle {
    /// Look again: there is a job.
    Look,
    /// Sleep until then, on the clock.
    Sleep(Option<u64>),
    /// End.
    End,
}

impl State {
    /// Returns the version of a guest that serves, if one does and has jobs.
    pub fn serving(&self, guest: &str) -> Option<&Arc<Member>> {
        self.published.as_ref()?.members.get(guest)
    }
}

impl Jobs {
    /// Makes the office of so many executors, without a job.
    pub fn new(executors: u16, clock: Clock, log: Log, store: Arc<GuestStore>) -> Arc<Jobs> {
        let reach = |_| {
            let bell = Arc::new(Bell::default());
            let rings = bell.clone();
            Reach { bell, settled: Arc::new(Inbox::new(move || rings.ring())) }
        };
        Arc::new_cyclic(|this| Jobs {
            this: this.clone(),
            state: Mutex::default(),
            executors: (0..executors).map(reach).collect(),
            clock,
            log,
            store,
            waiting: AtomicUsize::new(0),
        })
    }

    /// Returns where settlements for the waits of each executor are sent.
    pub fn inboxes(&self) -> Vec<Arc<Inbox<Key>>> {
        self.executors.iter().map(|executor| executor.settled.clone()).collect()
    }

    pub(super) fn inbox(&self, executor: usize) -> Arc<Inbox<Key>> {
        self.executors[executor].settled.clone()
    }

    pub(super) fn bell(&self, executor: usize) -> Arc<Bell> {
        self.executors[executor].bell.clone()
    }

    /// Returns an id that no other job has.
    pub(crate) fn new_id(&self) -> JobId {
        JobId(u128::from_le_bytes(random()))
    }

    /// Puts a job that a call has started at the end of its guest's line.
    pub(crate) fn start(&self, started: Started, limits: &JobLimits) -> Result<(), LimitReached> {
        let guest = started.member.permit.name.clone();
        let bytes = started.name.len() + started.payload.len();
        let line = Line { guest, kind: LineKind::Started };
        lock(&self.state).queue.push(line, Queued::Started(started), bytes, limits)?;
        self.ring();
        Ok(())
    }

    /// Takes up what serves from now on: the guests whose jobs are kept or scheduled, and their
    /// schedules.
    pub fn publish(&self, runtime: &Runtime, deployment: &Deployment) {
        let (with_jobs, without): (Vec<_>, Vec<_>) =
            deployment.versions.iter().partition(|version| version.guest.has_run());
        let member = |version: &Arc<_>| Arc::new(deployment.member(runtime, version));
        let members =
            with_jobs.into_iter().map(|version| (version.guest.name.clone(), member(version)));
        let members = members.collect();
        let schedules = runtime.permits.schedules();
        for (guest, schedule) in &schedules {
            if without.iter().any(|version| version.guest.name == *guest) {
                let job = &schedule.job;
                let message = format!(
                    "guest={guest}: it has no jobs, so the schedule of the job {job:?} does nothing: the \
                     guest has to export `job-runner`"
                );
                self.log.host(Level::Warn, message);
            }
        }
        let now_ms = self.clock.wall_ms();
        let mut state = lock(&self.state);
        // A runtime owns these jobs, and `stop` breaks that circle: after it nothing is taken up.
        if state.drain.is_some_and(|drain| drain.is_last) {
            return;
        }
        state.timetable.set(schedules, now_ms);
        let number = state.published.as_ref().map_or(1, |before| before.number + 1);
        let before =
            state.published.replace(Published { runtime: runtime.clone(), members, number });
        // Said once, when the guest goes or is not there from the start.
        let served =
            |guest: &str| before.as_ref().is_none_or(|before| before.members.contains_key(guest));
        let State { kept, published, .. } = &*state;
        let serves = |guest: &str| {
            published.as_ref().is_some_and(|published| published.members.contains_key(guest))
        };
        let orphaned = |(guest, _): &(&Arc<str>, usize)| !serves(guest) && served(guest);
        for (guest, jobs) in kept.guests().filter(orphaned) {
            let message = format!(
                "guest={guest}: {jobs} jobs of it are kept, and no such guest serves that has jobs: \
                 they wait (`snow-host jobs` lists them)"
            );
            self.log.host(Level::Warn, message);
        }
        drop(state);
        // What is not needed any more is freed here: no executor waits for it.
        drop(before);
        self.ring();
    }

    /// Lets what is under way and what was started go on until then, on the clock, and takes up
    /// nothing that is kept or scheduled.
    pub fn drain(&self, until_ms: u64) {
        let mut state = lock(&self.state);
        // A drain may begin once more, with less time, when the workers have ended already.
        let before = state.drain.unwrap_or(Drain { until_ms: u64::MAX, is_last: false });
        state.drain = Some(Drain { until_ms: until_ms.min(before.until_ms), ..before });
        drop(state);
        self.ring();
    }

    /// Lets the executors end once they have no job: nobody starts jobs any more.
    pub fn finish(&self) {
        let mut state = lock(&self.state);
        let until_ms = state.drain.map_or_else(|| self.clock.now_ms(), |drain| drain.until_ms);
        state.drain = Some(Drain { until_ms, is_last: true });
        // Once more, in case that the disk takes it by now: else they would run again.
        let leaving: Vec<JobId> = state.kept.leaving().collect();
        drop(state);
        leaving.into_iter().for_each(|id| self.delete(id));
        self.ring();
    }

    /// Lets go of what serves, once the executors have ended, and says which jobs were stopped.
    pub fn stop(&self) {
        let mut state = lock(&self.state);
        let (published, stopped) = (state.published.take(), std::mem::take(&mut state.stopped));
        drop(state);
        drop(published);
        let of_kept = match self.store.is_on_disk() {
            true => "are tried again after the next start",
            false => "are lost too, since there is no `--data`",
        };
        for (guest, Stopped { started, kept }) in stopped {
            let message = format!(
                "guest={guest}: the end of the server has stopped {started} jobs that were started, \
                 which are lost, and {kept} that are kept, which {of_kept}"
            );
            self.log.host(Level::Warn, message);
        }
    }

    /// Notes that the clock was moved, so that nobody sleeps too long.
    pub fn clock_moved(&self) {
        self.ring();
    }

    /// Returns what all calls share by now, unless its number is known already.
    pub(super) fn newer_runtime(&self, known: u64) -> Option<(Runtime, u64)> {
        let state = lock(&self.state);
        let published = state.published.as_ref().filter(|published| published.number != known)?;
        Some((published.runtime.clone(), published.number))
    }

    /// Takes the job whose turn it is, among those for which an executor has room.
    pub(super) fn take(&self, room: &Room) -> Option<Task> {
        let mut state = lock(&self.state);
        let mut task = None;
        while task.is_none() {
            let State { queue, published, drain, .. } = &mut *state;
            let takes = |line: &Line| {
                is_runnable(line, published.as_ref(), *drain) && room.has_one_for(&line.guest)
            };
            let Some((line, queued)) = queue.take(takes) else { break };
            // `None` if a job that is kept was changed or removed meanwhile.
            task = state.task(&line.guest, queued, self.clock.wall_ms());
        }
        if task.is_some() {
            state.running += 1;
            state.stuck = None;
        }
        task
    }

    /// Decides what an executor does that has nothing to do.
    /// `has_jobs` is whether jobs of its own wait in place.
    pub(super) fn idle(&self, has_jobs: bool, room: &Room) -> Idle {
        let (now_ms, wall_ms) = (self.clock.now_ms(), self.clock.wall_ms());
        let state = lock(&self.state);
        let State { queue, published, drain, kept, timetable, .. } = &*state;
        if let Some(drain) = drain {
            let is_over = drain.until_ms <= now_ms;
            if is_over && (has_jobs || queue.started() > 0) {
                return Idle::Look;
            }
            if drain.is_last && !has_jobs && queue.started() == 0 {
                return Idle::End;
            }
        }
        let takes = |line: &Line| {
            is_runnable(line, published.as_ref(), *drain) && room.has_one_for(&line.guest)
        };
        if queue.has_turn(takes) {
            return Idle::Look;
        }
        if let Some(drain) = drain {
            return Idle::Sleep(Some(drain.until_ms).filter(|until_ms| *until_ms > now_ms));
        }
        // Before that, looking takes up nothing that is due.
        if published.is_none() {
            return Idle::Sleep(None);
        }
        let next_wall_ms = kept.next_ms().into_iter().chain(timetable.next_ms()).min();
        match next_wall_ms {
            Some(at_ms) if at_ms <= wall_ms => Idle::Look,
            next => Idle::Sleep(next.map(|at_ms| now_ms + (at_ms - wall_ms))),
        }
    }

    /// Returns whether the drain is over, so that what is under way is stopped.
    pub(super) fn is_over(&self) -> bool {
        let drain = lock(&self.state).drain;
        drain.is_some_and(|drain| drain.until_ms <= self.clock.now_ms())
    }

    /// Takes the jobs that were started and wait, since the drain is over.
    pub(super) fn take_started(&self) -> Vec<Started> {
        let queued = lock(&self.state).queue.take_started();
        let started = |queued| match queued {
            Queued::Started(started) => Some(started),
            Queued::Kept(_) | Queued::Scheduled(_) => None,
        };
        queued.into_iter().filter_map(started).collect()
    }

    /// Counts a job of which an attempt begins, and writes down what has to be known of that.
    pub(super) fn begun(&self, task: &Task) {
        let mut state = lock(&self.state);
        state.counts.begun(&task.member.permit.name);
        if let Origin::Scheduled(schedule) = task.origin {
            state.timetable.begun(schedule);
        }
        drop(state);
        if let Some(record) = &task.to_write {
            self.rewrite(task.id, Some(record));
        }
    }

    /// Counts a job that has no instance any more.
    pub(super) fn left(&self) {
        lock(&self.state).running -= 1;
    }

    /// Wakes all executors that sleep.
    pub(super) fn ring(&self) {
        for executor in &self.executors {
            executor.bell.ring();
        }
    }
}

/// Whether jobs of a line can run now. Those that have no version of their own need one that
/// serves.
pub(super) fn is_runnable(
    line: &Line,
    published: Option<&Published>,
    drain: Option<Drain>,
) -> bool {
    match line.kind {
        LineKind::Started => true,
        LineKind::Kept => {
            let serves = |published: &Published| published.members.contains_key(&line.guest);
            drain.is_none() && published.is_some_and(serves)
        }
    }
}

/// Returns random bytes: for ids that nobody guesses.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // It fails only on a system without a source of randomness, where no token could be safe.
    getrandom::fill(&mut bytes).expect("the system has no source of randomness");
    bytes
}
