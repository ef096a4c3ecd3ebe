//! Runs the host's shared mechanisms, the crates `snow-core` and `snow-state` as they are, in every
//! order of its threads' steps that matters.
//!
//! Built with `--cfg loom`, the crate takes loom's locks and atomics in the place of std's, so that
//! loom sees each step of the code that is shipped. The files in `tests/` state what must hold in
//! every order.

use std::sync::Arc;
use std::task::Wake;

use loom::sync::{Condvar, Mutex};

/// How often a thread that could go on is interrupted, at most.
const PREEMPTIONS_MAX: usize = 3;

/// Runs a closure once for each order of its threads' steps that needs no more than
/// `PREEMPTIONS_MAX` interruptions.
pub fn in_every_order(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.check(run);
}

/// The bell that wakes a thread. Like an eventfd, it stays rung until the thread waits.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    /// Wakes the thread.
    pub fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }

    /// Waits until the bell is rung.
    pub fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !std::mem::take(&mut *rung) {
            rung = self.rings.wait(rung).unwrap();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.ring();
    }
}
