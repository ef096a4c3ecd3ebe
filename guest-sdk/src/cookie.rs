//! Cookies (RFC 6265, and `SameSite` of its successor).

use crate::{Error, Request, Result};
use std::fmt::Write as _;
use std::time::Duration;

impl Request {
    /// The first cookie of this name.
    ///
    /// ```
    /// # use snow_guest::prelude::*;
    /// let request = Request::new("GET", "/").with_header("cookie", "theme=dark; size=2");
    /// assert_eq!(request.cookie("theme"), Some("dark"));
    /// assert_eq!(request.cookie("Theme"), None);
    /// ```
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The cookies in the order sent: names, and values without the quotes that may be around them.
    /// What is no cookie, or not UTF-8, is left out.
    ///
    /// Nothing about them is to be trusted, not even that this guest has set them: other guests and
    /// other servers of the same domain can. See the feature `signed`.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.headers().filter(|(name, _)| *name == "cookie");
        let pairs = fields.flat_map(|(_, value)| value.split(|&byte| byte == b';'));
        pairs.filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            let value = value.trim_ascii();
            let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Some((name.trim_ascii(), quoted.unwrap_or(value)))
        })
    }
}

/// A cookie for the client: what [`Response::cookie`](crate::Response::cookie) sends.
///
/// It is sent back for every path, until the browser ends, unless it says otherwise.
///
/// A value has the characters of a word: visible ASCII without quotes, commas, semicolons and
/// backslashes. Anything else is an error when the cookie is set, and so are a name that is no
/// token, a path or a domain with a semicolon or a control character, `SameSite::None` without
/// `secure`, and the prefixes `__Secure-` and `__Host-` without what they promise: browsers would
/// drop such a cookie, or take a part of it for an attribute.
///
/// ```
/// use snow_guest::prelude::*;
///
/// fn dark(_: Request) -> Result<Response> {
///     let theme = Cookie::new("theme", "dark").max_age(Duration::from_secs(86_400));
///     Response::text("it is dark now").cookie(theme.http_only().same_site(SameSite::Lax))
/// }
/// # let response = dark(Request::new("GET", "/")).unwrap();
/// # let (_, value) = response.headers().nth(1).unwrap();
/// # assert_eq!(value, b"theme=dark; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a cookie is set by `Response::cookie`"]
pub struct Cookie {
    name: String,
    value: String,
    path: String,
    domain: Option<String>,
    max_age: Option<Duration>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
}

/// With which requests from other sites a browser sends a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// With none.
    Strict,
    /// When the user follows a link. What browsers do if nothing is said, more or less.
    Lax,
    /// With all. The cookie must be `secure`.
    None,
}

impl Cookie {
    /// A cookie with this name and this value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            path: "/".to_owned(),
            domain: None,
            max_age: None,
            secure: false,
            http_only: false,
            same_site: None,
        }
    }

    /// Removes the cookie of this name from the client. It needs the `path` and the `domain` that
    /// the cookie was set with.
    pub fn removal(name: impl Into<String>) -> Self {
        Self::new(name, "").max_age(Duration::ZERO)
    }

    /// The path below which it is sent back. `/` unless this is said.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The domain that gets it, with all below. Only the host that sets it unless this is said.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// How long the client keeps it, in whole seconds. Until the browser ends unless this is said.
    pub fn max_age(mut self, time: Duration) -> Self {
        self.max_age = Some(time);
        self
    }

    /// Has it sent back over TLS only.
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Hides it from scripts.
    pub fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// With which requests from other sites it is sent back.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// The value of `set-cookie`.
    pub(crate) fn field(&self) -> Result<String> {
        if let Some(why) = self.fault() {
            return Err(Error::new(format_args!("the cookie {:?} can't be set: {why}", self.name)));
        }
        let mut field = format!("{}={}; Path={}", self.name, self.value, self.path);
        if let Some(domain) = &self.domain {
            field += "; Domain=";
            field += domain;
        }
        if let Some(time) = self.max_age {
            // Writing to a string can't fail.
            let _ = write!(field, "; Max-Age={}", time.as_secs());
        }
        if self.max_age.is_some_and(|time| time.as_secs() == 0) {
            field += "; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        }
        field += if self.secure { "; Secure" } else { "" };
        field += if self.http_only { "; HttpOnly" } else { "" };
        field += match self.same_site {
            None => "",
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::None) => "; SameSite=None",
        };
        Ok(field)
    }

    fn fault(&self) -> Option<&'static str> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_octet = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        let is_attribute = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
        let begins = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix))
        };
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Some("a name is letters, digits and `!#$%&'*+-.^_|~` or a backtick");
        }
        if !self.value.bytes().all(is_octet) {
            return Some(
                "a value is visible ASCII without quotes, commas, semicolons, backslashes",
            );
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(is_attribute) {
            return Some("a path begins with a slash, and is ASCII without semicolons");
        }
        let domain = self.domain.as_deref();
        if domain.is_some_and(|domain| domain.is_empty() || !domain.bytes().all(is_token)) {
            return Some("its domain is none");
        }
        if self.same_site == Some(SameSite::None) && !self.secure {
            return Some("`SameSite::None` needs `secure`");
        }
        if begins("__Secure-") && !self.secure {
            return Some("the prefix `__Secure-` needs `secure`");
        }
        if begins("__Host-") && (!self.secure || self.path != "/" || domain.is_some()) {
            return Some("the prefix `__Host-` needs `secure`, the path `/` and no domain");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;

    #[test]
    fn cookies_are_read_as_they_are_sent() {
        let request = Request::new("GET", "/")
            .with_header("cookie", "a=1; b=\"two\"; c ;d=x=y;=e; a=2")
            .with_header("cookie", b"f=\xff; g=3".to_vec());
        let cookies: Vec<_> = request.cookies().collect();
        let wanted = [("a", "1"), ("b", "two"), ("d", "x=y"), ("", "e"), ("a", "2"), ("g", "3")];
        assert_eq!(cookies, wanted);
        assert_eq!(request.cookie("a"), Some("1"));
        assert_eq!(request.cookie("f"), None);
    }

    #[test]
    fn attributes_are_written() {
        let field = |cookie: Cookie| cookie.field().unwrap();
        assert_eq!(field(Cookie::new("a", "b")), "a=b; Path=/");
        let all = Cookie::new("a", "b").path("/x").domain("a.example").secure().http_only();
        let all = all.same_site(SameSite::None).max_age(Duration::from_millis(1_500));
        assert_eq!(
            field(all),
            "a=b; Path=/x; Domain=a.example; Max-Age=1; Secure; HttpOnly; SameSite=None"
        );
        assert_eq!(
            field(Cookie::removal("a")),
            "a=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        );
        // Less than a second is none, for browsers that read either.
        assert_eq!(
            field(Cookie::new("a", "b").max_age(Duration::from_millis(999))),
            "a=b; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        );
        let host = Cookie::new("__Host-a", "b").secure();
        assert_eq!(field(host), "__Host-a=b; Path=/; Secure");
    }

    #[test]
    fn nothing_can_be_put_into_a_header() {
        let bad = [
            Cookie::new("", "b"),
            Cookie::new("a b", "c"),
            Cookie::new("a;b", "c"),
            Cookie::new("a=b", "c"),
            Cookie::new("a\r\nb", "c"),
            Cookie::new("a", "b; Domain=x"),
            Cookie::new("a", "b\r\nset-cookie: c=d"),
            Cookie::new("a", "b c"),
            Cookie::new("a", "b,c"),
            Cookie::new("a", "ü"),
            Cookie::new("a", "b").path("x"),
            Cookie::new("a", "b").path("/x; Secure"),
            Cookie::new("a", "b").path("/\n"),
            Cookie::new("a", "b").domain("x; Secure"),
            Cookie::new("a", "b").domain(""),
            Cookie::new("a", "b").same_site(SameSite::None),
            Cookie::new("__secure-a", "b"),
            Cookie::new("__Host-a", "b").secure().path("/x"),
        ];
        for cookie in bad {
            let error = Response::text("").cookie(cookie.clone()).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("can't be set: "), "{cookie:?}: {text}");
            assert_eq!(Response::from(error).code(), 500);
        }
    }
}
