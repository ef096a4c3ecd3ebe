//! What waits for its next use, of several kinds: the newest is used next, the oldest goes first.

use std::collections::VecDeque;

/// Things that are idle, each of a kind.
pub struct Idle<K, T>(VecDeque<Entry<K, T>>);

struct Entry<K, T> {
    kind: K,
    since_ms: u64,
    thing: T,
}

impl<K: Copy + PartialEq, T> Idle<K, T> {
    /// Nothing is.
    pub fn new() -> Idle<K, T> {
        Idle(VecDeque::new())
    }

    /// How many are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many of a kind are.
    pub fn count(&self, kind: K) -> usize {
        self.0.iter().filter(|entry| entry.kind == kind).count()
    }

    /// One falls idle, on a clock that never goes back.
    pub fn put(&mut self, kind: K, now_ms: u64, thing: T) {
        self.0.push_back(Entry { kind, since_ms: now_ms, thing });
    }

    /// The one of a kind that was used last.
    pub fn take(&mut self, kind: K) -> Option<T> {
        let newest = self.0.iter().rposition(|entry| entry.kind == kind)?;
        self.0.remove(newest).map(|entry| entry.thing)
    }

    /// Since when the one that has waited longest does.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.0.front().map(|entry| entry.since_ms)
    }

    /// The one that has waited longest, of whatever kind.
    pub fn take_oldest(&mut self) -> Option<T> {
        self.0.pop_front().map(|entry| entry.thing)
    }

    /// Keeps only these kinds. The others are dropped.
    pub fn retain(&mut self, keeps: impl Fn(K) -> bool) {
        self.0.retain(|entry| keeps(entry.kind));
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
        assert_eq!((idle.take_oldest(), idle.take_oldest(), idle.oldest_ms()), (Some("e"), None, None));
        assert!(idle.is_empty());
    }
}
