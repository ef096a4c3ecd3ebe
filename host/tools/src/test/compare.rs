//! Compares an answer with the expected one, and describes the differences.

use memchr::memmem;

use super::cases::{Expect, Matcher};
use crate::client::Response;

/// The longest text that is shown whole. Of a longer one, a part around the first difference is
/// shown.
const SHOWN_BYTES_MAX: usize = 400;
/// The number of bytes that are shown before the first difference.
const CONTEXT_BYTES: usize = 60;

/// Returns all differences, one or two lines each; an empty text if there are none.
pub(super) fn differences(expect: &Expect, answer: &Response) -> String {
    let mut lines = Vec::new();
    if answer.status != expect.status {
        lines.push(format!("status: expected {}, got {}", expect.status, answer.status));
    }
    for (name, wanted) in &expect.headers {
        lines.extend(header_difference(name, wanted, answer));
    }
    let body_lines: Vec<String> =
        expect.body.iter().filter_map(|wanted| body_difference(wanted, &answer.body)).collect();
    // A body behind an unexpected status is usually the reason for it.
    if body_lines.is_empty() && answer.status != expect.status {
        lines.push(format!("body: got {}", shown(&answer.body, 0)));
    }
    lines.extend(body_lines);
    lines.join("\n")
}

/// Returns an answer in one line, for messages about an answer that was not expected.
pub(super) fn summary(answer: &Response) -> String {
    format!("{} {}", answer.status, shown(&answer.body, 0))
}

fn header_difference(name: &str, wanted: &Matcher, answer: &Response) -> Option<String> {
    let values = || {
        answer
            .headers
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    if values().any(|value| wanted.matches(value)) {
        return None;
    }
    let got: Vec<String> = values().map(|value| shown(value, 0)).collect();
    let got = if got.is_empty() {
        "there is none".to_owned()
    } else {
        format!("got {}", got.join(" and "))
    };
    Some(format!("header {name}: expected {}, {got}", wanted.shown(0)))
}

fn body_difference(wanted: &Matcher, body: &[u8]) -> Option<String> {
    if wanted.matches(body) {
        return None;
    }
    let from = match wanted {
        Matcher::Equals(wanted) => wanted.iter().zip(body).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    // The two texts begin in the same column, which makes the difference easy to see.
    let (head, pad) = ("body: expected", "      got     ");
    Some(format!("{head} {}\n{pad} {}", wanted.shown(from), shown(body, from)))
}

impl Matcher {
    fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Matcher::Equals(wanted) => bytes == wanted,
            Matcher::Contains(part) => memmem::find(bytes, part).is_some(),
            Matcher::Matches(regex) => regex.is_match(bytes),
        }
    }

    /// Describes what is expected. `from` is the place of the first difference.
    fn shown(&self, from: usize) -> String {
        match self {
            Matcher::Equals(wanted) => shown(wanted, from),
            Matcher::Contains(part) => format!("a text that contains {}", shown(part, 0)),
            Matcher::Matches(regex) => format!("a match of /{regex}/"),
        }
    }
}

/// Returns text in quotes, with control characters escaped. A long text is cut to a part around
/// `from`, and bytes that are not UTF-8 are described.
fn shown(bytes: &[u8], from: usize) -> String {
    let Ok(text) = str::from_utf8(bytes) else {
        return format!(
            "{} bytes that are not UTF-8: {}",
            bytes.len(),
            bytes[..bytes.len().min(32)].escape_ascii()
        );
    };
    if text.len() <= SHOWN_BYTES_MAX {
        return format!("{text:?}");
    }
    let start = text.floor_char_boundary(from.saturating_sub(CONTEXT_BYTES));
    let end = text.floor_char_boundary((start + SHOWN_BYTES_MAX).min(text.len()));
    let (before, after) =
        (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{:?}{after} ({} bytes)", &text[start..end], text.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use regex::bytes::Regex;

    use super::*;

    fn expect(status: u16, headers: Vec<(&str, Matcher)>, body: Vec<Matcher>) -> Expect {
        let headers = headers.into_iter().map(|(name, wanted)| (name.to_owned(), wanted)).collect();
        Expect { status, headers, body, within: Duration::from_secs(1) }
    }

    fn answer(status: u16, body: &str) -> Response {
        let headers =
            vec![("content-type".into(), b"text/plain".to_vec()), ("via".into(), b"a".to_vec())];
        Response { status, headers, body: body.into() }
    }

    fn regex(pattern: &str) -> Matcher {
        Matcher::Matches(Regex::new(pattern).unwrap())
    }

    #[test]
    fn a_matching_answer_has_no_differences() {
        let headers =
            vec![("Content-Type", regex("^text/")), ("via", Matcher::Equals(b"a".to_vec()))];
        let body = vec![
            Matcher::Equals(b"hello".to_vec()),
            Matcher::Contains(b"ell".to_vec()),
            regex("^h.*o$"),
        ];
        assert_eq!(differences(&expect(200, headers, body), &answer(200, "hello")), "");
    }

    #[test]
    fn each_difference_is_described() {
        let headers =
            vec![("content-type", Matcher::Equals(b"text/html".to_vec())), ("etag", regex("."))];
        let body = vec![
            Matcher::Equals(b"hello".to_vec()),
            Matcher::Contains(b"xyz".to_vec()),
            regex("^x"),
        ];
        let told = differences(&expect(201, headers, body), &answer(200, "hullo"));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines,
            [
                "status: expected 201, got 200",
                "header content-type: expected \"text/html\", got \"text/plain\"",
                "header etag: expected a match of /./, there is none",
                "body: expected \"hello\"",
                "      got      \"hullo\"",
                "body: expected a text that contains \"xyz\"",
                "      got      \"hullo\"",
                "body: expected a match of /^x/",
                "      got      \"hullo\"",
            ]
        );
        let told = differences(&expect(200, Vec::new(), Vec::new()), &answer(500, "oh\n"));
        assert_eq!(told, "status: expected 200, got 500\nbody: got \"oh\\n\"");
    }

    #[test]
    fn a_long_text_is_shown_around_its_first_difference() {
        let long = |end: &str| format!("{}{end}", "ä".repeat(5_000));
        let body = vec![Matcher::Equals(long("this").into_bytes())];
        let told = differences(&expect(200, Vec::new(), body), &answer(200, &long("that")));
        assert!(
            told.len() < 500 && told.contains("this\" (10004 bytes)") && told.contains("that\""),
            "{told}"
        );
        assert!(shown(b"\xff\x00", 0).starts_with("2 bytes that are not UTF-8"));
    }
}
