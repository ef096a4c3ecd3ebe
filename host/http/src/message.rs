//! Requests and responses as values.

use std::fmt;
use std::ops::Range;

use super::headers;

/// The versions of HTTP that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: the connection closes after an answer unless the client asks to keep it.
    Http10,
    /// HTTP/1.1: the connection stays open unless one side says `close`.
    Http11,
}

/// A parsed and checked request head.
///
/// One buffer and spans into it: no allocation per field, and 8 bytes of memory beyond its text. It is made by
/// [`HeadReader`](super::HeadReader) alone, so every `Head` has
/// - a method that is a token of at most 32 bytes,
/// - a target of visible ASCII without a fragment,
/// - field names that are tokens in lower case, and values without control characters (tab aside),
/// - for HTTP/1.1 exactly one `host`, which is empty or a host with an optional port.
///
/// What its framing fields mean, and whether they contradict each other, is for
/// [`framing`](super::framing) to say.
#[derive(Clone)]
pub struct Head {
    /// The head as received, but for lower-cased field names and the final line ends.
    pub(super) raw: Box<[u8]>,
    pub(super) fields: Box<[FieldSpan]>,
    pub(super) method: Span,
    pub(super) target: Span,
    /// Empty for an absolute-form target without a path.
    pub(super) path: Span,
    pub(super) authority: Span,
    pub(super) version: Version,
}

impl Head {
    /// The method as sent: methods are case-sensitive (RFC 9110, section 9.1).
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    /// The version as sent.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The request target as sent.
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// The path as sent, not percent-decoded. Of an absolute-form target its path, `/` if it has none; `*` of
    /// `OPTIONS *`.
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" => "/",
            path => path,
        }
    }

    /// What follows the first `?` of the target, as sent.
    pub fn query(&self) -> Option<&str> {
        let behind_path = self.path.range().end..self.target.range().end;
        let rest = self.raw.get(behind_path)?;
        as_text(rest).strip_prefix('?')
    }

    /// The authority of an absolute-form target, else the `host` field, else empty.
    ///
    /// The target wins over a `host` that differs (RFC 9112, section 3.2.2).
    pub fn authority(&self) -> &str {
        self.text(self.authority)
    }

    /// All fields in the order sent.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (self.text(field.name), self.bytes(field.value)))
    }

    /// The fields that a guest may see, in the order sent: all but those of the connection, and those that
    /// `connection` nominates (RFC 9110, section 7.6.1). A `host` has the value of [`authority`](Self::authority),
    /// so that a guest can't be told two hosts.
    pub fn guest_fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields().filter(|(name, _)| !headers::is_connection_level(name) && !self.is_nominated(name)).map(
            |(name, value)| match name {
                "host" => (name, self.bytes(self.authority)),
                _ => (name, value),
            },
        )
    }

    /// The first field of this name, which must be lower case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields_named(name).next()
    }

    /// Every field of this name, which must be lower case.
    pub fn fields_named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| self.bytes(field.name) == name.as_bytes())
            .map(|field| self.bytes(field.value))
    }

    /// The reader bounds the options of `connection`, so this is cheap even against an adversary.
    fn is_nominated(&self, name: &str) -> bool {
        self.fields_named("connection").any(|options| headers::list_has(options, name))
    }

    fn bytes(&self, span: Span) -> &[u8] {
        self.raw.get(span.range()).unwrap_or_default()
    }

    fn text(&self, span: Span) -> &str {
        as_text(self.bytes(span))
    }
}

/// Only the request line and the names: values hold passwords and cookies, and this ends up in logs.
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

/// The reader lets only ASCII into what is read as text, so the empty string is never seen.
fn as_text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// A part of a head. 16 bits are enough for the longest head that is read.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    start: u16,
    length: u16,
}

impl Span {
    /// Where `part`, a subslice of `whole`, lies in it. `None` if that is beyond 16 bits.
    pub(super) fn of(part: &[u8], whole: &[u8]) -> Option<Span> {
        let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
        Some(Span { start: u16::try_from(start).ok()?, length: u16::try_from(part.len()).ok()? })
    }

    pub(super) fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.length)
    }
}

/// One field line of a head.
#[derive(Clone, Copy)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// A request whose body has arrived whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it asks for.
    pub head: Head,
    /// Its content, after any chunked coding was removed. Empty when there is none.
    pub body: Vec<u8>,
}

/// A field of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// In any case. Whether it is a token is for [`encode::check`](super::encode::check) to say.
    pub name: String,
    /// As it will be sent.
    pub value: Vec<u8>,
}

/// A response as a guest or the host makes it, unchecked: [`encode::check`](super::encode::check) says whether
/// it may be sent.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Without those that the host adds: framing, `date`, `x-request-id`.
    pub headers: Vec<Field>,
    /// Empty for 204, 205 and 304. For HEAD it is measured and not sent.
    pub body: Vec<u8>,
}

impl Response {
    /// A `text/plain` response.
    pub fn text(status: u16, body: &str) -> Response {
        let response = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        response.with_field("content-type", "text/plain; charset=utf-8")
    }

    /// There is no room now: the client may come again in a second.
    pub fn unavailable() -> Response {
        Response::text(503, "service unavailable\n").with_field("retry-after", "1")
    }

    /// The same with one more field.
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
    fn a_text_response_says_its_type() {
        let response = Response::text(404, "no\n").with_field("x-a", "1");
        assert_eq!(response.status, 404);
        assert_eq!(response.body, b"no\n");
        let names: Vec<_> = response.headers.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["content-type", "x-a"]);
    }

    #[test]
    fn spans_refuse_what_they_cannot_hold() {
        let whole = vec![0; 70_000];
        assert!(Span::of(&whole[65_535..65_536], &whole).is_some());
        assert!(Span::of(&whole[65_536..65_537], &whole).is_none());
        assert!(Span::of(&whole[..65_536], &whole).is_none());
        assert!(Span::of(&whole[..1], &whole[1..]).is_none());
    }
}
