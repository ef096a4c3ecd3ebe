//! Guests into guests: started while there are places, one time slice after another, to their end.

use super::{ExchangeRef, TURN, Worker};
use crate::schedule::Source;
use crate::schedule::gated::{Next, Resumption, Taken};
use crate::schedule::queued::{Queued, Started};
use crate::suspensions::Suspension;
use snow_core::Key;
use snow_http::{Progress, Request, Response};
use snow_runtime::{
    Call, CallEnd, CallEntry, CallFault, GuestRequest, Guests, Handle, Level, Match, Outcome, Ran, RouteId, Slot,
    TimerState, VersionId, World,
};

/// How long starting calls may go on in one turn: guests that compute end it after one time slice.
const STARTING_MS_MAX: u64 = 1;

impl<W: World, C: Guests> Worker<W, C> {
    /// Queues a request for its guest.
    pub(crate) fn dispatch(&mut self, key: Key, request: Request, found: Match) {
        let Some(serial) = self.clients.get(key).and_then(|c| c.connection.exchange()).map(|e| e.serial) else {
            return;
        };
        let exchange = ExchangeRef { client: key, serial };
        let Match::Found { entry, params } = found else {
            // The connection admitted it, so this is a request whose route went away in between.
            return self.answer(exchange, None, &Response::text(404, "not found\n"));
        };
        let Some((version, route, mount_bytes)) = self.label(key, entry) else { return };
        let gate = self.guests.gate(version);
        let waiting = match gate {
            Some(gate) => self.calls.gated.requests(gate),
            None => self.calls.queue_of(version, route).len(),
        };
        if waiting >= self.shared.limits.worker_calls_queued_max {
            return self.answer(exchange, Some(version), &Response::unavailable());
        }
        let Some(client) = self.peer(key) else { return };
        self.guests.hold(version);
        self.tally.began(version);
        let request = Box::new(GuestRequest { request, client, params, mount_bytes });
        let queued = Queued { exchange, version, route, request };
        match gate {
            Some(gate) => self.calls.gated.push_request(gate, queued),
            None => self.calls.queue_of(version, route).push_back(queued),
        }
    }

    /// Notes in a client's exchange under which label it is counted. Returns the version, the route, and how long
    /// its guest's mount is.
    fn label(&mut self, client: Key, entry: usize) -> Option<(VersionId, RouteId, usize)> {
        let Worker { clients, guests, tally, .. } = self;
        let entry = guests.router().entry(entry)?;
        let exchange = clients.get_mut(client)?.connection.exchange_mut()?;
        exchange.label_number = tally.label(entry, || guests.guest_name(entry.version)).0;
        Some((entry.version, entry.route, entry.mount.len()))
    }

    /// Gives started calls their next time slice, and starts others while there are slots. Both end early in a
    /// turn in which a guest computes.
    pub(crate) fn run_calls(&mut self) {
        let began_ms = self.world.now_ms();
        for _ in 0..self.calls.runnable.len() {
            let Some(slot) = self.calls.runnable.pop_front() else { break };
            let ran = self.guests.poll(slot);
            self.ran(slot, ran);
            if self.world.now_ms() > began_ms {
                break;
            }
        }
        for _ in 0..TURN.starts_max {
            if self.calls.places() == 0 || !self.start_one() || self.world.now_ms() > began_ms + STARTING_MS_MAX {
                break;
            }
        }
        for gate in self.calls.gated.take_unanswered() {
            self.guests.give_up(gate);
        }
    }

    /// Starts the next call, from each source by turns; of slow routes if there is no other. False if there is none.
    fn start_one(&mut self) -> bool {
        for source in self.calls.sources() {
            let started = match source {
                Source::Resumption => self.start_resumption(),
                Source::Request => self.calls.next_quick().map(|queued| self.start_request(queued)),
                Source::Gate => self.start_gated(),
            };
            if started.is_some() {
                self.calls.last = source;
                return true;
            }
        }
        let Some(queued) = self.calls.next_slow() else { return false };
        self.calls.last = Source::Request;
        self.start_request(queued);
        true
    }

    fn start_request(&mut self, queued: Queued) {
        let Queued { exchange, version, route, request } = queued;
        self.start(Started { exchange, version, route }, CallEntry::Handle(request));
    }

    fn start_resumption(&mut self) -> Option<()> {
        let suspension = if self.can_resume() { self.resumable.pop_front()? } else { return None };
        if let Some((started, entry)) = self.prepare_resume(suspension) {
            self.start(started, entry);
        }
        Some(())
    }

    /// Lets the next call enter its guest's gate. If that is full, this worker stands in line.
    fn start_gated(&mut self) -> Option<()> {
        let gate = self.calls.next_gate()?;
        let next = self.calls.gated.next(gate)?;
        let version = next.call().0;
        // Whose client has left needs no instance, and so does not wait for one.
        let is_wanted = match next {
            Next::Request(queued) => self.exchange_is_there(queued.exchange),
            Next::Resumption(resumption) => self.suspensions.get(resumption.suspension).is_some(),
        };
        if is_wanted && !self.guests.enter(version) {
            self.calls.gated.stands_in_line(gate);
            return Some(());
        }
        match self.calls.gated.take(gate)? {
            Taken::Request(queued) => self.start_request(queued),
            Taken::Resumption(suspension) => {
                if let Some((started, entry)) = self.prepare_resume(suspension) {
                    self.start(started, entry);
                }
            }
        }
        Some(())
    }

    /// A suspension is over: it waits for a call of `resume`.
    pub(crate) fn make_resumable(&mut self, suspension: Key) {
        let call = self.suspensions.get(suspension).map(Suspension::call);
        let gated = call.and_then(|(version, route)| Some((self.guests.gate(version)?, version, route)));
        match gated {
            Some((gate, version, route)) => {
                self.calls.gated.push_resumption(gate, Resumption { suspension, version, route });
            }
            None => self.resumable.push_back(suspension),
        }
    }

    /// Whether the next resumption may have a place now. One of a slow route keeps those behind it waiting.
    pub(crate) fn can_resume(&self) -> bool {
        let Some(&next) = self.resumable.front() else { return false };
        let Some((version, route)) = self.suspensions.get(next).map(Suspension::call) else { return true };
        self.calls.may_start(version, route)
    }

    fn start(&mut self, started: Started, entry: CallEntry) {
        let Started { exchange, version, route } = started;
        let there = self.exchange_is_there(exchange);
        let current = self.clients.get_mut(exchange.client).and_then(|client| client.connection.exchange_mut());
        let Some(current) = current.filter(|_| there) else {
            if let CallEntry::Resume { arrivals, .. } = entry {
                self.release_all(arrivals.into_iter().map(|arrival| arrival.handle));
            }
            return self.let_go(version);
        };
        let Some(slot) = self.calls.free.pop() else { return self.let_go(version) };
        current.progress = Progress::Running;
        let request_id = current.id.clone();
        self.calls.started[slot.index()] = Some(started);
        let call = Call { version, route, request_id, entry, now_ms: self.world.now_ms() };
        self.tally.route(version, route).inspect(|route| route.calls.add(1));
        let ran = self.guests.start(slot, call);
        match ran {
            Ran::Ended(_) => self.calls.classify(version, route, true),
            Ran::Yielded => self.calls.classify(version, route, false),
            Ran::Parked(_) => {}
        }
        self.ran(slot, ran);
    }

    fn ran(&mut self, slot: Slot, ran: Ran) {
        match ran {
            Ran::Ended(end) => self.call_ended(slot, end),
            Ran::Yielded => {}
            Ran::Parked(wait) => self.park(slot, wait),
        }
    }

    fn call_ended(&mut self, slot: Slot, end: CallEnd) {
        let Some(started) = self.calls.started[slot.index()].take() else { return };
        self.calls.free.push(slot);
        // First: what the call let go of may pass on to others, and must not be counted as waiting.
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
        if let Some(route) = self.tally.route(started.version, started.route) {
            match fault {
                CallFault::Trapped(_) | CallFault::Withdrawn(_) => route.traps.add(1),
                CallFault::Start(_) => route.start_failures.add(1),
            }
        }
        let guest = self.guests.guest_name(started.version);
        let client = self.clients.get(started.exchange.client);
        let exchange = client.and_then(|client| client.connection.exchange());
        let about = exchange.map(|exchange| format!("id={} \"{}\"", exchange.id, exchange.label)).unwrap_or_default();
        let message = format!("guest={guest} route={} {about}: the call failed: {fault}", started.route);
        self.shared.log.host(Level::Error, message);
        self.answer(started.exchange, Some(started.version), &fault.response());
    }

    /// Ends pendings: their timers are cancelled, and a value that nobody consumed passes on.
    pub(crate) fn release_all(&mut self, handles: impl Iterator<Item = Handle>) {
        for handle in handles {
            if let TimerState::Set(timer) = handle.timer {
                self.timers.cancel(timer);
            }
            if let Some(waiter) = self.shared.registry.release(handle.id) {
                self.shared.post.wake(&[waiter]);
            }
        }
    }
}
