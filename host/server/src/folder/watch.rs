//! Tells when something in a folder may have changed: from the kernel's events, or by looking again and again where there
//! are none.
//!
//! Links are followed all the way: a link in the path that is swapped, a parent that is renamed, a folder that is
//! removed and made again and a mounted ConfigMap's `..data` are noticed as a written file is. Not noticed are: a write
//! through a hard link in another folder, and a file system that is mounted over a folder, or unmounted, later.

mod bell;
mod interest;
mod notifier;
mod shared;
mod sources;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::bell::Bell;
use self::interest::Interest;
use self::notifier::Notifier;
use self::sources::Tree;
use snow_config::WatchLimits;

/// How often a folder is looked at whose changes the kernel can't report.
const POLL_MS: u64 = WatchLimits::DEFAULT.poll_ms;
/// How often in a row directories are looked up that change meanwhile.
const ROUNDS_MAX: usize = 8;

/// A thread that watches. Dropping it ends the thread, after a report that is under way.
pub struct Watch {
    bell: Arc<Bell>,
    mode: Arc<Mutex<WatchMode>>,
    thread: Option<JoinHandle<()>>,
}

/// How changes are noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// The kernel tells. Nothing runs while nothing changes.
    Notified,
    /// By looking.
    Polled {
        /// How often.
        every_ms: u64,
        /// Why it has to be so, for the log.
        why: String,
    },
}

impl Watch {
    /// Watches a folder of guests, or one guest's file, and the manifest. It need not be there yet.
    ///
    /// `changed` is called on the watch's thread: at once after the first event, and then at most each `rest_ms`
    /// ([`WatchLimits`]). It may be called though nothing has changed, but not for files of other names. Whatever
    /// changes after `start` has returned is reported.
    ///
    /// If the kernel can't report changes (a shared file system, a directory on the way that can't be read, the system's
    /// limits), `changed` is called every `poll_ms`, changed or not. The watch may turn to that later, when a link comes
    /// to lead to such a place, and stays so.
    ///
    /// # Errors
    /// No thread can be started, or the path is relative and there is no current folder.
    pub fn start(folder: &Path, changed: impl Fn() + Send + 'static) -> io::Result<Watch> {
        Watch::begin(Box::new(Guests { folder: std::path::absolute(folder)?, changed }), POLL_MS, None)
    }

    /// Watches the sources of guests: all sub-folders of the guests folder, with all below them. Hidden files, `target`,
    /// `node_modules`, `__pycache__` and editors' backups do not matter, nor do files in the guests folder itself.
    ///
    /// `changed` is called with the names of the sub-folders in which a file was written, made, renamed or removed, or
    /// that are new or gone. It is called only if so, by polling too.
    ///
    /// # Errors
    /// As those of [`Watch::start`], or the sources have more than `source_folders_max` folders.
    pub fn sources(folder: &Path, changed: impl Fn(&BTreeSet<OsString>) + Send + 'static) -> io::Result<Watch> {
        let folder = std::path::absolute(folder)?;
        let most = WatchLimits::DEFAULT.source_folders_max;
        let trees = sources::trees(&folder, most);
        if sources::count(&trees) >= most {
            let full = format!("{} has {most} folders of sources or more: too many to watch", folder.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, full));
        }
        Watch::begin(Box::new(Sources { folder, prints: prints(&trees), changed }), POLL_MS, None)
    }

    /// How changes are noticed now.
    pub fn mode(&self) -> WatchMode {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `why_polled`: there is to be no notifier.
    fn begin(mut subject: Box<dyn Subject>, every_ms: u64, why_polled: Option<String>) -> io::Result<Watch> {
        let bell = Arc::new(Bell::default());
        let mut notifier = why_polled.map_or_else(|| Notifier::new(bell.clone()), Err);
        // Before this returns, so that what changes afterwards is noticed.
        notifier = notifier.and_then(|mut notifier| {
            follow(&mut notifier, &mut *subject, &bell)?;
            Ok(notifier)
        });
        let mode = match &notifier {
            Ok(_) => WatchMode::Notified,
            Err(why) => WatchMode::Polled { every_ms, why: why.clone() },
        };
        let mode = Arc::new(Mutex::new(mode));
        let watching = Watching { bell: bell.clone(), mode: mode.clone(), every_ms, notifier: notifier.ok(), subject };
        let thread = thread::Builder::new().name("snow-watch".into()).spawn(move || watching.run())?;
        Ok(Watch { bell, mode, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bell.stop();
        let own = |thread: &JoinHandle<()>| thread.thread().id() == thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| !own(thread)) {
            // It fails if `changed` has panicked, which was said then.
            let _ = thread.join();
        }
    }
}

/// The names of the sub-folders that [`Watch::sources`] watches now.
pub fn source_folders(folder: &Path) -> BTreeSet<OsString> {
    sources::names(folder).into_iter().collect()
}

/// Tells the sources in a folder from what they were before, by what is in them: another number if a file that
/// [`Watch::sources`] watches has another content or name, or is new or gone. A file named `but` in the folder does not
/// matter. It reads what is not larger than a megabyte; of larger files the size and the time of the last write count.
pub fn source_contents(folder: &Path, but: &OsStr) -> u64 {
    sources::contents(folder, but, WatchLimits::DEFAULT.source_folders_max)
}

/// What is watched.
trait Subject: Send {
    /// What decides it, as of now.
    fn interest(&mut self) -> Interest;

    /// Something may have changed.
    fn report(&mut self);
}

struct Guests<F> {
    folder: PathBuf,
    changed: F,
}

impl<F: Fn() + Send> Subject for Guests<F> {
    fn interest(&mut self) -> Interest {
        interest::of_guests(&self.folder)
    }

    fn report(&mut self) {
        (self.changed)();
    }
}

struct Sources<F> {
    folder: PathBuf,
    /// As of the last report.
    prints: BTreeMap<OsString, u64>,
    changed: F,
}

impl<F: Fn(&BTreeSet<OsString>) + Send> Subject for Sources<F> {
    fn interest(&mut self) -> Interest {
        sources::interest(&self.folder, WatchLimits::DEFAULT.source_folders_max)
    }

    fn report(&mut self) {
        let now = prints(&sources::trees(&self.folder, WatchLimits::DEFAULT.source_folders_max));
        let before = std::mem::replace(&mut self.prints, now);
        let names = before.keys().chain(self.prints.keys());
        let changed: BTreeSet<OsString> =
            names.filter(|name| before.get(*name) != self.prints.get(*name)).cloned().collect();
        if !changed.is_empty() {
            (self.changed)(&changed);
        }
    }
}

fn prints(trees: &BTreeMap<OsString, Tree>) -> BTreeMap<OsString, u64> {
    trees.iter().map(|(name, tree)| (name.clone(), tree.print)).collect()
}

/// The thread's own.
struct Watching {
    bell: Arc<Bell>,
    mode: Arc<Mutex<WatchMode>>,
    every_ms: u64,
    /// None: it polls.
    notifier: Option<Notifier>,
    subject: Box<dyn Subject>,
}

impl Watching {
    fn run(mut self) {
        let rest = Duration::from_millis(WatchLimits::DEFAULT.rest_ms);
        while self.bell.wait(self.timeout()) {
            if let Some(notifier) = &mut self.notifier
                && let Err(why) = follow(notifier, &mut *self.subject, &self.bell)
            {
                self.notifier = None;
                let polled = WatchMode::Polled { every_ms: self.every_ms, why };
                *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = polled;
            }
            // After the watching, so that nothing falls between.
            self.subject.report();
            if !self.bell.rest(rest) {
                break;
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.notifier.is_none().then(|| Duration::from_millis(self.every_ms))
    }
}

/// Watches what the subject is decided by, as of now. An error says why it can't be watched.
fn follow(notifier: &mut Notifier, subject: &mut dyn Subject, bell: &Bell) -> Result<(), String> {
    let mut interest = subject.interest();
    for _ in 0..ROUNDS_MAX {
        if let Some(why) = shared::why_not_told(&interest) {
            return Err(why);
        }
        notifier.watch(&interest)?;
        // A change between the look and the watch was not told.
        let again = subject.interest();
        if again == interest {
            return Ok(());
        }
        interest = again;
    }
    // It changes faster than it can be looked up: once more, after the rest.
    bell.ring();
    Ok(())
}
