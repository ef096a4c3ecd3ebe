//! One version of a guest: what a file held when it was loaded, from its first request to its last.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use super::module::Guest;
use crate::config::Rollback;

/// A guest that has been loaded. It is freed when the last worker has let it go.
pub struct Version {
    /// The compiled guest.
    pub guest: Guest,
    /// Names it on every worker. Another version has it only once this one is freed.
    pub number: u32,
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

    /// A call has ended. True if it is the one that decides that the version has failed.
    pub fn ended(&self, trapped: bool) -> bool {
        let Rollback::After { traps, calls } = self.rollback else { return false };
        if self.is_over() {
            return false;
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call >= calls {
            self.is_over.store(true, Ordering::Relaxed);
        }
        let counts = trapped && call <= calls;
        let failed = counts && self.traps.fetch_add(1, Ordering::Relaxed) + 1 == traps;
        if failed {
            self.is_over.store(true, Ordering::Relaxed);
        }
        failed
    }

    /// Whether enough calls have been seen.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Calls that trapped while it lasted.
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

    fn verdicts(rollback: Rollback, calls: &str) -> Vec<usize> {
        let trial = Trial::new(rollback);
        calls.bytes().enumerate().filter(|(_, call)| trial.ended(*call == b'x')).map(|(index, _)| index).collect()
    }

    #[test]
    fn a_version_fails_once_when_too_many_of_its_first_calls_trap() {
        let rollback = Rollback::After { traps: 2, calls: 5 };
        assert_eq!(verdicts(rollback, "xx"), [1]);
        assert_eq!(verdicts(rollback, "...xxxxx"), [4]);
        assert_eq!(verdicts(rollback, "x...xxxx"), [4]);
        assert_eq!(verdicts(rollback, "x....xxxxx"), Vec::<usize>::new());
        assert_eq!(verdicts(rollback, "....xxxxx"), Vec::<usize>::new());
        assert_eq!(verdicts(Rollback::Never, "xxxxxxxx"), Vec::<usize>::new());
    }

    #[test]
    fn a_trial_ends() {
        let trial = Trial::new(Rollback::After { traps: 2, calls: 2 });
        assert!(!trial.ended(false) && !trial.is_over());
        assert!(!trial.ended(true) && trial.is_over());
        assert_eq!(trial.traps(), 1);
    }
}
