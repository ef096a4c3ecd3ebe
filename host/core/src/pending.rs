//! The one authority on who waits and who settled.
//!
//! Every pending of the process lies in one of `SHARDS` shards, each behind its own lock: one with a key
//! in the shard of its key, so that "first in, first out over all workers" is one list under one lock; one
//! without in the shard of the worker that made it. Settling is one short critical section that says who is
//! to be woken; the waking is the caller's. Nothing here knows of time, sockets or guests.
//!
//! A pending is `Waiting`, then `Settled` at most once, then ended by its owner. A suspension's end is decided
//! by its own worker alone, and under these locks: it reads a settlement ([`Registry::collect`]) or takes the
//! chance of one away ([`Registry::withdraw`]), so that "settled" and "deadline" can't both win.
//!
//! `tests/races/` runs this file's threads in every order that matters.

use std::fmt::{self, Write as _};

use crate::slab::Key;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

use self::owners::Owners;
pub use self::owners::{Account, OWNERS_MAX, Owner};
use self::shard::Shard;

mod owners;
mod shard;

/// Shards, a power of two: more than any machine's workers contend for.
const SHARDS: usize = 64;
/// Pendings that `settle_all` settles before it lets the lock go.
const SETTLE_ALL_BATCH: u32 = 256;
/// Bytes of a token before hexadecimal: shard, slot, generation, secret.
const TOKEN_BYTES: usize = 2 + 4 + 4 + 16;

/// Names a pending inside the host. Not a capability: it carries no secret and never leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingId {
    shard: u16,
    key: Key,
}

/// Names a worker among those that share a registry and a post office, for the life of the process: its place among them,
/// from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u16);

impl WorkerId {
    /// Returns the worker's place among all.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Whom a settlement wakes: a suspension in a worker's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The worker.
    pub worker: WorkerId,
    /// The suspension in its slab.
    pub suspension: Key,
}

/// Why the registry refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such pending: never made, or released.
    #[error("no such pending")]
    Unknown,
    /// It was settled before.
    #[error("already settled")]
    AlreadySettled,
    /// The caller may not do that.
    #[error("denied")]
    Denied,
    /// A limit of the host.
    #[error("a limit was reached")]
    Limit,
}

/// When a wait for several pendings is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// When every one is settled; at once for none.
    All,
    /// When the first is settled; only by the deadline for none.
    Any,
}

impl Join {
    /// Whether it is over, given who is settled. Asks no further than it has to.
    pub fn is_over(self, settled: impl IntoIterator<Item = bool>) -> bool {
        let mut settled = settled.into_iter();
        match self {
            Join::All => settled.all(|settled| settled),
            Join::Any => settled.any(|settled| settled),
        }
    }
}

/// Fills a buffer with random bytes fit for secrets.
pub type Entropy = fn(&mut [u8]);

/// All pendings of the process. `V` is what they are settled with: cheap to clone.
pub struct Registry<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    entropy: Entropy,
    count: AtomicUsize,
    pendings_max: usize,
    owners: Owners,
}

impl<V: Clone> Registry<V> {
    /// An empty registry that holds at most `pendings_max` at once.
    pub fn new(pendings_max: usize, entropy: Entropy) -> Registry<V> {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect();
        Registry { shards, entropy, count: AtomicUsize::new(0), pendings_max, owners: Owners::new() }
    }

    /// How many pendings there are, settled ones that are not yet released included.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes a pending of nobody's, which waits from this moment on. `home` spreads those without a key.
    ///
    /// There are never more than the limit. Close to it, a refusal may come one early: while another is refused.
    pub fn create(&self, home: WorkerId, key: Option<&str>) -> Result<PendingId, Refusal> {
        self.create_for(Account::ANONYMOUS, home, key)
    }

    /// The same on somebody's account, until it is released. `Limit` if the account or the registry is full.
    pub fn create_for(&self, account: Account, home: WorkerId, key: Option<&str>) -> Result<PendingId, Refusal> {
        self.owners.add(account)?;
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.pendings_max {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.owners.remove(account.owner);
            return Err(Refusal::Limit);
        }
        let shard = key.map_or(home.index() % SHARDS, shard_of);
        let key = self.lock(shard).create(key, account.owner, self.entropy);
        Ok(PendingId { shard: shard as u16, key })
    }

    /// How many pendings of an owner there are, settled ones that are not yet released included.
    pub fn owned(&self, owner: Owner) -> usize {
        self.owners.count(owner)
    }

    /// The key that a pending was created under, if it has one and is still there.
    pub fn key(&self, id: PendingId) -> Option<Arc<str>> {
        self.lock(usize::from(id.shard)).name(id.key)
    }

    /// Who made the pending that a token names. `None` for a token that names none.
    pub fn owner(&self, token: &str) -> Option<Owner> {
        let (id, secret) = parse_token(token)?;
        let shard = self.lock(usize::from(id.shard));
        // As in `settle_token`: whole words.
        ((shard.secret(id.key)? ^ secret) == 0).then(|| shard.owner(id.key)).flatten()
    }

    /// The capability to settle a pending: 52 hexadecimal digits that hold 128 random bits.
    pub fn token(&self, id: PendingId) -> Option<String> {
        let secret = self.lock(usize::from(id.shard)).secret(id.key)?;
        let mut token = String::with_capacity(TOKEN_BYTES * 2);
        let Key { slot, generation } = id.key;
        write!(token, "{:04x}{slot:08x}{generation:08x}{secret:032x}", id.shard).ok()?;
        Some(token)
    }

    /// Settles the pending that a token names. `Ok` means that this settlement won; the waiter, if there is
    /// one already, is to be told.
    pub fn settle_token(&self, token: &str, value: V) -> Result<Option<Waiter>, Refusal> {
        let (id, secret) = parse_token(token).ok_or(Refusal::Unknown)?;
        let mut shard = self.lock(usize::from(id.shard));
        let its_own = shard.secret(id.key).ok_or(Refusal::Unknown)?;
        // Compared as whole words, so in a time that does not depend on where they differ.
        if (its_own ^ secret) != 0 {
            return Err(Refusal::Unknown);
        }
        shard.settle(id.key, value, false)
    }

    /// Settles a pending by its id: for the host's own sources, such as the clock.
    pub fn settle(&self, id: PendingId, value: V) -> Result<Option<Waiter>, Refusal> {
        self.lock(usize::from(id.shard)).settle(id.key, value, false)
    }

    /// Settles the one that has waited longest under `key`. `None` if nobody waits. If that one ends before
    /// the value was collected, the next one that waits then gets it; if nobody does, it is gone.
    pub fn settle_next(&self, key: &str, value: V) -> Option<Option<Waiter>> {
        self.lock(shard_of(key)).settle_oldest(key, value, true)
    }

    /// Settles all that wait under `key` now, and adds whom that wakes to `woken`. Returns how many.
    ///
    /// The lock is let go every `SETTLE_ALL_BATCH` pendings, so that nobody waits for a long queue. One that
    /// comes meanwhile may be settled in the place of one that left meanwhile; nobody who stays is passed over.
    pub fn settle_all(&self, key: &str, value: &V, woken: &mut Vec<Waiter>) -> u32 {
        let mut left = self.waiting(key);
        self.settle_while(key, value, &mut left, |batch| {
            woken.extend_from_slice(batch);
            true
        })
    }

    /// The same in steps, for a caller that has other things to do in between: settles the oldest that wait under `key`
    /// until there are none, until it has settled `left`, which it counts down (at first as many as are
    /// [`waiting`](Self::waiting)), or until `goes_on`, which after each batch is told whom that wakes, says no. Returns
    /// how many this step has settled. There is nothing left to do once `left` is zero.
    pub fn settle_while(
        &self,
        key: &str,
        value: &V,
        left: &mut u32,
        mut goes_on: impl FnMut(&[Waiter]) -> bool,
    ) -> u32 {
        let (mut settled, mut woken) = (0, Vec::new());
        while *left > 0 {
            woken.clear();
            let done = self.lock(shard_of(key)).settle_batch(key, value, (*left).min(SETTLE_ALL_BATCH), &mut woken);
            settled += done;
            *left = if done == 0 { 0 } else { *left - done };
            if !goes_on(&woken) {
                break;
            }
        }
        settled
    }

    /// How many wait under `key`.
    pub fn waiting(&self, key: &str) -> u32 {
        self.lock(shard_of(key)).waiting(key)
    }

    /// Says whom a settlement of this pending wakes from now on. Returns whether it is settled already: then
    /// nobody will be woken for it.
    pub fn arm(&self, id: PendingId, waiter: Waiter) -> bool {
        self.lock(usize::from(id.shard)).arm(id.key, waiter)
    }

    /// Whether a pending is settled. A released one counts as settled. "No" may be out of date once it is
    /// read: who wants to end one that is not settled has to [`withdraw`](Registry::withdraw) it.
    pub fn is_settled(&self, id: PendingId) -> bool {
        !self.lock(usize::from(id.shard)).is_waiting(id.key)
    }

    /// Whether a wait for these is over now: as [`is_settled`](Registry::is_settled), with what that does not guarantee.
    pub fn is_over(&self, join: Join, ids: impl Iterator<Item = PendingId>) -> bool {
        join.is_over(ids.map(|id| self.is_settled(id)))
    }

    /// Whether a wait for these that ends now has come true: for the last time, so ask it once. A settlement that was
    /// told `Ok` counts, even if whom it wakes has not heard of it. If this says no, nobody is told `Ok` any more for
    /// what the answer hung on; if it says yes, what is not settled is alive, unless a settlement came in between.
    pub fn conclude(&self, join: Join, ids: impl Iterator<Item = PendingId> + Clone) -> bool {
        // First without withdrawing any, since what is not settled may be waited for again.
        self.is_over(join, ids.clone()) || join.is_over(ids.map(|id| !self.withdraw(id)))
    }

    /// Reads what a pending was settled with: its value is consumed, so it will not pass on to another. An
    /// unsettled one no longer wakes anybody, and stays alive.
    pub fn collect(&self, id: PendingId) -> Option<V> {
        self.lock(usize::from(id.shard)).collect(id.key)
    }

    /// Ends a pending that still waits: nobody is told `Ok` for it any more. Returns whether it did; one that is
    /// settled stays as it is.
    pub fn withdraw(&self, id: PendingId) -> bool {
        let mut shard = self.lock(usize::from(id.shard));
        let waits = shard.is_waiting(id.key);
        if waits {
            self.remove(&mut shard, id);
        }
        waits
    }

    /// Ends a pending, settled or not. If `settle_next` had settled it and nobody consumed the value, that passes
    /// to the next one waiting under the key: whom that wakes is returned.
    pub fn release(&self, id: PendingId) -> Option<Waiter> {
        let mut shard = self.lock(usize::from(id.shard));
        self.remove(&mut shard, id)
    }

    fn remove(&self, shard: &mut Shard<V>, id: PendingId) -> Option<Waiter> {
        let (owner, to_wake) = shard.remove(id.key)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.owners.remove(owner);
        to_wake
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard<V>> {
        // No code that can panic runs between two consistent states, so a poisoned shard is whole.
        self.shards[shard % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// FNV-1a. Whoever picks keys to collide gains contention on one lock, nothing else.
fn shard_of(key: &str) -> usize {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    ((hash ^ hash >> 32) as usize) % SHARDS
}

fn parse_token(token: &str) -> Option<(PendingId, u128)> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if token.len() != TOKEN_BYTES * 2 || !token.bytes().all(lower_hex) {
        return None;
    }
    let shard = u16::from_str_radix(&token[..4], 16).ok().filter(|&shard| usize::from(shard) < SHARDS)?;
    let slot = u32::from_str_radix(&token[4..12], 16).ok()?;
    let generation = u32::from_str_radix(&token[12..20], 16).ok()?;
    let secret = u128::from_str_radix(&token[20..], 16).ok()?;
    Some((PendingId { shard, key: Key { slot, generation } }, secret))
}

#[cfg(test)]
mod tests;
