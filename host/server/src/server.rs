//! Starts and stops the workers, and knows everyone.

mod deployer;
mod follower;
mod remarks;
mod serving;
mod versions;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use anyhow::{Context, ensure};

use crate::admin::journal::Journal;
use crate::admin::sources::{Draining, Sources, WorkerSource};
use crate::admin::{self, Admin};
use crate::debounce::{Debounce, Found, Snapshot};
use crate::guests_folder::scan;
use crate::net::{self, Net};
use crate::watch::{Kind, Watch};
use snow_config::{AdminListen, Config, Listen, ServerConfig, WatchLimits};
use snow_core::{Counter, Inbox, Registry, WorkerId};
use snow_guests::{
    Conflict, Deployment, Engine, Loader, Permits, Runtime, RuntimeParts, Successor, Urgency, WasmGuests,
};
use snow_runtime::{Level, Log, Settlement};
use snow_worker::{Common, Labels, Mailbox, Message, PostOffice, Stats, Worker};

pub use self::deployer::LeftOut;
use self::deployer::{Deployer, Link, Published};
use self::follower::{Command, Follower, ambiguous};
pub use self::serving::Serving;

const WATCH: WatchLimits = WatchLimits::DEFAULT;

/// A server that runs. Dropping it does not stop it: see [`Server::drain`].
pub struct Server {
    addresses: Vec<SocketAddr>,
    started: Instant,
    runtime: Runtime,
    published: Published,
    journal: Arc<Journal>,
    rejected: Vec<LeftOut>,
    remarks: Vec<(Level, String)>,
    mailboxes: Vec<Arc<Mailbox>>,
    stats: Vec<Arc<Stats>>,
    /// Guest instances alive, of each worker.
    instances: Vec<Arc<AtomicUsize>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    orders: mpsc::Sender<Command>,
    admin: Option<Admin>,
    draining: Draining,
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
        let (orders, received) = mpsc::channel();
        let reports = orders.clone();
        let runtime = Runtime::new(RuntimeParts {
            engine: Engine::start(limits, config.server.workers)?,
            registry: Arc::new(Registry::new(limits.pendings_max, fill_random)),
            post: offices.clone(),
            log: log.clone(),
            limits: Arc::new(limits.clone()),
            worker_calls_parked_max: limits.worker_calls_parked_max(config.server.workers),
            permits: Arc::new(Permits::new(&config.guest_configs, limits)),
            instances: Arc::default(),
            report: Arc::new(move |report| {
                // Once nothing is deployed any more, nobody needs to know.
                let _ = reports.send(Command::Report(report));
            }),
        });
        let loader = Loader::new(&runtime, &config.compile, log.clone())?;
        let mut deployer = Deployer::new(runtime.clone(), log.clone(), config.manifest());
        // First, so that a change is noticed that comes while guests are loaded.
        let changed = orders.clone();
        let look = move || drop(changed.send(Command::Look));
        let watch = config.server.watch.then(|| Watch::start(&config.guests, Some(WATCH.poll_ms), look)).transpose()?;
        if let Some(Kind::Polled { every_ms, why }) = watch.as_ref().map(Watch::kind) {
            log.host(Level::Info, format!("the guests folder is looked at each {every_ms} ms, since {why}"));
        }
        let found = scan(&config.guests, limits.guests_max)?;
        let rejected = load_all(&mut deployer, &loader, &found);
        if config.server.strict {
            let conflicts = deployer.published().deployment().conflicts();
            ensure!(rejected.is_empty() && conflicts.is_empty(), strictly(&rejected, &conflicts));
        }
        let listeners = listeners(&config.server)?;
        let addresses = listeners[0].iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>();
        let addresses = addresses.context("a listener has no address")?;
        let admin = config.server.admin.as_ref().map(listen_for_admin).transpose()?;
        let labels = Arc::new(Labels::new(limits.metrics_routes_max));

        let started = Instant::now();
        let worlds =
            listeners.into_iter().map(|listeners| Net::new(listeners, started)).collect::<io::Result<Vec<_>>>()?;
        let mailboxes: Vec<_> = worlds.iter().map(mailbox).collect();
        offices.open(mailboxes.clone());
        let shared = Common {
            limits: runtime.limits.clone(),
            calls_parked_max: limits.worker_calls_parked_max(config.server.workers),
            registry: runtime.registry.clone(),
            post: offices,
            log: log.clone(),
            access_log: config.server.access_log,
        };
        let (mut stats, mut instances, mut links, mut threads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, (world, mailbox)) in worlds.into_iter().zip(&mailboxes).enumerate() {
            let counted = Arc::new(Stats::new(labels.clone()));
            stats.push(counted.clone());
            let instances_here = Arc::new(AtomicUsize::new(0));
            instances.push(instances_here.clone());
            let (share, successor) = (deployer.share(instances_here.clone()), Successor::default());
            links.push(Link { mailbox: mailbox.clone(), instances: instances_here, successor: successor.clone() });
            let id = WorkerId(number as u16);
            let (shared, mailbox) = (shared.clone(), mailbox.clone());
            let thread = thread::Builder::new().name(format!("snow-worker-{id}"));
            threads.push(thread.spawn(move || {
                // Made on its own thread: a call's future never leaves it.
                let inbox = mailbox.clone();
                let runnable = move |slot| inbox.control.send(Message::Runnable(slot));
                let guests = WasmGuests::new(id, share, successor, runnable);
                let log = shared.log.clone();
                let ended = Worker::new(id, world, guests, shared, mailbox, counted).run();
                if let Err(error) = &ended {
                    log.host(Level::Error, format!("worker {id} has failed: {error}"));
                }
                ended
            })?);
        }
        let (published, journal, draining) = (deployer.published(), deployer.journal(), Draining::default());
        let workers = mailboxes.iter().zip(&stats).zip(&instances).map(|((mailbox, stats), instances)| WorkerSource {
            mailbox: mailbox.clone(),
            stats: stats.clone(),
            instances: instances.clone(),
        });
        let serving = published.clone();
        let sources = Sources {
            workers: workers.collect(),
            labels,
            runtime: runtime.clone(),
            deployment: Box::new(move || serving.deployment()),
            journal: journal.clone(),
            started_at: SystemTime::now(),
            draining: draining.clone(),
        };
        let admin = admin.map(|bound| Admin::start(bound, sources, log.clone(), started)).transpose()?;
        deployer.connect(links);
        let remarks = deployer.remarks(config.guests.is_dir());
        let debounce = Debounce::serving(WATCH, found, started.elapsed().as_millis() as u64);
        let follower = Follower::new(config, deployer, loader, debounce, log, started, orders.clone());
        thread::Builder::new().name("snow-deployer".into()).spawn(move || {
            follower.follow(&received);
            drop(watch);
        })?;
        Ok(Server {
            addresses,
            started,
            runtime,
            published,
            journal,
            rejected,
            remarks,
            mailboxes,
            stats,
            instances,
            threads,
            orders,
            admin,
            draining,
        })
    }

    /// Where it tells about itself, if anywhere.
    pub fn admin_address(&self) -> Option<&AdminListen> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Where it listens, in the order of [`ServerConfig::listen`]; at least one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What serves now.
    pub fn deployment(&self) -> Arc<Deployment> {
        self.published.deployment()
    }

    /// What serves at any time, for another thread to ask.
    pub fn serving(&self) -> Serving {
        Serving::new(self.published.clone(), self.journal.clone())
    }

    /// What a deployer has perhaps overlooked, for the log.
    pub fn remarks(&self) -> &[(Level, String)] {
        &self.remarks
    }

    /// Looks at the guests folder, whether something seems to have changed there or not.
    pub fn look(&self) -> impl Fn() + Send + use<> {
        let orders = self.orders.clone();
        // It has ended by itself if nobody is there.
        move || drop(orders.send(Command::Look))
    }

    /// Guests that were left out at the start.
    pub fn rejected(&self) -> &[LeftOut] {
        &self.rejected
    }

    /// What it counts now. The counts are read one after another, not at one instant.
    pub fn counts(&self) -> Counts {
        let sum = |of: fn(&Stats) -> &Counter| self.stats.iter().map(|stats| of(stats).get()).sum::<u64>();
        Counts {
            connections: sum(|stats| &stats.connections) as usize,
            suspended: sum(|stats| &stats.suspended) as usize,
            pendings: self.runtime.registry.len(),
            instances: self.instances.iter().map(|instances| instances.load(Ordering::Relaxed)).sum(),
            answered: sum(|stats| &stats.answered),
        }
    }

    /// Settles the one that has waited longest under a key, on the host's own account: no grant is asked for. Returns
    /// whether somebody waited.
    pub fn settle_next(&self, key: &str, settlement: Settlement) -> bool {
        let settled = self.runtime.registry.settle_next(key, Arc::new(settlement));
        self.runtime.post.wake(settled.flatten().as_slice());
        settled.is_some()
    }

    /// Settles all that wait under a key, likewise. Returns how many did.
    pub fn settle_all(&self, key: &str, settlement: Settlement) -> u32 {
        let mut woken = Vec::new();
        let settled = self.runtime.registry.settle_all(key, &Arc::new(settlement), &mut woken);
        self.runtime.post.wake(&woken);
        settled
    }

    /// What ends it, for another thread to keep.
    pub fn drain(&self) -> Drain {
        Drain {
            started: self.started,
            published: self.published.clone(),
            mailboxes: self.mailboxes.clone(),
            draining: self.draining.clone(),
        }
    }

    /// Waits until all workers have ended.
    ///
    /// # Errors
    /// A worker's poll failed, or its thread panicked.
    pub fn join(self) -> anyhow::Result<()> {
        let ended: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        // Until now, so that it can be seen what is waited for.
        if let Some(admin) = self.admin {
            admin.stop();
        }
        // It has ended by itself if the channel is closed.
        let _ = self.orders.send(Command::Stop);
        self.runtime.engine.stop();
        for result in ended {
            result.map_err(|_| anyhow::anyhow!("a worker's thread has panicked"))??;
        }
        Ok(())
    }
}

/// Ends a server.
pub struct Drain {
    started: Instant,
    published: Published,
    mailboxes: Vec<Arc<Mailbox>>,
    draining: Draining,
}

impl Drain {
    /// Tells the workers to stop accepting and to end: at the latest when what is held has waited for the
    /// drain's time, and a second more. Returns that time in milliseconds.
    pub fn start(&self) -> u32 {
        self.start_within(u32::MAX)
    }

    /// The same, with at most so much time for what is held.
    pub fn start_within(&self, drain_ms_max: u32) -> u32 {
        self.draining.begin();
        let drain_ms = self.published.limits().drain_ms.min(drain_ms_max);
        let until_ms = self.started.elapsed().as_millis() as u64 + u64::from(drain_ms);
        for mailbox in &self.mailboxes {
            mailbox.control.send(Message::Drain { until_ms });
        }
        drain_ms
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

/// The listeners of each worker: one for each address.
fn listeners(config: &ServerConfig) -> anyhow::Result<Vec<Vec<TcpListener>>> {
    let mut of_workers: Vec<_> = (0..config.workers).map(|_| Vec::new()).collect();
    for listen in &config.listen {
        let listeners = net::listeners(*listen, config.workers).with_context(|| cannot_listen(*listen))?;
        of_workers.iter_mut().zip(listeners).for_each(|(of_worker, listener)| of_worker.push(listener));
    }
    Ok(of_workers)
}

fn cannot_listen(listen: Listen) -> String {
    match listen {
        Listen::Address(address) => format!("can't listen on {address}: is another server there? Choose with --listen"),
        Listen::Inherited(number) => format!("descriptor {number} is not a listening TCP socket that was left open"),
    }
}

fn listen_for_admin(listen: &AdminListen) -> anyhow::Result<admin::Bound> {
    let hint = "is another server there? Choose with --admin";
    admin::Bound::new(listen).with_context(|| format!("the admin listener can't listen on {listen}: {hint}"))
}

/// Loads every guest that was found. One that can't be loaded is left out, and the others serve.
fn load_all(deployer: &mut Deployer, loader: &Loader, found: &Snapshot) -> Vec<LeftOut> {
    let mut rejected = Vec::new();
    for (name, files) in &found.guests {
        let [Found { path, .. }] = files.as_slice() else {
            let ambiguous = ambiguous(name, files);
            deployer.refused(name, &ambiguous.path, &ambiguous.error);
            rejected.push(ambiguous);
            continue;
        };
        match loader.load(path, Urgency::Start) {
            Ok(guest) => deployer.put(name, path, guest),
            Err(error) => {
                let error = error.into();
                deployer.refused(name, path, &error);
                rejected.push(LeftOut { path: path.clone(), error });
            }
        }
    }
    rejected.append(&mut deployer.publish());
    rejected
}

fn strictly(rejected: &[LeftOut], conflicts: &[Conflict]) -> String {
    let rejected = rejected.iter().map(|LeftOut { path, error }| format!("{}: {}", path.display(), chain(error)));
    let reasons = rejected.chain(conflicts.iter().map(Conflict::to_string)).collect::<Vec<_>>();
    format!("with --strict each guest has to load, and no two may have the same route:\n{}", reasons.join("\n"))
}

/// An error with its causes in one line each, the outermost first.
pub fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    causes.join(":\n  ")
}
