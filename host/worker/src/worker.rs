//! The loop of one thread. It alone joins the mechanisms: a socket's bytes go to the connection, its request
//! to the router and a guest, the guest's outcome back to the connection or into a suspension, and a
//! settlement or a deadline from there to an answer.
//!
//! One turn: wait for sockets, read and parse, take settlements, fire timers, run guests, write. Each part is
//! bounded (see [`TurnLimits`]), so none keeps the others waiting, and none costs in proportion to what is
//! held. Generic over the world, so that a simulator can drive it.

mod adopt;
mod calls;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use snow_config::{Limits, TurnLimits};
use snow_core::{Fifo, Key, PendingId, Registry, Slab, Timers, WorkerId};
use snow_runtime::{Guests, Log, Post, Ready, Settled, World};

use self::adopt::Expelled;
use crate::clients::Client;
use crate::inspect::Scan;
use crate::lifecycle::Drain;
use crate::mailbox::{Mailbox, Message};
use crate::schedule::CallTable;
use crate::stats::Stats;
use crate::stats::writer::Tally;
use crate::suspensions::Suspension;

pub(crate) const TURN: TurnLimits = TurnLimits::DEFAULT;
/// The one buffer that all sockets of the worker are read into.
pub(crate) const SCRATCH_BYTES: usize = 64 << 10;

/// What a worker holds at one moment, for whoever drives it turn by turn to compare with what should be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Open connections.
    pub clients: usize,
    /// Suspended requests, those that wait for `resume` included.
    pub suspensions: usize,
    /// Timers that are set.
    pub timers: usize,
    /// Guests that wait or have an instance.
    pub calls: usize,
    /// Suspensions that are over and wait for `resume`; some may have ended otherwise meanwhile.
    pub resumable: usize,
}

/// What a worker shares with the others.
#[derive(Clone)]
pub struct Common {
    /// The limits.
    pub limits: Arc<Limits>,
    /// A worker's calls that may wait in place beside those that run.
    pub calls_parked_max: u32,
    /// Who waits.
    pub registry: Arc<Registry<Settled>>,
    /// How settlements reach other workers.
    pub post: Arc<dyn Post>,
    /// The log.
    pub log: Log,
    /// Whether each answered request goes there.
    pub access_log: bool,
}

/// One thread's world and everything it holds.
pub struct Worker<W: World, C: Guests> {
    pub(crate) id: WorkerId,
    pub(crate) world: W,
    pub(crate) guests: C,
    pub(crate) shared: Common,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) tally: Tally,
    pub(crate) clients: Slab<Client<W::Socket>>,
    pub(crate) suspensions: Slab<Suspension>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) calls: CallTable,
    /// Suspensions that are over and wait for a call of `resume`.
    pub(crate) resumable: Fifo<Key>,
    /// Clients that have something to read, parse or write in this turn.
    pub(crate) dirty: VecDeque<Key>,
    /// Clients that may have requests, for a turn when fewer calls wait.
    pub(crate) deferred: Fifo<Key>,
    pub(crate) drain: Drain,
    /// Versions whose suspensions are to be answered 503.
    pub(crate) expelled: VecDeque<Expelled>,
    /// Questions about what is held.
    pub(crate) scans: VecDeque<Scan>,
    pub(crate) scratch: Box<[u8]>,
    pub(crate) ready: Vec<Ready>,
    pub(crate) now_ms: u64,
    pub(crate) date: String,
    pub(crate) accepting: bool,
    /// The last attempt to accept has failed.
    pub(crate) accept_fails: bool,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timer {
    /// A connection's own timeout.
    Client(Key),
    /// A suspension's deadline.
    Deadline(Key),
    /// A pending that the clock settles.
    Pending(PendingId),
}

/// One request of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExchangeRef {
    pub client: Key,
    pub serial: u32,
}

impl<W: World, C: Guests> Worker<W, C> {
    /// A worker that has not run yet.
    pub fn new(
        id: WorkerId,
        world: W,
        guests: C,
        shared: Common,
        mailbox: Arc<Mailbox>,
        stats: Arc<Stats>,
    ) -> Worker<W, C> {
        let calls = CallTable::new(shared.limits.worker_calls_started_max, shared.calls_parked_max);
        let now_ms = world.now_ms();
        Worker {
            id,
            world,
            guests,
            shared,
            mailbox,
            tally: Tally::new(stats),
            clients: Slab::new(),
            suspensions: Slab::new(),
            timers: Timers::new(),
            calls,
            resumable: Fifo::new(),
            dirty: VecDeque::new(),
            deferred: Fifo::new(),
            drain: Drain::No,
            expelled: VecDeque::new(),
            scans: VecDeque::new(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            ready: Vec::new(),
            now_ms,
            date: String::new(),
            accepting: false,
            accept_fails: false,
        }
    }

    /// Serves until it was told to drain and has.
    ///
    /// # Errors
    /// Only if the poll itself fails.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_drained() {
            self.turn()?;
        }
        self.tally.stats.turns.end();
        Ok(())
    }

    /// One turn of the loop.
    ///
    /// # Errors
    /// Only what the world's `wait` says. Nothing has been done then, and the worker counts as asleep.
    pub fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        let began_us = self.world.now_us();
        self.now_ms = began_us / 1_000;
        self.tally.stats.turns.begins(self.now_ms);
        self.date.clear();
        self.date.push_str(self.world.date());
        self.take_ready();
        self.take_messages();
        self.fire_timers();
        self.guests.expire(self.now_ms);
        self.serve_clients();
        self.run_calls();
        self.serve_clients();
        self.go_on_expelling();
        self.go_on_inspecting();
        self.go_on_draining();
        self.tally.stats.calls.set(self.calls.len() as u64);
        self.tally.stats.turns.took_us.add(self.world.now_us() - began_us);
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        let asleep = !self.is_busy() && self.mailbox.fall_asleep();
        let timeout_ms = if asleep { self.sleep_ms() } else { Some(0) };
        self.tally.stats.turns.waits();
        // An error leaves the worker asleep: whoever drives it turn by turn is woken by its mail then.
        self.world.wait(timeout_ms, &mut self.ready).inspect_err(|_| self.tally.stats.turns.begins(self.now_ms))?;
        self.mailbox.wake_up();
        Ok(())
    }

    /// Whether there is something to do before any socket says so.
    fn is_busy(&self) -> bool {
        let refusing = self.drain.is_over() && !self.suspensions.is_empty();
        refusing
            || self.accepting
            || !self.expelled.is_empty()
            || !self.scans.is_empty()
            || !self.dirty.is_empty()
            || !self.deferred.is_empty()
            || self.calls.can_go_on()
            || self.can_resume()
    }

    fn sleep_ms(&self) -> Option<u64> {
        let next =
            [self.timers.next_ms(), self.drain.next_ms(), self.guests.expires_ms()].into_iter().flatten().min()?;
        Some(next.saturating_sub(self.world.now_ms()))
    }

    fn take_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            match event {
                Ready::Listener => self.accepting = true,
                Ready::Socket { key, readable, writable: _, read_closed, broken } => {
                    self.socket_changed(key, readable, read_closed, broken);
                }
            }
        }
        self.ready = ready;
        if self.accepting && !self.calls.is_backed_up() {
            self.accept();
        }
        // Left over from earlier turns, so before those that are ready now.
        for _ in 0..self.deferred.len() {
            if self.calls.is_backed_up() {
                return;
            }
            let Some(key) = self.deferred.pop_front() else { return };
            if let Some(client) = self.clients.get_mut(key) {
                client.deferred = false;
            }
            self.serve_client(key);
        }
    }

    fn take_messages(&mut self) {
        for message in self.mailbox.take_messages() {
            match message {
                Message::Runnable(slot) => self.calls.runnable.push_back(slot),
                Message::GateOpened { gate } => self.calls.gated.opened(gate),
                Message::Adopt => self.adopt(),
                Message::Expel { version } => self.expel(version),
                Message::Inspect(inspection) => self.inspect(*inspection),
                Message::Drain { until_ms } => self.start_draining(until_ms),
            }
        }
        // What can't be resumed yet waits in the inbox, so that this queue stays short.
        if self.resumable.len() < TURN.resumable_max {
            for suspension in self.mailbox.take_settled() {
                self.settled(suspension);
            }
        }
    }

    fn fire_timers(&mut self) {
        for _ in 0..TURN.timers_max {
            let Some(timer) = self.timers.pop_due(self.now_ms) else { return };
            match timer {
                Timer::Client(key) => self.client_timer(key),
                Timer::Deadline(key) => self.deadline_passed(key),
                Timer::Pending(id) => self.clock_settles(id),
            }
        }
    }

    pub(crate) fn mark_dirty(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key).filter(|client| !client.dirty) {
            client.dirty = true;
            self.dirty.push_back(key);
        }
    }

    fn serve_clients(&mut self) {
        while let Some(key) = self.dirty.pop_front() {
            self.serve_client(key);
        }
    }

    pub(crate) fn exchange_is_there(&self, exchange: ExchangeRef) -> bool {
        let client = self.clients.get(exchange.client);
        client.and_then(|client| client.connection.exchange()).is_some_and(|e| e.serial == exchange.serial)
    }

    /// What it holds now.
    pub fn held(&self) -> Holdings {
        Holdings {
            clients: self.clients.len(),
            suspensions: self.suspensions.len(),
            timers: self.timers.len(),
            calls: self.calls.len(),
            resumable: self.resumable.len() + self.calls.gated.all_resumptions(),
        }
    }

    pub(crate) fn count(&self) {
        self.tally.stats.connections.set(self.clients.len() as u64);
        self.tally.stats.suspended.set(self.suspensions.len() as u64);
    }
}
