//! Answers of other servers that are passed on while they come: from a pipe to a client's output, as
//! far as that has room.

use std::sync::Arc;

use snow_core::{Ending, Key, Taken};
use snow_http::{Exchange, Progress, Response};
use snow_runtime::{Guests, Level, OperationId, Relayed, VersionId, World};

use super::Worker;
use crate::context::{ExchangeRef, TURN};
use crate::relays::Relay;

/// What a client's output has room for.
enum Room {
    /// Another piece.
    Some,
    /// Nothing until the client has taken some of what waits for it.
    Own,
    /// Nothing until clients have taken more of what all of them have to take.
    All,
}

impl<W: World, C: Guests> Worker<W, C> {
    /// Begins to answer a request with what an operation brings.
    pub(super) fn begin_to_relay(
        &mut self,
        exchange: ExchangeRef,
        version: VersionId,
        operation: OperationId,
        relayed: &Relayed,
    ) {
        let Relayed { head, length, content } = relayed;
        if self.clients.begin_response(exchange, head, *length, &self.cx).is_err() {
            self.guests.cancel_operation(operation);
            let response = Response::text(502, "bad gateway\n");
            return self.answer(exchange, Some(version), &response);
        }
        let (guest, status) = (self.guests.guest_name(version), head.status);
        let content = content.clone();
        let relay = Relay { exchange, content, operation, guest, status, is_starved: false };
        let key = self.relays.insert(relay, &self.cx);
        if let Some(exchange) = self.clients.exchange_mut(exchange) {
            let Key { slot, generation } = key;
            exchange.progress = Progress::Relayed { slot, generation };
            // The head is all that a client gets that has sent a HEAD.
            if exchange.head_only {
                return self.end_relay(key, Ending::Whole);
            }
        }
        let (post, worker) = (self.cx.common.post.clone(), self.cx.id);
        relayed.content.read(move || post.relay_ready(worker, key));
        self.relay(key);
    }

    /// Passes on what has come of an answer, as far as its client's output has room.
    pub(super) fn relay(&mut self, key: Key) {
        // Else it has ended before.
        let Some(relay) = self.relays.get(key) else { return };
        let (exchange, content) = (relay.exchange, relay.content.clone());
        loop {
            match self.room_for(exchange) {
                Room::Some => {}
                Room::Own => return,
                Room::All => return self.relays.starve(key),
            }
            match content.take() {
                Taken::Nothing => return,
                Taken::Piece(piece) => {
                    // Longer than was announced: nobody who reads it could tell.
                    if self.clients.body_piece(exchange, &piece, &self.cx).is_err() {
                        return self.end_relay(key, Ending::Cut);
                    }
                }
                Taken::End(ending) => return self.end_relay(key, ending),
            }
        }
    }

    fn room_for(&self, exchange: ExchangeRef) -> Room {
        let waits_bytes = self.clients.output_bytes(exchange.client);
        match waits_bytes {
            // Whoever takes all that there is goes on, though others have left it little room.
            0 if self.clients.is_output_full(&self.cx) => Room::All,
            0 => Room::Some,
            bytes if bytes >= TURN.relayed_bytes_max => Room::Own,
            // The last quarter is left to answers that are whole.
            _ if self.clients.is_output_nearly_full(&self.cx) => Room::Own,
            _ => Room::Some,
        }
    }

    /// Ends an answer, whole or cut, and its operation.
    fn end_relay(&mut self, key: Key, ending: Ending) {
        let Some(relay) = self.relays.remove(key, &self.cx) else { return };
        self.guests.cancel_operation(relay.operation);
        let Relay { exchange, guest, status, .. } = relay;
        if ending == Ending::Cut
            && let Some(current) = self.clients.exchange(exchange)
        {
            let (id, label) = (&current.id, &current.label);
            let message = format!(
                "guest={guest} id={id} \"{label}\": its answer was cut: the other server failed, or \
                 took too long (snow_fetches_ended_total)"
            );
            self.cx.common.log.host(Level::Warn, message);
        }
        let ended = self.clients.end_response(exchange, ending, &self.cx);
        let Some((answered, client)) = ended else { return };
        self.cx.stats.answered.add(1);
        if let Some(access) = self.finished(answered, client, Some(status), Some(guest)) {
            self.clients.log_answer(exchange.client, access, &self.cx);
        }
    }

    /// Ends an answer whose client has left. Returns the guest that asked.
    pub(super) fn give_up_relay(&mut self, key: Key) -> Option<Arc<str>> {
        let relay = self.relays.remove(key, &self.cx)?;
        self.guests.cancel_operation(relay.operation);
        Some(relay.guest)
    }

    /// Goes on with the answer to a client that has taken some of it.
    pub(super) fn go_on_relaying(&mut self, client: Key) {
        if self.relays.len() == 0 {
            return;
        }
        let relayed = |exchange: &Exchange| match exchange.progress {
            Progress::Relayed { slot, generation } => Some(Key { slot, generation }),
            _ => None,
        };
        if let Some(key) = self.clients.find_exchange(client, relayed)
            && self.clients.output_bytes(client) < TURN.relayed_bytes_max / 2
        {
            self.relay(key);
        }
    }

    /// Passes on what has come of answers, for one turn's time. What it does not come to is left to
    /// later turns.
    pub(super) fn relay_ready(&mut self) {
        if self.relays.are_starved() && !self.clients.is_output_full(&self.cx) {
            self.relays.feed();
        }
        if !self.relays.are_ready() {
            return;
        }
        let began_us = self.world.now_us();
        while let Some(key) = self.relays.next_ready() {
            self.relay(key);
            if self.world.now_us() - began_us >= TURN.waits_us_max {
                return;
            }
        }
    }
}
