//! Turns to write: SQLite has one writer at a time, and who finds another one there would
//! only try again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use snow_core::lock;

/// How often who waits looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Lets one thread of this process write to a file at a time.
#[derive(Default)]
pub(in crate::sql) struct WriteTurn {
    is_taken: Mutex<bool>,
    is_free: Condvar,
}

/// A turn, until it is dropped.
pub(super) struct Turn<'t>(&'t WriteTurn);

impl WriteTurn {
    /// Waits for a turn. `None` if it is to stop first.
    pub(super) fn take(&self, stop: &AtomicBool) -> Option<Turn<'_>> {
        let mut is_taken = lock(&self.is_taken);
        while *is_taken {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let waited = self.is_free.wait_timeout(is_taken, LOOK);
            is_taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_taken = true;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.is_taken) = false;
        self.0.is_free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_writes_at_a_time_and_who_waits_can_be_stopped() {
        let (turns, stop) = (WriteTurn::default(), AtomicBool::new(false));
        let first = turns.take(&stop).unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| turns.take(&stop).is_none());
            stop.store(true, Ordering::Relaxed);
            assert!(waits.join().unwrap());
            stop.store(false, Ordering::Relaxed);
            let waits = scope.spawn(|| turns.take(&stop).is_some());
            drop(first);
            assert!(waits.join().unwrap());
        });
        assert!(turns.take(&stop).is_some());
    }
}
