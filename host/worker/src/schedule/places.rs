//! Who may have an instance.
//!
//! There are as many *slots* as calls may compute and may wait in place; each holds one call with
//! its instance. A call *computes* from its first slice to its end, except while it waits in place:
//! then it takes a place among those that compute only if more wait so than may beside them.
//!
//! | who wants to compute | may |
//! |---|---|
//! | a quick call | if fewer than `running_max` calls of its guest compute |
//! | a slow call | if fewer calls compute than `running_max` without those reserved for quick ones |
//! | any call | if none of its guest's calls compute |
//!
//! By the last rule no guest holds up another: whatever the others do, each has one call that
//! computes. It may be one more than `running_max`; then it has the slot of a call that could wait
//! in place. The last slots are not for slow calls, and the very last one only for a guest without
//! any: so those whom all others wait for find a slot.

use snow_runtime::Slot;

use super::Started;
use super::paces::Pace;
use super::queue::Queue;

/// Slots that slow calls leave free: one for whoever settles what they wait for, and one for other
/// guests.
const SPARE_SLOTS: usize = 2;

/// A call that has a slot.
#[derive(Clone, Copy)]
pub(super) struct PlacedCall {
    pub started: Started,
    /// The time that it has used in all its slices.
    pub used_us: u64,
    /// Whether that is longer than a time slice.
    pub is_long: bool,
    /// Whether its first slice has ended without an end.
    pub has_paused: bool,
    /// Whether it waits in place, or waits for a place to go on after that.
    is_parked: bool,
}

/// The slots of a worker, and the rule for who gets one.
pub(super) struct Places {
    /// By slot.
    calls: Vec<Option<PlacedCall>>,
    free: Vec<Slot>,
    running_max: usize,
    /// Of those, places that slow calls leave free.
    reserved: usize,
    /// Slots that slow calls leave free.
    spare: usize,
    /// Calls that wait in place, or for a place to go on after that.
    parked: usize,
    parked_max: usize,
}

impl Places {
    pub(super) fn new(running_max: u32, parked_max: u32) -> Places {
        let slots = running_max + parked_max;
        Places {
            calls: vec![None; slots as usize],
            free: (0..slots).rev().map(Slot).collect(),
            running_max: running_max as usize,
            // A quarter; and one at least, unless it is the only one.
            reserved: (running_max as usize / 4).max(usize::from(running_max > 1)),
            spare: SPARE_SLOTS.min(slots as usize / 2),
            parked: 0,
            parked_max: parked_max as usize,
        }
    }

    /// Returns how many calls have a slot.
    pub(super) fn in_use(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    pub(super) fn call(&self, slot: Slot) -> Option<&PlacedCall> {
        self.calls[slot.index()].as_ref()
    }

    pub(super) fn call_mut(&mut self, slot: Slot) -> Option<&mut PlacedCall> {
        self.calls[slot.index()].as_mut()
    }

    /// Returns how many calls take a place among those that compute when so many wait in place.
    fn running(&self, parked: usize) -> usize {
        self.in_use() - parked.min(self.parked_max)
    }

    /// Returns whether a call of this guest may have a slot now.
    pub(super) fn may_start(&self, queue: &Queue, pace: Pace) -> bool {
        let (free, own) = (self.free.len(), queue.calls - queue.parked);
        match pace {
            Pace::Quick => {
                let has_slot = free > 1 || free > 0 && (queue.calls == 0 || self.spare < 2);
                has_slot && own < self.running_max
            }
            Pace::Slow => {
                let has_place = self.running(self.parked) < self.running_max - self.reserved;
                free > self.spare && (has_place || own == 0)
            }
        }
    }

    /// Returns whether a call of this guest may go on whose wait in place is over.
    pub(super) fn may_unpark(&self, queue: &Queue, pace: Pace) -> bool {
        let own = queue.calls - queue.parked;
        let running = self.running(self.parked.saturating_sub(1));
        match pace {
            Pace::Quick => own < self.running_max,
            Pace::Slow => own == 0 || running <= self.running_max - self.reserved,
        }
    }

    /// Gives a call a slot.
    pub(super) fn start(&mut self, queue: &mut Queue, started: Started) -> Option<Slot> {
        let slot = self.free.pop()?;
        queue.calls += 1;
        self.calls[slot.index()] = Some(PlacedCall {
            started,
            used_us: 0,
            is_long: false,
            has_paused: false,
            is_parked: false,
        });
        Some(slot)
    }

    /// Notes that a call begins to wait in place. Returns whether more do now than may beside those
    /// that compute.
    pub(super) fn parks(&mut self, queue: &mut Queue, slot: Slot) -> bool {
        if let Some(call) = self.call_mut(slot) {
            (call.is_parked, call.has_paused) = (true, true);
            queue.parked += 1;
            self.parked += 1;
        }
        self.parked > self.parked_max
    }

    /// Notes that a call goes on that has waited in place.
    pub(super) fn unparks(&mut self, queue: &mut Queue, slot: Slot) {
        if let Some(call) = self.call_mut(slot).filter(|call| call.is_parked) {
            call.is_parked = false;
            queue.parked -= 1;
            self.parked -= 1;
        }
    }

    /// Frees the slot of a call.
    pub(super) fn end(&mut self, queue: &mut Queue, slot: Slot) {
        self.unparks(queue, slot);
        if self.calls[slot.index()].take().is_some() {
            queue.calls -= 1;
            self.free.push(slot);
        }
    }
}
