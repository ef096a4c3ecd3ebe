//! A new deployment takes the place of the one that serves.
//!
//! The router and the guests are swapped at once. What is queued, runs or is suspended goes on with the version that it
//! began with, which [`Calls::hold`] keeps here until its last request has ended.

use super::{TURN, Worker};
use snow_runtime::{Calls, World};

/// A version of a guest, too old to be kept, and how far its suspensions have been ended.
pub(super) struct Expelled {
    guest: u32,
    /// The next suspension to be looked at, by slot.
    next: u32,
}

impl<W: World, C: Calls> Worker<W, C> {
    pub(super) fn redeploy(&mut self) {
        let Some(redeployed) = self.guests.redeploy() else { return };
        self.shared.limits = redeployed.limits;
        self.shared.access_log = redeployed.access_log;
        for guest in redeployed.gone {
            self.forget(guest);
        }
        // They may let more through now.
        self.calls.gated.try_all();
    }

    /// From now on nothing is suspended for this guest. What is already is looked for over the next turns.
    pub(super) fn expel(&mut self, guest: u32) {
        if self.guests.expel(guest) {
            self.expelled.push_back(Expelled { guest, next: 0 });
        }
    }

    /// One turn's share of looking for what is suspended for expelled guests.
    pub(super) fn go_on_expelling(&mut self) {
        let Some(Expelled { guest, mut next }) = self.expelled.pop_front() else { return };
        for _ in 0..TURN.timers_max {
            let Some(key) = self.suspensions.next_from(next) else { return };
            next = key.slot + 1;
            if self.suspensions.get(key).is_some_and(|suspension| suspension.call().0 == guest) {
                self.refuse_held(key);
            }
        }
        self.expelled.push_front(Expelled { guest, next });
    }

    /// A request of this guest has ended here.
    pub(super) fn let_go(&mut self, guest: u32) {
        self.tally.let_go(guest);
        if self.guests.let_go(guest) {
            self.forget(guest);
        }
    }

    /// A guest's number means nothing any more.
    fn forget(&mut self, guest: u32) {
        self.calls.forget(guest);
        self.tally.forget(guest);
    }
}
