//! A running server: what it serves, what it counts, and how it ends.

mod advance;
mod data;
mod start;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use self::advance::AdvanceError;
use crate::admin::{Admin, Draining};
use crate::deploy::{DeployerMessage, LeftOut, Serving};
use crate::executors::ExecutorThread;
use crate::folder::watch::LookAgain;
use crate::store_thread::StoreThread;
use crate::supervisor::{End, supervise};
use crate::workers::WorkerHandle;
use snow_config::{AdminListen, Config};
use snow_core::{Counter, lock};
use snow_guests::{Deployment, JobStats, Jobs, Runtime};
use snow_runtime::{Clock, Level, Log, Outside, Settled, Settlement};
use snow_state::StoreStats;
use snow_worker::{Message, Stats};

/// How long workers may take, after the drain's limit, until they have written their last answers.
const AFTER_DRAIN: Duration = Duration::from_secs(3);

/// What makes the outside of a server.
type MakeOutside<'m> = Box<dyn FnOnce(&Clock) -> io::Result<Arc<dyn Outside>> + 'm>;

/// A running server. Dropping it does not stop it: use [`Server::drain`] and then [`Server::join`].
pub struct Server {
    addresses: Vec<SocketAddr>,
    clock: Clock,
    runtime: Runtime,
    store_thread: StoreThread,
    serving: Serving,
    left_out: Vec<LeftOut>,
    remarks: Vec<(Level, String)>,
    workers: Vec<WorkerHandle>,
    executors: Vec<ExecutorThread>,
    /// Where the ends of threads are reported.
    ends: Mutex<mpsc::Receiver<End>>,
    to_deployer: mpsc::Sender<DeployerMessage>,
    /// Makes the watch look up the directories that it watches. `None` without a watch.
    watch: Option<LookAgain>,
    log: Log,
    admin: Option<Admin>,
    draining: Draining,
}

/// The counters of a server, added up over its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Connections that are open.
    pub connections: usize,
    /// Requests that are held, suspended or in place.
    pub suspended: usize,
    /// Pendings that exist.
    pub pendings: usize,
    /// Guest instances that are alive.
    pub instances: usize,
    /// Requests answered since the start.
    pub answered: u64,
}

impl Server {
    /// Loads the guests, opens the listeners and starts the workers. When it returns, the server
    /// answers requests.
    ///
    /// Guests that can't be loaded are left out and do not fail the start, unless `strict` is set:
    /// see
    /// [`Server::left_out`].
    ///
    /// # Errors
    /// The guests folder can't be read, an address can't be listened on, a thread can't be started,
    /// or `strict` is set and a guest can't be loaded or two have the same route.
    pub fn start(config: &Config, log: Log) -> anyhow::Result<Server> {
        start::start(config, log, None)
    }

    /// Starts a server as [`start`](Server::start) does, whose guests send their requests not to other
    /// servers, but to what `make` makes with the server's clock: for tests of guests.
    ///
    /// # Errors
    /// As [`start`](Server::start), or `make` fails.
    pub fn start_with_outside(
        config: &Config,
        log: Log,
        make: impl FnOnce(&Clock) -> io::Result<Arc<dyn Outside>>,
    ) -> anyhow::Result<Server> {
        start::start(config, log, Some(Box::new(make)))
    }

    /// Returns the address of the admin listener, if there is one.
    pub fn admin_address(&self) -> Option<&AdminListen> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Returns the addresses on which the server listens, in the order of [`ServerConfig::listen`];
    /// at least one.
    ///
    /// [`ServerConfig::listen`]: snow_config::ServerConfig::listen
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns what serves now. It never changes; a later call may return another.
    pub fn deployment(&self) -> Arc<Deployment> {
        self.serving.deployment()
    }

    /// Returns a view of what serves, for another thread to keep.
    pub fn serving(&self) -> Serving {
        self.serving.clone()
    }

    /// Returns hints about the configuration of the start, for the log: for instance, a table of
    /// `snow.toml` for a guest that does not exist.
    pub fn remarks(&self) -> &[(Level, String)] {
        &self.remarks
    }

    /// Returns a function that makes the deployer look at the guests folder, even if the folder is
    /// not watched. A folder over which another file system was mounted is watched again.
    pub fn look(&self) -> impl Fn() + Send + use<> {
        let (to_deployer, watch) = (self.to_deployer.clone(), self.watch.clone());
        move || {
            if let Some(watch) = &watch {
                watch.look();
            }
            // It fails if the deployer has ended, and then there is nothing to deploy.
            let _ = to_deployer.send(DeployerMessage::Look);
        }
    }

    /// Returns the guests that were left out at the start.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Returns the counters. They are read one after another, not at one instant.
    pub fn counts(&self) -> Counts {
        let sum = |of: fn(&Stats) -> &Counter| {
            self.workers.iter().map(|worker| of(&worker.stats).get()).sum::<u64>()
        };
        Counts {
            connections: sum(|stats| &stats.connections) as usize,
            suspended: sum(|stats| &stats.suspended) as usize,
            pendings: self.runtime.registry.len(),
            instances: {
                let of_workers = self.workers.iter().map(|worker| &worker.instances);
                let all = of_workers.chain(self.executors.iter().map(|it| &it.instances));
                all.map(|instances| instances.alive.load(Ordering::Relaxed)).sum()
            },
            answered: sum(|stats| &stats.answered),
        }
    }

    /// Returns what guests have stored, and what was done to it.
    pub fn store(&self) -> StoreStats {
        self.runtime.store.stats()
    }

    /// Returns what the jobs of guests do now and have done.
    pub fn jobs(&self) -> JobStats {
        self.runtime.jobs.stats()
    }

    /// Settles the pending that has waited longest under a key. The host itself does this, so no
    /// guest's grants apply. Returns whether there was one.
    pub fn settle_next(&self, key: &str, settlement: Settlement) -> bool {
        let settled = self.runtime.registry.settle_next(key, Settled::new(settlement));
        self.runtime.post.wake(settled.flatten().as_slice());
        settled.is_some()
    }

    /// Settles all pendings that wait under a key; no guest's grants apply. Returns their number.
    pub fn settle_all(&self, key: &str, settlement: Settlement) -> u32 {
        let mut woken = Vec::new();
        let settled = self.runtime.registry.settle_all(key, &Settled::new(settlement), &mut woken);
        self.runtime.post.wake(&woken);
        settled
    }

    /// Returns a handle that ends the server, for another thread to keep.
    pub fn drain(&self) -> Drain {
        Drain {
            clock: self.clock.clone(),
            serving: self.serving.clone(),
            workers: self.workers.clone(),
            jobs: self.runtime.jobs.clone(),
            draining: self.draining.clone(),
        }
    }

    /// Waits until all workers have ended, and then ends the other threads. Without a
    /// [`Drain::start`] it waits for ever, unless a thread dies: then it drains the server.
    ///
    /// # Errors
    /// A thread died: a worker, an executor, the deployer, the watch, the admin listener, or the
    /// one that ends time slices.
    pub fn join(self) -> anyhow::Result<()> {
        let drain = self.drain();
        let supervised = supervise(
            &lock(&self.ends),
            self.workers.len(),
            |End { thread, fault, .. }| {
                let drain_ms = drain.start();
                let fault = fault.as_deref().unwrap_or_default();
                let message = format!(
                    "the thread {thread} died: {fault}. Draining for at most {drain_ms} ms; then the \
                 server ends"
                );
                self.log.host(Level::Error, message);
                Duration::from_millis(drain_ms.into()) + AFTER_DRAIN
            },
        );
        // Nobody starts jobs any more; those that there are have the rest of the drain.
        self.runtime.jobs.finish();
        self.executors.into_iter().for_each(ExecutorThread::join);
        self.runtime.jobs.stop();
        // The admin listener ends after the workers, so it can show what the drain still waits for.
        if let Some(admin) = self.admin {
            admin.stop();
        }
        // It fails if the deployer has ended already.
        let _ = self.to_deployer.send(DeployerMessage::Stop);
        self.runtime.engine.stop();
        self.store_thread.stop();
        Ok(supervised?)
    }
}

/// Ends a server.
pub struct Drain {
    clock: Clock,
    serving: Serving,
    workers: Vec<WorkerHandle>,
    jobs: Arc<Jobs>,
    draining: Draining,
}

impl Drain {
    /// Tells the workers to accept no more connections and to end once nothing is held, or when
    /// held requests have waited for the limit `drain_ms` and another second has passed. Jobs that
    /// were started have the same time. Returns that limit in milliseconds.
    pub fn start(&self) -> u32 {
        self.start_within(u32::MAX)
    }

    /// Does the same as [`Drain::start`], but held requests wait for `drain_ms_max` at most.
    /// Returns how long they may wait, in milliseconds.
    pub fn start_within(&self, drain_ms_max: u32) -> u32 {
        self.draining.begin();
        let drain_ms = self.serving.limits().drain_ms.min(drain_ms_max);
        let until_ms = self.clock.now_ms() + u64::from(drain_ms);
        // Before the workers: those without clients end at once, and what follows their end has to
        // find how long jobs may go on.
        self.jobs.drain(until_ms);
        for worker in &self.workers {
            worker.mailbox.send(Message::Drain { until_ms });
        }
        drain_ms
    }
}
