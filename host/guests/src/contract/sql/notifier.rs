//! How notifications reach those who wait for them.

use std::sync::Arc;

use snow_core::{PendingId, Registry, Waiter};
use snow_runtime::{Notify, Post, Settled};

/// Settles the pendings of those who wait for notifications of a database.
pub struct Notifier {
    /// The pendings of the whole process.
    pub registry: Arc<Registry<Settled>>,
    /// The way by which workers learn of settlements.
    pub post: Arc<dyn Post>,
}

impl Notify for Notifier {
    fn notify(&self, waiters: &[PendingId], settled: &Settled) {
        // A pending that is gone or settled already needs no notification any more.
        let settle = |id: &PendingId| self.registry.settle(*id, settled.clone()).ok().flatten();
        let woken: Vec<Waiter> = waiters.iter().filter_map(settle).collect();
        self.post.wake(&woken);
    }
}
