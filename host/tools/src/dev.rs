//! `snow-host dev`: builds guests again as their sources change. A server that watches the guests folder then swaps them.
//!
//! One thread builds, beside the server's own, and one thing at a time. What has changed since the last build is told by
//! what is in the files: a build that was touched off by its own output has nothing to do.

mod queue;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::queue::Queue;
use self::report::Reporter;
use crate::build::{self, BuildRequest, Outcome, Scope, Stop};
use snow_config::{Config, GuestConfigs, Overrides, Settings, WatchLimits};
use snow_core::error_chain;
use snow_server::{Serving, Watch};

/// A folder that has not changed for so long is built.
const DEBOUNCE_MS: u64 = 100;
/// So long after its first change it is built though it changes still.
const DEBOUNCE_MS_MAX: u64 = 2_000;
/// What changes in a folder so soon after its build may have been written by that.
const ECHO_MS: u64 = WatchLimits::DEFAULT.poll_ms + 2 * WatchLimits::DEFAULT.rest_ms;
/// How often in a row a folder is built again at once that has changed only while it was built.
const ECHOES_MAX: u32 = 3;
/// How long it then waits: what is changed is built still, but the machine is not kept busy.
const ECHO_REST_MS: u64 = 5_000;
/// How often it is looked whether what was built serves yet.
const SERVES_POLL: Duration = Duration::from_millis(20);

/// Builds the guests of one folder whenever their sources change.
pub struct Workshop {
    shared: Arc<Shared>,
    guests: PathBuf,
    stop: Stop,
    reporter: Reporter,
    /// What was in each folder when it was built. What can't be built is not here.
    built: BTreeMap<OsString, u64>,
    /// Kept for as long as it builds.
    watches: Vec<Watch>,
}

/// A workshop whose thread runs. Dropping it ends the thread, and what it builds.
pub struct Following {
    shared: Arc<Shared>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    started: Instant,
}

struct State {
    queue: Queue,
    is_over: bool,
    /// Of the newest manifest that makes sense.
    configs: GuestConfigs,
    build_ms_max: u32,
    /// Folders that are not built again at once because their builds write into them; to be said.
    echoing: BTreeSet<OsString>,
}

/// What the thread does next.
enum Next {
    Build(BTreeSet<OsString>),
    /// Nothing, but something is perhaps to be said.
    Look,
    End,
}

impl Workshop {
    /// Watches the sources of these guests, and `snow.toml` for their build commands. What it builds, and what becomes of it,
    /// is said on `out`; what tools say goes to standard error.
    ///
    /// # Errors
    /// The system gives no thread, or there are too many folders of sources.
    pub fn open(config: &Config, stop: Stop, out: impl Write + Send + 'static) -> io::Result<Workshop> {
        let guests = config.guests.clone();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::default(),
                is_over: false,
                configs: config.guest_configs.clone(),
                build_ms_max: config.limits.build_ms_max,
                echoing: BTreeSet::new(),
            }),
            changed: Condvar::new(),
            started: Instant::now(),
        });
        let (told, manifest) = (shared.clone(), shared.clone());
        let (folder, overrides) = (guests.clone(), config.overrides.clone());
        let watches = vec![
            Watch::sources(&guests, move |names| told.sources_changed(names))?,
            Watch::start(&guests, move || manifest.manifest_may_have_changed(&folder, &overrides))?,
        ];
        let reporter = Reporter::new(Box::new(out));
        Ok(Workshop { shared, guests, stop, reporter, built: BTreeMap::new(), watches })
    }

    /// Builds all guests. One that can't be built keeps no other from it.
    pub fn build_all(&mut self) {
        let names = snow_server::source_folders(&self.guests);
        let prints: Vec<_> = names.into_iter().map(|name| (self.print(&name), name)).collect();
        if let Some(outcomes) = self.build(Scope::All) {
            let prints = prints.into_iter().map(|(print, name)| (name, print));
            self.note(prints, &outcomes);
            self.reporter.start(&self.guests, outcomes);
        }
    }

    /// Builds what changes from now on, and what has changed since [`Workshop::open`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn follow(mut self, serving: Serving) -> io::Result<Following> {
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        let thread = thread::Builder::new().name("snow-dev".into()).spawn(move || {
            loop {
                match self.shared.next(self.reporter.is_waiting()) {
                    Next::Build(names) => self.rebuild(names, &serving),
                    Next::Look => {}
                    Next::End => break,
                }
                let echoing = std::mem::take(&mut self.shared.lock().echoing);
                echoing.iter().for_each(|name| self.reporter.echoes(name));
                self.reporter.look(&serving);
            }
            self.watches.clear();
        })?;
        Ok(Following { shared, stop, thread: Some(thread) })
    }

    fn rebuild(&mut self, mut names: BTreeSet<OsString>, serving: &Serving) {
        let mut prints = BTreeMap::new();
        names.retain(|name| {
            if !self.guests.join(name).is_dir() {
                if self.built.remove(name).is_some() {
                    self.reporter.gone(&self.guests, name);
                }
                return false;
            }
            let print = self.print(name);
            let is_another = self.built.get(name) != Some(&print);
            prints.insert(name.clone(), print);
            is_another
        });
        if !names.is_empty()
            && let Some(outcomes) = self.build(Scope::Changed(&names))
        {
            self.note(prints, &outcomes);
            self.reporter.rebuilt(outcomes, serving);
        }
        self.shared.lock().queue.ended(self.shared.now_ms());
    }

    /// None if it was ended.
    fn build(&mut self, scope: Scope<'_>) -> Option<Vec<Outcome>> {
        let (configs, build_ms_max) = {
            let state = self.shared.lock();
            (state.configs.clone(), state.build_ms_max)
        };
        let order = BuildRequest { guests: &self.guests, configs: &configs, build_ms_max, stop: &self.stop };
        let built = build::build(&order, scope, self.reporter.out());
        if self.stop.is_stopped() {
            return None;
        }
        // The folder may be gone for a moment.
        built.inspect_err(|error| self.reporter.say(&format!("error: {}", error_chain(error.as_ref())))).ok()
    }

    fn note(&mut self, prints: impl IntoIterator<Item = (OsString, u64)>, outcomes: &[Outcome]) {
        let failed = |name: &OsStr| outcomes.iter().any(|outcome| outcome.result.is_err() && *outcome.name == *name);
        for (name, print) in prints {
            match failed(&name) {
                true => drop(self.built.remove(&name)),
                false => drop(self.built.insert(name, print)),
            }
        }
    }

    /// Another number if the guest would be built from something else, or by another command.
    fn print(&self, name: &OsStr) -> u64 {
        let mut product = name.to_owned();
        product.push(".wasm");
        let contents = snow_server::source_contents(&self.guests.join(name), &product);
        let mut hasher = DefaultHasher::new();
        let state = self.shared.lock();
        let command = name.to_str().and_then(|name| state.configs.get(name)?.build.as_ref());
        (contents, command).hash(&mut hasher);
        hasher.finish()
    }
}

impl Shared {
    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sources_changed(&self, names: &BTreeSet<OsString>) {
        let (now_ms, mut state) = (self.now_ms(), self.lock());
        for name in names {
            if state.queue.changed(name.clone(), now_ms) {
                state.echoing.insert(name.clone());
            }
        }
        self.changed.notify_all();
    }

    fn manifest_may_have_changed(&self, guests: &Path, overrides: &Overrides) {
        // The server says what is wrong with it.
        let Ok(Settings { manifest, .. }) = Settings::read(guests, overrides) else { return };
        let (now_ms, mut state) = (self.now_ms(), self.lock());
        let before = std::mem::replace(&mut state.configs, manifest.guests);
        state.build_ms_max = manifest.limits.build_ms_max;
        let names: BTreeSet<&String> = before.keys().chain(state.configs.keys()).collect();
        let command = |configs: &GuestConfigs, name: &str| configs.get(name).and_then(|config| config.build.clone());
        let is_another = |name: &&&String| command(&before, name) != command(&state.configs, name);
        let changed: Vec<OsString> = names.iter().filter(is_another).map(|name| name.into()).collect();
        for name in changed {
            state.queue.changed(name, now_ms);
        }
        self.changed.notify_all();
    }

    /// Waits for it. `looks`: for a moment only.
    fn next(&self, looks: bool) -> Next {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return Next::End;
            }
            let now_ms = self.now_ms();
            let due_ms = state.queue.due_ms();
            if due_ms.is_some_and(|due_ms| due_ms <= now_ms) {
                return Next::Build(state.queue.take(now_ms));
            }
            if !state.echoing.is_empty() {
                return Next::Look;
            }
            let due = due_ms.map(|due_ms| Duration::from_millis(due_ms - now_ms));
            let timeout = if looks { Some(due.map_or(SERVES_POLL, |due| due.min(SERVES_POLL))) } else { due };
            state = match timeout {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0,
            };
            if looks && due_ms == state.queue.due_ms() && !state.is_over {
                return Next::Look;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // It fails if the thread has panicked, which was said then.
            let _ = thread.join();
        }
    }
}
