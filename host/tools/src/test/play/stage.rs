//! The servers of a case file's cases: what they serve, and what they log.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{env, fs, process};

use anyhow::{Context, bail};

use super::databases::CaseDatabases;
use super::upstream::Script;
use crate::test::cases::{CaseFile, Upstream};
use crate::test::find::GuestUnderTest;
use snow_config::{Config, Listen, Secret};
use snow_core::lock;
use snow_outside::{Scripted, UpstreamRequest};
use snow_runtime::{Log, LogFormat};
use snow_server::Server;

/// The most that is kept of a case's log.
const LOG_BYTES_MAX: usize = 256 << 10;

/// Starts the servers of all cases in a file.
pub(in crate::test) struct Stage<'s> {
    /// The name of the guest under test.
    pub name: String,
    guests: StagedGuests,
    config: &'s Config,
    /// The upstreams of the case file.
    pub upstreams: &'s [Upstream],
}

impl<'s> Stage<'s> {
    /// Prepares for a guest and those guests of its folder that the case file names.
    pub fn new(
        guest: &GuestUnderTest,
        file: &'s CaseFile,
        config: &'s Config,
    ) -> anyhow::Result<Stage<'s>> {
        let with = &file.with[..];
        let neighbours = with.iter().filter_map(|name| guest.neighbours.get(name));
        let guests = match with {
            [] => StagedGuests::File(guest.file.clone()),
            _ => StagedGuests::links(neighbours.chain([&guest.file]))?,
        };
        Ok(Stage { name: guest.name.clone(), guests, config, upstreams: &file.upstreams })
    }

    /// Starts a server with one worker, no watch, an empty store in memory and empty databases, on any
    /// free port, which logs into `lines`. The guest under test reads the texts of `values` by
    /// `wasi:config`, and `script` answers what guests ask of other servers.
    pub(super) fn start_server(
        &self,
        values: Vec<(String, Secret)>,
        script: &Arc<Script>,
        databases: &CaseDatabases,
        lines: CaseLog,
    ) -> anyhow::Result<(Server, Log)> {
        let mut config = Config { guests: self.guests.path().to_owned(), ..self.config.clone() };
        config.server.listen = vec![Listen::Address(SocketAddr::from(([127, 0, 0, 1], 0)))];
        (config.server.workers, config.server.access_log) = (1, true);
        config.server.executors = 1;
        (config.server.watch, config.server.strict, config.server.admin) = (false, false, None);
        // The data folder of snow.toml is another server's.
        config.server.data = None;
        databases.stand_in(&mut config.database_configs)?;
        if !values.is_empty() {
            let own = config.guest_configs.entry(self.name.clone()).or_default();
            let own = own.config.get_or_insert_default();
            values.iter().for_each(|(name, text)| own.set(name, text));
        }
        // No drain: when a case ends, its clients have left.
        (config.limits.drain_ms, config.limits.http.drain_idle_ms) = (0, 0);
        let log = Log::start(LogFormat::Text, &config.limits, lines)?;
        let script = script.clone();
        let answer = move |request: &UpstreamRequest| script.answer(request);
        let server = Server::start_with_outside(&config, log.clone(), |clock| {
            Ok(Arc::new(Scripted::start(clock, answer)?))
        })?;
        let left_out: Vec<String> = server
            .left_out()
            .iter()
            .map(|left_out| format!("{}: {:#}", left_out.path.display(), left_out.error))
            .collect();
        if !left_out.is_empty() {
            server.drain().start();
            server.join()?;
            bail!(left_out.join("\n"));
        }
        Ok((server, log))
    }
}

/// The path that a server is started with.
enum StagedGuests {
    /// The file of the only guest.
    File(PathBuf),
    /// A temporary folder with a link to each guest, removed when this value is dropped.
    Links(PathBuf),
}

impl StagedGuests {
    fn links<'f>(files: impl Iterator<Item = &'f PathBuf>) -> anyhow::Result<StagedGuests> {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("snow-host-test-{}-{number}", process::id()));
        fs::create_dir(&folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        let guests = StagedGuests::Links(folder.clone());
        for file in files {
            let name = file.file_name().context("a guest's file has a name")?;
            let file =
                fs::canonicalize(file).with_context(|| format!("can't find {}", file.display()))?;
            link(&file, &folder.join(name))?;
            // A source file's modules lie beside it, in a folder that has its name.
            let modules = file.with_extension("");
            if modules.is_dir() {
                link(&modules, &folder.join(name).with_extension(""))?;
            }
        }
        Ok(guests)
    }

    fn path(&self) -> &Path {
        let (StagedGuests::File(path) | StagedGuests::Links(path)) = self;
        path
    }
}

/// Makes a link, unless it is there: `with` may name a guest twice.
fn link(to: &Path, at: &Path) -> anyhow::Result<()> {
    match symlink(to, at) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("can't link {}", to.display()))
        }
        _ => Ok(()),
    }
}

impl Drop for StagedGuests {
    fn drop(&mut self) {
        if let StagedGuests::Links(folder) = self {
            // If this fails, a few links are left in the folder for temporary files.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The log of one case's server, which is shown if the case fails.
#[derive(Clone, Default)]
pub(super) struct CaseLog(Arc<Mutex<Vec<u8>>>);

impl CaseLog {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0)).into_owned()
    }
}

impl Write for CaseLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = lock(&self.0);
        let room = LOG_BYTES_MAX.saturating_sub(log.len());
        log.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
