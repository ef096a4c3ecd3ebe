//! Compares an answer with the expected one, and describes the differences.

mod json;

use std::time::Duration;

use memchr::memmem;
use regex::bytes::Regex;
use serde_json::Value;

pub(super) use self::json::parsed as parsed_json;
use crate::client::Response;

/// The longest text that is shown whole. Of a longer one, a part around the first difference is
/// shown.
const SHOWN_BYTES_MAX: usize = 400;
/// The number of bytes that are shown before the first difference.
const CONTEXT_BYTES: usize = 60;

/// The answer that a step expects, with saved values in their places.
#[derive(Debug)]
pub(super) struct Wanted {
    pub status: u16,
    pub headers: Vec<(String, Condition)>,
    /// The conditions on the body, all of which must hold.
    pub body: Vec<Condition>,
    /// Parts of the body as JSON, by JSON pointers.
    pub json: Vec<(String, Value)>,
    /// The time within which the answer must come.
    pub within: Duration,
}

/// A condition on bytes.
#[derive(Debug)]
pub(super) enum Condition {
    Equals(Vec<u8>),
    Contains(Vec<u8>),
    Matches(Regex),
}

/// Returns all differences, one or two lines each; an empty text if there are none.
pub(super) fn differences(expect: &Wanted, answer: &Response) -> String {
    let mut lines = Vec::new();
    if answer.status != expect.status {
        lines.push(format!("status: expected {}, got {}", expect.status, answer.status));
    }
    for (name, wanted) in &expect.headers {
        lines.extend(header_difference(name, wanted, answer));
    }
    let mut body_lines: Vec<String> =
        expect.body.iter().filter_map(|wanted| difference("body:", wanted, &answer.body)).collect();
    body_lines.extend(json_differences(&expect.json, &answer.body));
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

fn header_difference(name: &str, wanted: &Condition, answer: &Response) -> Option<String> {
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

/// Describes the difference of some bytes from the expected ones. `what` names them.
pub(super) fn difference(what: &str, wanted: &Condition, got: &[u8]) -> Option<String> {
    if wanted.matches(got) {
        return None;
    }
    let from = match wanted {
        Condition::Equals(wanted) => wanted.iter().zip(got).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    // The two texts begin in the same column, which makes the difference easy to see.
    let (head, pad) = (format!("{what} expected"), "got     ");
    let pad = format!("{:>1$}", pad, head.len());
    Some(format!("{head} {}\n{pad} {}", wanted.shown(from), shown(got, from)))
}

/// Describes the differences of parts of a body, or of a stored value, as JSON.
pub(super) fn json_differences(wanted: &[(String, Value)], body: &[u8]) -> Vec<String> {
    if wanted.is_empty() {
        return Vec::new();
    }
    match parsed_json(body) {
        Ok(body) => wanted
            .iter()
            .flat_map(|(pointer, wanted)| json::differences(pointer, wanted, &body))
            .collect(),
        Err(error) => vec![format!("json: {error}")],
    }
}

impl Condition {
    fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Condition::Equals(wanted) => bytes == wanted,
            Condition::Contains(part) => memmem::find(bytes, part).is_some(),
            Condition::Matches(regex) => regex.is_match(bytes),
        }
    }

    /// Describes what is expected. `from` is the place of the first difference.
    fn shown(&self, from: usize) -> String {
        match self {
            Condition::Equals(wanted) => shown(wanted, from),
            Condition::Contains(part) => format!("a text that contains {}", shown(part, 0)),
            Condition::Matches(regex) => format!("a match of /{regex}/"),
        }
    }
}

/// Returns text in quotes, with control characters escaped. A long text is cut to a part around
/// `from`, and bytes that are not UTF-8 are described.
pub(super) fn shown(bytes: &[u8], from: usize) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => shown_text(text, from, |text| format!("{text:?}")),
        Err(_) => format!(
            "{} bytes that are not UTF-8: {}",
            bytes.len(),
            bytes[..bytes.len().min(32)].escape_ascii()
        ),
    }
}

/// Returns a text as `format` shows it. A long one is cut to a part around `from`.
fn shown_text(text: &str, from: usize, format: impl Fn(&str) -> String) -> String {
    if text.len() <= SHOWN_BYTES_MAX {
        return format(text);
    }
    let start = text.floor_char_boundary(from.saturating_sub(CONTEXT_BYTES));
    let end = text.floor_char_boundary((start + SHOWN_BYTES_MAX).min(text.len()));
    let (before, after) =
        (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{}{after} ({} bytes)", format(&text[start..end]), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(status: u16, headers: Vec<(&str, Condition)>, body: Vec<Condition>) -> Wanted {
        let headers = headers.into_iter().map(|(name, wanted)| (name.to_owned(), wanted)).collect();
        Wanted { status, headers, body, json: Vec::new(), within: Duration::from_secs(1) }
    }

    fn answer(status: u16, body: &str) -> Response {
        let headers =
            vec![("content-type".into(), b"text/plain".to_vec()), ("via".into(), b"a".to_vec())];
        Response { status, headers, body: body.into() }
    }

    fn regex(pattern: &str) -> Condition {
        Condition::Matches(Regex::new(pattern).unwrap())
    }

    #[test]
    fn a_matching_answer_has_no_differences() {
        let headers =
            vec![("Content-Type", regex("^text/")), ("via", Condition::Equals(b"a".to_vec()))];
        let body = vec![
            Condition::Equals(b"hello".to_vec()),
            Condition::Contains(b"ell".to_vec()),
            regex("^h.*o$"),
        ];
        assert_eq!(differences(&expect(200, headers, body), &answer(200, "hello")), "");
    }

    #[test]
    fn each_difference_is_described() {
        let headers =
            vec![("content-type", Condition::Equals(b"text/html".to_vec())), ("etag", regex("."))];
        let body = vec![
            Condition::Equals(b"hello".to_vec()),
            Condition::Contains(b"xyz".to_vec()),
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
        let body = vec![Condition::Equals(long("this").into_bytes())];
        let told = differences(&expect(200, Vec::new(), body), &answer(200, &long("that")));
        assert!(
            told.len() < 500 && told.contains("this\" (10004 bytes)") && told.contains("that\""),
            "{told}"
        );
        assert!(shown(b"\xff\x00", 0).starts_with("2 bytes that are not UTF-8"));
    }
}
