//! Reads responses out of bytes, without I/O.

use snow_http::{ChunkedDecoder, HttpLimits, headers};

use super::Response;

/// A break of RFC 9112 in a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedResponse(String);

/// Reads one response out of the bytes of a connection, as they arrive.
///
/// It is strict, because it reads the responses of a host that should make no mistakes:
///
/// - Lines end in CRLF, and a space follows the status even if there is no reason phrase.
/// - Field names are tokens, and values have no control characters.
/// - There is at most one of `content-length` and `transfer-encoding`, once; with 1xx and 204 there
///   is neither.
/// - The only transfer coding is `chunked`, without extensions and trailers.
///
/// It does not check what other fields mean.
///
/// ```
/// use snow_tools::client::ResponseReader;
///
/// let mut received = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh".to_vec();
/// let mut reader = ResponseReader::new(false);
/// assert!(reader.read(&mut received).unwrap().is_none());
/// received.extend(b"iHTTP/1.1 204 No Content\r\n\r\n");
/// assert_eq!(reader.read(&mut received).unwrap().unwrap().body, b"hi");
///
/// // The next response needs a reader of its own.
/// let next = ResponseReader::new(false).read(&mut received).unwrap().unwrap();
/// assert_eq!((next.status, received.len()), (204, 0));
/// ```
pub struct ResponseReader {
    answers_head: bool,
    response: Response,
    state: State,
}

/// The part of the response that comes next.
enum State {
    Head,
    /// So many bytes of content.
    Length(usize),
    Chunked(Box<ChunkedDecoder>),
    /// Content until the connection ends.
    UntilEnd,
}

impl ResponseReader {
    /// Returns a reader for the response to one request. A response to HEAD has no content,
    /// whatever its fields announce.
    pub fn new(answers_head: bool) -> ResponseReader {
        ResponseReader { answers_head, response: Response::default(), state: State::Head }
    }

    /// Takes the response's bytes from the front of `received`. Returns the response once it is
    /// complete; interim responses (1xx) are responses too.
    ///
    /// # Errors
    /// The bytes are not a response.
    pub fn read(&mut self, received: &mut Vec<u8>) -> Result<Option<Response>, MalformedResponse> {
        if let State::Head = self.state {
            let Some(bytes) = head_bytes(received)? else { return Ok(None) };
            self.response = parse_head(&received[..bytes])?;
            received.drain(..bytes);
            self.state = body_state(&self.response, self.answers_head)?;
        }
        let is_complete = match &mut self.state {
            State::Head | State::UntilEnd => {
                self.response.body.append(received);
                false
            }
            State::Length(missing) => {
                let taken = received.len().min(*missing);
                self.response.body.extend(received.drain(..taken));
                *missing -= taken;
                *missing == 0
            }
            State::Chunked(decoder) => {
                let mut rest = &received[..];
                while let Some(content) = decoder
                    .decode(&mut rest, &limits())
                    .map_err(|_| malformed("its chunked coding is broken"))?
                {
                    self.response.body.extend_from_slice(content);
                }
                let taken = received.len() - rest.len();
                received.drain(..taken);
                decoder.is_done()
            }
        };
        Ok(is_complete.then(|| std::mem::take(&mut self.response)))
    }

    /// Returns the response if the end of the connection completes it: it has neither a length nor
    /// chunks.
    pub fn end(self) -> Option<Response> {
        matches!(self.state, State::UntilEnd).then_some(self.response)
    }
}

/// Returns the length of the head with its empty line, once all of it has arrived.
fn head_bytes(received: &[u8]) -> Result<Option<usize>, MalformedResponse> {
    let mut start = 0;
    while let Some(length) = received[start..].iter().position(|&byte| byte == b'\n') {
        let line = received[start..start + length].strip_suffix(b"\r");
        let line = line.ok_or_else(|| malformed("a line of its head ends in a bare LF"))?;
        start += length + 1;
        if line.is_empty() {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

/// Parses a head whose lines end in CRLF.
fn parse_head(head: &[u8]) -> Result<Response, MalformedResponse> {
    let mut lines =
        head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = parse_status_line(lines.next().unwrap_or_default())?;
    let fields = lines.take_while(|line| !line.is_empty());
    Ok(Response {
        status,
        headers: fields.map(parse_field).collect::<Result<_, _>>()?,
        body: Vec::new(),
    })
}

fn parse_status_line(line: &[u8]) -> Result<u16, MalformedResponse> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.split_at_checked(3));
    let is_reason = |reason: &[u8]| {
        reason.starts_with(b" ") && reason.is_ascii() && headers::is_field_value(reason)
    };
    let rest = rest.filter(|(_, reason)| is_reason(reason));
    let status = rest.and_then(|(digits, _)| headers::decimal(digits).ok());
    let status = status.filter(|status| (100..600).contains(status));
    status
        .map(|status| status as u16)
        .ok_or_else(|| malformed(format!("its status line is {}", line.escape_ascii())))
}

fn parse_field(line: &[u8]) -> Result<(String, Vec<u8>), MalformedResponse> {
    let colon = line.iter().position(|&byte| byte == b':');
    let parts = colon.map(|colon| (&line[..colon], headers::trim(&line[colon + 1..])));
    let parts =
        parts.filter(|(name, value)| headers::is_token(name) && headers::is_field_value(value));
    let (name, value) = parts
        .ok_or_else(|| malformed(format!("one of its field lines is {}", line.escape_ascii())))?;
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
}

/// Returns how the content behind a head is framed (RFC 9112, section 6.3).
fn body_state(response: &Response, answers_head: bool) -> Result<State, MalformedResponse> {
    let only = |name: &str| {
        let mut values =
            response.headers.iter().filter(|(field, _)| field == name).map(|(_, value)| &value[..]);
        let value = values.next();
        if values.next().is_some() {
            Err(malformed(format!("it has more than one {name}")))
        } else {
            Ok(value)
        }
    };
    let (length, coding) = (only("content-length")?, only("transfer-encoding")?);
    let has_no_framing = response.status < 200 || response.status == 204;
    match (length, coding) {
        (Some(_), Some(_)) => {
            return Err(malformed("it has both content-length and transfer-encoding"));
        }
        (Some(_), _) | (_, Some(_)) if has_no_framing => {
            return Err(malformed(format!(
                "a {} has neither content-length nor transfer-encoding",
                response.status
            )));
        }
        (_, Some(coding)) if coding != b"chunked" => {
            return Err(malformed("its transfer-encoding is not chunked"));
        }
        _ => {}
    }
    let length = length
        .map(headers::decimal)
        .transpose()
        .map_err(|_| malformed("its content-length is no number"))?;
    if answers_head || has_no_framing || response.status == 304 {
        return Ok(State::Length(0));
    }
    Ok(match (length, coding) {
        (Some(length), _) => State::Length(usize::try_from(length).unwrap_or(usize::MAX)),
        (_, Some(_)) => State::Chunked(Box::default()),
        (None, None) => State::UntilEnd,
    })
}

/// Returns limits that allow neither chunk extensions nor trailers: the two bytes are the last
/// empty line.
fn limits() -> HttpLimits {
    HttpLimits { chunk_extensions_bytes_max: 0, trailer_bytes_max: 2, ..HttpLimits::default() }
}

fn malformed(what: impl Into<String>) -> MalformedResponse {
    MalformedResponse(what.into())
}
