//! One version of a guest: what a file held when it was loaded, from its first request to its last.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use crate::load::guest::Guest;
use snow_config::Rollback;
use snow_runtime::VersionId;

/// A guest that has been loaded. It is freed when the last worker has let it go.
pub struct Version {
    /// The compiled guest.
    pub guest: Guest,
    /// Its name on every worker. Another version has it only once this one is freed.
    pub id: VersionId,
    /// It is the nth of its guest since the host started, from 1.
    pub nth: u32,
    /// When it was loaded.
    pub since: SystemTime,
    /// Whether it is good.
    pub trial: Trial,
}

/// The first calls of a version: if too many of them trap, the version before it is to serve again.
pub struct Trial {
    rollback: Rollback,
    calls: AtomicU32,
    traps: AtomicU32,
    /// No call is counted any more, so that workers do not write to one line of memory for ever.
    is_over: AtomicBool,
    is_withdrawn: AtomicBool,
}

/// What a trial has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The version before it is needed no more.
    Passed,
    /// Too many calls have trapped.
    Failed,
}

impl Trial {
    /// For a version that another one could take the place of.
    pub fn new(rollback: Rollback) -> Trial {
        Trial {
            rollback,
            calls: AtomicU32::new(0),
            traps: AtomicU32::new(0),
            is_over: AtomicBool::new(rollback == Rollback::Never),
            is_withdrawn: AtomicBool::new(false),
        }
    }

    /// A call has ended. What that decides, if it does: once, but for two calls that end on two threads at once, of which
    /// one may say that it has passed and the other that it has failed.
    pub fn ended(&self, trapped: bool) -> Option<Verdict> {
        let Rollback::After { traps, calls } = self.rollback else { return None };
        if self.is_over() {
            return None;
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let counts = trapped && call <= calls;
        let failed = counts && self.traps.fetch_add(1, Ordering::Relaxed) + 1 == traps;
        if failed || call >= calls {
            self.is_over.store(true, Ordering::Relaxed);
        }
        match failed {
            true => Some(Verdict::Failed),
            false => (call == calls).then_some(Verdict::Passed),
        }
    }

    /// Whether enough calls have been seen.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Guests that trapped while it lasted.
    pub fn traps(&self) -> u32 {
        self.traps.load(Ordering::Relaxed)
    }

    /// Another version serves in its place, since it trapped too often.
    pub fn withdraw(&self) {
        self.is_withdrawn.store(true, Ordering::Relaxed);
    }

    /// Whether it was withdrawn.
    pub fn is_withdrawn(&self) -> bool {
        self.is_withdrawn.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which call decides, and what.
    fn verdicts(rollback: Rollback, calls: &str) -> Vec<(usize, Verdict)> {
        let trial = Trial::new(rollback);
        let ended = |(index, call)| Some((index, trial.ended(call == b'x')?));
        calls.bytes().enumerate().filter_map(ended).collect()
    }

    #[test]
    fn a_version_fails_once_when_too_many_of_its_first_calls_trap() {
        let rollback = Rollback::After { traps: 2, calls: 5 };
        assert_eq!(verdicts(rollback, "xx"), [(1, Verdict::Failed)]);
        assert_eq!(verdicts(rollback, "...xxxxx"), [(4, Verdict::Failed)]);
        assert_eq!(verdicts(rollback, "x...xxxx"), [(4, Verdict::Failed)]);
        assert_eq!(verdicts(rollback, "x....xxxxx"), [(4, Verdict::Passed)]);
        assert_eq!(verdicts(rollback, "....xxxxx"), [(4, Verdict::Passed)]);
        assert_eq!(verdicts(rollback, "...."), []);
        assert_eq!(verdicts(Rollback::Never, "xxxxxxxx"), []);
    }

    #[test]
    fn a_trial_ends() {
        let trial = Trial::new(Rollback::After { traps: 2, calls: 2 });
        assert!(trial.ended(false).is_none() && !trial.is_over());
        assert!(trial.ended(true) == Some(Verdict::Passed) && trial.is_over());
        assert_eq!(trial.traps(), 1);
    }
}
