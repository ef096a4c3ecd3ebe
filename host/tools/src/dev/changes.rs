//! Changes of sources and of the manifest, on their way from the watches' threads to the thread
//! that builds.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::queue::Queue;
use snow_config::{Config, GuestConfigs, Overrides, Settings};
use snow_core::lock;

/// The pause between two looks at whether a built guest is served.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The state that the watches' threads and the building thread share.
pub(super) struct Changes {
    state: Mutex<State>,
    /// Signalled when `state` has changed.
    changed: Condvar,
    started: Instant,
}

struct State {
    queue: Queue,
    is_over: bool,
    /// The guests' tables of the newest valid manifest.
    configs: GuestConfigs,
    build_ms_max: u32,
    /// Folders whose builds write into their own sources, to be reported.
    echoing: BTreeSet<OsString>,
}

/// The next task of the building thread.
pub(super) enum Next {
    /// Builds these folders.
    Build(BTreeSet<OsString>),
    /// Looks whether there is something to report.
    Look,
    /// Ends.
    End,
}

impl Changes {
    pub fn new(config: &Config) -> Changes {
        let state = State {
            queue: Queue::default(),
            is_over: false,
            configs: config.guest_configs.clone(),
            build_ms_max: config.limits.build_ms_max,
            echoing: BTreeSet::new(),
        };
        Changes { state: Mutex::new(state), changed: Condvar::new(), started: Instant::now() }
    }

    /// Queues the folders of these names.
    pub fn add_sources(&self, names: &BTreeSet<OsString>) {
        let (now_ms, mut state) = (self.now_ms(), self.lock());
        for name in names {
            if state.queue.changed(name.clone(), now_ms) {
                state.echoing.insert(name.clone());
            }
        }
        self.changed.notify_all();
    }

    /// Reads the manifest, and queues the guests whose build command differs now. An invalid
    /// manifest is ignored: the server reports it.
    pub fn read_manifest(&self, guests: &Path, overrides: &Overrides) {
        let Ok(Settings { manifest, .. }) = Settings::written(guests, overrides) else { return };
        let (now_ms, mut state) = (self.now_ms(), self.lock());
        let before = std::mem::replace(&mut state.configs, manifest.guests);
        state.build_ms_max = manifest.limits.build_ms_max;
        let names: BTreeSet<&String> = before.keys().chain(state.configs.keys()).collect();
        let command = |configs: &GuestConfigs, name: &str| {
            configs.get(name).and_then(|config| config.build.clone())
        };
        let differs = |name: &&&String| command(&before, name) != command(&state.configs, name);
        let changed: Vec<OsString> = names.iter().filter(differs).map(|name| name.into()).collect();
        for name in changed {
            state.queue.changed(name, now_ms);
        }
        self.changed.notify_all();
    }

    /// Waits for the next task. With `looks`, waits only for a moment.
    pub fn next(&self, looks: bool) -> Next {
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
            let timeout =
                if looks { Some(due.map_or(LOOK_AGAIN, |due| due.min(LOOK_AGAIN))) } else { due };
            state = match timeout {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    self.changed
                        .wait_timeout(state, timeout)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            // A change during the wait is handled first: the loop goes on with a new due time.
            if looks && due_ms == state.queue.due_ms() && !state.is_over {
                return Next::Look;
            }
        }
    }

    /// Reports to the queue that the build it was taken for has ended.
    pub fn build_ended(&self) {
        self.lock().queue.ended(self.now_ms());
    }

    /// Has [`next`](Self::next) return [`Next::End`] from now on.
    pub fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Takes the folders that are to be reported because their builds write into them.
    pub fn take_echoing(&self) -> BTreeSet<OsString> {
        std::mem::take(&mut self.lock().echoing)
    }

    /// Returns the guests' tables and `build_ms_max` of the newest valid manifest.
    pub fn build_config(&self) -> (GuestConfigs, u32) {
        let state = self.lock();
        (state.configs.clone(), state.build_ms_max)
    }

    /// Returns the build command of a guest, if it has one.
    pub fn build_command(&self, name: &OsStr) -> Option<Vec<String>> {
        let state = self.lock();
        state.configs.get(name.to_str()?)?.build.clone()
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
