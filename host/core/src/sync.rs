//! The locks and atomics that threads share memory through, in one place.
//!
//! Mechanisms that several threads use at once take them from here and from nowhere else. Built with `--cfg loom`, they are
//! loom's, and the tests in `tests/races/` run the very same code in every order of its threads' steps that matters.

#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub use std::sync::{Arc, PoisonError};
#[cfg(not(loom))]
pub use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(loom)]
pub use loom::sync::{Mutex, MutexGuard};

/// Locks a mutex, also one whose holder has panicked: what it guards is left whole by every critical section, since none
/// calls code that may panic half-way.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
