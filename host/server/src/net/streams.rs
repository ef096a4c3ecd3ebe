//! The kinds of sockets that a world can be made of.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Who connects through a unix socket has no address. This one is shown for it: port 0 is nobody's.
const UNIX_PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A listening socket, by the kind of its clients' sockets.
pub trait Listener: Source {
    /// A client's socket.
    type Stream: Source + Read + Write;

    /// Takes one connection. `WouldBlock` when there is none.
    fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Says to the peer that nothing more will be written.
    fn shutdown_write(stream: &Self::Stream) -> io::Result<()>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self)?;
        // Answers are written whole: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }

    fn shutdown_write(stream: &TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
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
