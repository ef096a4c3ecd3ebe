//! What threads share memory through: std's, by one name.
//!
//! Mechanisms that several threads use at once take their locks and atomics from here and from nowhere else. So
//! `tests/races/` can compile the very same files with loom's in this one's place, which runs their threads in every
//! order that matters.

pub use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
