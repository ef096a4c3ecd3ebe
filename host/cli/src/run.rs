//! `snow-host run`: serves guests until a signal, then drains.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::signals::{CancelOnSignal, EXIT_INTERRUPTED};
use crate::{LOG_PATIENCE, build, compile, methods};
use snow_config::{Config, Overrides, Settings};
use snow_core::error_chain;
use snow_runtime::{Level, Log, RouteEntry};
use snow_server::Server;
use snow_tools::Cancellation;

/// Runs `snow-host run`.
pub(crate) fn run(guests: PathBuf, overrides: Overrides, build_first: bool) -> anyhow::Result<()> {
    let settings = Settings::read(&guests, &overrides)?;
    let mut config = settings.into_config(guests, overrides);
    config.compile = compile::in_child(&config.server.cache);
    let mut build_signals = None;
    if build_first {
        let cancellation = Cancellation::default();
        build_signals = Some(CancelOnSignal::watch(cancellation.clone())?);
        build::build_all(&config.guests, &config.guest_configs, &config.limits, &cancellation)?;
    }
    let running = RunningServer::start(&config, build_signals)?;
    let RunningServer { server, log, .. } = &running;
    if server.deployment().versions.is_empty() {
        log.flush(LOG_PATIENCE);
        ensure!(
            server.left_out().is_empty(),
            "no guest in {} can be loaded",
            config.guests.display()
        );
        log.host(Level::Warn, no_guests(&config.guests));
    }
    announce(server).context("can't write to standard output")?;
    let (drain, look) = (server.drain(), server.look());
    running.wait(|signal| match signal {
        SIGHUP => {
            look();
            None
        }
        _ => Some(drain.start()),
    })
}

/// A server that has started, with its log and the signals that end it.
pub(crate) struct RunningServer {
    pub server: Server,
    pub log: Log,
    signals: Signals,
}

impl RunningServer {
    /// Starts a server, and logs which guests are left out. It takes over signals from
    /// `build_signals`.
    pub fn start(
        config: &Config,
        build_signals: Option<CancelOnSignal>,
    ) -> anyhow::Result<RunningServer> {
        let log = Log::start(config.server.log, &config.limits, io::stderr())
            .context("can't start the log's thread")?;
        let server = Server::start(config, log.clone())?;
        // Not before the server has started: while guests are compiled there is nothing to drain,
        // and a signal should end the process.
        let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("can't watch for signals")?;
        drop(build_signals);
        for left_out in server.left_out() {
            let (path, error) = (left_out.path.display(), error_chain(left_out.error.as_ref()));
            log.host(Level::Error, format!("{path} is left out: {error}"));
        }
        for (level, remark) in server.remarks() {
            log.host(*level, remark.as_str());
        }
        Ok(RunningServer { server, log, signals })
    }

    /// Waits until the server has ended. `on_signal` handles a signal; if it drains the server, it
    /// returns for how many milliseconds. During a drain, SIGTERM and SIGINT end the process at
    /// once.
    pub fn wait(self, mut on_signal: impl FnMut(i32) -> Option<u32>) -> anyhow::Result<()> {
        let RunningServer { server, log, mut signals } = self;
        let handle = signals.handle();
        let joined = thread::Builder::new().name("snow-join".into()).spawn(move || {
            let ended = server.join();
            handle.close();
            ended
        })?;
        let mut is_draining = false;
        for signal in signals.forever() {
            if is_draining && signal != SIGHUP {
                std::process::exit(EXIT_INTERRUPTED);
            }
            if let Some(drain_ms) = on_signal(signal) {
                is_draining = true;
                log.host(
                    Level::Info,
                    format!("signal {signal}: draining for at most {drain_ms} ms"),
                );
            }
        }
        let ended =
            joined.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the server has panicked")));
        log.host(Level::Info, "stopped");
        log.flush(LOG_PATIENCE);
        ended
    }
}

/// Prints the addresses, which scripts wait for, and then the table of routes.
pub(crate) fn announce(server: &Server) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in server.addresses() {
        writeln!(out, "listening on http://{address}")?;
    }
    if let Some(admin) = server.admin_address() {
        writeln!(out, "admin on {admin}")?;
    }
    let deployment = server.deployment();
    let row = |entry: &RouteEntry| {
        let guest = deployment.name_of(entry).to_owned();
        [methods(&entry.declared.methods), entry.pattern(), guest]
    };
    let rows: Vec<[String; 3]> = deployment.router.entries().map(row).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [methods, pattern, guest] in &rows {
        writeln!(out, "  {methods:<first$}  {:<second$}  {guest}", pattern)?;
    }
    out.flush()
}

fn no_guests(folder: &Path) -> String {
    format!(
        "there is no guest in {}: put .wasm or .wat files there, or build sources that are there with \
         `snow-host run --build`; until then every answer is 404",
        folder.display()
    )
}
