//! One client: its socket, its connection, and the bytes that move between them.

use std::io::ErrorKind;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use snow_core::{Key, TimerKey};
use snow_http::{Connection, Exchange, Progress};
use snow_runtime::World;

use super::Gone;
use crate::context::{Context, Timer, WorkerTimers};

/// A client's socket and its connection.
pub(super) struct Client<S> {
    pub connection: Connection,
    pub socket: S,
    peer: Peer,
    /// There may be something to read. It is kept here because the poll reports each change only
    /// once.
    readable: bool,
    /// The peer has sent its FIN, perhaps behind bytes that are not read yet.
    read_closed: bool,
    /// The client is in the worker's list of this turn.
    pub dirty: bool,
    /// The client is in the worker's list of those that may have requests, for a later turn.
    pub deferred: bool,
    /// Set for the connection's deadline or earlier. Most deadlines are moved on before they come,
    /// so the timer is left where it is, and the deadline is looked at again when it fires.
    timer: Option<TimerKey>,
}

impl<S> Client<S> {
    pub fn new(socket: S, peer: SocketAddr, connection: Connection) -> Client<S> {
        Client {
            connection,
            socket,
            peer: peer.into(),
            readable: true,
            read_closed: false,
            dirty: false,
            deferred: false,
            timer: None,
        }
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer.address()
    }

    /// Notes what the poll has reported.
    pub fn socket_changed(&mut self, readable: bool, read_closed: bool) {
        self.readable |= readable | read_closed;
        self.read_closed |= read_closed;
    }

    /// Whether there may be bytes to read, and the connection wants them.
    pub fn reads_on(&self) -> bool {
        self.readable && self.connection.wants_read()
    }

    /// Reads at most one buffer of bytes into the connection. Returns how many: zero if there is
    /// nothing, or if the connection wants nothing.
    pub fn read<W>(&mut self, world: &mut W, buffer: &mut [u8], cx: &Context) -> Result<usize, Gone>
    where
        W: World<Socket = S>,
    {
        while self.reads_on() {
            match world.read(&mut self.socket, buffer) {
                Ok(0) => {
                    self.readable = false;
                    self.read_closed = true;
                    self.connection.receive_eof();
                }
                Ok(n) => {
                    cx.stats.received_bytes.add(n as u64);
                    self.connection.receive(&buffer[..n], cx.now_ms, cx.http());
                    // A short read has emptied the socket, and whatever comes later is a new
                    // change. But a FIN that was reported already is not reported again.
                    self.readable = n == buffer.len() || self.read_closed;
                    return Ok(n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(0)
    }

    /// Writes the connection's output until it is empty or the socket is full. Returns whether the
    /// client is to be looked at again, though no event of its socket will say so.
    pub fn write<W>(&mut self, world: &mut W, cx: &Context) -> Result<bool, Gone>
    where
        W: World<Socket = S>,
    {
        let connection = &mut self.connection;
        let had_output = !connection.output().is_empty();
        while !connection.output().is_empty() {
            match world.write(&mut self.socket, connection.output()) {
                Ok(0) => return Err(Gone),
                Ok(n) => {
                    cx.stats.sent_bytes.add(n as u64);
                    connection.wrote(n, cx.now_ms, cx.http());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        if connection.wants_shutdown() {
            world.shutdown_write(&mut self.socket);
            connection.shutdown_done(cx.now_ms, cx.http());
            // What came in before is discarded from now on, until the peer closes too.
            return Ok(true);
        }
        if connection.is_finished() {
            return Err(Gone);
        }
        // A full output may have kept pipelined requests from being looked at.
        Ok(had_output && connection.output().is_empty() && connection.has_unused_input())
    }

    /// Gives up a held request if the client has left. A half-close means that it has. So does so
    /// much pipelined behind the request that its leaving could no longer be seen: a request must
    /// not be held for a client that is gone. Returns the exchange.
    pub fn give_up_if_left(&mut self, cx: &Context) -> Result<Option<Exchange>, Gone> {
        let is_unseen = self.read_closed || self.connection.input_is_full();
        if !self.is_held() || !is_unseen {
            return Ok(None);
        }
        if self.connection.output().is_empty() {
            return Err(Gone);
        }
        // After a half-close the client may still read, and earlier requests of it were answered:
        // those answers still go out.
        Ok(self.connection.give_up(cx.now_ms, cx.http()))
    }

    /// Whether the client's request waits for a settlement.
    fn is_held(&self) -> bool {
        self.connection
            .exchange()
            .is_some_and(|exchange| matches!(exchange.progress, Progress::Suspended { .. }))
    }

    /// Has the client looked at again by the time of its connection's deadline.
    pub fn set_timer(&mut self, key: Key, timers: &mut WorkerTimers) {
        match (self.connection.deadline_ms(), self.timer) {
            (Some(deadline), Some(timer)) if timer.at_ms() <= deadline => {}
            (Some(deadline), _) => {
                self.cancel_timer(timers);
                self.timer = Some(timers.set(deadline, Timer::Client(key)));
            }
            // A held request keeps nothing that it does not need.
            (None, Some(_)) if self.is_held() => self.cancel_timer(timers),
            (None, _) => {}
        }
    }

    pub fn cancel_timer(&mut self, timers: &mut WorkerTimers) {
        self.timer.take().map(|timer| timers.cancel(timer));
    }

    /// Lets the connection's deadline pass, if it has come. The timer has fired.
    pub fn timer_fired(&mut self, cx: &Context) {
        self.timer = None;
        if self.connection.deadline_ms().is_some_and(|deadline| deadline <= cx.now_ms) {
            self.connection.expire(cx.now_ms, cx.http());
        }
    }
}

/// A [`SocketAddr`] in half the memory: that is as large as an address of IPv6, which is boxed
/// here.
enum Peer {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        match address {
            SocketAddr::V4(address) => Peer::V4(address),
            SocketAddr::V6(address) => Peer::V6(Box::new(address)),
        }
    }
}

impl Peer {
    fn address(&self) -> SocketAddr {
        match self {
            Peer::V4(address) => SocketAddr::V4(*address),
            Peer::V6(address) => SocketAddr::V6(**address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_small() {
        assert!(size_of::<Client<u32>>() <= 136, "{}", size_of::<Client<u32>>());
    }
}
