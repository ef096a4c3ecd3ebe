//! The host's shared mechanisms, file for file, with loom's locks and atomics in the place of std's.
//!
//! The files take them from `crate::sync` alone. In the host that is std; here it is the module below, and so
//! loom sees each step of the very code that is shipped. `tests/` says what has to hold in every order.

#[path = "../../../host/src"]
mod host {
    pub mod fifo;
    pub mod inbox;
    pub mod pending;
    pub mod slab;
}

pub use host::{fifo, inbox, pending, slab};

pub mod sync {
    //! The same names as in the host's `sync.rs`.

    pub use std::sync::{Arc, PoisonError};

    pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub use loom::sync::{Mutex, MutexGuard};
}

/// Switches away from a thread that could have gone on, at most.
const PREEMPTIONS_MAX: usize = 3;

/// Runs it in every order of its threads' steps that so few switches can make.
pub fn in_every_order(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.check(run);
}
