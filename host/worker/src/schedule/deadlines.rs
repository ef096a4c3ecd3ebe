//! The deadlines of new requests that wait for their first call.
//!
//! Most requests start in the turn in which they come, and must not pay for a timer. So a request
//! gets one at the end of that turn, if it still waits.

use std::collections::BTreeMap;

use snow_core::TimerKey;
use snow_runtime::VersionId;

use crate::context::{ExchangeRef, Timer, WorkerTimers};

/// The requests that wait for their first call, and until when.
#[derive(Default)]
pub(crate) struct QueueDeadlines {
    /// Requests that have come in this turn.
    new: Vec<(ExchangeRef, VersionId)>,
    /// Requests that have come in earlier turns, by their client's slot.
    waiting: BTreeMap<u32, Waiting>,
}

/// A request that waits since an earlier turn.
struct Waiting {
    exchange: ExchangeRef,
    version: VersionId,
    timer: TimerKey,
}

impl QueueDeadlines {
    /// Notes that a request was queued for a version.
    pub fn queued(&mut self, exchange: ExchangeRef, version: VersionId) {
        self.new.push((exchange, version));
    }

    /// Sets deadlines for those of this turn's requests that still wait. `until_ms` is asked only
    /// if there are some.
    pub fn set(
        &mut self,
        still_waits: impl Fn(ExchangeRef) -> bool,
        until_ms: impl FnOnce() -> u64,
        timers: &mut WorkerTimers,
    ) {
        self.new.retain(|(exchange, _)| still_waits(*exchange));
        if self.new.is_empty() {
            return;
        }
        let until_ms = until_ms();
        for (exchange, version) in self.new.drain(..) {
            let timer = timers.set(until_ms, Timer::Queued(exchange));
            self.waiting.insert(exchange.client.slot, Waiting { exchange, version, timer });
        }
    }

    /// Forgets a request that does not wait any more.
    pub fn ended(&mut self, exchange: ExchangeRef, timers: &mut WorkerTimers) {
        if let Some(waiting) = self.take(exchange) {
            timers.cancel(waiting.timer);
        }
    }

    /// Takes out a request whose deadline has come, and whose timer has fired. Returns the version
    /// that it was queued for; `None` if it does not wait any more.
    pub fn passed(&mut self, exchange: ExchangeRef) -> Option<VersionId> {
        self.take(exchange).map(|waiting| waiting.version)
    }

    fn take(&mut self, exchange: ExchangeRef) -> Option<Waiting> {
        if self.waiting.is_empty() {
            return None;
        }
        let slot = exchange.client.slot;
        self.waiting.get(&slot).filter(|waiting| waiting.exchange == exchange)?;
        self.waiting.remove(&slot)
    }
}

#[cfg(test)]
mod tests {
    use snow_core::{Key, Timers};

    use super::*;

    const GUEST: VersionId = VersionId(3);

    fn exchange(slot: u32, serial: u32) -> ExchangeRef {
        ExchangeRef { client: Key { slot, generation: 0 }, serial }
    }

    #[test]
    fn only_a_request_that_waits_beyond_its_turn_has_a_timer() {
        let (mut deadlines, mut timers) = (QueueDeadlines::default(), Timers::new());
        deadlines.queued(exchange(1, 0), GUEST);
        deadlines.set(|_| false, || unreachable!("nobody waits"), &mut timers);
        assert!(timers.is_empty());
        for slot in [1, 2] {
            deadlines.queued(exchange(slot, 7), GUEST);
        }
        deadlines.set(|_| true, || 50, &mut timers);
        assert_eq!((timers.len(), timers.next_ms()), (2, Some(50)));
        deadlines.ended(exchange(1, 6), &mut timers);
        assert_eq!(timers.len(), 2, "an earlier request of the client ended before");
        deadlines.ended(exchange(1, 7), &mut timers);
        assert!(matches!(timers.pop_due(50), Some(Timer::Queued(due)) if due == exchange(2, 7)));
        assert_eq!(deadlines.passed(exchange(2, 7)), Some(GUEST));
        assert_eq!((deadlines.passed(exchange(2, 7)), timers.len()), (None, 0));
    }
}
