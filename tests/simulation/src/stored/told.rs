//! Whom the store tells: the notes of what it has told since somebody looked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snow_runtime::OperationId;
use snow_state::{Change, Listener, Outcome, StoreError};

use super::{BUCKET, WORK_BUDGET};

/// What the store has told since somebody looked.
#[derive(Clone, Default)]
pub struct Told {
    notes: Arc<Mutex<Notes>>,
    /// The most who may be told at a time, besides what `work` is allowed.
    slice: usize,
}

/// What was told.
#[derive(Default)]
pub struct Notes {
    /// Those whose keys have changed.
    pub changed: Vec<OperationId>,
    /// Writes and their results.
    pub done: Vec<(u64, Result<Outcome, StoreError>)>,
    /// When the store wants to be called.
    pub work_at_ms: Option<u64>,
}

impl Told {
    /// Creates one that has been told nothing, and is told of at most so many at a time.
    pub fn new(slice: usize) -> Told {
        Told { slice, ..Told::default() }
    }

    /// Takes what was told.
    pub fn take(&self) -> Notes {
        std::mem::take(&mut *self.notes())
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Told {
    type Waiter = OperationId;
    type Caller = u64;

    fn changed(&self, waiters: &[OperationId], change: &Change) {
        assert_eq!(&*change.bucket, BUCKET);
        assert!((1..=self.slice.max(WORK_BUDGET)).contains(&waiters.len()), "a slice is too long");
        self.notes().changed.extend(waiters);
    }

    fn done(&self, number: u64, result: Result<Outcome, StoreError>) {
        self.notes().done.push((number, result));
    }

    fn work_at(&self, at_ms: u64) {
        let mut notes = self.notes();
        notes.work_at_ms = notes.work_at_ms.into_iter().chain([at_ms]).min();
    }
}
