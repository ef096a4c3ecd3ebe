//! A new deployment takes the place of the one that serves.
//!
//! The router and the guests are swapped at once. What is queued, runs or is suspended goes on with the version that it
//! began with, which [`Guests::hold`] keeps here until its last request has ended.

use super::{TURN, Worker};
use snow_runtime::{Guests, VersionId, World};

/// A version of a guest, too old to be kept, and how far its suspensions have been ended.
pub(crate) struct Expelled {
    version: VersionId,
    /// The next suspension to be looked at, by slot.
    next: u32,
}

impl<W: World, C: Guests> Worker<W, C> {
    pub(crate) fn adopt(&mut self) {
        let Some(redeployed) = self.guests.adopt() else { return };
        self.shared.limits = redeployed.limits;
        self.shared.access_log = redeployed.access_log;
        for version in redeployed.gone {
            self.forget(version);
        }
        // They may let more through now.
        self.calls.gated.try_all();
    }

    /// From now on nothing is suspended for this version. What is already is looked for over the next turns.
    pub(crate) fn expel(&mut self, version: VersionId) {
        if self.guests.expel(version) {
            self.expelled.push_back(Expelled { version, next: 0 });
        }
    }

    /// One turn's share of looking for what is suspended for expelled versions.
    pub(crate) fn go_on_expelling(&mut self) {
        let Some(Expelled { version, mut next }) = self.expelled.pop_front() else { return };
        for _ in 0..TURN.timers_max {
            let Some(key) = self.suspensions.next_from(next) else { return };
            next = key.slot + 1;
            if self.suspensions.get(key).is_some_and(|suspension| suspension.call().0 == version) {
                self.refuse_held(key);
            }
        }
        self.expelled.push_front(Expelled { version, next });
    }

    /// A request of this version has ended here.
    pub(crate) fn let_go(&mut self, version: VersionId) {
        self.tally.let_go(version);
        if self.guests.let_go(version) {
            self.forget(version);
        }
    }

    /// A version's id means nothing any more.
    fn forget(&mut self, version: VersionId) {
        self.calls.forget(version);
        self.tally.forget(version);
    }
}
