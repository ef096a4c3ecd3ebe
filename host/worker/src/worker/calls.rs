//! Calls into guests: started while there are places, one time slice after another, to their end.

use snow_http::Progress;
use snow_runtime::{
    Call, CallEnd, CallEntry, CallFault, Guests, Outcome, Ran, Slot, VersionId, World,
};

use super::Worker;
use crate::clients::ClientTable;
use crate::context::TURN;
use crate::schedule::{Doors, Next, Pace, Queued, Started, Waiting};
use crate::stats::CallRefusal;
use crate::suspensions::SuspensionTable;

impl<W: World, C: Guests> Worker<W, C> {
    /// Gives the loop to calls for one turn's time: to quick ones, and then to slow ones for one
    /// time slice, or for several short ones. Each may exceed its time by its last slice.
    pub(super) fn run_calls(&mut self) {
        let mut now_us = self.world.now_us();
        for (pace, us_max) in [(Pace::Quick, TURN.quick_us_max), (Pace::Slow, TURN.slow_us_max)] {
            let began_us = now_us;
            for _ in 0..TURN.starts_max {
                if now_us - began_us >= us_max || !self.run_one(pace, now_us) {
                    break;
                }
                now_us = self.world.now_us();
            }
        }
        for gate in self.schedule.take_unanswered_gates() {
            self.guests.give_up(gate);
        }
    }

    /// Gives the next call a time slice. Returns false if there is none.
    fn run_one(&mut self, pace: Pace, now_us: u64) -> bool {
        let Worker { schedule, clients, suspensions, guests, .. } = self;
        let Some(next) = schedule.next(pace, &mut AtTheDoors { clients, suspensions, guests })
        else {
            return false;
        };
        match next {
            Next::Request(queued) => {
                let Queued { exchange, version, route, request } = queued;
                let started = Started { exchange, version, route };
                self.queue_deadlines.ended(exchange, &mut self.timers);
                self.start(started, CallEntry::Handle(request), now_us);
            }
            Next::Resumption(suspension) => {
                let resumed =
                    self.suspensions.resume(suspension, now_us / 1_000, &self.cx, &mut self.timers);
                if let Some((started, entry)) = resumed {
                    self.start(started, entry, now_us);
                }
            }
            Next::Yielded(slot) if self.lifecycle.is_closing() => self.refuse_running(slot),
            Next::Unparked(slot) | Next::Yielded(slot) => {
                let ran = self.guests.poll(slot);
                self.ran(slot, ran, now_us);
            }
        }
        true
    }

    fn start(&mut self, started: Started, entry: CallEntry, now_us: u64) {
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
        let call = Call { version, route, request_id, entry, now_ms: now_us / 1_000 };
        self.cx.stats.route(started.callee()).inspect(|route| route.calls.add(1));
        let ran = self.guests.start(slot, call);
        self.ran(slot, ran, now_us);
    }

    /// Goes on with a call after a time slice that began at `began_us`.
    fn ran(&mut self, slot: Slot, ran: Ran, began_us: u64) {
        self.schedule.used(slot, self.world.now_us() - began_us);
        match ran {
            Ran::Ended(end) => self.call_ended(slot, end),
            Ran::Yielded if self.lifecycle.is_closing() => self.refuse_running(slot),
            Ran::Yielded => self.schedule.yielded(slot),
            Ran::Parked(wait) => self.park(slot, wait),
        }
    }

    /// Ends a call that has more to compute though the drain is over, and asks its client to come
    /// again (503).
    fn refuse_running(&mut self, slot: Slot) {
        let Some(started) = self.schedule.end(slot) else { return };
        let leftover = self.guests.cancel(slot, Box::default());
        self.release_all(leftover.into_iter());
        self.refuse_call(started.exchange, started.version, CallRefusal::Drain);
        self.let_go(started.version);
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
                CallFault::Cancelled => {}
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

/// What the schedule asks of the other parts of the worker.
struct AtTheDoors<'a, S, C> {
    clients: &'a ClientTable<S>,
    suspensions: &'a SuspensionTable,
    guests: &'a mut C,
}

impl<S, C: Guests> Doors for AtTheDoors<'_, S, C> {
    fn is_wanted(&self, waiting: Waiting<'_>) -> bool {
        match waiting {
            Waiting::Request(queued) => self.clients.exchange(queued.exchange).is_some(),
            Waiting::Resumption { suspension, .. } => self.suspensions.get(suspension).is_some(),
        }
    }

    fn enter(&mut self, version: VersionId) -> bool {
        self.guests.enter(version)
    }
}
