//! What the kernel tells of directories, filtered by name. The only user of `notify`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::bell::Bell;
use super::interest::{Interest, Names};

/// Rings a bell when something of interest changes.
pub(super) struct Notifier {
    watcher: RecommendedWatcher,
    /// Which directory is watched at each path.
    watched: HashMap<PathBuf, (u64, u64)>,
    filter: Arc<Filter>,
}

/// Which events matter. It is asked for each, on the library's thread.
#[derive(Default)]
struct Filter {
    names: Mutex<HashMap<PathBuf, Names>>,
    /// A watched directory was renamed or removed, at which the library drops its watch and those of all below it.
    lost: AtomicBool,
}

impl Notifier {
    /// One that watches nothing yet. An error says why there can be none.
    pub(super) fn new(bell: Arc<Bell>) -> Result<Notifier, String> {
        let filter = Arc::new(Filter::default());
        let asked = filter.clone();
        let ring = move |event: notify::Result<Event>| {
            // An error may mean that events were lost.
            if event.map_or(true, |event| asked.matters(&event)) {
                bell.ring();
            }
        };
        let watcher = notify::recommended_watcher(ring).map_err(|error| reason(&error))?;
        Ok(Notifier { watcher, watched: HashMap::new(), filter })
    }

    /// From now on this is watched and nothing else. An error says why it can't be, and then nothing is certain.
    ///
    /// What changed before is not told: look again afterwards.
    pub(super) fn watch(&mut self, interest: &Interest) -> Result<(), String> {
        let directories = || interest.directories.iter();
        let names = directories().map(|directory| (directory.path.clone(), directory.names.clone())).collect();
        *self.filter.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let now: HashMap<_, _> = directories().map(|directory| (directory.path.clone(), directory.id)).collect();
        // First, since a directory may have moved, and the kernel knows it by its number.
        self.watched.retain(|path, id| {
            let stays = now.get(path) == Some(id);
            if !stays {
                // The only error is that the library has dropped it already.
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
                // Gone in this moment, which the next look finds.
                Err(error) if is_gone(&error) => self.watched.remove(path),
                Err(error) => return Err(format!("{} can't be watched: {}", path.display(), reason(&error))),
            };
        }
        Ok(())
    }
}

impl Filter {
    fn matters(&self, event: &Event) -> bool {
        let is_content = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            // Our own looking is told too.
            EventKind::Access(_) => return false,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => false,
            _ => true,
        };
        if event.need_rescan() {
            self.lost.store(true, Ordering::SeqCst);
            return true;
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
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

/// What is wrong, and what a deployer can do.
fn reason(error: &notify::Error) -> String {
    const PROCESS_FILES: i32 = 24;
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "the system's limit on watched directories is reached (sysctl fs.inotify.max_user_watches)".into()
        }
        ErrorKind::Io(error) if error.raw_os_error() == Some(PROCESS_FILES) => {
            "the system's limit on watches is reached (sysctl fs.inotify.max_user_instances), or this process' on open \
             files (ulimit -n)"
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
        *filter.names.lock().unwrap() =
            interest.directories.into_iter().map(|directory| (directory.path, directory.names)).collect();
        let matters = |kind, path: &PathBuf| filter.matters(&Event::new(kind).add_path(path.clone()));
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
