//! HTTP/1.1 without I/O (RFC 9110 and RFC 9112): bytes in and requests out, responses in and bytes
//! out.
//!
//! A server reads bytes from a socket and writes bytes to it; this crate does the part in between.
//! It reads no socket and no clock: the caller brings the bytes, and the time in milliseconds. So
//! tests, simulators and fuzzers drive the code that is shipped, and no wait in a test takes real
//! time.
//!
//! # A connection
//!
//! A [`Connection`] is one client's side of the conversation. The caller passes what it read to
//! [`receive`](Connection::receive), asks [`step`](Connection::step) what to do next until that
//! returns [`Step::Idle`], answers with [`respond`](Connection::respond), and writes
//! [`output`](Connection::output) to the socket:
//!
//! ```
//! use snow_http::{Admission, Connection, HttpLimits, Response, Step};
//!
//! let limits = HttpLimits::default();
//! let date = "Sat, 21 Nov 2026 12:00:00 GMT";
//! let mut make_id = || 7;
//! let mut admit = |_: &_| Some(Admission::Accept { body_bytes_max: 1_000, room_bytes: 9_000 });
//!
//! // Bytes in, a request out.
//! let mut connection = Connection::new(0, &limits);
//! connection.receive(b"GET /hello?name=Ann HTTP/1.1\r\nHost: a\r\n\r\n", 1, &limits);
//! let step = connection.step(1, &limits, date, &mut make_id, &mut admit);
//! let Step::Request { serial, request } = step else { panic!("{step:?}") };
//! assert_eq!((request.head.method(), request.head.path()), ("GET", "/hello"));
//!
//! // A response in, bytes out.
//! let response = Response::text(200, "hello Ann");
//! connection.respond(serial, &response, date, 2, &limits).expect("the response breaks no rule");
//! let output = String::from_utf8(connection.output().to_vec()).unwrap();
//! assert!(output.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert!(output.contains("x-request-id: 00000000000000000000000000000007\r\n"));
//! assert!(output.ends_with("\r\n\r\nhello Ann"));
//! connection.wrote(output.len(), 3, &limits);
//! assert!(matches!(connection.step(3, &limits, date, &mut make_id, &mut admit), Step::Idle));
//! ```
//!
//! While a request is answered, its connection keeps a small [`Exchange`], which is named by its
//! serial. The caller notes in it how far the answer is. The phases of a connection, and the picture
//! of them, are in the docs of [`Connection`].
//!
//! # Requests that are refused
//!
//! Malformed and oversized requests never reach the caller's handlers. The connection answers them
//! by itself, with the status of a [`Reject`], and reports a [`Rejection`] to be logged:
//!
//! ```
//! # use snow_http::{Admission, Connection, HttpLimits, Step};
//! # let (limits, date) = (HttpLimits::default(), "Sat, 21 Nov 2026 12:00:00 GMT");
//! # let mut admit = |_: &_| Some(Admission::Accept { body_bytes_max: 1_000, room_bytes: 9_000 });
//! let mut connection = Connection::new(0, &limits);
//! connection.receive(b"GET / HTTP/1.1\nHost: a\n\n", 1, &limits);
//! let step = connection.step(1, &limits, date, &mut || 7, &mut admit);
//! let Step::Rejected(rejection) = step else { panic!("{step:?}") };
//! assert_eq!(rejection.why.unwrap().to_string(), "a line does not end in CRLF");
//! assert!(connection.output().starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
//! ```
//!
//! The rule is that doubt is refused. Where RFC 9112 lets a recipient be lenient (a bare LF, a
//! folded field, a list in `Transfer-Encoding`), two recipients may disagree about where a message
//! ends, and request smuggling lives in that disagreement.
//!
//! # The pieces
//!
//! A [`Connection`] is made of parts that also serve by themselves: [`HeadReader`] turns bytes into
//! a [`Head`], [`ChunkedDecoder`] removes chunked coding, [`check_response`] says whether a
//! [`Response`] may be sent and [`encode_response`] turns it into bytes, [`PackedResponse`] keeps a
//! response in little memory, [`RequestId`] names a request, and [`headers`] has the grammar that
//! requests and responses share. [`HttpLimits`] is what a client may make all of this cost.
//!
//! # Guarantees
//!
//! - No input makes a connection panic, and how the bytes are split does not change what is
//!   understood.
//! - Memory is bounded by [`HttpLimits`], by one read of the caller, and by the responses that it
//!   was given.
//! - Responses leave in the order of their requests, and nothing leaves that breaks the framing of
//!   a message.
//! - A connection that is left alone ends: while it waits for its client, it has a deadline.
//!
//! # Non-guarantees
//!
//! - A connection does nothing by itself. The caller calls [`expire`](Connection::expire) at the
//!   [deadline](Connection::deadline_ms).
//! - Paths are not percent-decoded and not normalised. A handler gets what the client sent.
//! - There is no limit on how long a request is answered. That is the caller's.
//! - Only HTTP/1.x is spoken, without TLS, upgrades and `CONNECT`. Trailers are
//!   checked and discarded.

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

pub use self::chunked::ChunkedDecoder;
pub use self::connection::{Admission, Connection, GivesWay, Rejection, Step, StreamingFault};
pub use self::encode::{Envelope, ResponseFault, check_response, encode_response};
pub use self::exchange::{Exchange, Progress};
pub use self::head::HeadReader;
pub use self::limits::HttpLimits;
pub use self::message::{Field, Head, Request, Response, Version};
pub use self::packed::PackedResponse;
pub use self::reject::Reject;
pub use self::request_id::RequestId;
