//! Responses to bytes, and the rules that a response has to keep before it may become any.
//!
//! A guest decides what its fields say; the host alone decides where the message ends. So every field that
//! frames a message or speaks of the connection is the host's, and a guest that sets one is told so in the log
//! ([`ResponseFault`]) rather than half obeyed.

use std::fmt::Display;
use std::io::Write as _;

use super::headers;
use super::message::{Field, Response, Version};

/// Why a guest's response can't be sent as it is. The client gets a 500; this text is for the deployer's log,
/// where names are escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFault {
    /// Not 200 to 599. An interim response (1xx) is the host's to send.
    #[error("the status {0} is not one of 200 to 599")]
    BadStatus(u16),
    /// A field name that is no token (RFC 9110, section 5.1).
    #[error("{:?} is not a field name", cut(.0))]
    BadFieldName(String),
    /// A field value with CR, LF, NUL or another control character but the tab (RFC 9110, section 5.5).
    #[error("the value of the field {:?} holds a control character", cut(name))]
    BadFieldValue {
        /// The field.
        name: String,
    },
    /// A field that belongs to the connection.
    #[error("the field {:?} is the host's to set", cut(name))]
    ForbiddenField {
        /// The field, as the guest wrote it.
        name: String,
    },
    /// A `content-length` that is not the length of the body.
    #[error("the content-length {:?} is not the length of the body: {actual}", cut(given))]
    ContentLengthMismatch {
        /// The guest's value, with bytes that are not UTF-8 replaced.
        given: String,
        /// What it should be.
        actual: String,
    },
    /// A body with a status that has none (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
    #[error("a response with status {0} has no body")]
    BodyNotAllowed(u16),
}

/// Names are as long as a guest likes; log lines are not.
fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Fields that a response may not have. `expect` is not among them: it means nothing in a response.
const FORBIDDEN: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// Whether `response` may be sent. `head_only`: it answers a HEAD request.
///
/// A guest's own `content-length` has to be right, with one exception: an answer to HEAD with an empty body,
/// and a 304, may say the length that the answer to GET would have (RFC 9110, section 8.6).
///
/// # Errors
/// The first rule it breaks.
pub fn check(response: &Response, head_only: bool) -> Result<(), ResponseFault> {
    let length = response.body.len() as u64;
    if has_no_content(response.status) && length > 0 {
        return Err(ResponseFault::BodyNotAllowed(response.status));
    }
    check_head(response, Some(length), head_only && length == 0)
}

/// Whether a response whose body will come in pieces may begin. `length` is the whole body's, if it is known;
/// `response.body` is the first piece.
///
/// # Errors
/// The first rule it breaks.
pub fn check_streamed(response: &Response, length: Option<u64>, head_only: bool) -> Result<(), ResponseFault> {
    let has_content = length.is_some_and(|length| length > 0) || !response.body.is_empty();
    if has_no_content(response.status) && has_content {
        return Err(ResponseFault::BodyNotAllowed(response.status));
    }
    check_head(response, length, head_only)
}

/// `any_length`: a `content-length` has to be a number, but not this one.
fn check_head(response: &Response, length: Option<u64>, any_length: bool) -> Result<(), ResponseFault> {
    if !(200..=599).contains(&response.status) {
        return Err(ResponseFault::BadStatus(response.status));
    }
    let any_length = any_length || response.status == 304;
    for field in &response.headers {
        check_field(field)?;
        if is(field, "content-length") {
            let given = headers::decimal(&field.value).ok();
            if given.is_none() || (given != length && !any_length) {
                return Err(ResponseFault::ContentLengthMismatch {
                    given: String::from_utf8_lossy(&field.value).into_owned(),
                    actual: length.map_or("not known".to_owned(), |length| length.to_string()),
                });
            }
        }
    }
    Ok(())
}

fn check_field(field: &Field) -> Result<(), ResponseFault> {
    let name = || field.name.clone();
    if !headers::is_token(field.name.as_bytes()) {
        return Err(ResponseFault::BadFieldName(name()));
    }
    if !headers::is_field_value(&field.value) {
        return Err(ResponseFault::BadFieldValue { name: name() });
    }
    match FORBIDDEN.iter().any(|forbidden| is(field, forbidden)) {
        true => Err(ResponseFault::ForbiddenField { name: name() }),
        false => Ok(()),
    }
}

/// Whether responses with this status end with their head.
pub fn has_no_content(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// What a response says beside what its maker said.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    /// The request's version.
    pub version: Version,
    /// It was a HEAD request: the body is measured and not sent.
    pub head_only: bool,
    /// Whether the connection stays open behind this response.
    pub keep_alive: bool,
    /// The `date` field's value (RFC 9110, section 6.6.1), made by the caller and trusted: this module reads no
    /// clock. Not sent if the response has its own.
    pub date: &'a str,
    /// The `x-request-id` field's value. Trusted; it replaces one of the response's own, so that the client
    /// never sees another id than the log.
    pub request_id: Option<&'a dyn Display>,
}

/// How the end of a response's body is marked (RFC 9112, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// By its length.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// By the end of the connection: HTTP/1.0 knows no other end of a body of unknown length.
    Close,
}

impl BodyEnd {
    /// The best way to mark the end of a body of this length, if it is known.
    pub fn of(length: Option<u64>, version: Version) -> BodyEnd {
        match (length, version) {
            (Some(length), _) => BodyEnd::Length(length),
            (None, Version::Http11) => BodyEnd::Chunked,
            (None, Version::Http10) => BodyEnd::Close,
        }
    }
}

/// Appends a whole response to `out`. It must have passed [`check`].
pub fn encode(response: &Response, envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    let body: &[u8] = match envelope.head_only {
        true => &[],
        false => &response.body,
    };
    out.reserve(head_bytes(response) + body.len());
    encode_head(response, BodyEnd::Length(response.body.len() as u64), envelope, out);
    out.extend_from_slice(body);
}

/// Appends the head of a response to `out`. It must have passed [`check`] or [`check_streamed`].
pub fn encode_head(response: &Response, end: BodyEnd, envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    // Writing to a vector does not fail. The answer's version is the host's own (RFC 9110, section 6.2), so it
    // is HTTP/1.1 for an HTTP/1.0 request too; what follows is what an HTTP/1.0 client understands.
    let status = response.status;
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason_phrase(status));

    let mut own_date = false;
    let mut own_length = None;
    for field in &response.headers {
        if is(field, "content-length") {
            own_length = headers::decimal(&field.value).ok();
        } else if !is(field, "x-request-id") {
            own_date |= is(field, "date");
            encode_field(field.name.as_bytes(), &field.value, out);
        }
    }
    if !own_date {
        encode_field(b"date", envelope.date.as_bytes(), out);
    }
    encode_framing(status, end, own_length, envelope, out);
    if let Some(id) = envelope.request_id {
        let _ = write!(out, "x-request-id: {id}\r\n");
    }
    match (envelope.keep_alive, envelope.version) {
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        (true, Version::Http10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (true, Version::Http11) => {}
    }
    out.extend_from_slice(b"\r\n");
}

fn encode_framing(status: u16, end: BodyEnd, own_length: Option<u64>, envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    let length = match (status, end) {
        // A 204 must not have the field; of a 304 only the guest knows what it would say (RFC 9110, 8.6).
        (204, _) => None,
        (304, _) => own_length,
        (205, _) => Some(0),
        (_, BodyEnd::Length(0)) if envelope.head_only => own_length.or(Some(0)),
        (_, BodyEnd::Length(length)) => Some(length),
        (_, BodyEnd::Chunked) => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            None
        }
        (_, BodyEnd::Close) => None,
    };
    if let Some(length) = length {
        let _ = write!(out, "content-length: {length}\r\n");
    }
}

fn encode_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// About as much as the head will need: so that the output is allocated once.
fn head_bytes(response: &Response) -> usize {
    const HOST_FIELDS: usize = 256;
    let field_bytes = |field: &Field| field.name.len() + field.value.len() + ": \r\n".len();
    HOST_FIELDS + response.headers.iter().map(field_bytes).sum::<usize>()
}

fn is(field: &Field, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name)
}

/// The reason phrase of a status code, empty if it is not a registered one: the phrase is optional (RFC 9112,
/// section 4).
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
