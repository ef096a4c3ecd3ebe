//! One client's connection: the phases, and what a caller may ask.
//!
//! | file | |
//! |---|---|
//! | `connection.rs` | the phases |
//! | `connection/intake.rs` | received bytes become requests |
//! | `connection/respond.rs` | responses become output, whole or in pieces |
//! | `connection/ending.rs` | how a connection ends, and what becomes of its exchanges |
//! | `connection/timeouts.rs` | the one deadline |
//! | `connection/buffer.rs` | a queue of bytes |

mod buffer;
mod ending;
mod intake;
mod respond;
mod timeouts;

use self::buffer::Buffer;
pub use self::respond::StreamingFault;
pub use self::timeouts::GivesWay;
use self::timeouts::Timeout;
use crate::body::BodyReader;
use crate::encode::BodyEnd;
use crate::exchange::Exchange;
use crate::limits::HttpLimits;
use crate::{Head, HeadReader, Reject, Request, Response};

/// The most bytes of input that are kept while they can't be used. Together with one read of the
/// caller, this is what a client can make the host hold by pipelining.
const INPUT_KEPT_BYTES_MAX: usize = 65_536;

/// One client's connection: bytes in and requests out, responses in and bytes out.
///
/// An exchange is named by its serial, so a protocol could have several at a time. HTTP/1.1 has at
/// most one: pipelined requests wait as bytes, and their responses leave in order (RFC 9112,
/// section 9.3.2). These are the phases:
///
/// ```text
///  receive            step: admit            step                respond
///     │                    │                   │                    │
///     ▼                    ▼                   ▼                    ▼
///   Head ─────► Arrived ───┬──────► Body ──────┬────► Exchange ─────┬──► Head, if kept alive
///     │                    │          │        │          │         │
///     │                    │          │     Request       ▼         │
///     │                    │          │   to the caller  Streaming ─┤
///     │                    │          │                             │
///     │ malformed, 408     │ rejected │ malformed, 408              │
///     ▼                    │          ▼                             ▼
///   Rejecting ─────────────┴──► a response by step ────────────► Closing ──► Lingering
/// ```
///
/// The connection closes after a malformed or late request, since it is in doubt where the next one
/// begins. After a request that the caller rejected, it stays open if the request has no body.
///
/// After every call that takes a time, the connection has the right
/// [deadline](Connection::deadline_ms). After [`receive`](Connection::receive),
/// [`receive_eof`](Connection::receive_eof), [`respond`](Connection::respond) and
/// [`wrote`](Connection::wrote), the caller calls [`step`](Connection::step) until it returns
/// [`Step::Idle`].
///
/// No input makes it panic. Its memory is bounded by [`HttpLimits`], by one read of the caller, and
/// by the responses that it was given.
#[derive(Debug)]
pub struct Connection {
    /// The bytes that were received and not used. Empty as long as whole requests come in whole
    /// reads.
    input: Buffer,
    /// The bytes that are not written yet. Responses to pipelined requests gather here, so that one
    /// write sends them all.
    output: Buffer,
    phase: Phase,
    /// When `timeout` ends. Without meaning if that is [`Timeout::None`].
    deadline_ms: u64,
    /// The number of requests so far. Wraps.
    served: u32,
    /// The timeout that runs.
    timeout: Timeout,
    input_end: InputEnd,
    /// Whether the host is shutting down: no more requests are wanted.
    draining: bool,
    /// Whether the connection was dropped: nothing more is read or written, whatever the phase.
    dropped: Dropped,
}

/// The phase of a connection. Each transition takes the old phase and puts a new one in its place.
#[derive(Debug)]
enum Phase {
    /// Between two requests, or while a head arrives.
    Head(HeadReader),
    /// A head is whole, and the caller was not asked about it yet, or has put it off.
    Arrived(Head),
    /// The caller admitted the request, and its body arrives.
    Body(Box<Incoming>),
    /// The received bytes are refused, and the next step says so. Input is discarded from now on.
    Rejecting(Box<Rejecting>),
    /// The caller has the request, and has not answered it.
    Exchange(Exchange),
    /// The response is sent in pieces.
    Streaming(Box<Streaming>),
    /// The output is written, then the connection closes. If it has to linger, input may be on its
    /// way that would turn the close into a reset (RFC 9112, section 9.6).
    Closing { linger: bool },
    /// The writing side of the socket is shut down. Input is read, counted and discarded, until
    /// `until_ms` at most.
    Lingering { discarded_bytes: u64, until_ms: u64 },
}

/// An admitted request whose body arrives.
#[derive(Debug)]
struct Incoming {
    exchange: Exchange,
    head: Head,
    body: BodyReader,
    /// When the body is too slow: see [`HttpLimits::body_bytes_per_s_min`]. In microseconds, since
    /// a byte may earn less than a millisecond.
    slow_at_us: u64,
}

/// A request that will be rejected by the next step.
#[derive(Debug)]
struct Rejecting {
    why: Reject,
    /// `None` if the head itself was malformed or came too slowly.
    exchange: Option<Exchange>,
}

/// A response that is sent in pieces.
#[derive(Debug)]
struct Streaming {
    exchange: Exchange,
    /// How the body ends: by which length that is left, by a last chunk, or with the connection.
    end: BodyEnd,
    /// Whether the response's head promised to keep the connection.
    keep_alive: bool,
}

/// Whether the connection was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    No,
    /// It was, and its socket is closed.
    Closes,
    /// It was, and the client has to see that by a reset: else it would take what it has for a whole
    /// body.
    Resets,
}

/// Whether the end of the client's bytes is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputEnd {
    /// The client may send more.
    Unknown,
    /// The client has sent its last byte, but some bytes before it may wait in the socket.
    Announced,
    /// The client has sent its last byte, and all bytes were received.
    Reached,
}

/// The caller's decision about a request whose head is whole.
#[derive(Debug)]
pub enum Admission {
    /// Read the body.
    Accept {
        /// The most bytes of the body. [`HttpLimits::body_bytes_max`] applies as well.
        body_bytes_max: u64,
        /// The bytes that the caller has room for now, beside those that the connection holds. A
        /// body that is known to need more is refused at once ([`Reject::Busy`]), and its client
        /// is not asked to send it.
        room_bytes: u64,
    },
    /// Answer with this response. If the request has a body, it is not read, and the connection
    /// closes.
    Reject(Response),
}

/// The next task of the caller.
#[derive(Debug)]
pub enum Step {
    /// Answer this request. [`Connection::exchange`] returns its exchange until it is answered.
    Request {
        /// The serial of the request's exchange.
        serial: u32,
        /// The request itself.
        request: Request,
    },
    /// Log this rejection. The connection has answered the request by itself.
    Rejected(Rejection),
    /// Nothing, until bytes are received, output is written, or the exchange is answered.
    Idle,
}

/// A request that the connection has answered by itself.
#[derive(Debug)]
pub struct Rejection {
    /// The status of the response.
    pub status: u16,
    /// The reason. `None` if the caller decided it, by [`Admission::Reject`].
    pub why: Option<Reject>,
    /// The exchange of the request. `None` if its head was malformed or never whole.
    pub exchange: Option<Exchange>,
}

impl Connection {
    /// Creates the connection of a client that was just accepted.
    pub fn new(now_ms: u64, limits: &HttpLimits) -> Self {
        let mut connection = Connection {
            input: Buffer::default(),
            output: Buffer::default(),
            phase: Phase::Head(HeadReader::default()),
            deadline_ms: 0,
            served: 0,
            timeout: Timeout::None,
            input_end: InputEnd::Unknown,
            draining: false,
            dropped: Dropped::No,
        };
        connection.update_timeout(now_ms, limits);
        connection
    }

    /// Returns the exchanges of all requests that the caller has and did not answer.
    #[inline]
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        let only = match &self.phase {
            Phase::Exchange(exchange) => Some(exchange),
            Phase::Streaming(streaming) => Some(&streaming.exchange),
            _ => None,
        };
        only.into_iter()
    }

    /// Returns the exchange of a request that the caller has and did not answer.
    #[inline]
    pub fn exchange(&self, serial: u32) -> Option<&Exchange> {
        self.exchanges().find(|exchange| exchange.serial == serial)
    }

    /// Returns the exchange of a request that the caller has and did not answer, to note its
    /// progress.
    #[inline]
    pub fn exchange_mut(&mut self, serial: u32) -> Option<&mut Exchange> {
        let exchange = match &mut self.phase {
            Phase::Exchange(exchange) => exchange,
            Phase::Streaming(streaming) => &mut streaming.exchange,
            _ => return None,
        };
        (exchange.serial == serial).then_some(exchange)
    }

    /// Returns the bytes to write now.
    #[inline]
    pub fn output(&self) -> &[u8] {
        match self.is_dropped() {
            true => &[],
            false => self.output.as_slice(),
        }
    }

    /// Removes the first `count` bytes of the output, which were written. The caller calls
    /// [`step`](Self::step) afterwards, because pipelined requests may have waited for room in the
    /// output.
    pub fn wrote(&mut self, count: usize, now_ms: u64, limits: &HttpLimits) {
        self.output.consume(count);
        if count > 0 {
            self.restart(Timeout::Write);
        }
        self.update_timeout(now_ms, limits);
    }

    /// Returns whether the caller should read from the socket. False while much input waits that
    /// can't be used yet, and while the connection closes without regard to more input.
    #[inline]
    pub fn wants_read(&self) -> bool {
        if self.is_dropped() || self.input_end == InputEnd::Reached || self.input_is_full() {
            return false;
        }
        match self.phase {
            Phase::Head(_) | Phase::Body(_) | Phase::Lingering { .. } => true,
            // While the host shuts down, a client that pipelines on and on must not keep the
            // connection open.
            Phase::Exchange(_) | Phase::Streaming(_) => !self.draining,
            Phase::Arrived(_) | Phase::Rejecting(_) | Phase::Closing { .. } => false,
        }
    }

    /// Returns whether as much input waits as may. Nothing is read then until some of it is used.
    /// Even the end of the client's bytes can't be seen then, because a FIN does not pass a full
    /// window.
    #[inline]
    pub fn input_is_full(&self) -> bool {
        self.input.len() >= INPUT_KEPT_BYTES_MAX
    }

    /// Returns whether input waits that was received and not used. [`step`](Self::step) may be able
    /// to use it once [`wrote`](Self::wrote) has made room for more responses; no event of the
    /// socket will say so.
    #[inline]
    pub fn has_unused_input(&self) -> bool {
        let waits = match self.phase {
            Phase::Arrived(_) | Phase::Rejecting(_) => true,
            // The end of the client's bytes is used by closing.
            Phase::Head(_) => self.input_end == InputEnd::Reached,
            _ => false,
        };
        !self.is_dropped() && (waits || !self.input.is_empty())
    }

    /// Frees as much memory as it can, because the request is suspended.
    pub fn rest(&mut self) {
        self.input.shrink();
        self.output.shrink();
    }

    /// Returns how many bytes are held of requests that are not whole, and of input that can't be
    /// used yet.
    #[inline]
    pub fn received_bytes(&self) -> usize {
        let read_bytes = match &self.phase {
            Phase::Arrived(head) => head.received_bytes(),
            Phase::Body(incoming) => incoming.body.received_bytes() as usize,
            _ => 0,
        };
        self.input.len() + read_bytes
    }

    /// Returns whether the connection was dropped.
    #[inline]
    fn is_dropped(&self) -> bool {
        self.dropped != Dropped::No
    }

    /// Takes the phase out and leaves `Closing` in its place. The caller puts the next phase there,
    /// unless that is `Closing`.
    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Closing { linger: false })
    }
}

#[cfg(test)]
impl Connection {
    /// Returns whether the client is known to have closed its sending side.
    fn peer_has_closed(&self) -> bool {
        self.input_end != InputEnd::Unknown
    }
}

#[cfg(test)]
mod tests;
