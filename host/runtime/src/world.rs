//! What a worker needs of the world: sockets, a clock and randomness.
//!
//! The worker is generic over it, so that a simulator can drive the very same loop with a seed.

use std::io;
use std::net::SocketAddr;

use snow_core::Key;

/// Sockets, time and randomness.
pub trait World {
    /// A client's socket. Dropping it closes it.
    type Socket;

    /// Milliseconds on a clock that never goes back.
    fn now_ms(&self) -> u64;

    /// The same clock in microseconds, if it is that fine: for measuring turns.
    fn now_us(&self) -> u64 {
        self.now_ms() * 1_000
    }

    /// The current `Date` (RFC 9110, section 5.6.7).
    fn date(&mut self) -> &str;

    /// 128 random bits, not necessarily fit for secrets: for request ids.
    fn random(&mut self) -> u128;

    /// Waits for sockets, at most `timeout_ms` (`None`: for ever; a wake-up ends it), and adds what is ready.
    ///
    /// An error ends the turn before it began. A world that can't wait, since one thread runs it and all others too,
    /// says `WouldBlock` where a real one would wait, and has the turn run again once there is something.
    fn wait(&mut self, timeout_ms: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Takes one connection from the listener. `WouldBlock` when there is none.
    fn accept(&mut self) -> io::Result<(Self::Socket, SocketAddr)>;

    /// Starts to report on a socket under this key: each change once (edge-triggered).
    fn register(&mut self, socket: &mut Self::Socket, key: Key) -> io::Result<()>;

    /// Reads what is there.
    fn read(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what there is room for.
    fn write(&mut self, socket: &mut Self::Socket, bytes: &[u8]) -> io::Result<usize>;

    /// Says to the peer that nothing more will be written.
    fn shutdown_write(&mut self, socket: &mut Self::Socket);

    /// Stops accepting. What the kernel has accepted has been taken before.
    fn close_listener(&mut self);
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// There may be connections to accept.
    Listener,
    /// Something about a client's socket.
    Socket {
        /// Under which it was registered.
        key: Key,
        /// There may be something to read.
        readable: bool,
        /// There may be room to write.
        writable: bool,
        /// The peer has sent its FIN, or reset the connection.
        read_closed: bool,
        /// The connection is broken: nothing can be written any more.
        broken: bool,
    },
}
