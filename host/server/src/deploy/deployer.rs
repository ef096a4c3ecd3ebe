//! The deployer's thread: follows the guests folder and does what workers report.
//!
//! Guests are loaded on another thread, one after another, so a version that has to be rolled back
//! does not wait while another is compiled. The changes found in one look at the folder are
//! published together.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::catalog::Catalog;
use super::debounce::{AfterFailure, Change, Changes, Debounce};
use super::loading::{self, Batch, LeftOut, Loaded};
use crate::folder::{GuestFile, scan};
use snow_config::{CompileConfig, Config, Overrides, Settings, manifest};
use snow_core::{error_chain, lock};
use snow_guests::{Loader, Report};
use snow_runtime::{Level, Log};

/// What the deployer's thread is told.
pub enum DeployerMessage {
    /// The folder may have changed.
    Look,
    /// A worker's report about a version.
    Report(Report),
    /// The result of loading what changed. Empty if the loading thread found nothing, or panicked.
    Loaded(Vec<Loaded>),
    /// The server ends: nothing more is deployed.
    Stop,
}

/// Follows the guests folder. [`Deployer::run`] is the body of its thread.
pub struct Deployer {
    folder: PathBuf,
    overrides: Overrides,
    compile: CompileConfig,
    catalog: Catalog,
    loader: Arc<Mutex<Loader>>,
    debounce: Debounce,
    log: Log,
    /// The zero of the debounce's clock.
    started: Instant,
    /// Cloned for loading threads, which send what they loaded.
    to_deployer: Sender<DeployerMessage>,
    /// A loading thread runs. The folder is not looked at until it has ended.
    is_loading: bool,
    /// The folder may have changed since the last look.
    may_have_changed: bool,
    /// The last look failed, and the log says so.
    is_unseen: bool,
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
        let Config { guests: folder, overrides, compile, .. } = config.clone();
        let loader = Arc::new(Mutex::new(loader));
        Deployer {
            folder,
            overrides,
            compile,
            catalog,
            loader,
            debounce,
            log,
            started,
            to_deployer,
            is_loading: false,
            may_have_changed: false,
            is_unseen: false,
            has_new_manifest: false,
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, messages: &Receiver<DeployerMessage>) {
        self.verify();
        loop {
            let mut next = match self.next_look() {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(timeout) => messages.recv_timeout(timeout),
            };
            // All messages that have arrived are taken before the folder is looked at: a burst of
            // changes is one look.
            loop {
                match next {
                    Ok(DeployerMessage::Look) | Err(RecvTimeoutError::Timeout) => {
                        self.may_have_changed = true
                    }
                    Ok(DeployerMessage::Report(report)) => self.act_on(report),
                    Ok(DeployerMessage::Loaded(loaded)) => self.put_in_place(loaded),
                    Ok(DeployerMessage::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                }
                let Ok(message) = messages.try_recv() else { break };
                next = Ok(message);
            }
            if self.may_have_changed && !self.is_loading {
                self.may_have_changed = false;
                self.look();
            }
        }
    }

    fn next_look(&self) -> Option<Duration> {
        let at_ms = self.debounce.next_look_ms().filter(|_| !self.is_loading)?;
        Some(Duration::from_millis(at_ms.saturating_sub(self.now_ms())))
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn act_on(&mut self, report: Report) {
        match report {
            // Freeing it may take long, so it happens on this thread and not on a worker's.
            Report::Retired(retired) => drop(retired),
            Report::TrialPassed { version } => self.catalog.prove(version),
            Report::TrialFailed { version } => {
                let left_out = self.catalog.roll_back(version);
                self.log_left_out(left_out);
            }
        }
    }

    /// Looks at the folder, and acts on the changes that are complete.
    fn look(&mut self) {
        let snapshot = match scan(&self.folder, self.catalog.limits().guests_max) {
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
        let Changes { guests, manifest } = self.debounce.observe(snapshot, self.now_ms());
        let must_publish = manifest && self.take_manifest();
        self.take_changes(guests, must_publish);
    }

    /// Reads `snow.toml`. Returns whether it is valid; if it is not, the settings in force stay.
    fn take_manifest(&mut self) -> bool {
        match Settings::read(&self.folder, &self.overrides) {
            Ok(settings) => {
                self.catalog.take_manifest(&settings.manifest);
                self.renew_loader();
                self.has_new_manifest = true;
                true
            }
            Err(error) => {
                if self.debounce.manifest_failed() == AfterFailure::Report {
                    let file = manifest::FILE_NAME;
                    self.log.host(
                        Level::Error,
                        format!("{file} is invalid, so the settings in force stay:\n{error}"),
                    );
                }
                false
            }
        }
    }

    /// Replaces the loader, which applies limits too, by one with the limits in force.
    fn renew_loader(&mut self) {
        match Loader::new(self.catalog.runtime(), &self.compile, self.log.clone()) {
            Ok(loader) => self.loader = Arc::new(Mutex::new(loader)),
            Err(error) => self.log.host(
                Level::Error,
                format!("guests are still loaded under the old limits: {}", error_chain(&error)),
            ),
        }
    }

    /// Acts on changes of guests. Publishes at once if nothing has to be loaded and `must_publish`
    /// is set or a guest was removed; otherwise publishing waits for the loading.
    fn take_changes(&mut self, changes: Vec<Change>, mut must_publish: bool) {
        let mut to_load = Vec::new();
        for change in changes {
            match change {
                Change::Removed { name } => must_publish |= self.remove(&name),
                Change::Written { name, files } => match files.as_slice() {
                    [GuestFile { path, .. }] => to_load.push((name, path.clone())),
                    several => self.note_failure(&name, &LeftOut::ambiguous(&name, several)),
                },
            }
        }
        match to_load.is_empty() {
            true if must_publish => self.publish(),
            true => {}
            false => self.load(to_load),
        }
    }

    fn remove(&mut self, name: &str) -> bool {
        let Some(version) = self.catalog.remove(name) else { return false };
        let message = format!(
            "{name} was removed; version {version} stays until the requests that it holds are \
             answered"
        );
        self.log.host(Level::Info, message);
        true
    }

    /// Loads files on another thread, which sends [`DeployerMessage::Loaded`] at its end.
    fn load(&mut self, files: Vec<(String, PathBuf)>) {
        self.spawn_loading(move |loader, batch| {
            files.into_iter().for_each(|(name, path)| batch.load(loader, name, path));
        });
    }

    /// Reads the files of guests that the loader recognised by size and time alone. A guest whose
    /// file holds something else is loaded again.
    fn verify(&mut self) {
        if lock(&self.loader).has_unverified() {
            self.spawn_loading(|loader, batch| {
                for path in loader.verify() {
                    let Some(name) =
                        path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned)
                    else {
                        continue;
                    };
                    batch.load(loader, name, path);
                }
            });
        }
    }

    fn spawn_loading(&mut self, work: impl FnOnce(&Loader, &mut Batch) + Send + 'static) {
        self.is_loading = true;
        if let Err(error) = loading::spawn(self.loader.clone(), self.to_deployer.clone(), work) {
            self.is_loading = false;
            let message = format!(
                "no thread can be started to load the guests that changed: {error}. \
                 Write their files again to retry"
            );
            self.log.host(Level::Error, message);
        }
    }

    fn put_in_place(&mut self, loaded: Vec<Loaded>) {
        self.is_loading = false;
        let must_publish = !loaded.is_empty();
        for Loaded { name, path, guest } in loaded {
            match guest {
                Ok(guest) => self.catalog.put(&name, &path, guest),
                Err(error) => self.note_failure(&name, &LeftOut { path, error: error.into() }),
            }
        }
        if must_publish {
            self.publish();
        }
        self.verify();
    }

    fn publish(&mut self) {
        let left_out = self.catalog.publish();
        self.log_left_out(left_out);
        if std::mem::take(&mut self.has_new_manifest) {
            for (level, remark) in self.catalog.remarks(self.folder.is_dir()) {
                self.log.host(level, remark);
            }
        }
    }

    fn log_left_out(&self, left_out: Vec<LeftOut>) {
        for LeftOut { path, error } in left_out {
            self.log.host(
                Level::Error,
                format!("{} is left out: {}", path.display(), error_chain(error.as_ref())),
            );
        }
    }

    /// Notes and logs that a guest can't be loaded, unless its file is so new that it may be
    /// incomplete.
    fn note_failure(&mut self, name: &str, LeftOut { path, error }: &LeftOut) {
        if self.debounce.failed(name) == AfterFailure::Retry {
            return;
        }
        self.catalog.note_failure(name, path, error);
        let consequence = match self.catalog.serves(name) {
            Some(version) => format!("can't replace version {version}, which keeps serving"),
            None => "is left out".to_owned(),
        };
        self.log.host(
            Level::Error,
            format!("{} {consequence}: {}", path.display(), error_chain(error.as_ref())),
        );
    }
}
