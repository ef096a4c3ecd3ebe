//! The room that an executor has for another job.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The room that an executor has for another job.
///
/// Most of it is for whoever comes first. What is left of it is for guests that have no job here, one
/// for each: so a guest's jobs wait for those of others only if as many guests as there are such
/// places have jobs that do not end.
pub(super) struct Room {
    /// Whether there is none for anybody.
    pub is_full: bool,
    /// Whether there is some for a guest that has jobs here.
    has_more: bool,
    /// How many jobs each guest has here that compute.
    guests: BTreeMap<Arc<str>, usize>,
    /// How many of them a guest may have at most before another one begins.
    own_running_max: usize,
}

impl Room {
    /// Returns the room beside these jobs, each with its guest and with whether it computes, of an
    /// executor that has `slots` jobs at most, of which `running_max` compute.
    pub fn of<'j>(
        jobs: impl Iterator<Item = (&'j Arc<str>, bool)>,
        slots: usize,
        running_max: usize,
    ) -> Room {
        let mut guests = BTreeMap::new();
        let (mut running, mut all) = (0, 0);
        for (guest, computes) in jobs {
            let computes = usize::from(computes);
            *guests.entry(guest.clone()).or_default() += computes;
            (running, all) = (running + computes, all + 1);
        }
        // As many places as may compute are left to guests that have none. Their first jobs compute
        // beside those that may: time has no places, and is shared in turns.
        let own_running_max = running_max.saturating_sub(1).max(1);
        let shared = slots.saturating_sub(running_max).max(own_running_max);
        let has_more = running < running_max && all < shared;
        Room { is_full: all >= slots, has_more, guests, own_running_max }
    }

    /// Returns whether a job of this guest may begin.
    pub fn has_one_for(&self, guest: &str) -> bool {
        match self.guests.get(guest) {
            None => !self.is_full,
            Some(running) => self.has_more && *running < self.own_running_max,
        }
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
        assert_eq!((has_room(3, 0), has_room(4, 0)), ((false, true), (false, true)));
        assert_eq!((has_room(0, 7), has_room(0, 8)), ((true, true), (false, true)));
        assert_eq!(has_room(0, 12), (false, false));
    }

    #[test]
    fn two_guests_leave_places_to_a_third() {
        for computes in [true, false] {
            let guests: [Arc<str>; 2] = ["a".into(), "b".into()];
            let mut jobs: Vec<(&Arc<str>, bool)> = Vec::new();
            // Whatever they can get.
            while let Some(guest) =
                guests.iter().find(|guest| Room::of(jobs.iter().copied(), 12, 4).has_one_for(guest))
            {
                jobs.push((guest, computes));
            }
            let room = Room::of(jobs.iter().copied(), 12, 4);
            assert!(room.has_one_for("c"), "beside {}", jobs.len());
        }
    }

    #[test]
    fn an_executor_of_one_place_has_it_for_anybody() {
        let room = Room::of(std::iter::empty(), 1, 1);
        assert!(room.has_one_for("a"));
    }
}
