//! The kernel's events about directories, filtered by name. The only user of `notify`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::interest::{Interest, Names};
use super::signal::Signal;
use snow_core::lock;

/// Raises a signal when something of interest changes.
pub(super) struct Notifier {
    watcher: RecommendedWatcher,
    /// The watched directories by path: the file system and number of each.
    watched: HashMap<PathBuf, (u64, u64)>,
    filter: Arc<Filter>,
}

/// Decides which events matter, on the library's thread.
#[derive(Default)]
struct Filter {
    names: Mutex<HashMap<PathBuf, Names>>,
    /// Set when a watched directory was renamed or removed: the library then drops its watch and
    /// those of all directories below it.
    lost: AtomicBool,
}

impl Notifier {
    /// Returns a notifier that watches nothing yet. The error is why the kernel's events can't be
    /// used.
    pub(super) fn new(signal: Arc<Signal>) -> Result<Notifier, String> {
        let filter = Arc::new(Filter::default());
        let asked = filter.clone();
        let raise = move |event: notify::Result<Event>| {
            // An error may mean that events were lost.
            if event.map_or(true, |event| asked.matters(&event)) {
                signal.raise();
            }
        };
        let watcher = notify::recommended_watcher(raise).map_err(|error| reason(&error))?;
        Ok(Notifier { watcher, watched: HashMap::new(), filter })
    }

    /// Watches these directories and no others. The error is why one can't be watched; then the
    /// notifier is of no more use.
    ///
    /// Changes from before the call raise no signal: look at the directories again afterwards.
    pub(super) fn watch(&mut self, interest: &Interest) -> Result<(), String> {
        let directories = || interest.directories.iter();
        let names = directories()
            .map(|directory| (directory.path.clone(), directory.names.clone()))
            .collect();
        *lock(&self.filter.names) = names;
        let now: HashMap<_, _> =
            directories().map(|directory| (directory.path.clone(), directory.id)).collect();
        // Old watches end before new ones begin: the kernel identifies a directory by its number,
        // and one that was moved may be watched again at its new path.
        self.watched.retain(|path, id| {
            let stays = now.get(path) == Some(id);
            if !stays {
                // It fails only if the library has dropped the watch already.
                let _ = self.watcher.unwatch(path);
            }
            stays
        });
        let all_again = self.filter.lost.swap(false, Ordering::SeqCst);
        for (path, id) in directories().map(|directory| (&directory.path, directory.id)) {
            if !all_again && self.watched.contains_key(path) {
                continue;
            }
            match self.watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => self.watched.insert(path.clone(), id),
                // It was removed just now, which the next look at the directories finds.
                Err(error) if is_gone(&error) => self.watched.remove(path),
                Err(error) => {
                    return Err(format!("{} can't be watched: {}", path.display(), reason(&error)));
                }
            };
        }
        Ok(())
    }
}

impl Filter {
    fn matters(&self, event: &Event) -> bool {
        let is_content = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            // Reads are reported too, among them our own.
            EventKind::Access(_) => return false,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => false,
            _ => true,
        };
        if event.need_rescan() {
            self.lost.store(true, Ordering::SeqCst);
            return true;
        }
        let names = lock(&self.names);
        event.paths.iter().any(|path| {
            if !is_content && names.contains_key(path) {
                self.lost.store(true, Ordering::SeqCst);
                return true;
            }
            let within = path.parent().and_then(|parent| names.get(parent));
            within.zip(path.file_name()).is_some_and(|(names, name)| names.contains(name))
        })
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => matches!(error.kind(), std::io::ErrorKind::NotFound),
        _ => false,
    }
}

/// Returns what is wrong, and what can be done about it.
fn reason(error: &notify::Error) -> String {
    const PROCESS_FILES: i32 = 24;
    match &error.kind {
        ErrorKind::MaxFilesWatch => "the system's limit on watched directories is reached (sysctl \
             fs.inotify.max_user_watches)"
            .into(),
        ErrorKind::Io(error) if error.raw_os_error() == Some(PROCESS_FILES) => {
            "the system's limit on watches is reached (sysctl fs.inotify.max_user_instances), or \
             this process's limit on open files (ulimit -n)"
                .into()
        }
        ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, Flag, RemoveKind};

    use super::*;
    use crate::folder::tests::Folder;
    use crate::folder::watch::interest::of_guests;

    #[test]
    fn an_event_matters_by_its_name_and_kind() {
        let folder = Folder::new();
        let guests = folder.folder("guests");
        let filter = Filter::default();
        let interest = of_guests(&guests);
        *filter.names.lock().unwrap() = interest
            .directories
            .into_iter()
            .map(|directory| (directory.path, directory.names))
            .collect();
        let matters =
            |kind, path: &PathBuf| filter.matters(&Event::new(kind).add_path(path.clone()));
        let created = EventKind::Create(CreateKind::File);
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        for (kind, name, expected) in [
            (created, "guests/a.wasm", true),
            (written, "guests/snow.toml", true),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), "guests/a.wat", true),
            (opened, "guests/a.wasm", false),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), "guests/a.wasm", false),
            (created, "guests/.a.wasm", false),
            (created, "guests/a.wasm.77.partial", false),
            (created, "a.wasm", false),
            (created, "guests", true),
            (created, "guests/deeper/a.wasm", false),
        ] {
            assert_eq!(matters(kind, &folder.path().join(name)), expected, "{kind:?} {name}");
        }
        assert!(!filter.lost.load(Ordering::SeqCst));
        assert!(matters(EventKind::Remove(RemoveKind::Folder), &guests));
        assert!(filter.lost.swap(false, Ordering::SeqCst), "the library has dropped its watch");
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(filter.matters(&overflow) && filter.lost.load(Ordering::SeqCst));
    }

    #[test]
    fn a_limit_of_the_system_is_named_with_what_to_do() {
        assert!(reason(&notify::Error::new(ErrorKind::MaxFilesWatch)).contains("max_user_watches"));
        let files = std::io::Error::from_raw_os_error(24);
        assert!(reason(&notify::Error::io(files)).contains("max_user_instances"));
        let denied = notify::Error::io(std::io::Error::from_raw_os_error(13));
        assert!(reason(&denied).starts_with("Permission denied") && !is_gone(&denied));
    }
}
