//! Where the pages read what they show.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::deploy::journal::Journal;
use snow_guests::{Deployment, Runtime};
use snow_worker::{Inspection, Labels, Mailbox, Message, Stats};

/// Everything that is shown, or where to ask for it.
pub struct Sources {
    /// By their numbers.
    pub workers: Vec<WorkerSource>,
    /// Under which the workers count.
    pub labels: Arc<Labels>,
    /// What guests share: the registry, the permits, the log.
    pub runtime: Runtime,
    /// What serves now.
    pub deployment: Box<dyn Fn() -> Arc<Deployment> + Send>,
    /// What has been deployed, and what could not be.
    pub journal: Arc<Journal>,
    /// When the server began.
    pub started_at: SystemTime,
    /// Whether it is on its way out.
    pub draining: Draining,
}

/// One worker.
pub struct WorkerSource {
    /// To ask it.
    pub mailbox: Arc<Mailbox>,
    /// What it counts.
    pub stats: Arc<Stats>,
    /// Guest instances alive.
    pub instances: Arc<AtomicUsize>,
}

impl WorkerSource {
    /// Asks a worker; it answers on its own thread, on later turns. Never, if it has ended.
    pub fn ask(&self, inspection: Inspection) {
        self.stats.desk.put(inspection);
        self.mailbox.control.send(Message::Inspect);
    }
}

/// Whether the server has begun to drain.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// It has.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
