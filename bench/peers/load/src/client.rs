//! Connections: one that does not block while it waits for an answer, and one that does.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use mio::{Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use crate::{Answer, get, parse};

/// How many source addresses connections can be spread over. Each has 28,000 ports.
pub const SOURCES_MAX: usize = 200;
/// How many connections are made from one source address.
pub const SOURCE_CONNECTIONS_MAX: usize = 4_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Connects from a source address, which is 127.0.1.1 for 0 and so on.
pub fn connect(address: SocketAddr, source: usize) -> io::Result<TcpStream> {
    let source = SocketAddr::from((Ipv4Addr::new(127, 0, 1, 1 + (source % SOURCES_MAX) as u8), 0));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&source.into())?;
    socket.connect_timeout(&address.into(), CONNECT_TIMEOUT)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// A connection that is registered with a poll, for one request at a time.
pub struct Client {
    socket: mio::net::TcpStream,
    /// The bytes of an answer that is not complete.
    partial: Vec<u8>,
}

impl Client {
    /// Connects, and registers with the poll under `token`.
    pub fn connect(
        address: SocketAddr,
        source: usize,
        poll: &Poll,
        token: Token,
    ) -> io::Result<Client> {
        let socket = connect(address, source)?;
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        poll.registry().register(&mut socket, token, Interest::READABLE)?;
        Ok(Client { socket, partial: Vec::new() })
    }

    /// Returns the address that the server sees.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends a request, which is smaller than any socket's buffer.
    pub fn ask(&mut self, path: &str) -> io::Result<()> {
        self.socket.write_all(&get(path))
    }

    /// Returns what `told` makes of the answer, once it is complete. Fails if the server ends the
    /// connection.
    pub fn answer<T>(&mut self, told: impl FnOnce(Answer<'_>) -> T) -> io::Result<Option<T>> {
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let read = match self.socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            read => read?,
        };
        self.partial.extend_from_slice(&buffer[..read]);
        let answer = parse(&self.partial)?.map(told);
        if answer.is_some() {
            self.partial = Vec::new();
        }
        Ok(answer)
    }

    /// Ends the connection with an RST, which discards what is on its way.
    pub fn reset(self) -> io::Result<()> {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }
}

/// A connection that blocks until the answer has arrived.
pub struct Control {
    socket: TcpStream,
}

impl Control {
    /// Uses a connected socket, which must block.
    pub fn new(socket: TcpStream) -> Control {
        Control { socket }
    }

    /// Connects to a server.
    pub fn connect(address: SocketAddr) -> io::Result<Control> {
        let socket = connect(address, 0)?;
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Control { socket })
    }

    /// Asks for a path. Returns the body of the answer.
    pub fn ask(&mut self, path: &str) -> io::Result<String> {
        self.send(path)?;
        self.answer()
    }

    /// Asks for a path whose answer is a number. Returns the number.
    pub fn ask_number(&mut self, path: &str) -> io::Result<usize> {
        let body = self.ask(path)?;
        body.trim()
            .parse()
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, format!("{path} answers {body}")))
    }

    /// Sends a request without waiting for the answer.
    pub fn send(&mut self, path: &str) -> io::Result<()> {
        self.socket.write_all(&get(path))
    }

    /// Waits for the answer to a request that was sent.
    pub fn answer(&mut self) -> io::Result<String> {
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let mut filled = 0;
        loop {
            let read = self.socket.read(&mut buffer[filled..])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(answer) = parse(&buffer[..filled])? {
                return Ok(String::from_utf8_lossy(answer.body).into_owned());
            }
        }
    }
}
