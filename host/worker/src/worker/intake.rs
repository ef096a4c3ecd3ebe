//! From a socket's bytes to a request that has a route.

use snow_core::Key;
use snow_http::{Admission, Head, HttpLimits, Request, Response};
use snow_runtime::{Guests, Match, RouteEntry, World};

use super::Worker;
use crate::clients::{Gone, PutOff, Received};
use crate::context::{ExchangeRef, TURN};
use crate::stats::CallRefusal;

/// Whether a client has waited until more requests of the guest that it asks are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It has not, and may have to.
    Coming,
    /// It has, and is next.
    Come,
}

impl<W: World, C: Guests> Worker<W, C> {
    /// Reads and dispatches what a client has sent, within the bounds of a turn. With more to come,
    /// a later turn goes on.
    pub(super) fn take_in(&mut self, key: Key) -> Result<(), Gone> {
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
                // The head is counted already, and is no part of what is missing.
                let room_bytes = room_bytes.saturating_add(head.received_bytes() as u64);
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
