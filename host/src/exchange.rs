//! One request and its answer, while both are under way.

use std::fmt;

use crate::http::{Head, Version};

/// The longest id that a client may give its request.
const GIVEN_BYTES_MAX: usize = 64;

/// Names a request in the log and in the answer's `x-request-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// Made by the host. Shown as 32 hexadecimal digits.
    Made(u128),
    /// The client's own `x-request-id`: 1 to 64 of `A-Z a-z 0-9 . _ -`, so that it can stand in a log line and
    /// in a field as it is.
    Given(Box<str>),
}

impl RequestId {
    /// The id that a request brings along, if that is usable. The first `x-request-id` counts.
    pub fn given(head: &Head) -> Option<RequestId> {
        let value = head.field("x-request-id")?;
        let usable = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if !(1..=GIVEN_BYTES_MAX).contains(&value.len()) || !value.iter().all(usable) {
            return None;
        }
        str::from_utf8(value).ok().map(|text| RequestId::Given(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // By hand: `{:032x}` costs ten times as much, and each request shows its id three times.
            RequestId::Made(number) => f.write_str(str::from_utf8(&hexadecimal(*number)).unwrap_or_default()),
            RequestId::Given(text) => f.write_str(text),
        }
    }
}

fn hexadecimal(number: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    digits
}

/// What is kept of a request while it is answered. Its head and body are with whoever answers it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// It is the nth request of its connection, from 0. Wraps.
    pub serial: u32,
    /// Its name.
    pub id: RequestId,
    /// When its head was whole.
    pub started_ms: u64,
    /// It is a HEAD request: the answer's body is measured and not sent.
    pub head_only: bool,
    /// Its version.
    pub version: Version,
    /// Whether the client wants to go on with the connection.
    pub keep_alive: bool,
    /// `GET /path?query`, for the access log. Visible ASCII and one space.
    pub label: Box<str>,
    /// Where the worker has got with it.
    pub progress: Progress,
}

impl Exchange {
    /// An exchange that nobody has begun to answer.
    pub fn new(serial: u32, id: RequestId, head: &Head, now_ms: u64) -> Exchange {
        Exchange {
            serial,
            id,
            started_ms: now_ms,
            head_only: head.method() == "HEAD",
            version: head.version(),
            keep_alive: false,
            label: [head.method(), " ", head.target()].concat().into(),
            progress: Progress::Queued,
        }
    }
}

/// Where the worker has got with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits for a place among the running calls.
    Queued,
    /// A guest runs for it.
    Running {
        /// The call's place in the worker's table of calls.
        slot: u32,
    },
    /// It owns no instance: it waits for a settlement.
    Suspended {
        /// The suspension's place in the worker's table of suspensions.
        slot: u32,
        /// Tells that suspension from earlier ones in its place.
        generation: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadReader;
    use crate::limits::HttpLimits;

    fn head(fields: &str) -> Head {
        let text = format!("HEAD /a?b HTTP/1.0\r\n{fields}\r\n");
        let read = HeadReader::default().read(text.as_bytes(), &HttpLimits::default());
        read.unwrap().unwrap().0
    }

    #[test]
    fn a_made_id_has_32_digits() {
        assert_eq!(RequestId::Made(0xab).to_string(), "000000000000000000000000000000ab");
        assert_eq!(RequestId::Made(u128::MAX).to_string(), "f".repeat(32));
    }

    #[test]
    fn a_given_id_is_short_and_plain() {
        let given = |value: &str| RequestId::given(&head(&format!("X-Request-Id: {value}\r\n")));
        assert_eq!(given("aZ0._-"), Some(RequestId::Given("aZ0._-".into())));
        assert!(given(&"a".repeat(64)).is_some());
        for bad in ["", "a b", "a/b", "a\"b", "\u{e4}", &"a".repeat(65)] {
            assert_eq!(given(bad), None, "{bad:?}");
        }
        assert_eq!(RequestId::given(&head("")), None);
    }

    #[test]
    fn an_exchange_begins_queued() {
        let exchange = Exchange::new(7, RequestId::Made(1), &head(""), 5);
        assert_eq!(&*exchange.label, "HEAD /a?b");
        assert!(exchange.head_only && !exchange.keep_alive);
        assert_eq!((exchange.serial, exchange.started_ms), (7, 5));
        assert_eq!(exchange.progress, Progress::Queued);
    }

    #[test]
    fn an_exchange_is_small() {
        assert!(size_of::<Exchange>() <= 80, "{}", size_of::<Exchange>());
        assert!(size_of::<Progress>() <= 12);
    }
}
