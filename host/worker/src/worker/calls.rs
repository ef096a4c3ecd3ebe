//! Calls into guests: started while there are places, one time slice after another, to their end.

use snow_core::{GateId, Key};
use snow_http::Progress;
use snow_runtime::{Call, CallEnd, CallEntry, CallFault, Guests, Outcome, Ran, Slot, World};

use super::Worker;
use crate::context::TURN;
use crate::schedule::{Entered, Next, Queued, Started, Waiting};

/// How long starting calls may go on in one turn: calls that compute end it after one time slice.
const STARTING_MS_MAX: u64 = 1;

impl<W: World, C: Guests> Worker<W, C> {
    /// Gives started calls their next time slice, and starts others while there are places. Both
    /// end early in a turn in which a guest computes.
    pub(super) fn run_calls(&mut self) {
        let began_ms = self.world.now_ms();
        for _ in 0..self.schedule.runnables() {
            let Some(slot) = self.schedule.next_runnable() else { break };
            let ran = self.guests.poll(slot);
            self.ran(slot, ran);
            if self.world.now_ms() > began_ms {
                break;
            }
        }
        for _ in 0..TURN.starts_max {
            if self.schedule.places() == 0
                || !self.start_one()
                || self.world.now_ms() > began_ms + STARTING_MS_MAX
            {
                break;
            }
        }
        for gate in self.schedule.take_unanswered_gates() {
            self.guests.give_up(gate);
        }
    }

    /// Starts the next call. Returns false if there is none.
    fn start_one(&mut self) -> bool {
        let Worker { schedule, suspensions, .. } = self;
        let Some(next) = schedule.next(|key| suspensions.callee(key)) else { return false };
        match next {
            Next::Request(queued) => self.start_request(queued),
            Next::Resumption(suspension) => self.start_resumption(suspension),
            Next::Gate(gate) => self.start_gated(gate),
        }
        true
    }

    fn start_request(&mut self, queued: Queued) {
        let Queued { exchange, version, route, request } = queued;
        self.start(Started { exchange, version, route }, CallEntry::Handle(request));
    }

    fn start_resumption(&mut self, suspension: Key) {
        if let Some((started, entry)) =
            self.suspensions.resume(suspension, &self.cx, &mut self.timers)
        {
            self.start(started, entry);
        }
    }

    /// Lets the next call enter its guest's gate. If that is full, this worker stands in line.
    fn start_gated(&mut self, gate: GateId) {
        let Some(first) = self.schedule.first_at(gate) else { return };
        // A call whose client has left needs no instance, and so does not wait for one.
        let is_wanted = match first {
            Waiting::Request(queued) => self.clients.exchange(queued.exchange).is_some(),
            Waiting::Resumption { suspension, .. } => self.suspensions.get(suspension).is_some(),
        };
        if is_wanted && !self.guests.enter(first.callee().0) {
            return self.schedule.stands_in_line(gate);
        }
        match self.schedule.enter(gate) {
            Some(Entered::Request(queued)) => self.start_request(queued),
            Some(Entered::Resumption(suspension)) => self.start_resumption(suspension),
            None => {}
        }
    }

    fn start(&mut self, started: Started, entry: CallEntry) {
        let Started { exchange, version, route } = started;
        let Some(current) = self.clients.exchange_mut(exchange) else {
            // The client has left: the call is not needed any more.
            if let CallEntry::Resume { arrivals, .. } = entry {
                self.release_all(arrivals.into_iter().map(|arrival| arrival.handle));
            }
            return self.let_go(version);
        };
        let Some(slot) = self.schedule.start(started) else { return self.let_go(version) };
        current.progress = Progress::Running;
        let request_id = current.id.clone();
        let call = Call { version, route, request_id, entry, now_ms: self.world.now_ms() };
        self.cx.stats.route(started.callee()).inspect(|route| route.calls.add(1));
        let ran = self.guests.start(slot, call);
        match ran {
            Ran::Ended(_) => self.schedule.classify(started.callee(), true),
            Ran::Yielded => self.schedule.classify(started.callee(), false),
            Ran::Parked(_) => {}
        }
        self.ran(slot, ran);
    }

    /// Goes on with a call after a time slice.
    fn ran(&mut self, slot: Slot, ran: Ran) {
        match ran {
            Ran::Ended(end) => self.call_ended(slot, end),
            Ran::Yielded => {}
            Ran::Parked(wait) => self.park(slot, wait),
        }
    }

    fn call_ended(&mut self, slot: Slot, end: CallEnd) {
        let Some(started) = self.schedule.end(slot) else { return };
        // Released first: a settlement that the call let go of may pass on to others, and none of
        // these may count as waiting.
        self.release_all(end.leftover.into_iter());
        match end.outcome {
            Ok(Outcome::Respond(response)) => {
                self.answer(started.exchange, Some(started.version), &response);
                self.let_go(started.version);
            }
            Ok(Outcome::Suspend(suspend)) => self.suspend(started, suspend, end.request),
            Err(fault) => {
                self.call_failed(started, &fault);
                self.let_go(started.version);
            }
        }
    }

    fn call_failed(&mut self, started: Started, fault: &CallFault) {
        if let Some(route) = self.cx.stats.route(started.callee()) {
            match fault {
                CallFault::Trapped(_) | CallFault::Withdrawn(_) => route.traps.add(1),
                CallFault::Start(_) => route.start_failures.add(1),
            }
        }
        let guest = self.guests.guest_name(started.version);
        let exchange = self.clients.exchange(started.exchange);
        let about = exchange
            .map(|exchange| format!("id={} \"{}\"", exchange.id, exchange.label))
            .unwrap_or_default();
        let message =
            format!("guest={guest} route={} {about}: the call failed: {fault}", started.route);
        self.cx.log_error(message);
        self.answer(started.exchange, Some(started.version), &fault.response());
    }
}
