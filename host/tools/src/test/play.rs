//! Plays one case on a server of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use anyhow::{Context, bail};

use super::cases::{Action, Case, Expect, Request, Settled};
use super::client::{Fault, Sent};
use super::compare;
use super::find::Subject;
use snow_config::{Config, Listen};
use snow_runtime::{Log, LogFormat};
use snow_server::Server;

/// How long a request may take until it is held, or a client's leaving until it is noticed.
const HOLD_WITHIN: Duration = Duration::from_millis(5_000);
/// Between two looks at what a server holds.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// How long the last log lines may take.
const LOG_PATIENCE: Duration = Duration::from_secs(2);
/// What is kept of a case's log.
const LOG_BYTES_MAX: usize = 256 << 10;

/// What all cases of a file have in common.
pub(super) struct Stage<'s> {
    guests: Guests,
    config: &'s Config,
}

/// Why a case did not go well.
#[derive(Debug)]
pub(super) enum Failure {
    /// The guest, or one that it is tested with, can't serve.
    NotLoaded(String),
    /// A step did not go as it should.
    Step { index: usize, took: Duration, what: String, log: String },
}

impl<'s> Stage<'s> {
    /// For a guest and those of its folder that serve beside it.
    pub fn new(subject: &Subject, with: &[String], config: &'s Config) -> anyhow::Result<Stage<'s>> {
        let neighbours = with.iter().filter_map(|name| subject.neighbours.get(name));
        let guests = match with {
            [] => Guests::File(subject.file.clone()),
            _ => Guests::links(neighbours.chain([&subject.file]))?,
        };
        Ok(Stage { guests, config })
    }

    /// Plays a case from its first step to its last, or to the first that fails. Returns how long the steps took.
    pub fn play(&self, case: &Case) -> Result<Duration, Failure> {
        let lines = Lines::default();
        let (server, log) = self.server(lines.clone()).map_err(|error| Failure::NotLoaded(format!("{error:#}")))?;
        let started = Instant::now();
        let mut player = Player { server: &server, held: BTreeMap::new() };
        let failed = case.steps.iter().enumerate().find_map(|(index, step)| {
            let error = player.step(&step.action).err()?;
            Some((index, format!("{error:#}")))
        });
        let took = started.elapsed();
        drop(player);
        server.drain().start();
        let ended = server.join();
        log.flush(LOG_PATIENCE);
        match (failed, ended) {
            (Some((index, what)), _) => Err(Failure::Step { index, took, what, log: lines.text() }),
            (None, Err(error)) => {
                let what = format!("the server did not end well: {error:#}");
                Err(Failure::Step { index: case.steps.len().saturating_sub(1), took, what, log: lines.text() })
            }
            (None, Ok(())) => Ok(took),
        }
    }

    fn server(&self, lines: Lines) -> anyhow::Result<(Server, Log)> {
        // At its end a case waits for nobody.
        let mut config = Config { guests: self.guests.path().to_owned(), ..self.config.clone() };
        config.server.listen = vec![Listen::Address(SocketAddr::from(([127, 0, 0, 1], 0)))];
        (config.server.workers, config.server.access_log) = (1, true);
        (config.server.watch, config.server.strict, config.server.admin) = (false, false, None);
        (config.limits.drain_ms, config.limits.http.drain_idle_ms) = (0, 0);
        let log = Log::start(LogFormat::Text, config.limits.log_lines_max, lines)?;
        let server = Server::start(&config, log.clone())?;
        let told: Vec<String> = server
            .left_out()
            .iter()
            .map(|rejected| format!("{}: {:#}", rejected.path.display(), rejected.error))
            .collect();
        if !told.is_empty() {
            server.drain().start();
            server.join()?;
            bail!(told.join("\n"));
        }
        Ok((server, log))
    }
}

/// A case under way.
struct Player<'p> {
    server: &'p Server,
    /// By their labels.
    held: BTreeMap<String, Sent>,
}

impl Player<'_> {
    fn step(&mut self, action: &Action) -> anyhow::Result<()> {
        match action {
            Action::Request { request, expect } => {
                let until = Instant::now() + expect.within;
                check(Sent::new(self.server.addresses()[0], request, until), expect, until)
            }
            Action::Hold { label, request } => self.hold(label, request),
            Action::Answer { label, expect } => {
                let sent = self.held.remove(label).context("it is not held")?;
                check(Ok(sent), expect, Instant::now() + expect.within)
            }
            Action::Settle { key, all, settlement, expect } => {
                let settled = match all {
                    true => self.server.settle_all(key, settlement.clone()),
                    false => u32::from(self.server.settle_next(key, settlement.clone())),
                };
                expect.check(settled)
            }
            Action::Disconnect { label } => self.disconnect(label),
        }
    }

    /// Sends a request and waits until the server holds it.
    fn hold(&mut self, label: &str, request: &Request) -> anyhow::Result<()> {
        let until = Instant::now() + HOLD_WITHIN;
        let sent = Sent::new(self.server.addresses()[0], request, until)?;
        self.held.insert(label.to_owned(), sent);
        let mut looks = 0;
        // Twice in a row: the server counts at the end of a turn, when an answer of another may be out already.
        while looks < 2 {
            if !self.held[label].is_silent()? {
                let answer = self.held.remove(label).context("it is not held")?.answer(until)?;
                bail!("the request was to be held, but was answered: {}", compare::summary(&answer));
            }
            looks = if self.server.counts().suspended >= self.silent()? { looks + 1 } else { 0 };
            if Instant::now() > until {
                bail!("the request was neither held nor answered within {} ms", HOLD_WITHIN.as_millis());
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Closes a held request's connection and waits until the server has noticed.
    fn disconnect(&mut self, label: &str) -> anyhow::Result<()> {
        let until = Instant::now() + HOLD_WITHIN;
        drop(self.held.remove(label));
        while self.server.counts().suspended > self.silent()? {
            if Instant::now() > until {
                bail!("the server did not notice within {} ms that the client left", HOLD_WITHIN.as_millis());
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// How many of the held requests have no answer yet.
    fn silent(&self) -> io::Result<usize> {
        let silent = self.held.values().map(Sent::is_silent);
        Ok(silent.collect::<io::Result<Vec<_>>>()?.into_iter().filter(|silent| *silent).count())
    }
}

fn check(sent: Result<Sent, Fault>, expect: &Expect, until: Instant) -> anyhow::Result<()> {
    let answer = match sent.and_then(|sent| sent.answer(until)) {
        Err(Fault::Late) => bail!("there was no answer within {} ms (`within_ms`)", expect.within.as_millis()),
        answer => answer?,
    };
    match compare::differences(expect, &answer) {
        differences if differences.is_empty() => Ok(()),
        differences => bail!(differences),
    }
}

impl Settled {
    fn check(self, settled: u32) -> anyhow::Result<()> {
        match self {
            Settled::Somebody if settled == 0 => bail!("nobody waited under this key"),
            Settled::Nobody if settled > 0 => bail!("nobody was to wait under this key, but {settled} did"),
            Settled::Count(wanted) if settled != wanted => bail!("expected {wanted} to wait, but {settled} did"),
            _ => Ok(()),
        }
    }
}

/// What a server is started with: one file, or a folder made for it.
enum Guests {
    File(PathBuf),
    /// Of links; removed when it goes out of scope.
    Links(PathBuf),
}

impl Guests {
    fn links<'f>(files: impl Iterator<Item = &'f PathBuf>) -> anyhow::Result<Guests> {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("snow-host-test-{}-{number}", process::id()));
        fs::create_dir(&folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        let guests = Guests::Links(folder.clone());
        for file in files {
            let name = file.file_name().context("a guest's file has a name")?;
            let file = fs::canonicalize(file).with_context(|| format!("can't find {}", file.display()))?;
            // Two cases may name a guest twice.
            match symlink(&file, folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error).with_context(|| format!("can't link {}", file.display()));
                }
                _ => {}
            }
        }
        Ok(guests)
    }

    fn path(&self) -> &Path {
        let (Guests::File(path) | Guests::Links(path)) = self;
        path
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        if let Guests::Links(folder) = self {
            // A few links in the folder for temporary files harm nobody.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// A case's log, to be shown if it fails.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = LOG_BYTES_MAX.saturating_sub(lines.len());
        lines.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
