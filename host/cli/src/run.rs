//! `snow-host run`: serves until a signal, and then drains.

use std::io::{self, Write};
use std::path::Path;
use std::thread;

use anyhow::{Context, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::build::{self, EXIT_INTERRUPTED, Interrupt};
use super::{LOG_PATIENCE, methods};
use snow_config::Config;
use snow_core::error_chain;
use snow_runtime::{Level, Log, RouteEntry};
use snow_server::Server;
use snow_tools::build::Stop;

pub(super) fn run(config: &Config, build_first: bool) -> anyhow::Result<()> {
    let mut interrupt = None;
    if build_first {
        let stop = Stop::default();
        interrupt = Some(Interrupt::watch(stop.clone())?);
        build::build(&config.guests, &config.guest_configs, &config.limits, &stop)?;
    }
    let started = Started::new(config, interrupt)?;
    let Started { server, log, .. } = &started;
    if server.deployment().versions.is_empty() {
        log.flush(LOG_PATIENCE);
        ensure!(server.left_out().is_empty(), "no guest of {} can be loaded", config.guests.display());
        log.host(Level::Warn, no_guests(&config.guests));
    }
    announce(server).context("standard output can't be written")?;
    let (drain, look) = (server.drain(), server.look());
    started.until_ended(|signal| match signal {
        SIGHUP => {
            look();
            None
        }
        _ => Some(drain.start()),
    })
}

/// A server that has started, and all that its end needs.
pub(super) struct Started {
    pub server: Server,
    pub log: Log,
    signals: Signals,
}

impl Started {
    /// Starts a server, and tells the log about guests that do not serve. From then on signals are watched, and not by
    /// `interrupt` any more.
    pub fn new(config: &Config, interrupt: Option<Interrupt>) -> anyhow::Result<Started> {
        let log = Log::start(config.server.log, config.limits.log_lines_max, io::stderr())
            .context("the log's thread can't be started")?;
        let server = Server::start(config, log.clone())?;
        // Not earlier: while guests are compiled there is nothing to drain, and a signal had better end the process.
        let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("signals can't be watched")?;
        drop(interrupt);
        for left_out in server.left_out() {
            let (path, error) = (left_out.path.display(), error_chain(left_out.error.as_ref()));
            log.host(Level::Error, format!("{path} is left out: {error}"));
        }
        for (level, remark) in server.remarks() {
            log.host(*level, remark.as_str());
        }
        Ok(Started { server, log, signals })
    }

    /// Waits until the server has ended. `heed` does what a signal asks for; if it drains the server, it says for how many
    /// milliseconds, and a signal after that ends the process at once.
    pub fn until_ended(self, mut heed: impl FnMut(i32) -> Option<u32>) -> anyhow::Result<()> {
        let Started { server, log, mut signals } = self;
        let handle = signals.handle();
        let finished = thread::Builder::new().name("snow-join".into()).spawn(move || {
            let ended = server.join();
            handle.close();
            ended
        })?;
        let mut draining = false;
        for signal in signals.forever() {
            if draining && signal != SIGHUP {
                std::process::exit(EXIT_INTERRUPTED);
            }
            if let Some(drain_ms) = heed(signal) {
                draining = true;
                log.host(Level::Info, format!("signal {signal}: draining for at most {drain_ms} ms"));
            }
        }
        let ended = finished.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the server has panicked")));
        log.host(Level::Info, "stopped");
        log.flush(LOG_PATIENCE);
        ended
    }
}

/// What scripts and people wait for: the addresses, then the table of routes.
pub(super) fn announce(server: &Server) -> io::Result<()> {
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
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [methods, pattern, guest] in &rows {
        writeln!(out, "  {methods:<first$}  {:<second$}  {guest}", pattern)?;
    }
    out.flush()
}

fn no_guests(folder: &Path) -> String {
    format!(
        "there is no guest in {}: put .wasm or .wat files there, or build those whose source is there with \
         `snow-host run --build`; until then every answer is 404",
        folder.display()
    )
}
