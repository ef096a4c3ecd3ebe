//! Who gets the loop next: the scheduler of one worker.
//!
//! A mechanism without I/O and without a clock: the worker tells it what has come and how much time
//! each slice took, and asks it for the [next](Schedule::next) one.
//!
//! - **Candidates.** New requests, suspensions that wait for their `resume`, calls whose wait in
//!   place is over, and calls whose time slice is over wait in a [queue](Queue) for each guest,
//!   under one rule. A *guest* is a version of one here.
//! - **Paces.** A call that has computed for longer than [`LONG_US`] is *slow*, and so is a route
//!   of which [`LONG_CALLS`] calls in a row have, until one of them has not. All else is *quick*. A
//!   turn lets quick candidates go first, for a while, and always gives slow ones a slice: so
//!   neither keeps the other waiting for long.
//! - **Time.** Within a pace, the guest goes first that has used the least time at it: see
//!   [`Lane`].
//! - **Places.** A call needs an instance to compute, and there are only so many: see [`Places`].
//! - **Deadlines.** A new request waits only for so long: see [`QueueDeadlines`].
//! - **Gates.** A guest may have a limit for its calls in the whole process: see [`Lines`].
//!
//! Guarantees: a quick candidate of a guest none of whose calls compute waits only for the slice
//! under way and for quick candidates of guests that have used less time; every candidate that has
//! a place gets its slice after finitely many slices of others; and
//! [`has_candidates`](Schedule::has_candidates) is false while nothing can run, so the worker
//! sleeps.
//!
//! Does not guarantee a place at once when more guests compute at one time than there are slots.

mod deadlines;
mod lanes;
mod lines;
mod next;
mod paces;
mod places;
mod queue;

use std::collections::VecDeque;

use snow_core::{GateId, Key};
use snow_runtime::{GuestRequest, RouteId, Slot, VersionId};

pub(crate) use self::deadlines::QueueDeadlines;
use self::lanes::Lane;
use self::lines::Lines;
pub(crate) use self::next::{Doors, Next};
pub(crate) use self::paces::Pace;
use self::paces::Paces;
use self::places::Places;
use self::queue::Queue;
pub(crate) use self::queue::Waiting;
use crate::context::{Callee, ExchangeRef, TURN};

#[cfg(doc)]
use self::paces::{LONG_CALLS, LONG_US};

/// A request that waits for its first call.
pub(crate) struct Queued {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
    pub request: Box<GuestRequest>,
}

/// What a slot's call runs for.
#[derive(Clone, Copy)]
pub(crate) struct Started {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
}

impl Started {
    pub fn callee(&self) -> Callee {
        (self.version, self.route)
    }
}

/// The calls of a worker: those that wait, and those that have an instance.
pub(crate) struct Schedule {
    /// By guest.
    queues: Vec<Queue>,
    /// By pace: the guests that may have something to run.
    lanes: [Lane; 2],
    lines: Lines,
    paces: Paces,
    places: Places,
    /// Guests that had candidates and no place for any of them when it was their turn.
    placeless: Vec<(VersionId, Pace)>,
    /// New requests in all queues.
    requests: usize,
    /// Requests that were over while they waited, since that was last looked for. Some of them may
    /// have had their turn.
    ended: usize,
    /// Resumptions in all queues.
    resumptions: usize,
    /// The pace of the slice under way.
    pace: Pace,
}

impl Schedule {
    /// Creates a schedule for so many calls that compute, and so many that wait in place beside
    /// them.
    pub fn new(running_max: u32, parked_max: u32) -> Schedule {
        Schedule {
            queues: Vec::new(),
            lanes: Default::default(),
            lines: Lines::default(),
            paces: Paces::default(),
            places: Places::new(running_max, parked_max),
            placeless: Vec::new(),
            requests: 0,
            ended: 0,
            resumptions: 0,
            pace: Pace::Quick,
        }
    }

    /// Returns how many calls wait or have an instance.
    pub fn len(&self) -> usize {
        self.requests + self.places.in_use()
    }

    /// Returns how many new requests wait.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Notes that a new request is over, which waits here until it is found out: its client has
    /// left, or it was refused.
    pub fn request_ended(&mut self) {
        self.ended += 1;
    }

    /// Takes out new requests that are over. Looks for them only if there are some.
    pub fn take_ended(&mut self, has_ended: impl Fn(&Queued) -> bool) -> Vec<Queued> {
        match std::mem::take(&mut self.ended) {
            0 => Vec::new(),
            _ => self.take_requests(has_ended),
        }
    }

    /// Takes out the new requests of a guest that are over and have no other before them. It costs
    /// in proportion to what it takes.
    pub fn take_ended_first(
        &mut self,
        version: VersionId,
        has_ended: impl Fn(&Queued) -> bool,
    ) -> Vec<Queued> {
        let Some(queue) = self.queues.get_mut(version.index()) else { return Vec::new() };
        let mut taken = Vec::new();
        for pace in [Pace::Quick, Pace::Slow] {
            let at = queue.at_mut(pace);
            while at.requests.front().is_some_and(&has_ended) {
                taken.extend(at.requests.pop_front());
            }
        }
        if let Some(gate) = queue.gate {
            taken.iter().for_each(|_| self.lines.leaves(gate));
        }
        self.requests -= taken.len();
        taken
    }

    /// Takes out new requests, whatever their turn.
    pub fn take_requests(&mut self, which: impl Fn(&Queued) -> bool) -> Vec<Queued> {
        let mut all = Vec::new();
        for queue in &mut self.queues {
            for pace in [Pace::Quick, Pace::Slow] {
                let at = queue.at_mut(pace);
                let requests = std::mem::take(&mut at.requests).into_iter();
                let (taken, kept): (VecDeque<_>, _) = requests.partition(|queued| which(queued));
                at.requests = kept;
                if let Some(gate) = queue.gate {
                    taken.iter().for_each(|_| self.lines.leaves(gate));
                }
                self.requests -= taken.len();
                all.extend(taken);
            }
        }
        all
    }

    /// Returns how many suspensions wait for their `resume`.
    pub fn resumptions(&self) -> usize {
        self.resumptions
    }

    /// Returns how many more quick requests of a guest are to be taken in for now. The others are
    /// better left with their connections: as many can start as one turn starts, or as there is
    /// room for, of `all_max`, beside those of other guests.
    ///
    /// Requests that can't start do not matter: that may last, and clients must learn in the end
    /// that there is no room (503).
    pub fn wanted(&self, version: VersionId, all_max: usize) -> usize {
        let queue = self.queues.get(version.index()).map(|queue| queue.at(Pace::Quick));
        let Some(at) = queue.filter(|at| at.is_listed) else { return TURN.starts_max };
        let room = all_max.saturating_sub(self.requests).max(usize::from(at.requests.is_empty()));
        TURN.starts_max.saturating_sub(at.requests.len()).min(room)
    }

    /// Returns whether calls of a route begin at the quick pace.
    pub fn is_quick(&self, callee: Callee) -> bool {
        self.paces.of(callee) == Pace::Quick
    }

    /// Returns whether there may be something to run. False if certainly nothing can.
    pub fn has_candidates(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.is_empty())
    }

    /// Returns whether another new request of this route may wait: of at most `own_max` of its
    /// guest and pace, and `all_max` in all. There may never be more of one guest and pace than
    /// there is room left, so whoever fills the queues leaves room for everybody else.
    pub fn has_room(&self, callee: Callee, own_max: usize, all_max: usize) -> bool {
        let pace = self.paces.of(callee);
        let queue = self.queues.get(callee.0.index());
        let own = queue.map_or(0, |queue| queue.at(pace).requests.len());
        own < own_max.min(all_max.saturating_sub(self.requests))
    }

    /// Queues a new request. `gate` is its guest's, if that has one.
    pub fn queue(&mut self, queued: Queued, gate: Option<GateId>) {
        let (version, pace) = (queued.version, self.paces.of((queued.version, queued.route)));
        let at = self.joins(version, gate).at_mut(pace);
        at.requests.push_back(queued);
        self.requests += 1;
        self.list(version, pace);
    }

    /// Queues a suspension that is over. `gate` is its guest's, if that has one.
    pub fn queue_resumption(&mut self, suspension: Key, callee: Callee, gate: Option<GateId>) {
        let pace = self.paces.of(callee);
        self.joins(callee.0, gate).at_mut(pace).resumptions.push_back((suspension, callee.1));
        self.resumptions += 1;
        self.list(callee.0, pace);
    }

    /// Returns the queue of a guest, for something that needs to enter its gate. The guest may have
    /// another gate than before, or none: then so have those that wait already.
    fn joins(&mut self, version: VersionId, gate: Option<GateId>) -> &mut Queue {
        if self.queues.len() <= version.index() {
            self.queues.resize_with(version.index() + 1, Queue::default);
        }
        let queue = &mut self.queues[version.index()];
        if queue.gate != gate {
            self.lines.moves(queue.gate, gate, queue.starts());
            queue.gate = gate;
        }
        self.lines.joins(gate);
        queue
    }

    /// Puts a guest among those that may have something to run at this pace, if it has.
    fn list(&mut self, version: VersionId, pace: Pace) {
        let Some(queue) = self.queues.get_mut(version.index()) else { return };
        let at = queue.at_mut(pace);
        if at.is_listed || at.is_empty() {
            return;
        }
        at.is_listed = true;
        self.lanes[pace.index()].enter(version, &mut at.used_us);
    }

    fn list_all(&mut self, guests: Vec<VersionId>) {
        for version in guests {
            self.list(version, Pace::Quick);
            self.list(version, Pace::Slow);
        }
    }

    /// Gives a call a free slot. `None` if there is none.
    pub fn start(&mut self, started: Started) -> Option<Slot> {
        self.places.start(self.queues.get_mut(started.version.index())?, started)
    }

    /// Returns what a slot's call runs or waits for.
    pub fn started(&self, slot: Slot) -> Option<Started> {
        self.places.call(slot).map(|call| call.started)
    }

    /// Counts the time that a call has used in the slice that is over.
    pub fn used(&mut self, slot: Slot, used_us: u64) {
        let Some(call) = self.places.call_mut(slot) else { return };
        self.paces.used(call, used_us);
        if let Some(queue) = self.queues.get_mut(call.started.version.index()) {
            queue.at_mut(self.pace).used_us += used_us;
        }
    }

    /// Notes that a call has more to compute.
    pub fn yielded(&mut self, slot: Slot) {
        let Some(call) = self.places.call_mut(slot) else { return };
        call.has_paused = true;
        let version = call.started.version;
        if let Some(queue) = self.queues.get_mut(version.index()) {
            queue.at_mut(Pace::Slow).yielded.push_back(slot);
        }
        self.list(version, Pace::Slow);
    }

    /// Notes that a call begins to wait in place. Once more calls do than may beside those that
    /// compute, their routes are slow: else they would take every place, and leave none to those
    /// whom they wait for.
    pub fn park(&mut self, slot: Slot) {
        let Some(call) = self.places.call_mut(slot) else { return };
        let callee = call.started.callee();
        if let Some(queue) = self.queues.get_mut(callee.0.index())
            && self.places.parks(queue, slot)
        {
            self.paces.make_slow(callee);
        }
        self.try_for_places();
    }

    /// Queues a call whose wait in place is over.
    pub fn unpark(&mut self, slot: Slot) {
        let Some(call) = self.places.call(slot) else { return };
        let (version, route) = call.started.callee();
        let pace = if call.is_long { Pace::Slow } else { self.paces.of((version, route)) };
        if let Some(queue) = self.queues.get_mut(version.index()) {
            queue.at_mut(pace).unparked.push_back(slot);
        }
        self.list(version, pace);
    }

    /// Frees the slot of a call that has ended, or was cancelled while it waited in place. Returns
    /// what it ran for.
    pub fn end(&mut self, slot: Slot) -> Option<Started> {
        let call = self.places.call(slot)?;
        self.paces.ended(call);
        let (started, has_paused) = (call.started, call.has_paused);
        self.places.end(self.queues.get_mut(started.version.index())?, slot);
        // A call that ends in its first slice has taken nothing away while others were refused.
        if has_paused {
            self.try_for_places();
        }
        Some(started)
    }

    fn try_for_places(&mut self) {
        for (version, pace) in std::mem::take(&mut self.placeless) {
            self.list(version, pace);
        }
    }

    /// Forgets a guest, whose number may name another one from now on. It has no calls; all that
    /// may be left are suspensions that have ended otherwise before their `resume` was called.
    pub fn forget(&mut self, version: VersionId) {
        self.paces.forget(version);
        let Some(queue) = self.queues.get_mut(version.index()).map(std::mem::take) else { return };
        self.resumptions -= queue.starts();
        self.lines.moves(queue.gate, None, queue.starts());
    }

    /// Notes that this worker was told that a gate has opened.
    pub fn gate_opened(&mut self, gate: GateId) {
        let guests = self.lines.opened(gate);
        self.list_all(guests);
    }

    /// Tries all gates again, since they may let through more now.
    pub fn try_all_gates(&mut self) {
        let guests = self.lines.try_all();
        self.list_all(guests);
    }

    /// Returns the gates that have opened in this turn and that nothing could enter: other workers
    /// may have their turn.
    pub fn take_unanswered_gates(&mut self) -> Vec<GateId> {
        self.lines.take_unanswered()
    }
}

#[cfg(test)]
mod tests;
