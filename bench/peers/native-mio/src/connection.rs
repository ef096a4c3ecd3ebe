//! The connection of one client: its socket, and what a read or a write left over.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::shared::Shared;

/// The longest head that is read.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 32;

/// Buffers that all connections of a thread use in turn.
pub struct Scratch {
    input: Box<[u8]>,
    output: Vec<u8>,
}

impl Scratch {
    /// Returns the buffers for one thread.
    pub fn new() -> Scratch {
        Scratch {
            input: vec![0; HEAD_BYTES_MAX].into(),
            output: Vec::with_capacity(HEAD_BYTES_MAX),
        }
    }
}

/// Bytes that are kept for later: a head that is not complete, or output without room in the
/// socket.
#[derive(Default)]
struct Rest {
    input: Vec<u8>,
    output: Vec<u8>,
}

/// A connection, as small as it can be while its request waits.
pub struct Connection {
    socket: TcpStream,
    rest: Option<Box<Rest>>,
    held: bool,
}

/// What becomes of a connection after an event.
pub enum After {
    /// The connection goes on.
    Open,
    /// The connection goes on, and its request began to wait.
    Held,
    /// The connection is over.
    Closed,
}

impl Connection {
    /// Returns the connection of an accepted socket.
    pub fn new(socket: TcpStream) -> Connection {
        Connection { socket, rest: None, held: false }
    }

    /// Returns the socket, to be registered.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Reads and answers until there is nothing left to read. An error ends the connection.
    pub fn ready(&mut self, scratch: &mut Scratch, shared: &Shared) -> After {
        let held_before = self.held;
        match self.flush().and_then(|()| self.read(scratch, shared)) {
            Ok(true) if self.held && !held_before => After::Held,
            Ok(true) => After::Open,
            Ok(false) | Err(_) => After::Closed,
        }
    }

    /// Answers the request that waits, if one does.
    pub fn release(&mut self, shared: &Shared) -> io::Result<()> {
        if !self.held {
            return Ok(());
        }
        self.held = false;
        shared.ended();
        let mut output = Vec::with_capacity(128);
        answer(&mut output, "200 OK", "done");
        self.write(&output)
    }

    /// Notes the end of the connection.
    pub fn closed(&self, shared: &Shared) {
        if self.held {
            shared.ended();
        }
    }

    /// Reads and answers. Returns false once the client has left.
    fn read(&mut self, scratch: &mut Scratch, shared: &Shared) -> io::Result<bool> {
        loop {
            let kept = self.take_input(&mut scratch.input);
            let read = match self.socket.read(&mut scratch.input[kept..]) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.keep_input(&scratch.input[..kept]);
                    return Ok(true);
                }
                Err(error) => return Err(error),
            };
            let filled = kept + read;
            scratch.output.clear();
            let used = self.serve(&scratch.input[..filled], &mut scratch.output, shared)?;
            self.keep_input(&scratch.input[used..filled]);
            let output = std::mem::take(&mut scratch.output);
            self.write(&output)?;
            scratch.output = output;
            // A short read has emptied the socket. The next edge reports further bytes.
            if filled < scratch.input.len() {
                return Ok(true);
            }
        }
    }

    /// Writes the answers to the requests in `input` into `output`. Returns how many bytes the
    /// requests had.
    fn serve(&mut self, input: &[u8], output: &mut Vec<u8>, shared: &Shared) -> io::Result<usize> {
        let mut used = 0;
        while used < input.len() && !self.held {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut request = httparse::Request::new(&mut headers);
            let parsed = request
                .parse(&input[used..])
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            let httparse::Status::Complete(head) = parsed else { break };
            used += head;
            match request.path.unwrap_or_default() {
                "/hello" => answer(output, "200 OK", "hello world"),
                "/hold/" => {
                    self.held = true;
                    shared.held();
                }
                "/stop-all/" => answer(output, "200 OK", &shared.release()?.to_string()),
                "/waiting/" => answer(output, "200 OK", &shared.waiting().to_string()),
                _ => answer(output, "404 Not Found", "not found"),
            }
        }
        Ok(used)
    }

    /// Moves what an earlier read left over into `buffer`. Returns its length.
    fn take_input(&mut self, buffer: &mut [u8]) -> usize {
        let Some(rest) = &mut self.rest else { return 0 };
        let kept = rest.input.len();
        buffer[..kept].copy_from_slice(&rest.input);
        rest.input = Vec::new();
        kept
    }

    fn keep_input(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.rest.get_or_insert_default().input = bytes.to_vec();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let behind = self.rest.as_ref().is_some_and(|rest| !rest.output.is_empty());
        let written = if behind || bytes.is_empty() { 0 } else { self.write_now(bytes)? };
        if written < bytes.len() {
            self.rest.get_or_insert_default().output.extend_from_slice(&bytes[written..]);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(mut rest) = self.rest.take() else { return Ok(()) };
        if !rest.output.is_empty() {
            let written = self.write_now(&rest.output)?;
            rest.output.drain(..written);
        }
        if !(rest.input.is_empty() && rest.output.is_empty()) {
            self.rest = Some(rest);
        }
        Ok(())
    }

    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }
}

fn answer(output: &mut Vec<u8>, status: &str, body: &str) {
    let length = body.len();
    // A write to a Vec can't fail.
    let _ = write!(
        output,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{body}"
    );
}
