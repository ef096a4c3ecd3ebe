//! The lines in which clients wait until the worker looks at them.
//!
//! | line | who waits | until |
//! |---|---|---|
//! | dirty | who may have something to read, parse or write | this turn |
//! | deferred | those for whom there was no [room](super::budget) in an earlier turn | their turn |
//! | put off | those whose request is for a guest of which many wait already | some of those began |
//!
//! A guest that many ask at once has a line of its own, so that whoever asks another guest does not
//! stand behind them. Those who wait in it keep their request in their connection, and nothing more
//! is read from them.

use std::collections::BTreeMap;

use snow_core::{Fifo, Key};
use snow_runtime::VersionId;

use super::ClientTable;
use super::client::{Client, Line};
use crate::context::TURN;

impl<S> ClientTable<S> {
    /// Puts a client into the list of those that are looked at in this turn.
    pub fn mark_dirty(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key).filter(|client| !client.dirty) {
            client.dirty = true;
            self.dirty.push_back(key);
        }
    }

    /// Takes the next client that is to be looked at, and was not since it became dirty.
    pub fn next_dirty(&mut self) -> Option<Key> {
        loop {
            let key = self.dirty.pop_front()?;
            if self.clients.get(key).is_some_and(|client| client.dirty) {
                return Some(key);
            }
        }
    }

    /// Returns whether a client is to be looked at in this turn.
    pub fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Notes that a client was looked at: what comes up from now on makes it dirty again.
    pub fn is_served(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key) {
            client.dirty = false;
        }
    }

    /// Leaves a client to the next turn, which looks at it before those that wait in line.
    pub fn look_again(&mut self, key: Key) {
        if self.clients.get(key).is_some_and(|client| client.dirty) {
            self.dirty.push_back(key);
        }
    }

    /// Returns whether so much is to be written to a client that others go first.
    pub fn has_long_output(&self, key: Key) -> bool {
        let output = self.clients.get(key).map_or(0, |client| client.connection.output().len());
        output > TURN.short_written_bytes_max
    }

    /// Leaves a client to a later turn, behind those that were left before.
    pub fn defer(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.dirty = false;
        if !client.line.set(Line::DEFERRED, true) {
            self.deferred.push_back(key);
        }
    }

    /// Returns whether a client waits in line behind others: an earlier turn has left it, or it has
    /// used up more than others the last time.
    pub fn stands_in_line(&self, key: Key) -> bool {
        self.clients.get(key).is_some_and(|client| client.line.is_any())
    }

    /// Notes whether a client has used up more than others.
    pub fn set_costly(&mut self, key: Key, is_costly: bool) {
        if let Some(client) = self.clients.get_mut(key) {
            client.line.set(Line::COSTLY, is_costly);
        }
    }

    /// Returns how many clients have been left to later turns.
    pub fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// Takes the next client that an earlier turn has left to this one.
    pub fn next_deferred(&mut self) -> Option<Key> {
        let key = self.deferred.pop_front()?;
        if let Some(client) = self.clients.get_mut(key) {
            client.line.set(Line::DEFERRED, false);
        }
        Some(key)
    }

    /// Lets a client wait until more requests of a guest are wanted.
    pub fn put_off(&mut self, key: Key, version: VersionId) {
        if let Some(client) = self.clients.get_mut(key)
            && !client.line.set(Line::PUT_OFF, true)
        {
            self.put_off.0.entry(version).or_default().push_back(key);
        }
    }

    /// Returns whether a client waits until more requests of the guest that it asks are wanted.
    pub fn is_put_off(&self, key: Key) -> bool {
        self.clients.get(key).is_some_and(|client| client.line.has(Line::PUT_OFF))
    }

    /// Returns the guests that clients wait for.
    pub fn put_off_guests(&self) -> Vec<VersionId> {
        self.put_off.0.keys().copied().collect()
    }

    /// Takes the client that has waited longest for a guest.
    pub fn next_put_off(&mut self, version: VersionId) -> Option<Key> {
        let ClientTable { clients, put_off: PutOff(lines), .. } = self;
        let line = lines.get_mut(&version)?;
        let next = std::iter::from_fn(|| line.pop_front()).find(|key| {
            // Else it has left.
            clients.get_mut(*key).is_some_and(|client| client.line.set(Line::PUT_OFF, false))
        });
        if line.is_empty() {
            lines.remove(&version);
        }
        next
    }

    /// Has a client looked at that waits no more, unless all that it does now is to wait for a call.
    pub fn goes_on(&mut self, key: Key) {
        let calls = |client: &Client<S>| {
            let is_taken_in = client.connection.exchanges().next().is_some();
            is_taken_in && client.connection.output().is_empty() && !client.reads_on()
        };
        if !self.clients.get(key).is_some_and(calls) {
            self.mark_dirty(key);
        }
    }
}

/// The clients that are put off, by the guest that they ask. No line is empty.
#[derive(Default)]
pub(crate) struct PutOff(BTreeMap<VersionId, Fifo<Key>>);

impl PutOff {
    /// Returns whether clients wait for a guest.
    pub fn is_line(&self, version: VersionId) -> bool {
        self.0.contains_key(&version)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts those who wait. Some may have left.
    pub fn len(&self) -> usize {
        self.0.values().map(Fifo::len).sum()
    }
}
