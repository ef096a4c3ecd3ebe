//! A blocking HTTP/1.1 client for one request on one connection. `snow-host test` and `snow-host
//! status` use it.
//!
//! [`SentRequest::send`] opens a connection and sends a [`Request`]; [`SentRequest::response`]
//! waits for the [`Response`], and may be called much later. [`ResponseReader`] is the part without
//! I/O: it makes responses of bytes, and refuses bytes that break a rule of RFC 9112.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpListener;
//! use std::time::{Duration, Instant};
//!
//! use snow_tools::client::{Endpoint, Request, SentRequest};
//!
//! # fn main() -> anyhow::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let endpoint = Endpoint::Tcp(listener.local_addr()?);
//! let until = Instant::now() + Duration::from_secs(10);
//! let sent = SentRequest::send(&endpoint, &Request::get("/hello"), until)?;
//! // The server's side.
//! let (mut stream, _) = listener.accept()?;
//! stream.read(&mut [0; 100])?;
//! stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
//!
//! let response = sent.response(until)?;
//! assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
//! # Ok(())
//! # }
//! ```

mod connection;
mod reader;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use self::connection::Connection;
pub use self::reader::{MalformedResponse, ResponseReader};

/// The size of the longest response that is read, head and body.
const RESPONSE_BYTES_MAX: usize = 256 << 20;

/// The place where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// A request. The client adds `host` and `content-length` where they are missing.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, a token.
    pub method: String,
    /// The request target: a path and perhaps a query, percent-encoded.
    pub path: String,
    /// Header fields in the order in which they are sent. Values have no control characters.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields in the order in which they came, their names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content, without any chunked coding.
    pub body: Vec<u8>,
}

/// The reason why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The time is over.
    #[error("there was no answer in time")]
    TimedOut,
    /// The server closed the connection too early.
    #[error("the server closed the connection before its answer was complete")]
    Closed,
    /// The server sent something that is not HTTP/1.1.
    #[error("the answer is not HTTP/1.1: {0}")]
    Malformed(#[from] MalformedResponse),
    /// The response has too many bytes.
    #[error("the answer is longer than {RESPONSE_BYTES_MAX} bytes")]
    TooLong,
    /// The connection could not be opened, written or read.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// A request that was sent, with its connection. Dropping it disconnects.
pub struct SentRequest {
    connection: Connection,
    is_head: bool,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => address.fmt(out),
            Endpoint::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

impl Request {
    /// Returns a GET without header fields and content.
    pub fn get(path: &str) -> Request {
        Request { method: "GET".into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Returns the request's bytes for a server with this name.
    fn encode(&self, host: &str) -> Vec<u8> {
        let Request { method, path, headers, body } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("host: {host}\r\n");
        }
        if !body.is_empty() || matches!(&**method, "POST" | "PUT" | "PATCH") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

impl Response {
    /// Returns the value of the first field with this name, which must be in lower case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| &value[..])
    }
}

impl SentRequest {
    /// Connects and sends a request. The server has until then to take it.
    ///
    /// # Errors
    /// The server can't be reached, or does not take the request in time. A server that refuses a
    /// request may close its side early; that is no error here, because its response can still be
    /// read.
    pub fn send(
        endpoint: &Endpoint,
        request: &Request,
        until: Instant,
    ) -> Result<SentRequest, ClientError> {
        let mut connection = Connection::open(endpoint, until)?;
        let host = match endpoint {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Unix(_) => "localhost".to_owned(),
        };
        connection.write_all(&request.encode(&host), until)?;
        Ok(SentRequest { connection, is_head: request.method == "HEAD" })
    }

    /// Returns whether the server has neither sent anything nor closed the connection.
    ///
    /// # Errors
    /// The connection can't be asked.
    pub fn is_silent(&self) -> io::Result<bool> {
        self.connection.is_silent()
    }

    /// Waits for the response. Interim responses (1xx) are skipped.
    ///
    /// # Errors
    /// The response is not complete in time, not HTTP/1.1, or too long, or the connection fails.
    pub fn response(mut self, until: Instant) -> Result<Response, ClientError> {
        let (mut received, mut total) = (Vec::new(), 0);
        loop {
            let mut reader = ResponseReader::new(self.is_head);
            let response = loop {
                if let Some(response) = reader.read(&mut received)? {
                    break response;
                }
                if total > RESPONSE_BYTES_MAX {
                    return Err(ClientError::TooLong);
                }
                match self.connection.read(&mut received, until)? {
                    0 => break reader.end().ok_or(ClientError::Closed)?,
                    bytes => total += bytes,
                }
            };
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }
}

#[cfg(test)]
mod tests;
