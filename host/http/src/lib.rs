//! The values of HTTP/1.1 (RFC 9110 and 9112): bytes to requests, responses to bytes.
//!
//! Nothing here reads a socket or a clock, and nothing knows of connections. In the order of the data:
//!
//! | file | from | to |
//! |---|---|---|
//! | [`head`] | the bytes of a head, as they arrive | [`Head`] |
//! | `target` | a request target | path, query and authority (used by `head`) |
//! | [`framing`] | [`Head`] | where its body ends, and what becomes of the connection |
//! | [`body`] | the bytes behind a head | the content, whole |
//! | [`chunked`] | chunked coding | content, and back |
//! | [`message`] | – | [`Head`], [`Request`], [`Response`] |
//! | [`encode`] | [`Response`] | the bytes of a response, if it may leave at all |
//! | [`packed`] | [`Response`] | the same in one allocation, to be kept |
//! | [`reject`] | why a request is refused | its status and answer |
//! | [`headers`] | – | the grammar that the others share |
//!
//! The rule of the folder is that doubt is refused. Where RFC 9112 lets a recipient be lenient (a bare LF, a
//! folded field, a list in `Transfer-Encoding`), two recipients may disagree about where a message ends, and
//! request smuggling lives in that disagreement.

#![forbid(unsafe_code)]

mod body;
mod chunked;
mod connection;
mod encode;
mod exchange;
mod framing;
mod head;
pub mod headers;
mod limits;
mod message;
mod packed;
mod reject;
mod request_id;
mod target;

pub use self::body::BodyReader;
pub use self::chunked::ChunkedDecoder;
pub use self::connection::{Admission, Connection, Rejection, Step, StreamingFault};
pub use self::encode::{BodyEnd, Envelope, ResponseFault, check as check_response, encode as encode_response};
pub use self::exchange::{Exchange, Progress};
pub use self::framing::{BodyFraming, Framing};
pub use self::head::HeadReader;
pub use self::limits::HttpLimits;
pub use self::message::{Field, Head, Request, Response, Version};
pub use self::packed::PackedResponse;
pub use self::reject::Reject;
pub use self::request_id::RequestId;
