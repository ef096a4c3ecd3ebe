//! The worker: joins the parts, and does their work in turns.
//!
//! The parts do not know one another. Each owns its fields, and does what it is asked with what it
//! is handed: the [context](crate::context) of the turn, the world, the timers. Whatever follows
//! for another part, it returns, and the methods here pass that on:
//!
//! | file | what is joined |
//! |---|---|
//! | `worker.rs` | the turn, and what each message and timer is for |
//! | `worker/intake.rs` | sockets, connections, and the router |
//! | `worker/requests.rs` | requests with their queues, and answers |
//! | `worker/calls.rs` | the schedule, and whoever runs guests |
//! | `worker/waits.rs` | suspensions, the registry of pendings, and the timers |
//! | `worker/relays.rs` | relays, and the output of clients |
//! | `worker/changes.rs` | deployments, versions, and the drain |

mod calls;
mod changes;
mod intake;
mod relays;
mod requests;
mod waits;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use snow_core::{Key, Timers, WorkerId};
use snow_runtime::{Guests, World};

use crate::clients::{Budget, ClientTable, Helping};
use crate::context::{Common, Context, TURN, Timer, WorkerTimers};
use crate::inspect::{Held, Inspections};
use crate::lifecycle::Lifecycle;
use crate::mailbox::{Mailbox, Message, RestQuestions};
use crate::relays::RelayTable;
use crate::schedule::{QueueDeadlines, Schedule};
use crate::stats::{Stats, StatsWriter};
use crate::suspensions::SuspensionTable;

/// The loop of one thread, with everything that it holds.
pub struct Worker<W: World, C: Guests> {
    world: W,
    guests: C,
    mailbox: Arc<Mailbox>,
    cx: Context,
    clients: ClientTable<W::Socket>,
    budget: Budget,
    schedule: Schedule,
    queue_deadlines: QueueDeadlines,
    suspensions: SuspensionTable,
    /// Suspensions of which a pending was settled, and that this worker has not come to yet.
    settled: VecDeque<Key>,
    relays: RelayTable,
    timers: WorkerTimers,
    lifecycle: Lifecycle,
    inspections: Inspections,
    rest: RestQuestions,
}

/// How much a worker holds at one moment, for tests and measurements that drive it turn by turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Open connections.
    pub clients: usize,
    /// Suspended requests, those that wait for their `resume` included.
    pub suspensions: usize,
    /// Requests that are answered with what comes from another server.
    pub relays: usize,
    /// Timers that are set.
    pub timers: usize,
    /// Calls that wait or have an instance.
    pub calls: usize,
    /// Suspensions that are over and wait for their `resume`. Some may have ended otherwise
    /// meanwhile.
    pub resumable: usize,
}

impl<W: World, C: Guests> Worker<W, C> {
    /// Creates a worker that has not run yet. `mailbox` wakes its `world`, and `stats` is written
    /// by this worker alone.
    pub fn new(
        id: WorkerId,
        world: W,
        guests: C,
        common: Common,
        mailbox: Arc<Mailbox>,
        stats: Arc<Stats>,
    ) -> Worker<W, C> {
        let schedule =
            Schedule::new(common.limits.worker_calls_started_max, common.calls_parked_max);
        let (now_ms, stats) = (world.now_ms(), StatsWriter::new(stats));
        Worker {
            world,
            guests,
            mailbox,
            cx: Context { id, now_ms, date: String::new(), common, stats },
            clients: ClientTable::new(),
            budget: Budget::new(TURN),
            schedule,
            queue_deadlines: QueueDeadlines::default(),
            suspensions: SuspensionTable::new(),
            settled: VecDeque::new(),
            relays: RelayTable::default(),
            timers: Timers::new(),
            lifecycle: Lifecycle::default(),
            inspections: Inspections::default(),
            rest: RestQuestions::default(),
        }
    }

    /// Serves until the worker has drained, which it does when it is [told to](Message::Drain).
    ///
    /// # Errors
    /// The error of [`World::wait`].
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_drained() {
            self.turn()?;
        }
        self.drop_all_clients();
        self.cx.stats.turns.end();
        Ok(())
    }

    /// Does one turn of the loop.
    ///
    /// # Errors
    /// The error of [`World::wait`]. Nothing has been done then, and the worker counts as asleep.
    pub fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        let began_us = self.world.now_us();
        self.cx.now_ms = began_us / 1_000;
        self.cx.stats.turns.begins(self.cx.now_ms);
        self.cx.date.clear();
        self.cx.date.push_str(self.world.date());
        self.budget.begin(began_us);
        self.take_ready();
        self.take_messages();
        self.take_settled();
        self.relay_ready();
        self.fire_timers();
        self.guests.expire(self.cx.now_ms);
        self.serve_clients();
        self.run_calls();
        self.resume_put_off();
        self.set_queue_deadlines();
        self.flush_clients();
        self.go_on_expelling();
        self.go_on_inspecting();
        self.go_on_draining();
        self.clients.count_kept(&self.cx);
        self.cx.stats.calls.set(self.schedule.len() as u64);
        self.cx.stats.turns.took_us.add(self.world.now_us() - began_us);
        Ok(())
    }

    /// Returns whether the worker was told to drain and has: there is nothing left to do.
    pub fn is_drained(&self) -> bool {
        let (has_clients, has_calls) = (!self.clients.is_empty(), self.schedule.len() > 0);
        self.lifecycle.is_drained(has_clients, has_calls, || self.world.now_ms())
    }

    /// Counts what the worker holds now.
    pub fn held(&self) -> Holdings {
        Holdings {
            clients: self.clients.len(),
            suspensions: self.suspensions.len(),
            relays: self.relays.len(),
            timers: self.timers.len(),
            calls: self.schedule.len(),
            resumable: self.schedule.resumptions(),
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let asleep = !self.is_busy() && self.mailbox.fall_asleep();
        let timeout_ms = if asleep { self.sleep_ms() } else { Some(0) };
        if self.rest.are_open() && asleep && timeout_ms != Some(0) {
            self.rest.answer(self.next_ms());
        }
        let Context { stats, now_ms, .. } = &self.cx;
        stats.turns.waits();
        // An error leaves the mailbox asleep: its mail then wakes whoever drives the worker turn by
        // turn.
        self.clients
            .wait(&mut self.world, timeout_ms)
            .inspect_err(|_| stats.turns.begins(*now_ms))?;
        self.mailbox.wake_up();
        Ok(())
    }

    /// Returns whether there is something to do before any socket or any mail comes.
    fn is_busy(&self) -> bool {
        let is_refusing = self.lifecycle.is_closing() && self.schedule.requests() > 0;
        is_refusing
            || self.lifecycle.is_expelling()
            || !self.inspections.is_empty()
            || !self.settled.is_empty()
            || self.relays.are_ready()
            || self.clients.has_work()
            || self.schedule.has_candidates()
    }

    fn sleep_ms(&self) -> Option<u64> {
        Some(self.next_ms()?.saturating_sub(self.world.now_ms()))
    }

    /// Returns when there is something to do before any socket or any mail comes.
    fn next_ms(&self) -> Option<u64> {
        [self.timers.next_ms(), self.lifecycle.next_ms(), self.guests.expires_ms()]
            .into_iter()
            .flatten()
            .min()
    }

    fn take_ready(&mut self) {
        for key in self.clients.take_ready() {
            self.drop_client(key);
        }
        if self.clients.is_accepting() {
            self.accept();
        }
    }

    fn accept(&mut self) {
        let Worker { clients, world, timers, cx, lifecycle, .. } = self;
        clients.accept(world, timers, cx, lifecycle.is_draining());
        self.clients.go_on_closing(&mut self.world);
    }

    fn take_messages(&mut self) {
        for message in self.mailbox.take_messages() {
            if !matches!(message, Message::TellRest(_)) {
                self.rest.count();
            }
            match message {
                Message::GateOpened { gate } => self.schedule.gate_opened(gate),
                Message::RelayReady { relay } => self.relays.is_ready(relay),
                Message::Adopt => self.adopt(),
                Message::Expel { version } => self.expel(version),
                Message::TellRest(question) => self.rest.ask(question),
                Message::Inspect(inspection) => self.inspections.ask(*inspection),
                Message::Drain { until_ms } => self.start_draining(until_ms),
            }
        }
    }

    /// Takes in settlements for one turn's time. What it does not come to is left to later turns.
    fn take_settled(&mut self) {
        if self.settled.is_empty() {
            self.settled = self.mailbox.take_settled();
        }
        if self.settled.is_empty() {
            return;
        }
        let began_us = self.world.now_us();
        while let Some(suspension) = self.settled.pop_front() {
            self.rest.count();
            self.settled(suspension);
            if self.world.now_us() - began_us >= TURN.waits_us_max {
                return;
            }
        }
    }

    fn fire_timers(&mut self) {
        if self.timers.next_ms().is_none_or(|next_ms| next_ms > self.cx.now_ms) {
            return;
        }
        let began_us = self.world.now_us();
        for _ in 0..TURN.timers_max {
            let Some(timer) = self.timers.pop_due(self.cx.now_ms) else { return };
            self.rest.count();
            match timer {
                Timer::Client(key) => {
                    let Worker { clients, world, budget, cx, .. } = self;
                    clients.timer_fired(key, world, budget, cx);
                }
                Timer::Deadline(key) => self.deadline_passed(key),
                Timer::Pending(id) => self.clock_settles(id),
                Timer::Queued(exchange) => self.queue_deadline_passed(exchange),
            }
            if self.world.now_us() - began_us >= TURN.waits_us_max {
                return;
            }
        }
    }

    /// Takes in what clients have sent, and writes what there is for them. Clients that no earlier
    /// turn has left, and that are not costly, go first, with short helpings and half of the turn's
    /// budget: else whoever has sent something short would wait behind all those that send without
    /// end. Those that this turn leaves go behind those that were left before.
    fn serve_clients(&mut self) {
        let left = self.clients.deferred();
        while let Some(key) = self.clients.next_dirty() {
            if self.clients.is_put_off(key) {
                self.flush_client(key);
                continue;
            }
            if self.clients.stands_in_line(key) {
                self.clients.defer(key);
                continue;
            }
            self.budget.look(|| self.world.now_us());
            match self.budget.is_half_spent() {
                true => self.clients.defer(key),
                false => self.serve_client(key, Helping::Short),
            }
        }
        for _ in 0..left {
            self.budget.look(|| self.world.now_us());
            if self.budget.is_spent() {
                break;
            }
            let Some(key) = self.clients.next_deferred() else { break };
            self.serve_client(key, Helping::Whole);
        }
    }

    /// Writes what calls have answered. Short answers go first, and those that the turn has no time
    /// for are the first of the next one: they never wait behind long ones, of which each may take as
    /// long as many of them.
    fn flush_clients(&mut self) {
        if !self.clients.has_dirty() {
            return;
        }
        self.budget.begin_output();
        let (mut long, mut late) = (Vec::new(), Vec::new());
        while let Some(key) = self.clients.next_dirty() {
            if self.clients.has_long_output(key) {
                long.push(key);
                continue;
            }
            self.budget.look(|| self.world.now_us());
            match self.budget.is_spent() {
                true => late.push(key),
                false => self.flush_client(key),
            }
        }
        for key in long {
            self.budget.look(|| self.world.now_us());
            match self.budget.is_spent() {
                true => self.clients.defer(key),
                false => self.flush_client(key),
            }
        }
        for key in late {
            self.clients.look_again(key);
        }
    }

    fn go_on_inspecting(&mut self) {
        self.inspections.go_on(&Held {
            worker: self.cx.id,
            suspensions: &self.suspensions,
            clients: &self.clients,
            guests: &self.guests,
            registry: &self.cx.common.registry,
        });
    }
}
