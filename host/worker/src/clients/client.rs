//! One client: its socket, its connection, and the bytes that move between them.

use std::io::ErrorKind;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use snow_config::HalfClose;
use snow_core::{Key, TimerKey};
use snow_http::{Connection, Exchange};
use snow_runtime::World;

use super::Gone;
use super::budget::{Budget, Helping};
use super::buffered::Buffered;
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
    pub line: Line,
    /// Set for the connection's deadline or earlier. Most deadlines are moved on before they come,
    /// so the timer is left where it is, and the deadline is looked at again when it fires.
    timer: Option<TimerKey>,
}

/// Why a client waits in line behind others. One byte, since there are very many clients.
#[derive(Clone, Copy, Default)]
pub(super) struct Line(u8);

impl Line {
    /// The client is in the worker's list of those that may have requests, for a later turn.
    pub const DEFERRED: Line = Line(1);
    /// The client has used up more than others the last time that it was served.
    pub const COSTLY: Line = Line(2);
    /// The client's request waits until more of them are wanted.
    pub const PUT_OFF: Line = Line(4);

    /// Returns whether there is any reason.
    pub fn is_any(self) -> bool {
        self.0 != 0
    }

    /// Returns whether this is one of the reasons.
    pub fn has(self, reason: Line) -> bool {
        self.0 & reason.0 != 0
    }

    /// Sets a reason, or takes it away. Returns whether it was set.
    pub fn set(&mut self, reason: Line, is_set: bool) -> bool {
        let was_set = self.has(reason);
        self.0 = if is_set { self.0 | reason.0 } else { self.0 & !reason.0 };
        was_set
    }
}

/// What is left of a connection's output after it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Nothing.
    All,
    /// Something, for which the socket has no room. It reports when it has.
    Blocked,
    /// Something, for which this turn has no more room.
    Paused,
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
            line: Line::default(),
            timer: None,
        }
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer.address()
    }

    /// Returns what the connection keeps in memory.
    pub fn buffered(&self) -> Buffered {
        Buffered {
            input_bytes: self.connection.received_bytes(),
            output_bytes: self.connection.output().len(),
        }
    }

    /// Notes what the poll has reported.
    pub fn socket_changed(&mut self, readable: bool, read_closed: bool) {
        self.readable |= readable | read_closed;
        self.read_closed |= read_closed;
    }

    /// Returns whether there may be bytes to read, and the connection wants them.
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

    /// Writes the connection's output until it is empty, the socket is full, or the client has had
    /// its part of the turn. Returns whether the client is to be looked at again, though no event of
    /// its socket will say so.
    pub fn write<W>(
        &mut self,
        world: &mut W,
        budget: &mut Budget,
        cx: &Context,
    ) -> Result<bool, Gone>
    where
        W: World<Socket = S>,
    {
        let had_output = !self.connection.output().is_empty();
        let written = self.write_some(world, budget, cx)?;
        if self.connection.wants_shutdown() {
            world.shutdown_write(&mut self.socket);
            self.connection.shutdown_done(cx.now_ms, cx.http());
            // What came in before is discarded from now on, until the peer closes too.
            return Ok(true);
        }
        if self.connection.is_finished() {
            return Err(Gone);
        }
        Ok(match written {
            Written::Paused => true,
            // Until the socket has room again, nothing can be done that was not done before.
            Written::Blocked => false,
            // A full output may have kept pipelined requests from being looked at, and an exchange
            // that was answered may have kept bytes from being read.
            Written::All => (had_output && self.connection.has_unused_input()) || self.reads_on(),
        })
    }

    fn write_some<W>(
        &mut self,
        world: &mut W,
        budget: &mut Budget,
        cx: &Context,
    ) -> Result<Written, Gone>
    where
        W: World<Socket = S>,
    {
        loop {
            let output = self.connection.output();
            if output.is_empty() {
                return Ok(Written::All);
            }
            let room = budget.writable_bytes().min(output.len());
            if room == 0 {
                return Ok(Written::Paused);
            }
            match world.write(&mut self.socket, &output[..room]) {
                Ok(0) => return Err(Gone),
                Ok(n) => {
                    cx.stats.sent_bytes.add(n as u64);
                    budget.wrote(n);
                    self.connection.wrote(n, cx.now_ms, cx.http());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Written::Blocked);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }

    /// Returns whether the client has left, if its request is held. A half-close means that it has,
    /// unless the deployer says otherwise. So does so much pipelined behind the request that its
    /// leaving could no longer be seen: a request must not be held for a client that is gone.
    #[inline]
    pub fn has_left(&self, cx: &Context) -> bool {
        let has_closed = self.read_closed && cx.limits().half_close == HalfClose::Left;
        has_closed || self.connection.input_is_full()
    }

    /// Gives up a held exchange, because the client has left, and returns it.
    ///
    /// After a half-close the client may still read, and earlier requests of it were answered:
    /// those answers still go out.
    pub fn give_up_held(&mut self, cx: &Context) -> Option<Exchange> {
        let held = self.connection.exchanges().find(|exchange| exchange.is_held())?.serial;
        self.connection.give_up(held, cx.now_ms, cx.http())
    }

    /// Sets the timer for the connection's deadline, unless it fires before that anyway.
    pub fn set_timer(&mut self, key: Key, timers: &mut WorkerTimers) {
        match (self.connection.deadline_ms(), self.timer) {
            (Some(deadline), Some(timer)) if timer.at_ms() <= deadline => {}
            (Some(deadline), _) => {
                self.cancel_timer(timers);
                self.timer = Some(timers.set(deadline, Timer::Client(key)));
            }
            // A held request keeps nothing that it does not need.
            (None, Some(_)) if self.connection.exchanges().any(Exchange::is_held) => {
                self.cancel_timer(timers);
            }
            (None, _) => {}
        }
    }

    pub fn cancel_timer(&mut self, timers: &mut WorkerTimers) {
        self.timer.take().map(|timer| timers.cancel(timer));
    }

    /// Lets the connection's deadline pass, if it has come. The timer has fired. Returns how many
    /// bytes of output are lost with it.
    pub fn timer_fired<W>(&mut self, world: &mut W, budget: &mut Budget, cx: &Context) -> usize
    where
        W: World<Socket = S>,
    {
        self.timer = None;
        if self.connection.deadline_ms().is_none_or(|deadline| deadline > cx.now_ms) {
            return 0;
        }
        // The kernel reports room only once much of its buffer is free, which a slow client may not
        // reach in time although it reads on. Any room at all shows that it has.
        budget.next_client(Helping::Whole);
        match self.write_some(world, budget, cx) {
            Ok(Written::All | Written::Blocked) => {}
            // The turn has no room to ask the socket, so a later one does.
            Ok(Written::Paused) => return 0,
            // The next look at the client finds that it is gone.
            Err(Gone) => return 0,
        }
        let waits_bytes = self.connection.output().len();
        self.connection.expire(cx.now_ms, cx.http());
        if self.connection.output().is_empty() { waits_bytes } else { 0 }
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
