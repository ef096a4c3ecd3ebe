//! Deadlines, ordered by time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroU64;

/// How many bits of a key tell apart timers of the same millisecond. The other 40 bits count
/// milliseconds for 34 years.
const SEQUENCE_BITS: u32 = 24;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;
/// The latest time that a key can hold. Later times are set to this one.
const AT_MS_MAX: u64 = (1 << (64 - SEQUENCE_BITS)) - 2;

/// Names one timer until it fires or is cancelled.
///
/// A key is one word, since each held request keeps one in the tree and one beside its suspension.
/// The upper 40 bits hold the time plus one; the lower 24 bits hold a sequence number, so that
/// timers of the same millisecond fire in the order in which they were set (until the number wraps,
/// after 16 million timers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerKey(NonZeroU64);

impl TimerKey {
    fn new(at_ms: u64, sequence: u32) -> TimerKey {
        // Plus one, so that the word is never zero and an `Option<TimerKey>` is one word, too.
        let at = at_ms.min(AT_MS_MAX) + 1;
        let bits = at << SEQUENCE_BITS | u64::from(sequence) & SEQUENCE_MASK;
        TimerKey(NonZeroU64::new(bits).expect("the upper bits are at least 1"))
    }

    /// Returns when the timer fires, on the caller's clock.
    #[inline]
    pub fn at_ms(self) -> u64 {
        (self.0.get() >> SEQUENCE_BITS) - 1
    }
}

/// Returns when something is due that is asked for now and shall come `after_ms` later, in
/// milliseconds. `now_us` is in microseconds.
///
/// The sum is rounded up, so that no wait is shorter than what was asked for. An `after_ms` of zero
/// is due at once.
///
/// ```
/// assert_eq!(snow_core::due_ms(5_900, 10), 16);
/// assert_eq!(snow_core::due_ms(5_000, 10), 15);
/// assert_eq!(snow_core::due_ms(5_900, 0), 5);
/// ```
#[inline]
pub fn due_ms(now_us: u64, after_ms: u32) -> u64 {
    match after_ms {
        0 => now_us / 1_000,
        _ => now_us.div_ceil(1_000) + u64::from(after_ms),
    }
}

/// Timers, each with a target that says what the timer is for. The caller brings the clock.
///
/// Every operation takes time logarithmic in the number of timers, cancelling included. A B-tree,
/// because the usual alternatives have steps that cost in proportion to all timers: a timing wheel
/// when it cascades, a heap when it doubles.
pub struct Timers<T> {
    targets: BTreeMap<TimerKey, T>,
    /// The sequence number of the last key.
    sequence: u32,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { targets: BTreeMap::new(), sequence: 0 }
    }
}

impl<T> Timers<T> {
    /// Creates an empty set of timers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many timers are set.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Sets a timer. If `at_ms` has passed, the next [`pop_due`](Timers::pop_due) returns the
    /// target.
    pub fn set(&mut self, at_ms: u64, target: T) -> TimerKey {
        loop {
            self.sequence = self.sequence.wrapping_add(1);
            let key = TimerKey::new(at_ms, self.sequence);
            // The key is taken only if 16 million timers were set while one waited for this very
            // millisecond. Then the next sequence number is tried.
            if let Entry::Vacant(free) = self.targets.entry(key) {
                free.insert(target);
                return key;
            }
        }
    }

    /// Cancels a timer and returns its target. `None` if the timer has fired or was cancelled
    /// before.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.targets.remove(&key)
    }

    /// Returns when the next timer fires.
    pub fn next_ms(&self) -> Option<u64> {
        self.targets.first_key_value().map(|(key, _)| key.at_ms())
    }

    /// Removes the earliest timer that is due at `now_ms`, and returns its target.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<T> {
        let first = self.targets.first_entry()?;
        (first.key().at_ms() <= now_ms).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_shorter_than_asked() {
        // At 5.9, due at 16 is 10.1 later.
        assert_eq!((due_ms(5_900, 10), due_ms(5_000, 10), due_ms(5_900, 0)), (16, 15, 5));
    }

    #[test]
    fn timers_fire_in_order_and_never_early() {
        let mut timers = Timers::new();
        for (at, name) in [(30, "c"), (10, "a"), (20, "b"), (10, "a2")] {
            timers.set(at, name);
        }
        assert_eq!(timers.next_ms(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(
            [timers.pop_due(10), timers.pop_due(10), timers.pop_due(10)],
            [Some("a"), Some("a2"), None]
        );
        assert_eq!(
            [timers.pop_due(99), timers.pop_due(99), timers.pop_due(99)],
            [Some("b"), Some("c"), None]
        );
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
