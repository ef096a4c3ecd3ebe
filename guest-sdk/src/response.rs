//! What the client gets.

use crate::bindings::snow::host::http as raw;
use crate::{Cookie, Error, Result};

/// An answer.
///
/// The host adds `date`, `content-length` and `x-request-id` and writes the framing. It checks the
/// rest: a status outside of 200 to 599, a header field that could not be sent as it stands, or one
/// that belongs to the connection (`transfer-encoding`, …), makes the answer a 500 and a line in
/// its log.
///
/// ```
/// use snow_guest::prelude::*;
///
/// let response = Response::html("<h1>Not here</h1>").status(404).header("cache-control", "no-store");
/// assert_eq!(response.code(), 404);
/// ```
#[derive(Clone, Debug)]
pub struct Response(pub(crate) raw::Response);

impl Response {
    /// 200 with text, `text/plain` in UTF-8.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(text.into()).header("content-type", "text/plain; charset=utf-8")
    }

    /// 200 with a page, `text/html` in UTF-8.
    pub fn html(page: impl Into<String>) -> Self {
        Self::bytes(page.into()).header("content-type", "text/html; charset=utf-8")
    }

    /// 200 with the page of a template of the crate [askama](https://docs.rs/askama), which escapes
    /// what it shows. Needs the feature `templates`, and `askama` among the guest's dependencies.
    ///
    /// ```
    /// use askama::Template;
    /// use snow_guest::Response;
    ///
    /// #[derive(Template)]
    /// #[template(source = "<p>Hello {{ name }}</p>", ext = "html")]
    /// struct Hello<'a> {
    ///     name: &'a str,
    /// }
    ///
    /// let page = Response::page(&Hello { name: "<script>" })?;
    /// assert_eq!(page.body(), b"<p>Hello &#60;script&#62;</p>");
    /// # Ok::<(), askama::Error>(())
    /// ```
    ///
    /// # Errors
    /// The template's own: a filter or a `Display` in it has failed.
    #[cfg(feature = "templates")]
    pub fn page(template: &impl askama::Template) -> askama::Result<Self> {
        template.render().map(Self::html)
    }

    /// 200 with bytes, without a `content-type`: say what they are with [`header`](Self::header).
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(raw::Response { status: 200, headers: Vec::new(), body: bytes.into() })
    }

    /// This status and no content, as 204 wants it, or a redirect with its `location`.
    pub fn empty(status: u16) -> Self {
        Self::bytes(Vec::new()).status(status)
    }

    /// Sends the client to another address, with one of the statuses 301, 302, 303, 307 and 308: 303
    /// after a form, 308 for good.
    ///
    /// ```
    /// # use snow_guest::prelude::*;
    /// let response = Response::redirect(303, "/orders/7").unwrap();
    /// assert_eq!(response.code(), 303);
    /// ```
    ///
    /// # Errors
    ///
    /// Another status, or a location that is no reference of RFC 3986: nothing, or with a character
    /// that must be percent-encoded, as a space, a line end, or what is not ASCII. Whether a client
    /// may choose where it is sent is the guest's to decide.
    pub fn redirect(status: u16, location: &str) -> Result<Self> {
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            let wanted = "301, 302, 303, 307 or 308";
            return Err(Error::new(format_args!("a redirect has the status {wanted}: {status}")));
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
        if location.is_empty() || !location.bytes().all(is_plain) {
            let wanted = "characters that are percent-encoded where RFC 3986 wants it";
            return Err(Error::new(format_args!("a redirect needs {wanted}: {location:?}")));
        }
        Ok(Self::empty(status).header("location", location))
    }

    /// Adds a `set-cookie` beside those that are there.
    ///
    /// # Errors
    ///
    /// A name, a value or an attribute that a cookie can't have: see [`Cookie`].
    pub fn cookie(self, cookie: Cookie) -> Result<Self> {
        Ok(self.header_also("set-cookie", cookie.field()?))
    }

    /// Sets another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// Sets a header field, in place of all fields with that name, in any case.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let fields = &mut self.0.headers;
        fields.retain(|field| !field.name.eq_ignore_ascii_case(name));
        self.header_also(name, value)
    }

    /// Adds a header field beside others with that name, as `set-cookie` may need it.
    #[must_use]
    pub fn header_also(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(raw::Field { name: name.to_owned(), value: value.into() });
        self
    }

    /// The status it has.
    pub fn code(&self) -> u16 {
        self.0.status
    }

    /// The header fields it has, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.0.headers.iter();
        fields.map(|field| (&*field.name, &*field.value))
    }

    /// The content it has.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }
}

/// 200, `text/plain`.
impl From<&str> for Response {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// 200, `text/plain`.
impl From<String> for Response {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// A status and a text, `text/plain`.
impl From<(u16, &str)> for Response {
    fn from((status, text): (u16, &str)) -> Self {
        Self::text(text).status(status)
    }
}

/// A status and a text, `text/plain`.
impl From<(u16, String)> for Response {
    fn from((status, text): (u16, String)) -> Self {
        Self::text(text).status(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_replaces_and_header_also_adds() {
        let response = Response::text("x")
            .header("Content-Type", "text/csv")
            .header_also("set-cookie", "a=1")
            .header_also("set-cookie", "b=2");
        let fields: Vec<_> = response.headers().collect();
        assert_eq!(
            fields,
            [("Content-Type", &b"text/csv"[..]), ("set-cookie", b"a=1"), ("set-cookie", b"b=2")]
        );
    }

    #[test]
    fn a_redirect_has_a_status_and_a_place_of_its_kind() {
        let response = Response::redirect(302, "/a?b=c%20d#e").unwrap();
        let fields: Vec<_> = response.headers().collect();
        assert_eq!((response.code(), fields), (302, vec![("location", &b"/a?b=c%20d#e"[..])]));
        for (status, location) in [
            (200, "/"),
            (304, "/"),
            (302, ""),
            (302, "/a b"),
            (302, "/a\r\nset-cookie: b=c"),
            (302, "/ü"),
            (302, "\\\\elsewhere"),
        ] {
            let error = Response::redirect(status, location).unwrap_err();
            assert_eq!(Response::from(error).code(), 500, "{status} {location:?}");
        }
    }
}
