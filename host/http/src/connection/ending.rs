//! The ends: of an exchange that is given up, and of the connection.

use super::timeouts::Timeout;
use super::{Connection, Dropped, InputEnd, Phase};
use crate::Reject;
use crate::encode::BodyEnd;
use crate::exchange::Exchange;
use crate::limits::HttpLimits;

impl Connection {
    /// Returns whether the caller should shut down the writing side of the socket, and then call
    /// [`shutdown_done`](Self::shutdown_done): the output is written, and input may be on its way.
    #[inline]
    pub fn wants_shutdown(&self) -> bool {
        let lingers = matches!(self.phase, Phase::Closing { linger: true });
        lingers
            && !self.is_dropped()
            && self.output.is_empty()
            && self.input_end != InputEnd::Reached
    }

    /// Notes that the writing side of the socket is shut down. From now on input is read and
    /// discarded, until the client closes its side, or sends nothing for
    /// [`HttpLimits::linger_ms`], or has sent or taken as much as a request's body may.
    pub fn shutdown_done(&mut self, now_ms: u64, limits: &HttpLimits) {
        if self.wants_shutdown() {
            let until_ms = now_ms.saturating_add(limits.body_timeout_ms.max(limits.linger_ms));
            self.phase = Phase::Lingering { discarded_bytes: 0, until_ms };
            self.update_timeout(now_ms, limits);
        }
    }

    /// Returns whether the caller should close the socket. If there still are
    /// [`exchanges`](Self::exchanges), the caller takes them with [`abandon`](Self::abandon).
    #[inline]
    pub fn is_finished(&self) -> bool {
        let closed = match self.phase {
            Phase::Closing { linger } => {
                self.output.is_empty() && (!linger || self.input_end == InputEnd::Reached)
            }
            _ => false,
        };
        self.is_dropped() || closed
    }

    /// Returns whether the caller should close the socket by a reset. A body that ends with the
    /// connection was cut, and only a reset tells that to the client (RFC 9112, section 8).
    #[inline]
    pub fn wants_reset(&self) -> bool {
        self.dropped == Dropped::Resets
    }

    /// Starts to close the connection, because the host shuts down. Requests that were received are
    /// answered, the last one with `connection: close`.
    ///
    /// An idle connection closes after [`HttpLimits::drain_idle_ms`]. A request that was on its way
    /// is still answered.
    pub fn close_when_idle(&mut self, now_ms: u64, limits: &HttpLimits) {
        self.draining = true;
        self.restart(Timeout::Idle);
        self.update_timeout(now_ms, limits);
    }

    /// Refuses the request whose head or body is under way, or that the caller has put off. Does
    /// nothing if there is none. The caller calls [`step`](Self::step) afterwards. Returns whether
    /// a request was refused.
    pub fn refuse_incoming(&mut self, why: Reject, now_ms: u64, limits: &HttpLimits) -> bool {
        let exchange = match self.take_phase() {
            Phase::Body(incoming) => Some(incoming.exchange),
            Phase::Head(_) if !self.input.is_empty() => None,
            Phase::Arrived(_) => None,
            phase => {
                self.phase = phase;
                return false;
            }
        };
        self.start_rejecting(why, exchange);
        self.update_timeout(now_ms, limits);
        true
    }

    /// Drops the connection, because the client has left, and returns its exchanges.
    pub fn abandon(&mut self) -> impl Iterator<Item = Exchange> + use<> {
        self.drop_now();
        let only = match self.take_phase() {
            Phase::Exchange(exchange) => Some(exchange),
            Phase::Streaming(streaming) => {
                if streaming.end == BodyEnd::Close {
                    self.dropped = Dropped::Resets;
                }
                Some(streaming.exchange)
            }
            _ => None,
        };
        only.into_iter()
    }

    /// Gives up an exchange, because the client has left or could not be seen leaving, and returns
    /// it. Unlike with [`abandon`](Self::abandon), earlier responses are still written, and so are
    /// the pieces of a response that has begun.
    ///
    /// In HTTP/1.1 this closes the connection, since no later response can come before this one.
    pub fn give_up(&mut self, serial: u32, now_ms: u64, limits: &HttpLimits) -> Option<Exchange> {
        self.exchange(serial)?;
        match self.take_phase() {
            Phase::Exchange(exchange) => {
                self.close(false);
                self.update_timeout(now_ms, limits);
                Some(exchange)
            }
            phase => {
                self.phase = phase;
                self.abort_response(serial, now_ms, limits)
            }
        }
    }

    /// Closes the connection once the output is written.
    pub(super) fn close(&mut self, linger: bool) {
        self.input.clear();
        self.phase = Phase::Closing { linger };
    }

    /// Closes the connection now, and discards the output.
    pub(super) fn drop_now(&mut self) {
        if !self.is_dropped() {
            self.dropped = Dropped::Closes;
        }
        self.input.clear();
        self.output.clear();
    }

    /// Closes the connection if it is between two requests and no more can come.
    pub(super) fn close_if_done(&mut self) {
        let between = matches!(self.phase, Phase::Head(_)) && self.input.is_empty();
        if between && self.input_end == InputEnd::Reached {
            self.close(!self.output.is_empty());
        }
    }
}
