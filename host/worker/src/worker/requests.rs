//! From a socket's bytes to a queued request, and from a response back to the socket.

use std::net::SocketAddr;
use std::sync::Arc;

use snow_config::Limits;
use snow_core::{Key, Walk, due_ms};
use snow_http::{
    Admission, Exchange, Head, HttpLimits, Progress, Reject, Rejection, Request, Response,
};
use snow_runtime::{Access, GuestRequest, Guests, Level, Match, RouteEntry, VersionId, World};

use super::Worker;
use crate::clients::{Gone, Helping, PutOff, Received, Removed, STATUS_CLIENT_LEFT};
use crate::context::{Callee, ExchangeRef, TURN};
use crate::schedule::Queued;
use crate::stats::{CallRefusal, LabelId, Labels, WaitEnd};

/// Whether a client has waited until more requests of the guest that it asks are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It has not, and may have to.
    Coming,
    /// It has, and is next.
    Come,
}

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
        Ok(())
    }

    /// Reads and dispatches what a client has sent, within the bounds of a turn. With more to come,
    /// a later turn goes on.
    fn take_in(&mut self, key: Key) -> Result<(), Gone> {
        if self.clients.has_to_read_first(key, &self.cx) {
            return Ok(());
        }
        while self.budget.may_read() {
            let room_bytes = self.budget.readable_bytes();
            let n = self.clients.read(key, &mut self.world, room_bytes, &self.cx)?;
            self.budget.read(n);
            while self.budget.may_parse() && self.take_request(key, Turn::Coming) {
                self.budget.parsed(|| self.world.now_us());
            }
            if self.clients.refuse_if_too_much(key, &self.cx) {
                self.take_request(key, Turn::Coming);
            }
            // Nothing was read, and the requests have made no room for more.
            if n == 0 && self.budget.may_parse() && !self.clients.reads_on(key) {
                return Ok(());
            }
        }
        self.clients.defer(key);
        Ok(())
    }

    /// Takes in requests that were put off, as many as are wanted of each guest by now.
    pub(super) fn resume_put_off(&mut self) {
        let all_max = self.cx.limits().worker_calls_queued_max;
        let mut left = TURN.requests_max;
        for version in self.clients.put_off_guests() {
            while left > 0 && self.schedule.wanted(version, all_max) > 0 {
                let Some(key) = self.clients.next_put_off(version) else { break };
                left -= 1;
                self.take_request(key, Turn::Come);
                self.clients.goes_on(key);
            }
        }
    }

    /// Queues the next whole request of a connection, or logs one that the connection has answered
    /// by itself. Returns false if there is none.
    fn take_request(&mut self, key: Key, turn: Turn) -> bool {
        let Worker { clients, world, guests, budget, lifecycle, schedule, cx, .. } = self;
        let find = |head: &Head| guests.router().find(head.method(), head.path());
        let mut put_off = None;
        let (is_full, is_closing) = (clients.is_output_full(cx), lifecycle.is_closing());
        let room_bytes = clients.room_bytes(cx);
        let all_max = cx.limits().worker_calls_queued_max;
        // Whoever asks a guest for which others wait stands behind them.
        let is_early = |entry: &RouteEntry, lines: &PutOff| {
            turn == Turn::Coming
                && schedule.is_quick((entry.version, entry.route))
                && (lines.is_line(entry.version) || schedule.wanted(entry.version, all_max) == 0)
        };
        let admit = |head: &Head, lines: &PutOff| {
            budget.searches(head.path().len());
            let found = find(head);
            let admission = if is_full {
                cx.stats.refused_output.add(1);
                Admission::Reject(Response::unavailable())
            } else if is_closing && matches!(found, Match::Found { .. }) {
                cx.stats.refuse_call(CallRefusal::Drain);
                Admission::Reject(Response::unavailable())
            } else if let Match::Found { entry, .. } = &found
                && let Some(entry) = guests.router().entry(*entry)
                && is_early(entry, lines)
            {
                put_off = Some(entry.version);
                return None;
            } else if let Some(response) = refusal(head, &found) {
                Admission::Reject(response)
            } else {
                let body_bytes_max = body_bytes_max(guests, &found, cx.http());
                Admission::Accept { body_bytes_max, room_bytes }
            };
            Some((found, admission))
        };
        let received = clients.receive(key, world, cx, admit);
        if let Some(version) = put_off {
            clients.put_off(key, version);
        }
        match received {
            None => return false,
            Some(Received::Request(exchange, request, found)) => match found {
                Some(found) => self.dispatch(exchange, request, found),
                None => self.admit_again(exchange, request),
            },
            Some(Received::Rejected(rejection, client)) => self.log_rejection(rejection, client),
        }
        true
    }

    /// Admits a request whose body came while another deployment was adopted: it may have another
    /// route now, and its guest another limit.
    fn admit_again(&mut self, exchange: ExchangeRef, request: Request) {
        let found = self.guests.router().find(request.head.method(), request.head.path());
        let bytes_max = body_bytes_max(&self.guests, &found, self.cx.http());
        match refusal(&request.head, &found) {
            Some(response) => self.answer(exchange, None, &response),
            None if request.body.len() as u64 > bytes_max => {
                self.answer(exchange, None, &Response::text(413, "content too large\n"));
            }
            None => self.dispatch(exchange, request, found),
        }
    }

    /// Queues a request for its guest.
    fn dispatch(&mut self, exchange: ExchangeRef, request: Request, found: Match) {
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
        let Some(Removed { peer, exchanges }) =
            self.clients.remove(key, &mut self.timers, &self.cx)
        else {
            return;
        };
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
        if matches!(exchange.progress, Progress::Queued) {
            self.schedule.request_ended();
        }
        let access = self.finished(exchange, client, None, guest);
        access.into_iter().for_each(|access| self.cx.common.log.access(access));
    }

    /// Counts a request that has its answer's `status`, or whose client has left. Returns its line
    /// of the access log, if there is to be one.
    fn finished(
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
    fn log_rejection(&self, rejection: Rejection, client: SocketAddr) {
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

/// Returns how long a request's body may be: as long as its guest takes, and at most as long as the
/// host does.
fn body_bytes_max<C: Guests>(guests: &C, found: &Match, limits: &HttpLimits) -> u64 {
    let version = match found {
        Match::Found { entry, .. } => guests.router().entry(*entry).map(|entry| entry.version),
        _ => None,
    };
    let of_guest = version.and_then(|version| guests.body_bytes_max(version));
    of_guest.unwrap_or(u64::MAX).min(limits.body_bytes_max)
}

/// Returns the answer to a request that has no route.
fn refusal(head: &Head, found: &Match) -> Option<Response> {
    let no_content = || Response { status: 204, ..Response::default() };
    Some(match found {
        Match::Found { .. } => return None,
        Match::NotFound if head.method() == "OPTIONS" && head.path() == "*" => no_content(),
        Match::NotFound => Response::text(404, "not found\n"),
        Match::BadParam => {
            Response::text(400, "the path is not UTF-8 once it is percent-decoded\n")
        }
        Match::MethodNotAllowed { allow } => {
            Response::text(405, "method not allowed\n").with_field("allow", allow)
        }
        Match::Options { allow } => no_content().with_field("allow", allow),
    })
}
