//! `snow-host run`: serves until a signal, and then drains.

use std::io::{self, Write};
use std::path::Path;
use std::thread;

use anyhow::{Context, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{LOG_PATIENCE, build, chain, methods};
use crate::config::{Config, GuestConfig};
use crate::log::{Format, Level, Log};
use crate::manifest;
use crate::router::Entry;
use crate::server::Server;

/// A second signal of the same kind ends the process at once, as shells report it.
const EXIT_INTERRUPTED: i32 = 130;

pub(super) fn run(config: &Config, build_first: bool, format: Format) -> anyhow::Result<()> {
    if build_first {
        build::build(&config.guests)?;
    }
    let log =
        Log::start(format, config.limits.log_lines_max, io::stderr()).context("the log's thread can't be started")?;
    let server = Server::start(config, log.clone())?;
    // Not earlier: while guests are compiled there is nothing to drain, and a signal had better end the process.
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("signals can't be watched")?;
    for rejected in server.rejected() {
        log.host(Level::Error, format!("{} is left out: {}", rejected.path.display(), chain(&rejected.error)));
    }
    remark_on_tables(&server, config, &log);
    if server.deployment().versions.is_empty() {
        log.flush(LOG_PATIENCE);
        ensure!(server.rejected().is_empty(), "no guest of {} can be loaded", config.guests.display());
        log.host(Level::Warn, no_guests(&config.guests));
    }
    announce(&server).context("standard output can't be written")?;
    let drain = server.drain();
    let handle = signals.handle();
    let finished = thread::Builder::new().name("snow-join".into()).spawn(move || {
        let ended = server.join();
        handle.close();
        ended
    })?;
    for (nth, signal) in signals.forever().enumerate() {
        if nth > 0 {
            std::process::exit(EXIT_INTERRUPTED);
        }
        log.host(Level::Info, format!("signal {signal}: draining for at most {} ms", config.limits.drain_ms));
        drain.start();
    }
    let ended = finished.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the server has panicked")));
    log.host(Level::Info, "stopped");
    log.flush(LOG_PATIENCE);
    ended
}

/// What scripts and people wait for: the address, then the table of routes.
fn announce(server: &Server) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{}", server.address())?;
    let deployment = server.deployment();
    let row = |entry: &Entry| {
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

/// What a deployer has perhaps overlooked: a table that no guest has, guests that may use no key.
fn remark_on_tables(server: &Server, config: &Config, log: &Log) {
    let deployment = server.deployment();
    let guest_names = || deployment.versions.iter().map(|version| &*version.guest.name);
    let tables = &config.guest_configs;
    let file = manifest::FILE_NAME;
    let left_out =
        |name: &str| server.rejected().iter().any(|rejected| rejected.path.file_stem() == Some(name.as_ref()));
    let is_there = |name: &str| guest_names().any(|guest| guest == name) || left_out(name);
    // Served alone, a guest has its neighbours' tables beside it.
    for name in tables.keys().filter(|name| config.guests.is_dir() && !is_there(name)) {
        let near = manifest::suggestion(name, guest_names().filter(|guest| !tables.contains_key(*guest)));
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        log.host(Level::Warn, format!("[guest.{name}] of {file} says something of a guest that is not there{near}"));
    }
    let granted = |name: &str| tables.get(name).is_some_and(GuestConfig::has_grants);
    let without: Vec<&str> = guest_names().filter(|name| !granted(name)).collect();
    if tables.values().any(GuestConfig::has_grants) && !without.is_empty() {
        let names = without.join(", ");
        log.host(Level::Info, format!("{file} grants something to some guests, and so no key to the others: {names}"));
    }
}
