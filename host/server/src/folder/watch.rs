//! Reports that something in a folder may have changed. It learns so from the kernel's events, or
//! by looking at the folder again and again where there are none.
//!
//! Links are followed all the way. A link in the path that is swapped, a parent that is renamed, a
//! folder that is removed and made again and a mounted ConfigMap's `..data` are noticed just as a
//! written file is. Not noticed are a write through a hard link in another folder, and a file
//! system that is later mounted over a folder or unmounted, unless it is told to
//! [look again](Watch::look_again).

mod interest;
mod notifier;
mod shared;
mod signal;
mod sources;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::interest::Interest;
use self::notifier::Notifier;
use self::signal::Signal;
use self::sources::Tree;
use snow_config::WatchLimits;
use snow_core::lock;

/// How often a folder is looked at whose changes the kernel can't report.
const POLL_MS: u64 = WatchLimits::DEFAULT.poll_ms;
/// How often in a row directories are looked up again because they changed meanwhile.
const ROUNDS_MAX: usize = 8;

/// A thread that watches a folder. Dropping it ends the thread, after a report that is under way.
pub struct Watch {
    signal: Arc<Signal>,
    died: Died,
    mode: Arc<Mutex<WatchMode>>,
    thread: Option<JoinHandle<()>>,
}

/// Called if the watch's thread dies.
type Died = Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>;

/// Makes a watch look up the directories that it watches, and report. Cheap to clone.
#[derive(Clone)]
pub struct LookAgain(Arc<Signal>);

impl LookAgain {
    /// Does it, on the watch's thread.
    pub fn look(&self) {
        self.0.raise();
    }
}

/// How changes are noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// The kernel reports events. The thread sleeps while nothing changes.
    Notified,
    /// The folder is looked at periodically.
    Polled {
        /// The period.
        every_ms: u64,
        /// Why the kernel's events can't be used, for the log.
        why: String,
    },
}

impl Watch {
    /// Watches a folder of guests, or one guest's file, and the manifest. The path need not exist
    /// yet.
    ///
    /// `changed` is called on the watch's thread: at once after the first event, and then at most
    /// every `rest_ms` ([`WatchLimits`]). It may be called though nothing has changed, but not for
    /// files that are neither guests nor the manifest. Everything that changes after `start` has
    /// returned is reported.
    ///
    /// If the kernel can't report changes (a shared file system, a directory on the way that can't
    /// be read, the system's limits), `changed` is called every `poll_ms`, changed or not. The
    /// watch may turn to that later, when a link comes to lead to such a place, and stays so.
    ///
    /// # Errors
    /// No thread can be started, or the path is relative and there is no current folder.
    pub fn start(folder: &Path, changed: impl Fn() + Send + 'static) -> io::Result<Watch> {
        Watch::begin(
            Box::new(Guests { folder: std::path::absolute(folder)?, changed }),
            POLL_MS,
            None,
        )
    }

    /// Watches the sources of guests: all sub-folders of the guests folder, with everything below
    /// them. Hidden files, `target`, `node_modules`, `__pycache__` and editors' backups are
    /// ignored, and so are files in the guests folder itself.
    ///
    /// `changed` is called with the names of the sub-folders in which a file was written, made,
    /// renamed or removed, or that are new or gone. Unlike that of [`Watch::start`], it is called
    /// only if something has changed.
    ///
    /// # Errors
    /// As for [`Watch::start`]; also if there are `source_folders_max` folders of sources or more.
    pub fn sources(
        folder: &Path,
        changed: impl Fn(&BTreeSet<OsString>) + Send + 'static,
    ) -> io::Result<Watch> {
        let folder = std::path::absolute(folder)?;
        let most = WatchLimits::DEFAULT.source_folders_max;
        let trees = sources::trees(&folder, most);
        if sources::count(&trees) >= most {
            let full = format!(
                "{} has {most} folders of sources or more: too many to watch",
                folder.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, full));
        }
        Watch::begin(Box::new(Sources { folder, prints: prints(&trees), changed }), POLL_MS, None)
    }

    /// Returns a handle that makes the watch look again: for changes that the kernel reports to
    /// nobody, such as a file system that was mounted over a folder.
    pub fn look_again(&self) -> LookAgain {
        LookAgain(self.signal.clone())
    }

    /// Calls `died` if the watch's thread dies: no change is reported any more.
    pub(crate) fn on_death(&self, died: impl Fn() + Send + Sync + 'static) {
        let _ = self.died.set(Box::new(died));
    }

    /// Returns how changes are noticed now.
    pub(crate) fn mode(&self) -> WatchMode {
        lock(&self.mode).clone()
    }

    /// Starts the thread. `why_polled`: a reason not to use the kernel's events.
    fn begin(
        mut subject: Box<dyn Subject>,
        every_ms: u64,
        why_polled: Option<String>,
    ) -> io::Result<Watch> {
        let signal = Arc::new(Signal::default());
        let mut notifier = why_polled.map_or_else(|| Notifier::new(signal.clone()), Err);
        // On this thread, so that everything that changes after this function has returned is
        // noticed.
        notifier = notifier.and_then(|mut notifier| {
            follow(&mut notifier, &mut *subject, &signal)?;
            Ok(notifier)
        });
        let mode = match &notifier {
            Ok(_) => WatchMode::Notified,
            Err(why) => WatchMode::Polled { every_ms, why: why.clone() },
        };
        let mode = Arc::new(Mutex::new(mode));
        let notifier = notifier.ok();
        let watcher =
            Watcher { signal: signal.clone(), mode: mode.clone(), every_ms, notifier, subject };
        let died = Died::default();
        let alarm = Alarm(died.clone());
        let thread = thread::Builder::new().name("snow-watch".into()).spawn(move || {
            let _alarm = alarm;
            watcher.run();
        })?;
        Ok(Watch { signal, died, mode, thread: Some(thread) })
    }
}

/// Raises the alarm when its thread panics.
struct Alarm(Died);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(died) = self.0.get()
        {
            died();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.signal.stop();
        // `changed` may own the watch, so this may be the watch's own thread, which can't wait for
        // itself.
        let is_own = |thread: &JoinHandle<()>| thread.thread().id() == thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| !is_own(thread)) {
            // It fails only if `changed` has panicked, and then the panic's message was printed.
            let _ = thread.join();
        }
    }
}

/// Returns the names of the sub-folders of a guests folder that [`Watch::sources`] watches.
pub fn source_folders(folder: &Path) -> BTreeSet<OsString> {
    sources::names(folder).into_iter().collect()
}

/// Returns a hash of the sources in a folder. It changes if a file that [`Watch::sources`] watches
/// is new, gone, renamed or has another content. A file named `but` in the folder is ignored. Of
/// files larger than a megabyte not the content is read, but the size and the time of the last
/// write.
pub fn source_contents(folder: &Path, but: &OsStr) -> u64 {
    sources::contents(folder, but, WatchLimits::DEFAULT.source_folders_max)
}

/// Returns a fingerprint of the files in the folder beside a source file that has its name; 0 if
/// there is none. It changes if one of them is written, made, renamed or removed, less what tools
/// write there (`node_modules`, `__pycache__`).
pub fn print_beside(file: &Path) -> u64 {
    sources::print_of(&file.with_extension(""), WatchLimits::DEFAULT.source_folders_max)
}

/// Something to watch.
trait Subject: Send {
    /// Looks up the directories and names on which the subject depends now.
    fn interest(&mut self) -> Interest;

    /// Reports that something may have changed.
    fn report(&mut self);
}

/// The guests and the manifest, for [`Watch::start`].
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

/// The sources of guests, for [`Watch::sources`].
struct Sources<F> {
    folder: PathBuf,
    /// The fingerprint of each sub-folder at the last report.
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

/// The part of a watch that lives on its thread.
struct Watcher {
    signal: Arc<Signal>,
    mode: Arc<Mutex<WatchMode>>,
    every_ms: u64,
    /// `None` while it polls.
    notifier: Option<Notifier>,
    subject: Box<dyn Subject>,
}

impl Watcher {
    fn run(mut self) {
        let rest = Duration::from_millis(WatchLimits::DEFAULT.rest_ms);
        while self.signal.wait(self.timeout()) {
            if let Some(notifier) = &mut self.notifier
                && let Err(why) = follow(notifier, &mut *self.subject, &self.signal)
            {
                self.notifier = None;
                *lock(&self.mode) = WatchMode::Polled { every_ms: self.every_ms, why };
            }
            // The report comes after the watches are renewed, so a change is either seen by the
            // look that follows the report, or raises the signal again.
            self.subject.report();
            if !self.signal.rest(rest) {
                break;
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.notifier.is_none().then(|| Duration::from_millis(self.every_ms))
    }
}

/// Makes the notifier watch the directories on which the subject depends now. The error is why they
/// can't be watched.
fn follow(
    notifier: &mut Notifier,
    subject: &mut dyn Subject,
    signal: &Signal,
) -> Result<(), String> {
    let mut interest = subject.interest();
    for _ in 0..ROUNDS_MAX {
        if let Some(why) = shared::why_unreported(&interest) {
            return Err(why);
        }
        notifier.watch(&interest)?;
        // A change after the directories were looked up and before they were watched raised no
        // event: look them up again.
        let again = subject.interest();
        if again == interest {
            return Ok(());
        }
        interest = again;
    }
    // The directories change faster than they can be looked up: try again after the rest.
    signal.raise();
    Ok(())
}
