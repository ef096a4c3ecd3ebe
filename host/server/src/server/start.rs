//! How a server is started: one function a step.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use anyhow::{Context, ensure};

use super::{MakeOutside, Server};
use crate::admin::{Admin, AdminListener, Draining, PageSources};
use crate::deploy::debounce::Debounce;
use crate::deploy::{Catalog, Deployer, DeployerMessage, LeftOut, load_all};
use crate::executors;
use crate::folder::scan;
use crate::folder::watch::{Watch, WatchMode};
use crate::net::{self, Bound, ListenOptions, Net};
use crate::store_thread::{self, Alarm, StoreThread};
use crate::supervisor::{Ends, Role};
use crate::workers::{self, WorkerHandle};
use snow_config::{Config, Listen, ServerConfig, WatchLimits};
use snow_core::{Registry, error_chain};
use snow_guests::{Conflict, Engine, Jobs, Loader, Notifier, Permits, Runtime, RuntimeParts};
use snow_outside::{Egress, Sql};
use snow_runtime::{Clock, Level, Log, Outside, Settled};
use snow_worker::{Common, Labels, PostOffice};

/// Starts a server: see [`Server::start`].
pub(super) fn start(
    config: &Config,
    log: Log,
    outside: Option<MakeOutside<'_>>,
) -> anyhow::Result<Server> {
    net::raise_descriptor_limit();
    let (to_deployer, messages) = mpsc::channel();
    let post = Arc::new(PostOffice::default());
    let clock = Clock::start();
    let alarm = Arc::new(Alarm::new(clock.clone()));
    let (egress, egress_thread) = Egress::new(&config.server, &log)?;
    let egress = Arc::new(egress);
    let egress_or_script = match outside {
        Some(make) => make(&clock).context("what stands for other servers can't be started")?,
        None => egress.clone(),
    };
    let registry = Arc::new(Registry::new(config.limits.pendings_max, fill_random));
    let notifier = Arc::new(Notifier { registry: registry.clone(), post: post.clone() });
    let (sql, sql_thread) = Sql::new(&egress, config.limits.sql_connections_max, notifier);
    let sql = Arc::new(sql);
    let outside = OutsideParts { fetches: egress_or_script, sql: sql.clone() };
    let runtime = runtime(config, &post, &to_deployer, &log, &alarm, registry, outside)?;
    runtime.jobs.load();
    let loader = Loader::new(&runtime, &config.compile, log.clone())?;

    // The watch begins before the folder is read, so a change that comes while guests are loaded is
    // noticed.
    let watch = watch(config, &to_deployer, &log)?;
    let (sender, ended) = mpsc::channel();
    let ends = Ends(sender);
    runtime.engine.on_death(ends.died("snow-ticker"));
    let store_thread = StoreThread::start(runtime.store.clone(), alarm, &ends)?;
    ends.spawn("snow-outside".into(), Role::Helper, || {
        egress_thread.run().map_err(|error| error.to_string())
    })?;
    ends.spawn("snow-sql".into(), Role::Helper, || {
        sql_thread.run().map_err(|error| error.to_string())
    })?;
    if let Some(watch) = &watch {
        watch.on_death(ends.died("snow-watch"));
    }
    let mut found = scan(&config.guests, config.limits.guests_max)?;
    found.named = config.files.print();
    let mut catalog = Catalog::new(runtime.clone(), log.clone(), config.manifest());
    let left_out = load_all(&mut catalog, &loader, &found);
    if config.server.strict {
        let conflicts = catalog.serving().deployment().conflicts();
        ensure!(left_out.is_empty() && conflicts.is_empty(), strict_error(&left_out, &conflicts));
    }

    let Listeners { of_workers, addresses, admin } = Listeners::bind(config)?;
    let started = Instant::now();
    let nets = of_workers
        .into_iter()
        .map(|listeners| Net::new(listeners, clock.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    let labels = Arc::new(Labels::new(config.limits.metrics_routes_max));
    let workers: Vec<_> = nets.iter().map(|net| WorkerHandle::new(net, &labels)).collect();
    let mailboxes = workers.iter().map(|worker| worker.mailbox.clone()).collect();
    post.open(mailboxes, runtime.jobs.inboxes());
    let common = common(config, &runtime, post, &log);
    let links = workers::spawn(nets, &workers, &common, &catalog, &ends)?;
    let ServerConfig { executors, workers: count, .. } = config.server;
    let executors = executors::spawn(executors, count, &runtime, &ends)?;

    let draining = Draining::default();
    let sources = PageSources {
        workers: workers.clone(),
        executors: executors.iter().map(|executor| executor.instances.clone()).collect(),
        labels,
        runtime: runtime.clone(),
        egress,
        sql,
        serving: catalog.serving().clone(),
        started_at: SystemTime::now(),
        draining: draining.clone(),
    };
    let admin = admin
        .map(|listener| Admin::start(listener, sources, log.clone(), clock.clone(), &ends))
        .transpose()?;

    catalog.connect(links);
    let (serving, remarks) = (catalog.serving().clone(), catalog.remarks(config.guests.is_dir()));
    let debounce =
        Debounce::serving(WatchLimits::DEFAULT, found, started.elapsed().as_millis() as u64);
    let deployer =
        Deployer::new(config, catalog, loader, debounce, log.clone(), started, to_deployer.clone());
    let look_again = watch.as_ref().map(Watch::look_again);
    spawn_deployer(deployer, messages, watch, &ends)?;
    Ok(Server {
        addresses,
        clock,
        runtime,
        store_thread,
        serving,
        left_out,
        remarks,
        workers,
        executors,
        ends: Mutex::new(ended),
        to_deployer,
        watch: look_again,
        log,
        admin,
        draining,
    })
}

/// The ways out of the process.
struct OutsideParts {
    fetches: Arc<dyn Outside>,
    sql: Arc<Sql>,
}

/// Makes what the calls of all guests share.
fn runtime(
    config: &Config,
    post: &Arc<PostOffice>,
    to_deployer: &Sender<DeployerMessage>,
    log: &Log,
    alarm: &Arc<Alarm>,
    registry: Arc<Registry<Settled>>,
    outside: OutsideParts,
) -> anyhow::Result<Runtime> {
    let (limits, workers) = (&config.limits, config.server.workers);
    let reports = to_deployer.clone();
    let store = store_thread::open(config, &registry, post.clone(), log, alarm)?;
    let (clock, executors) = (alarm.clock().clone(), config.server.executors);
    Ok(Runtime::new(RuntimeParts {
        engine: Engine::start(limits, workers, executors)?,
        jobs: Jobs::new(executors, clock.clone(), log.clone(), store.clone()),
        clock,
        store,
        registry,
        outside: outside.fetches,
        databases: outside.sql,
        post: post.clone(),
        log: log.clone(),
        limits: Arc::new(limits.clone()),
        worker_calls_parked_max: limits.worker_calls_parked_max(workers),
        permits: Arc::new(
            Permits::new(&config.guest_configs, limits)
                .with_common(config.common.clone())
                .with_server(&config.server)
                .with_databases(&config.database_configs),
        ),
        source_bytes: Arc::default(),
        kept_bytes: Arc::default(),
        instances: Arc::default(),
        report: Arc::new(move |report| {
            // It fails if the deployer has ended, and then no report is needed.
            let _ = reports.send(DeployerMessage::Report(report));
        }),
    }))
}

fn fill_random(bytes: &mut [u8]) {
    // It fails only on a system without a source of randomness, where no token could be safe.
    getrandom::fill(bytes).expect("the system has no source of randomness");
}

/// Watches the guests folder, if the configuration asks for it.
fn watch(
    config: &Config,
    to_deployer: &Sender<DeployerMessage>,
    log: &Log,
) -> io::Result<Option<Watch>> {
    if !config.server.watch {
        return Ok(None);
    }
    let changed = to_deployer.clone();
    let watch = Watch::start(&config.guests, move || drop(changed.send(DeployerMessage::Look)))?;
    if let WatchMode::Polled { every_ms, why } = watch.mode() {
        log.host(
            Level::Info,
            format!("the guests folder is polled every {every_ms} ms, because {why}"),
        );
    }
    Ok(Some(watch))
}

/// The sockets of a server, bound before any thread that serves is started.
struct Listeners {
    /// The listeners of each worker: one for each address.
    of_workers: Vec<Vec<Bound>>,
    /// The addresses in the order of the configuration.
    addresses: Vec<SocketAddr>,
    admin: Option<AdminListener>,
}

impl Listeners {
    fn bind(config: &Config) -> anyhow::Result<Listeners> {
        let keepalive_ms = config.limits.tcp_keepalive_ms;
        let config = &config.server;
        let mut of_workers: Vec<_> = (0..config.workers).map(|_| Vec::new()).collect();
        for listen in &config.listen {
            let only_v6 = leaves_ipv4_to_another(*listen, &config.listen);
            let options = ListenOptions { only_v6, keepalive_ms };
            let listeners = net::listeners(*listen, config.workers, &options)
                .map_err(|error| cannot_listen(*listen, error))?;
            of_workers
                .iter_mut()
                .zip(listeners)
                .for_each(|(of_worker, listener)| of_worker.push(listener));
        }
        let addresses =
            of_workers[0].iter().map(|bound| bound.socket.local_addr()).collect::<io::Result<_>>();
        let addresses: Vec<_> = addresses.context("a listener's address can't be read")?;
        let bind_admin = |listen| {
            AdminListener::bind(listen).map_err(|error| {
                let advice = net::advice(&error, "--admin");
                let message = format!("the admin listener can't listen on {listen}: {advice}");
                anyhow::Error::new(error).context(message)
            })
        };
        let admin = config.admin.as_ref().map(bind_admin).transpose()?;
        Ok(Listeners { of_workers, addresses, admin })
    }
}

/// Returns whether an address of IPv6 stands for all addresses, and another one of the list takes
/// the clients of IPv4 on its port. By itself `[::]` takes both.
fn leaves_ipv4_to_another(listen: Listen, all: &[Listen]) -> bool {
    let Listen::Address(address) = listen else { return false };
    let takes_its_ipv4 = |other: &Listen| match other {
        Listen::Address(other) => other.is_ipv4() && other.port() == address.port(),
        Listen::Inherited(_) => false,
    };
    address.ip().is_unspecified() && address.port() > 0 && all.iter().any(takes_its_ipv4)
}

fn cannot_listen(listen: Listen, error: io::Error) -> anyhow::Error {
    let message = match listen {
        Listen::Address(address) => {
            format!("can't listen on {address}: {}", net::advice(&error, "--listen"))
        }
        Listen::Inherited(number) => {
            format!("file descriptor {number} is not a listening TCP socket")
        }
    };
    anyhow::Error::new(error).context(message)
}

/// Makes what the workers share.
fn common(config: &Config, runtime: &Runtime, post: Arc<PostOffice>, log: &Log) -> Common {
    Common {
        limits: runtime.limits.clone(),
        calls_parked_max: config.limits.worker_calls_parked_max(config.server.workers),
        registry: runtime.registry.clone(),
        post,
        log: log.clone(),
        access_log: config.server.access_log,
    }
}

/// Starts the deployer's thread, which keeps the watch for as long as it runs.
fn spawn_deployer(
    deployer: Deployer,
    messages: Receiver<DeployerMessage>,
    watch: Option<Watch>,
    ends: &Ends,
) -> io::Result<()> {
    let run = move || {
        deployer.run(&messages);
        drop(watch);
        Ok(())
    };
    ends.spawn("snow-deployer".into(), Role::Helper, run).map(drop)
}

fn strict_error(left_out: &[LeftOut], conflicts: &[Conflict]) -> String {
    let left_out = left_out.iter().map(|LeftOut { path, error, .. }| {
        format!("{}: {}", path.display(), error_chain(error.as_ref()))
    });
    let reasons = left_out.chain(conflicts.iter().map(Conflict::to_string)).collect::<Vec<_>>();
    format!(
        "with --strict every guest must load, and no two may have the same route:\n{}",
        reasons.join("\n")
    )
}
