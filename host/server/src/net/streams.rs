//! The kinds of listeners and sockets that a [`Net`](super::Net) can have.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use socket2::SockRef;

/// The address that stands for a unix socket's clients, which have none. No TCP client has port 0.
const UNIX_PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A listening socket.
pub trait Listener: AsFd {
    /// The sockets of its clients.
    type Stream: Source + Read + Write;

    /// Accepts one connection.
    ///
    /// # Errors
    /// `WouldBlock` if none waits; else the system's error.
    fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Tells the peer that nothing more will be written.
    fn shutdown_write(stream: &Self::Stream) -> io::Result<()>;

    /// Has the stream end with a reset when it is dropped, if it can.
    fn reset(_stream: &Self::Stream) -> io::Result<()> {
        Ok(())
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self)?;
        // Answers are written in one piece, so waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        // An IPv6 socket may have IPv4 clients, which nobody knows as `::ffff:192.0.2.1`.
        Ok((stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
    }

    fn shutdown_write(stream: &TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }

    fn reset(stream: &TcpStream) -> io::Result<()> {
        SockRef::from(stream).set_linger(Some(Duration::ZERO))
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        UnixListener::accept(self).map(|(stream, _)| (stream, UNIX_PEER))
    }

    fn shutdown_write(stream: &UnixStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }
}
