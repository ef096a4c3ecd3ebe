//! The way out: responses become output, whole or in pieces.

use super::{Connection, Dropped, InputEnd, Phase, Streaming};
use crate::encode::{self, BodyEnd, Envelope};
use crate::exchange::Exchange;
use crate::limits::HttpLimits;
use crate::request_id::RequestId;
use crate::{HeadReader, Response, ResponseFault, Version, chunked};

/// The reason why a streamed response can't begin or go on. Nothing was sent of the part that is
/// refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamingFault {
    /// The head can't be sent. The exchange can still be answered with another response.
    #[error(transparent)]
    Response(#[from] ResponseFault),
    /// There is no exchange, or its response has begun already (for a head), or has not begun (for
    /// a piece).
    #[error("no exchange is in the right state for this part of a response")]
    NoExchange,
    /// A piece is longer than the part that is left of the announced length.
    #[error("a piece is longer than the {left_bytes} bytes that are left of the announced length")]
    TooLong {
        /// How many bytes may still be sent.
        left_bytes: u64,
    },
}

impl Connection {
    /// Answers an exchange with a whole response, and returns the exchange. `None` if there is no
    /// such exchange.
    ///
    /// If its response [has begun](Self::begin_response), another one can't be sent any more: the
    /// body is cut, as by [`abort_response`](Self::abort_response), so that the client does not
    /// take it for a whole one.
    ///
    /// # Errors
    /// The response breaks a rule of HTTP. Nothing was sent, the exchange is unchanged, and it can
    /// be answered with another response.
    pub fn respond(
        &mut self,
        serial: u32,
        response: &Response,
        date: &str,
        now_ms: u64,
        limits: &HttpLimits,
    ) -> Result<Option<Exchange>, ResponseFault> {
        let exchange = match self.take_phase() {
            Phase::Exchange(exchange) if exchange.serial == serial => exchange,
            phase => {
                self.phase = phase;
                return Ok(self.abort_response(serial, now_ms, limits));
            }
        };
        if let Err(fault) = encode::check_response(response, exchange.head_only) {
            self.phase = Phase::Exchange(exchange);
            return Err(fault);
        }
        let keep_alive = exchange.keep_alive && !self.is_last();
        let envelope = envelope(&exchange, keep_alive, date);
        encode::encode_response(response, &envelope, self.output.back());
        self.go_on(keep_alive, exchange.keep_alive);
        self.update_timeout(now_ms, limits);
        Ok(Some(exchange))
    }

    /// Begins a response whose body comes in pieces; `response.body` is the first of them. Without
    /// a `length`, the body is chunked in HTTP/1.1, and ends with the connection in HTTP/1.0.
    ///
    /// # Errors
    /// The exchange is unchanged, and can be answered with another response.
    pub fn begin_response(
        &mut self,
        serial: u32,
        response: &Response,
        length: Option<u64>,
        date: &str,
        now_ms: u64,
        limits: &HttpLimits,
    ) -> Result<(), StreamingFault> {
        let exchange = match &self.phase {
            Phase::Exchange(exchange) if exchange.serial == serial => exchange,
            _ => return Err(StreamingFault::NoExchange),
        };
        encode::check_streamed(response, length, exchange.head_only)?;
        let end = match encode::has_no_content(response.status) {
            true => BodyEnd::Length(0),
            false => BodyEnd::of(length, exchange.version),
        };
        check_piece(end, &response.body)?;

        // From here on nothing can fail, so the phase may change.
        let Phase::Exchange(exchange) = self.take_phase() else {
            return Err(StreamingFault::NoExchange);
        };
        let keep_alive = exchange.keep_alive && end != BodyEnd::Close && !self.is_last();
        let envelope = envelope(&exchange, keep_alive, date);
        encode::encode_head(response, end, &envelope, self.output.back());
        self.phase = Phase::Streaming(Box::new(Streaming { exchange, end, keep_alive }));
        self.body_piece(serial, &response.body, now_ms, limits)?;
        Ok(())
    }

    /// Sends a piece of the body, and returns how many bytes of output wait now. At
    /// [`HttpLimits::output_bytes_max`] the caller pauses until some are written.
    ///
    /// # Errors
    /// Nothing of the piece was sent. The caller may send a shorter piece, or abort.
    pub fn body_piece(
        &mut self,
        serial: u32,
        piece: &[u8],
        now_ms: u64,
        limits: &HttpLimits,
    ) -> Result<usize, StreamingFault> {
        let streaming = match &mut self.phase {
            Phase::Streaming(streaming) if streaming.exchange.serial == serial => streaming,
            _ => return Err(StreamingFault::NoExchange),
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
        self.update_timeout(now_ms, limits);
        Ok(self.output.len())
    }

    /// Ends the body, and returns the exchange. `None` if its response has not begun.
    ///
    /// If less was sent than was announced, the connection closes, which tells the client that the
    /// body is incomplete (RFC 9112, section 8).
    pub fn end_response(
        &mut self,
        serial: u32,
        now_ms: u64,
        limits: &HttpLimits,
    ) -> Option<Exchange> {
        let Streaming { exchange, end, keep_alive } = self.take_streaming(serial)?;
        let is_whole = exchange.head_only || matches!(end, BodyEnd::Length(0) | BodyEnd::Chunked);
        if end == BodyEnd::Chunked && !exchange.head_only {
            chunked::encode_end(self.output.back());
        }
        self.go_on(keep_alive && is_whole, exchange.keep_alive);
        self.update_timeout(now_ms, limits);
        Some(exchange)
    }

    /// Ends the connection in the middle of the body, and returns the exchange. `None` if its
    /// response has not begun.
    ///
    /// The pieces sent so far are still written. Except if the end of the connection is the end of
    /// the body: then the client would take the incomplete body for a whole one, so the connection
    /// [is to be reset](Self::wants_reset).
    pub fn abort_response(
        &mut self,
        serial: u32,
        now_ms: u64,
        limits: &HttpLimits,
    ) -> Option<Exchange> {
        let Streaming { exchange, end, .. } = self.take_streaming(serial)?;
        match end {
            BodyEnd::Close => {
                self.drop_now();
                self.dropped = Dropped::Resets;
            }
            BodyEnd::Length(_) | BodyEnd::Chunked => self.go_on(false, exchange.keep_alive),
        }
        self.update_timeout(now_ms, limits);
        Some(exchange)
    }

    /// Sends a whole response, and goes on with the next request or closes. Closes if `unread`: the
    /// request was not read to its end, or its end is unknown. Returns the status that was sent.
    pub(super) fn respond_to(
        &mut self,
        exchange: &Exchange,
        response: &Response,
        unread: bool,
        date: &str,
    ) -> u16 {
        let keep_alive = exchange.keep_alive && !unread && !self.is_last();
        let status = self.send(response, &envelope(exchange, keep_alive, date));
        self.go_on(keep_alive, exchange.keep_alive || unread);
        status
    }

    /// Sends a response to bytes that are not a request, and closes. Returns the status that was
    /// sent.
    pub(super) fn respond_without_exchange(
        &mut self,
        id: RequestId,
        response: &Response,
        date: &str,
    ) -> u16 {
        let envelope = Envelope {
            version: Version::Http11,
            head_only: false,
            keep_alive: false,
            date,
            request_id: Some(&id),
        };
        let status = self.send(response, &envelope);
        self.go_on(false, true);
        status
    }

    /// Encodes a response, or a bare 500 if it breaks a rule. Returns the status that was sent.
    fn send(&mut self, response: &Response, envelope: &Envelope<'_>) -> u16 {
        if encode::check_response(response, envelope.head_only).is_ok() {
            encode::encode_response(response, envelope, self.output.back());
            return response.status;
        }
        let failure = Response::text(500, "500 Internal Server Error: the request failed\n");
        encode::encode_response(&failure, envelope, self.output.back());
        failure.status
    }

    /// Goes on with the next request, or closes. The close lingers if the client may be sending, or
    /// has sent more already.
    fn go_on(&mut self, keep_alive: bool, may_be_sending: bool) {
        if keep_alive {
            self.phase = Phase::Head(HeadReader::default());
            self.close_if_done();
        } else {
            self.close(may_be_sending || !self.input.is_empty());
        }
    }

    /// Returns whether no request can follow the present one.
    fn is_last(&self) -> bool {
        (self.draining || self.input_end == InputEnd::Reached) && self.input.is_empty()
    }

    /// Takes the streamed response of an exchange out of its phase. Without one, nothing changes.
    fn take_streaming(&mut self, serial: u32) -> Option<Streaming> {
        match self.take_phase() {
            Phase::Streaming(streaming) if streaming.exchange.serial == serial => Some(*streaming),
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

/// Checks that a piece is no longer than the rest of the announced length.
fn check_piece(end: BodyEnd, piece: &[u8]) -> Result<(), StreamingFault> {
    match end {
        BodyEnd::Length(left_bytes) if piece.len() as u64 > left_bytes => {
            Err(StreamingFault::TooLong { left_bytes })
        }
        _ => Ok(()),
    }
}
