//! A version of a guest: what a file held when it was loaded. And its trial, which the first calls
//! of a version are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use snow_config::Rollback;
use snow_runtime::{CompiledRoutes, Deployable, Route, VersionId};

use crate::load::guest::Guest;

/// A guest as it was loaded once. It is freed when the last worker has given it up.
pub struct Version {
    /// The guest.
    pub guest: Guest,
    /// The version's id on every worker. Another version may get the id once this one is freed.
    pub id: VersionId,
    /// The version's number among those of its guest since the host started, from 1. No other
    /// version of the guest has had it.
    pub nth: u32,
    /// When the guest was loaded.
    pub since: SystemTime,
    /// Whether the version has proven itself.
    pub trial: Trial,
}

impl Deployable for Version {
    fn id(&self) -> VersionId {
        self.id
    }

    fn declared(&self) -> &[Route] {
        &self.guest.routes
    }

    fn compiled(&self) -> &Arc<CompiledRoutes> {
        &self.guest.compiled
    }

    fn is_doubtful(&self) -> bool {
        !self.trial.is_over() && self.trial.traps() > 0
    }
}

/// The trial of a version by its first calls: if too many of them trap, the version before it
/// serves again.
pub struct Trial {
    rollback: Rollback,
    calls: AtomicU32,
    traps: AtomicU32,
    /// Whether enough calls have been counted. Then no more are: workers do not keep writing to one
    /// cache line.
    is_over: AtomicBool,
    /// Whether another version serves in the place of this one, because too many calls trapped.
    is_withdrawn: AtomicBool,
}

/// The result of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The version is good; the one before it is not needed any more.
    Passed,
    /// Too many calls have trapped: the version before it has to serve again.
    Failed,
}

impl Trial {
    /// Makes a trial by this rule. With [`Rollback::Never`] it is over from the start.
    pub fn new(rollback: Rollback) -> Trial {
        Trial {
            rollback,
            calls: AtomicU32::new(0),
            traps: AtomicU32::new(0),
            is_over: AtomicBool::new(rollback == Rollback::Never),
            is_withdrawn: AtomicBool::new(false),
        }
    }

    /// Counts a call that has ended. Returns the verdict, if this call decides it.
    ///
    /// There is one verdict, with one exception: of two calls that end at once on two threads, one
    /// may decide that the version has passed and the other that it has failed.
    pub(crate) fn ended(&self, trapped: bool) -> Option<Verdict> {
        let Rollback::After { traps, calls } = self.rollback else { return None };
        if self.is_over() {
            return None;
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let is_counted = trapped && call <= calls;
        let failed = is_counted && self.traps.fetch_add(1, Ordering::Relaxed) + 1 == traps;
        if failed || call >= calls {
            self.is_over.store(true, Ordering::Relaxed);
        }
        match failed {
            true => Some(Verdict::Failed),
            false => (call == calls).then_some(Verdict::Passed),
        }
    }

    /// Whether enough calls have been counted.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Returns how many calls trapped during the trial.
    pub fn traps(&self) -> u32 {
        self.traps.load(Ordering::Relaxed)
    }

    /// Notes that another version serves in the place of this one.
    pub fn withdraw(&self) {
        self.is_withdrawn.store(true, Ordering::Relaxed);
    }

    /// Whether another version serves in the place of this one.
    pub fn is_withdrawn(&self) -> bool {
        self.is_withdrawn.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns which calls decide (`x`: one that traps), and what.
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
