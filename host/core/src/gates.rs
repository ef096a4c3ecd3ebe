//! Gates: how many calls of one guest may run at a time, on all workers together.
//!
//! A guest whose calls are limited has a [`Gate`]. Each of its calls enters the gate on its worker,
//! and leaves it at its end. A worker that finds the gate full stands in line, once for all its
//! waiting calls. Nobody overtakes: while workers stand in line, only the first of them may enter.
//!
//! When the gate may be open for the first worker in line, [`Gate::leave`], [`Gate::enter`] and
//! [`Gate::give_up`] return that worker, and the caller notifies it. A notified worker answers in
//! the same turn: it enters, or it gives up its turn. So a worker that is busy with other things
//! never holds up the line.

use std::collections::{BTreeMap, VecDeque};

use crate::pending::WorkerId;
use crate::sync::{Arc, Mutex, lock};

/// Names a gate, on every worker and for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateId(pub u32);

/// The gates of a process, by the names of their guests.
///
/// A name keeps its gate for ever, whatever is deployed. So there are as many gates as there ever
/// were names with a limit.
#[derive(Default)]
pub struct Gates(Mutex<AllGates>);

#[derive(Default)]
struct AllGates {
    by_name: BTreeMap<Box<str>, Arc<Gate>>,
    /// In the order of their ids.
    by_id: Vec<Arc<Gate>>,
}

impl Gates {
    /// Returns the gate of the guest with this name. Makes one if there is none.
    pub fn of(&self, name: &str) -> Arc<Gate> {
        let mut gates = lock(&self.0);
        if let Some(gate) = gates.by_name.get(name) {
            return gate.clone();
        }
        let id = GateId(u32::try_from(gates.by_id.len()).unwrap_or(u32::MAX));
        let gate = Arc::new(Gate::new(id));
        gates.by_name.insert(name.into(), gate.clone());
        gates.by_id.push(gate.clone());
        gate
    }

    /// Returns the gate with this id.
    pub fn get(&self, id: GateId) -> Option<Arc<Gate>> {
        lock(&self.0).by_id.get(id.0 as usize).cloned()
    }
}

/// The gate of one guest. Each function is one short critical section.
pub struct Gate {
    /// The gate's name in the process.
    pub id: GateId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of calls that have entered and not left.
    inside: u32,
    /// The workers that wait, each once, the first in line at the front.
    line: VecDeque<WorkerId>,
}

/// The error of [`Gate::enter`]: the gate is full, or other workers are first in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Gate {
    fn new(id: GateId) -> Gate {
        Gate { id, state: Mutex::new(State::default()) }
    }

    /// Lets a call enter if fewer than `calls_max` are inside and no other worker is first in line.
    /// The worker then leaves the line. Returns the worker to notify, if there is room for another
    /// call.
    ///
    /// # Errors
    /// [`Full`]: the worker stands in line now, if it did not before, and will be notified.
    pub fn enter(&self, worker: WorkerId, calls_max: u32) -> Result<Option<WorkerId>, Full> {
        let mut state = lock(&self.state);
        let is_first = state.line.front().is_none_or(|first| *first == worker);
        if state.inside < calls_max && is_first {
            state.line.pop_front();
            state.inside += 1;
            return Ok(state.line.front().copied().filter(|_| state.inside < calls_max));
        }
        if !state.line.contains(&worker) {
            state.line.push_back(worker);
        }
        Err(Full)
    }

    /// Ends a call that had entered. Returns the worker to notify.
    pub fn leave(&self) -> Option<WorkerId> {
        let mut state = lock(&self.state);
        state.inside = state.inside.saturating_sub(1);
        state.line.front().copied()
    }

    /// Takes a worker out of the line, because no call of it could enter now. Returns the worker to
    /// notify, if the one that gave up was first.
    pub fn give_up(&self, worker: WorkerId) -> Option<WorkerId> {
        let mut state = lock(&self.state);
        let was_first = state.line.front() == Some(&worker);
        state.line.retain(|waiting| *waiting != worker);
        state.line.front().copied().filter(|_| was_first)
    }

    /// Returns how many calls are inside now.
    pub fn inside(&self) -> u32 {
        lock(&self.state).inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);
    const C: WorkerId = WorkerId(2);
    const D: WorkerId = WorkerId(3);

    #[test]
    fn up_to_the_limit_enter_and_the_others_follow_in_order() {
        let gate = Gate::new(GateId(0));
        assert_eq!([gate.enter(B, 2), gate.enter(B, 2)], [Ok(None), Ok(None)]);
        assert_eq!([gate.enter(C, 2), gate.enter(B, 2), gate.enter(C, 2)], [Err(Full); 3]);
        assert_eq!((gate.leave(), gate.inside()), (Some(C), 1));
        assert_eq!(gate.enter(B, 2), Err(Full), "there is room, but C is first in line");
        assert_eq!(gate.enter(C, 2), Ok(None));
        assert_eq!(gate.leave(), Some(B));
        assert_eq!(gate.leave(), Some(B), "notified again: B has not answered yet");
        assert_eq!(gate.enter(B, 2), Ok(None));
        assert_eq!((gate.leave(), gate.inside()), (None, 0));
    }

    #[test]
    fn giving_up_passes_the_turn_on() {
        let gate = Gate::new(GateId(0));
        assert_eq!(gate.enter(A, 1), Ok(None));
        assert_eq!([gate.enter(B, 1), gate.enter(C, 1), gate.enter(D, 1)], [Err(Full); 3]);
        assert_eq!((gate.give_up(C), gate.give_up(WorkerId(7))), (None, None), "neither was first");
        assert_eq!(gate.leave(), Some(B));
        assert_eq!(gate.give_up(B), Some(D));
        assert_eq!(gate.enter(D, 1), Ok(None));
    }

    #[test]
    fn a_gate_that_was_widened_lets_in_all_who_fit() {
        let gate = Gate::new(GateId(0));
        assert_eq!(gate.enter(A, 1), Ok(None));
        assert_eq!([gate.enter(B, 1), gate.enter(C, 1)], [Err(Full); 2]);
        assert_eq!(gate.enter(B, 3), Ok(Some(C)), "and the next in line is notified");
        assert_eq!(gate.enter(C, 3), Ok(None));
        assert_eq!(gate.enter(D, 1), Err(Full));
    }

    #[test]
    fn a_name_keeps_its_gate() {
        let gates = Gates::default();
        let (a, b) = (gates.of("a"), gates.of("b"));
        assert_eq!((a.id, b.id, gates.of("a").id), (GateId(0), GateId(1), GateId(0)));
        assert!(
            gates.get(GateId(1)).is_some_and(|gate| Arc::ptr_eq(&gate, &b))
                && gates.get(GateId(2)).is_none()
        );
    }
}
