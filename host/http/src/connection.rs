//! One client's connection: bytes in, requests out; answers in, bytes out.
//!
//! Sans I/O: a [`Connection`] reads no socket and no clock. The worker brings what it read and the time, asks
//! [`step`](Connection::step) what is to be done, and writes [`output`](Connection::output):
//!
//! ```text
//!  receive                step: admit               step               respond
//!     │                        │                    │                    │
//!     ▼                        ▼                    ▼                    ▼
//!   Head ──────► Arrived ──────┬───────► Body ──────┬────► Exchange ─────┬──► Head, if kept alive
//!     │                        │          │         └► to the worker     │
//!     │                        │          │                   ▲          │
//!     │ wrong bytes, 408       │ refused  │ 408      begin ─► Streaming ─┤
//!     ▼                        ▼          ▼                    pieces    ▼
//!   Refused ──────────────► answered by step ──────────────────────► Closing ──► Lingering
//! ```
//!
//! It has at most one exchange at a time: pipelined requests wait as bytes, and their answers leave in order
//! by construction (RFC 9112, section 9.3.2).
//!
//! | file | |
//! |---|---|
//! | `connection.rs` | the states, and what the world may ask |
//! | `connection/intake.rs` | bytes to requests |
//! | `connection/answer.rs` | responses to bytes, whole and in pieces |
//! | `connection/clock.rs` | the one deadline |
//! | `connection/buffer.rs` | a queue of bytes |

mod answer;
mod buffer;
mod clock;
mod intake;

pub use answer::StreamingFault;

use crate::body::BodyReader;
use crate::encode::BodyEnd;
use crate::exchange::Exchange;
use crate::limits::HttpLimits;
use crate::{Head, HeadReader, Reject, Request, Response};
use buffer::Buffer;
use clock::Wait;

/// How much input is kept while it can't be used. With the last read on top, this is what a client can make
/// the host hold by pipelining.
const INPUT_KEPT_BYTES_MAX: usize = 65_536;

/// One client's bytes: what came and is not used yet, what is to be written, and where in the exchange of
/// messages both sides are.
///
/// No input makes it panic. Whatever is received, its memory is bounded by [`HttpLimits`], by one read of the
/// caller, and by the answers it was given.
#[derive(Debug)]
pub struct Connection {
    /// Received and not used. Empty while whole requests come in whole reads.
    input: Buffer,
    /// Not written yet. Answers to pipelined requests gather here, so that one write sends them.
    output: Buffer,
    phase: Phase,
    /// When `wait` is over. Without meaning if that is `Nothing`.
    deadline_ms: u64,
    /// How many requests there were.
    served: u32,
    wait: Wait,
    peer: Peer,
    /// No more requests: the host is on its way out.
    draining: bool,
    /// Nothing more is read or written, whatever the phase.
    dead: bool,
}

/// Where the connection is. Each transition takes the old phase and leaves a new one.
#[derive(Debug)]
enum Phase {
    /// A head is under way, or nothing is.
    Head(HeadReader),
    /// A whole head that nobody has been asked about yet.
    Arrived(Head),
    /// The request was admitted; its body is under way.
    Body(Box<Incoming>),
    /// The bytes were wrong; `step` will say so. Input is discarded from here on.
    Refused(Box<Refused>),
    /// The worker has the request.
    Exchange(Exchange),
    /// Its answer goes out in pieces.
    Streaming(Box<Streaming>),
    /// The output goes out, then the connection closes. `linger`: input may be under way that would turn the
    /// close into a reset (RFC 9112, section 9.6).
    Closing { linger: bool },
    /// The writing side is shut down. Input is read, counted and discarded.
    Lingering { discarded_bytes: u64 },
}

#[derive(Debug)]
struct Incoming {
    exchange: Exchange,
    head: Head,
    body: BodyReader,
}

#[derive(Debug)]
struct Refused {
    why: Reject,
    /// `None` if the head itself was wrong.
    exchange: Option<Exchange>,
}

#[derive(Debug)]
struct Streaming {
    exchange: Exchange,
    /// What is still to come.
    end: BodyEnd,
    /// What the head said.
    keep_alive: bool,
}

/// What is known of the client's sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Open,
    /// It sent its last byte, but there may be bytes that were not received here.
    Closed,
    /// And all of them were received.
    Ended,
}

/// Whether a request may go on, asked as soon as its head is there.
#[derive(Debug)]
pub enum Admission {
    /// Read its body, of at most so many bytes (and at most [`HttpLimits::body_bytes_max`]).
    Accept {
        /// The limit of the route.
        body_bytes_max: u64,
    },
    /// Answer it with this. The connection closes if the request has a body, which is not read.
    Reject(Response),
}

/// What the worker has to do.
#[derive(Debug)]
pub enum Step {
    /// A whole request: run it. [`Connection::exchange`] is `Some` from now until it was answered.
    Request(Request),
    /// The connection has answered a request by itself; nothing to do but to log it.
    Rejected(Rejection),
    /// Nothing until more bytes come, output is written, or the exchange is answered.
    Idle,
}

/// A request that the connection answered by itself.
#[derive(Debug)]
pub struct Rejection {
    /// The answer's status.
    pub status: u16,
    /// What was wrong. `None` if [`Admission::Reject`] was the reason.
    pub why: Option<Reject>,
    /// What is known of the request: nothing if its head never was whole or was wrong.
    pub exchange: Option<Exchange>,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(now_ms: u64, limits: &HttpLimits) -> Self {
        let mut connection = Connection {
            input: Buffer::default(),
            output: Buffer::default(),
            phase: Phase::Head(HeadReader::default()),
            deadline_ms: 0,
            served: 0,
            wait: Wait::Nothing,
            peer: Peer::Open,
            draining: false,
            dead: false,
        };
        connection.arm(now_ms, limits);
        connection
    }

    /// The request that the worker has and did not answer.
    pub fn exchange(&self) -> Option<&Exchange> {
        match &self.phase {
            Phase::Exchange(exchange) => Some(exchange),
            Phase::Streaming(streaming) => Some(&streaming.exchange),
            _ => None,
        }
    }

    /// The same, to note progress in it.
    pub fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        match &mut self.phase {
            Phase::Exchange(exchange) => Some(exchange),
            Phase::Streaming(streaming) => Some(&mut streaming.exchange),
            _ => None,
        }
    }

    /// The bytes to write now.
    pub fn output(&self) -> &[u8] {
        match self.dead {
            true => &[],
            false => self.output.as_slice(),
        }
    }

    /// The first `count` bytes of the output were written. Call [`step`](Self::step) afterwards: pipelined
    /// requests may have waited for room.
    pub fn wrote(&mut self, count: usize, now_ms: u64, limits: &HttpLimits) {
        self.output.consume(count);
        if count > 0 {
            self.progress(Wait::Write);
        }
        self.arm(now_ms, limits);
    }

    /// Whether the worker should read from the socket. False while enough input is kept that can't be used yet,
    /// and where the connection closes without caring what comes.
    pub fn wants_read(&self) -> bool {
        if self.dead || self.peer == Peer::Ended || self.input_is_full() {
            return false;
        }
        match self.phase {
            Phase::Head(_) | Phase::Arrived(_) | Phase::Body(_) | Phase::Lingering { .. } => true,
            // Who is told to go must not be fed by a client that never stops to ask.
            Phase::Exchange(_) | Phase::Streaming(_) => !self.draining,
            Phase::Refused(_) | Phase::Closing { .. } => false,
        }
    }

    /// Whether as much input is kept as may be. Until some of it is used nothing is read, and behind it even the
    /// client's leaving can't be seen: a FIN does not pass a full window.
    pub fn input_is_full(&self) -> bool {
        self.input.len() >= INPUT_KEPT_BYTES_MAX
    }

    /// Whether input waits that was received and not used. After [`wrote`](Self::wrote) made room for more
    /// answers, [`step`](Self::step) may be able to use it, and no event of the socket will say so.
    pub fn has_unused_input(&self) -> bool {
        let waits = match self.phase {
            Phase::Arrived(_) | Phase::Refused(_) => true,
            // The client's end is used up too: by closing.
            Phase::Head(_) => self.peer == Peer::Ended,
            _ => false,
        };
        !self.dead && (waits || !self.input.is_empty())
    }

    /// Whether the output is flushed and the connection closes with input in doubt. The worker then shuts down
    /// the writing side of the socket and calls [`shutdown_done`](Self::shutdown_done).
    pub fn wants_shutdown(&self) -> bool {
        let lingers = matches!(self.phase, Phase::Closing { linger: true });
        lingers && !self.dead && self.output.is_empty() && self.peer != Peer::Ended
    }

    /// The writing side is shut down. From here the worker reads and passes on what comes, until the client
    /// closes too, or sent [`HttpLimits::linger_bytes_max`], or [`HttpLimits::linger_ms`] have passed.
    pub fn shutdown_done(&mut self, now_ms: u64, limits: &HttpLimits) {
        if self.wants_shutdown() {
            self.phase = Phase::Lingering { discarded_bytes: 0 };
            self.arm(now_ms, limits);
        }
    }

    /// Whether the socket is to be closed. If there is an [`exchange`](Self::exchange) still, the worker takes
    /// it by [`abandon`](Self::abandon).
    pub fn is_finished(&self) -> bool {
        let closed = match self.phase {
            Phase::Closing { linger } => self.output.is_empty() && (!linger || self.peer == Peer::Ended),
            _ => false,
        };
        self.dead || closed
    }

    /// The host is on its way out: answers what was received, the last with `connection: close`, then closes.
    ///
    /// An idle connection is finished after `drain_idle_ms`: a request may be on its way, and it is answered.
    pub fn close_when_idle(&mut self, now_ms: u64, limits: &HttpLimits) {
        self.draining = true;
        self.progress(Wait::Idle);
        self.arm(now_ms, limits);
    }

    /// Gives back all memory that can be: the request is suspended.
    pub fn rest(&mut self) {
        self.input.shrink();
        self.output.shrink();
    }

    /// Whether the client closed its sending side. The worker ends a held exchange then.
    pub fn peer_has_closed(&self) -> bool {
        self.peer != Peer::Open
    }

    /// Gives the exchange up, since the client left. The connection is finished.
    pub fn abandon(&mut self) -> Option<Exchange> {
        self.die();
        match self.take_phase() {
            Phase::Exchange(exchange) => Some(exchange),
            Phase::Streaming(streaming) => Some(streaming.exchange),
            _ => None,
        }
    }

    /// Gives the exchange up, since the client left or can't be seen any more. Unlike [`abandon`](Self::abandon), what
    /// was answered before still goes out; then the connection is finished.
    pub fn give_up(&mut self, now_ms: u64, limits: &HttpLimits) -> Option<Exchange> {
        let exchange = match self.take_phase() {
            Phase::Exchange(exchange) => exchange,
            phase => {
                self.phase = phase;
                return None;
            }
        };
        self.close(false);
        self.arm(now_ms, limits);
        Some(exchange)
    }

    /// The phase, to be replaced by the caller; `Closing` if it isn't.
    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Closing { linger: false })
    }

    /// Closes once the output is written.
    fn close(&mut self, linger: bool) {
        self.input.clear();
        self.phase = Phase::Closing { linger };
    }

    /// Closes now.
    fn die(&mut self) {
        self.dead = true;
        self.input.clear();
        self.output.clear();
    }

    /// Between two requests, with none to come, it is time to go.
    fn close_if_done(&mut self) {
        let between = matches!(self.phase, Phase::Head(_)) && self.input.is_empty();
        if between && self.peer == Peer::Ended {
            self.close(!self.output.is_empty());
        }
    }
}

#[cfg(test)]
mod tests;
