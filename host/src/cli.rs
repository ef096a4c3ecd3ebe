//! The command line: `run`, `build`, `check`.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::build_guests;
use crate::config::{CompileConfig, Config, GuestConfig, Listen};
use crate::guest::compiler::{self, ChildArguments};
use crate::guest::engine::{self, Ticker};
use crate::guest::grants::Permits;
use crate::guest::loader::{Loader, Urgency};
use crate::guest::runtime::{Runtime, Shared};
use crate::log::{Format, Level, Log};
use crate::manifest::{self, Manifest};
use crate::pending::{Registry, Waiter};
use crate::server::{self, Server};
use crate::world::Post;

/// How long the last log lines may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);
/// A second signal of the same kind ends the process at once, as shells report it.
const EXIT_INTERRUPTED: i32 = 130;

/// Serves HTTP from WebAssembly guests: each .wasm or .wat file of a folder says its own routes, and a
/// request can wait without holding an instance.
#[derive(Debug, Parser)]
#[command(
    name = "snow-host",
    version,
    max_term_width = 100,
    after_help = "Example:\n  snow-host run guests/ --listen 127.0.0.1:8080\n  curl http://127.0.0.1:8080/hello"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the guests of a folder until SIGTERM or SIGINT, and then drains
    ///
    /// Prints `listening on http://ADDR:PORT` and the routes on standard output once it answers; the log goes
    /// to standard error. On SIGTERM or SIGINT it stops accepting, lets held requests wait for 10 seconds,
    /// and answers what is left with 503. A second signal ends it at once. What snow.toml beside the guests says
    /// counts: limits, and what each guest may do.
    Run {
        /// The folder of guests (.wasm and .wat files), or one guest file
        guests: PathBuf,
        /// Where to listen: ADDRESS:PORT (port 0 takes a free one), or fd:N for a socket left open by a parent
        #[arg(long, default_value = "127.0.0.1:8080", value_parser = parse_listen)]
        listen: Listen,
        /// Threads that serve [default: one for each core]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
        workers: Option<u16>,
        /// Build the guests' sources first, as `snow-host build` does
        #[arg(long)]
        build: bool,
        /// Do not log each answered request
        #[arg(long)]
        no_access_log: bool,
        /// How the log looks
        #[arg(long, value_enum, default_value_t = Format::Text)]
        log: Format,
        #[command(flatten)]
        cache: CacheArguments,
    },
    /// Builds each guest that has its source in a sub-folder into GUESTS/NAME.wasm
    Build {
        /// The folder of guests
        guests: PathBuf,
    },
    /// Loads one guest and prints its routes, imports and size
    Check {
        /// A .wasm or .wat file
        file: PathBuf,
        #[command(flatten)]
        cache: CacheArguments,
    },
    /// Compiles what standard input holds; started by `run`, not by people
    #[command(name = compiler::SUBCOMMAND, hide = true)]
    CompileGuest(ChildArguments),
}

/// Where compiled code is kept.
#[derive(Debug, Args)]
struct CacheArguments {
    /// The folder in which compiled guests are kept from one start to the next
    ///
    /// [default: $XDG_CACHE_HOME/snow-host or ~/.cache/snow-host]. It is made if it is not there. Only this user may
    /// have any right to it, since code in it is run. Several hosts may share it. It is bounded by `cache_bytes_max` in
    /// snow.toml, 1 GiB.
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Compile the guests at each start, and keep nothing
    #[arg(long)]
    no_cache: bool,
}

impl CacheArguments {
    fn folder(self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        // As the XDG Base Directory Specification has it, which says too that a relative one counts for nothing.
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = || absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        self.cache.or_else(|| caches().map(|caches| caches.join("snow-host")))
    }
}

/// Runs the command line. The exit code is 0 if all went well, 1 for a failure, 2 for wrong arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run { guests, listen, workers, build, no_access_log, log, cache } => {
            let workers = workers.unwrap_or_else(server::workers_default);
            let access_log = !no_access_log;
            let compile = CompileConfig { cache: cache.folder(), compiler: own_program() };
            read_manifest(&guests).and_then(|Manifest { limits, guests: guest_configs }| {
                run(&Config { guests, listen, workers, access_log, limits, guest_configs, compile }, build, log)
            })
        }
        Command::Build { guests } => build_all(&guests),
        Command::Check { file, cache } => check(&file, &CompileConfig { cache: cache.folder(), compiler: None }),
        Command::CompileGuest(arguments) => return compiler::child(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// This very program, even when its file has been replaced since it was started. Without either name of it, guests are
/// compiled in this process.
fn own_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { env::current_exe().ok() }
}

fn run(config: &Config, build: bool, format: Format) -> anyhow::Result<()> {
    if build {
        build_all(&config.guests)?;
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
    if server.guest_count() == 0 {
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
    let rows: Vec<[String; 3]> = server
        .routes()
        .map(|(guest, entry)| [methods(&entry.declared.methods), entry.declared.pattern.clone(), guest.to_owned()])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [methods, pattern, guest] in &rows {
        writeln!(out, "  {methods:<first$}  {:<second$}  {guest}", pattern)?;
    }
    out.flush()
}

fn methods(methods: &[String]) -> String {
    if methods.is_empty() { "*".into() } else { methods.join(",") }
}

fn no_guests(folder: &Path) -> String {
    format!(
        "there is no guest in {}: put .wasm or .wat files there, or build those whose source is there with \
         `snow-host run --build`; until then every answer is 404",
        folder.display()
    )
}

fn build_all(guests: &Path) -> anyhow::Result<()> {
    build_guests::build(guests, &mut io::stderr())?;
    Ok(())
}

/// The manifest of a folder of guests, or of the folder in which one guest's file lies. All defaults if there is none.
fn read_manifest(guests: &Path) -> anyhow::Result<Manifest> {
    let folder = if guests.is_file() { guests.parent().unwrap_or(guests) } else { guests };
    let file = folder.join(manifest::FILE_NAME);
    let name = file.display();
    let bytes = match fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Manifest::default()),
        found => found.with_context(|| format!("{name} can't be read"))?.len(),
    };
    let most = manifest::FILE_BYTES_MAX;
    ensure!(bytes <= most, "{name} has {bytes} bytes; at most {most} are allowed");
    let text = fs::read_to_string(&file).with_context(|| format!("{name} can't be read"))?;
    Ok(manifest::parse(&text, &name.to_string())?)
}

/// What a deployer has perhaps overlooked: a table that no guest has, guests that may use no key.
fn remark_on_tables(server: &Server, config: &Config, log: &Log) {
    let tables = &config.guest_configs;
    let file = manifest::FILE_NAME;
    let left_out =
        |name: &str| server.rejected().iter().any(|rejected| rejected.path.file_stem() == Some(name.as_ref()));
    let is_there = |name: &str| server.guest_names().any(|guest| guest == name) || left_out(name);
    // Served alone, a guest has its neighbours' tables beside it.
    for name in tables.keys().filter(|name| config.guests.is_dir() && !is_there(name)) {
        let near = manifest::suggestion(name, server.guest_names().filter(|guest| !tables.contains_key(*guest)));
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        log.host(Level::Warn, format!("[guest.{name}] of {file} says something of a guest that is not there{near}"));
    }
    let granted = |name: &str| tables.get(name).is_some_and(GuestConfig::has_grants);
    let without: Vec<&str> = server.guest_names().filter(|name| !granted(name)).collect();
    if tables.values().any(GuestConfig::has_grants) && !without.is_empty() {
        let names = without.join(", ");
        log.host(Level::Info, format!("{file} grants something to some guests, and so no key to the others: {names}"));
    }
}

fn check(file: &Path, compile: &CompileConfig) -> anyhow::Result<()> {
    struct Nobody;
    impl Post for Nobody {
        fn wake(&self, _: &[Waiter]) {}
    }
    let Manifest { limits, guests } = read_manifest(file)?;
    let log = Log::start(Format::Text, limits.log_lines_max, io::stderr())?;
    let engine = engine::engine(&limits, 1).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let runtime = Runtime::new(Shared {
        ticker: Ticker::start(&engine)?,
        engine,
        registry: Arc::new(Registry::new(limits.pendings_max, |bytes| bytes.fill(0))),
        post: Arc::new(Nobody),
        log: log.clone(),
        permits: Arc::new(Permits::new(&guests, &limits)),
        limits,
        worker_calls_parked_max: 0,
        instances: Arc::default(),
    });
    // What is compiled and kept is told to those who wait for a server.
    let silent = Log::start(Format::Text, runtime.limits.log_lines_max, io::sink())?;
    let loaded = Loader::new(&runtime, compile, silent).and_then(|loader| loader.load(file, Urgency::Start));
    log.flush(LOG_PATIENCE);
    let guest = loaded.map_err(|error| anyhow::anyhow!("{}: {}", file.display(), chain(&error)))?;
    let resume = if guest.has_resume() { "handle, resume" } else { "handle (no resume: waits end without a call)" };
    let mut out = io::stdout().lock();
    writeln!(out, "{}: a guest named {}", file.display(), guest.name)?;
    writeln!(out, "  size     {} bytes as a component", guest.component_bytes)?;
    writeln!(out, "  exports  {resume}")?;
    let imports = if guest.imports.is_empty() { "nothing".to_owned() } else { guest.imports.join(", ") };
    writeln!(out, "  imports  {imports}")?;
    writeln!(
        out,
        "  routes   {}",
        if guest.routes.is_empty() { "none: nothing will reach it" } else { "" }.trim_end()
    )?;
    for route in &guest.routes {
        writeln!(out, "    {}  {}", methods(&route.methods), route.pattern)?;
    }
    Ok(())
}

/// An error with its causes in one line each, the outermost first.
fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    causes.join(":\n  ")
}

fn parse_listen(text: &str) -> Result<Listen, String> {
    if let Some(number) = text.strip_prefix("fd:") {
        let number = number.parse().ok().filter(|number| *number >= 0);
        return number
            .map(Listen::Inherited)
            .ok_or_else(|| "fd: takes the number of an open descriptor, as in fd:3".into());
    }
    let address = text.parse::<SocketAddr>();
    address.map(Listen::Address).map_err(|_| "takes ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:0, or fd:N".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn listen_takes_addresses_and_descriptors() {
        assert_eq!(parse_listen("127.0.0.1:0"), Ok(Listen::Address("127.0.0.1:0".parse().unwrap())));
        assert_eq!(parse_listen("[::1]:80"), Ok(Listen::Address("[::1]:80".parse().unwrap())));
        assert_eq!(parse_listen("fd:3"), Ok(Listen::Inherited(3)));
        for bad in ["", "8080", "localhost", "fd:", "fd:-1", "fd:x", "1.2.3.4"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }
}
