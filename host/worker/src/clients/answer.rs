//! The exchanges of clients, by their references: what is noted of them, and how they are answered.

use std::net::SocketAddr;

use snow_core::{Ending, Key};
use snow_http::{Exchange, Progress, Reject, Response, ResponseFault, StreamingFault};
use snow_runtime::{Access, Share};

use super::ClientTable;
use crate::context::{Context, ExchangeRef};

/// The status that is logged for a client that left before it was written its answer: nginx's, by
/// custom.
pub(crate) const STATUS_CLIENT_LEFT: u16 = 499;

/// More output than this may not all be taken, so an answer that leaves so much is logged only once
/// it is written.
const LONG_OUTPUT_BYTES: usize = 65_536;

impl<S> ClientTable<S> {
    /// Returns an exchange, if its client still waits for it.
    pub fn exchange(&self, exchange: ExchangeRef) -> Option<&Exchange> {
        self.clients.get(exchange.client)?.connection.exchange(exchange.serial)
    }

    /// Returns an exchange, to note progress in it.
    pub fn exchange_mut(&mut self, exchange: ExchangeRef) -> Option<&mut Exchange> {
        self.clients.get_mut(exchange.client)?.connection.exchange_mut(exchange.serial)
    }

    /// Notes that an exchange waits in this suspension. Its connection gives its buffers back
    /// meanwhile.
    pub fn suspend(&mut self, exchange: ExchangeRef, suspension: Key) {
        let Key { slot, generation } = suspension;
        if let Some(exchange) = self.exchange_mut(exchange) {
            exchange.progress = Progress::Suspended { slot, generation };
        }
        if let Some(client) = self.clients.get_mut(exchange.client) {
            client.connection.rest();
        }
        // The client may have left while its call ran.
        self.mark_dirty(exchange.client);
    }

    /// Answers an exchange. Returns it, and the client's address; `None` if the client does not
    /// wait for it any more.
    ///
    /// # Errors
    /// The response is invalid. The exchange can be answered otherwise.
    pub fn respond(
        &mut self,
        exchange: ExchangeRef,
        response: &Response,
        cx: &Context,
    ) -> Result<Option<(Exchange, SocketAddr)>, ResponseFault> {
        let Some(client) = self.clients.get_mut(exchange.client) else { return Ok(None) };
        let answered = self.totals.track(client, |client| {
            client.connection.respond(exchange.serial, response, &cx.date, cx.now_ms, cx.http())
        })?;
        let peer = client.peer();
        self.mark_dirty(exchange.client);
        Ok(answered.map(|answered| (answered, peer)))
    }

    /// Begins an answer whose body comes in pieces.
    ///
    /// # Errors
    /// The head can't be sent, or the client does not wait for it any more.
    pub fn begin_response(
        &mut self,
        exchange: ExchangeRef,
        head: &Response,
        length: Option<u64>,
        cx: &Context,
    ) -> Result<(), StreamingFault> {
        let ExchangeRef { client: key, serial } = exchange;
        let client = self.clients.get_mut(key).ok_or(StreamingFault::NoExchange)?;
        self.totals.track(client, |client| {
            client.connection.begin_response(serial, head, length, &cx.date, cx.now_ms, cx.http())
        })?;
        self.mark_dirty(key);
        Ok(())
    }

    /// Adds a piece to an answer's body.
    ///
    /// # Errors
    /// The piece is longer than what was announced, or the client does not wait for it any more.
    pub fn body_piece(
        &mut self,
        exchange: ExchangeRef,
        piece: &[u8],
        cx: &Context,
    ) -> Result<(), StreamingFault> {
        let ExchangeRef { client: key, serial } = exchange;
        let client = self.clients.get_mut(key).ok_or(StreamingFault::NoExchange)?;
        self.totals.track(client, |client| {
            client.connection.body_piece(serial, piece, cx.now_ms, cx.http())
        })?;
        self.mark_dirty(key);
        Ok(())
    }

    /// Ends an answer whose body came in pieces. Returns its exchange, and the client's address;
    /// `None` if the client does not wait for it any more.
    pub fn end_response(
        &mut self,
        exchange: ExchangeRef,
        ending: Ending,
        cx: &Context,
    ) -> Option<(Exchange, SocketAddr)> {
        let ExchangeRef { client: key, serial } = exchange;
        let client = self.clients.get_mut(key)?;
        let ended = self.totals.track(client, |client| match ending {
            Ending::Whole => client.connection.end_response(serial, cx.now_ms, cx.http()),
            Ending::Cut => client.connection.abort_response(serial, cx.now_ms, cx.http()),
        })?;
        // All of it may be written, and then no write comes to look for what was pipelined behind.
        let has_next =
            client.connection.output().is_empty() && client.connection.has_unused_input();
        let peer = client.peer();
        match has_next {
            true => self.defer(key),
            false => self.mark_dirty(key),
        }
        Some((ended, peer))
    }

    /// Returns how many bytes a client has not taken yet.
    pub fn output_bytes(&self, key: Key) -> usize {
        self.clients.get(key).map_or(0, |client| client.connection.output().len())
    }

    /// Returns what `find` finds in the exchanges of a client.
    pub fn find_exchange<T>(
        &self,
        key: Key,
        find: impl FnMut(&Exchange) -> Option<T>,
    ) -> Option<T> {
        self.clients.get(key)?.connection.exchanges().find_map(find)
    }

    /// Logs an answer, if it is long only once it is written.
    pub fn log_answer(&mut self, key: Key, access: Access, cx: &Context) {
        let is_long = |output: &[u8]| output.len() > LONG_OUTPUT_BYTES;
        let line = match self.clients.get(key) {
            Some(client) if is_long(client.connection.output()) => {
                self.unwritten.insert(key.slot, access)
            }
            _ => Some(access),
        };
        line.into_iter().for_each(|access| cx.common.log.access(access));
    }

    /// Logs a client's long answer, which is written.
    pub(super) fn log_written(&mut self, key: Key, cx: &Context) {
        let access = self.unwritten.remove(&key.slot);
        access.into_iter().for_each(|access| cx.common.log.access(access));
    }

    /// Logs a client's long answer, which will not be written whole.
    pub(super) fn log_unwritten(&mut self, key: Key, cx: &Context) {
        if let Some(access) = self.unwritten.remove(&key.slot) {
            cx.common.log.access(Access { status: STATUS_CLIENT_LEFT, ..access });
        }
    }

    /// Returns whether answers take as much memory as they may. New requests are refused then.
    pub fn is_output_full(&self, cx: &Context) -> bool {
        self.totals.is_output_full(cx.limits())
    }

    /// Returns whether answers take so much memory that those which come piece by piece wait.
    pub fn is_output_nearly_full(&self, cx: &Context) -> bool {
        self.totals.is_output_nearly_full(cx.limits())
    }

    /// Returns whether an answer of this length would take more memory than all answers may.
    pub fn is_too_much_output(&self, body_bytes: usize, cx: &Context) -> bool {
        self.totals.is_too_much_output(body_bytes, cx.limits())
    }

    /// Returns whether nothing is taken from a client until it takes its answers, because answers
    /// take as much memory as they may.
    pub fn has_to_read_first(&self, key: Key, cx: &Context) -> bool {
        self.is_output_full(cx)
            && self.clients.get(key).is_some_and(|client| !client.connection.output().is_empty())
    }

    /// Counts a request's body for as long as the request is kept. `None` if bodies would take more
    /// memory than they may.
    pub fn share(&mut self, body_bytes: usize, cx: &Context) -> Option<Share> {
        if body_bytes > 0 && self.totals.is_too_much_input(body_bytes, cx.limits()) {
            cx.stats.refused_input.add(1);
            return None;
        }
        Some(self.totals.share(body_bytes))
    }

    /// Refuses the request that a client is sending, if unfinished requests take more memory than
    /// they may. Returns whether it has; its connection answers it then.
    pub fn refuse_if_too_much(&mut self, key: Key, cx: &Context) -> bool {
        if !self.totals.is_too_much_input(0, cx.limits()) {
            return false;
        }
        let Some(client) = self.clients.get_mut(key) else { return false };
        self.totals.track(client, |client| {
            client.connection.refuse_incoming(Reject::Busy, cx.now_ms, cx.http())
        })
    }

    /// Returns how many bytes more requests may take.
    pub fn room_bytes(&self, cx: &Context) -> u64 {
        self.totals.room_bytes(cx.limits())
    }
}
