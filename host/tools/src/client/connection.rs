//! A connection over TCP or a Unix socket, whose steps have deadlines.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::{ClientError, Endpoint};

/// The number of bytes that one call reads at most.
const READ_BYTES: usize = 64 << 10;

/// A connection to a server.
pub(super) struct Connection(Socket);

impl Connection {
    pub fn open(endpoint: &Endpoint, until: Instant) -> Result<Connection, ClientError> {
        let socket: Socket = match endpoint {
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, time_left(until)?)?;
                stream.set_nodelay(true)?;
                stream.into()
            }
            Endpoint::Unix(path) => UnixStream::connect(path)?.into(),
        };
        Ok(Connection(socket))
    }

    /// Writes all bytes, or as many as the server takes before it closes its side.
    pub fn write_all(&mut self, bytes: &[u8], until: Instant) -> Result<(), ClientError> {
        self.0.set_write_timeout(Some(time_left(until)?))?;
        match self.0.write_all(bytes) {
            Err(error) if is_timeout(&error) => Err(ClientError::TimedOut),
            // A server that has closed its side may have answered before. If it has not, reading
            // fails.
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Returns whether there is nothing to read, not even the end.
    pub fn is_silent(&self) -> io::Result<bool> {
        self.0.set_nonblocking(true)?;
        let peeked = self.0.peek(&mut [MaybeUninit::uninit()]);
        self.0.set_nonblocking(false)?;
        Ok(matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock))
    }

    /// Appends the next bytes to `received`. Returns how many there were; 0 at the end.
    pub fn read(&mut self, received: &mut Vec<u8>, until: Instant) -> Result<usize, ClientError> {
        let mut buffer = [0; READ_BYTES];
        loop {
            self.0.set_read_timeout(Some(time_left(until)?))?;
            match self.0.read(&mut buffer) {
                Ok(bytes) => {
                    received.extend_from_slice(&buffer[..bytes]);
                    return Ok(bytes);
                }
                Err(error) if is_timeout(&error) => return Err(ClientError::TimedOut),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn time_left(until: Instant) -> Result<Duration, ClientError> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ClientError::TimedOut) } else { Ok(left) }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
