//! Decides when a change in the guests folder is complete: a file that is still being written is no
//! guest yet.
//!
//! Nothing here reads files or a clock: [`Debounce`] is handed what the folder holds, and the time.
//!
//! ```text
//! loop {
//!     wait for the watch, or until debounce.next_look_ms();
//!     match scan(folder) {
//!         Ok(snapshot) => load what debounce.observe(snapshot, now) returns,
//!                         and for each guest that can't be loaded: debounce.failed(name);
//!         Err(error)   => debounce.unseen(now), and log the error once;
//!     }
//! }
//! ```

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::folder::{FolderId, GuestFile, Snapshot};
use snow_config::WatchLimits;
use snow_guests::Stamp;

/// What to do about one guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Load it: its files are new or have changed, or are to be tried again (see
    /// [`Debounce::failed`]).
    Written {
        /// The guest's name.
        name: String,
        /// One file, or several, which is for the caller to report.
        files: Vec<GuestFile>,
    },
    /// Remove it: it has no file any more.
    Removed {
        /// The guest's name.
        name: String,
    },
}

/// The changes that are complete and were not returned before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changes of guests, by name.
    pub guests: Vec<Change>,
    /// Whether the manifest was written or removed, or is to be tried again.
    pub manifest: bool,
}

/// What to do about a file that can't be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Report it: the file has not changed for `report_after_ms`, so it is complete.
    Report,
    /// Say nothing yet: the file is so new that it may be half of a copy that stalls. It is offered
    /// once more, when it has not changed for `report_after_ms`, or when it changes.
    Retry,
}

/// Turns snapshots of the guests folder into changes to act on.
///
/// - A file is offered once its [`Stamp`] has stayed the same for `quiet_ms`. While it grows, it is
///   not offered.
/// - A removal is offered once nothing in the folder has changed for `quiet_ms`, or
///   `removal_ms_max` after the file went away. So "remove, then write", or a folder that is
///   exchanged file by file, unloads no guest in between.
/// - In a folder that has taken the place of another, guests are not there yet: it is being filled,
///   perhaps slowly. A removal is offered once nothing at all in it has changed for
///   `filled_after_ms`, files that are no guests included: a guest may be copied under another name
///   first. What is new or edited does not wait for that.
/// - A folder that can't be read unloads nothing. It is about to be replaced, or its volume is away
///   for a moment, and guests from before serve better than none. To stop serving a guest, remove
///   its file.
/// - Each state is offered once. A file that changes and is back in its old state once it is quiet
///   is not offered.
///
/// Times are in milliseconds, of any clock that never goes back.
pub struct Debounce {
    limits: WatchLimits,
    guests: BTreeMap<String, Tracked<Vec<GuestFile>>>,
    /// The manifest, and the fingerprint of the files that it names.
    manifest: Tracked<(Option<Stamp>, u64)>,
    folder: Option<FolderId>,
    /// The fingerprint of the other files at the last look.
    others: u64,
    /// When something in the folder last changed.
    still_since_ms: u64,
    /// Whether the folder has replaced another, and has not been still for `filled_after_ms` since.
    filling: bool,
    /// When to look again. Set while the folder can't be read.
    unseen_until_ms: Option<u64>,
}

impl Debounce {
    /// Returns a debounce for a folder of which nothing is loaded: everything in it is offered once
    /// it is complete.
    #[cfg(test)]
    pub fn new(limits: WatchLimits) -> Debounce {
        Debounce::serving(limits, Snapshot::default(), 0)
    }

    /// Returns a debounce for a folder that was loaded. The snapshot has to be older than the
    /// loading, so that a write in between is noticed.
    pub fn serving(limits: WatchLimits, loaded: Snapshot, now_ms: u64) -> Debounce {
        let Snapshot { folder, guests, manifest, named, others } = loaded;
        let guests = guests
            .into_iter()
            .map(|(name, files)| (name, Tracked::offered(files, now_ms)))
            .collect();
        let manifest = Tracked::offered((manifest, named), now_ms);
        let still_since_ms = now_ms;
        Debounce {
            limits,
            guests,
            manifest,
            folder,
            others,
            still_since_ms,
            filling: false,
            unseen_until_ms: None,
        }
    }

    /// Takes what the folder holds now, and returns the changes to act on.
    pub fn observe(&mut self, snapshot: Snapshot, now_ms: u64) -> Changes {
        self.take_in(snapshot, now_ms);
        let mut changes = Changes::default();
        let folder = self.folder_state();
        for (name, tracked) in &mut self.guests {
            if tracked.offer(&folder, now_ms) {
                let (name, files) = (name.clone(), tracked.seen.clone());
                changes.guests.push(match files.is_empty() {
                    true => Change::Removed { name },
                    false => Change::Written { name, files },
                });
            }
        }
        changes.manifest = self.manifest.offer(&folder, now_ms);
        // A guest that was removed, and whose removal was offered, needs no memory.
        self.guests.retain(|_, tracked| !(tracked.seen.is_empty() && tracked.offered.is_empty()));
        changes
    }

    /// Takes note that the folder can't be read now. The next look is due in `poll_ms`, whether the
    /// watch reports a change or not.
    pub fn unseen(&mut self, now_ms: u64) {
        self.unseen_until_ms = Some(now_ms + self.limits.poll_ms);
    }

    /// Takes note that the guest that was just offered can't be loaded. In any case it is offered
    /// again when it changes.
    pub fn failed(&mut self, name: &str) -> AfterFailure {
        let report_after_ms = self.limits.report_after_ms;
        self.guests
            .get_mut(name)
            .map_or(AfterFailure::Report, |tracked| tracked.failed(report_after_ms))
    }

    /// Offers a guest once more, though its files have not changed, as soon as they have not changed
    /// for `report_after_ms`.
    pub fn try_again(&mut self, name: &str) {
        if let Some(tracked) = self.guests.get_mut(name).filter(|guest| !guest.seen.is_empty()) {
            tracked.must_retry = true;
        }
    }

    /// Takes note that the manifest that was just offered is invalid. In any case it is offered
    /// again when it changes.
    pub fn manifest_failed(&mut self) -> AfterFailure {
        self.manifest.failed(self.limits.report_after_ms)
    }

    /// Takes note of how the files looked that were read with the manifest that was just offered.
    pub fn read_named(&mut self, named: u64) {
        self.manifest.seen.1 = named;
        self.manifest.offered.1 = named;
    }

    /// Returns when to look at the folder again even if the watch reports nothing; it may be in the
    /// past. `None`: not before the watch reports something.
    pub fn next_look_ms(&self) -> Option<u64> {
        if self.unseen_until_ms.is_some() {
            return self.unseen_until_ms;
        }
        let folder = self.folder_state();
        let guests = self.guests.values().filter_map(|tracked| tracked.due_ms(&folder));
        // A look that finds the folder filled, so that a later removal is an ordinary one.
        let filled = self.filling.then_some(folder.filled_ms());
        guests.chain(self.manifest.due_ms(&folder)).chain(filled).min()
    }

    fn take_in(&mut self, snapshot: Snapshot, now_ms: u64) {
        let Snapshot { folder, guests: mut seen, manifest, named, others } = snapshot;
        // A folder that was away may be a new one with the number of the old: file systems use
        // numbers again.
        let was_unseen = self.unseen_until_ms.take().is_some();
        let is_another = was_unseen || folder != self.folder;
        self.folder = folder;
        for name in seen.keys() {
            if !self.guests.contains_key(name) {
                self.guests.insert(name.clone(), Tracked::offered(Vec::new(), now_ms));
            }
        }
        // A guest without files in this snapshot has the default state, an empty list: it was
        // removed.
        let others_move = others != std::mem::replace(&mut self.others, others);
        let mut moves = is_another || self.filling && others_move;
        for (name, tracked) in &mut self.guests {
            moves |= tracked.see(seen.remove(name).unwrap_or_default(), now_ms);
        }
        moves |= self.manifest.see((manifest, named), now_ms);
        if moves {
            self.still_since_ms = now_ms;
        }
        let is_filled = self.folder_state().filled_ms() <= now_ms;
        self.filling = is_another || self.filling && !is_filled;
    }

    fn folder_state(&self) -> FolderState {
        let Debounce { limits, still_since_ms, filling, .. } = *self;
        FolderState { limits, still_since_ms, filling }
    }
}

/// The state of the folder as a whole: when a removal is due depends on it.
struct FolderState {
    limits: WatchLimits,
    still_since_ms: u64,
    filling: bool,
}

impl FolderState {
    /// Returns when the folder is filled, if it is being filled and nothing changes any more.
    fn filled_ms(&self) -> u64 {
        self.still_since_ms + self.limits.filled_after_ms
    }
}

/// The state of one guest's files, or of the manifest. The default value of `T` means that there is
/// none.
struct Tracked<T> {
    /// The state at the last look.
    seen: T,
    /// When `seen` was first seen.
    since_ms: u64,
    /// The state that was offered last.
    offered: T,
    /// How long that state had stayed the same when it was offered.
    offered_after_ms: u64,
    /// Whether the offered state is to be offered once more: it could not be loaded, and that was
    /// not reported or may be different now.
    must_retry: bool,
}

impl<T: Default + PartialEq + Clone> Tracked<T> {
    fn offered(state: T, now_ms: u64) -> Tracked<T> {
        Tracked {
            seen: state.clone(),
            since_ms: now_ms,
            offered: state,
            offered_after_ms: 0,
            must_retry: false,
        }
    }

    /// Takes the state of this look. Returns whether it differs from that of the look before.
    fn see(&mut self, state: T, now_ms: u64) -> bool {
        let moves = state != self.seen;
        if moves {
            self.seen = state;
            self.since_ms = now_ms;
        }
        moves
    }

    /// Returns when the state is to be offered if nothing changes any more. `None`: it was offered
    /// already.
    fn due_ms(&self, folder: &FolderState) -> Option<u64> {
        let FolderState { limits, still_since_ms, filling } = folder;
        let still_ms = still_since_ms + limits.quiet_ms;
        match self.seen == self.offered {
            true => self.must_retry.then_some(self.since_ms + limits.report_after_ms),
            // Written.
            false if self.seen != T::default() => Some(self.since_ms + limits.quiet_ms),
            // Removed: sooner or later, depending on the folder.
            false if *filling => Some(folder.filled_ms()),
            false => Some(still_ms.min(self.since_ms + limits.removal_ms_max)),
        }
    }

    /// Returns whether the state is to be acted on now, and takes note that it was offered.
    fn offer(&mut self, folder: &FolderState, now_ms: u64) -> bool {
        let is_due = self.due_ms(folder).is_some_and(|due_ms| due_ms <= now_ms);
        if is_due {
            self.offered = self.seen.clone();
            self.offered_after_ms = now_ms - self.since_ms;
            self.must_retry = false;
        }
        is_due
    }

    fn failed(&mut self, report_after_ms: u64) -> AfterFailure {
        self.must_retry = self.offered_after_ms < report_after_ms;
        if self.must_retry { AfterFailure::Retry } else { AfterFailure::Report }
    }
}
