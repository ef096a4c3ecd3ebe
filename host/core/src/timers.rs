//! Deadlines, ordered by time.
//!
//! A B-tree and not a wheel or a heap: a wheel's cascade and a heap's doubling both cost, in one step, in
//! proportion to what is held; here every step is O(log n), cancelling included.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroU64;

/// Bits of a key that tell apart timers of the same millisecond. The others last for 34 years.
const SEQUENCE_BITS: u32 = 24;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;
/// Later times count as this one.
const AT_MS_MAX: u64 = (1 << (64 - SEQUENCE_BITS)) - 2;

/// Names one timer until it fires or is cancelled.
///
/// One word, since each held request has one in the tree and one beside it: above the time and one, below what tells
/// apart timers of the same millisecond, in the order they were set (until that wraps, after 16 million).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerKey(NonZeroU64);

impl TimerKey {
    fn new(at_ms: u64, sequence: u32) -> TimerKey {
        let at = at_ms.min(AT_MS_MAX) + 1;
        let bits = at << SEQUENCE_BITS | u64::from(sequence) & SEQUENCE_MASK;
        TimerKey(NonZeroU64::new(bits).expect("the upper bits are at least 1"))
    }

    /// When it fires, on the clock of the caller.
    pub fn at_ms(self) -> u64 {
        (self.0.get() >> SEQUENCE_BITS) - 1
    }
}

/// When something is due that is asked for now, `after_ms` later. `now_ms` is a moment that has begun, perhaps long ago: so
/// that no wait is shorter than asked, it may be a millisecond longer. Zero is at once.
pub fn due_ms(now_ms: u64, after_ms: u32) -> u64 {
    now_ms + u64::from(after_ms) + u64::from(after_ms > 0)
}

/// Timers that carry a target each. The clock is the caller's.
pub struct Timers<T> {
    entries: BTreeMap<TimerKey, T>,
    sequence: u32,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { entries: BTreeMap::new(), sequence: 0 }
    }
}

impl<T> Timers<T> {
    /// No timers.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a timer for `at_ms`; a time that has passed fires on the next [`Timers::pop_due`].
    pub fn set(&mut self, at_ms: u64, target: T) -> TimerKey {
        loop {
            self.sequence = self.sequence.wrapping_add(1);
            let key = TimerKey::new(at_ms, self.sequence);
            // Taken only if 16 million timers were set while one waited for this very millisecond.
            if let Entry::Vacant(free) = self.entries.entry(key) {
                free.insert(target);
                return key;
            }
        }
    }

    /// Takes a timer back; `None` if it has fired or was cancelled before.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.entries.remove(&key)
    }

    /// When the next one fires.
    pub fn next_ms(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(key, _)| key.at_ms())
    }

    /// Takes the earliest timer that is due at `now_ms`.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<T> {
        let entry = self.entries.first_entry()?;
        (entry.key().at_ms() <= now_ms).then(|| entry.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_shorter_than_asked() {
        // It is 5.9 and counts as 5: what is due at 16 is due 10.1 later.
        assert_eq!((due_ms(5, 10), due_ms(5, 0)), (16, 5));
    }

    #[test]
    fn timers_fire_in_order_and_never_early() {
        let mut timers = Timers::new();
        for (at, name) in [(30, "c"), (10, "a"), (20, "b"), (10, "a2")] {
            timers.set(at, name);
        }
        assert_eq!(timers.next_ms(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!([timers.pop_due(10), timers.pop_due(10), timers.pop_due(10)], [Some("a"), Some("a2"), None]);
        assert_eq!([timers.pop_due(99), timers.pop_due(99), timers.pop_due(99)], [Some("b"), Some("c"), None]);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_cancelled_timer_does_not_fire() {
        let mut timers = Timers::new();
        let (first, second) = (timers.set(1, "x"), timers.set(1, "y"));
        assert_eq!(timers.cancel(first), Some("x"));
        assert_eq!(timers.cancel(first), None);
        assert_eq!(timers.pop_due(5), Some("y"));
        assert_eq!(timers.cancel(second), None);
    }

    #[test]
    fn a_key_is_a_word_and_far_times_are_far() {
        assert_eq!(size_of::<Option<TimerKey>>(), 8);
        let mut timers = Timers::new();
        let (never, first) = (timers.set(u64::MAX, "never"), timers.set(0, "first"));
        assert_eq!((first.at_ms(), never.at_ms()), (0, AT_MS_MAX));
        assert_eq!((timers.pop_due(0), timers.pop_due(1 << 39)), (Some("first"), None));
    }

    #[test]
    fn a_wrapped_sequence_never_replaces_a_timer() {
        let mut timers = Timers::new();
        timers.set(7, 1);
        timers.sequence = 0;
        timers.set(7, 2);
        assert_eq!(timers.len(), 2);
    }
}
