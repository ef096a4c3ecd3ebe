//! The deployer's thread: follows the guests folder and does what workers report.
//!
//! It never waits for a guest: guests are loaded on other threads, side by side ([`loads`]), so
//! what needs no compiler takes effect while others are compiled, and a bad version is rolled back
//! at once. Changes found in one look at the folder are published together: those that need no
//! compiler, the manifest and removals among them, as soon as they are loaded, and the others when
//! the last of them is.
//!
//! [`loads`]: super::loads

mod manifest;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::catalog::{Catalog, NewValues};
use super::debounce::{AfterFailure, Change, Changes, Debounce};
use super::loading::{self, LeftOut, Loaded};
use super::loads::{Lane, Loads, Start};
use super::missing_engines::MissingEngines;
use super::named_files::NamedWatch;
use crate::folder::{GuestFile, Snapshot, find};
use snow_config::{Config, Overrides};
use snow_core::cut_owned;
use snow_guests::{Guest, Loader, Report};
use snow_runtime::{Level, Log};

/// How long changes wait for others of the same look that may be loaded soon.
const TOGETHER_MS: u64 = 200;
/// The bytes of a log line that lists guests.
const MESSAGE_BYTES_MAX: usize = 2_048;

/// What the deployer's thread is told.
pub enum DeployerMessage {
    /// The folder may have changed.
    Look,
    /// A worker's report about a version.
    Report(Report),
    /// A load has ended.
    Loaded(Box<Start>, Loaded),
    /// Files that were recognised by their looks have been read. These are not what they look like,
    /// so their guests are to be loaded again.
    Verified(Vec<PathBuf>),
    /// Values for a guest.
    Values(NewValues),
    /// The server ends: nothing more is deployed.
    Stop,
}

/// Follows the guests folder. [`Deployer::run`] is the body of its thread.
pub struct Deployer {
    folder: PathBuf,
    overrides: Overrides,
    catalog: Catalog,
    loader: Arc<Loader>,
    debounce: Debounce,
    log: Log,
    /// The zero of the debounce's clock.
    started: Instant,
    /// Cloned for loading threads, which send what they loaded.
    to_deployer: Sender<DeployerMessage>,
    loads: Loads,
    /// Guests that were compiled and wait for others of their batch.
    compiled: Vec<(u64, String, PathBuf, Box<Guest>)>,
    /// The number of the last look, which names the batch of its loads.
    batch: u64,
    /// Files are being verified.
    is_verifying: bool,
    /// The folder may have changed since the last look.
    may_have_changed: bool,
    /// When the oldest change was made that is not published yet.
    unpublished_since_ms: Option<u64>,
    missing_engines: MissingEngines,
    named: NamedWatch,
    /// The last look failed, and the log says so.
    is_unseen: bool,
    /// New guests for which there is no room, as the last look has found them.
    too_many: Vec<String>,
    /// A new manifest comes into force with the next deployment.
    has_new_manifest: bool,
}

impl Deployer {
    /// Returns a deployer for a folder of which everything that `debounce` knows is in the catalog.
    pub fn new(
        config: &Config,
        catalog: Catalog,
        loader: Loader,
        debounce: Debounce,
        log: Log,
        started: Instant,
        to_deployer: Sender<DeployerMessage>,
    ) -> Deployer {
        let Config { guests: folder, overrides, files, .. } = config.clone();
        Deployer {
            folder,
            overrides,
            catalog,
            loader: Arc::new(loader),
            debounce,
            log,
            started,
            to_deployer,
            loads: Loads::default(),
            compiled: Vec::new(),
            batch: 0,
            is_verifying: false,
            may_have_changed: false,
            unpublished_since_ms: None,
            missing_engines: MissingEngines::default(),
            named: NamedWatch::new(files, config.server.watch),
            is_unseen: false,
            too_many: Vec::new(),
            has_new_manifest: false,
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, messages: &Receiver<DeployerMessage>) {
        loop {
            self.verify();
            let mut next = match self.next_step() {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(timeout) => messages.recv_timeout(timeout),
            };
            // All messages that have arrived are taken before the folder is looked at: a burst of
            // changes is one look.
            loop {
                match next {
                    Ok(DeployerMessage::Look) => self.may_have_changed = true,
                    Ok(DeployerMessage::Report(report)) => self.act_on(report),
                    Ok(DeployerMessage::Loaded(start, loaded)) => self.loaded(&start, loaded),
                    Ok(DeployerMessage::Verified(mistaken)) => self.verified(mistaken),
                    Ok(DeployerMessage::Values(values)) => {
                        self.catalog.take_values(values);
                        self.must_publish();
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(DeployerMessage::Stop) | Err(RecvTimeoutError::Disconnected) => {
                        self.loads.forget_all();
                        return;
                    }
                }
                let Ok(message) = messages.try_recv() else { break };
                next = Ok(message);
            }
            self.look_for_engines();
            self.may_have_changed |= self.named.have_changed(self.now_ms());
            let is_due = self.debounce.next_look_ms().is_some_and(|due| due <= self.now_ms());
            if is_due || std::mem::take(&mut self.may_have_changed) {
                self.look();
            }
            self.start_loads();
            self.publish_if_due();
        }
    }

    /// Returns when to go on, even if no message comes.
    fn next_step(&self) -> Option<Duration> {
        let publish_ms = self.unpublished_since_ms.map(|since| since + TOGETHER_MS);
        let engines_ms = self.missing_engines.next_look_ms(&self.catalog);
        let named_ms = self.named.next_look_ms();
        let steps_ms = [publish_ms, self.debounce.next_look_ms(), engines_ms, named_ms];
        let at_ms = steps_ms.into_iter().flatten().min()?;
        Some(Duration::from_millis(at_ms.saturating_sub(self.now_ms())))
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn act_on(&mut self, report: Report) {
        match report {
            // Freeing it may take long, so it happens on this thread and not on a worker's.
            Report::Retired(retired) => drop(retired),
            Report::Adopted => self.catalog.tell_adopted(),
            Report::TrialPassed { version } => self.catalog.prove(version),
            Report::TrialFailed { version } => {
                let left_out = self.catalog.roll_back(version);
                self.log_left_out(left_out);
            }
        }
    }

    /// Loads guests whose engine has been installed since they were left out.
    fn look_for_engines(&mut self) {
        let now_ms = self.now_ms();
        for name in self.missing_engines.look(&mut self.catalog, &self.loader, now_ms) {
            self.debounce.try_again(&name);
            self.may_have_changed = true;
        }
    }

    /// Looks at the folder, and acts on the changes that are complete.
    fn look(&mut self) {
        let mut snapshot = match find(&self.folder) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.debounce.unseen(self.now_ms());
                if !std::mem::replace(&mut self.is_unseen, true) {
                    self.log
                        .host(Level::Error, format!("{error}; the guests that serve keep serving"));
                }
                return;
            }
        };
        if std::mem::replace(&mut self.is_unseen, false) {
            self.log.host(
                Level::Info,
                format!("the guests folder {} can be read again", self.folder.display()),
            );
        }
        snapshot.named = self.named.print_now();
        self.leave_out_too_many(&mut snapshot);
        let Changes { guests, manifest } = self.debounce.observe(snapshot, self.now_ms());
        self.batch += 1;
        if manifest && self.take_manifest() {
            self.must_publish();
            // What could not be loaded before perhaps can be under the new limits.
            self.catalog.left_out().for_each(|name| self.debounce.try_again(name));
            // More guests may be allowed now.
            self.may_have_changed = true;
        }
        self.take_changes(guests);
    }

    /// Leaves new guests out if there are too many. Whoever serves is not among them, and all other
    /// changes take effect.
    fn leave_out_too_many(&mut self, snapshot: &mut Snapshot) {
        let (guests, guests_max) = (snapshot.guests.len(), self.catalog.limits().guests_max);
        let left_out = snapshot.leave_out(guests_max, |name| self.catalog.serves(name).is_some());
        if left_out != self.too_many && !left_out.is_empty() {
            let (folder, names) = (self.folder.display(), left_out.join(", "));
            let message = format!(
                "the guests folder {folder} holds {guests} guests; at most {guests_max} are allowed \
                 (guests_max): {names} left out"
            );
            self.log.host(Level::Error, cut_owned(message, MESSAGE_BYTES_MAX));
        }
        self.too_many = left_out;
    }

    fn take_changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Removed { name } => {
                    self.drop_load(&name);
                    if self.catalog.remove(&name) {
                        self.must_publish();
                    }
                }
                Change::Written { name, files } => {
                    self.drop_load(&name);
                    match files.as_slice() {
                        [GuestFile { path, .. }] => self.loads.want(name, path.clone(), self.batch),
                        several => self.note_failure(&LeftOut::ambiguous(&name, several)),
                    }
                }
            }
        }
    }

    /// Forgets a load of a guest, also if it has ended and waits for others.
    fn drop_load(&mut self, name: &str) {
        self.loads.forget(name);
        self.compiled.retain(|(_, compiled, ..)| compiled != name);
    }

    fn start_loads(&mut self) {
        while let Some(start) = self.loads.next() {
            let spawned =
                loading::spawn(self.loader.clone(), start.clone(), self.to_deployer.clone());
            if let Err(error) = spawned {
                self.loads.failed_to_start(&start);
                let message = format!(
                    "no thread can be started to load {}: {error}. Write the file again to retry",
                    start.path.display()
                );
                self.log.host(Level::Error, message);
            }
        }
    }

    /// Takes what came of a load, unless the guest was changed or removed meanwhile.
    fn loaded(&mut self, start: &Start, loaded: Loaded) {
        if let Loaded::NeedsCompiler { file_bytes } = loaded {
            return self.loads.compile(start, file_bytes);
        }
        let Some(batch) = self.loads.ended(start) else { return };
        let (name, path) = (&start.name, &start.path);
        let failed = |error| LeftOut { name: name.clone(), path: path.clone(), error };
        match loaded {
            Loaded::Guest(Ok(guest)) if start.lane == Lane::Cached => {
                self.catalog.put(name, path, *guest);
                self.must_publish();
            }
            Loaded::Guest(Ok(guest)) => {
                self.compiled.push((batch, name.clone(), path.clone(), guest));
            }
            Loaded::Guest(Err(error)) => self.note_failure(&failed(error.into())),
            Loaded::Panicked | Loaded::NeedsCompiler { .. } => {
                self.note_failure(&failed(anyhow::anyhow!("the thread that loaded it panicked")));
            }
        }
    }

    /// Puts guests into the catalog that were compiled, if no other one of their look is missing.
    fn put_compiled(&mut self) {
        let loads = &self.loads;
        let done = self.compiled.extract_if(.., |(batch, ..)| loads.is_done(*batch));
        for (_, name, path, guest) in done.collect::<Vec<_>>() {
            self.catalog.put(&name, &path, *guest);
            self.must_publish();
        }
    }

    /// Starts to read the files of guests that the loader recognised by size and time alone.
    fn verify(&mut self) {
        if self.is_verifying || self.loads.has_quick() || !self.loader.has_unverified() {
            return;
        }
        match loading::verify(self.loader.clone(), self.to_deployer.clone()) {
            Ok(()) => self.is_verifying = true,
            Err(error) => self
                .log
                .host(Level::Warn, format!("no thread can be started to verify guests: {error}")),
        }
    }

    fn verified(&mut self, mistaken: Vec<PathBuf>) {
        self.is_verifying = false;
        self.batch += 1;
        for (name, path) in
            mistaken.iter().flat_map(|file| self.catalog.made_of(file, &self.loader))
        {
            self.loads.want(name, path, self.batch);
        }
    }

    fn must_publish(&mut self) {
        let now_ms = self.now_ms();
        self.unpublished_since_ms.get_or_insert(now_ms);
    }

    /// Publishes what has changed, unless more may come soon that belongs to it.
    fn publish_if_due(&mut self) {
        self.put_compiled();
        let Some(since_ms) = self.unpublished_since_ms else { return };
        if self.loads.has_quick() && self.now_ms() < since_ms + TOGETHER_MS {
            return;
        }
        self.unpublished_since_ms = None;
        let left_out = self.catalog.publish();
        self.log_left_out(left_out);
        if std::mem::take(&mut self.has_new_manifest) {
            for (level, remark) in self.catalog.remarks(self.folder.is_dir()) {
                self.log.host(level, remark);
            }
        }
    }

    fn log_left_out(&self, left_out: Vec<LeftOut>) {
        left_out.iter().for_each(|left_out| self.log_one_left_out(left_out));
    }

    fn log_one_left_out(&self, left_out: &LeftOut) {
        self.log.host(Level::Error, left_out.message(self.catalog.serves(&left_out.name)));
    }

    /// Notes and logs that a guest can't be loaded, unless its file is so new that it may be
    /// incomplete.
    fn note_failure(&mut self, left_out: &LeftOut) {
        if self.debounce.failed(&left_out.name) == AfterFailure::Retry {
            return;
        }
        self.catalog.note_failure(left_out);
        self.log_one_left_out(left_out);
    }
}
