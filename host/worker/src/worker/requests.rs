//! From a request to its guest's queue, and from a response back to the socket.

use std::net::SocketAddr;
use std::sync::Arc;

use snow_config::Limits;
use snow_core::{Key, Walk, due_ms};
use snow_http::{Exchange, Progress, Reject, Rejection, Request, Response};
use snow_runtime::{Access, GuestRequest, Guests, Level, Match, VersionId, World};

use super::Worker;
use crate::clients::{Gone, Helping, Removed, STATUS_CLIENT_LEFT};
use crate::context::{Callee, ExchangeRef, TURN};
use crate::schedule::Queued;
use crate::stats::{CallRefusal, LabelId, Labels, WaitEnd};

impl<W: World, C: Guests> Worker<W, C> {
    /// Reads, parses, dispatches and writes what can be, for one client.
    pub(super) fn serve_client(&mut self, key: Key, helping: Helping) {
        self.budget.next_client(helping);
        let taken_in = self.take_in(key);
        if let Some(is_costly) = self.budget.is_costly() {
            self.clients.set_costly(key, is_costly);
        }
        if let Err(Gone) = taken_in.and_then(|()| self.put_out(key)) {
            self.drop_client(key);
        }
    }

    /// Writes what can be, for one client.
    pub(super) fn flush_client(&mut self, key: Key) {
        self.budget.next_client(Helping::Whole);
        if let Err(Gone) = self.put_out(key) {
            self.drop_client(key);
        }
    }

    fn put_out(&mut self, key: Key) -> Result<(), Gone> {
        while let Some((exchange, client)) = self.clients.give_up_if_left(key, &self.cx) {
            self.client_left(exchange, client);
        }
        self.clients.write(key, &mut self.world, &mut self.budget, &self.cx)?;
        self.clients.set_timer(key, &mut self.timers);
        self.clients.is_served(key);
        // After that, since it makes the client dirty again.
        self.go_on_relaying(key);
        Ok(())
    }

    /// Queues a request for its guest.
    pub(super) fn dispatch(&mut self, exchange: ExchangeRef, request: Request, found: Match) {
        // Nothing else is admitted.
        let Match::Found { entry, params } = found else { return };
        let Worker { clients, guests, cx, .. } = self;
        let Some(entry) = guests.router().entry(entry) else { return };
        let Some(client) = clients.peer(exchange.client) else { return };
        let Some(current) = clients.exchange_mut(exchange) else { return };
        current.label_number = cx.stats.label(entry, || guests.guest_name(entry.version)).0;
        let (version, route, mount_bytes) = (entry.version, entry.route, entry.mount.len());

        let gate = guests.gate(version);
        if self.lifecycle.is_closing() {
            return self.refuse_call(exchange, version, CallRefusal::Drain);
        }
        if !self.has_room((version, route)) {
            return self.refuse_call(exchange, version, CallRefusal::Full);
        }
        let Some(share) = self.clients.share(request.body.len(), &self.cx) else {
            return self.answer(exchange, Some(version), &Response::unavailable());
        };
        self.guests.hold(version);
        self.cx.stats.began(version);
        let request = Box::new(GuestRequest { request, client, params, mount_bytes, share });
        self.schedule.queue(Queued { exchange, version, route, request }, gate);
        self.queue_deadlines.queued(exchange, version);
    }

    /// Sets deadlines for the requests that wait since this turn for their first call.
    pub(super) fn set_queue_deadlines(&mut self) {
        let Worker { queue_deadlines, clients, world, timers, cx, .. } = self;
        let still_waits = |exchange| {
            clients.exchange(exchange).is_some_and(|it| matches!(it.progress, Progress::Queued))
        };
        let until_ms = || due_ms(world.now_us(), cx.limits().request_wait_ms_max);
        queue_deadlines.set(still_waits, until_ms, timers);
    }

    /// Refuses a request that has waited for its first call for as long as it may.
    pub(super) fn queue_deadline_passed(&mut self, exchange: ExchangeRef) {
        let Some(version) = self.queue_deadlines.passed(exchange) else { return };
        self.refuse_call(exchange, version, CallRefusal::Late);
        self.schedule.request_ended();
        // Whoever waits longest is first in its line, so this one is found there.
        let Worker { schedule, clients, .. } = self;
        let ended = |queued: &Queued| clients.exchange(queued.exchange).is_none();
        for Queued { version, .. } in schedule.take_ended_first(version, ended) {
            self.let_go(version);
        }
    }

    /// Answers a request 503 that is not called, or not to the end.
    pub(super) fn refuse_call(
        &mut self,
        exchange: ExchangeRef,
        version: VersionId,
        why: CallRefusal,
    ) {
        // Else its client has left.
        if self.clients.exchange(exchange).is_some() {
            self.cx.stats.refuse_call(why);
            self.answer(exchange, Some(version), &Response::unavailable());
        }
    }

    /// Returns whether another request of a route may wait. Those whose clients have left go first,
    /// if there is no room otherwise.
    fn has_room(&mut self, callee: Callee) -> bool {
        let Limits { guest_calls_queued_max: own_max, worker_calls_queued_max: all_max, .. } =
            *self.cx.limits();
        if self.schedule.has_room(callee, own_max, all_max) {
            return true;
        }
        let Worker { schedule, clients, .. } = self;
        let ended = schedule.take_ended(|queued| clients.exchange(queued.exchange).is_none());
        ended.into_iter().for_each(|queued| self.let_go(queued.version));
        self.schedule.has_room(callee, own_max, all_max)
    }

    /// Answers an exchange, if its client still waits for it, and logs it.
    pub(super) fn answer(
        &mut self,
        exchange: ExchangeRef,
        version: Option<VersionId>,
        response: &Response,
    ) {
        let guest = version.map(|version| self.guests.guest_name(version));
        let mut status = response.status;
        let is_too_much = self.clients.is_too_much_output(response.body.len(), &self.cx);
        let mut answered = match is_too_much {
            true => Err("answered 503: answers take up worker_output_bytes_max already".into()),
            false => self
                .clients
                .respond(exchange, response, &self.cx)
                .map_err(|fault| format!("invalid response, answered 500: {fault}")),
        };
        if let Err(fault) = &answered {
            let instead = match is_too_much {
                true => Response::unavailable(),
                false => Response::text(500, "internal server error\n"),
            };
            status = instead.status;
            if let Some(current) = self.clients.exchange(exchange) {
                let (id, label, guest) =
                    (&current.id, &current.label, guest.as_deref().unwrap_or("-"));
                let message = format!("guest={guest} id={id} \"{label}\": {fault}");
                self.cx.log_error(message);
                if is_too_much {
                    self.cx.stats.refused_output.add(1);
                }
            }
            answered =
                self.clients.respond(exchange, &instead, &self.cx).map_err(|_| String::new());
        }
        // Else the client has left.
        let Ok(Some((answered, client))) = answered else { return };
        self.cx.stats.answered.add(1);
        if let Some(access) = self.finished(answered, client, Some(status), guest) {
            self.clients.log_answer(exchange.client, access, &self.cx);
        }
    }

    /// Closes a client's socket, and ends what the client was waiting for.
    pub(super) fn drop_client(&mut self, key: Key) {
        let Some(Removed { peer, exchanges, to_reset }) =
            self.clients.remove(key, &mut self.timers, &self.cx)
        else {
            return;
        };
        if let Some(mut socket) = to_reset {
            self.world.reset(&mut socket);
        }
        for exchange in exchanges {
            self.queue_deadlines
                .ended(ExchangeRef { client: key, serial: exchange.serial }, &mut self.timers);
            self.client_left(exchange, peer);
        }
    }

    /// Closes the sockets of the clients that a drain has left, which did not take their answers in
    /// time.
    pub(super) fn drop_all_clients(&mut self) {
        let mut next = Some(0);
        while let Some(slot) = next {
            let mut walk = Walk::from_slot(slot, TURN.timers_max);
            while let Some(key) = self.clients.next_of(&mut walk) {
                self.drop_client(key);
            }
            next = walk.rest();
        }
    }

    /// Ends an exchange whose client has left.
    fn client_left(&mut self, exchange: Exchange, client: SocketAddr) {
        let mut guest = None;
        if let Progress::Suspended { slot, generation } = exchange.progress {
            let key = Key { slot, generation };
            // Asked for first, since its version may be gone when the suspension is.
            let callee = self.suspensions.callee(key);
            guest = callee.map(|(version, _)| self.guests.guest_name(version));
            self.end_suspension(key, WaitEnd::Disconnected);
        }
        if let Progress::Relayed { slot, generation } = exchange.progress {
            guest = self.give_up_relay(Key { slot, generation });
        }
        if matches!(exchange.progress, Progress::Queued) {
            self.schedule.request_ended();
        }
        let access = self.finished(exchange, client, None, guest);
        access.into_iter().for_each(|access| self.cx.common.log.access(access));
    }

    /// Counts a request that has its answer's `status`, or whose client has left. Returns its line
    /// of the access log, if there is to be one.
    pub(super) fn finished(
        &self,
        exchange: Exchange,
        client: SocketAddr,
        status: Option<u16>,
        guest: Option<Arc<str>>,
    ) -> Option<Access> {
        let took_ms = self.world.now_ms().saturating_sub(exchange.started_ms);
        self.cx.stats.finished(LabelId(exchange.label_number), status, took_ms);
        self.cx.common.access_log.then(|| Access {
            request_id: exchange.id,
            client,
            took_ms,
            request: exchange.label,
            status: status.unwrap_or(STATUS_CLIENT_LEFT),
            guest,
        })
    }

    /// Counts and logs a request that its connection has answered by itself.
    pub(super) fn log_rejection(&self, rejection: Rejection, client: SocketAddr) {
        let Rejection { status, why, exchange } = rejection;
        self.cx.stats.answered.add(1);
        match why {
            Some(Reject::Busy) => self.cx.stats.refused_input.add(1),
            Some(Reject::Draining) => self.cx.stats.refuse_call(CallRefusal::Drain),
            _ => {}
        }
        if let Some(exchange) = exchange {
            let access = self.finished(exchange, client, Some(status), None);
            return access.into_iter().for_each(|access| self.cx.common.log.access(access));
        }
        self.cx.stats.finished(Labels::NOBODY, Some(status), 0);
        let Some(why) = why else { return };
        let kind = match why {
            Reject::Timeout | Reject::Draining => "incomplete request",
            Reject::Busy => "request refused",
            _ if why.limit().is_some() => "request beyond a limit",
            _ => "malformed request",
        };
        let limit = match why {
            Reject::Busy => Some("worker_input_bytes_max"),
            _ => why.limit(),
        };
        let limit = limit.map(|limit| format!(" ({limit})")).unwrap_or_default();
        let message = format!("{client}: {kind}, answered {status}: {why}{limit}");
        self.cx.common.log.host(Level::Info, message);
    }
}
