//! How many calls of one guest have an instance at one time, in the whole process.
//!
//! A guest whose calls are limited has a gate. Its calls pass through it on every worker; who finds it full stands in
//! line, a worker once for all the calls that it has waiting, and is told when it is its turn. Nobody overtakes: while
//! somebody is in line, the gate opens for the first of them alone. A worker that is told answers in the same turn: it
//! enters, or it gives its turn up; so a worker that is busy with others keeps nobody waiting.

use std::collections::{BTreeMap, VecDeque};

use crate::pending::WorkerId;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names a gate, on every worker and for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateId(pub u32);

/// The gates of a process, by their guests' names. A name keeps its gate for ever, whatever is deployed: so there are as
/// many as there were names with a limit.
#[derive(Default)]
pub struct Gates(Mutex<BTreeMap<Box<str>, Arc<Gate>>>);

impl Gates {
    /// The gate of the guest of this name.
    pub fn of(&self, name: &str) -> Arc<Gate> {
        let mut gates = self.lock();
        if let Some(gate) = gates.get(name) {
            return gate.clone();
        }
        let id = GateId(u32::try_from(gates.len()).unwrap_or(u32::MAX));
        let gate = Arc::new(Gate::new(id));
        gates.insert(name.into(), gate.clone());
        gate
    }

    /// Returns the gate that the id names.
    pub fn get(&self, id: GateId) -> Option<Arc<Gate>> {
        self.lock().values().find(|gate| gate.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Arc<Gate>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One guest's. Each function is one short critical section.
pub struct Gate {
    /// Its name in the process.
    pub id: GateId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls that have entered and not left.
    inside: u32,
    /// Workers that wait, each once.
    line: VecDeque<WorkerId>,
}

/// The gate is full, or others are first. The worker stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Gate {
    fn new(id: GateId) -> Gate {
        Gate { id, state: Mutex::new(State::default()) }
    }

    /// A call enters, if fewer than `calls_max` are inside and it is this worker's turn. It is not in line any more then.
    ///
    /// # Errors
    /// It stands in line now, if it did not before, and will be told.
    pub fn enter(&self, worker: WorkerId, calls_max: u32) -> Result<Option<WorkerId>, Full> {
        let mut state = self.lock();
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

    /// A call that had entered has ended.
    pub fn leave(&self) -> Option<WorkerId> {
        let mut state = self.lock();
        state.inside = state.inside.saturating_sub(1);
        state.line.front().copied()
    }

    /// The worker has nothing that could enter now, and stands in line no more.
    pub fn give_up(&self, worker: WorkerId) -> Option<WorkerId> {
        let mut state = self.lock();
        let was_first = state.line.front() == Some(&worker);
        state.line.retain(|waits| *waits != worker);
        state.line.front().copied().filter(|_| was_first)
    }

    /// Calls that are inside now.
    pub fn inside(&self) -> u32 {
        self.lock().inside
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn so_many_enter_and_the_others_in_the_order_in_which_they_came() {
        let gate = Gate::new(GateId(0));
        assert_eq!([gate.enter(B, 2), gate.enter(B, 2)], [Ok(None), Ok(None)]);
        assert_eq!([gate.enter(C, 2), gate.enter(B, 2), gate.enter(C, 2)], [Err(Full); 3]);
        assert_eq!((gate.leave(), gate.inside()), (Some(C), 1));
        assert_eq!(gate.enter(B, 2), Err(Full), "there is room, and it is another's");
        assert_eq!(gate.enter(C, 2), Ok(None));
        assert_eq!(gate.leave(), Some(B));
        assert_eq!(gate.leave(), Some(B), "told again: it has not answered");
        assert_eq!(gate.enter(B, 2), Ok(None));
        assert_eq!((gate.leave(), gate.inside()), (None, 0));
    }

    #[test]
    fn who_gives_up_passes_it_on() {
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
        assert_eq!(gate.enter(B, 3), Ok(Some(C)), "and the next is told");
        assert_eq!(gate.enter(C, 3), Ok(None));
        assert_eq!(gate.enter(D, 1), Err(Full));
    }

    #[test]
    fn a_name_keeps_its_gate() {
        let gates = Gates::default();
        let (a, b) = (gates.of("a"), gates.of("b"));
        assert_eq!((a.id, b.id, gates.of("a").id), (GateId(0), GateId(1), GateId(0)));
        assert!(gates.get(GateId(1)).is_some_and(|gate| Arc::ptr_eq(&gate, &b)) && gates.get(GateId(2)).is_none());
    }
}
