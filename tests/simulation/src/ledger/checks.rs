//! What must hold of all requests and values together: between turns, when nobody has anything to
//! do, and at the end.

use snow_runtime::Settlement;

use super::{Ledger, State, Value};
use crate::script::KEYS;

impl Ledger {
    /// Returns the pendings under each key, for [`Ledger::values_pass_on`] to compare.
    pub fn all_waiting(&mut self) -> [Vec<usize>; KEYS.len()] {
        std::array::from_fn(|key| self.waiting(key))
    }

    /// Looks for values of `set-next` that the registry does not hold any more: each was consumed,
    /// or nobody else waited for it. `before`: what waited before the turn.
    pub fn values_pass_on(&mut self, before: &[Vec<usize>; KEYS.len()]) {
        let gone = |values: &[Value], number: usize| !values[number].settled.is_shared();
        let vanished: Vec<usize> =
            self.open.iter().copied().filter(|&number| gone(&self.values, number)).collect();
        self.open.retain(|&number| !gone(&self.values, number));
        for number in vanished {
            let key = self.values[number].next_of.expect("only those of set-next are open");
            let after = self.waiting(key);
            self.values[number].may_be_lost =
                !before[key].iter().any(|pending| after.contains(pending));
        }
    }

    /// Counts the requests that are held, and the pendings that they own, of those whose client is
    /// there.
    pub fn held(&self, is_there: impl Fn(usize) -> bool) -> (usize, usize) {
        let held = self.requests.iter().enumerate().filter(|(number, _)| is_there(*number));
        let held = held.filter_map(|(_, request)| match &request.state {
            State::Held(held) => Some(held.pendings.len()),
            _ => None,
        });
        held.fold((0, 0), |(requests, pendings), more| (requests + 1, pendings + more))
    }

    /// Returns whether a request is held though what it waits for is settled.
    pub fn holds_what_is_over(&self, is_there: impl Fn(usize) -> bool) -> bool {
        let settled = |number: &&usize| self.registry.is_settled(self.pendings[**number].id);
        self.requests.iter().enumerate().any(|(number, request)| match &request.state {
            State::Held(held) if is_there(number) => {
                held.is_complete(held.pendings.iter().filter(settled).count())
            }
            _ => false,
        })
    }

    /// Checks at the end that each value that has won was delivered, or that there was a reason.
    pub fn nothing_is_lost(&self) {
        for (number, value) in self.values.iter().enumerate() {
            let Some(key) = value.next_of.filter(|_| value.won) else { continue };
            let excused = value.delivered
                || value.may_be_lost
                || self.unseen[key]
                || self.left
                || self.refuses;
            // The text of a failure does not reach the client, so nobody sees it arrive.
            let silent = matches!(*value.settled, Settlement::Failed { .. });
            assert!(excused || silent, "value {number} under {:?} is lost", KEYS[key]);
            assert!(!value.settled.is_shared(), "value {number} is held by somebody for ever");
        }
    }
}
