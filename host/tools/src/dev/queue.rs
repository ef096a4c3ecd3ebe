//! Decides which folders are built next, and when. A burst of writes is one build, and a build that
//! writes into its own sources does not start again at once for ever.
//!
//! There is no clock here: the time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use snow_config::WatchLimits;

/// The time without a change after which a folder is built.
const DEBOUNCE_MS: u64 = 100;
/// The time after its first change at which a folder is built although it is still changing.
const DEBOUNCE_MS_MAX: u64 = 2_000;
/// The time after a build in which a change of the folder may be the build's own: the watch reports
/// it late.
const ECHO_MS: u64 = WatchLimits::DEFAULT.poll_ms + 2 * WatchLimits::DEFAULT.rest_ms;
/// The number of builds in a row that may each change their own folder before the next one has to
/// wait.
const ECHOES_MAX: u32 = 3;
/// The time that it then waits. It is still built, but does not keep the machine busy.
const ECHO_REST_MS: u64 = 5_000;

/// The folders that wait to be built. There are at most as many as source folders.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<OsString, ChangedFolder>,
    /// The folders of the last build.
    taken: BTreeSet<OsString>,
    /// The time at which the last build ended. `None` while it runs.
    ended_ms: Option<u64>,
    /// The number of times in a row that a folder has changed only while it was built.
    echoes: BTreeMap<OsString, u32>,
}

/// A folder that has changed.
#[derive(Debug)]
struct ChangedFolder {
    /// The time of the first change.
    first_ms: u64,
    /// The time of the last change.
    last_ms: u64,
    /// Whether it has changed too often in a row while it was built.
    is_echo: bool,
}

impl ChangedFolder {
    /// Returns the time at which the folder is built: when it has not changed for a moment, or has
    /// been changing for too long.
    fn due_ms(&self) -> u64 {
        if self.is_echo {
            return self.first_ms + ECHO_REST_MS;
        }
        (self.last_ms + DEBOUNCE_MS).min(self.first_ms + DEBOUNCE_MS_MAX)
    }
}

impl Queue {
    /// Adds a folder that has changed. If it is being built, it will be built once more. Returns
    /// `true` if its builds wait longer from now on, because each seems to write into the folder.
    pub fn changed(&mut self, name: OsString, now_ms: u64) -> bool {
        if let Some(waiting) = self.waiting.get_mut(&name) {
            waiting.last_ms = now_ms;
            return false;
        }
        // The watch reports a build's last writes a little after the build's end.
        let is_over = self.ended_ms.is_some_and(|ended_ms| now_ms >= ended_ms + ECHO_MS);
        let echoes = match self.taken.contains(&name) && !is_over {
            true => self.echoes.get(&name).map_or(1, |echoes| echoes.saturating_add(1)),
            false => 0,
        };
        self.echoes.insert(name.clone(), echoes);
        self.waiting.insert(
            name,
            ChangedFolder { first_ms: now_ms, last_ms: now_ms, is_echo: echoes > ECHOES_MAX },
        );
        echoes == ECHOES_MAX + 1
    }

    /// Returns the time at which the next folder is due.
    pub fn due_ms(&self) -> Option<u64> {
        self.waiting.values().map(ChangedFolder::due_ms).min()
    }

    /// Takes the folders that are due. The caller builds them, and calls [`Queue::ended`]
    /// afterwards.
    pub fn take(&mut self, now_ms: u64) -> BTreeSet<OsString> {
        let due = |waiting: &ChangedFolder| waiting.due_ms() <= now_ms;
        self.taken = self
            .waiting
            .iter()
            .filter(|(_, waiting)| due(waiting))
            .map(|(name, _)| name.clone())
            .collect();
        self.waiting.retain(|name, _| !self.taken.contains(name));
        self.ended_ms = None;
        self.taken.clone()
    }

    /// Notes that the folders taken last have been built.
    pub fn ended(&mut self, now_ms: u64) {
        self.ended_ms = Some(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<OsString> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn a_burst_is_one_build() {
        let mut queue = Queue::default();
        assert_eq!(queue.due_ms(), None);
        for now_ms in [0, 40, 90] {
            queue.changed("a".into(), now_ms);
        }
        assert_eq!(queue.due_ms(), Some(190));
        assert_eq!(queue.take(189), names(&[]));
        assert_eq!(queue.take(190), names(&["a"]));
        assert_eq!(queue.due_ms(), None);
    }

    #[test]
    fn a_folder_that_never_stops_changing_is_built() {
        let mut queue = Queue::default();
        let built = (0..5_000).step_by(50).find(|now_ms| {
            queue.changed("a".into(), *now_ms);
            !queue.take(*now_ms).is_empty()
        });
        assert_eq!(built, Some(DEBOUNCE_MS_MAX));
    }

    #[test]
    fn changes_during_a_build_are_one_more_build() {
        let mut queue = Queue::default();
        queue.changed("a".into(), 0);
        queue.changed("b".into(), 50);
        assert_eq!(queue.take(100), names(&["a"]));
        for now_ms in 200..900 {
            assert!(!queue.changed("a".into(), now_ms));
        }
        queue.ended(1_000);
        assert_eq!(queue.take(1_000), names(&["a", "b"]));
        queue.ended(1_100);
        assert_eq!(queue.due_ms(), None);
    }

    #[test]
    fn a_build_that_writes_into_its_own_sources_is_not_begun_again_at_once() {
        let mut queue = Queue::default();
        let mut reported = Vec::new();
        queue.changed("a".into(), 0);
        for build in 0..ECHOES_MAX + 4 {
            let now_ms = queue.due_ms().unwrap();
            assert_eq!(queue.take(now_ms), names(&["a"]));
            queue.ended(now_ms + 10);
            if queue.changed("a".into(), now_ms + 60) {
                reported.push(build);
            }
            let waits_ms = if build < ECHOES_MAX { DEBOUNCE_MS } else { ECHO_REST_MS };
            assert_eq!(queue.due_ms(), Some(now_ms + 60 + waits_ms), "{build}");
        }
        assert_eq!(reported, [ECHOES_MAX], "it is reported once");
        let now_ms = queue.due_ms().unwrap();
        queue.changed("b".into(), now_ms - 50);
        assert_eq!(queue.take(now_ms), names(&["a"]), "others are not kept waiting");
        queue.ended(now_ms);
        // A later change is not an echo.
        queue.changed("a".into(), now_ms + ECHO_MS);
        assert_eq!(queue.due_ms(), Some(now_ms + 50));
        assert_eq!(queue.take(now_ms + ECHO_MS + DEBOUNCE_MS), names(&["a", "b"]));
    }
}
