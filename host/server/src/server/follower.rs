//! The deployer's thread: follows the guests folder, and does what workers ask for.
//!
//! Guests are loaded on a thread of their own, one after another, so that a version that has to be rolled back does not
//! wait for another one to be compiled. What was found in one look at the folder is put in place as a whole.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::chain;
use super::deployer::{Deployer, LeftOut};
use crate::debounce::{Change, Debounce, Failure, Found, Observed};
use crate::guests_folder::scan;
use snow_config::{CompileConfig, Config, Overrides, Settings};
use snow_guests::{Guest, LoadError, Loader, Report, Urgency};
use snow_runtime::{Level, Log};

/// What the thread is told.
pub enum Command {
    /// The folder may have changed.
    Look,
    /// By a worker.
    Report(Report),
    /// What was to be loaded is, or can't be.
    Loaded(Vec<Loaded>),
    /// Nothing is deployed any more.
    Stop,
}

/// What became of a guest's file.
pub struct Loaded {
    name: String,
    path: PathBuf,
    guest: Result<Guest, LoadError>,
}

/// Tells what was loaded in the end, even if that is a panic: the follower waits for it.
struct Batch {
    loaded: Vec<Loaded>,
    orders: Sender<Command>,
}

impl Batch {
    fn load(&mut self, loader: &Loader, name: String, path: PathBuf) {
        let guest = loader.load(&path, Urgency::Live);
        self.loaded.push(Loaded { name, path, guest });
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Nobody may follow any more.
        let _ = self.orders.send(Command::Loaded(std::mem::take(&mut self.loaded)));
    }
}

/// See the module's text.
pub(super) struct Follower {
    folder: PathBuf,
    overrides: Overrides,
    compile: CompileConfig,
    deployer: Deployer,
    loader: Arc<Mutex<Loader>>,
    debounce: Debounce,
    log: Log,
    started: Instant,
    orders: Sender<Command>,
    /// Guests are being loaded: the folder is not looked at until they are.
    is_loading: bool,
    /// It may have changed meanwhile.
    may_have_changed: bool,
    /// It was said that the folder can't be seen.
    is_unseen: bool,
    /// What is published next has another manifest.
    has_new_manifest: bool,
}

impl Follower {
    /// Follows a folder of which everything that `debounce` knows has been loaded.
    pub fn new(
        config: &Config,
        deployer: Deployer,
        loader: Loader,
        debounce: Debounce,
        log: Log,
        started: Instant,
        orders: Sender<Command>,
    ) -> Follower {
        let Config { guests: folder, overrides, compile, .. } = config.clone();
        let loader = Arc::new(Mutex::new(loader));
        Follower {
            folder,
            overrides,
            compile,
            deployer,
            loader,
            debounce,
            log,
            started,
            orders,
            is_loading: false,
            may_have_changed: false,
            is_unseen: false,
            has_new_manifest: false,
        }
    }

    /// Runs until it is told to stop.
    pub fn follow(mut self, orders: &Receiver<Command>) {
        self.verify();
        loop {
            let mut next = match self.next_look() {
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(timeout) => orders.recv_timeout(timeout),
            };
            // A burst of changes is one look.
            loop {
                match next {
                    Ok(Command::Look) | Err(RecvTimeoutError::Timeout) => self.may_have_changed = true,
                    Ok(Command::Report(report)) => self.heed(report),
                    Ok(Command::Loaded(loaded)) => self.put_in_place(loaded),
                    Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                }
                let Ok(order) = orders.try_recv() else { break };
                next = Ok(order);
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

    fn heed(&mut self, report: Report) {
        match report {
            // Freed here, and not on a loop.
            Report::Retired(retired) => drop(retired),
            Report::TrialPassed { version } => self.deployer.prove(version),
            Report::TrialFailed { version } => {
                let rejected = self.deployer.roll_back(version);
                self.tell(rejected);
            }
        }
    }

    fn look(&mut self) {
        let snapshot = match scan(&self.folder, self.deployer.limits().guests_max) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.debounce.unseen(self.now_ms());
                if !std::mem::replace(&mut self.is_unseen, true) {
                    self.log.host(Level::Error, format!("{error}. What serves goes on"));
                }
                return;
            }
        };
        if std::mem::replace(&mut self.is_unseen, false) {
            self.log.host(Level::Info, format!("the guests folder {} is there again", self.folder.display()));
        }
        let Observed { changed, manifest_changed } = self.debounce.observe(snapshot, self.now_ms());
        let is_another = manifest_changed && self.take_manifest();
        self.take_up(changed, is_another);
    }

    /// False if it makes no sense: then what was in force stays.
    fn take_manifest(&mut self) -> bool {
        match Settings::read(&self.folder, &self.overrides) {
            Ok(settings) => {
                self.deployer.take_manifest(&settings.manifest);
                self.renew_loader();
                self.has_new_manifest = true;
                true
            }
            Err(error) => {
                if self.debounce.manifest_failed() == Failure::Report {
                    let message = format!("what was in force stays, since the manifest makes no sense:\n{error}");
                    self.log.host(Level::Error, message);
                }
                false
            }
        }
    }

    /// It keeps to limits, too.
    fn renew_loader(&mut self) {
        match Loader::new(self.deployer.runtime(), &self.compile, self.log.clone()) {
            Ok(loader) => self.loader = Arc::new(Mutex::new(loader)),
            Err(error) => {
                self.log.host(Level::Error, format!("guests are loaded by the old limits: {}", chain(&error.into())))
            }
        }
    }

    /// `is_another`: something is to be published already.
    fn take_up(&mut self, changes: Vec<Change>, mut is_another: bool) {
        let mut to_load = Vec::new();
        for change in changes {
            match change {
                Change::Removed { name } => is_another |= self.remove(&name),
                Change::Written { name, files } => match files.as_slice() {
                    [Found { path, .. }] => to_load.push((name, path.clone())),
                    several => self.refuse(&name, &ambiguous(&name, several)),
                },
            }
        }
        match to_load.is_empty() {
            true if is_another => self.publish(),
            true => {}
            false => self.load(to_load),
        }
    }

    fn remove(&mut self, name: &str) -> bool {
        let Some(version) = self.deployer.remove(name) else { return false };
        let message = format!("{name} is gone; version {version} goes on for the requests that it holds");
        self.log.host(Level::Info, message);
        true
    }

    /// Loads files elsewhere; [`Command::Loaded`] says what became of them.
    fn load(&mut self, files: Vec<(String, PathBuf)>) {
        self.elsewhere(move |loader, batch| files.into_iter().for_each(|(name, path)| batch.load(loader, name, path)));
    }

    /// What was loaded by its file's looks alone is read now that it serves, and loaded again if it was mistaken.
    fn verify(&mut self) {
        if self.loader.lock().unwrap_or_else(PoisonError::into_inner).has_unverified() {
            self.elsewhere(|loader, batch| {
                for path in loader.verify() {
                    let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else {
                        continue;
                    };
                    batch.load(loader, name, path);
                }
            });
        }
    }

    fn elsewhere(&mut self, work: impl FnOnce(&Loader, &mut Batch) + Send + 'static) {
        self.is_loading = true;
        let (loader, orders) = (self.loader.clone(), self.orders.clone());
        let load_all = move || {
            let mut batch = Batch { loaded: Vec::new(), orders };
            work(&loader.lock().unwrap_or_else(PoisonError::into_inner), &mut batch);
        };
        if let Err(error) = thread::Builder::new().name("snow-loader".into()).spawn(load_all) {
            self.is_loading = false;
            self.log
                .host(Level::Error, format!("what changed in the guests folder can't be loaded: no thread: {error}"));
        }
    }

    fn put_in_place(&mut self, loaded: Vec<Loaded>) {
        self.is_loading = false;
        let is_another = !loaded.is_empty();
        for Loaded { name, path, guest } in loaded {
            match guest {
                Ok(guest) => self.deployer.put(&name, &path, guest),
                Err(error) => self.refuse(&name, &LeftOut { path, error: error.into() }),
            }
        }
        if is_another {
            self.publish();
        }
        self.verify();
    }

    fn publish(&mut self) {
        let rejected = self.deployer.publish();
        self.tell(rejected);
        if std::mem::take(&mut self.has_new_manifest) {
            for (level, remark) in self.deployer.remarks(self.folder.is_dir()) {
                self.log.host(level, remark);
            }
        }
    }

    fn tell(&self, rejected: Vec<LeftOut>) {
        for rejected in rejected {
            self.log.host(Level::Error, format!("{} is left out: {}", rejected.path.display(), chain(&rejected.error)));
        }
    }

    /// Whatever served before serves on.
    fn refuse(&mut self, name: &str, LeftOut { path, error }: &LeftOut) {
        if self.debounce.failed(name) == Failure::NotYet {
            return;
        }
        self.deployer.refused(name, path, error);
        let instead = match self.deployer.serves(name) {
            Some(version) => format!("can't take the place of version {version}, which serves on"),
            None => "is left out".to_owned(),
        };
        self.log.host(Level::Error, format!("{} {instead}: {}", path.display(), chain(error)));
    }
}

/// Nobody can say which of several files of a name is the guest.
pub(super) fn ambiguous(name: &str, files: &[Found]) -> LeftOut {
    let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    let error = anyhow::anyhow!("several files are the guest `{name}`: {}. Remove all but one", paths.join(", "));
    LeftOut { path: files.first().map(|file| file.path.clone()).unwrap_or_default(), error }
}
