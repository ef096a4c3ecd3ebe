//! The store of a server, and the thread that does what the store does later: it brings writes to
//! the disk, removes what has expired, and wakes those who wait for a very popular key.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::supervisor::{Ends, Role};
use snow_config::Config;
use snow_core::{Registry, lock};
use snow_guests::{GuestStore, StoreListener};
use snow_runtime::{Clock, Log, Post, Settled};
use snow_state::{RedbJournal, Store};

/// Writes, entries and waiters that are dealt with between two looks at the clock.
const WORK_BUDGET: usize = 1_024;

/// When the store's thread has something to do.
pub struct Alarm {
    clock: Clock,
    due: Mutex<Due>,
    changed: Condvar,
    /// Told when the thread has nothing to do but wait.
    rests: Condvar,
}

#[derive(Default)]
struct Due {
    /// In milliseconds since 1970. `None` if nothing is to be done.
    at_ms: Option<u64>,
    /// The server has ended.
    is_over: bool,
    /// The thread waits.
    is_waiting: bool,
    /// How often the thread has had work.
    works: u64,
    /// Somebody has asked when the thread waits: only tests do.
    is_watched: bool,
}

/// What the store's thread does when nothing is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRest {
    /// When it has work next, in milliseconds since 1970.
    pub next_wall_ms: Option<u64>,
    /// How often it has had work so far.
    pub works: u64,
}

/// The running thread.
pub struct StoreThread {
    alarm: Arc<Alarm>,
    thread: JoinHandle<()>,
}

/// Opens the store: on disk if the configuration names a folder.
///
/// # Errors
/// The folder can't be used, or what it holds.
pub fn open(
    config: &Config,
    registry: &Arc<Registry<Settled>>,
    post: Arc<dyn Post>,
    log: &Log,
    alarm: &Arc<Alarm>,
) -> anyhow::Result<Arc<GuestStore>> {
    let told = alarm.clone();
    let listener = StoreListener {
        registry: registry.clone(),
        post,
        log: log.clone(),
        work_at: Box::new(move |at_ms| told.set(at_ms)),
    };
    let (limits, now_ms) = (config.limits.store, alarm.clock.wall_ms());
    Ok(Arc::new(match &config.server.data {
        None => Store::in_memory(limits, listener, now_ms),
        Some(folder) => {
            let context = || format!("the data folder {} can't be used", folder.display());
            let journal = RedbJournal::open(folder).with_context(context)?;
            alarm.set(now_ms);
            Store::on_disk(limits, listener, Box::new(journal), now_ms).with_context(context)?
        }
    }))
}

impl StoreThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        store: Arc<GuestStore>,
        alarm: Arc<Alarm>,
        ends: &Ends,
    ) -> io::Result<StoreThread> {
        let (rings, clock) = (alarm.clone(), alarm.clock.clone());
        let thread = ends.spawn("snow-store".into(), Role::Helper, move || {
            while rings.wait() {
                if let Some(at_ms) = store.work(clock.wall_ms(), WORK_BUDGET) {
                    rings.set(at_ms);
                }
            }
            // What was submitted before the end is still brought to the disk.
            // A disk that fails is not waited for: then the next work is due later.
            let work = || store.work(clock.wall_ms(), WORK_BUDGET);
            while work().is_some_and(|at_ms| at_ms <= clock.wall_ms()) {}
            Ok(())
        })?;
        Ok(StoreThread { alarm, thread })
    }

    /// Returns what tells the thread when to work.
    pub fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// Ends the thread, once what was written is on the disk.
    pub fn stop(self) {
        lock(&self.alarm.due).is_over = true;
        self.alarm.changed.notify_all();
        // Its end was reported; if it panicked, so was that.
        let _ = self.thread.join();
    }
}

impl Alarm {
    /// Returns an alarm that nobody has set, by this clock.
    pub fn new(clock: Clock) -> Alarm {
        Alarm { clock, due: Mutex::default(), changed: Condvar::new(), rests: Condvar::new() }
    }

    /// Returns the clock by which it rings.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Notes that the clock was moved.
    pub fn clock_moved(&self) {
        let _due = lock(&self.due);
        self.changed.notify_all();
    }

    /// Waits until the thread has nothing to do before a later time. `None` if it has had too much
    /// to do until then.
    pub fn rest(&self, until: Instant) -> Option<StoreRest> {
        let mut due = lock(&self.due);
        due.is_watched = true;
        loop {
            let now_ms = self.clock.wall_ms();
            if due.is_waiting && due.at_ms.is_none_or(|at_ms| at_ms > now_ms) {
                return Some(StoreRest { next_wall_ms: due.at_ms, works: due.works });
            }
            let left = until.checked_duration_since(Instant::now())?;
            let waited = self.rests.wait_timeout(due, left);
            due = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// Asks for work at a time, in milliseconds since 1970.
    fn set(&self, at_ms: u64) {
        let mut due = lock(&self.due);
        if due.at_ms.is_none_or(|earlier_ms| at_ms < earlier_ms) {
            due.at_ms = Some(at_ms);
            self.changed.notify_all();
        }
    }

    /// Waits until there is work. False if the server has ended.
    fn wait(&self) -> bool {
        let mut due = lock(&self.due);
        loop {
            if due.is_over {
                return false;
            }
            let left_ms = due.at_ms.map(|at_ms| at_ms.saturating_sub(self.clock.wall_ms()));
            due.is_waiting = left_ms != Some(0);
            if due.is_watched {
                // A system call, even if nobody listens.
                self.rests.notify_all();
            }
            due = match left_ms {
                Some(0) => {
                    due.at_ms = None;
                    due.works += 1;
                    return true;
                }
                // A lock is poisoned only by a thread that died, and then the server ends.
                Some(left_ms) => {
                    let timeout = Duration::from_millis(left_ms);
                    let waited = self.changed.wait_timeout(due, timeout);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.changed.wait(due).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
    }
}
