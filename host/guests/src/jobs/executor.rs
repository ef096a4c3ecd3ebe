//! An executor: a thread that runs jobs.
//!
//! It has some jobs under way, each with an instance, and gives those that compute slices of its
//! time in turns. So a short job is soon done though long ones were there before. Jobs that wait in
//! place cost it nothing until what they wait for has come.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use snow_core::{Bell, Inbox, Key, PendingId, Slab, TimerKey, Timers, Waiter, WorkerId, due_ms};
use snow_runtime::{Delivery, Handle, Join, Settled, Source, Wait};

use super::counts::JobOutcome;
use super::ending::End;
use super::office::{Idle, Jobs};
use super::room::Room;
use super::task::Task;
use crate::call::attempt::{Attempt, AttemptEnd, AttemptFault, attempt};
use crate::contract::seat::Seat;
use crate::contract::types::Failure;
use crate::runtime::{InstanceCounts, Runtime};

/// How long an executor sleeps at a time. What is kept and scheduled goes by the time of day, and that
/// clock may be moved, and goes on while the machine sleeps.
const AT_A_TIME: Duration = Duration::from_secs(10);

/// Runs jobs on one thread. It is made on that thread, since calls never leave theirs.
pub struct Executor {
    /// Its id among all threads on which calls wait in place.
    id: WorkerId,
    jobs: Arc<Jobs>,
    runtime: Runtime,
    /// The number of the deployment that the runtime is of.
    deployment: u64,
    instances: Arc<InstanceCounts>,
    settled: Arc<Inbox<Key>>,
    bell: Arc<Bell>,
    slots: Vec<Slot>,
    /// Slots whose jobs can go on, the next one first.
    runnable: VecDeque<usize>,
    waits: Slab<JobWait>,
    timers: Timers<Due>,
    running_max: usize,
}

/// The place of one job, which is there before the job and stays for the next.
#[derive(Default)]
struct Slot {
    seat: Arc<Seat>,
    job: Option<Job>,
}

/// A job under way.
struct Job {
    task: Task,
    call: Pin<Box<dyn Future<Output = AttemptEnd>>>,
    /// What it waits for in place.
    wait: Option<Key>,
    deadline: TimerKey,
    began_ms: u64,
    /// Whether it has had a slice of time.
    was_polled: bool,
}

/// A wait in place.
struct JobWait {
    slot: usize,
    handles: Vec<Handle>,
    until: Join,
    /// Set once the wait's key is known.
    deadline: Option<TimerKey>,
}

/// What is due at a time.
enum Due {
    /// The clock settles a pending.
    Pending(PendingId),
    /// A wait in place has taken as long as it may.
    Wait(Key),
    /// The job in a slot has taken as long as it may. The slot has no other job before the timer is
    /// cancelled.
    Job(usize),
}

impl Executor {
    /// Makes the executor of this number, from 0, whose id follows those of so many workers. Its
    /// instances are counted in `instances`.
    pub fn new(
        number: u16,
        workers: u16,
        runtime: &Runtime,
        instances: Arc<InstanceCounts>,
    ) -> Executor {
        let (jobs, limits) = (runtime.jobs.clone(), &runtime.limits.jobs);
        let running_max = limits.executor_jobs_running_max as usize;
        let slots = running_max + limits.executor_jobs_waiting_max as usize;
        Executor {
            id: WorkerId(workers + number),
            runtime: runtime.for_worker(instances.clone()),
            deployment: 0,
            instances,
            settled: jobs.inbox(number.into()),
            bell: jobs.bell(number.into()),
            slots: (0..slots).map(|_| Slot::default()).collect(),
            runnable: VecDeque::new(),
            waits: Slab::new(),
            timers: Timers::new(),
            running_max,
            jobs,
        }
    }

    /// Runs jobs until the server has ended.
    pub fn run(mut self) {
        loop {
            self.settled.wake_up();
            self.take_mail();
            self.fire_timers();
            if self.jobs.is_over() {
                self.stop_all();
            } else {
                self.jobs.take_up_due();
                self.begin_jobs();
            }
            if let Some(slot) = self.runnable.pop_front() {
                self.poll(slot);
                continue;
            }
            // From here on a settlement rings the bell.
            if !self.settled.fall_asleep() {
                continue;
            }
            let (has_jobs, room) = (!self.waits.is_empty(), self.room());
            match self.jobs.idle(has_jobs, &room) {
                Idle::Look => {}
                Idle::Sleep(until_ms) => {
                    let next_ms = self.timers.next_ms();
                    let until_ms = until_ms.into_iter().chain(next_ms).min();
                    self.bell.sleep(until_ms, AT_A_TIME, || self.runtime.clock.now_ms());
                }
                Idle::End => return self.bell.end(),
            }
        }
    }

    /// Takes up what was settled.
    fn take_mail(&mut self) {
        for key in self.settled.take() {
            self.look_at_wait(key);
        }
    }

    fn fire_timers(&mut self) {
        let now_ms = self.runtime.clock.now_ms();
        while let Some(due) = self.timers.pop_due(now_ms) {
            match due {
                Due::Pending(pending) => {
                    // It fails if somebody with the token was faster.
                    if let Ok(Some(waiter)) =
                        self.runtime.registry.settle(pending, Settled::by_clock())
                    {
                        self.runtime.post.wake(&[waiter]);
                    }
                }
                Due::Wait(key) => self.unpark(key),
                Due::Job(slot) => {
                    let Some(job) = &self.slots[slot].job else { continue };
                    let bound = &job.task.member.permit.quota.job_ms;
                    let (most, set_by) = (bound.most, &bound.set_by);
                    let why = format!("took longer than {most} ms, the limit of a job ({set_by})");
                    self.end_early(slot, End::Fault(JobOutcome::Timeout, why));
                }
            }
        }
    }

    /// Begins as many jobs as there is room for.
    fn begin_jobs(&mut self) {
        loop {
            let room = self.room();
            if room.is_full {
                return;
            }
            match self.jobs.take(&room) {
                Some(task) => self.begin(task),
                None => return,
            }
        }
    }

    fn begin(&mut self, mut task: Task) {
        if let Some((runtime, number)) = self.jobs.newer_runtime(self.deployment) {
            self.runtime = runtime.for_worker(self.instances.clone());
            self.deployment = number;
        }
        let payload = task.payload.take().or_else(|| self.jobs.payload(task.id));
        let free = self.slots.iter().position(|slot| slot.job.is_none());
        let (Some(payload), Some(slot)) = (payload, free) else {
            // Somebody has removed it from the store meanwhile.
            return self.jobs.left();
        };
        self.jobs.begun(&task);
        let job = Attempt {
            id: task.id,
            name: task.name.clone(),
            payload,
            attempt: task.attempt,
            attempts_max: task.attempts_max,
            due_ms: task.due_ms,
        };
        let clock = &self.runtime.clock;
        let deadline_ms = clock.due_ms(task.member.permit.quota.job_ms.most);
        let seat = self.slots[slot].seat.clone();
        seat.stopwatch.start_call();
        seat.parking.reset();
        let (runtime, member) = (self.runtime.clone(), task.member.clone());
        self.slots[slot].job = Some(Job {
            call: Box::pin(attempt(runtime, member, self.id, job, seat)),
            wait: None,
            deadline: self.timers.set(deadline_ms, Due::Job(slot)),
            began_ms: clock.now_ms(),
            was_polled: false,
            task,
        });
        self.runnable.push_back(slot);
    }

    /// Gives a job a slice of time.
    fn poll(&mut self, slot: usize) {
        let Slot { seat, job: Some(job) } = &mut self.slots[slot] else { return };
        self.runtime.engine.runs();
        seat.stopwatch.start_slice();
        job.was_polled = true;
        let polled = job.call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        seat.stopwatch.end_slice();
        match polled {
            Poll::Ready(AttemptEnd { returned, leftover }) => {
                let end = match returned {
                    Ok(Ok(value)) => End::Value(value),
                    Ok(Err(Failure { code, message })) => End::Failed { code, message },
                    Err(AttemptFault::Trapped(why)) => End::Fault(JobOutcome::Trapped, why),
                    Err(AttemptFault::RanTooLong(why)) => End::Fault(JobOutcome::Timeout, why),
                    Err(AttemptFault::NotStarted(why)) => End::Fault(JobOutcome::Overloaded, why),
                    Err(AttemptFault::Cancelled) => {
                        End::Fault(JobOutcome::Stopped, "the server ends".to_owned())
                    }
                };
                self.finish(slot, leftover, end);
            }
            Poll::Pending => match seat.parking.take_asked() {
                Some(wait) => self.park(slot, wait),
                None => self.runnable.push_back(slot),
            },
        }
    }

    /// Lets a job wait in place.
    fn park(&mut self, slot: usize, wait: Wait) {
        let now_us = self.runtime.clock.now().as_micros() as u64;
        let (limits, now_ms) = (&self.runtime.limits, now_us / 1_000);
        let Wait { mut handles, until, timeout_ms } = wait;
        let timeout_ms = timeout_ms.unwrap_or(limits.suspension_default_ms);
        let timeout_ms = timeout_ms.min(limits.suspension_max_ms);
        for handle in &mut handles {
            match handle.source {
                // Somebody with the token may have been faster; then that settlement stands.
                Source::Due { at_ms } if at_ms <= now_ms => {
                    let _ = self.runtime.registry.settle(handle.id, Settled::by_clock());
                }
                Source::Due { at_ms } => {
                    let timer = self.timers.set(at_ms, Due::Pending(handle.id));
                    handle.source = Source::Timer(timer);
                }
                Source::Operation(operation) => {
                    self.runtime.deliver(operation, Delivery::Whole);
                }
                Source::None | Source::Timer(_) => {}
            }
        }
        let key = self.waits.insert(JobWait { slot, handles, until, deadline: None });
        if let Some(job) = &mut self.slots[slot].job {
            job.wait = Some(key);
        }
        self.jobs.waiting.fetch_add(1, Ordering::Relaxed);
        let waiter = Waiter { worker: self.id, suspension: key };
        if let Some(wait) = self.waits.get_mut(key) {
            let deadline_ms = due_ms(now_us, timeout_ms);
            wait.deadline = Some(self.timers.set(deadline_ms, Due::Wait(key)));
            for handle in &wait.handles {
                self.runtime.registry.arm(handle.id, waiter);
            }
        }
        self.look_at_wait(key);
    }

    /// Lets a job go on if what it waits for has come. A key of a wait that is over is stale.
    fn look_at_wait(&mut self, key: Key) {
        let Some(wait) = self.waits.get(key) else { return };
        let ids = wait.handles.iter().map(|handle| handle.id);
        if self.runtime.registry.is_over(wait.until, ids) {
            self.unpark(key);
        }
    }

    /// Lets a job go on that waits in place. It reads itself what has come.
    fn unpark(&mut self, key: Key) {
        let Some((slot, handles)) = self.end_wait(key) else { return };
        self.slots[slot].seat.parking.unpark(handles);
        self.runnable.push_back(slot);
    }

    fn end_wait(&mut self, key: Key) -> Option<(usize, Box<[Handle]>)> {
        let JobWait { slot, handles, deadline, .. } = self.waits.remove(key)?;
        deadline.map(|deadline| self.timers.cancel(deadline));
        if let Some(job) = &mut self.slots[slot].job {
            job.wait = None;
        }
        self.jobs.waiting.fetch_sub(1, Ordering::Relaxed);
        Some((slot, handles.into_boxed_slice()))
    }

    /// Stops all jobs that are under way or were started, since the drain is over.
    fn stop_all(&mut self) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].job.is_some() {
                let why = "the server ends before the job does".to_owned();
                self.end_early(slot, End::Fault(JobOutcome::Stopped, why));
            }
        }
        for started in self.jobs.take_started() {
            self.jobs.stopped(&self.runtime, &started);
        }
    }

    /// Ends a job where it stands.
    fn end_early(&mut self, slot: usize, end: End) {
        let Some(job) = &self.slots[slot].job else { return };
        let handles = job.wait.and_then(|key| self.end_wait(key)).map(|(_, handles)| handles);
        self.runnable.retain(|runnable| *runnable != slot);
        let Slot { seat, job: Some(job) } = &mut self.slots[slot] else { return };
        let mut leftover = Vec::new();
        // A call that was never polled owns nothing, and would begin to run.
        if job.was_polled {
            seat.parking.cancel(handles.unwrap_or_default());
            // The call's fiber unwinds as by a trap, in one slice, since no code of the guest runs
            // any more.
            let polled = job.call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(end) = polled {
                leftover = end.leftover;
            }
        }
        self.finish(slot, leftover, end);
    }

    /// Empties the slot of a job that has ended, and does what follows.
    fn finish(&mut self, slot: usize, leftover: Vec<Handle>, end: End) {
        let Some(Job { task, deadline, began_ms, call, .. }) = self.slots[slot].job.take() else {
            return;
        };
        drop(call);
        self.timers.cancel(deadline);
        for handle in leftover {
            match handle.source {
                Source::None | Source::Due { .. } => {}
                Source::Timer(timer) => drop(self.timers.cancel(timer)),
                Source::Operation(operation) => self.runtime.cancel(operation),
            }
            if let Some(waiter) = self.runtime.registry.release(handle.id) {
                self.runtime.post.wake(&[waiter]);
            }
        }
        self.jobs.left();
        let took_ms = self.runtime.clock.now_ms().saturating_sub(began_ms);
        self.jobs.ended(&self.runtime, &task, end, took_ms);
    }

    fn room(&self) -> Room {
        let jobs = self.slots.iter().filter_map(|slot| slot.job.as_ref());
        let jobs = jobs.map(|job| (&job.task.member.permit.name, job.wait.is_none()));
        Room::of(jobs, self.slots.len(), self.running_max)
    }
}
