//! A simple, slow model of the registry.

use super::*;

/// A simple, slow implementation of the registry's contract: all pendings there ever were, in the
/// order of creation. The queue of a key is found by searching for those that wait under it.
#[derive(Default)]
pub(super) struct Model(pub(super) Vec<ModelPending>);

pub(super) struct ModelPending {
    pub(super) key: Option<usize>,
    pub(super) state: State,
    pub(super) waiter: Option<Waiter>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum State {
    Waiting,
    Settled { value: u32, passes_on: bool },
    Gone,
}

impl Model {
    pub(super) fn waiting(&self, key: usize) -> impl Iterator<Item = usize> {
        let waits =
            move |&n: &usize| self.0[n].state == State::Waiting && self.0[n].key == Some(key);
        (0..self.0.len()).filter(waits)
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|pending| pending.state != State::Gone).count()
    }

    pub(super) fn is_settled(&self, n: usize) -> bool {
        matches!(self.0[n].state, State::Settled { .. })
    }

    pub(super) fn came_true(&self, until: Join, handles: &[usize]) -> bool {
        match until {
            Join::All => handles.iter().all(|&n| self.is_settled(n)),
            Join::Any => handles.iter().any(|&n| self.is_settled(n)),
        }
    }

    pub(super) fn settle(
        &mut self,
        n: usize,
        value: u32,
        passes_on: bool,
    ) -> Result<Option<Waiter>, Refusal> {
        match self.0[n].state {
            State::Waiting => self.0[n].state = State::Settled { value, passes_on },
            State::Settled { .. } => return Err(Refusal::AlreadySettled),
            State::Gone => return Err(Refusal::Unknown),
        }
        Ok(self.0[n].waiter.take())
    }

    pub(super) fn settle_next(&mut self, key: usize, value: u32) -> Option<Option<Waiter>> {
        let oldest = self.waiting(key).next()?;
        self.settle(oldest, value, true).ok()
    }

    pub(super) fn collect(&mut self, n: usize) -> Option<u32> {
        self.0[n].waiter = None;
        let State::Settled { value, passes_on } = &mut self.0[n].state else { return None };
        *passes_on = false;
        Some(*value)
    }

    pub(super) fn release(&mut self, n: usize) -> Option<Waiter> {
        match std::mem::replace(&mut self.0[n].state, State::Gone) {
            State::Settled { value, passes_on: true } => {
                self.settle_next(self.0[n].key?, value).flatten()
            }
            _ => None,
        }
    }
}
