//! Starts and stops the workers, and knows everyone.

use std::io;
use std::net::SocketAddr;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::Context;

use crate::config::{Config, Limits, Listen};
use crate::guest::call::GuestCalls;
use crate::guest::deploy::{Deployment, Rejected};
use crate::guest::engine::{self, Ticker};
use crate::guest::grants::Permits;
use crate::guest::loader::{Loader, Urgency};
use crate::guest::runtime::{Runtime, Shared as RuntimeParts};
use crate::inbox::Inbox;
use crate::log::{Level, Log};
use crate::net::{self, Net};
use crate::pending::Registry;
use crate::router::Entry;
use crate::worker::{Mailbox, Message, PostOffice, Shared, Stats, Worker};

/// A server that runs. Dropping it does not stop it: see [`Server::drain`].
pub struct Server {
    address: SocketAddr,
    started: Instant,
    limits: Limits,
    runtime: Runtime,
    deployment: Arc<Deployment>,
    rejected: Vec<Rejected>,
    mailboxes: Vec<Arc<Mailbox>>,
    stats: Vec<Arc<Stats>>,
    /// Guest instances alive, of each worker.
    instances: Vec<Arc<AtomicUsize>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// What a server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Connections open now.
    pub connections: usize,
    /// Requests suspended now.
    pub suspended: usize,
    /// Pendings that exist now.
    pub pendings: usize,
    /// Guest instances alive now.
    pub instances: usize,
    /// Requests answered so far.
    pub answered: u64,
}

impl Server {
    /// Loads the guests, opens the listeners and starts the workers. It answers when this returns.
    ///
    /// # Errors
    /// The guests folder can't be read, no guest of it can be loaded though it has some, the address can't
    /// be had, or the system gives no threads.
    pub fn start(config: &Config, log: Log) -> anyhow::Result<Server> {
        let limits = &config.limits;
        let offices = Arc::new(PostOffice::default());
        let engine = engine::engine(limits, config.workers).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let runtime = Runtime::new(RuntimeParts {
            ticker: Ticker::start(&engine).context("the ticker's thread can't be started")?,
            engine,
            registry: Arc::new(Registry::new(limits.pendings_max, fill_random)),
            post: offices.clone(),
            log: log.clone(),
            limits: limits.clone(),
            worker_calls_parked_max: limits.worker_calls_parked_max(config.workers),
            permits: Arc::new(Permits::new(&config.guest_configs, limits)),
            instances: Arc::default(),
        });
        let loader = Loader::new(&runtime, &config.compile, log.clone())?;
        let (deployment, rejected) = Deployment::load(&config.guests, &runtime, &loader, Urgency::Start)?;
        let deployment = Arc::new(deployment);
        let listeners = net::listeners(config.listen, config.workers).with_context(|| cannot_listen(config.listen))?;
        let address = listeners[0].local_addr().context("the listener has no address")?;

        let started = Instant::now();
        let worlds =
            listeners.into_iter().map(|listener| Net::new(listener, started)).collect::<io::Result<Vec<_>>>()?;
        let mailboxes: Vec<_> = worlds.iter().map(mailbox).collect();
        offices.open(mailboxes.clone());
        let shared = Shared {
            limits: Arc::new(limits.clone()),
            calls_parked_max: limits.worker_calls_parked_max(config.workers),
            registry: runtime.registry.clone(),
            post: offices,
            log: log.clone(),
            access_log: config.access_log,
        };
        let (mut stats, mut instances, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (world, mailbox)) in worlds.into_iter().zip(&mailboxes).enumerate() {
            let counted = Arc::new(Stats::default());
            stats.push(counted.clone());
            let (number, deployment) = (number as u16, deployment.clone());
            let instances_here = Arc::new(AtomicUsize::new(0));
            instances.push(instances_here.clone());
            let runtime = runtime.for_worker(instances_here);
            let (shared, mailbox) = (shared.clone(), mailbox.clone());
            let thread = thread::Builder::new().name(format!("snow-worker-{number}"));
            threads.push(thread.spawn(move || {
                // Made on its own thread: a call's future never leaves it.
                let inbox = mailbox.clone();
                let runnable = move |slot| inbox.control.send(Message::Runnable(slot));
                let guests = GuestCalls::new(&runtime, number, &deployment, runnable);
                let log = shared.log.clone();
                let ended = Worker::new(number, world, guests, shared, mailbox, counted).run();
                if let Err(error) = &ended {
                    log.host(Level::Error, format!("worker {number} has failed: {error}"));
                }
                ended
            })?);
        }
        let verifier = thread::Builder::new().name("snow-verify".into());
        verifier.spawn(move || verify(&loader, &log)).context("the thread that verifies guests can't be started")?;
        Ok(Server {
            address,
            started,
            limits: limits.clone(),
            runtime,
            deployment,
            rejected,
            mailboxes,
            stats,
            instances,
            threads,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The table of routes, with each guest's name.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let name = |entry: &Entry| self.deployment.guests[entry.guest as usize].name.as_ref();
        self.deployment.router.entries().map(move |entry| (name(entry), entry))
    }

    /// The names of the guests that serve, sorted.
    pub fn guest_names(&self) -> impl Iterator<Item = &str> {
        self.deployment.guests.iter().map(|guest| guest.name.as_ref())
    }

    /// How many guests serve.
    pub fn guest_count(&self) -> usize {
        self.deployment.guests.len()
    }

    /// Guests that were left out.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// What it counts now. The counts are read one after another, not at one instant.
    pub fn counts(&self) -> Counts {
        let sum = |of: fn(&Stats) -> &AtomicUsize| self.stats.iter().map(|s| of(s).load(Ordering::Relaxed)).sum();
        Counts {
            connections: sum(|stats| &stats.connections),
            suspended: sum(|stats| &stats.suspended),
            pendings: self.runtime.registry.len(),
            instances: self.instances.iter().map(|instances| instances.load(Ordering::Relaxed)).sum(),
            answered: self.stats.iter().map(|stats| stats.answered.load(Ordering::Relaxed)).sum(),
        }
    }

    /// What ends it, for another thread to keep.
    pub fn drain(&self) -> Drain {
        Drain { started: self.started, drain_ms: self.limits.drain_ms, mailboxes: self.mailboxes.clone() }
    }

    /// Waits until all workers have ended.
    ///
    /// # Errors
    /// A worker's poll failed, or its thread panicked.
    pub fn join(self) -> anyhow::Result<()> {
        let ended: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        self.runtime.ticker.stop();
        for result in ended {
            result.map_err(|_| anyhow::anyhow!("a worker's thread has panicked"))??;
        }
        Ok(())
    }
}

/// Ends a server.
pub struct Drain {
    started: Instant,
    drain_ms: u32,
    mailboxes: Vec<Arc<Mailbox>>,
}

impl Drain {
    /// Tells the workers to stop accepting and to end: at the latest when what is held has waited for the
    /// drain's time, and a second more.
    pub fn start(&self) {
        let until_ms = self.started.elapsed().as_millis() as u64 + u64::from(self.drain_ms);
        for mailbox in &self.mailboxes {
            mailbox.control.send(Message::Drain { until_ms });
        }
    }
}

/// Reads what was loaded by its looks alone, when clients no longer wait for it.
fn verify(loader: &Loader, log: &Log) {
    for file in loader.verify() {
        let file = file.display();
        log.host(Level::Error, format!("{file} is not the file it looks like: what it held before is served. Restart"));
    }
}

fn mailbox(world: &Net) -> Arc<Mailbox> {
    let (control, settled) = (world.waker(), world.waker());
    Arc::new(Mailbox { control: Inbox::new(move || control.wake()), settled: Inbox::new(move || settled.wake()) })
}

fn fill_random(bytes: &mut [u8]) {
    // It fails only on a system without a source of randomness, where no token could be safe.
    getrandom::fill(bytes).expect("the system has no source of randomness");
}

fn cannot_listen(listen: Listen) -> String {
    match listen {
        Listen::Address(address) => format!("can't listen on {address}: is another server there? Choose with --listen"),
        Listen::Inherited(number) => format!("descriptor {number} is not a listening TCP socket that was left open"),
    }
}

/// The default for `--workers`: one for each core.
pub fn workers_default() -> u16 {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(1024) as u16)
}
