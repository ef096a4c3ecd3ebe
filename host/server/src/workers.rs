//! The workers' threads, and how the rest of the server reaches them.

use std::io;
use std::sync::Arc;

use crate::deploy::{Catalog, WorkerLink};
use crate::net::{Listener, Net};
use crate::supervisor::{Ends, Role};
use snow_core::WorkerId;
use snow_guests::{InstanceCounts, Successor, WasmGuests};
use snow_worker::{Common, Labels, Mailbox, Stats, Worker};

/// How one worker is reached, and what it counts. Cheap to clone.
#[derive(Clone)]
pub struct WorkerHandle {
    /// Where it receives messages.
    pub mailbox: Arc<Mailbox>,
    /// What it counts.
    pub stats: Arc<Stats>,
    /// How many guest instances it has, and had.
    pub instances: Arc<InstanceCounts>,
}

impl WorkerHandle {
    /// Returns the handle for the worker that this world will have.
    pub fn new(net: &Net, labels: &Arc<Labels>) -> WorkerHandle {
        let stats = Arc::new(Stats::new(labels.clone()));
        WorkerHandle { mailbox: mailbox(net), stats, instances: Arc::default() }
    }
}

/// Returns a mailbox that wakes the worker that this world will have.
pub fn mailbox<L: Listener>(net: &Net<L>) -> Arc<Mailbox> {
    let waker = net.waker();
    Arc::new(Mailbox::new(move || waker.wake()))
}

/// Starts a worker in each world. Returns what the catalog needs to send them deployments. Their
/// ends are reported to `ends`.
///
/// # Errors
/// No thread can be started.
pub fn spawn(
    nets: Vec<Net>,
    workers: &[WorkerHandle],
    common: &Common,
    catalog: &Catalog,
    ends: &Ends,
) -> io::Result<Vec<WorkerLink>> {
    let mut links = Vec::new();
    for ((id, net), worker) in (0..).map(WorkerId).zip(nets).zip(workers) {
        let link = WorkerLink { worker: worker.clone(), successor: Successor::default() };
        let (share, successor) = (catalog.share(worker.instances.clone()), link.successor.clone());
        let (WorkerHandle { mailbox, stats, .. }, common) = (worker.clone(), common.clone());
        links.push(link);
        ends.spawn(format!("snow-worker-{id}"), Role::Worker, move || {
            // Made on the worker's thread, because calls are futures that never leave their
            // thread.
            let guests = WasmGuests::new(id, share, successor);
            let ended = Worker::new(id, net, guests, common, mailbox, stats).run();
            ended.map_err(|error| format!("its poll failed: {error}"))
        })?;
    }
    Ok(links)
}
