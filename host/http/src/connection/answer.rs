//! Responses to bytes, whole and in pieces.

use super::{Connection, Peer, Phase, Streaming};
use crate::encode::{self, BodyEnd, Envelope};
use crate::exchange::Exchange;
use crate::limits::HttpLimits;
use crate::request_id::RequestId;
use crate::{HeadReader, Reject, Response, ResponseFault, Version, chunked};

/// Why a streamed answer can't begin or go on. Nothing of what was refused has been sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamingFault {
    /// The head can't be sent as it is. The exchange can still be answered with another.
    #[error(transparent)]
    Response(#[from] ResponseFault),
    /// There is nothing to answer, or its answer has not begun, or has begun before.
    #[error("no exchange is in the right state for this part of an answer")]
    NoExchange,
    /// A piece is longer than what is left of the announced length.
    #[error("a piece is longer than the {left_bytes} bytes that are left of the announced length")]
    TooLong {
        /// How much may still be sent.
        left_bytes: u64,
    },
}

impl Connection {
    /// Answers the exchange whole, and returns it. `None` if there is none to answer, or if its answer
    /// [has begun](Self::begin_response).
    ///
    /// The caller has [checked](encode::check) the response, so as to log what is wrong with it. If it is wrong
    /// all the same, the client gets a bare 500: nothing that breaks a message ever leaves.
    pub fn respond(&mut self, response: &Response, date: &str, now_ms: u64, limits: &HttpLimits) -> Option<Exchange> {
        let exchange = match self.take_phase() {
            Phase::Exchange(exchange) => exchange,
            phase => {
                self.phase = phase;
                return None;
            }
        };
        self.answer(&exchange, response, false, date);
        self.arm(now_ms, limits);
        Some(exchange)
    }

    /// Begins an answer whose body comes in pieces; `response.body` is the first of them. Without a `length`,
    /// the body is chunked for HTTP/1.1, and ends with the connection for HTTP/1.0.
    ///
    /// # Errors
    /// The exchange is as it was, and can be answered otherwise.
    pub fn begin_response(
        &mut self,
        response: &Response,
        length: Option<u64>,
        date: &str,
        now_ms: u64,
        limits: &HttpLimits,
    ) -> Result<(), StreamingFault> {
        let Phase::Exchange(exchange) = &self.phase else {
            return Err(StreamingFault::NoExchange);
        };
        encode::check_streamed(response, length, exchange.head_only)?;
        let end = match encode::has_no_content(response.status) {
            true => BodyEnd::Length(0),
            false => BodyEnd::of(length, exchange.version),
        };
        check_piece(end, &response.body)?;

        let Phase::Exchange(exchange) = self.take_phase() else {
            return Err(StreamingFault::NoExchange);
        };
        let keep_alive = exchange.keep_alive && end != BodyEnd::Close && !self.is_last();
        let envelope = envelope(&exchange, keep_alive, date);
        encode::encode_head(response, end, &envelope, self.output.back());
        self.phase = Phase::Streaming(Box::new(Streaming { exchange, end, keep_alive }));
        self.body_piece(&response.body, now_ms, limits)?;
        Ok(())
    }

    /// Sends a piece of the body, and returns how much output waits now. At
    /// [`HttpLimits::output_bytes_max`] the caller stops until there is room again.
    ///
    /// # Errors
    /// Nothing of the piece was sent. The caller may send a shorter one, or abort.
    pub fn body_piece(&mut self, piece: &[u8], now_ms: u64, limits: &HttpLimits) -> Result<usize, StreamingFault> {
        let Phase::Streaming(streaming) = &mut self.phase else {
            return Err(StreamingFault::NoExchange);
        };
        check_piece(streaming.end, piece)?;
        if let BodyEnd::Length(left) = &mut streaming.end {
            *left -= piece.len() as u64;
        }
        if !streaming.exchange.head_only {
            match streaming.end {
                BodyEnd::Chunked => chunked::encode_piece(piece, self.output.back()),
                BodyEnd::Length(_) | BodyEnd::Close => self.output.append(piece),
            }
        }
        self.arm(now_ms, limits);
        Ok(self.output.len())
    }

    /// Ends the body, and returns the exchange. `None` if no answer has begun.
    ///
    /// If less was sent than was announced, the connection closes, which tells the client that the body is cut.
    pub fn end_response(&mut self, now_ms: u64, limits: &HttpLimits) -> Option<Exchange> {
        let Streaming { exchange, end, keep_alive } = self.take_streaming()?;
        let is_whole = exchange.head_only || matches!(end, BodyEnd::Length(0) | BodyEnd::Chunked);
        if end == BodyEnd::Chunked && !exchange.head_only {
            chunked::encode_end(self.output.back());
        }
        self.go_on(keep_alive && is_whole, exchange.keep_alive);
        self.arm(now_ms, limits);
        Some(exchange)
    }

    /// Ends the connection in the middle of the body, and returns the exchange. `None` if no answer has begun.
    ///
    /// What was sent so far still goes out, except where the end of the connection is the end of the body: that
    /// would pass a cut body off as a whole one.
    pub fn abort_response(&mut self, now_ms: u64, limits: &HttpLimits) -> Option<Exchange> {
        let Streaming { exchange, end, .. } = self.take_streaming()?;
        match end {
            BodyEnd::Close => self.die(),
            BodyEnd::Length(_) | BodyEnd::Chunked => self.go_on(false, exchange.keep_alive),
        }
        self.arm(now_ms, limits);
        Some(exchange)
    }

    /// Answers whole, and goes on. `unread`: where the request ends is unknown, or it was not read to its end.
    /// Returns the status that was sent.
    pub(super) fn answer(&mut self, exchange: &Exchange, response: &Response, unread: bool, date: &str) -> u16 {
        let keep_alive = exchange.keep_alive && !unread && !self.is_last();
        let status = self.send(response, &envelope(exchange, keep_alive, date));
        self.go_on(keep_alive, exchange.keep_alive || unread);
        status
    }

    /// Answers what was no request, and closes. Returns the status that was sent.
    pub(super) fn answer_unknown(&mut self, id: RequestId, response: &Response, date: &str) -> u16 {
        let envelope =
            Envelope { version: Version::Http11, head_only: false, keep_alive: false, date, request_id: Some(&id) };
        let status = self.send(response, &envelope);
        self.go_on(false, true);
        status
    }

    fn send(&mut self, response: &Response, envelope: &Envelope<'_>) -> u16 {
        if encode::check(response, envelope.head_only).is_ok() {
            encode::encode(response, envelope, self.output.back());
            return response.status;
        }
        let failure = Reject::Internal.response();
        encode::encode(&failure, envelope, self.output.back());
        failure.status
    }

    /// Goes on to the next request, or closes. A client that wanted to go on, or has sent more already, may be
    /// sending: then the close has to linger.
    fn go_on(&mut self, keep_alive: bool, may_be_sending: bool) {
        if keep_alive {
            self.phase = Phase::Head(HeadReader::default());
            self.close_if_done();
        } else {
            self.close(may_be_sending || !self.input.is_empty());
        }
    }

    /// Whether no request can come behind the present one.
    fn is_last(&self) -> bool {
        (self.draining || self.peer == Peer::Ended) && self.input.is_empty()
    }

    fn take_streaming(&mut self) -> Option<Streaming> {
        match self.take_phase() {
            Phase::Streaming(streaming) => Some(*streaming),
            phase => {
                self.phase = phase;
                None
            }
        }
    }
}

fn envelope<'a>(exchange: &'a Exchange, keep_alive: bool, date: &'a str) -> Envelope<'a> {
    Envelope {
        version: exchange.version,
        head_only: exchange.head_only,
        keep_alive,
        date,
        request_id: Some(&exchange.id),
    }
}

fn check_piece(end: BodyEnd, piece: &[u8]) -> Result<(), StreamingFault> {
    match end {
        BodyEnd::Length(left_bytes) if piece.len() as u64 > left_bytes => Err(StreamingFault::TooLong { left_bytes }),
        _ => Ok(()),
    }
}
