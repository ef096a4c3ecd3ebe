//! One request on a connection of its own, whose answer may be waited for later.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::cases::Request;
use snow_http::{ChunkedDecoder, HttpLimits, headers};

/// An answer, head and body.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Fields of an answer's head.
const FIELDS_MAX: usize = 1_024;
/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// A request that was sent. Dropping it disconnects.
pub(super) struct Sent {
    stream: TcpStream,
    /// An answer to HEAD has no body, whatever its fields say.
    is_head: bool,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// In their order.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("there was no answer in time")]
    Late,
    #[error("the server closed the connection before its answer was complete")]
    Closed,
    #[error("the answer is not HTTP/1.1: {0}")]
    Malformed(String),
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

impl Sent {
    /// Sends a request. The server has until then to take it.
    pub fn new(address: SocketAddr, request: &Request, until: Instant) -> Result<Sent, Fault> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(time_left(until)?))?;
        let sent = stream.write_all(&encode(address, request));
        match sent {
            Err(error) if is_timeout(&error) => return Err(Fault::Late),
            // It may have heard enough: then its answer is there, or reading tells what is wrong.
            Err(_) | Ok(()) => {}
        }
        Ok(Sent { stream, is_head: request.method == "HEAD" })
    }

    /// Whether the server has neither answered nor closed the connection.
    pub fn is_silent(&self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        Ok(matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock))
    }

    /// Waits for the answer.
    pub fn answer(mut self, until: Instant) -> Result<Answer, Fault> {
        let mut received = Vec::new();
        loop {
            if let Some((answer, body)) = head(&received)? {
                // 100 and 103 come before the answer.
                if answer.status < 200 {
                    received.drain(..body);
                    continue;
                }
                return self.with_body(answer, received.split_off(body), until);
            }
            if !self.read(&mut received, until)? {
                return Err(Fault::Closed);
            }
        }
    }

    fn with_body(&mut self, mut answer: Answer, mut received: Vec<u8>, until: Instant) -> Result<Answer, Fault> {
        let field = |name: &str| answer.headers.iter().find(|(field, _)| field == name).map(|(_, value)| &value[..]);
        let malformed = |what: &str| Fault::Malformed(what.to_owned());
        if self.is_head || matches!(answer.status, 204 | 304) {
            return Ok(answer);
        }
        if field("transfer-encoding").is_some() {
            answer.body = self.chunked(received, until)?;
            return Ok(answer);
        }
        let length = field("content-length").map(headers::decimal).transpose();
        let length = length.map_err(|_| malformed("its content-length is no number"))?;
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        while length.is_none_or(|length| received.len() < length) {
            if !self.read(&mut received, until)? {
                match length {
                    Some(_) => return Err(Fault::Closed),
                    None => break,
                }
            }
        }
        received.truncate(length.unwrap_or(received.len()));
        answer.body = received;
        Ok(answer)
    }

    fn chunked(&mut self, mut received: Vec<u8>, until: Instant) -> Result<Vec<u8>, Fault> {
        let (mut decoder, mut body) = (ChunkedDecoder::default(), Vec::new());
        let limits = HttpLimits::default();
        loop {
            let mut rest = &received[..];
            while let Some(content) =
                decoder.decode(&mut rest, &limits).map_err(|_| Fault::Malformed("a chunk of its body".into()))?
            {
                body.extend_from_slice(content);
            }
            if decoder.is_done() {
                return Ok(body);
            }
            if body.len() > ANSWER_BYTES_MAX {
                return Err(Fault::TooLong);
            }
            received.clear();
            if !self.read(&mut received, until)? {
                return Err(Fault::Closed);
            }
        }
    }

    /// Adds what comes next. `false` at the end.
    fn read(&mut self, received: &mut Vec<u8>, until: Instant) -> Result<bool, Fault> {
        if received.len() > ANSWER_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        self.stream.set_read_timeout(Some(time_left(until)?))?;
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(bytes) => {
                received.extend_from_slice(&buffer[..bytes]);
                Ok(true)
            }
            Err(error) if is_timeout(&error) => Err(Fault::Late),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// The request's bytes. What the case does not say of `host` and the body's length is added.
fn encode(address: SocketAddr, request: &Request) -> Vec<u8> {
    let Request { method, path, headers, body } = request;
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += &format!("host: {address}\r\n");
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

/// The head, and where it ends, once it is there.
fn head(received: &[u8]) -> Result<Option<(Answer, usize)>, Fault> {
    let mut fields = vec![httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(received).map_err(|error| Fault::Malformed(error.to_string()))?;
    let httparse::Status::Complete(end) = parsed else { return Ok(None) };
    let field = |field: &httparse::Header<'_>| (field.name.to_ascii_lowercase(), field.value.to_vec());
    let headers = response.headers.iter().map(field).collect();
    Ok(Some((Answer { status: response.code.unwrap_or_default(), headers, body: Vec::new() }, end)))
}

fn time_left(until: Instant) -> Result<Duration, Fault> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Fault::Late) } else { Ok(left) }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What the client makes of these bytes, sent in two pieces behind which the server closes.
    fn answer(method: &str, bytes: &'static str) -> Result<Answer, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1_000]).unwrap();
            let (first, second) = bytes.as_bytes().split_at(bytes.len() / 2);
            stream.write_all(first).unwrap();
            stream.flush().unwrap();
            stream.write_all(second).unwrap();
        });
        let request = Request { method: method.into(), path: "/".into(), headers: Vec::new(), body: Vec::new() };
        let until = Instant::now() + Duration::from_secs(20);
        let answer = Sent::new(address, &request, until).and_then(|sent| sent.answer(until));
        server.join().unwrap();
        answer
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        for (method, bytes, body) in [
            ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcd", "abc"),
            ("GET", "HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
            ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
            ("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a"),
            ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", ""),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", ""),
        ] {
            let answer = answer(method, bytes).unwrap();
            assert_eq!(answer.body, body.as_bytes(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        let faults = |bytes| answer("GET", bytes).unwrap_err();
        assert!(matches!(faults("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"), Fault::Closed));
        assert!(matches!(faults("HTTP/1.1 200 OK\r\n"), Fault::Closed));
        assert!(matches!(faults("SMTP hello, and more\r\n\r\n"), Fault::Malformed(_)));
        assert!(matches!(faults("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), Fault::Malformed(_)));
    }

    #[test]
    fn what_the_case_does_not_say_is_added_to_a_request() {
        let address = "127.0.0.1:80".parse().unwrap();
        let encoded = |method: &str, headers: &[(&str, &str)], body: &str| {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let request = Request { method: method.into(), path: "/a?b".into(), headers, body: body.into() };
            String::from_utf8(encode(address, &request)).unwrap()
        };
        assert_eq!(encoded("GET", &[], ""), "GET /a?b HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n");
        assert_eq!(encoded("GET", &[("Host", "a")], ""), "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(encoded("POST", &[], "").contains("\r\ncontent-length: 0\r\n"));
        assert!(encoded("DELETE", &[], "ab").ends_with("\r\ncontent-length: 2\r\n\r\nab"));
    }
}
