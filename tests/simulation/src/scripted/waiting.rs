//! Operations, and waits for a change in the store.

use std::num::NonZeroU64;

use snow_core::Waiter;
use snow_runtime::{OperationId, Source};

use super::{Running, Scripted, Stage};
use crate::stored::Waits;

impl Scripted {
    /// Makes a pending that a change of the store settles. Returns whom that wakes: nobody, since
    /// nobody waits for it yet.
    pub(super) fn watch(
        &self,
        stage: &mut Stage,
        running: &mut Running,
        key: usize,
        is_late: bool,
    ) -> Option<Waiter> {
        let now_ms = self.network.borrow().now_ms();
        let operation = stage.next_operation();
        if !self.create(&mut stage.ledger, running, None, Source::None) {
            return None;
        }
        let (handle, pending) = running.handles.last_mut().expect("it was just made");
        match stage.stored.watch(operation, *pending, key, is_late, now_ms) {
            Waits::On => {
                handle.source = Source::Operation(operation);
                None
            }
            Waits::Over => stage.ledger.operation_ends(*pending),
            Waits::Refused => {
                let (handle, _) = running.handles.pop().expect("it was just made");
                self.registry.release(handle.id)
            }
        }
    }
}

impl Stage {
    /// Returns the name of a new operation.
    pub(super) fn next_operation(&mut self) -> OperationId {
        self.last_operation += 1;
        OperationId(NonZeroU64::new(self.last_operation).expect("it counts from one"))
    }

    /// Settles the pendings of those whom the store has told of a change. Returns whom that wakes.
    pub fn changes_end(&mut self, told: Vec<usize>) -> Vec<Waiter> {
        told.into_iter().filter_map(|pending| self.ledger.operation_ends(pending)).collect()
    }
}
