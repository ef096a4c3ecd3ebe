//! The code that the clients share: requests and answers as bytes, connections, an open loop, random
//! numbers.

mod client;
mod paced;
mod random;
pub mod workers;

use std::io::{self, ErrorKind};
use std::str;

pub use client::{Client, Control, SOURCE_CONNECTIONS_MAX, SOURCES_MAX, connect};
pub use paced::{Asker, Pace, Tally};
pub use random::Random;

const HEADERS_MAX: usize = 64;

/// Returns a GET request for a path, as short as HTTP/1.1 allows.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// A complete answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The content.
    pub body: &'a [u8],
    /// Whether the server closes the connection after the answer.
    pub closes: bool,
}

impl Answer<'_> {
    /// Returns whether the status is 2xx.
    pub fn is_ok(&self) -> bool {
        self.status / 100 == 2
    }
}

/// Returns the answer at the beginning of some bytes, or `None` if it is not complete. It must have
/// a `content-length`.
pub fn parse(bytes: &[u8]) -> io::Result<Option<Answer<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(invalid)?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    let value = |name: &str| {
        let header =
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(header.value.trim_ascii())
    };
    let length =
        value("content-length").ok_or_else(|| invalid("an answer without content-length"))?;
    let length: usize = str::from_utf8(length).map_err(invalid)?.parse().map_err(invalid)?;
    let Some(body) = bytes[head..].get(..length) else { return Ok(None) };
    let closes = value("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    Ok(Some(Answer { status: response.code.unwrap_or_default(), body, closes }))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Returns the value below which a share of the sorted values lies: `quantile(values, 0.99)` is the
/// p99. Returns 0 if there are no values.
pub fn quantile(sorted: &[u64], share: f64) -> u64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
        assert_eq!(parse(&bytes[..bytes.len() - 1]).unwrap(), None);
        assert_eq!(
            parse(bytes).unwrap(),
            Some(Answer { status: 200, body: b"done", closes: false })
        );
    }

    #[test]
    fn an_answer_may_be_the_last_of_its_connection() {
        let bytes = b"HTTP/1.1 204 No Content\r\nconnection: Close\r\nContent-Length: 0\r\n\r\n";
        assert!(parse(bytes).unwrap().unwrap().closes);
    }

    #[test]
    fn the_p99_of_a_hundred_values_is_the_ninety_ninth() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&values, 0.99), 99);
        assert_eq!(quantile(&values, 0.5), 50);
        assert_eq!(quantile(&[], 0.5), 0);
    }
}
