//! Starts and stops the workers, and knows everyone.

mod deployer;
mod follower;
mod versions;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use anyhow::{Context, ensure};

use crate::admin::sources::{Draining, Sources, WorkerSource};
use crate::admin::{self, Admin};
use crate::config::{AdminListen, Config, Limits, Listen};
use crate::counters::Counter;
use crate::guest::call::GuestCalls;
use crate::guest::deploy::{Deployment, Successor};
use crate::guest::engine::{self, Ticker};
use crate::guest::grants::Permits;
use crate::guest::loader::Loader;
use crate::guest::runtime::{Runtime, Shared as RuntimeParts};
use crate::inbox::Inbox;
use crate::log::{Level, Log};
use crate::net::{self, Net};
use crate::pending::Registry;
use crate::worker::stats::Labels;
use crate::worker::{Mailbox, Message, PostOffice, Shared, Stats, Worker};

pub use self::deployer::Rejected;
use self::deployer::{Deployer, Link, Published};
use self::follower::{Order, follow};

/// A server that runs. Dropping it does not stop it: see [`Server::drain`].
pub struct Server {
    address: SocketAddr,
    started: Instant,
    limits: Limits,
    runtime: Runtime,
    published: Published,
    rejected: Vec<Rejected>,
    mailboxes: Vec<Arc<Mailbox>>,
    stats: Vec<Arc<Stats>>,
    /// Guest instances alive, of each worker.
    instances: Vec<Arc<AtomicUsize>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    orders: mpsc::Sender<Order>,
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
        let engine = engine::engine(limits, config.workers).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let runtime = Runtime::new(RuntimeParts {
            ticker: Ticker::start(&engine).context("the ticker's thread can't be started")?,
            engine,
            registry: Arc::new(Registry::new(limits.pendings_max, fill_random)),
            post: offices.clone(),
            log: log.clone(),
            limits: Arc::new(limits.clone()),
            worker_calls_parked_max: limits.worker_calls_parked_max(config.workers),
            permits: Arc::new(Permits::new(&config.guest_configs, limits)),
            instances: Arc::default(),
            report: Arc::new(move |report| {
                // Once nothing is deployed any more, nobody needs to know.
                let _ = reports.send(Order::Report(report));
            }),
        });
        let loader = Loader::new(&runtime)?;
        let mut deployer = Deployer::new(runtime.clone(), loader, log.clone(), config.access_log);
        let rejected = load_all(&mut deployer, &config.guests, limits)?;
        let listeners = net::listeners(config.listen, config.workers).with_context(|| cannot_listen(config.listen))?;
        let address = listeners[0].local_addr().context("the listener has no address")?;
        let admin = config.admin.as_ref().map(listen_for_admin).transpose()?;
        let labels = Arc::new(Labels::new(limits.metrics_routes_max));

        let started = Instant::now();
        let worlds =
            listeners.into_iter().map(|listener| Net::new(listener, started)).collect::<io::Result<Vec<_>>>()?;
        let mailboxes: Vec<_> = worlds.iter().map(mailbox).collect();
        offices.open(mailboxes.clone());
        let shared = Shared {
            limits: runtime.limits.clone(),
            calls_parked_max: limits.worker_calls_parked_max(config.workers),
            registry: runtime.registry.clone(),
            post: offices,
            log: log.clone(),
            access_log: config.access_log,
        };
        let (mut stats, mut instances, mut links, mut threads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, (world, mailbox)) in worlds.into_iter().zip(&mailboxes).enumerate() {
            let counted = Arc::new(Stats::new(labels.clone()));
            stats.push(counted.clone());
            let instances_here = Arc::new(AtomicUsize::new(0));
            instances.push(instances_here.clone());
            let (share, successor) = (deployer.share(instances_here.clone()), Successor::default());
            links.push(Link { mailbox: mailbox.clone(), instances: instances_here, successor: successor.clone() });
            let number = number as u16;
            let (shared, mailbox) = (shared.clone(), mailbox.clone());
            let thread = thread::Builder::new().name(format!("snow-worker-{number}"));
            threads.push(thread.spawn(move || {
                // Made on its own thread: a call's future never leaves it.
                let inbox = mailbox.clone();
                let runnable = move |slot| inbox.control.send(Message::Runnable(slot));
                let guests = GuestCalls::new(number, share, successor, runnable);
                let log = shared.log.clone();
                let ended = Worker::new(number, world, guests, shared, mailbox, counted).run();
                if let Err(error) = &ended {
                    log.host(Level::Error, format!("worker {number} has failed: {error}"));
                }
                ended
            })?);
        }
        let (published, draining) = (deployer.published(), Draining::default());
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
            deployment: Box::new(move || serving.get()),
            journal: deployer.journal(),
            started_at: SystemTime::now(),
            draining: draining.clone(),
        };
        let admin = admin.map(|bound| Admin::start(bound, sources, log, started)).transpose()?;
        deployer.connect(links);
        thread::Builder::new().name("snow-deployer".into()).spawn(move || follow(deployer, &received))?;
        Ok(Server {
            address,
            started,
            limits: limits.clone(),
            runtime,
            published,
            rejected,
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What serves now.
    pub fn deployment(&self) -> Arc<Deployment> {
        self.published.get()
    }

    /// Guests that were left out at the start.
    pub fn rejected(&self) -> &[Rejected] {
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

    /// What ends it, for another thread to keep.
    pub fn drain(&self) -> Drain {
        Drain {
            started: self.started,
            drain_ms: self.limits.drain_ms,
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
        let _ = self.orders.send(Order::Stop);
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
    draining: Draining,
}

impl Drain {
    /// Tells the workers to stop accepting and to end: at the latest when what is held has waited for the
    /// drain's time, and a second more.
    pub fn start(&self) {
        self.draining.begin();
        let until_ms = self.started.elapsed().as_millis() as u64 + u64::from(self.drain_ms);
        for mailbox in &self.mailboxes {
            mailbox.control.send(Message::Drain { until_ms });
        }
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

fn listen_for_admin(listen: &AdminListen) -> anyhow::Result<admin::Bound> {
    let hint = "is another server there? Choose with --admin";
    admin::Bound::new(listen).with_context(|| format!("the admin listener can't listen on {listen}: {hint}"))
}

/// The default for `--workers`: one for each core.
pub fn workers_default() -> u16 {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(1024) as u16)
}

/// Loads every guest of a folder (or the one in a file). One that can't be loaded is left out, and the others serve.
fn load_all(deployer: &mut Deployer, folder: &Path, limits: &Limits) -> anyhow::Result<Vec<Rejected>> {
    let mut rejected = Vec::new();
    for (name, paths) in guest_files(folder, limits.guests_max)? {
        let [path] = paths.as_slice() else {
            let ambiguous = ambiguous(&name, &paths);
            deployer.journal().failed(&name, &ambiguous.path, ambiguous.error.to_string());
            rejected.push(ambiguous);
            continue;
        };
        if let Err(error) = deployer.load(&name, path) {
            rejected.push(Rejected { path: path.clone(), error });
        }
    }
    rejected.append(&mut deployer.publish());
    Ok(rejected)
}

fn ambiguous(name: &str, paths: &[PathBuf]) -> Rejected {
    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let error = anyhow::anyhow!("several files are the guest `{name}`: {}. Remove all but one", files.join(", "));
    Rejected { path: paths[0].clone(), error }
}

/// The guest files of a folder, by the name of the guest. Hidden files and other endings are not guests.
fn guest_files(folder: &Path, most: usize) -> anyhow::Result<BTreeMap<String, Vec<PathBuf>>> {
    let missing = || format!("the guests folder {} can't be read", folder.display());
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut add = |path: PathBuf| {
        let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else { return };
        if (ending == "wasm" || ending == "wat") && !stem.to_string_lossy().starts_with('.') {
            files.entry(stem.to_string_lossy().into_owned()).or_default().push(path);
        }
    };
    if std::fs::metadata(folder).with_context(missing)?.is_file() {
        add(folder.to_owned());
    } else {
        for entry in std::fs::read_dir(folder).with_context(missing)? {
            let path = entry.with_context(missing)?.path();
            if path.is_file() {
                add(path);
            }
        }
    }
    ensure!(files.len() <= most, "{} holds {} guests; at most {most} are allowed", folder.display(), files.len());
    for paths in files.values_mut() {
        paths.sort();
    }
    Ok(files)
}
