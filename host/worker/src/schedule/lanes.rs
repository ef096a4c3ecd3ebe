//! The order in which guests get slices of one pace: whoever has used the least time goes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use snow_runtime::VersionId;

/// The guests that may have something to run at one pace, by the time that they have used at it.
///
/// This is fair queueing by start time: the guest with the least time used gets the next slice, and
/// its time grows by that. A guest that comes back after it had nothing to run begins at the time
/// of the guest that was last chosen: it has saved nothing up, and owes nothing beyond its last
/// slice. So among `n` guests that always have something to run, each gets an `n`th of the time,
/// and one that asks for less than that is always among the first.
#[derive(Default)]
pub(super) struct Lane {
    /// The time used and the guest, the least first. A guest's time may have grown since it was put
    /// here, and the guest may be gone: the schedule looks at that when it takes an entry out.
    guests: BinaryHeap<Reverse<(u64, u64, VersionId)>>,
    /// The time used by the guest that was chosen last.
    now_us: u64,
    /// Numbers entries, so that of guests with equal times the one goes first that came first.
    entries: u64,
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    /// Puts in a guest that had nothing to run, or had just its slice.
    pub(super) fn enter(&mut self, version: VersionId, used_us: &mut u64) {
        *used_us = (*used_us).max(self.now_us);
        self.put_back(version, *used_us);
    }

    /// Puts a guest where its time has it.
    pub(super) fn put_back(&mut self, version: VersionId, used_us: u64) {
        self.entries += 1;
        self.guests.push(Reverse((used_us, self.entries, version)));
    }

    /// Takes out the guest that has used the least time, and the time that it had used when it was
    /// put in.
    pub(super) fn pop(&mut self) -> Option<(VersionId, u64)> {
        let Reverse((used_us, _, version)) = self.guests.pop()?;
        self.now_us = self.now_us.max(used_us);
        Some((version, used_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: VersionId = VersionId(1);
    const B: VersionId = VersionId(2);

    #[test]
    fn who_has_used_least_goes_first_and_absence_earns_nothing() {
        let mut lane = Lane::default();
        let (mut a, mut b) = (0, 0);
        lane.enter(A, &mut a);
        assert_eq!(lane.pop(), Some((A, 0)));
        a += 900;
        lane.enter(A, &mut a);
        lane.enter(B, &mut b);
        assert_eq!(lane.pop(), Some((B, 0)), "A was chosen at 0, so B begins there");
        b += 100;
        lane.enter(B, &mut b);
        assert_eq!(lane.pop(), Some((B, 100)));
        assert_eq!(lane.pop(), Some((A, 900)));
        assert_eq!((lane.pop(), lane.is_empty()), (None, true));

        lane.enter(A, &mut a);
        lane.enter(B, &mut b);
        assert_eq!((a, b), (900, 900), "B was away and has saved nothing up");
        assert_eq!(lane.pop(), Some((A, 900)), "of equals, the first to come");
    }
}
