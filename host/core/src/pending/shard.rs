//! One shard of the registry: its pendings, the queues of its keys, and the secrets of pendings to
//! come.
//!
//! Everything that runs under a shard's lock is in this file, and nothing in it can block.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::{Entropy, Owner, Refusal, Waiter};
use crate::slab::{Key, Slab};
use crate::sync::Arc;

/// How many random bytes are drawn at a time: one system call for the secrets of many pendings.
const ENTROPY_BYTES: usize = 1024;
/// The bytes of a secret.
const SECRET_BYTES: usize = 16;

pub(super) struct Shard<V> {
    pendings: Slab<Pending<V>>,
    /// The pendings that wait under each key. No queue is empty. A B-tree, because it grows without
    /// copying and no choice of keys makes it slow.
    queues: BTreeMap<Arc<str>, Queue>,
    /// Random bytes for the next secrets.
    random: Box<[u8; ENTROPY_BYTES]>,
    /// How many bytes of `random` have been given out.
    random_used: usize,
}

/// A pending. It takes 56 bytes if `V` is a pointer: a cache line with its slot's generation.
struct Pending<V> {
    /// The secret of its token. Not a `u128`, whose alignment would cost sixteen bytes more.
    secret: [u8; SECRET_BYTES],
    state: State<V>,
    /// The key that it was created under, and its neighbours in the key's queue while it waits.
    queued: Option<Queued>,
}

/// The state of a pending. Each variant holds the owner, because the variants have room for it and
/// [`Pending`] has none.
enum State<V> {
    /// It is not settled, and no suspension waits for it.
    Waiting { owner: Owner },
    /// It is not settled, and its settlement wakes the waiter. A variant, since an `Option<Waiter>`
    /// would cost eight bytes more.
    Armed { owner: Owner, waiter: Waiter },
    /// It is settled.
    Settled {
        owner: Owner,
        /// The value, which stays to be read again.
        value: V,
        /// Whether the value passes on to another pending if this one ends now: `settle_next` sent
        /// it, and it was not collected.
        passes_on: bool,
    },
}

impl<V> Pending<V> {
    /// Returns whether it is not settled.
    fn waits(&self) -> bool {
        !matches!(self.state, State::Settled { .. })
    }

    fn owner(&self) -> Owner {
        match self.state {
            State::Waiting { owner }
            | State::Armed { owner, .. }
            | State::Settled { owner, .. } => owner,
        }
    }
}

/// The key that a pending was created under, and its neighbours in the key's queue.
struct Queued {
    /// The key's name.
    name: Arc<str>,
    /// The pending before it. `None` once it has left the queue.
    previous: Option<Link>,
    /// The pending behind it. `None` once it has left the queue.
    next: Option<Link>,
}

/// A doubly linked list through the pendings of the shard, so that one leaves from the middle
/// without a search.
struct Queue {
    head: Link,
    tail: Link,
    len: u32,
}

/// Names a pending in a queue by its slot plus one.
///
/// The slot is enough: a pending leaves its queue before it is removed, so the generation is the
/// present one. Plus one, so that `None` takes no space.
#[derive(Clone, Copy)]
struct Link(NonZeroU32);

impl Link {
    #[inline]
    fn to(pending: Key) -> Link {
        Link(NonZeroU32::MIN.saturating_add(pending.slot))
    }

    #[inline]
    fn slot(self) -> u32 {
        self.0.get() - 1
    }
}

impl<V: Clone> Shard<V> {
    pub fn new() -> Shard<V> {
        Shard {
            pendings: Slab::new(),
            queues: BTreeMap::new(),
            random: Box::new([0; ENTROPY_BYTES]),
            random_used: ENTROPY_BYTES,
        }
    }

    /// Creates a pending, and puts it at the end of the queue of the key `name`.
    pub fn create(&mut self, name: Option<&str>, owner: Owner, entropy: Entropy) -> Key {
        let secret = self.next_secret(entropy);
        let key =
            self.pendings.insert(Pending { secret, state: State::Waiting { owner }, queued: None });
        if let Some(name) = name {
            let queued = Some(self.enqueue(name, key));
            self.pendings.get_mut(key).expect("the pending was just inserted").queued = queued;
        }
        key
    }

    /// Returns the secret of a pending.
    pub fn secret(&self, key: Key) -> Option<u128> {
        self.pendings.get(key).map(|pending| u128::from_le_bytes(pending.secret))
    }

    /// Returns the owner of a pending.
    pub fn owner(&self, key: Key) -> Option<Owner> {
        self.pendings.get(key).map(Pending::owner)
    }

    /// Returns the name of the key that a pending was created under.
    pub fn name(&self, key: Key) -> Option<Arc<str>> {
        Some(self.pendings.get(key)?.queued.as_ref()?.name.clone())
    }

    /// Returns how many pendings wait under the key `name`.
    pub fn waiting(&self, name: &str) -> u32 {
        self.queues.get(name).map_or(0, |queue| queue.len)
    }

    /// Returns whether a pending exists and is not settled.
    pub fn is_waiting(&self, key: Key) -> bool {
        self.pendings.get(key).is_some_and(Pending::waits)
    }

    /// Settles a pending and takes it out of its key's queue. Returns the waiter to wake.
    pub fn settle(
        &mut self,
        key: Key,
        value: V,
        passes_on: bool,
    ) -> Result<Option<Waiter>, Refusal> {
        // Does nothing for a pending that is unknown or settled.
        self.unlink(key);
        let pending = self.pendings.get_mut(key).ok_or(Refusal::Unknown)?;
        let owner = pending.owner();
        let to_wake = match pending.state {
            State::Waiting { .. } => None,
            State::Armed { waiter, .. } => Some(waiter),
            State::Settled { .. } => return Err(Refusal::AlreadySettled),
        };
        pending.state = State::Settled { owner, value, passes_on };
        Ok(to_wake)
    }

    /// Settles the first pending in the queue of the key `name`. `None` if none waits.
    pub fn settle_oldest(
        &mut self,
        name: &str,
        value: V,
        passes_on: bool,
    ) -> Option<Option<Waiter>> {
        let oldest = self.key(self.queues.get(name)?.head);
        self.settle(oldest, value, passes_on).ok()
    }

    /// Settles up to `batch` pendings that wait under the key `name`, the oldest first. Returns how
    /// many.
    pub fn settle_batch(
        &mut self,
        name: &str,
        value: &V,
        batch: u32,
        woken: &mut Vec<Waiter>,
    ) -> u32 {
        for done in 0..batch {
            let Some(waiter) = self.settle_oldest(name, value.clone(), false) else { return done };
            woken.extend(waiter);
        }
        batch
    }

    /// Sets the waiter of a pending. Returns whether the pending is settled already, or released.
    pub fn arm(&mut self, key: Key, waiter: Waiter) -> bool {
        let Some(pending) = self.pendings.get_mut(key).filter(|pending| pending.waits()) else {
            return true;
        };
        pending.state = State::Armed { owner: pending.owner(), waiter };
        false
    }

    /// Returns the value of a settled pending, which no longer passes on. A pending that is not
    /// settled loses its waiter.
    pub fn collect(&mut self, key: Key) -> Option<V> {
        let pending = self.pendings.get_mut(key)?;
        if let State::Settled { value, passes_on, .. } = &mut pending.state {
            *passes_on = false;
            return Some(value.clone());
        }
        pending.state = State::Waiting { owner: pending.owner() };
        None
    }

    /// Removes a pending. Returns its owner, and the waiter that its value wakes if that passes on.
    /// `None` if there is no such pending.
    pub fn remove(&mut self, key: Key) -> Option<(Owner, Option<Waiter>)> {
        self.unlink(key);
        let pending = self.pendings.remove(key)?;
        let owner = pending.owner();
        let to_wake = match (pending.state, pending.queued) {
            (State::Settled { value, passes_on: true, .. }, Some(queued)) => {
                self.settle_oldest(&queued.name, value, true).flatten()
            }
            _ => None,
        };
        Some((owner, to_wake))
    }

    /// Puts a pending at the end of the queue of the key `name`, and returns what the pending has
    /// to keep.
    fn enqueue(&mut self, name: &str, pending: Key) -> Queued {
        let link = Link::to(pending);
        let Some(queue) = self.queues.get_mut(name) else {
            let name: Arc<str> = name.into();
            self.queues.insert(name.clone(), Queue { head: link, tail: link, len: 1 });
            return Queued { name, previous: None, next: None };
        };
        queue.len += 1;
        let previous = std::mem::replace(&mut queue.tail, link);
        // The pending before it lends its copy of the name: the queue's key is not allocated twice.
        let before = self.queued(previous);
        before.next = Some(link);
        Queued { name: before.name.clone(), previous: Some(previous), next: None }
    }

    /// Takes a pending out of its key's queue, if it waits in one. The pending keeps the key's
    /// name, which [`remove`](Shard::remove) needs if the value passes on.
    fn unlink(&mut self, key: Key) {
        let waiting = self.pendings.get_mut(key).filter(|pending| pending.waits());
        let Some(queued) = waiting.and_then(|pending| pending.queued.as_mut()) else { return };
        let (name, previous, next) =
            (queued.name.clone(), queued.previous.take(), queued.next.take());
        // Join its neighbours.
        if let Some(previous) = previous {
            self.queued(previous).next = next;
        }
        if let Some(next) = next {
            self.queued(next).previous = previous;
        }
        // Where it had no neighbour, it was an end of the queue, or all of it.
        let queue =
            self.queues.get_mut(&name).expect("a pending that waits under a key is in its queue");
        queue.len -= 1;
        match (previous, next) {
            (None, None) => drop(self.queues.remove(&name)),
            (None, Some(next)) => queue.head = next,
            (Some(previous), None) => queue.tail = previous,
            (Some(_), Some(_)) => {}
        }
    }

    fn key(&self, link: Link) -> Key {
        self.pendings.key_at(link.slot()).expect("a queue holds pendings that exist")
    }

    fn queued(&mut self, link: Link) -> &mut Queued {
        let key = self.key(link);
        let queued = self.pendings.get_mut(key).and_then(|pending| pending.queued.as_mut());
        queued.expect("a queue holds pendings that have a key")
    }

    /// Returns the next secret. Draws new random bytes when all have been given out.
    fn next_secret(&mut self, entropy: Entropy) -> [u8; SECRET_BYTES] {
        if self.random_used == ENTROPY_BYTES {
            entropy(&mut self.random[..]);
            self.random_used = 0;
        }
        let bytes = &mut self.random[self.random_used..self.random_used + SECRET_BYTES];
        let secret = (&*bytes).try_into().expect("as many bytes as a secret has");
        // Keep no second copy of a secret that was given out.
        bytes.fill(0);
        self.random_used += SECRET_BYTES;
        secret
    }
}

#[cfg(test)]
impl<V> Shard<V> {
    /// The bytes that a pending takes.
    pub const SLOT_BYTES: usize = Slab::<Pending<V>>::SLOT_BYTES;

    /// Returns whether the shard is empty, without even an empty queue.
    pub fn is_clean(&self) -> bool {
        self.pendings.is_empty() && self.queues.is_empty()
    }
}
