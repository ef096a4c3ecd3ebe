//! Calls into guests: bounded queues, at most K with an instance, one time slice after another.
//!
//! Routes that compute must not make the others wait, however many of their calls there are. So a route of which
//! [`SLOW_AFTER`] calls in a row took more than one time slice is slow until one takes less: its calls queue by
//! themselves, and never get the last slots.

use std::collections::{BTreeMap, VecDeque};

use super::suspensions::Suspension;
use super::{ExchangeRef, TURN, Worker};
use crate::exchange::Progress;
use crate::http::{Request, Response};
use crate::log::Level;
use crate::outcome::{Clock, Handle, Outcome};
use crate::router::Match;
use crate::slab::Key;
use crate::world::{Call, CallEnd, CallEntry, CallFault, Calls, GuestRequest, Ran, World};

/// How long starting calls may go on in one turn: guests that compute end it after one time slice.
const STARTING_MS_MAX: u64 = 1;
/// Calls in a row that make a route slow. More than one, since the system may have stopped this thread in a call that
/// is quick by itself.
const SLOW_AFTER: u8 = 3;
/// What clients are told with a 503.
const RETRY_AFTER_S: &str = "1";

/// A worker's calls: those that wait, and those that have an instance.
pub(super) struct CallTable {
    queue: VecDeque<Queued>,
    /// Calls of slow routes.
    slow_queue: VecDeque<Queued>,
    /// How many calls in a row took more than a slice, by guest and route; those that did not are not here.
    long_calls: BTreeMap<(u32, u32), u8>,
    /// Calls that may run at one time.
    running_max: usize,
    /// Of those, places that slow routes leave free.
    reserved: usize,
    /// Calls that wait in place now.
    parked: usize,
    /// How many of them may do so beside those that run; more take places of those.
    parked_max: usize,
    /// By slot. There are as many as may run and as may wait in place.
    started: Vec<Option<Started>>,
    free: Vec<u32>,
    /// Slots whose call can go on, in turn.
    pub runnable: VecDeque<u32>,
    /// Whether a new request or a resumption was started last: they take turns.
    started_new: bool,
}

/// A request that waits for a slot.
pub(super) struct Queued {
    exchange: ExchangeRef,
    guest: u32,
    route: u32,
    request: Box<GuestRequest>,
}

/// For whom a slot's call runs.
#[derive(Clone, Copy)]
pub(super) struct Started {
    pub exchange: ExchangeRef,
    pub guest: u32,
    pub route: u32,
}

impl CallTable {
    pub fn new(running_max: u32, parked_max: u32) -> CallTable {
        let slots = running_max + parked_max;
        CallTable {
            queue: VecDeque::new(),
            slow_queue: VecDeque::new(),
            long_calls: BTreeMap::new(),
            // A quarter; and one at least, unless it is the only one.
            running_max: running_max as usize,
            reserved: (running_max as usize / 4).max(usize::from(running_max > 1)),
            parked: 0,
            parked_max: parked_max as usize,
            started: vec![None; slots as usize],
            free: (0..slots).rev().collect(),
            runnable: VecDeque::new(),
            started_new: false,
        }
    }

    /// Whether a call can be started or continued now, resumptions aside.
    pub fn can_go_on(&self) -> bool {
        let slow = self.places() > self.reserved && !self.slow_queue.is_empty();
        let quick = self.places() > 0 && !self.queue.is_empty();
        !self.runnable.is_empty() || quick || slow
    }

    /// Whether a call of this route may have a place now.
    pub fn may_start(&self, guest: u32, route: u32) -> bool {
        self.places() > if self.is_slow(guest, route) { self.reserved } else { 0 }
    }

    /// Whether requests had better stay in their sockets for now: more calls wait than a turn can start. Not so
    /// while all slots are taken: then nobody knows how long it lasts, and clients are told (503) in the end.
    pub fn is_backed_up(&self) -> bool {
        self.places() > 0 && self.queue.len() >= TURN.starts_max
    }

    /// How many calls may be started now.
    fn places(&self) -> usize {
        let in_use = self.started.len() - self.free.len();
        let running = in_use - self.parked.min(self.parked_max);
        self.running_max.saturating_sub(running)
    }

    /// A call begins to wait in place. Once more do than may do so beside the others, their routes count as slow: else
    /// they would take every place, those of whom they wait for included.
    pub fn park(&mut self, slot: u32) {
        self.parked += 1;
        if let Some(Started { guest, route, .. }) = self.started[slot as usize] {
            self.classify(guest, route, self.parked <= self.parked_max);
        }
    }

    /// It goes on.
    pub fn unpark(&mut self, slot: u32) {
        self.parked -= 1;
        self.runnable.push_back(slot);
    }

    /// For whom a slot's call runs or waits.
    pub fn started(&self, slot: u32) -> Option<Started> {
        self.started[slot as usize]
    }

    /// A call that waited in place is over.
    pub fn cancelled(&mut self, slot: u32) {
        self.parked -= 1;
        self.started[slot as usize] = None;
        self.free.push(slot);
    }

    /// Calls that wait or have an instance.
    pub fn len(&self) -> usize {
        self.queue.len() + self.slow_queue.len() + self.started.len() - self.free.len()
    }

    fn is_slow(&self, guest: u32, route: u32) -> bool {
        self.long_calls.get(&(guest, route)).is_some_and(|&calls| calls >= SLOW_AFTER)
    }

    /// Where a new call of this route waits.
    fn queue_of(&mut self, guest: u32, route: u32) -> &mut VecDeque<Queued> {
        if self.is_slow(guest, route) { &mut self.slow_queue } else { &mut self.queue }
    }

    /// The next new call that is not of a slow route. Calls whose route has turned out slow since they were queued
    /// move over.
    fn next_quick(&mut self) -> Option<Queued> {
        loop {
            let queued = self.queue.pop_front()?;
            if !self.is_slow(queued.guest, queued.route) {
                return Some(queued);
            }
            self.slow_queue.push_back(queued);
        }
    }

    /// The next new call of a slow route, if it may have the place that is asked for.
    fn next_slow(&mut self) -> Option<Queued> {
        if self.places() > self.reserved { self.slow_queue.pop_front() } else { None }
    }

    /// A call's first time slice is over: was it enough?
    fn classify(&mut self, guest: u32, route: u32, was_enough: bool) {
        if !was_enough {
            let calls = self.long_calls.entry((guest, route)).or_default();
            *calls = calls.saturating_add(1);
        } else if !self.long_calls.is_empty() {
            self.long_calls.remove(&(guest, route));
        }
    }
}

/// What a worker may start.
enum Startable {
    New(Queued),
    Resume(Key),
}

impl<W: World, C: Calls> Worker<W, C> {
    /// Queues a request for its guest.
    pub(super) fn dispatch(&mut self, key: Key, request: Request, found: Match) {
        let Some(serial) = self.clients.get(key).and_then(|c| c.connection.exchange()).map(|e| e.serial) else {
            return;
        };
        let exchange = ExchangeRef { client: key, serial };
        let Match::Found { entry, params } = found else {
            // The connection admitted it, so this is a request whose route went away in between.
            return self.answer(exchange, None, &Response::text(404, "not found\n"));
        };
        let Some((guest, route)) = self.guests.router().entry(entry).map(|entry| (entry.guest, entry.route)) else {
            return;
        };
        if self.calls.queue_of(guest, route).len() >= self.shared.limits.worker_calls_queued_max {
            return self.answer(exchange, Some(guest), &unavailable());
        }
        let Some(client) = self.peer(key) else { return };
        let request = Box::new(GuestRequest { request, client, params });
        self.calls.queue_of(guest, route).push_back(Queued { exchange, guest, route, request });
    }

    /// Gives started calls their next time slice, and starts others while there are slots. Both end early in a
    /// turn in which a guest computes.
    pub(super) fn run_calls(&mut self) {
        let began_ms = self.world.now_ms();
        for _ in 0..self.calls.runnable.len() {
            let Some(slot) = self.calls.runnable.pop_front() else { break };
            let ran = self.guests.poll(slot);
            self.ran(slot, ran);
            if self.world.now_ms() > began_ms {
                break;
            }
        }
        for _ in 0..TURN.starts_max {
            if self.calls.places() == 0 || !self.start_one() {
                return;
            }
            if self.world.now_ms() > began_ms + STARTING_MS_MAX {
                return;
            }
        }
    }

    /// Starts a new request or a resumption, by turns. False if there is neither.
    fn start_one(&mut self) -> bool {
        let resume_first = self.calls.started_new || self.calls.queue.is_empty();
        let can_resume = self.can_resume();
        let mut next_resumption = || if can_resume { self.resumable.pop_front() } else { None };
        let resumed = if resume_first { next_resumption() } else { None };
        let next = if let Some(suspension) = resumed {
            Startable::Resume(suspension)
        } else if let Some(queued) = self.calls.next_quick() {
            Startable::New(queued)
        } else if let Some(suspension) = next_resumption() {
            Startable::Resume(suspension)
        } else {
            let Some(queued) = self.calls.next_slow() else { return false };
            Startable::New(queued)
        };
        self.calls.started_new = matches!(next, Startable::New(_));
        let prepared = match next {
            Startable::New(Queued { exchange, guest, route, request }) => {
                Some((Started { exchange, guest, route }, CallEntry::Handle(request)))
            }
            Startable::Resume(suspension) => self.prepare_resume(suspension),
        };
        if let Some((started, entry)) = prepared {
            self.start(started, entry);
        }
        true
    }

    /// Whether the next resumption may have a place now. One of a slow route keeps those behind it waiting.
    pub(super) fn can_resume(&self) -> bool {
        let Some(&next) = self.resumable.front() else { return false };
        let Some((guest, route)) = self.suspensions.get(next).map(Suspension::call) else { return true };
        self.calls.may_start(guest, route)
    }

    fn start(&mut self, started: Started, entry: CallEntry) {
        let Started { exchange, guest, route } = started;
        let there = self.exchange_is_there(exchange);
        let current = self.clients.get_mut(exchange.client).and_then(|client| client.connection.exchange_mut());
        let Some(current) = current.filter(|_| there) else {
            if let CallEntry::Resume { arrivals, .. } = entry {
                self.release_all(arrivals.into_iter().map(|arrival| arrival.handle));
            }
            return;
        };
        let Some(slot) = self.calls.free.pop() else { return };
        current.progress = Progress::Running { slot };
        let request_id = current.id.clone();
        self.calls.started[slot as usize] = Some(started);
        let call = Call { guest, route, request_id, entry, now_ms: self.world.now_ms() };
        let ran = self.guests.start(slot, call);
        match ran {
            Ran::Ended(_) => self.calls.classify(guest, route, true),
            Ran::Yielded => self.calls.classify(guest, route, false),
            Ran::Parked(_) => {}
        }
        self.ran(slot, ran);
    }

    fn ran(&mut self, slot: u32, ran: Ran) {
        match ran {
            Ran::Ended(end) => self.call_ended(slot, end),
            Ran::Yielded => {}
            Ran::Parked(wait) => self.park(slot, wait),
        }
    }

    fn call_ended(&mut self, slot: u32, end: CallEnd) {
        let Some(started) = self.calls.started[slot as usize].take() else { return };
        self.calls.free.push(slot);
        // First: what the call let go of may pass on to others, and must not be counted as waiting.
        self.release_all(end.leftover.into_iter());
        match end.outcome {
            Ok(Outcome::Respond(response)) => self.answer(started.exchange, Some(started.guest), &response),
            Ok(Outcome::Suspend(suspend)) => self.suspend(started, suspend, end.request),
            Err(fault) => self.call_failed(started, &fault),
        }
    }

    fn call_failed(&mut self, started: Started, fault: &CallFault) {
        let guest = self.guests.guest_name(started.guest);
        let client = self.clients.get(started.exchange.client);
        let exchange = client.and_then(|client| client.connection.exchange());
        let about = exchange.map(|exchange| format!("id={} \"{}\"", exchange.id, exchange.label)).unwrap_or_default();
        let message = format!("guest={guest} route={} {about}: the call failed: {fault}", started.route);
        self.shared.log.host(Level::Error, message);
        self.answer(started.exchange, Some(started.guest), &fault.response());
    }

    /// Ends pendings: their timers are cancelled, and a value that nobody consumed passes on.
    pub(super) fn release_all(&mut self, handles: impl Iterator<Item = Handle>) {
        for handle in handles {
            if let Clock::Set(timer) = handle.clock {
                self.timers.cancel(timer);
            }
            if let Some(waiter) = self.shared.registry.release(handle.id) {
                self.shared.post.wake(&[waiter]);
            }
        }
    }
}

/// The host has no room now.
pub(super) fn unavailable() -> Response {
    Response::text(503, "service unavailable\n").with_field("retry-after", RETRY_AFTER_S)
}
