//! The room that an executor has for another job.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The room that an executor has for another job.
pub(super) struct Room {
    /// Whether there is none for anybody.
    pub is_full: bool,
    /// How many jobs each guest has here: those that compute, and all of them.
    guests: BTreeMap<Arc<str>, (usize, usize)>,
    /// How many of them a guest may have at most before another one begins.
    own_max: (usize, usize),
}

impl Room {
    /// Returns the room beside these jobs, each with its guest and with whether it computes, of an
    /// executor that has `slots` jobs at most, of which `running_max` compute.
    pub fn of<'j>(
        jobs: impl Iterator<Item = (&'j Arc<str>, bool)>,
        slots: usize,
        running_max: usize,
    ) -> Room {
        let mut guests: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        let (mut running, mut all) = (0, 0);
        for (guest, computes) in jobs {
            let computes = usize::from(computes);
            let own = guests.entry(guest.clone()).or_default();
            *own = (own.0 + computes, own.1 + 1);
            (running, all) = (running + computes, all + 1);
        }
        // The last place for a job that computes is left to other guests, and so are as many places
        // as may compute if all jobs of a guest wait.
        let own_running_max = running_max.saturating_sub(1).max(1);
        let own_max = (own_running_max, slots.saturating_sub(running_max).max(own_running_max));
        Room { is_full: running >= running_max || all >= slots, guests, own_max }
    }

    /// Returns whether a job of this guest may begin.
    pub fn has_one_for(&self, guest: &str) -> bool {
        let (running, all) = self.guests.get(guest).copied().unwrap_or_default();
        !self.is_full && running < self.own_max.0 && all < self.own_max.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns for which of two guests there is room beside so many jobs of the first one that
    /// compute, and that wait, in an executor of 12 slots of which 4 compute.
    fn has_room(computing: usize, waiting: usize) -> (bool, bool) {
        let own: Arc<str> = "a".into();
        let jobs = (0..computing + waiting).map(|number| (&own, number < computing));
        let room = Room::of(jobs, 12, 4);
        (room.has_one_for("a"), room.has_one_for("b"))
    }

    #[test]
    fn a_guest_leaves_places_to_others() {
        assert_eq!((has_room(0, 0), has_room(2, 5)), ((true, true), (true, true)));
        assert_eq!((has_room(3, 0), has_room(4, 0)), ((false, true), (false, false)));
        assert_eq!((has_room(0, 7), has_room(0, 8)), ((true, true), (false, true)));
        assert_eq!(has_room(0, 12), (false, false));
    }

    #[test]
    fn an_executor_of_one_place_has_it_for_anybody() {
        let room = Room::of(std::iter::empty(), 1, 1);
        assert!(room.has_one_for("a"));
    }
}
