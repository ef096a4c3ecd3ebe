//! Idle things, each of a kind. The one that fell idle last is used next, and the one that has been
//! idle longest is dropped first.

use std::collections::VecDeque;

/// Idle things, in the order in which they fell idle.
pub(super) struct Idle<K, T>(VecDeque<IdleThing<K, T>>);

struct IdleThing<K, T> {
    kind: K,
    since_ms: u64,
    thing: T,
}

impl<K: Copy + PartialEq, T> Idle<K, T> {
    /// Makes an empty collection.
    pub(super) fn new() -> Idle<K, T> {
        Idle(VecDeque::new())
    }

    /// Returns how many things are idle.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is idle.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many things of a kind are idle.
    pub(super) fn count(&self, kind: K) -> usize {
        self.0.iter().filter(|idle| idle.kind == kind).count()
    }

    /// Puts in a thing that falls idle now, on a clock that never goes back.
    pub(super) fn put(&mut self, kind: K, now_ms: u64, thing: T) {
        self.0.push_back(IdleThing { kind, since_ms: now_ms, thing });
    }

    /// Takes out the thing of a kind that fell idle last.
    pub(super) fn take(&mut self, kind: K) -> Option<T> {
        let newest = self.0.iter().rposition(|idle| idle.kind == kind)?;
        self.0.remove(newest).map(|idle| idle.thing)
    }

    /// Returns the time at which the first of all things fell idle.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        self.0.front().map(|idle| idle.since_ms)
    }

    /// Takes out the thing that has been idle longest, of whatever kind.
    pub(super) fn take_oldest(&mut self) -> Option<T> {
        self.0.pop_front().map(|idle| idle.thing)
    }

    /// Drops the things of all kinds but these.
    pub(super) fn retain(&mut self, keeps: impl Fn(K) -> bool) {
        self.0.retain(|idle| keeps(idle.kind));
    }
}

impl<K: Copy + PartialEq, T> Default for Idle<K, T> {
    fn default() -> Self {
        Idle::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_kind_is_used_and_the_oldest_goes() {
        let mut idle = Idle::new();
        for (kind, now_ms, thing) in [(1, 10, "a"), (2, 11, "b"), (1, 12, "c"), (2, 13, "d")] {
            idle.put(kind, now_ms, thing);
        }
        assert_eq!((idle.len(), idle.count(1), idle.count(3)), (4, 2, 0));
        assert_eq!((idle.take(1), idle.take(3), idle.oldest_ms()), (Some("c"), None, Some(10)));
        assert_eq!((idle.take_oldest(), idle.oldest_ms()), (Some("a"), Some(11)));
        idle.put(1, 14, "e");
        idle.retain(|kind| kind == 1);
        assert_eq!(
            (idle.take_oldest(), idle.take_oldest(), idle.oldest_ms()),
            (Some("e"), None, None)
        );
        assert!(idle.is_empty());
    }
}
