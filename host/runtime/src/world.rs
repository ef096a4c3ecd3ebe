//! Everything around a worker: sockets, a clock and randomness.
//!
//! The worker is generic over it, so that a simulator can drive the very same loop with a seed.

use std::io;
use std::net::SocketAddr;

use snow_core::Key;

/// Sockets, time and randomness, as a worker needs them. No method but [`World::wait`] may block.
pub trait World {
    /// A client's socket. Dropping it closes the connection.
    type Socket;

    /// Returns the milliseconds on a clock that never goes back: *the worker's clock*, wherever
    /// these crates mention it.
    fn now_ms(&self) -> u64;

    /// Returns the microseconds on the worker's clock, for measuring turns. A coarse clock returns
    /// whole milliseconds.
    fn now_us(&self) -> u64 {
        self.now_ms() * 1_000
    }

    /// Returns the current value of the `Date` field (RFC 9110, section 5.6.7).
    fn date(&mut self) -> &str;

    /// Returns 128 random bits for request ids. They need not be fit for secrets.
    fn random(&mut self) -> u128;

    /// Waits until a socket is ready, a wake-up arrives or `timeout_ms` have passed (`None`: no
    /// timeout), and appends what is ready.
    ///
    /// # Errors
    /// After an error the worker does nothing more in this turn. A world that runs all workers on
    /// one thread can't block: it returns `WouldBlock` where a real one would wait, and runs the
    /// turn again once something is ready.
    fn wait(&mut self, timeout_ms: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Accepts one connection.
    ///
    /// # Errors
    /// `WouldBlock` if none is waiting.
    fn accept(&mut self) -> io::Result<(Self::Socket, SocketAddr)>;

    /// Starts to report on a socket under `key`, edge-triggered: each change is reported once.
    ///
    /// # Errors
    /// The system can't watch another socket.
    fn register(&mut self, socket: &mut Self::Socket, key: Key) -> io::Result<()>;

    /// Reads the bytes that have arrived, as many as fit into `buffer`.
    ///
    /// # Errors
    /// `WouldBlock` if none have arrived.
    fn read(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as many of `bytes` as the socket has room for.
    ///
    /// # Errors
    /// `WouldBlock` if it has no room.
    fn write(&mut self, socket: &mut Self::Socket, bytes: &[u8]) -> io::Result<usize>;

    /// Tells the peer that nothing more will be written (a FIN).
    fn shutdown_write(&mut self, socket: &mut Self::Socket);

    /// Has the socket end with a reset (a RST) when it is dropped, instead of a FIN.
    fn reset(&mut self, _socket: &mut Self::Socket) {}

    /// Stops listening. The worker accepts every connection that the kernel has queued before it
    /// calls this.
    fn close_listener(&mut self);
}

/// A change that [`World::wait`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Connections may be waiting to be accepted.
    Listener,
    /// A client's socket has changed.
    Socket {
        /// The key under which the socket was registered.
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
