//! Is this the answer that was expected? If not, what is different, for people.

use memchr::memmem;

use super::cases::{Expect, Match};
use super::client::Answer;

/// Bytes of a text that are shown; of a longer one, those around the first difference.
const SHOWN_BYTES_MAX: usize = 400;
/// How much is shown before the first difference.
const CONTEXT_BYTES: usize = 60;

/// All that is different, a few lines; empty if nothing is.
pub(super) fn differences(expect: &Expect, answer: &Answer) -> String {
    let mut lines = Vec::new();
    if answer.status != expect.status {
        lines.push(format!("status: expected {}, got {}", expect.status, answer.status));
    }
    for (name, wanted) in &expect.headers {
        lines.extend(header_difference(name, wanted, answer));
    }
    let body_lines: Vec<String> =
        expect.body.iter().filter_map(|wanted| body_difference(wanted, &answer.body)).collect();
    // An answer of another status is mostly another answer: its body says why.
    if body_lines.is_empty() && answer.status != expect.status {
        lines.push(format!("body: got {}", shown(&answer.body, 0)));
    }
    lines.extend(body_lines);
    lines.join("\n")
}

/// An answer in one line, where none was expected.
pub(super) fn summary(answer: &Answer) -> String {
    format!("{} {}", answer.status, shown(&answer.body, 0))
}

fn header_difference(name: &str, wanted: &Match, answer: &Answer) -> Option<String> {
    let values = || answer.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    if values().any(|value| wanted.is_met_by(value)) {
        return None;
    }
    let got: Vec<String> = values().map(|value| shown(value, 0)).collect();
    let got = if got.is_empty() { "there is none".to_owned() } else { format!("got {}", got.join(" and ")) };
    Some(format!("header {name}: expected {}, {got}", wanted.shown(0)))
}

fn body_difference(wanted: &Match, body: &[u8]) -> Option<String> {
    if wanted.is_met_by(body) {
        return None;
    }
    let from = match wanted {
        Match::Is(wanted) => wanted.iter().zip(body).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    // Below each other, so that eyes find the difference.
    let (head, pad) = ("body: expected", "      got     ");
    Some(format!("{head} {}\n{pad} {}", wanted.shown(from), shown(body, from)))
}

impl Match {
    fn is_met_by(&self, bytes: &[u8]) -> bool {
        match self {
            Match::Is(wanted) => bytes == wanted,
            Match::Contains(part) => memmem::find(bytes, part).is_some(),
            Match::Fits(regex) => regex.is_match(bytes),
        }
    }

    fn shown(&self, from: usize) -> String {
        match self {
            Match::Is(wanted) => shown(wanted, from),
            Match::Contains(part) => format!("something with {} in it", shown(part, 0)),
            Match::Fits(regex) => format!("what fits /{regex}/"),
        }
    }
}

/// Text in quotes with everything odd escaped, or what it is if it is no text. Of a long one, a piece around `from`.
fn shown(bytes: &[u8], from: usize) -> String {
    let Ok(text) = str::from_utf8(bytes) else {
        return format!("{} bytes that are no text: {}", bytes.len(), bytes[..bytes.len().min(32)].escape_ascii());
    };
    if text.len() <= SHOWN_BYTES_MAX {
        return format!("{text:?}");
    }
    let start = text.floor_char_boundary(from.saturating_sub(CONTEXT_BYTES));
    let end = text.floor_char_boundary((start + SHOWN_BYTES_MAX).min(text.len()));
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{:?}{after} ({} bytes)", &text[start..end], text.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use regex::bytes::Regex;

    use super::*;

    fn expect(status: u16, headers: Vec<(&str, Match)>, body: Vec<Match>) -> Expect {
        let headers = headers.into_iter().map(|(name, wanted)| (name.to_owned(), wanted)).collect();
        Expect { status, headers, body, within: Duration::from_secs(1) }
    }

    fn answer(status: u16, body: &str) -> Answer {
        let headers = vec![("content-type".into(), b"text/plain".to_vec()), ("via".into(), b"a".to_vec())];
        Answer { status, headers, body: body.into() }
    }

    fn fits(pattern: &str) -> Match {
        Match::Fits(Regex::new(pattern).unwrap())
    }

    #[test]
    fn what_is_as_expected_is_no_difference() {
        let headers = vec![("Content-Type", fits("^text/")), ("via", Match::Is(b"a".to_vec()))];
        let body = vec![Match::Is(b"hello".to_vec()), Match::Contains(b"ell".to_vec()), fits("^h.*o$")];
        assert_eq!(differences(&expect(200, headers, body), &answer(200, "hello")), "");
    }

    #[test]
    fn each_difference_is_told() {
        let headers = vec![("content-type", Match::Is(b"text/html".to_vec())), ("etag", fits("."))];
        let body = vec![Match::Is(b"hello".to_vec()), Match::Contains(b"xyz".to_vec()), fits("^x")];
        let told = differences(&expect(201, headers, body), &answer(200, "hullo"));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines,
            [
                "status: expected 201, got 200",
                "header content-type: expected \"text/html\", got \"text/plain\"",
                "header etag: expected what fits /./, there is none",
                "body: expected \"hello\"",
                "      got      \"hullo\"",
                "body: expected something with \"xyz\" in it",
                "      got      \"hullo\"",
                "body: expected what fits /^x/",
                "      got      \"hullo\"",
            ]
        );
        let told = differences(&expect(200, Vec::new(), Vec::new()), &answer(500, "oh\n"));
        assert_eq!(told, "status: expected 200, got 500\nbody: got \"oh\\n\"");
    }

    #[test]
    fn a_long_text_is_shown_around_its_first_difference() {
        let long = |end: &str| format!("{}{end}", "ä".repeat(5_000));
        let body = vec![Match::Is(long("this").into_bytes())];
        let told = differences(&expect(200, Vec::new(), body), &answer(200, &long("that")));
        assert!(told.len() < 500 && told.contains("this\" (10004 bytes)") && told.contains("that\""), "{told}");
        assert!(shown(b"\xff\x00", 0).starts_with("2 bytes that are no text"));
    }
}
