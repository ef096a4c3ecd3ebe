//! Answers of other servers on their way to clients, while they come.
//!
//! A relay is what becomes of a request that waits for nothing but an answer which the host passes
//! on: its suspension is over once the head has come, and its guest is needed no more. The content
//! comes through a pipe, whose writer waits wherever the client is slower.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use snow_core::{Key, Pipe, Slab};
use snow_runtime::OperationId;

use crate::context::{Context, ExchangeRef};

/// An answer under way.
pub(crate) struct Relay {
    /// The request that is answered.
    pub exchange: ExchangeRef,
    /// Where the content comes from.
    pub content: Arc<Pipe<Bytes>>,
    /// The operation that brings it. It is cancelled at the end, however that comes.
    pub operation: OperationId,
    /// The name of the guest that asked, for the log.
    pub guest: Arc<str>,
    /// The status that the client was sent.
    pub status: u16,
    /// Whether it waits until the answers of all clients take less memory.
    pub is_starved: bool,
}

/// All relays of a worker.
#[derive(Default)]
pub(crate) struct RelayTable {
    relays: Slab<Relay>,
    /// Relays that go on in this turn or a later one.
    ready: VecDeque<Key>,
    /// Relays that go on once the answers of all clients take less memory.
    starved: VecDeque<Key>,
}

impl RelayTable {
    pub fn len(&self) -> usize {
        self.relays.len()
    }

    pub fn insert(&mut self, relay: Relay, cx: &Context) -> Key {
        let key = self.relays.insert(relay);
        self.count(cx);
        key
    }

    pub fn get(&self, key: Key) -> Option<&Relay> {
        self.relays.get(key)
    }

    pub fn remove(&mut self, key: Key, cx: &Context) -> Option<Relay> {
        let relay = self.relays.remove(key)?;
        self.count(cx);
        Some(relay)
    }

    /// Notes that more of an answer has come.
    pub fn is_ready(&mut self, key: Key) {
        self.ready.push_back(key);
    }

    /// Returns whether more of some answers has come.
    pub fn are_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns the next relay that can go on.
    pub fn next_ready(&mut self) -> Option<Key> {
        self.ready.pop_front()
    }

    /// Lets a relay wait until there is room for what it brings.
    pub fn starve(&mut self, key: Key) {
        let Some(relay) = self.relays.get_mut(key) else { return };
        if !std::mem::replace(&mut relay.is_starved, true) {
            self.starved.push_back(key);
        }
    }

    /// Lets the relays go on that have waited for room. Each may have to wait again.
    pub fn feed(&mut self) {
        for key in self.starved.drain(..) {
            if let Some(relay) = self.relays.get_mut(key) {
                relay.is_starved = false;
                self.ready.push_back(key);
            }
        }
    }

    /// Returns whether relays wait for room.
    pub fn are_starved(&self) -> bool {
        !self.starved.is_empty()
    }

    fn count(&self, cx: &Context) {
        cx.stats.relays.set(self.relays.len() as u64);
    }
}
