//! `snow-host run`: serves guests until a signal, then drains.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, bail, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::signals::{EXIT_INTERRUPTED, StartSignals};
use crate::{LOG_PATIENCE, build, compile, methods, terminal};
use snow_config::{Config, Overrides, Settings};
use snow_core::{error_chain, escape_control};
use snow_guests::FileKind;
use snow_runtime::{Level, Log, RouteEntry};
use snow_server::Server;
use snow_tools::Cancellation;

/// How much of a file is read to tell its kind.
const KIND_BYTES: u64 = 4 << 10;

/// Runs `snow-host run`.
pub(crate) fn run(guests: PathBuf, overrides: Overrides, build_first: bool) -> anyhow::Result<()> {
    let cancellation = Cancellation::default();
    let signals = StartSignals::watch(cancellation.clone())?;
    ensure_guests(&guests)?;
    let settings = Settings::read(&guests, &overrides)?;
    let mut config = settings.into_config(guests, overrides);
    config.compile = compile::in_child(&config.server.cache);
    if build_first {
        // Somebody with one compiler gets the guests of that one, and is told about the others.
        let missing = build::Missing::IsLeftOut;
        build::build_all(
            &config.guests,
            &config.guest_configs,
            &config.limits,
            &cancellation,
            missing,
        )?;
    }
    let running = RunningServer::start(&config, signals)?;
    let RunningServer { server, log, .. } = &running;
    if server.deployment().versions.is_empty() {
        log.flush(LOG_PATIENCE);
        let shown = config.guests.display();
        let nothing = match config.guests.is_dir() {
            true => format!("no guest in {shown} can be loaded"),
            false => format!("{shown} can't be served: the reason is above"),
        };
        ensure!(server.left_out().is_empty(), nothing);
        log.host(Level::Warn, no_guests(&config.guests));
    }
    announce(server, log)?;
    let (drain, look) = (server.drain(), server.look());
    running.wait(|signal| match signal {
        SIGHUP => {
            look();
            None
        }
        _ => Some(drain.start()),
    })
}

/// Checks that a path which is no folder names a guest: any other file would never be served.
fn ensure_guests(guests: &Path) -> anyhow::Result<()> {
    let shown = guests.display();
    let is_other = fs::metadata(guests).is_ok_and(|found| !found.is_dir());
    if !is_other || snow_server::is_guest(guests) {
        return Ok(());
    }
    let advice = "name a folder of guests, or one guest's file: NAME.wasm, .wat, .js, .ts or .py";
    ensure!(guests.is_file(), "{shown} is neither a folder nor a file: {advice}");
    let mut beginning = Vec::new();
    let opened = File::open(guests).with_context(|| format!("can't read {shown}"))?;
    opened.take(KIND_BYTES).read_to_end(&mut beginning)?;
    match FileKind::of(guests, &beginning) {
        FileKind::Binary | FileKind::Text => bail!(
            "{shown} holds WebAssembly, but by its name it is not a guest: call it NAME.wasm or \
             NAME.wat"
        ),
        kind => bail!("{shown} is not a guest; it is {kind}: {advice}"),
    }
}

/// A server that has started, with its log and the signals that end it.
pub(crate) struct RunningServer {
    pub server: Server,
    pub log: Log,
    signals: Signals,
}

impl RunningServer {
    /// Starts a server, and logs which guests are left out. It takes over signals from
    /// `start_signals`.
    pub fn start(config: &Config, start_signals: StartSignals) -> anyhow::Result<RunningServer> {
        let log = Log::start(config.server.log, &config.limits, io::stderr())
            .context("can't start the log's thread")?;
        let server = Server::start(config, log.clone())?;
        // Not before the server has started: while guests are compiled there is nothing to drain.
        let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("can't watch for signals")?;
        if start_signals.finish() {
            server.look()();
        }
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

/// Prints the addresses, which scripts wait for, and then the table of routes. It is done on a
/// thread that nobody waits for: a pipe that nobody reads has no room for a large table, and the
/// server has to hear signals all the same.
///
/// # Errors
/// The thread can't be started.
pub(crate) fn announce(server: &Server, log: &Log) -> anyhow::Result<()> {
    let (text, log) = (announcement(server), log.clone());
    let print = move || {
        let mut out = terminal::out();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            log.host(Level::Warn, format!("can't write to standard output: {error}"));
        }
    };
    let started = thread::Builder::new().name("snow-announce".into()).spawn(print);
    started.map(drop).context("can't start the thread that prints the routes")
}

fn announcement(server: &Server) -> String {
    let mut text = String::new();
    for address in server.addresses() {
        text += &format!("listening on http://{address}\n");
    }
    if let Some(admin) = server.admin_address() {
        text += &format!("admin on {}\n", escape_control(&admin.to_string()));
    }
    let deployment = server.deployment();
    let row = |entry: &RouteEntry| {
        let guest = escape_control(deployment.name_of(entry)).into_owned();
        let pattern = escape_control(&entry.pattern()).into_owned();
        [methods(&entry.declared.methods), pattern, guest]
    };
    let rows: Vec<[String; 3]> = deployment.router.entries().map(row).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [methods, pattern, guest] in &rows {
        text += &format!("  {methods:<first$}  {pattern:<second$}  {guest}\n");
    }
    text
}

fn no_guests(folder: &Path) -> String {
    format!(
        "there is no guest in {}: put .wasm, .wat, .js, .ts or .py files there, or build sources with \
         `snow-host run --build`; until then every answer is 404",
        folder.display()
    )
}
