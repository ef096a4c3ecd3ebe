//! Clients' sockets: accepting, reading into connections, writing their output, timing them out.

pub(crate) mod peer;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::clients::peer::Peer;
use crate::stats::{LabelId, Labels, WaitEnd};
use crate::worker::{ExchangeRef, SCRATCH_BYTES, TURN, Timer, Worker};
use snow_core::{Key, TimerKey};
use snow_http::{
    Admission, Connection, Exchange, Head, HttpLimits, Progress, Rejection, Request, Response, Step, check_response,
};
use snow_runtime::{Access, Guests, Level, Match, VersionId, World};

/// What is logged for a client that left before its answer, after nginx's custom.
const STATUS_CLIENT_LEFT: u16 = 499;

/// One client: its socket and its connection.
pub(crate) struct Client<S> {
    pub connection: Connection,
    socket: S,
    peer: Peer,
    /// There may be something to read: the poll reports each change only once.
    readable: bool,
    /// The peer has sent its FIN, perhaps behind bytes that are not read yet.
    read_closed: bool,
    /// It is in the worker's list of this turn.
    pub dirty: bool,
    /// It is in the worker's list of those that may have requests, for a later turn.
    pub deferred: bool,
    /// Set for its connection's deadline or earlier: most deadlines are moved on before they come, so the
    /// timer is left where it is and looks again when it fires.
    timer: Option<TimerKey>,
}

impl<S> Client<S> {
    /// Whether its request waits for a settlement.
    fn is_held(&self) -> bool {
        self.connection.exchange().is_some_and(|exchange| suspension(exchange).is_some())
    }
}

impl<W: World, C: Guests> Worker<W, C> {
    pub(crate) fn accept(&mut self) {
        for _ in 0..TURN.accepts_max {
            match self.world.accept() {
                Ok((socket, peer)) => {
                    self.accept_fails = false;
                    self.accepted(socket, peer);
                }
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => {
                    // The world comes back to the listener by itself: at once when one connects, or after a
                    // rest when the process was out of descriptors.
                    self.accepting = false;
                    // Said once, and not again until it has worked in between.
                    if error.kind() != ErrorKind::WouldBlock && !std::mem::replace(&mut self.accept_fails, true) {
                        self.shared.log.host(Level::Error, format!("a connection could not be accepted: {error}"));
                    }
                    return;
                }
            }
        }
    }

    fn accepted(&mut self, socket: W::Socket, peer: SocketAddr) {
        self.tally.stats.accepted.add(1);
        if self.clients.len() >= self.shared.limits.worker_connections_max {
            return self.tally.stats.rejected.add(1);
        }
        let mut connection = Connection::new(self.now_ms, &self.shared.limits.http);
        if self.drain.is_on() {
            connection.close_when_idle(self.now_ms, &self.shared.limits.http);
        }
        let client = Client {
            connection,
            socket,
            peer: peer.into(),
            readable: true,
            read_closed: false,
            dirty: false,
            deferred: false,
            timer: None,
        };
        let key = self.clients.insert(client);
        let Some(client) = self.clients.get_mut(key) else { return };
        if let Err(error) = self.world.register(&mut client.socket, key) {
            self.shared.log.host(Level::Error, format!("a connection could not be watched: {error}"));
            self.clients.remove(key);
            return;
        }
        self.count();
        self.mark_dirty(key);
    }

    pub(crate) fn socket_changed(&mut self, key: Key, readable: bool, read_closed: bool, broken: bool) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.readable |= readable | read_closed;
        client.read_closed |= read_closed;
        if broken {
            // Neither what is received nor what is to be sent can reach anybody.
            return self.drop_client(key);
        }
        self.mark_dirty(key);
    }

    /// Reads, parses, dispatches and writes what can be, for one client.
    fn serve(&mut self, key: Key) -> Result<(), Gone> {
        self.take_in(key)?;
        self.end_held_if_left(key)?;
        self.write(key)?;
        self.set_client_timer(key);
        Ok(())
    }

    /// Reads and dispatches what is there, within the bounds of a turn.
    fn take_in(&mut self, key: Key) -> Result<(), Gone> {
        let mut read_bytes = 0;
        while read_bytes < TURN.read_bytes_max && !self.calls.is_backed_up() {
            let n = self.read(key)?;
            while let Some((request, found)) = self.next_request(key) {
                self.dispatch(key, request, found);
            }
            // Reading may only have paused for input that these requests have used up.
            let reads_on = |client: &Client<W::Socket>| client.readable && client.connection.wants_read();
            if n == 0 && !self.clients.get(key).is_some_and(reads_on) {
                return Ok(());
            }
            read_bytes += n;
        }
        if let Some(client) = self.clients.get_mut(key).filter(|client| !client.deferred) {
            client.deferred = true;
            self.deferred.push_back(key);
        }
        Ok(())
    }

    pub(crate) fn serve_client(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key) {
            client.dirty = false;
        }
        if let Err(Gone) = self.serve(key) {
            self.drop_client(key);
        }
    }

    /// Reads one buffer of bytes into the connection. Zero if there is nothing, or if it wants nothing.
    fn read(&mut self, key: Key) -> Result<usize, Gone> {
        let Some(client) = self.clients.get_mut(key) else { return Ok(0) };
        while client.readable && client.connection.wants_read() {
            match self.world.read(&mut client.socket, &mut self.scratch) {
                Ok(0) => {
                    client.readable = false;
                    client.read_closed = true;
                    client.connection.receive_eof();
                }
                Ok(n) => {
                    self.tally.stats.received_bytes.add(n as u64);
                    client.connection.receive(&self.scratch[..n], self.now_ms, &self.shared.limits.http);
                    // A short read has emptied the socket, and whatever comes later is a new change; but a FIN
                    // that was reported already is not reported again.
                    client.readable = n == SCRATCH_BYTES || client.read_closed;
                    return Ok(n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => client.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(0)
    }

    /// The next whole request of a connection, with its route. What is refused is answered by the connection,
    /// and logged here.
    fn next_request(&mut self, key: Key) -> Option<(Request, Match)> {
        loop {
            let Worker { clients, world, guests, shared, date, now_ms, .. } = self;
            let client = clients.get_mut(key)?;
            let peer = client.peer.address();
            let mut found = None;
            let mut admit = |head: &Head| {
                let matched = guests.router().find(head.method(), head.path());
                let body_bytes_max = body_bytes_max(guests, &matched, &shared.limits.http);
                let admission = admission(head, &matched, body_bytes_max);
                found = Some(matched);
                admission
            };
            let mut make_id = || world.random();
            match client.connection.step(*now_ms, &shared.limits.http, date, &mut make_id, &mut admit) {
                Step::Idle => return None,
                Step::Rejected(refusal) => self.log_refusal(refusal, peer),
                Step::Request(request) => {
                    // For a body that came later than its head the route is looked up again, which costs less
                    // than keeping it for each connection.
                    let head = &request.head;
                    let found = found.unwrap_or_else(|| guests.router().find(head.method(), head.path()));
                    return Some((request, found));
                }
            }
        }
    }

    /// A held request ends as soon as its client is known to have left; a half-close counts. It also ends when the
    /// client has pipelined so much behind it that its leaving could no longer be seen: a request must not be held
    /// for somebody who is gone.
    fn end_held_if_left(&mut self, key: Key) -> Result<(), Gone> {
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        let unseen = client.read_closed || client.connection.input_is_full();
        if !client.is_held() || !unseen {
            return Ok(());
        }
        if client.connection.output().is_empty() {
            return Err(Gone);
        }
        // A half-close, or a client that still reads: earlier requests of it were answered, and that it has yet to get.
        let peer = client.peer.address();
        if let Some(exchange) = client.connection.give_up(self.now_ms, &self.shared.limits.http) {
            self.client_left(exchange, peer);
        }
        Ok(())
    }

    /// Writes the connection's output until it is empty or the socket is full.
    fn write(&mut self, key: Key) -> Result<(), Gone> {
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        let connection = &mut client.connection;
        let had_output = !connection.output().is_empty();
        while !connection.output().is_empty() {
            match self.world.write(&mut client.socket, connection.output()) {
                Ok(0) => return Err(Gone),
                Ok(n) => {
                    self.tally.stats.sent_bytes.add(n as u64);
                    connection.wrote(n, self.now_ms, &self.shared.limits.http);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        if connection.wants_shutdown() {
            self.world.shutdown_write(&mut client.socket);
            connection.shutdown_done(self.now_ms, &self.shared.limits.http);
            // What came in before is discarded from now on, until the peer closes too.
            self.mark_dirty(key);
            return Ok(());
        }
        if connection.is_finished() {
            return Err(Gone);
        }
        // A full output may have kept pipelined requests from being looked at, and no event will come for them.
        if had_output && connection.output().is_empty() && connection.has_unused_input() {
            self.mark_dirty(key);
        }
        Ok(())
    }

    fn set_client_timer(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let held = client.is_held();
        match (client.connection.deadline_ms(), client.timer) {
            (Some(deadline), Some(timer)) if timer.at_ms() <= deadline => {}
            (Some(deadline), timer) => {
                timer.map(|timer| self.timers.cancel(timer));
                client.timer = Some(self.timers.set(deadline, Timer::Client(key)));
            }
            // A held request keeps nothing that it does not need.
            (None, Some(timer)) if held => {
                self.timers.cancel(timer);
                client.timer = None;
            }
            (None, _) => {}
        }
    }

    pub(crate) fn client_timer(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.timer = None;
        if client.connection.deadline_ms().is_some_and(|deadline| deadline <= self.now_ms) {
            client.connection.expire(self.now_ms, &self.shared.limits.http);
        }
        self.mark_dirty(key);
    }

    /// Answers an exchange, if it is still there, and logs it.
    pub(crate) fn answer(&mut self, exchange: ExchangeRef, version: Option<VersionId>, response: &Response) {
        if !self.exchange_is_there(exchange) {
            return;
        }
        let Some(client) = self.clients.get_mut(exchange.client) else { return };
        let Some(current) = client.connection.exchange() else { return };
        let name = version.map(|version| self.guests.guest_name(version));
        let replaced;
        let response = match check_response(response, current.head_only) {
            Ok(()) => response,
            Err(fault) => {
                let (id, guest) = (&current.id, name.as_deref().unwrap_or("-"));
                let message =
                    format!("guest={guest} id={id} \"{}\": its response can't be sent: {fault}", current.label);
                self.shared.log.host(Level::Error, message);
                replaced = Response::text(500, "internal server error\n");
                &replaced
            }
        };
        let status = response.status;
        let answered = client.connection.respond(response, &self.date, self.now_ms, &self.shared.limits.http);
        let peer = client.peer.address();
        if let Some(answered) = answered {
            self.tally.stats.answered.add(1);
            self.finished(answered, peer, Some(status), name);
        }
        self.mark_dirty(exchange.client);
    }

    /// Closes a client's socket and ends whatever it was waiting for.
    pub(crate) fn drop_client(&mut self, key: Key) {
        let Some(mut client) = self.clients.remove(key) else { return };
        client.timer.map(|timer| self.timers.cancel(timer));
        if let Some(exchange) = client.connection.abandon() {
            self.client_left(exchange, client.peer.address());
        }
        self.count();
    }

    /// Nobody waits for this answer any more.
    fn client_left(&mut self, exchange: Exchange, client: SocketAddr) {
        if let Some(suspension) = suspension(&exchange) {
            self.end_suspension(suspension, WaitEnd::Disconnected);
        }
        self.finished(exchange, client, None, None);
    }

    /// Counts and logs a request that has its answer's `status`, or whose client has left.
    fn finished(&self, exchange: Exchange, client: SocketAddr, status: Option<u16>, guest: Option<Arc<str>>) {
        let took_ms = self.now_ms.saturating_sub(exchange.started_ms);
        self.tally.finished(LabelId(exchange.label_number), status, took_ms);
        if !self.shared.access_log {
            return;
        }
        self.shared.log.access(Access {
            request_id: exchange.id,
            client,
            took_ms,
            request: exchange.label,
            status: status.unwrap_or(STATUS_CLIENT_LEFT),
            guest,
        });
    }

    fn log_refusal(&self, refusal: Rejection, client: SocketAddr) {
        self.tally.stats.answered.add(1);
        if let Some(exchange) = refusal.exchange {
            return self.finished(exchange, client, Some(refusal.status), None);
        }
        self.tally.finished(Labels::NOBODY, Some(refusal.status), 0);
        let why = refusal.why.map_or_else(String::new, |why| format!(": {why}"));
        let message = format!("{client} sent what is no request, and was answered {}{why}", refusal.status);
        self.shared.log.host(Level::Info, message);
    }

    pub(crate) fn peer(&self, key: Key) -> Option<SocketAddr> {
        self.clients.get(key).map(|client| client.peer.address())
    }
}

/// The connection is over: drop it.
struct Gone;

/// What an exchange waits in, if it does.
fn suspension(exchange: &Exchange) -> Option<Key> {
    match exchange.progress {
        Progress::Suspended { slot, generation } => Some(Key { slot, generation }),
        Progress::Queued | Progress::Running => None,
    }
}

/// How much of a body is read for the guest: at most what is read for any.
fn body_bytes_max<C: Guests>(guests: &C, matched: &Match, limits: &HttpLimits) -> u64 {
    let version = match matched {
        Match::Found { entry, .. } => guests.router().entry(*entry).map(|entry| entry.version),
        _ => None,
    };
    let own = version.and_then(|version| guests.body_bytes_max(version));
    own.unwrap_or(u64::MAX).min(limits.body_bytes_max)
}

/// Whether a request's body is to be read at all.
fn admission(head: &Head, matched: &Match, body_bytes_max: u64) -> Admission {
    let no_content = || Response { status: 204, ..Response::default() };
    Admission::Reject(match matched {
        Match::Found { .. } => return Admission::Accept { body_bytes_max },
        Match::NotFound if head.method() == "OPTIONS" && head.path() == "*" => no_content(),
        Match::NotFound => Response::text(404, "not found\n"),
        Match::BadParam => Response::text(400, "the path is not UTF-8 once it is percent-decoded\n"),
        Match::MethodNotAllowed { allow } => Response::text(405, "method not allowed\n").with_field("allow", allow),
        Match::Options { allow } => no_content().with_field("allow", allow),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_small() {
        assert!(size_of::<Client<u32>>() <= 136, "{}", size_of::<Client<u32>>());
    }
}
