//! Guests that wait to enter their guest's gate: of guests whose calls in the process are limited in number.
//!
//! Each gate has its own queue here, so that nobody else waits for it. A gate with something in its queue is either *ready*,
//! and tried when there is a place among the calls that may run, or this worker stands in line before it and will be told.

use std::collections::{BTreeMap, VecDeque};

use crate::schedule::queued::Queued;
use snow_core::{Fifo, GateId, Key};
use snow_runtime::{RouteId, VersionId};

/// The queues before the gates.
#[derive(Default)]
pub(crate) struct Gated {
    queues: BTreeMap<GateId, Queue>,
    /// Gates to be tried, in turn; none of them has an empty queue.
    ready: VecDeque<GateId>,
    /// Gates that were said to have opened in this turn: an answer is owed.
    told: Vec<GateId>,
}

/// One gate's.
#[derive(Default)]
struct Queue {
    requests: VecDeque<Queued>,
    resumptions: Fifo<Resumption>,
    /// Whether a request or a resumption went last: they take turns.
    request_went: bool,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.resumptions.is_empty()
    }

    fn resumption_is_next(&self) -> bool {
        self.requests.is_empty() || (self.request_went && !self.resumptions.is_empty())
    }
}

/// A suspension that is over and waits for `resume`. It may have ended otherwise meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Resumption {
    pub suspension: Key,
    pub version: VersionId,
    pub route: RouteId,
}

/// What waits longest before a gate.
pub(crate) enum Next<'a> {
    Request(&'a Queued),
    Resumption(Resumption),
}

impl Next<'_> {
    /// Its version and its route.
    pub fn call(&self) -> (VersionId, RouteId) {
        match self {
            Next::Request(queued) => (queued.version, queued.route),
            Next::Resumption(resumption) => (resumption.version, resumption.route),
        }
    }
}

/// The same, taken out.
pub(crate) enum Taken {
    Request(Queued),
    Resumption(Key),
}

impl Gated {
    /// New requests before a gate.
    pub fn requests(&self, gate: GateId) -> usize {
        self.queues.get(&gate).map_or(0, |queue| queue.requests.len())
    }

    /// New requests before all of them.
    pub fn all_requests(&self) -> usize {
        self.queues.values().map(|queue| queue.requests.len()).sum()
    }

    /// Resumptions before all of them.
    pub fn all_resumptions(&self) -> usize {
        self.queues.values().map(|queue| queue.resumptions.len()).sum()
    }

    pub fn push_request(&mut self, gate: GateId, queued: Queued) {
        self.queue(gate).requests.push_back(queued);
    }

    pub fn push_resumption(&mut self, gate: GateId, resumption: Resumption) {
        self.queue(gate).resumptions.push_back(resumption);
    }

    /// The queue of a gate, for something to be put into.
    fn queue(&mut self, gate: GateId) -> &mut Queue {
        let queue = self.queues.entry(gate).or_default();
        // If there was something in it, the gate is ready, or this worker stands in line.
        if queue.is_empty() {
            self.ready.push_back(gate);
        }
        queue
    }

    /// It is this worker's turn at a gate, or that is what somebody thought.
    pub fn opened(&mut self, gate: GateId) {
        self.told.push(gate);
        self.make_ready(gate);
    }

    /// What the gates let through has changed: each is tried.
    pub fn try_all(&mut self) {
        let gates: Vec<GateId> = self.queues.keys().copied().collect();
        gates.into_iter().for_each(|gate| self.make_ready(gate));
    }

    fn make_ready(&mut self, gate: GateId) {
        if self.queues.contains_key(&gate) && !self.ready.contains(&gate) {
            self.ready.push_back(gate);
        }
    }

    /// This worker stands in line before the gate.
    pub fn stands_in_line(&mut self, gate: GateId) {
        self.ready.retain(|ready| *ready != gate);
    }

    /// Whether one of the gates may be tried, for a call that may have a place.
    pub fn can_go_on(&self, may_start: impl Fn((VersionId, RouteId)) -> bool) -> bool {
        self.ready.iter().filter_map(|gate| self.next(*gate)).any(|next| may_start(next.call()))
    }

    /// The first gate to be tried, for a call that may have a place. It is the last one the next time.
    pub fn next_gate(&mut self, may_start: impl Fn((VersionId, RouteId)) -> bool) -> Option<GateId> {
        let may_go = |gate: &GateId| self.next(*gate).is_some_and(|next| may_start(next.call()));
        let at = self.ready.iter().position(may_go)?;
        let gate = self.ready.remove(at)?;
        self.ready.push_back(gate);
        Some(gate)
    }

    /// What is to enter a gate next.
    pub fn next(&self, gate: GateId) -> Option<Next<'_>> {
        let queue = self.queues.get(&gate)?;
        match queue.resumption_is_next() {
            true => queue.resumptions.front().copied().map(Next::Resumption),
            false => queue.requests.front().map(Next::Request),
        }
    }

    /// Takes it out. A gate with nothing behind it is not ready any more, and the worker gives up its place in line.
    pub fn take(&mut self, gate: GateId) -> Option<Taken> {
        let queue = self.queues.get_mut(&gate)?;
        let is_resumption = queue.resumption_is_next();
        queue.request_went = !is_resumption;
        let taken = match is_resumption {
            true => queue.resumptions.pop_front().map(|resumption| Taken::Resumption(resumption.suspension)),
            false => queue.requests.pop_front().map(Taken::Request),
        };
        if queue.is_empty() {
            self.queues.remove(&gate);
            self.ready.retain(|ready| *ready != gate);
            self.told.push(gate);
        }
        taken
    }

    /// Gates at which nothing could be started in this turn though it may have been this worker's: they are for others.
    pub fn take_unanswered(&mut self) -> Vec<GateId> {
        if self.told.is_empty() {
            return Vec::new();
        }
        let told = std::mem::take(&mut self.told);
        told.into_iter().filter(|gate| self.ready.contains(gate) || !self.queues.contains_key(gate)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: fn((VersionId, RouteId)) -> bool = |_| true;

    const A: GateId = GateId(1);
    const B: GateId = GateId(2);
    const GATE: GateId = GateId(7);

    fn resumption(slot: u32, version: u32) -> Resumption {
        let suspension = Key { slot, generation: 0 };
        Resumption { suspension, version: VersionId(version), route: RouteId(0) }
    }

    fn take(gated: &mut Gated, gate: GateId) -> Option<u32> {
        match gated.take(gate)? {
            Taken::Resumption(key) => Some(key.slot),
            Taken::Request(_) => None,
        }
    }

    #[test]
    fn gates_take_turns_and_one_that_is_full_keeps_nobody_waiting() {
        let mut gated = Gated::default();
        for (gate, slot) in [(A, 10), (A, 11), (B, 20), (B, 21)] {
            gated.push_resumption(gate, resumption(slot, gate.0));
        }
        assert_eq!((gated.next_gate(ANY), take(&mut gated, A)), (Some(A), Some(10)));
        assert_eq!(gated.next_gate(ANY), Some(B));
        gated.stands_in_line(B);
        assert_eq!((gated.next_gate(ANY), take(&mut gated, A)), (Some(A), Some(11)));
        assert_eq!((gated.next_gate(ANY), gated.can_go_on(ANY), gated.all_resumptions()), (None, false, 2));
        gated.push_resumption(B, resumption(22, 2));
        assert_eq!(gated.next_gate(ANY), None, "behind those who wait");
        assert_eq!(gated.take_unanswered(), [A], "nothing is left before it");
        gated.opened(B);
        assert_eq!((gated.next_gate(ANY), take(&mut gated, B)), (Some(B), Some(20)));
    }

    #[test]
    fn a_gate_is_told_to_a_worker_that_can_do_nothing_with_it() {
        let mut gated = Gated::default();
        gated.opened(GATE);
        assert_eq!(gated.take_unanswered(), [GATE], "nothing waits");
        assert!(gated.take_unanswered().is_empty());

        gated.push_resumption(GATE, resumption(1, 3));
        assert_eq!(gated.next_gate(|(version, _)| version != VersionId(3)), None, "its route may have no place");
        gated.opened(GATE);
        assert_eq!(gated.take_unanswered(), [GATE], "it was not tried");
        assert_eq!(gated.next_gate(ANY), Some(GATE), "and will be");
        gated.opened(GATE);
        gated.stands_in_line(GATE);
        assert!(gated.take_unanswered().is_empty(), "it was tried, and is waited for");
        gated.try_all();
        assert_eq!(gated.next_gate(ANY), Some(GATE));
    }
}
