//! Which folders are built next, and when: a burst of writes is one build, and a build that writes into its own
//! sources is not begun again at once for ever.
//!
//! No clock here: the time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::{DEBOUNCE_MS, DEBOUNCE_MS_MAX, ECHO_MS, ECHO_REST_MS, ECHOES_MAX};

/// What waits to be built; at most as much as there are folders.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<OsString, Waiting>,
    /// Folders that were taken last.
    taken: BTreeSet<OsString>,
    /// When that build ended. None: it is under way.
    ended_ms: Option<u64>,
    /// How often in a row a folder has changed only while it was built.
    echoes: BTreeMap<OsString, u32>,
}

/// A folder that has changed.
#[derive(Debug)]
struct Waiting {
    first_ms: u64,
    last_ms: u64,
    /// It has changed while it was built, too often.
    is_echo: bool,
}

impl Waiting {
    /// When nothing has changed for a moment, or it has gone on for too long.
    fn due_ms(&self) -> u64 {
        if self.is_echo {
            return self.first_ms + ECHO_REST_MS;
        }
        (self.last_ms + DEBOUNCE_MS).min(self.first_ms + DEBOUNCE_MS_MAX)
    }
}

impl Queue {
    /// Something in this folder has changed. While the folder is built, one more build of it waits. True if that waits for
    /// longer from now on, since each build seems to write into the folder.
    pub fn changed(&mut self, name: OsString, now_ms: u64) -> bool {
        if let Some(waiting) = self.waiting.get_mut(&name) {
            waiting.last_ms = now_ms;
            return false;
        }
        // A watch tells of a build's last writes a little later.
        let is_over = self.ended_ms.is_some_and(|ended_ms| now_ms >= ended_ms + ECHO_MS);
        let echoes = match self.taken.contains(&name) && !is_over {
            true => self.echoes.get(&name).map_or(1, |echoes| echoes.saturating_add(1)),
            false => 0,
        };
        self.echoes.insert(name.clone(), echoes);
        self.waiting.insert(name, Waiting { first_ms: now_ms, last_ms: now_ms, is_echo: echoes > ECHOES_MAX });
        echoes == ECHOES_MAX + 1
    }

    /// When something is to be taken.
    pub fn due_ms(&self) -> Option<u64> {
        self.waiting.values().map(Waiting::due_ms).min()
    }

    /// Takes what is due, to be built at once. [`Queue::ended`] has to be called afterwards.
    pub fn take(&mut self, now_ms: u64) -> BTreeSet<OsString> {
        let due = |waiting: &Waiting| waiting.due_ms() <= now_ms;
        self.taken = self.waiting.iter().filter(|(_, waiting)| due(waiting)).map(|(name, _)| name.clone()).collect();
        self.waiting.retain(|name, _| !self.taken.contains(name));
        self.ended_ms = None;
        self.taken.clone()
    }

    /// What was taken has been built.
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
    fn what_never_rests_is_built_all_the_same() {
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
        let mut said = Vec::new();
        queue.changed("a".into(), 0);
        for build in 0..ECHOES_MAX + 4 {
            let now_ms = queue.due_ms().unwrap();
            assert_eq!(queue.take(now_ms), names(&["a"]));
            queue.ended(now_ms + 10);
            if queue.changed("a".into(), now_ms + 60) {
                said.push(build);
            }
            let waits_ms = if build < ECHOES_MAX { DEBOUNCE_MS } else { ECHO_REST_MS };
            assert_eq!(queue.due_ms(), Some(now_ms + 60 + waits_ms), "{build}");
        }
        assert_eq!(said, [ECHOES_MAX], "it is said once");
        let now_ms = queue.due_ms().unwrap();
        queue.changed("b".into(), now_ms - 50);
        assert_eq!(queue.take(now_ms), names(&["a"]), "others are not kept waiting");
        queue.ended(now_ms);
        // Somebody's own change, later.
        queue.changed("a".into(), now_ms + ECHO_MS);
        assert_eq!(queue.due_ms(), Some(now_ms + 50));
        assert_eq!(queue.take(now_ms + ECHO_MS + DEBOUNCE_MS), names(&["a", "b"]));
    }
}
