//! Request targets (RFC 9112, section 3.2) and hosts (RFC 9110, section 7.2).

use std::net::Ipv6Addr;

use memchr::memchr;

use super::headers;
use super::reject::Reject;

/// The parts of a request target, as slices of it.
#[derive(Debug, PartialEq)]
pub(super) struct Target<'a> {
    /// The authority of an absolute-form target.
    pub(super) authority: Option<&'a [u8]>,
    /// The path without the query. For an absolute-form target without a path, an empty slice at
    /// the place where the path would be, so that the query can be found behind it.
    pub(super) path: &'a [u8],
}

impl<'a> Target<'a> {
    /// Reads the target of a method other than `CONNECT`: in origin-form, in absolute-form, or `*`
    /// for `OPTIONS` (RFC 9112, section 3.2).
    ///
    /// A path and a query may have any visible ASCII. The grammar of RFC 3986 is not enforced,
    /// because browsers send `|` and `"`, and the guest gets the path as sent. A `#` is refused:
    /// one reader would take the text after it for a fragment, and the next for a part of the path.
    ///
    /// # Errors
    /// 400 for a malformed target, 421 for an `https` target.
    pub(super) fn parse(method: &[u8], target: &'a [u8]) -> Result<Self, Reject> {
        let readable = |&byte: &u8| byte.is_ascii_graphic() && byte != b'#';
        match target {
            // Asterisk-form (RFC 9112, section 3.2.4), origin-form (3.2.1), absolute-form (3.2.2).
            b"*" if method == b"OPTIONS" => Ok(Target::origin(target)),
            [b'/', ..] if target.iter().all(readable) => Ok(Target::origin(target)),
            _ if target.iter().all(readable) => Target::absolute(target),
            _ => Err(Reject::Target),
        }
    }

    /// Reads `path[?query]`.
    fn origin(target: &'a [u8]) -> Self {
        let path_end = memchr(b'?', target).unwrap_or(target.len());
        Target { authority: None, path: &target[..path_end] }
    }

    /// Reads `http://authority[/path][?query]`. Userinfo is refused (RFC 9110, section 4.2.4): `@`
    /// is not part of a host.
    fn absolute(target: &'a [u8]) -> Result<Self, Reject> {
        let scheme_end = memchr(b':', target).ok_or(Reject::Target)?;
        let (scheme, rest) = target.split_at(scheme_end);
        let rest = rest.strip_prefix(b"://").ok_or(Reject::Target)?;
        // Schemes are case-insensitive (RFC 3986, section 3.1).
        if scheme.eq_ignore_ascii_case(b"https") {
            return Err(Reject::Misdirected);
        }
        // The authority ends where the path or the query begins. A fragment can't follow: `#` was
        // refused before.
        let authority_end =
            rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(authority_end);
        if !scheme.eq_ignore_ascii_case(b"http") || !is_host(authority) {
            return Err(Reject::Target);
        }
        Ok(Target { authority: Some(authority), path: Target::origin(path_and_query).path })
    }
}

/// Returns whether `value` is a host that is not empty, with an optional port: `uri-host [ ":" port
/// ]` (RFC 9110, section 7.2).
pub(super) fn is_host(value: &[u8]) -> bool {
    match value.strip_prefix(b"[") {
        // An IPv6 address in brackets: `[::1]:80`. Its colons would else be taken for the port's.
        Some(rest) => memchr(b']', rest)
            .is_some_and(|end| is_ipv6(&rest[..end]) && is_port_part(&rest[end + 1..])),
        None => {
            let name_end = memchr(b':', value).unwrap_or(value.len());
            is_registered_name(&value[..name_end]) && is_port_part(&value[name_end..])
        }
    }
}

fn is_ipv6(literal: &[u8]) -> bool {
    str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Returns whether `name` is a `reg-name` that is not empty (RFC 3986, section 3.2.2). That
/// includes IPv4 addresses.
fn is_registered_name(name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        rest = match rest {
            [] => return !name.is_empty(),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if is_name_byte(*byte) => rest,
            _ => return false,
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Returns whether `part` is empty, or a colon and a port. The port may be empty, too: `*DIGIT`
/// (RFC 3986, section 3.2.3).
fn is_port_part(part: &[u8]) -> bool {
    match part {
        [] | [b':'] => true,
        [b':', port @ ..] => headers::decimal(port).is_ok_and(|port| port <= 65_535),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(
        method: &str,
        target: &'static str,
    ) -> Result<(Option<&'static str>, &'static str), u16> {
        let text = |bytes| str::from_utf8(bytes).unwrap();
        match Target::parse(method.as_bytes(), target.as_bytes()) {
            Ok(target) => Ok((target.authority.map(text), text(target.path))),
            Err(reject) => Err(reject.status()),
        }
    }

    #[test]
    fn every_form_of_target() {
        assert_eq!(parts("GET", "/"), Ok((None, "/")));
        assert_eq!(parts("GET", "/a/b?c=/d?e"), Ok((None, "/a/b")));
        assert_eq!(parts("GET", "//a"), Ok((None, "//a")));
        assert_eq!(parts("GET", "/http://b/"), Ok((None, "/http://b/")));
        assert_eq!(parts("OPTIONS", "*"), Ok((None, "*")));
        assert_eq!(parts("GET", "http://a"), Ok((Some("a"), "")));
        assert_eq!(parts("GET", "HTTP://a:80/b?c"), Ok((Some("a:80"), "/b")));
        assert_eq!(parts("GET", "http://a?c"), Ok((Some("a"), "")));
        assert_eq!(parts("GET", "http://[::1]:8080/"), Ok((Some("[::1]:8080"), "/")));
    }

    #[test]
    fn malformed_targets() {
        for target in [
            "",
            "*",
            "a",
            "a:80",
            "/a#b",
            "/\u{e4}",
            "/a\tb",
            "/a\u{7f}",
            "http:/a",
            "http://",
            "http:///a",
            "http://u@a/",
            "http://a b/",
            "ftp://a/",
            "://a",
            "http://a#b",
            "http://a:99999/",
            "?a",
            "**",
        ] {
            assert_eq!(parts("GET", target), Err(400), "{target:?}");
        }
        assert_eq!(parts("GET", "https://a/"), Err(421));
        assert_eq!(parts("OPTIONS", "*?a"), Err(400));
        assert_eq!(parts("options", "*"), Err(400));
    }

    #[test]
    fn hosts() {
        for good in [
            "a",
            "a.b",
            "a.b.",
            "127.0.0.1",
            "127.0.0.1:80",
            "a:",
            "a:0",
            "[::1]",
            "[::1]:1",
            "a_b",
            "%41",
            "[::ffff:1.2.3.4]",
            "xn--a",
        ] {
            assert!(is_host(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "",
            ":80",
            "a:65536",
            "a:8a",
            "a:+1",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]a",
            "[]",
            "[::1%25a]",
            "[v1.a]",
            "a/b",
            "a b",
            "a@b",
            "a\"",
            "\u{e4}",
            "%4",
            "%zz",
            "a,b:c",
            "a\\b",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad:?}");
        }
    }
}
