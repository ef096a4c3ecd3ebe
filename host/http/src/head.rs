//! Request heads: bytes become a [`Head`], or a reason to refuse it.
//!
//! The work has two halves. First, [`HeadReader`] looks at each line once, as soon as it is whole,
//! and checks its end, its characters, its length, and the number of lines. So a head is refused
//! before its end, and one that arrives byte by byte costs no more than one that arrives whole.
//! Then `parse` gives the whole head to `httparse`. The only leniency of `httparse` that matters
//! here, the bare LF, is excluded by then.

use std::ops::Range;

use httparse::{EMPTY_HEADER, Header};
use memchr::{memchr, memmem};

use super::headers;
use super::message::{FieldSpan, Head, Span, Version};
use super::reject::Reject;
use super::target::{self, Target};
use crate::limits::HttpLimits;

/// The most bytes of a method. The longest registered one, `UPDATEREDIRECTREF`, has 17.
const METHOD_BYTES_MAX: usize = 32;

/// The most bytes of a head, whatever the limits: positions in it must fit in 16 bits. (Its last
/// four bytes, two line ends, are not kept.)
const HEAD_BYTES_CEILING: usize = 65_536;

/// The most empty lines before a request that are skipped. Some old clients sent one behind a body,
/// and RFC 9112, section 2.2 asks servers to ignore it.
const BLANK_LINES_MAX: u8 = 4;

/// The most options in all `connection` fields of a head. Later on, each field is compared with
/// each option.
const CONNECTION_OPTIONS_MAX: usize = 32;

/// Finds and parses one request head in bytes that arrive piece by piece.
///
/// It keeps no bytes, only how far it has read: the caller passes the same bytes again, with more
/// behind them.
///
/// ```
/// use snow_http::{HeadReader, HttpLimits};
///
/// let (mut reader, limits) = (HeadReader::default(), HttpLimits::default());
/// assert!(reader.read(b"GET /a HTTP/1.1\r\nHo", &limits).unwrap().is_none());
/// let bytes = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\nmore";
/// let (head, length) = reader.read(bytes, &limits).unwrap().unwrap();
/// assert_eq!((head.path(), head.field("host"), length), ("/a", Some(&b"b"[..]), 28));
/// ```
#[derive(Clone, Debug, Default)]
pub struct HeadReader {
    /// How many bytes have been searched for a line end.
    searched: u32,
    /// Where the present line begins.
    line_start: u32,
    /// The number of whole lines so far.
    lines: u32,
    /// The number of empty lines that were skipped.
    blank_lines: u8,
}

impl HeadReader {
    /// Returns how many of the first `bytes` are empty lines before a head. The caller removes them
    /// before it calls [`read`](Self::read). At most 4 lines are skipped for each head, and none
    /// once it has begun.
    pub fn skip_blank_lines(&mut self, bytes: &[u8]) -> usize {
        let mut skipped = 0;
        while self.lines == 0
            && self.blank_lines < BLANK_LINES_MAX
            && bytes[skipped..].starts_with(b"\r\n")
        {
            // If the bytes ended with the CR before, that byte has been searched already.
            self.searched = 0;
            self.blank_lines += 1;
            skipped += 2;
        }
        skipped
    }

    /// Reads a head from `bytes`, which begin with it. They may hold only a part of the head, or
    /// more than the head.
    ///
    /// Returns the head and its length in bytes. `None` means that the head is not whole: call
    /// again with the same bytes and more behind them. After a head or an error the reader can't be
    /// used any more.
    ///
    /// # Errors
    /// The fault of the first malformed line, as soon as it is known. The result does not depend on
    /// how the bytes are split, except that the fault of a head that is not whole may not be known
    /// yet.
    pub fn read(
        &mut self,
        bytes: &[u8],
        limits: &HttpLimits,
    ) -> Result<Option<(Head, usize)>, Reject> {
        match self.find_end(bytes, limits)? {
            Some(end) => {
                parse(&bytes[..end], self.lines as usize - 1, limits).map(|head| Some((head, end)))
            }
            None => Ok(None),
        }
    }

    /// Returns where the head ends, if it is whole. Checks each line that has become whole since
    /// the last call.
    fn find_end(&mut self, bytes: &[u8], limits: &HttpLimits) -> Result<Option<usize>, Reject> {
        self.check_first_byte(bytes)?;
        let bytes_max = limits.head_bytes_max.min(HEAD_BYTES_CEILING);
        let window = &bytes[..bytes.len().min(bytes_max)];
        // Each round takes one line. `searched` and `line_start` survive until the next call, so no
        // byte is searched twice.
        while let Some(length) = memchr(b'\n', behind(window, self.searched)) {
            let end = self.searched + length as u32 + 1;
            let line = behind(&window[..end as usize], self.line_start);
            self.searched = end;
            self.line_start = end;
            // The empty line behind the fields ends the head (RFC 9112, section 2.1).
            if line == b"\r\n" && self.lines > 0 {
                return Ok(Some(end as usize));
            }
            self.check_line(line, limits)?;
            self.lines += 1;
        }
        self.searched = window.len() as u32;
        self.check_partial_line(behind(window, self.line_start), limits)?;
        match window.len() < bytes_max {
            true => Ok(None),
            false => Err(Reject::HeadTooLarge),
        }
    }

    /// Refuses bytes that can't be HTTP by the first of them. So a TLS client that connects to a
    /// plain port learns it at once, and not by a timeout. A single CR may be the first half of an
    /// empty line.
    fn check_first_byte(&self, bytes: &[u8]) -> Result<(), Reject> {
        match bytes {
            [] => Ok(()),
            [b'\r'] if self.blank_lines < BLANK_LINES_MAX => Ok(()),
            [first, ..] if headers::is_tchar(*first) => Ok(()),
            _ => Err(Reject::RequestLine),
        }
    }

    /// Checks a whole line, which ends with LF: its length, its end, its characters, and the number
    /// of lines.
    fn check_line(&self, line: &[u8], limits: &HttpLimits) -> Result<(), Reject> {
        self.check_partial_line(line, limits)?;
        let content = line.strip_suffix(b"\r\n").ok_or(Reject::LineEnd)?;
        if !headers::is_field_value(content) {
            return Err(match content.contains(&b'\r') {
                true => Reject::LineEnd,
                false => Reject::ControlByte,
            });
        }
        match self.lines as usize > limits.fields_max {
            true => Err(Reject::TooManyFields),
            false => Ok(()),
        }
    }

    /// Refuses a request line that is so long that its method or its target must be too long,
    /// before its end has come.
    fn check_partial_line(&self, line: &[u8], limits: &HttpLimits) -> Result<(), Reject> {
        // The most bytes of a request line without its target.
        const REST: usize = METHOD_BYTES_MAX + "  HTTP/1.1\r\n".len();
        if self.lines > 0 || line.len() <= limits.target_bytes_max.saturating_add(REST) {
            return Ok(());
        }
        match memchr(b' ', &line[..=METHOD_BYTES_MAX]) {
            Some(_) => Err(Reject::TargetTooLong),
            None => Err(Reject::Method),
        }
    }
}

/// Returns the bytes from a position on: none, if the caller passes fewer bytes than before.
fn behind(bytes: &[u8], start: u32) -> &[u8] {
    bytes.get(start as usize..).unwrap_or_default()
}

/// Parses a whole head, whose lines have been checked. `fields` is the number of its fields.
///
/// A higher minor version is read as HTTP/1.1, the highest that is known here (RFC 9110, section
/// 2.5).
fn parse(bytes: &[u8], fields: usize, limits: &HttpLimits) -> Result<Head, Reject> {
    match parse_known(bytes, fields, limits) {
        Err(Reject::Version) => match as_known_version(bytes) {
            Some(bytes) => parse_known(&bytes, fields, limits),
            None => Err(Reject::Version),
        },
        parsed => parsed,
    }
}

/// Returns a copy of a head with HTTP/1.1 in the place of a higher minor version; `None` if it has
/// another version.
fn as_known_version(bytes: &[u8]) -> Option<Vec<u8>> {
    let line_end = memmem::find(bytes, b"\r\n")?;
    let minor = line_end.checked_sub(1)?;
    let is_higher = bytes[..minor].ends_with(b" HTTP/1.") && matches!(bytes[minor], b'2'..=b'9');
    let mut bytes = bytes.to_vec();
    bytes[minor] = b'1';
    is_higher.then_some(bytes)
}

/// Parses a whole head in a version that is known.
fn parse_known(bytes: &[u8], fields: usize, limits: &HttpLimits) -> Result<Head, Reject> {
    // Nearly every head has few fields, and needs no allocation for them.
    let mut few = [EMPTY_HEADER; 32];
    let mut many = Vec::new();
    let slots: &mut [Header<'_>] = match few.get_mut(..fields) {
        Some(slots) => slots,
        None => {
            many.resize(fields, EMPTY_HEADER);
            &mut many
        }
    };
    let mut request = httparse::Request::new(slots);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Reject::RequestLine),
        Err(error) => return Err(explain(error, bytes)),
    }
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(Reject::RequestLine);
    };
    let version = match version {
        0 => Version::Http10,
        _ => Version::Http11,
    };
    build(bytes, method, target, version, request.headers, limits)
}

/// Translates an error of `httparse`, which reports `Version` for anything in the place of the
/// version.
fn explain(error: httparse::Error, bytes: &[u8]) -> Reject {
    match error {
        httparse::Error::Version if names_other_version(bytes) => Reject::Version,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Reject::Field,
        httparse::Error::TooManyHeaders => Reject::TooManyFields,
        _ => Reject::RequestLine,
    }
}

/// Returns whether the request line ends with another HTTP version than 1.0 and 1.1, as `PRI *
/// HTTP/2.0` does.
fn names_other_version(bytes: &[u8]) -> bool {
    let line_end = memmem::find(bytes, b"\r\n").unwrap_or(bytes.len());
    let last_word = bytes[..line_end].rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    match last_word.strip_prefix(b"HTTP/") {
        Some(b"1.0" | b"1.1") | None => false,
        Some(number) => number.first().is_some_and(u8::is_ascii_digit),
    }
}

/// Checks the meaning of a head's parts, and keeps them as a [`Head`].
fn build(
    bytes: &[u8],
    method: &str,
    target: &str,
    version: Version,
    fields: &[Header<'_>],
    limits: &HttpLimits,
) -> Result<Head, Reject> {
    if method.len() > METHOD_BYTES_MAX || method == "CONNECT" {
        return Err(Reject::Method);
    }
    if target.len() > limits.target_bytes_max {
        return Err(Reject::TargetTooLong);
    }
    let parts = Target::parse(method.as_bytes(), target.as_bytes())?;
    let host = host_of(fields, version)?;
    check_connection_options(fields)?;

    let span = |part: &[u8]| Span::of(part, bytes).ok_or(Reject::HeadTooLarge);
    let mut spans = Vec::with_capacity(fields.len());
    for field in fields {
        spans.push(FieldSpan { name: span(field.name.as_bytes())?, value: span(field.value)? });
    }
    Ok(Head {
        method: span(method.as_bytes())?,
        target: span(target.as_bytes())?,
        path: span(parts.path)?,
        authority: match parts.authority.or(host) {
            Some(authority) => span(authority)?,
            None => Span::default(),
        },
        version,
        raw: lower_case_names(bytes, &spans),
        fields: spans.into_boxed_slice(),
    })
}

/// Returns the value of the `host` field: exactly one in HTTP/1.1, at most one in HTTP/1.0 (RFC
/// 9112, section 3.2).
///
/// An empty value is allowed: the target then has no authority (RFC 9112, section 3.2), and this
/// server has one host only.
fn host_of<'a>(fields: &[Header<'a>], version: Version) -> Result<Option<&'a [u8]>, Reject> {
    let mut hosts = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("host"))
        .map(|field| field.value);
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::Http10 => Ok(None),
        (Some(host), None) if host.is_empty() || target::is_host(host) => Ok(Some(host)),
        _ => Err(Reject::Host),
    }
}

/// Checks that all `connection` fields together have no more options than allowed.
fn check_connection_options(fields: &[Header<'_>]) -> Result<(), Reject> {
    let options = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("connection"))
        .flat_map(|field| headers::list(field.value));
    match options.take(CONNECTION_OPTIONS_MAX + 1).count() > CONNECTION_OPTIONS_MAX {
        true => Err(Reject::TooManyFields),
        false => Ok(()),
    }
}

/// Returns a copy of the head without its last two line ends, and with its field names in lower
/// case.
fn lower_case_names(bytes: &[u8], fields: &[FieldSpan]) -> Box<[u8]> {
    let ends = b"\r\n\r\n";
    let mut raw: Box<[u8]> = bytes.strip_suffix(ends).unwrap_or(bytes).into();
    for field in fields {
        let name: Range<usize> = field.name.range();
        if let Some(name) = raw.get_mut(name) {
            name.make_ascii_lowercase();
        }
    }
    raw
}

#[cfg(test)]
mod tests;
