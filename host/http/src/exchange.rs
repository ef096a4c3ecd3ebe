//! An exchange: one request and its response, while it is answered.

use snow_core::cut_tokens;

use crate::request_id::RequestId;
use crate::{Head, Version};

/// The record that a connection keeps of a request while it is answered. The head and the body are
/// with the caller, who answers it.
///
/// Field order matters: with `progress` first, the connection's `Phase` keeps its discriminant in a
/// niche of [`Progress`], which saves 8 bytes a connection.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Exchange {
    /// How far the worker is with the request.
    pub progress: Progress,
    /// The number of the request on its connection, from 0. Wraps.
    pub serial: u32,
    /// The request's name in logs and in the response.
    pub id: RequestId,
    /// The method and the target, `GET /path?query`, for the access log. Visible ASCII and one
    /// space. Tokens of pendings are cut out, since no log may show them.
    pub label: Box<str>,
    /// When the head was whole.
    pub started_ms: u64,
    /// Whether this is a HEAD request: the response's body is measured and not sent.
    pub head_only: bool,
    /// The request's version.
    pub version: Version,
    /// Whether the client wants to keep the connection.
    pub keep_alive: bool,
    /// The label under which the worker counts the request, once it has a route.
    pub label_number: u32,
}

impl Exchange {
    /// Creates the exchange of a request that has just arrived.
    pub(crate) fn new(serial: u32, id: RequestId, head: &Head, now_ms: u64) -> Exchange {
        Exchange {
            serial,
            id,
            started_ms: now_ms,
            head_only: head.method() == "HEAD",
            version: head.version(),
            keep_alive: false,
            label_number: 0,
            label: [head.method(), " ", &*cut_tokens(head.target())].concat().into(),
            progress: Progress::Queued,
        }
    }

    /// Returns whether the request waits: for a settlement, or for more of an answer that is
    /// relayed.
    #[inline]
    pub fn is_held(&self) -> bool {
        matches!(self.progress, Progress::Suspended { .. } | Progress::Relayed { .. })
    }
}

/// How far the worker is with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request waits for a place among the running calls.
    Queued,
    /// A guest runs for the request.
    Running,
    /// The request waits for a settlement, without an instance.
    Suspended {
        /// The slot of the suspension in the worker's table of suspensions.
        slot: u32,
        /// Tells the suspension apart from earlier ones in its slot.
        generation: u32,
    },
    /// The request is answered with what comes from another server, while it comes.
    Relayed {
        /// The slot of the relay in the worker's table of relays.
        slot: u32,
        /// Tells the relay apart from earlier ones in its slot.
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
