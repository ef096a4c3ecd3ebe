//! Locks, atomics and shared pointers: std's, or loom's in a build with `--cfg loom`.
//!
//! Every mechanism that several threads use takes them from this module. So the tests in
//! `tests/races/`, which are built with `--cfg loom`, see each step of the shipped code and run it
//! in every order of its threads' steps that matters.

#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub use std::sync::{Arc, PoisonError};
#[cfg(not(loom))]
pub use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub use loom::sync::{Condvar, Mutex, MutexGuard};

/// Locks a mutex, even if a thread panicked while it held the lock.
///
/// Use it where no critical section can panic between two consistent states: then a poisoned mutex
/// still guards whole data.
///
/// ```
/// use std::sync::Mutex;
///
/// let mutex = Mutex::new(1);
/// *snow_core::lock(&mutex) += 1;
/// assert_eq!(*snow_core::lock(&mutex), 2);
/// ```
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
