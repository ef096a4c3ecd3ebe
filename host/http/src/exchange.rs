//! One request and its answer, while both are under way.

use crate::request_id::RequestId;
use crate::{Head, Version};

/// What is kept of a request while it is answered. Its head and body are with whoever answers it.
///
/// In this order, with `progress` first, a connection's phase has its own tag in `progress`'s, and is 8 bytes smaller.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Exchange {
    /// Where the worker has got with it.
    pub progress: Progress,
    /// It is the nth request of its connection, from 0. Wraps.
    pub serial: u32,
    /// Its name.
    pub id: RequestId,
    /// `GET /path?query`, for the access log. Visible ASCII and one space.
    pub label: Box<str>,
    /// When its head was whole.
    pub started_ms: u64,
    /// It is a HEAD request: the answer's body is measured and not sent.
    pub head_only: bool,
    /// Its version.
    pub version: Version,
    /// Whether the client wants to go on with the connection.
    pub keep_alive: bool,
    /// The label under which its worker counts it, once it has a route.
    pub label_number: u32,
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
            label_number: 0,
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
    Running,
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
    use crate::HeadReader;
    use crate::limits::HttpLimits;

    fn head(fields: &str) -> Head {
        let text = format!("HEAD /a?b HTTP/1.0\r\n{fields}\r\n");
        let read = HeadReader::default().read(text.as_bytes(), &HttpLimits::default());
        read.unwrap().unwrap().0
    }

    #[test]
    fn an_exchange_begins_queued() {
        let exchange = Exchange::new(7, RequestId::made(1), &head(""), 5);
        assert_eq!(&*exchange.label, "HEAD /a?b");
        assert!(exchange.head_only && !exchange.keep_alive);
        assert_eq!((exchange.serial, exchange.started_ms), (7, 5));
        assert_eq!(exchange.progress, Progress::Queued);
    }

    #[test]
    fn an_exchange_is_small() {
        assert!(size_of::<Exchange>() <= 72, "{}", size_of::<Exchange>());
        assert!(size_of::<Progress>() <= 12);
    }
}
