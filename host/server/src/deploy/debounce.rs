//! When a changed guests folder may be acted on: a file that is still being written is no guest yet.
//!
//! No file system and no clock here: [`Debounce`] is handed what the folder holds, and the time.
//!
//! ```text
//! loop {
//!     wait for the watch, or until debounce.next_look_ms();
//!     match scan(folder) {
//!         Ok(snapshot) => load what debounce.observe(snapshot, now) says; for what fails: debounce.failed(name);
//!         Err(error)   => debounce.unseen(now), and say it once;
//!     }
//! }
//! ```

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use snow_config::WatchLimits;
use snow_guests::Stamp;

/// One guest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, as it was found: links are not followed.
    pub path: PathBuf,
    /// Which version of it.
    pub stamp: Stamp,
}

/// What tells a folder from another one that takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderId {
    /// Its number in its file system.
    pub inode: u64,
    /// Its file system.
    pub device: u64,
    /// When it was made, since 1970, where the file system knows: numbers are used again at once.
    pub created_ns: Option<u128>,
}

/// What a guests folder holds at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder. None if it is a single guest's file.
    pub folder: Option<FolderId>,
    /// The guest files by the name of the guest, each list sorted and not empty. More than one file of a name is for
    /// the caller to report.
    pub guests: BTreeMap<String, Vec<Found>>,
    /// The manifest, if there is one.
    pub manifest: Option<Stamp>,
}

/// What is to be done about one guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its files are new, or others than before, or to be tried once more ([`Debounce::failed`]).
    Written {
        /// The guest's name.
        name: String,
        /// At least one; more are for the caller to report.
        files: Vec<Found>,
    },
    /// It has no file any more.
    Removed {
        /// The guest's name.
        name: String,
    },
}

/// What has settled since the look before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// By name.
    pub changed: Vec<Change>,
    /// The manifest was written or removed, or is to be tried once more.
    pub manifest_changed: bool,
}

/// Whether a file that can't be loaded is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It has been the same for long enough: it is as it is.
    Report,
    /// It was written a moment ago and may be half of a copy that stalls. It is offered once more, when it has been the
    /// same for long enough or has changed.
    NotYet,
}

/// Decides when what changed in the guests folder has settled.
///
/// - A file is offered once its [`Stamp`] has been the same for `quiet_ms`. While it grows, it is not.
/// - A removal is offered once nothing in the folder has changed for `quiet_ms`, or after `removal_ms_max` at the
///   latest, so that "remove, then write" and a folder that is exchanged file by file unload no guest in between. In a
///   folder that has just taken the place of another one it waits for as long as files are being written: it is filled.
/// - A folder that can't be seen unloads nothing: whoever removes it is about to put another one there, or a volume is
///   not mounted for a moment, and to serve what was there last is better than to serve nothing. To stop serving a
///   guest, remove its file.
/// - Each state is offered once. What changes and is as before when it settles is not offered.
///
/// The clock is any that counts milliseconds and never goes back.
pub struct Debounce {
    limits: WatchLimits,
    guests: BTreeMap<String, Part<Vec<Found>>>,
    manifest: Part<Option<Stamp>>,
    folder: Option<FolderId>,
    /// Since when nothing in the folder has changed.
    still_since_ms: u64,
    /// The folder is another one than before, and something in it has changed within `quiet_ms` ever since.
    filling: bool,
    /// Set while the folder can't be seen: when to look again.
    unseen_until_ms: Option<u64>,
}

impl Debounce {
    /// Returns one to which nothing has been loaded yet: all that a folder holds is offered once it has settled.
    #[cfg(test)]
    pub fn new(limits: WatchLimits) -> Debounce {
        Debounce::serving(limits, Snapshot::default(), 0)
    }

    /// This was loaded already. The snapshot has to be from before the loading, so that a write in between is noticed.
    pub fn serving(limits: WatchLimits, loaded: Snapshot, now_ms: u64) -> Debounce {
        let Snapshot { folder, guests, manifest } = loaded;
        let guests = guests.into_iter().map(|(name, files)| (name, Part::offered(files, now_ms))).collect();
        let manifest = Part::offered(manifest, now_ms);
        let still_since_ms = now_ms;
        Debounce { limits, guests, manifest, folder, still_since_ms, filling: false, unseen_until_ms: None }
    }

    /// Takes in what the folder holds now, and says what of it is to be acted on.
    pub fn observe(&mut self, snapshot: Snapshot, now_ms: u64) -> Observed {
        self.take_in(snapshot, now_ms);
        let mut observed = Observed::default();
        let pace = self.pace();
        for (name, part) in &mut self.guests {
            if part.offer(&pace, now_ms) {
                let (name, files) = (name.clone(), part.seen.clone());
                observed.changed.push(match files.is_empty() {
                    true => Change::Removed { name },
                    false => Change::Written { name, files },
                });
            }
        }
        observed.manifest_changed = self.manifest.offer(&pace, now_ms);
        self.guests.retain(|_, part| !(part.seen.is_empty() && part.offered.is_empty()));
        observed
    }

    /// The folder can't be read now. It will have to be looked at again in `poll_ms`, whatever the watch says.
    pub fn unseen(&mut self, now_ms: u64) {
        self.unseen_until_ms = Some(now_ms + self.limits.poll_ms);
    }

    /// The guest that was just offered can't be loaded. It is offered again when it changes.
    pub fn failed(&mut self, name: &str) -> Failure {
        let report_after_ms = self.limits.report_after_ms;
        self.guests.get_mut(name).map_or(Failure::Report, |part| part.failed(report_after_ms))
    }

    /// The same of the manifest.
    pub fn manifest_failed(&mut self) -> Failure {
        self.manifest.failed(self.limits.report_after_ms)
    }

    /// When to look again even if the watch says nothing. It may have passed. None: only the watch matters.
    pub fn next_look_ms(&self) -> Option<u64> {
        if self.unseen_until_ms.is_some() {
            return self.unseen_until_ms;
        }
        let pace = self.pace();
        let guests = self.guests.values().filter_map(|part| part.due_ms(&pace));
        guests.chain(self.manifest.due_ms(&pace)).min()
    }

    fn take_in(&mut self, snapshot: Snapshot, now_ms: u64) {
        let Snapshot { folder, guests: mut seen, manifest } = snapshot;
        let was_unseen = self.unseen_until_ms.take().is_some();
        let is_another = was_unseen || folder != self.folder;
        self.folder = folder;
        for name in seen.keys() {
            if !self.guests.contains_key(name) {
                self.guests.insert(name.clone(), Part::offered(Vec::new(), now_ms));
            }
        }
        let mut moves = is_another;
        for (name, part) in &mut self.guests {
            moves |= part.see(seen.remove(name).unwrap_or_default(), now_ms);
        }
        moves |= self.manifest.see(manifest, now_ms);
        if moves {
            self.still_since_ms = now_ms;
        }
        let still = now_ms - self.still_since_ms >= self.limits.quiet_ms;
        self.filling = is_another || self.filling && !still;
    }

    fn pace(&self) -> Pace {
        let Debounce { limits, still_since_ms, filling, .. } = *self;
        Pace { limits, still_since_ms, filling }
    }
}

/// What the folder as a whole says about when its parts settle.
struct Pace {
    limits: WatchLimits,
    still_since_ms: u64,
    filling: bool,
}

/// The files of one guest, or the manifest. The default value of `T` is that it is not there.
struct Part<T> {
    /// As of the last look.
    seen: T,
    /// Since when.
    since_ms: u64,
    /// What the caller has been told.
    offered: T,
    /// For how long that had been the same then.
    offered_after_ms: u64,
    /// It could not be loaded, and that was not reported.
    is_on_trial: bool,
}

impl<T: Default + PartialEq + Clone> Part<T> {
    fn offered(state: T, now_ms: u64) -> Part<T> {
        Part { seen: state.clone(), since_ms: now_ms, offered: state, offered_after_ms: 0, is_on_trial: false }
    }

    /// Whether it is another state than at the look before.
    fn see(&mut self, state: T, now_ms: u64) -> bool {
        let moves = state != self.seen;
        if moves {
            self.seen = state;
            self.since_ms = now_ms;
        }
        moves
    }

    /// When it is to be offered, as far as is known.
    fn due_ms(&self, pace: &Pace) -> Option<u64> {
        let Pace { limits, still_since_ms, filling } = pace;
        let still_ms = still_since_ms + limits.quiet_ms;
        match self.seen == self.offered {
            true => self.is_on_trial.then_some(self.since_ms + limits.report_after_ms),
            false if self.seen != T::default() => Some(self.since_ms + limits.quiet_ms),
            false if *filling => Some(still_ms),
            false => Some(still_ms.min(self.since_ms + limits.removal_ms_max)),
        }
    }

    /// Whether it is offered now.
    fn offer(&mut self, pace: &Pace, now_ms: u64) -> bool {
        let is_due = self.due_ms(pace).is_some_and(|due_ms| due_ms <= now_ms);
        if is_due {
            self.offered = self.seen.clone();
            self.offered_after_ms = now_ms - self.since_ms;
            self.is_on_trial = false;
        }
        is_due
    }

    fn failed(&mut self, report_after_ms: u64) -> Failure {
        self.is_on_trial = self.offered_after_ms < report_after_ms;
        if self.is_on_trial { Failure::NotYet } else { Failure::Report }
    }
}
