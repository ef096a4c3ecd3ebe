//! Which calls wait, which have an instance, and who may have the next one.
//!
//! Routes that compute must not make the others wait, however many of their calls there are. So a route of which
//! [`SLOW_AFTER`] calls in a row took more than one time slice is slow until one takes less: its calls queue by
//! themselves, and never get the last places. A call that waits in place computes nothing; but once more of them wait than
//! may do so beside those that run, they take places too, and for the same reason their routes count as slow.

pub(crate) mod gated;
pub(crate) mod queued;

use std::collections::{BTreeMap, VecDeque};

use crate::schedule::gated::Gated;
use crate::schedule::queued::{Queued, Started};
use crate::worker::TURN;
use snow_core::GateId;
use snow_runtime::{RouteId, Slot, VersionId};

/// Guests in a row that make a route slow. More than one, since the system may have stopped this thread in a call that
/// is quick by itself.
const SLOW_AFTER: u8 = 3;

/// A worker's calls: those that wait, and those that have an instance.
pub(crate) struct CallTable {
    pub queue: VecDeque<Queued>,
    /// Guests of slow routes.
    slow_queue: VecDeque<Queued>,
    /// Guests of guests that may have only so many.
    pub gated: Gated,
    /// How many calls in a row took more than a slice, by version and route; those that did not are not here.
    long_calls: BTreeMap<(VersionId, RouteId), u8>,
    /// Guests that may run at one time.
    running_max: usize,
    /// Of those, places that slow routes leave free.
    reserved: usize,
    /// Guests that wait in place now.
    parked: usize,
    /// How many of them may do so beside those that run; more take places of those.
    parked_max: usize,
    /// By slot. There are as many as may run and as may wait in place.
    pub started: Vec<Option<Started>>,
    pub free: Vec<Slot>,
    /// Slots whose call can go on, in turn.
    pub runnable: VecDeque<Slot>,
    /// What was started last: they take turns.
    pub last: Source,
}

/// From where the next call comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The queue of new requests.
    Request,
    /// The suspensions that are over.
    Resumption,
    /// The queues before gates.
    Gate,
}

impl CallTable {
    pub fn new(running_max: u32, parked_max: u32) -> CallTable {
        let slots = running_max + parked_max;
        CallTable {
            queue: VecDeque::new(),
            slow_queue: VecDeque::new(),
            gated: Gated::default(),
            long_calls: BTreeMap::new(),
            // A quarter; and one at least, unless it is the only one.
            running_max: running_max as usize,
            reserved: (running_max as usize / 4).max(usize::from(running_max > 1)),
            parked: 0,
            parked_max: parked_max as usize,
            started: vec![None; slots as usize],
            free: (0..slots).rev().map(Slot).collect(),
            runnable: VecDeque::new(),
            last: Source::Resumption,
        }
    }

    /// Whether a call can be started or continued now, resumptions aside.
    pub fn can_go_on(&self) -> bool {
        let slow = self.places() > self.reserved && !self.slow_queue.is_empty();
        let quick = self.places() > 0 && !self.queue.is_empty();
        !self.runnable.is_empty()
            || quick
            || slow
            || self.gated.can_go_on(|(version, route)| self.may_start(version, route))
    }

    /// The next gate that may be tried.
    pub fn next_gate(&mut self) -> Option<GateId> {
        let mut gated = std::mem::take(&mut self.gated);
        let gate = gated.next_gate(|(version, route)| self.may_start(version, route));
        self.gated = gated;
        gate
    }

    /// In which order to look for the next call: first what had its turn longest ago.
    pub fn sources(&self) -> [Source; 3] {
        use Source::{Gate, Request, Resumption};
        match self.last {
            Request => [Resumption, Gate, Request],
            Resumption => [Gate, Request, Resumption],
            Gate => [Request, Resumption, Gate],
        }
    }

    /// Whether a call of this route may have a place now.
    pub fn may_start(&self, version: VersionId, route: RouteId) -> bool {
        self.places() > if self.is_slow(version, route) { self.reserved } else { 0 }
    }

    /// Whether requests had better stay in their sockets for now: more calls wait than a turn can start. Not so
    /// while all slots are taken: then nobody knows how long it lasts, and clients are told (503) in the end.
    pub fn is_backed_up(&self) -> bool {
        self.places() > 0 && self.queue.len() >= TURN.starts_max
    }

    /// How many calls may be started now.
    pub fn places(&self) -> usize {
        let in_use = self.started.len() - self.free.len();
        let running = in_use - self.parked.min(self.parked_max);
        self.running_max.saturating_sub(running)
    }

    /// A call begins to wait in place. Once more do than may do so beside the others, their routes count as slow: else
    /// they would take every place, those of whom they wait for included.
    pub fn park(&mut self, slot: Slot) {
        self.parked += 1;
        if let Some(Started { version, route, .. }) = self.started[slot.index()] {
            self.classify(version, route, self.parked <= self.parked_max);
        }
    }

    /// It goes on.
    pub fn unpark(&mut self, slot: Slot) {
        self.parked -= 1;
        self.runnable.push_back(slot);
    }

    /// For whom a slot's call runs or waits.
    pub fn started(&self, slot: Slot) -> Option<Started> {
        self.started[slot.index()]
    }

    /// A call that waited in place is over.
    pub fn cancelled(&mut self, slot: Slot) {
        self.parked -= 1;
        self.started[slot.index()] = None;
        self.free.push(slot);
    }

    /// Guests that wait or have an instance.
    pub fn len(&self) -> usize {
        let waiting = self.queue.len() + self.slow_queue.len() + self.gated.all_requests();
        waiting + self.started.len() - self.free.len()
    }

    /// A version's id means nothing any more.
    pub fn forget(&mut self, version: VersionId) {
        let routes = (version, RouteId(0))..=(version, RouteId(u32::MAX));
        let routes: Vec<_> = self.long_calls.range(routes).map(|(route, _)| *route).collect();
        for route in routes {
            self.long_calls.remove(&route);
        }
    }

    fn is_slow(&self, version: VersionId, route: RouteId) -> bool {
        self.long_calls.get(&(version, route)).is_some_and(|&calls| calls >= SLOW_AFTER)
    }

    /// Where a new call of this route waits.
    pub fn queue_of(&mut self, version: VersionId, route: RouteId) -> &mut VecDeque<Queued> {
        if self.is_slow(version, route) { &mut self.slow_queue } else { &mut self.queue }
    }

    /// The next new call that is not of a slow route. Guests whose route has turned out slow since they were queued
    /// move over.
    pub fn next_quick(&mut self) -> Option<Queued> {
        loop {
            let queued = self.queue.pop_front()?;
            if !self.is_slow(queued.version, queued.route) {
                return Some(queued);
            }
            self.slow_queue.push_back(queued);
        }
    }

    /// The next new call of a slow route, if it may have the place that is asked for.
    pub fn next_slow(&mut self) -> Option<Queued> {
        if self.places() > self.reserved { self.slow_queue.pop_front() } else { None }
    }

    /// A call's first time slice is over: was it enough?
    pub fn classify(&mut self, version: VersionId, route: RouteId, was_enough: bool) {
        if !was_enough {
            let calls = self.long_calls.entry((version, route)).or_default();
            *calls = calls.saturating_add(1);
        } else if !self.long_calls.is_empty() {
            self.long_calls.remove(&(version, route));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::ExchangeRef;
    use snow_core::Key;

    const ROUTE: (VersionId, RouteId) = (VersionId(0), RouteId(0));

    fn start(table: &mut CallTable) -> Slot {
        let slot = table.free.pop().expect("there is a slot for each place");
        let exchange = ExchangeRef { client: Key { slot: slot.0, generation: 0 }, serial: 0 };
        table.started[slot.index()] = Some(Started { exchange, version: ROUTE.0, route: ROUTE.1 });
        slot
    }

    #[test]
    fn those_who_wait_in_place_take_no_place_until_there_are_too_many() {
        let mut table = CallTable::new(4, 2);
        let slots: Vec<Slot> = (0..4).map(|_| start(&mut table)).collect();
        assert_eq!(table.places(), 0);
        slots.iter().for_each(|&slot| table.park(slot));
        assert_eq!(table.places(), 2, "two wait beside, two in places");
        table.unpark(slots[0]);
        assert_eq!((table.places(), table.runnable.len()), (2, 1), "it has the place in which it waited");
        table.unpark(slots[1]);
        assert_eq!(table.places(), 2, "the same for the other");
        table.unpark(slots[2]);
        assert_eq!(table.places(), 1, "who waited beside the places takes one");
        table.cancelled(slots[3]);
        assert_eq!((table.places(), table.len()), (1, 3));
    }

    #[test]
    fn routes_that_overflow_leave_a_place() {
        let mut table = CallTable::new(4, 0);
        assert!(table.may_start(ROUTE.0, ROUTE.1));
        for _ in 0..SLOW_AFTER {
            let slot = start(&mut table);
            table.park(slot);
        }
        assert_eq!(table.places(), 1);
        assert!(!table.may_start(ROUTE.0, ROUTE.1) && table.may_start(ROUTE.0, RouteId(1)));
        table.classify(ROUTE.0, ROUTE.1, true);
        assert!(table.may_start(ROUTE.0, ROUTE.1), "one that ends at once, and it is quick again");
    }
}
