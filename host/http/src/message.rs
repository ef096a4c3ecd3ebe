//! Requests and responses as values.

use std::fmt;
use std::ops::Range;

use super::headers;

/// The version of HTTP of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: the connection closes after a response unless the client asks to keep it.
    Http10,
    /// HTTP/1.1: the connection stays open unless one side sends `connection: close`.
    Http11,
}

/// A request's head, parsed and checked.
///
/// It is one buffer and spans into it: a field takes 8 bytes beyond its text, and no allocation.
/// Only [`HeadReader`](crate::HeadReader) makes heads, so every `Head` has
/// - a method that is a token of at most 32 bytes,
/// - a target of visible ASCII without a fragment,
/// - field names that are tokens in lower case, and values without control characters other than
///   tabs,
/// - for HTTP/1.1 exactly one `host` field, which is empty or a host with an optional port.
///
/// A head may still have framing fields that contradict each other. The
/// [`Connection`](crate::Connection) refuses it then.
#[derive(Clone)]
pub struct Head {
    /// The head as received, with field names in lower case and without the last two line ends.
    pub(super) raw: Box<[u8]>,
    /// The field lines, in the order received.
    pub(super) fields: Box<[FieldSpan]>,
    pub(super) method: Span,
    pub(super) target: Span,
    /// Empty for an absolute-form target without a path.
    pub(super) path: Span,
    pub(super) authority: Span,
    pub(super) version: Version,
}

impl Head {
    /// Returns the method as sent. Methods are case-sensitive (RFC 9110, section 9.1).
    #[inline]
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    /// Returns the version.
    #[inline]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns how many bytes the head was received as, without the last two line ends.
    #[inline]
    pub fn received_bytes(&self) -> usize {
        self.raw.len()
    }

    /// Returns the request target as sent.
    #[inline]
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// Returns the path as sent, not percent-decoded: `*` for `OPTIONS *`, and `/` for an
    /// absolute-form target without a path.
    #[inline]
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" => "/",
            path => path,
        }
    }

    /// Returns the query as sent: the part of the target after the first `?`.
    pub fn query(&self) -> Option<&str> {
        let behind_path = self.path.range().end..self.target.range().end;
        let rest = self.raw.get(behind_path)?;
        as_text(rest).strip_prefix('?')
    }

    /// Returns the host and port that the request is for: the authority of an absolute-form target,
    /// else the `host` field, else the empty text.
    ///
    /// A target's authority wins over a `host` field that differs (RFC 9112, section 3.2.2).
    pub fn authority(&self) -> &str {
        self.text(self.authority)
    }

    /// Returns all fields in the order sent.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (self.text(field.name), self.bytes(field.value)))
    }

    /// Returns the fields that a guest may see, in the order sent: all but those about the
    /// connection, and those that the `connection` field names (RFC 9110, section 7.6.1). The
    /// `host` field has the value of [`authority`](Self::authority), so that a guest never sees two
    /// hosts.
    pub fn guest_fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields()
            .filter(|(name, _)| !headers::is_connection_level(name) && !self.is_nominated(name))
            .map(|(name, value)| match name {
                "host" => (name, self.bytes(self.authority)),
                _ => (name, value),
            })
    }

    /// Returns the value of the first field with this name, which must be in lower case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields_named(name).next()
    }

    /// Returns the values of all fields with this name, which must be in lower case.
    pub fn fields_named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| self.bytes(field.name) == name.as_bytes())
            .map(|field| self.bytes(field.value))
    }

    /// Returns whether a `connection` field names this field. Cheap even against an adversary,
    /// because the reader limits the number of options.
    fn is_nominated(&self, name: &str) -> bool {
        self.fields_named("connection").any(|options| headers::list_has(options, name))
    }

    #[inline]
    fn bytes(&self, span: Span) -> &[u8] {
        self.raw.get(span.range()).unwrap_or_default()
    }

    #[inline]
    fn text(&self, span: Span) -> &str {
        as_text(self.bytes(span))
    }
}

/// Shows the request line and the names of the fields. Not their values: this text may end up in a
/// log, and values hold passwords and cookies.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method())
            .field("target", &self.target())
            .field("version", &self.version)
            .field("fields", &self.fields().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

/// Returns bytes as text. The reader accepts only ASCII in the parts that are read as text, so the
/// fallback to the empty text is never used.
#[inline]
fn as_text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// A part of a head. 16 bits suffice for the longest head that is read.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    start: u16,
    length: u16,
}

impl Span {
    /// Returns the span of `part`, which is a subslice of `whole`. `None` if it does not fit in 16
    /// bits.
    pub(super) fn of(part: &[u8], whole: &[u8]) -> Option<Span> {
        let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        Some(Span { start: u16::try_from(start).ok()?, length: u16::try_from(part.len()).ok()? })
    }

    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.length)
    }
}

/// A field line of a head.
#[derive(Clone, Copy)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// A request whose body has arrived whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request line and the fields.
    pub head: Head,
    /// The content, after any chunked coding was removed. Empty if there is none.
    pub body: Vec<u8>,
}

/// A field of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name, in any case. Not checked: [`check_response`](crate::check_response) refuses one
    /// that is no token.
    pub name: String,
    /// The value, as it will be sent.
    pub value: Vec<u8>,
}

/// A response as a guest or the host makes it. Not checked:
/// [`check_response`](crate::check_response) says whether it may be sent.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Response {
    /// The status code, 200 to 599.
    pub status: u16,
    /// The fields, without those that the host adds: `date`, `x-request-id`, and those that frame
    /// the message.
    pub headers: Vec<Field>,
    /// The content. It must be empty for 204, 205 and 304. In the response to a HEAD request it is
    /// measured and not sent.
    pub body: Vec<u8>,
}

impl Response {
    /// Creates a `text/plain` response.
    pub fn text(status: u16, body: &str) -> Response {
        let response = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        response.with_field("content-type", "text/plain; charset=utf-8")
    }

    /// Creates a 503 that asks the client to try again in a second.
    pub fn unavailable() -> Response {
        Response::text(503, "service unavailable\n").with_field("retry-after", "1")
    }

    /// Adds a field.
    pub fn with_field(mut self, name: &str, value: &str) -> Response {
        self.headers.push(Field { name: name.to_owned(), value: value.as_bytes().to_vec() });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_small() {
        assert!(size_of::<Head>() <= 56, "{}", size_of::<Head>());
        assert_eq!(size_of::<FieldSpan>(), 8);
    }

    #[test]
    fn a_text_response_has_its_content_type() {
        let response = Response::text(404, "no\n").with_field("x-a", "1");
        assert_eq!(response.status, 404);
        assert_eq!(response.body, b"no\n");
        let names: Vec<_> = response.headers.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["content-type", "x-a"]);
    }

    #[test]
    fn spans_beyond_16_bits_are_refused() {
        let whole = vec![0; 70_000];
        assert!(Span::of(&whole[65_535..65_536], &whole).is_some());
        assert!(Span::of(&whole[65_536..65_537], &whole).is_none());
        assert!(Span::of(&whole[..65_536], &whole).is_none());
        assert!(Span::of(&whole[..1], &whole[1..]).is_none());
    }
}
