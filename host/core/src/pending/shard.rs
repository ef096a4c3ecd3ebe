//! One shard: its pendings, who of them waits under which key, and the secrets of those to come. All that
//! happens under a shard's lock is here; nothing here can wait.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::{Entropy, Owner, Refusal, Waiter};
use crate::slab::{Key, Slab};
use crate::sync::Arc;

/// Secrets drawn from the system's randomness at a time: one call for many pendings.
const ENTROPY_BYTES: usize = 1024;
/// Bytes of a secret.
const SECRET_BYTES: usize = 16;

pub(super) struct Shard<V> {
    pendings: Slab<Pending<V>>,
    /// Who waits under each key; never an empty queue. A B-tree: it grows without copying, and no input makes
    /// it slow.
    queues: BTreeMap<Arc<str>, Queue>,
    secrets: Box<[u8; ENTROPY_BYTES]>,
    secrets_used: usize,
}

/// 56 bytes, 64 with its slot's generation, if `V` is a pointer.
struct Pending<V> {
    /// Not a `u128`, whose alignment would cost sixteen bytes more.
    secret: [u8; SECRET_BYTES],
    state: State<V>,
    /// The key it was created under, and its neighbours in the key's queue while it waits.
    queued: Option<Queued>,
}

/// The owner stands in each, where there is room for it, and not beside them, where there is none.
enum State<V> {
    Waiting {
        owner: Owner,
    },
    /// Waits too, and its settlement wakes this one. (An `Option` in the variant above would cost eight bytes more.)
    Armed {
        owner: Owner,
        waiter: Waiter,
    },
    Settled {
        owner: Owner,
        /// Stays to be read again.
        value: V,
        /// `settle_next` sent it, and nobody has read it: if it ends so, the value is for another.
        passes_on: bool,
    },
}

impl<V> Pending<V> {
    fn waits(&self) -> bool {
        !matches!(self.state, State::Settled { .. })
    }

    fn owner(&self) -> Owner {
        match self.state {
            State::Waiting { owner } | State::Armed { owner, .. } | State::Settled { owner, .. } => owner,
        }
    }
}

struct Queued {
    name: Arc<str>,
    previous: Option<Link>,
    next: Option<Link>,
}

/// A doubly linked list through the pendings of its shard: leaving from the middle costs no search.
struct Queue {
    head: Link,
    tail: Link,
    len: u32,
}

/// Names a pending by its slot alone: who is in a queue is there, so the generation would say nothing. Counted
/// from one, so that `None` costs no space.
#[derive(Clone, Copy)]
struct Link(NonZeroU32);

impl Link {
    fn to(pending: Key) -> Link {
        Link(NonZeroU32::MIN.saturating_add(pending.slot))
    }

    fn slot(self) -> u32 {
        self.0.get() - 1
    }
}

impl<V: Clone> Shard<V> {
    pub fn new() -> Shard<V> {
        Shard {
            pendings: Slab::new(),
            queues: BTreeMap::new(),
            secrets: Box::new([0; ENTROPY_BYTES]),
            secrets_used: ENTROPY_BYTES,
        }
    }

    pub fn create(&mut self, name: Option<&str>, owner: Owner, entropy: Entropy) -> Key {
        let secret = self.next_secret(entropy);
        let key = self.pendings.insert(Pending { secret, state: State::Waiting { owner }, queued: None });
        if let Some(name) = name {
            let queued = Some(self.enqueue(name, key));
            self.pendings.get_mut(key).expect("it was just made").queued = queued;
        }
        key
    }

    pub fn secret(&self, key: Key) -> Option<u128> {
        self.pendings.get(key).map(|pending| u128::from_le_bytes(pending.secret))
    }

    pub fn owner(&self, key: Key) -> Option<Owner> {
        self.pendings.get(key).map(Pending::owner)
    }

    pub fn name(&self, key: Key) -> Option<Arc<str>> {
        Some(self.pendings.get(key)?.queued.as_ref()?.name.clone())
    }

    pub fn waiting(&self, name: &str) -> u32 {
        self.queues.get(name).map_or(0, |queue| queue.len)
    }

    pub fn is_waiting(&self, key: Key) -> bool {
        self.pendings.get(key).is_some_and(Pending::waits)
    }

    /// `Waiting -> Settled`, and out of the key's queue: it is no longer counted, nor settled again.
    pub fn settle(&mut self, key: Key, value: V, passes_on: bool) -> Result<Option<Waiter>, Refusal> {
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

    pub fn settle_oldest(&mut self, name: &str, value: V, passes_on: bool) -> Option<Option<Waiter>> {
        let oldest = self.key(self.queues.get(name)?.head);
        self.settle(oldest, value, passes_on).ok()
    }

    pub fn settle_batch(&mut self, name: &str, value: &V, batch: u32, woken: &mut Vec<Waiter>) -> u32 {
        for done in 0..batch {
            let Some(waiter) = self.settle_oldest(name, value.clone(), false) else { return done };
            woken.extend(waiter);
        }
        batch
    }

    /// Returns whether it is settled already.
    pub fn arm(&mut self, key: Key, waiter: Waiter) -> bool {
        let Some(pending) = self.pendings.get_mut(key).filter(|pending| pending.waits()) else { return true };
        pending.state = State::Armed { owner: pending.owner(), waiter };
        false
    }

    pub fn collect(&mut self, key: Key) -> Option<V> {
        let pending = self.pendings.get_mut(key)?;
        if let State::Settled { value, passes_on, .. } = &mut pending.state {
            *passes_on = false;
            return Some(value.clone());
        }
        pending.state = State::Waiting { owner: pending.owner() };
        None
    }

    /// Takes a pending out. `None` if it is not there; else whose it was, and whom its value wakes if that passes on.
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

    /// Puts a pending at the end of a queue.
    fn enqueue(&mut self, name: &str, pending: Key) -> Queued {
        let link = Link::to(pending);
        let Some(queue) = self.queues.get_mut(name) else {
            let name: Arc<str> = name.into();
            self.queues.insert(name.clone(), Queue { head: link, tail: link, len: 1 });
            return Queued { name, previous: None, next: None };
        };
        queue.len += 1;
        let previous = std::mem::replace(&mut queue.tail, link);
        let before = self.queued(previous);
        before.next = Some(link);
        Queued { name: before.name.clone(), previous: Some(previous), next: None }
    }

    /// Takes a pending out of its key's queue, if it waits in one. It keeps the key's name.
    fn unlink(&mut self, key: Key) {
        let waiting = self.pendings.get_mut(key).filter(|pending| pending.waits());
        let Some(queued) = waiting.and_then(|pending| pending.queued.as_mut()) else { return };
        let (name, previous, next) = (queued.name.clone(), queued.previous.take(), queued.next.take());
        if let Some(previous) = previous {
            self.queued(previous).next = next;
        }
        if let Some(next) = next {
            self.queued(next).previous = previous;
        }
        let queue = self.queues.get_mut(&name).expect("one that waits under a key is in its queue");
        queue.len -= 1;
        match (previous, next) {
            (None, None) => drop(self.queues.remove(&name)),
            (None, Some(next)) => queue.head = next,
            (Some(previous), None) => queue.tail = previous,
            (Some(_), Some(_)) => {}
        }
    }

    fn key(&self, link: Link) -> Key {
        self.pendings.key_at(link.slot()).expect("a queue holds pendings that are there")
    }

    fn queued(&mut self, link: Link) -> &mut Queued {
        let key = self.key(link);
        let queued = self.pendings.get_mut(key).and_then(|pending| pending.queued.as_mut());
        queued.expect("a queue holds queued pendings")
    }

    fn next_secret(&mut self, entropy: Entropy) -> [u8; SECRET_BYTES] {
        if self.secrets_used == ENTROPY_BYTES {
            entropy(&mut self.secrets[..]);
            self.secrets_used = 0;
        }
        let bytes = &mut self.secrets[self.secrets_used..self.secrets_used + SECRET_BYTES];
        let secret = (&*bytes).try_into().expect("as many bytes as a secret has");
        // A secret is not left lying about after it was given out.
        bytes.fill(0);
        self.secrets_used += SECRET_BYTES;
        secret
    }
}

/// What only tests look at.
#[cfg(test)]
impl<V> Shard<V> {
    /// What a pending takes.
    pub const SLOT_BYTES: usize = Slab::<Pending<V>>::SLOT_BYTES;

    /// Whether nothing is left, not even an empty queue.
    pub fn is_clean(&self) -> bool {
        self.pendings.is_empty() && self.queues.is_empty()
    }
}
