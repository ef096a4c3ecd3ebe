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

pub mod body;
pub mod chunked;
pub mod encode;
pub mod framing;
pub mod head;
pub mod headers;
pub mod message;
pub mod packed;
pub mod reject;
mod target;

pub use encode::ResponseFault;
pub use framing::{BodyFraming, Framing};
pub use head::HeadReader;
pub use message::{Field, Head, Request, Response, Version};
pub use packed::PackedResponse;
pub use reject::Reject;
