//! Calls that wait before their guest's gate: those of guests whose calls in the process are
//! limited.
//!
//! Each gate has its own queue here, so that only calls of its guest wait for it. A gate with
//! something in its queue is either *ready*, and is tried when there is a place, or this worker
//! stands in line before it and will be told when it opens.

use std::collections::{BTreeMap, VecDeque};

use snow_core::{Fifo, GateId, Key};

use super::Queued;
use crate::context::Callee;

/// The queues before the gates.
#[derive(Default)]
pub(super) struct Gated {
    queues: BTreeMap<GateId, Queue>,
    /// Gates to be tried, in turn. None of them has an empty queue.
    ready: VecDeque<GateId>,
    /// Gates of which this worker was told in this turn that they have opened. It owes an answer: a
    /// call that enters, or that it has none.
    told: Vec<GateId>,
}

/// The queue before one gate.
#[derive(Default)]
struct Queue {
    requests: VecDeque<Queued>,
    resumptions: Fifo<Resumption>,
    /// Whether a request was the last to enter: requests and resumptions take turns.
    request_went: bool,
}

/// A suspension that is over and waits for its `resume`. It may have ended otherwise meanwhile.
#[derive(Clone, Copy)]
struct Resumption {
    suspension: Key,
    callee: Callee,
}

/// What is the first to enter a gate.
pub(crate) enum Waiting<'a> {
    Request(&'a Queued),
    Resumption { suspension: Key, callee: Callee },
}

/// What has been taken from a gate's queue, to be started.
pub(crate) enum Entered {
    Request(Queued),
    Resumption(Key),
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.resumptions.is_empty()
    }

    fn resumption_is_next(&self) -> bool {
        self.requests.is_empty() || (self.request_went && !self.resumptions.is_empty())
    }
}

impl Waiting<'_> {
    pub fn callee(&self) -> Callee {
        match self {
            Waiting::Request(queued) => queued.callee(),
            Waiting::Resumption { callee, .. } => *callee,
        }
    }
}

impl Gated {
    /// Returns how many new requests wait before a gate.
    pub fn requests(&self, gate: GateId) -> usize {
        self.queues.get(&gate).map_or(0, |queue| queue.requests.len())
    }

    /// Returns how many new requests wait before all gates.
    pub fn all_requests(&self) -> usize {
        self.queues.values().map(|queue| queue.requests.len()).sum()
    }

    /// Returns how many resumptions wait before all gates.
    pub fn all_resumptions(&self) -> usize {
        self.queues.values().map(|queue| queue.resumptions.len()).sum()
    }

    pub fn push_request(&mut self, gate: GateId, queued: Queued) {
        self.queue(gate).requests.push_back(queued);
    }

    pub fn push_resumption(&mut self, gate: GateId, suspension: Key, callee: Callee) {
        self.queue(gate).resumptions.push_back(Resumption { suspension, callee });
    }

    /// Returns the queue of a gate, for something to be put into.
    fn queue(&mut self, gate: GateId) -> &mut Queue {
        let queue = self.queues.entry(gate).or_default();
        // If there was something in it, the gate is ready, or this worker stands in line.
        if queue.is_empty() {
            self.ready.push_back(gate);
        }
        queue
    }

    /// Notes that it is this worker's turn at a gate, or that somebody thought so.
    pub fn opened(&mut self, gate: GateId) {
        self.told.push(gate);
        self.make_ready(gate);
    }

    /// Has each gate tried again, since it may let through more now.
    pub fn try_all(&mut self) {
        let gates: Vec<GateId> = self.queues.keys().copied().collect();
        gates.into_iter().for_each(|gate| self.make_ready(gate));
    }

    fn make_ready(&mut self, gate: GateId) {
        if self.queues.contains_key(&gate) && !self.ready.contains(&gate) {
            self.ready.push_back(gate);
        }
    }

    /// Notes that this worker stands in line before the gate.
    pub fn stands_in_line(&mut self, gate: GateId) {
        self.ready.retain(|ready| *ready != gate);
    }

    /// Whether one of the gates may be tried, for a call that may have a place.
    pub fn can_go_on(&self, may_start: impl Fn(Callee) -> bool) -> bool {
        self.ready
            .iter()
            .filter_map(|gate| self.first(*gate))
            .any(|first| may_start(first.callee()))
    }

    /// Returns the first gate to be tried, for a call that may have a place. It is the last one the
    /// next time.
    pub fn next_gate(&mut self, may_start: impl Fn(Callee) -> bool) -> Option<GateId> {
        let may_go =
            |gate: &GateId| self.first(*gate).is_some_and(|first| may_start(first.callee()));
        let at = self.ready.iter().position(may_go)?;
        let gate = self.ready.remove(at)?;
        self.ready.push_back(gate);
        Some(gate)
    }

    /// Returns what is to enter a gate next.
    pub fn first(&self, gate: GateId) -> Option<Waiting<'_>> {
        let queue = self.queues.get(&gate)?;
        if !queue.resumption_is_next() {
            return queue.requests.front().map(Waiting::Request);
        }
        let Resumption { suspension, callee } = *queue.resumptions.front()?;
        Some(Waiting::Resumption { suspension, callee })
    }

    /// Takes what is to enter a gate next. With nothing left behind it, the gate is not ready any
    /// more, and the worker gives up its place in line.
    pub fn enter(&mut self, gate: GateId) -> Option<Entered> {
        let queue = self.queues.get_mut(&gate)?;
        let is_resumption = queue.resumption_is_next();
        queue.request_went = !is_resumption;
        let entered = match is_resumption {
            true => queue
                .resumptions
                .pop_front()
                .map(|resumption| Entered::Resumption(resumption.suspension)),
            false => queue.requests.pop_front().map(Entered::Request),
        };
        if queue.is_empty() {
            self.queues.remove(&gate);
            self.ready.retain(|ready| *ready != gate);
            self.told.push(gate);
        }
        entered
    }

    /// Returns the gates that have opened in this turn and at which nothing could be started:
    /// others may have their turn.
    pub fn take_unanswered(&mut self) -> Vec<GateId> {
        if self.told.is_empty() {
            return Vec::new();
        }
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .filter(|gate| self.ready.contains(gate) || !self.queues.contains_key(gate))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use snow_runtime::{RouteId, VersionId};

    use super::*;

    const ANY: fn(Callee) -> bool = |_| true;

    const A: GateId = GateId(1);
    const B: GateId = GateId(2);
    const GATE: GateId = GateId(7);

    fn push(gated: &mut Gated, gate: GateId, slot: u32, version: u32) {
        gated.push_resumption(gate, Key { slot, generation: 0 }, (VersionId(version), RouteId(0)));
    }

    fn take(gated: &mut Gated, gate: GateId) -> Option<u32> {
        match gated.enter(gate)? {
            Entered::Resumption(key) => Some(key.slot),
            Entered::Request(_) => None,
        }
    }

    #[test]
    fn gates_take_turns_and_one_that_is_full_keeps_nobody_waiting() {
        let mut gated = Gated::default();
        for (gate, slot) in [(A, 10), (A, 11), (B, 20), (B, 21)] {
            push(&mut gated, gate, slot, gate.0);
        }
        assert_eq!((gated.next_gate(ANY), take(&mut gated, A)), (Some(A), Some(10)));
        assert_eq!(gated.next_gate(ANY), Some(B));
        gated.stands_in_line(B);
        assert_eq!((gated.next_gate(ANY), take(&mut gated, A)), (Some(A), Some(11)));
        assert_eq!(
            (gated.next_gate(ANY), gated.can_go_on(ANY), gated.all_resumptions()),
            (None, false, 2)
        );
        push(&mut gated, B, 22, 2);
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

        push(&mut gated, GATE, 1, 3);
        assert_eq!(
            gated.next_gate(|(version, _)| version != VersionId(3)),
            None,
            "its route may have no place"
        );
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
