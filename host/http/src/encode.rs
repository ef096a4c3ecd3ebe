//! Responses: the rules that a response must keep before it may be sent, and its bytes.
//!
//! A guest decides about its fields; the host alone decides where the message ends. So only the
//! host sets the fields that frame a message or that are about the connection. A response in which
//! a guest sets one is refused, and the log says why ([`ResponseFault`]).

use std::fmt::Display;
use std::io::Write as _;

use super::headers;
use super::message::{Field, Response, Version};

/// The reason why a guest's response can't be sent. The client gets a 500. This text is for the
/// log, so names in it are escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFault {
    /// The status is not one of 200 to 599. Only the host sends interim responses (1xx).
    #[error("the status {0} is not one of 200 to 599")]
    BadStatus(u16),
    /// A field's name is not a token (RFC 9110, section 5.1).
    #[error("{:?} is not a field name", cut(.0))]
    BadFieldName(String),
    /// A field's value has a CR, LF, NUL or another control character than the tab (RFC 9110,
    /// section 5.5).
    #[error("the value of the field {:?} holds a control character", cut(name))]
    BadFieldValue {
        /// The name of the field.
        name: String,
    },
    /// Only the host may set this field, because it is about the connection.
    #[error("the field {:?} is the host's to set", cut(name))]
    ForbiddenField {
        /// The name of the field, as the guest wrote it.
        name: String,
    },
    /// The `content-length` is not the length of the body.
    #[error("the content-length {:?} is not the length of the body: {actual}", cut(given))]
    ContentLengthMismatch {
        /// The guest's value, with bytes that are not UTF-8 replaced.
        given: String,
        /// The length of the body.
        actual: String,
    },
    /// The response has a body, and responses with its status have none (RFC 9110, sections 15.3.5,
    /// 15.3.6 and 15.4.5).
    #[error("a response with status {0} has no body")]
    BodyNotAllowed(u16),
}

/// Returns the beginning of a text: a guest may choose long names, and a log line must stay short.
fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The fields that a response must not have. `expect` is not among them, because it means nothing
/// in a response.
const FORBIDDEN: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Checks whether a response may be sent. `head_only` says that it is for a HEAD request.
///
/// If a guest sets `content-length`, it must be the length of the body. There are two exceptions: a
/// 304, and a response to HEAD with an empty body, may have the length that the response to GET
/// would have (RFC 9110, section 8.6).
///
/// # Errors
/// The first rule that the response breaks.
///
/// ```
/// use snow_http::{Response, check_response};
///
/// assert!(check_response(&Response::text(200, "hello"), false).is_ok());
/// let fault = check_response(&Response::text(204, "hello"), false).unwrap_err();
/// assert_eq!(fault.to_string(), "a response with status 204 has no body");
/// ```
pub fn check_response(response: &Response, head_only: bool) -> Result<(), ResponseFault> {
    let length = response.body.len() as u64;
    if has_no_content(response.status) && length > 0 {
        return Err(ResponseFault::BodyNotAllowed(response.status));
    }
    check_head(response, Some(length), head_only && length == 0)
}

/// Checks whether a response may be sent whose body comes in pieces. `length` is the length of the
/// whole body, if it is known; `response.body` is the first piece.
///
/// # Errors
/// The first rule that the response breaks.
pub fn check_streamed(
    response: &Response,
    length: Option<u64>,
    head_only: bool,
) -> Result<(), ResponseFault> {
    let has_content = length.is_some_and(|length| length > 0) || !response.body.is_empty();
    if has_no_content(response.status) && has_content {
        return Err(ResponseFault::BodyNotAllowed(response.status));
    }
    check_head(response, length, head_only)
}

/// Checks the status and the fields. With `any_length`, a `content-length` must be a number, but
/// need not be `length`.
fn check_head(
    response: &Response,
    length: Option<u64>,
    any_length: bool,
) -> Result<(), ResponseFault> {
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

/// Checks a field's name and value, and whether a response may have it.
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

/// Returns whether a response with this status has no content: it ends with its head, or says that
/// its length is 0.
pub fn has_no_content(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// The part of a response that the host adds.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    /// The request's version.
    pub version: Version,
    /// Whether it was a HEAD request: the body is measured and not sent (RFC 9110, section 9.3.2).
    pub head_only: bool,
    /// Whether the connection stays open after this response.
    pub keep_alive: bool,
    /// The value of the `date` field (RFC 9110, section 6.6.1), which the caller makes, since
    /// nothing here reads a clock. It is not checked, and not sent if the response has its own.
    pub date: &'a str,
    /// The value of the `x-request-id` field. It is not checked, and replaces the response's own,
    /// so that the client and the log have the same id.
    pub request_id: Option<&'a dyn Display>,
}

/// How the end of a response's body is marked (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// By its length. While the body is sent in pieces: by the length that is left.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// By the end of the connection: HTTP/1.0 has no other way to end a body of unknown length.
    Close,
}

impl BodyEnd {
    /// Returns the best way to mark the end of a body whose length is `length`, or unknown.
    pub fn of(length: Option<u64>, version: Version) -> BodyEnd {
        match (length, version) {
            (Some(length), _) => BodyEnd::Length(length),
            (None, Version::Http11) => BodyEnd::Chunked,
            (None, Version::Http10) => BodyEnd::Close,
        }
    }
}

/// Appends a whole response to `out`. It must have passed [`check_response`].
///
/// ```
/// use snow_http::{Envelope, Response, Version, encode_response};
///
/// let date = "Sat, 21 Nov 2026 12:00:00 GMT";
/// let (version, head_only) = (Version::Http11, false);
/// let envelope = Envelope { version, head_only, keep_alive: false, date, request_id: None };
/// let mut out = Vec::new();
/// encode_response(&Response::text(200, "hello"), &envelope, &mut out);
/// assert!(out.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// assert!(out.ends_with(b"content-length: 5\r\nconnection: close\r\n\r\nhello"));
/// ```
pub fn encode_response(response: &Response, envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    let body: &[u8] = match envelope.head_only {
        true => &[],
        false => &response.body,
    };
    out.reserve(head_bytes(response) + body.len());
    encode_head(response, BodyEnd::Length(response.body.len() as u64), envelope, out);
    out.extend_from_slice(body);
}

/// Appends the head of a response to `out`. It must have passed [`check_response`] or
/// [`check_streamed`].
pub fn encode_head(response: &Response, end: BodyEnd, envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    // A response has the server's version, not the request's (RFC 9110, section 6.2): so HTTP/1.1,
    // even for an HTTP/1.0 client. The fields below are those that such a client understands.
    // (Writing to a vector can't fail.)
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
    // Send `connection` only where the client could not know: HTTP/1.1 stays open by default,
    // HTTP/1.0 closes (RFC 9112, section 9.3). A close is always announced.
    match (envelope.keep_alive, envelope.version) {
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        (true, Version::Http10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (true, Version::Http11) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the field that tells where the body ends, if there is to be one.
fn encode_framing(
    status: u16,
    end: BodyEnd,
    own_length: Option<u64>,
    envelope: &Envelope<'_>,
    out: &mut Vec<u8>,
) {
    let length = match (status, end) {
        // A 204 must not have a length (RFC 9110, section 8.6).
        (204, _) => None,
        // The length in a 304 is that of a 200, which only the guest knows (RFC 9110, section 8.6).
        (304, _) => own_length,
        // A 205 has no content, and has to say so (RFC 9110, section 15.3.6).
        (205, _) => Some(0),
        // A response to HEAD has the length of a response to GET. If its body was left out, the
        // guest may have set it.
        (_, BodyEnd::Length(0)) if envelope.head_only => own_length.or(Some(0)),
        (_, BodyEnd::Length(length)) => Some(length),
        (_, BodyEnd::Chunked) => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            None
        }
        // Without a length and without chunked coding, a body ends with the connection (RFC 9112,
        // section 6.3).
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

/// Returns about how many bytes the head will take, so that the output is allocated once.
fn head_bytes(response: &Response) -> usize {
    /// The status line and the fields that the host adds.
    const HOST_FIELDS: usize = 256;
    let field_bytes = |field: &Field| field.name.len() + field.value.len() + ": \r\n".len();
    HOST_FIELDS + response.headers.iter().map(field_bytes).sum::<usize>()
}

/// Returns whether a field has this name, in any case.
fn is(field: &Field, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name)
}

/// Returns the reason phrase of a status code. Empty for codes that are not registered: the phrase
/// is optional (RFC 9112, section 4).
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
