//! What a client would like to get (RFC 9110, section 12.5.1), and the syntax that it shares with
//! other header fields: a value, and parameters behind semicolons.

use crate::Request;

impl Request {
    /// Which of these media types the client would like best, by its `accept`; of several that it
    /// likes as much, the first. `None` if it would take none of them: a 406, or the first one all
    /// the same. A client that says nothing takes the first.
    ///
    /// An answer that depends on it has `vary: accept`, so that caches know.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// fn order(request: Request) -> Response {
    ///     let answer = match request.accepts(&["application/json", "text/html"]) {
    ///         Some("text/html") => Response::html("<p>order 7</p>"),
    ///         _ => Response::text(r#"{"order":7}"#).header("content-type", "application/json"),
    ///     };
    ///     answer.header("vary", "accept")
    /// }
    ///
    /// let request = Request::new("GET", "/").with_header("accept", "text/*, a/b;q=0.5");
    /// assert_eq!(order(request).body(), b"<p>order 7</p>");
    /// ```
    pub fn accepts<'a>(&self, offered: &[&'a str]) -> Option<&'a str> {
        let mut fields = self.headers().filter(|(name, _)| *name == "accept").peekable();
        if fields.peek().is_none() {
            return offered.first().copied();
        }
        let fields: Vec<_> = fields.map(|(_, value)| String::from_utf8_lossy(value)).collect();
        let ranges: Vec<_> = fields.iter().flat_map(|field| split(field, ',')).map(range).collect();
        let mut best = None;
        for kind in offered {
            let weight = weight(&ranges, kind);
            if weight > best.map_or(0, |(_, best)| best) {
                best = Some((*kind, weight));
            }
        }
        best.map(|(kind, _)| kind)
    }
}

/// A media range and its weight in thousandths.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    has_parameters: bool,
    weight: u16,
}

fn range(text: &str) -> Range<'_> {
    let (kind, parameters) = value_and_parameters(text);
    let (kind, subtype) = kind.split_once('/').unwrap_or((kind, ""));
    let mut range = Range { kind, subtype, has_parameters: false, weight: 1_000 };
    for (name, value) in parameters {
        match name.eq_ignore_ascii_case("q") {
            true => range.weight = thousandths(&value).unwrap_or(0),
            false => range.has_parameters = true,
        }
    }
    range
}

/// The weight of a media type: that of the most specific range that it is in, or 0.
fn weight(ranges: &[Range<'_>], offered: &str) -> u16 {
    let (kind, parameters) = value_and_parameters(offered);
    let (kind, subtype) = kind.split_once('/').unwrap_or((kind, ""));
    let has_parameters = parameters.count() > 0;
    let specificity = |range: &Range<'_>| {
        let is = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        match (range.kind, range.subtype) {
            // What a parameter means is known to nobody here: a range with some is for a type with
            // some.
            _ if range.has_parameters && !has_parameters => None,
            ("*", "*") => Some(0),
            (of, "*") if is(of, kind) => Some(1),
            (of, exactly) if is(of, kind) && is(exactly, subtype) => {
                Some(2 + u8::from(range.has_parameters))
            }
            _ => None,
        }
    };
    let matching = ranges.iter().filter_map(|range| Some((specificity(range)?, range.weight)));
    // Of two that are as specific, the better one.
    matching.max().map_or(0, |(_, weight)| weight)
}

/// `1`, `0.5`, `0.125`: at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_weight = matches!(whole, "0" | "1")
        && fraction.len() <= 3
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let weight = format!("{whole}{fraction:0<3}").parse().ok()?;
    (is_weight && weight <= 1_000).then_some(weight)
}

/// A value, and the parameters behind it: `form-data; name="a;b"`. Names are as sent; a quoted
/// value is without its quotes, and `\"` in it is `"`. What is no parameter is left out.
pub(crate) fn value_and_parameters(text: &str) -> (&str, impl Iterator<Item = (&str, String)>) {
    let mut parts = split(text, ';');
    let value = parts.next().unwrap_or_default();
    let parameters = parts.filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim_ascii(), unquoted(value.trim_ascii())))
    });
    (value, parameters)
}

/// Parts between separators that stand outside of quotes, without the spaces around them.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |character| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => return character == separator && !is_quoted,
        }
        false
    });
    parts.map(str::trim_ascii)
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // Browsers send backslashes in names of files as they are, so only `\"` is an escape.
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(accept: &str, offered: &[&'static str]) -> Option<&'static str> {
        Request::new("GET", "/").with_header("accept", accept).accepts(offered)
    }

    const BOTH: &[&str] = &["application/json", "text/html"];

    #[test]
    fn the_heaviest_is_taken_and_then_the_first() {
        assert_eq!(accepts("text/html", BOTH), Some("text/html"));
        assert_eq!(accepts("TEXT/HTML, application/json", BOTH), Some("application/json"));
        assert_eq!(accepts("application/json;q=0.5, text/html;q=0.7", BOTH), Some("text/html"));
        assert_eq!(accepts("*/*", BOTH), Some("application/json"));
        assert_eq!(accepts("text/*;q=0.1", BOTH), Some("text/html"));
        assert_eq!(Request::new("GET", "/").accepts(BOTH), Some("application/json"));
        let two = Request::new("GET", "/").with_header("accept", "image/png");
        assert_eq!(two.with_header("accept", "text/html").accepts(BOTH), Some("text/html"));
    }

    #[test]
    fn the_most_specific_range_decides() {
        assert_eq!(accepts("*/*, application/json;q=0", BOTH), Some("text/html"));
        assert_eq!(accepts("text/*;q=0.9, text/html;q=0.1, */*;q=0.5", BOTH), Some(BOTH[0]));
        let plain = &["text/plain", "text/plain;format=flowed"];
        assert_eq!(accepts("text/plain;q=0.2, text/plain;format=flowed", plain), Some(plain[1]));
    }

    #[test]
    fn none_may_be_wanted() {
        assert_eq!(accepts("image/png", BOTH), None);
        assert_eq!(accepts("text/html;q=0, application/json;q=0.000", BOTH), None);
        for bad in ["text/html;q=2", "text/html;q=x", "text/html;q=-1", "text/html;q=0.1234", ""] {
            assert_eq!(accepts(bad, BOTH), None, "{bad}");
        }
        assert_eq!(accepts("*/*", &[]), None);
    }

    #[test]
    fn separators_in_quotes_are_none() {
        let (value, parameters) = value_and_parameters(r#"form-data; name="a;\"b" ;x; y=z"#);
        let parameters: Vec<_> = parameters.collect();
        assert_eq!(value, "form-data");
        assert_eq!(parameters, [("name", "a;\"b".to_owned()), ("y", "z".to_owned())]);
        assert_eq!(accepts("a/b;c=\",text/html,\"", BOTH), None);
    }
}
