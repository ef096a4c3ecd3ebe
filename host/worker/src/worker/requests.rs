//! From a socket's bytes to a queued request, and from a response back to the socket.

use std::net::SocketAddr;
use std::sync::Arc;

use snow_core::Key;
use snow_http::{
    Admission, Exchange, Head, HttpLimits, Progress, Reject, Rejection, Request, Response,
};
use snow_runtime::{Access, GuestRequest, Guests, Level, Match, VersionId, World};

use super::Worker;
use crate::clients::{Gone, Received, Removed};
use crate::context::{ExchangeRef, TURN};
use crate::schedule::Queued;
use crate::stats::{LabelId, Labels, WaitEnd};

/// The status that is logged for a client that left before its answer: nginx's, by custom.
const STATUS_CLIENT_LEFT: u16 = 499;

impl<W: World, C: Guests> Worker<W, C> {
    /// Reads, parses, dispatches and writes what can be, for one client.
    pub(super) fn serve_client(&mut self, key: Key) {
        self.clients.is_served(key);
        if let Err(Gone) = self.try_to_serve(key) {
            self.drop_client(key);
        }
    }

    fn try_to_serve(&mut self, key: Key) -> Result<(), Gone> {
        self.take_in(key)?;
        if let Some((exchange, client)) = self.clients.give_up_if_left(key, &self.cx)? {
            self.client_left(exchange, client);
        }
        self.clients.write(key, &mut self.world, &self.cx)?;
        self.clients.set_timer(key, &mut self.timers);
        Ok(())
    }

    /// Reads and dispatches what a client has sent, within the bounds of a turn. With more to come,
    /// a later turn goes on.
    fn take_in(&mut self, key: Key) -> Result<(), Gone> {
        let mut read_bytes = 0;
        while read_bytes < TURN.read_bytes_max && !self.schedule.is_backed_up() {
            let n = self.clients.read(key, &mut self.world, &self.cx)?;
            while let Some((request, found)) = self.next_request(key) {
                self.dispatch(key, request, found);
            }
            // Nothing was read, and the requests have made no room for more.
            if n == 0 && !self.clients.reads_on(key) {
                return Ok(());
            }
            read_bytes += n;
        }
        self.clients.defer(key);
        Ok(())
    }

    /// Returns the next whole request of a connection, with its route. Requests that the connection
    /// answers by itself are logged.
    fn next_request(&mut self, key: Key) -> Option<(Request, Match)> {
        loop {
            let Worker { clients, world, guests, cx, .. } = self;
            let find = |head: &Head| guests.router().find(head.method(), head.path());
            let admit = |head: &Head| {
                let found = find(head);
                let admission = admission(head, &found, body_bytes_max(guests, &found, cx.http()));
                (found, admission)
            };
            match clients.receive(key, world, cx, admit)? {
                Received::Request(request, found) => {
                    let found = found.unwrap_or_else(|| find(&request.head));
                    return Some((request, found));
                }
                Received::Rejected(rejection, client) => self.log_rejection(rejection, client),
            }
        }
    }

    /// Queues a request for its guest.
    fn dispatch(&mut self, key: Key, request: Request, found: Match) {
        let Some(exchange) = self.clients.current(key) else { return };
        let Match::Found { entry, params } = found else {
            // The connection has admitted the request, so its route went away while its body came.
            return self.answer(exchange, None, &Response::text(404, "not found\n"));
        };
        let Worker { clients, guests, cx, .. } = self;
        let Some(entry) = guests.router().entry(entry) else { return };
        let Some(client) = clients.peer(key) else { return };
        let Some(current) = clients.exchange_mut(exchange) else { return };
        current.label_number = cx.stats.label(entry, || guests.guest_name(entry.version)).0;
        let (version, route, mount_bytes) = (entry.version, entry.route, entry.mount.len());

        let gate = guests.gate(version);
        if self.schedule.waiting((version, route), gate) >= self.cx.limits().worker_calls_queued_max
        {
            return self.answer(exchange, Some(version), &Response::unavailable());
        }
        self.guests.hold(version);
        self.cx.stats.began(version);
        let request = Box::new(GuestRequest { request, client, params, mount_bytes });
        self.schedule.queue(Queued { exchange, version, route, request }, gate);
    }

    /// Answers an exchange, if its client still waits for it, and logs it.
    pub(super) fn answer(
        &mut self,
        exchange: ExchangeRef,
        version: Option<VersionId>,
        response: &Response,
    ) {
        let guest = version.map(|version| self.guests.guest_name(version));
        self.answer_for(exchange, guest, response);
    }

    /// Answers an exchange on behalf of the guest of this name.
    pub(super) fn answer_for(
        &mut self,
        exchange: ExchangeRef,
        guest: Option<Arc<str>>,
        response: &Response,
    ) {
        let mut status = response.status;
        let mut answered = self.clients.respond(exchange, response, &self.cx);
        if let Err(fault) = &answered {
            if let Some(current) = self.clients.exchange(exchange) {
                let (id, label, guest) =
                    (&current.id, &current.label, guest.as_deref().unwrap_or("-"));
                let message = format!(
                    "guest={guest} id={id} \"{label}\": invalid response, answered 500: {fault}"
                );
                self.cx.log_error(message);
            }
            let instead = Response::text(500, "internal server error\n");
            status = instead.status;
            answered = self.clients.respond(exchange, &instead, &self.cx);
        }
        // Else the client has left.
        let Ok(Some((answered, client))) = answered else { return };
        self.cx.stats.answered.add(1);
        self.finished(answered, client, Some(status), guest);
    }

    /// Closes a client's socket, and ends what the client was waiting for.
    pub(super) fn drop_client(&mut self, key: Key) {
        let Some(Removed { peer, exchange }) = self.clients.remove(key, &mut self.timers, &self.cx)
        else {
            return;
        };
        if let Some(exchange) = exchange {
            self.client_left(exchange, peer);
        }
    }

    /// Ends an exchange whose client has left.
    fn client_left(&mut self, exchange: Exchange, client: SocketAddr) {
        if let Progress::Suspended { slot, generation } = exchange.progress {
            self.end_suspension(Key { slot, generation }, WaitEnd::Disconnected);
        }
        self.finished(exchange, client, None, None);
    }

    /// Counts and logs a request that has its answer's `status`, or whose client has left.
    fn finished(
        &self,
        exchange: Exchange,
        client: SocketAddr,
        status: Option<u16>,
        guest: Option<Arc<str>>,
    ) {
        let took_ms = self.cx.now_ms.saturating_sub(exchange.started_ms);
        self.cx.stats.finished(LabelId(exchange.label_number), status, took_ms);
        if !self.cx.common.access_log {
            return;
        }
        self.cx.common.log.access(Access {
            request_id: exchange.id,
            client,
            took_ms,
            request: exchange.label,
            status: status.unwrap_or(STATUS_CLIENT_LEFT),
            guest,
        });
    }

    /// Counts and logs a request that its connection has answered by itself.
    fn log_rejection(&self, rejection: Rejection, client: SocketAddr) {
        let Rejection { status, why, exchange } = rejection;
        self.cx.stats.answered.add(1);
        if let Some(exchange) = exchange {
            return self.finished(exchange, client, Some(status), None);
        }
        self.cx.stats.finished(Labels::NOBODY, Some(status), 0);
        let kind = if why == Some(Reject::Timeout) { "incomplete" } else { "malformed" };
        let reason = why.map_or_else(String::new, |why| format!(": {why}"));
        self.cx
            .common
            .log
            .host(Level::Info, format!("{client}: {kind} request, answered {status}{reason}"));
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

/// Decides whether a request's body is to be read at all.
fn admission(head: &Head, found: &Match, body_bytes_max: u64) -> Admission {
    let no_content = || Response { status: 204, ..Response::default() };
    Admission::Reject(match found {
        Match::Found { .. } => return Admission::Accept { body_bytes_max },
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
