//! Which calls wait, which have an instance, and which one gets the next place.
//!
//! A mechanism without I/O and without a clock: the worker tells it what has come and how calls
//! went, and asks it for the [next](Schedule::next) one.
//!
//! - **Places.** So many calls may run at one time. A call that waits in place computes nothing,
//!   and takes none; but only so many may wait beside those that run. More of them take places,
//!   too.
//! - **Turns.** New requests, suspensions that are over, and calls that wait before a [gate](gated)
//!   take turns, so that none of the three keeps the others waiting.
//! - **Slow routes.** Routes that compute must not make the others wait, however many of their
//!   calls there are. A route of which [`SLOW_AFTER`] calls in a row took more than one time slice
//!   is slow until one takes less: its calls have a queue to themselves, and never get the last
//!   places. The same goes for routes whose calls wait in place and take places by it.

mod gated;

use std::collections::{BTreeMap, VecDeque};

use snow_core::{Fifo, GateId, Key};
use snow_runtime::{GuestRequest, RouteId, Slot, VersionId};

use self::gated::Gated;
pub(crate) use self::gated::{Entered, Waiting};
use crate::context::{Callee, ExchangeRef, TURN};

/// Long calls in a row that make a route slow. More than one, since the system may have stopped
/// this thread in a call that is quick by itself.
const SLOW_AFTER: u8 = 3;

/// A request that waits for its first call.
pub(crate) struct Queued {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
    pub request: Box<GuestRequest>,
}

/// What a slot's call runs for.
#[derive(Clone, Copy)]
pub(crate) struct Started {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
}

impl Queued {
    fn callee(&self) -> Callee {
        (self.version, self.route)
    }
}

impl Started {
    pub fn callee(&self) -> Callee {
        (self.version, self.route)
    }
}

/// What gets the next place.
pub(crate) enum Next {
    /// A new request.
    Request(Queued),
    /// A suspension that is over, for its `resume`. It may have ended otherwise meanwhile.
    Resumption(Key),
    /// The first call before this gate, if the gate lets it in: see [`Schedule::first_at`].
    Gate(GateId),
}

/// From where the next call comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Request,
    Resumption,
    Gate,
}

/// The calls of a worker: those that wait, and those that have an instance.
pub(crate) struct Schedule {
    queue: VecDeque<Queued>,
    /// New requests of slow routes.
    slow_queue: VecDeque<Queued>,
    /// Suspensions that are over and wait for their `resume`.
    resumable: Fifo<Key>,
    /// Calls of guests that may have only so many.
    gated: Gated,
    /// How many calls in a row took more than a slice. Routes whose last call did not are not here.
    long_calls: BTreeMap<Callee, u8>,
    /// Calls that may run at one time.
    running_max: usize,
    /// Of those, places that slow routes leave free.
    reserved: usize,
    /// Calls that wait in place now.
    parked: usize,
    /// How many of them may do so beside those that run.
    parked_max: usize,
    /// By slot. There are as many slots as calls may run and may wait in place.
    started: Vec<Option<Started>>,
    free: Vec<Slot>,
    /// Slots whose call can go on.
    runnable: VecDeque<Slot>,
    /// The source of the call that was started last.
    last: Source,
}

impl Schedule {
    pub fn new(running_max: u32, parked_max: u32) -> Schedule {
        let slots = running_max + parked_max;
        Schedule {
            queue: VecDeque::new(),
            slow_queue: VecDeque::new(),
            resumable: Fifo::new(),
            gated: Gated::default(),
            long_calls: BTreeMap::new(),
            running_max: running_max as usize,
            // A quarter; and one at least, unless it is the only one.
            reserved: (running_max as usize / 4).max(usize::from(running_max > 1)),
            parked: 0,
            parked_max: parked_max as usize,
            started: vec![None; slots as usize],
            free: (0..slots).rev().map(Slot).collect(),
            runnable: VecDeque::new(),
            last: Source::Resumption,
        }
    }

    /// Returns how many calls wait or have an instance.
    pub fn len(&self) -> usize {
        let waiting = self.queue.len() + self.slow_queue.len() + self.gated.all_requests();
        waiting + self.started.len() - self.free.len()
    }

    /// Returns how many suspensions wait for their `resume`, those before gates included.
    pub fn resumptions(&self) -> usize {
        self.resumable.len() + self.gated.all_resumptions()
    }

    /// Whether as many suspensions wait for their `resume` as may: more are left in the inbox.
    pub fn has_enough_to_resume(&self) -> bool {
        self.resumable.len() >= TURN.resumable_max
    }

    /// Whether requests are better left in their sockets for now: more calls wait than a turn can
    /// start. Not so while all places are taken: then nobody knows how long that lasts, and clients
    /// must learn in the end that there is no room (503).
    pub fn is_backed_up(&self) -> bool {
        self.places() > 0 && self.queue.len() >= TURN.starts_max
    }

    /// Whether a call can be started or continued now. `callee` tells whose a suspension is, if it
    /// is still there.
    pub fn can_go_on(&self, callee: impl Fn(Key) -> Option<Callee>) -> bool {
        let slow = self.places() > self.reserved && !self.slow_queue.is_empty();
        let quick = self.places() > 0 && !self.queue.is_empty();
        !self.runnable.is_empty()
            || quick
            || slow
            || self.gated.can_go_on(|callee| self.may_start(callee))
            || self.can_resume(callee)
    }

    /// Returns how many calls may be started now.
    pub fn places(&self) -> usize {
        let in_use = self.started.len() - self.free.len();
        let running = in_use - self.parked.min(self.parked_max);
        self.running_max.saturating_sub(running)
    }

    /// Returns how many new requests wait in the queue that one of this route would wait in.
    pub fn waiting(&self, callee: Callee, gate: Option<GateId>) -> usize {
        match gate {
            Some(gate) => self.gated.requests(gate),
            None if self.is_slow(callee) => self.slow_queue.len(),
            None => self.queue.len(),
        }
    }

    /// Queues a new request, before its guest's gate if it has one.
    pub fn queue(&mut self, queued: Queued, gate: Option<GateId>) {
        match gate {
            Some(gate) => self.gated.push_request(gate, queued),
            None if self.is_slow(queued.callee()) => self.slow_queue.push_back(queued),
            None => self.queue.push_back(queued),
        }
    }

    /// Queues a suspension that is over, before its guest's gate if it has one.
    pub fn queue_resumption(&mut self, suspension: Key, gate: Option<(GateId, Callee)>) {
        match gate {
            Some((gate, callee)) => self.gated.push_resumption(gate, suspension, callee),
            None => self.resumable.push_back(suspension),
        }
    }

    /// Returns what gets the next place: from each source by turns, and of slow routes if there is
    /// nothing else.
    pub fn next(&mut self, callee: impl Fn(Key) -> Option<Callee>) -> Option<Next> {
        for source in self.sources() {
            let next = match source {
                Source::Resumption if self.can_resume(&callee) => {
                    self.resumable.pop_front().map(Next::Resumption)
                }
                Source::Resumption => None,
                Source::Request => self.next_quick().map(Next::Request),
                Source::Gate => self.next_gate().map(Next::Gate),
            };
            if next.is_some() {
                self.last = source;
                return next;
            }
        }
        if self.places() <= self.reserved {
            return None;
        }
        let queued = self.slow_queue.pop_front()?;
        self.last = Source::Request;
        Some(Next::Request(queued))
    }

    /// The sources, the one first that had its turn longest ago.
    fn sources(&self) -> [Source; 3] {
        use Source::{Gate, Request, Resumption};
        match self.last {
            Request => [Resumption, Gate, Request],
            Resumption => [Gate, Request, Resumption],
            Gate => [Request, Resumption, Gate],
        }
    }

    /// The next new request that is not of a slow route. Requests whose route has turned out slow
    /// since they were queued move over.
    fn next_quick(&mut self) -> Option<Queued> {
        loop {
            let queued = self.queue.pop_front()?;
            if !self.is_slow(queued.callee()) {
                return Some(queued);
            }
            self.slow_queue.push_back(queued);
        }
    }

    fn next_gate(&mut self) -> Option<GateId> {
        let mut gated = std::mem::take(&mut self.gated);
        let gate = gated.next_gate(|callee| self.may_start(callee));
        self.gated = gated;
        gate
    }

    /// Whether the next resumption may have a place now. One of a slow route keeps those behind it
    /// waiting. One that is over already needs none.
    fn can_resume(&self, callee: impl Fn(Key) -> Option<Callee>) -> bool {
        let Some(&next) = self.resumable.front() else { return false };
        callee(next).is_none_or(|callee| self.may_start(callee))
    }

    /// Whether a call of this route may have a place now.
    fn may_start(&self, callee: Callee) -> bool {
        self.places() > if self.is_slow(callee) { self.reserved } else { 0 }
    }

    fn is_slow(&self, callee: Callee) -> bool {
        self.long_calls.get(&callee).is_some_and(|&calls| calls >= SLOW_AFTER)
    }

    /// Notes whether the first time slice of a route's call was enough for it.
    pub fn classify(&mut self, callee: Callee, was_enough: bool) {
        if !was_enough {
            let calls = self.long_calls.entry(callee).or_default();
            *calls = calls.saturating_add(1);
        } else if !self.long_calls.is_empty() {
            self.long_calls.remove(&callee);
        }
    }

    /// Forgets a version, whose id may name another one from now on.
    pub fn forget(&mut self, version: VersionId) {
        let routes = (version, RouteId(0))..=(version, RouteId(u32::MAX));
        let routes: Vec<_> = self.long_calls.range(routes).map(|(route, _)| *route).collect();
        for route in routes {
            self.long_calls.remove(&route);
        }
    }

    /// Gives a call a free slot.
    pub fn start(&mut self, started: Started) -> Option<Slot> {
        let slot = self.free.pop()?;
        self.started[slot.index()] = Some(started);
        Some(slot)
    }

    /// Returns what a slot's call runs or waits for.
    pub fn started(&self, slot: Slot) -> Option<Started> {
        self.started[slot.index()]
    }

    /// Frees the slot of a call that has ended. Returns what it ran for.
    pub fn end(&mut self, slot: Slot) -> Option<Started> {
        let started = self.started[slot.index()].take()?;
        self.free.push(slot);
        Some(started)
    }

    /// Notes that a slot's call can go on.
    pub fn runnable(&mut self, slot: Slot) {
        self.runnable.push_back(slot);
    }

    /// Returns how many calls can go on.
    pub fn runnables(&self) -> usize {
        self.runnable.len()
    }

    /// Takes the slot whose call goes on next.
    pub fn next_runnable(&mut self) -> Option<Slot> {
        self.runnable.pop_front()
    }

    /// Notes that a call begins to wait in place. Once more do than may do so beside those that
    /// run, their routes count as slow: else they would take every place, and leave none to those
    /// whom they wait for.
    pub fn park(&mut self, slot: Slot) {
        self.parked += 1;
        if let Some(started) = self.started(slot) {
            self.classify(started.callee(), self.parked <= self.parked_max);
        }
    }

    /// Notes that a call that waited in place goes on.
    pub fn unpark(&mut self, slot: Slot) {
        self.parked -= 1;
        self.runnable.push_back(slot);
    }

    /// Frees the slot of a call that was cancelled while it waited in place.
    pub fn cancel(&mut self, slot: Slot) {
        self.parked -= 1;
        self.started[slot.index()] = None;
        self.free.push(slot);
    }

    /// Returns what is to enter a gate next.
    pub fn first_at(&self, gate: GateId) -> Option<Waiting<'_>> {
        self.gated.first(gate)
    }

    /// Takes what enters a gate.
    pub fn enter(&mut self, gate: GateId) -> Option<Entered> {
        self.gated.enter(gate)
    }

    /// Notes that a gate is full, and that this worker stands in line before it.
    pub fn stands_in_line(&mut self, gate: GateId) {
        self.gated.stands_in_line(gate);
    }

    /// Notes that this worker was told that a gate has opened.
    pub fn gate_opened(&mut self, gate: GateId) {
        self.gated.opened(gate);
    }

    /// Has each gate tried again, since it may let through more now.
    pub fn try_all_gates(&mut self) {
        self.gated.try_all();
    }

    /// Returns the gates that have opened in this turn and at which nothing could be started:
    /// others may have their turn.
    pub fn take_unanswered_gates(&mut self) -> Vec<GateId> {
        self.gated.take_unanswered()
    }
}

#[cfg(test)]
mod tests;
