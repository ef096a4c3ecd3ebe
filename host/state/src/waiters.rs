//! Who waits for which key: lists through a slab.
//!
//! All waiters of one key are one list, linked through their slots. So a waiter costs no allocation
//! of its own, leaves from the middle without a search, and a write takes all waiters of its key
//! off the key in one step, however many there are: it marks the list as a *wave*. The waiters of a
//! wave are woken in slices.

use std::num::NonZeroU32;

use snow_core::sync::Arc;
use snow_core::{Fifo, Key, Slab};

use crate::entry::{Entry, Place};

/// A change of a key, as its waiters are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bucket's name.
    pub bucket: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// What the key held after the change that woke the waiters. `None` if it was deleted or had
    /// expired. There may be a later change by now.
    pub entry: Option<Entry>,
}

/// Waiters that are taken off their lists, to be woken without a lock.
#[derive(Debug)]
pub(crate) struct Woken<W> {
    pub change: Change,
    pub waiters: Vec<W>,
}

/// What became of a waiter that was to be removed.
#[derive(Debug, PartialEq)]
pub(crate) enum Removed {
    /// It was not there.
    Nobody,
    /// It was removed. Others wait for its key, or it was part of a wave.
    OneOfMany,
    /// It was removed, and nobody else waits for its key: the key must let go of the list.
    LastOf(Place),
}

/// The waiters of one shard.
pub(crate) struct Waiters<W> {
    nodes: Slab<Node<W>>,
    /// A list for each key that is waited for, and for each wave.
    lists: Slab<List>,
    /// The waves that were not woken at once, the next one first. A wave whose last waiter has left
    /// is found no more.
    waves: Fifo<Key>,
}

/// One waiter.
struct Node<W> {
    waiter: W,
    list: Link,
    previous: Option<Link>,
    next: Option<Link>,
}

/// The waiters of one key, or those of one wave. Never empty, except while a function runs.
struct List {
    place: Place,
    head: Option<Link>,
    tail: Option<Link>,
    state: State,
}

enum State {
    /// The key has not changed.
    Waiting,
    /// The key has changed to this entry, and holds the list no more. In a box, because most lists
    /// only wait.
    Changed(Box<Option<Entry>>),
}

/// Names a slot that is known to be occupied. One more than its number, so that `None` takes no
/// space.
#[derive(Clone, Copy, PartialEq)]
struct Link(NonZeroU32);

impl Link {
    fn to(key: Key) -> Link {
        Link(NonZeroU32::MIN.saturating_add(key.slot))
    }

    fn slot(self) -> u32 {
        self.0.get() - 1
    }
}

impl<W: Copy> Waiters<W> {
    pub fn new() -> Waiters<W> {
        Waiters { nodes: Slab::new(), lists: Slab::new(), waves: Fifo::new() }
    }

    /// Returns whether a wave is left to be woken.
    pub fn has_waves(&self) -> bool {
        !self.waves.is_empty()
    }

    /// Creates the list of a key. A waiter must be added at once.
    pub fn create_list(&mut self, place: Place) -> Key {
        self.lists.insert(List { place, head: None, tail: None, state: State::Waiting })
    }

    /// Adds a waiter at the end of a list. Returns the key that removes it.
    pub fn add(&mut self, list: Key, waiter: W) -> Key {
        let tail = self.lists.get(list).and_then(|list| list.tail);
        let node = Node { waiter, list: Link::to(list), previous: tail, next: None };
        let added = self.nodes.insert(node);
        let link = Some(Link::to(added));
        if let Some(tail) = tail {
            self.node_mut(tail).next = link;
        }
        let list = self.lists.get_mut(list).expect("a list that a key holds is there");
        list.tail = link;
        list.head = list.head.or(link);
        added
    }

    /// Removes a waiter.
    pub fn remove(&mut self, waiter: Key) -> Removed {
        let Some(node) = self.nodes.remove(waiter) else { return Removed::Nobody };
        let list = self.list_key(node.list);
        match node.previous {
            Some(previous) => self.node_mut(previous).next = node.next,
            None => self.list_mut(list).head = node.next,
        }
        match node.next {
            Some(next) => self.node_mut(next).previous = node.previous,
            None => self.list_mut(list).tail = node.previous,
        }
        if self.list_mut(list).head.is_some() {
            return Removed::OneOfMany;
        }
        let list = self.lists.remove(list).expect("it was there a line above");
        match list.state {
            State::Waiting => Removed::LastOf(list.place),
            State::Changed(_) => Removed::OneOfMany,
        }
    }

    /// Turns the list of a key into a wave, and takes its first waiters, at most `max`. The key
    /// must let go of the list. The wave's other waiters come in
    /// [`next_slice`](Waiters::next_slice).
    pub fn change(&mut self, list: Key, entry: Option<&Entry>, max: usize) -> Woken<W> {
        self.list_mut(list).state = State::Changed(Box::new(entry.cloned()));
        let woken = self.take(list, max);
        if self.lists.get(list).is_some() {
            self.waves.push_back(list);
        }
        woken
    }

    /// Takes the next waiters to be woken, at most `max`, all of one wave. Waves take turns, so
    /// that a short one does not wait for the end of a long one.
    pub fn next_slice(&mut self, max: usize) -> Option<Woken<W>> {
        while let Some(list) = self.waves.pop_front() {
            if self.lists.get(list).is_none() {
                continue;
            }
            let woken = self.take(list, max);
            if self.lists.get(list).is_some() {
                self.waves.push_back(list);
            }
            return Some(woken);
        }
        None
    }

    /// Takes waiters off the front of a wave, and removes the wave with its last one.
    fn take(&mut self, list_key: Key, max: usize) -> Woken<W> {
        let list = self.list_mut(list_key);
        let State::Changed(entry) = &list.state else { unreachable!("only waves are woken") };
        let entry = Option::clone(entry);
        let Place { bucket, key } = list.place.clone();
        let change = Change { bucket, key, entry };
        let mut next = list.head;
        let mut waiters = Vec::new();
        while let Some(link) = next.filter(|_| waiters.len() < max) {
            let key = self.nodes.key_at(link.slot()).expect("a link names an occupied slot");
            let node = self.nodes.remove(key).expect("its key is the present one");
            waiters.push(node.waiter);
            next = node.next;
        }
        match next {
            Some(head) => {
                self.node_mut(head).previous = None;
                self.list_mut(list_key).head = next;
            }
            None => {
                self.lists.remove(list_key);
            }
        }
        Woken { change, waiters }
    }

    fn node_mut(&mut self, link: Link) -> &mut Node<W> {
        let key = self.nodes.key_at(link.slot()).expect("a link names an occupied slot");
        self.nodes.get_mut(key).expect("its key is the present one")
    }

    /// Returns the present key of a list that has a waiter.
    fn list_key(&self, link: Link) -> Key {
        self.lists.key_at(link.slot()).expect("a link names an occupied slot")
    }

    fn list_mut(&mut self, list: Key) -> &mut List {
        self.lists.get_mut(list).expect("a list is there as long as it has waiters")
    }
}

#[cfg(test)]
mod tests {
    use snow_core::PendingId;

    use super::*;

    /// Each held request that waits for a key has a node; one of a key of its own has a list too.
    #[test]
    fn a_waiter_is_28_bytes_and_a_list_56_more() {
        assert_eq!(Slab::<Node<PendingId>>::SLOT_BYTES, 28);
        assert_eq!(Slab::<List>::SLOT_BYTES, 56);
    }
}
