//! The ends of fetches that are still to come, by their times.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use snow_config::OutboundRules;
use snow_runtime::FetchDone;

use crate::sharing::End;

/// A guest, and what its fetch is equal to.
pub(super) type Key = (Arc<str>, String);

/// What is still to come.
#[derive(Default)]
pub(super) struct Agenda {
    /// By the time, in milliseconds of the clock, and the fetch's number.
    due: BTreeMap<(u64, u64), Due>,
    /// The time of each fetch.
    times: BTreeMap<u64, u64>,
    shared: BTreeMap<Key, Shared>,
    /// How many ends were reported.
    pub works: u64,
    /// The thread waits.
    pub is_waiting: bool,
    pub is_over: bool,
}

/// The end of one fetch.
pub(super) struct Due {
    pub end: End,
    /// The request that it shares, and that one's number.
    pub key: Option<(Key, u64)>,
    /// Whom to tell.
    pub done: Option<FetchDone>,
}

/// A request that others may share.
pub(super) struct Shared {
    pub number: u64,
    pub rules: Arc<OutboundRules>,
    pub begun_ms: u64,
    pub at_ms: u64,
    pub end: End,
    pub sharers: usize,
}

impl Agenda {
    /// Returns when the next end is due.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// Adds the end of a fetch.
    pub fn add(&mut self, number: u64, at_ms: u64, due: Due) {
        self.due.insert((at_ms, number), due);
        self.times.insert(number, at_ms);
    }

    /// Takes the first end that is due.
    pub fn take_due(&mut self, now_ms: u64) -> Option<Due> {
        let (at_ms, number) = *self.due.first_key_value()?.0;
        if at_ms > now_ms {
            return None;
        }
        self.works += 1;
        self.take(number)
    }

    /// Takes the end of a fetch, if it is still to come.
    pub fn take(&mut self, number: u64) -> Option<Due> {
        let at_ms = self.times.remove(&number)?;
        let due = self.due.remove(&(at_ms, number))?;
        if let Some((key, of)) = &due.key
            && let Some(shared) = self.shared.get_mut(key)
            && shared.number == *of
        {
            shared.sharers -= 1;
            if shared.sharers == 0 {
                self.shared.remove(key);
            }
        }
        Some(due)
    }

    /// Returns the request under way that has a key, and was begun under these rules and in this
    /// time, of which the end is now.
    pub fn under_way(
        &mut self,
        key: &Key,
        rules: &Arc<OutboundRules>,
        begun_ms: RangeInclusive<u64>,
    ) -> Option<&mut Shared> {
        let is_joined = |shared: &&mut Shared| {
            shared.at_ms > *begun_ms.end()
                && shared.begun_ms >= *begun_ms.start()
                && shared.rules == *rules
        };
        self.shared.get_mut(key).filter(is_joined)
    }

    /// Lets others share a request.
    pub fn share(&mut self, key: Key, shared: Shared) {
        self.shared.insert(key, shared);
    }
}
