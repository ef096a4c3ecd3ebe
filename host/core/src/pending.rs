//! The registry of pendings: who waits, and what is settled.
//!
//! The pendings of the process lie in `SHARDS` shards, each behind a lock of its own. A pending
//! with a key lies in the shard of its key, so that "first in, first out over all workers" is one
//! list under one lock. A pending without a key lies in the shard of the worker that made it.
//! Settling is one short critical section that returns the waiter to wake; waking it is the
//! caller's work. Nothing here knows of time, sockets or guests.
//!
//! A pending waits, then is settled at most once, then is released. When a suspension ends, its own
//! worker decides how, under the same locks: it reads a settlement ([`Registry::collect`]), or
//! makes one impossible ([`Registry::withdraw`]). So "settled" and "deadline" can't both win.
//!
//! `tests/races/` runs the threads of this file in every order that matters.

use std::fmt::{self, Write as _};

use self::owners::OwnerCounts;
pub use self::owners::{Account, OWNERS_MAX, Owner};
use self::shard::Shard;
use crate::slab::Key;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, lock};

mod owners;
mod shard;

/// The number of shards. More than the workers of any machine contend for.
const SHARDS: usize = 64;
/// The most pendings that are settled under one hold of a lock.
const SETTLE_ALL_BATCH: u32 = 256;
/// The bytes that the hexadecimal digits of a token stand for: shard, slot, generation, secret.
pub(crate) const TOKEN_BYTES: usize = 2 + 4 + 4 + 16;

/// Names a pending inside the host. It gives no right to settle: it has no secret, and never leaves
/// the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingId {
    shard: u16,
    key: Key,
}

/// Names a worker for the life of the process: its place, from 0, among the workers that share a
/// registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u16);

impl WorkerId {
    /// Returns the worker's place among all workers.
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

/// The suspension that a settlement wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The worker that holds the suspension.
    pub worker: WorkerId,
    /// The suspension's key in that worker's table.
    pub suspension: Key,
}

/// The reason why the registry refuses to create or to settle a pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The pending was never made, or is released.
    #[error("no such pending")]
    Unknown,
    /// The pending was settled before.
    #[error("already settled")]
    AlreadySettled,
    /// The caller lacks the grant.
    #[error("denied")]
    Denied,
    /// The registry or the caller's account is full.
    #[error("a limit was reached")]
    Limit,
}

/// When a wait for several pendings is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// When all are settled. A wait for no pendings is over at once.
    All,
    /// When one is settled. A wait for no pendings ends by its deadline only.
    Any,
}

impl Join {
    /// Returns whether the wait is over, given which pendings are settled. Reads no more of them
    /// than it has to.
    pub fn is_over(self, settled: impl IntoIterator<Item = bool>) -> bool {
        let mut settled = settled.into_iter();
        match self {
            Join::All => settled.all(|settled| settled),
            Join::Any => settled.any(|settled| settled),
        }
    }
}

/// A function that fills a buffer with random bytes fit for secrets.
pub type Entropy = fn(&mut [u8]);

/// All pendings of the process, shared by all threads. `V` is the type of the values they are
/// settled with; it should be cheap to clone.
pub struct Registry<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    entropy: Entropy,
    /// The number of pendings in all shards.
    count: AtomicUsize,
    pendings_max: usize,
    owners: OwnerCounts,
}

impl<V: Clone> Registry<V> {
    /// Creates an empty registry that holds at most `pendings_max` pendings at a time.
    pub fn new(pendings_max: usize, entropy: Entropy) -> Registry<V> {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect();
        Registry {
            shards,
            entropy,
            count: AtomicUsize::new(0),
            pendings_max,
            owners: OwnerCounts::new(),
        }
    }

    /// Returns the number of pendings, including those that are settled and not yet released.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns whether there are no pendings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Creates a pending on the [anonymous](Account::ANONYMOUS) account. See
    /// [`create_for`](Registry::create_for).
    ///
    /// # Errors
    /// [`Refusal::Limit`] if the registry is full.
    pub fn create(&self, home: WorkerId, key: Option<&str>) -> Result<PendingId, Refusal> {
        self.create_for(Account::ANONYMOUS, home, key)
    }

    /// Creates a pending that counts on an account until it is released. It waits from this moment
    /// on, under `key` if it has one. `home` is the worker that creates it; pendings without a key
    /// are spread by it.
    ///
    /// There are never more pendings than the limit. Close to the limit, a pending may be refused
    /// although one would fit, while another thread's is being refused.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if the account or the registry is full.
    pub fn create_for(
        &self,
        account: Account,
        home: WorkerId,
        key: Option<&str>,
    ) -> Result<PendingId, Refusal> {
        self.owners.add(account)?;
        // Count first, then look: two threads that race for the last place can't both get it.
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.pendings_max {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.owners.remove(account.owner);
            return Err(Refusal::Limit);
        }
        let shard = key.map_or(home.index() % SHARDS, shard_of);
        let key = self.shard(shard).create(key, account.owner, self.entropy);
        Ok(PendingId { shard: shard as u16, key })
    }

    /// Returns the number of an owner's pendings, including those that are settled and not yet
    /// released.
    pub fn owned(&self, owner: Owner) -> usize {
        self.owners.count(owner)
    }

    /// Returns the key that a pending was created under. `None` if it has none, or is released.
    pub fn key(&self, id: PendingId) -> Option<Arc<str>> {
        self.shard_with(id).name(id.key)
    }

    /// Returns the owner of the pending that a token names. `None` if it names none.
    pub fn owner(&self, token: &str) -> Option<Owner> {
        let (id, secret) = parse_token(token)?;
        let shard = self.shard_with(id);
        // Compare whole words, as `settle_token` does.
        ((shard.secret(id.key)? ^ secret) == 0).then(|| shard.owner(id.key)).flatten()
    }

    /// Returns the token of a pending: 52 hexadecimal digits with 128 random bits. Whoever has it
    /// may settle the pending.
    pub fn token(&self, id: PendingId) -> Option<String> {
        let secret = self.shard_with(id).secret(id.key)?;
        let mut token = String::with_capacity(TOKEN_BYTES * 2);
        let Key { slot, generation } = id.key;
        write!(token, "{:04x}{slot:08x}{generation:08x}{secret:032x}", id.shard).ok()?;
        Some(token)
    }

    /// Settles the pending that a token names. `Ok` means that this settlement won. Returns the
    /// waiter to wake, if the pending has one already.
    ///
    /// # Errors
    /// [`Refusal::AlreadySettled`], and [`Refusal::Unknown`] if the token names no pending.
    pub fn settle_token(&self, token: &str, value: V) -> Result<Option<Waiter>, Refusal> {
        let (id, secret) = parse_token(token).ok_or(Refusal::Unknown)?;
        let mut shard = self.shard_with(id);
        let expected = shard.secret(id.key).ok_or(Refusal::Unknown)?;
        // Compare whole words: the time taken does not depend on where they differ, so it tells
        // nothing about the secret.
        if (expected ^ secret) != 0 {
            return Err(Refusal::Unknown);
        }
        shard.settle(id.key, value, false)
    }

    /// Settles a pending by its id, for the host's own sources such as the clock. Returns the
    /// waiter to wake, if the pending has one already.
    ///
    /// # Errors
    /// [`Refusal::AlreadySettled`], and [`Refusal::Unknown`] if the pending is released.
    pub fn settle(&self, id: PendingId, value: V) -> Result<Option<Waiter>, Refusal> {
        self.shard_with(id).settle(id.key, value, false)
    }

    /// Settles the pending that has waited longest under `key`. Returns the waiter to wake, if that
    /// pending has one already; the outer `None` means that no pending waits under the key.
    ///
    /// If the pending is released before its value was collected, the value passes to the next one
    /// that waits then. If none waits, the value is lost.
    pub fn settle_next(&self, key: &str, value: V) -> Option<Option<Waiter>> {
        self.shard(shard_of(key)).settle_oldest(key, value, true)
    }

    /// Settles all pendings that wait under `key` now, and adds the waiters to wake to `woken`.
    /// Returns how many it settled.
    ///
    /// It lets the lock go after every `SETTLE_ALL_BATCH` pendings, so that a long queue holds up
    /// no other thread. A pending that arrives meanwhile may be settled in place of one that left
    /// meanwhile; none that stays is passed over.
    pub fn settle_all(&self, key: &str, value: &V, woken: &mut Vec<Waiter>) -> u32 {
        let mut left = self.waiting(key);
        self.settle_while(key, value, &mut left, |batch| {
            woken.extend_from_slice(batch);
            true
        })
    }

    /// Settles pendings as [`settle_all`](Registry::settle_all) does, in steps: for a caller that
    /// has other work in between.
    ///
    /// `left` is how many pendings remain to be settled: at first [`waiting`](Registry::waiting).
    /// This function counts it down, and sets it to zero when none waits any more. After each batch
    /// it calls `goes_on` with the waiters to wake, and returns if that returns false. Returns how
    /// many pendings this step settled.
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
            let done = self.shard(shard_of(key)).settle_batch(
                key,
                value,
                (*left).min(SETTLE_ALL_BATCH),
                &mut woken,
            );
            settled += done;
            *left = if done == 0 { 0 } else { *left - done };
            if !goes_on(&woken) {
                break;
            }
        }
        settled
    }

    /// Returns how many pendings wait under `key`.
    pub fn waiting(&self, key: &str) -> u32 {
        self.shard(shard_of(key)).waiting(key)
    }

    /// Sets the waiter that a settlement of this pending wakes. Returns whether the pending is
    /// settled already: then nothing will wake the waiter for it.
    pub fn arm(&self, id: PendingId, waiter: Waiter) -> bool {
        self.shard_with(id).arm(id.key, waiter)
    }

    /// Returns whether a pending is settled. True for one that is released.
    ///
    /// False may be out of date as soon as it is returned. To end a pending that is not settled,
    /// use [`withdraw`](Registry::withdraw).
    pub fn is_settled(&self, id: PendingId) -> bool {
        !self.shard_with(id).is_waiting(id.key)
    }

    /// Returns whether a wait for these pendings is over. Like
    /// [`is_settled`](Registry::is_settled), false may be out of date as soon as it is returned.
    pub fn is_over(&self, join: Join, ids: impl Iterator<Item = PendingId>) -> bool {
        join.is_over(ids.map(|id| self.is_settled(id)))
    }

    /// Ends a wait for these pendings, and returns whether what it waited for has happened. Call it
    /// once for each wait.
    ///
    /// A settlement whose sender got `Ok` has happened, even if the waiter was not woken yet. After
    /// false, no sender gets `Ok` any more for the pendings that decided the answer. After true,
    /// the pendings that are not settled still wait, unless a settlement arrived while this
    /// function ran.
    pub fn conclude(&self, join: Join, ids: impl Iterator<Item = PendingId> + Clone) -> bool {
        // First look without withdrawing: a wait that is over leaves its unsettled pendings alive,
        // to be waited for again. Then withdraw one by one. A pending that can't be withdrawn was
        // settled in between, and counts as settled.
        self.is_over(join, ids.clone()) || join.is_over(ids.map(|id| !self.withdraw(id)))
    }

    /// Returns the value that a pending is settled with, and marks the value as consumed: it will
    /// not pass on to another pending. A pending that is not settled loses its waiter, and waits
    /// on.
    pub fn collect(&self, id: PendingId) -> Option<V> {
        self.shard_with(id).collect(id.key)
    }

    /// Ends a pending that waits: from now on no sender gets `Ok` for it. Returns whether it
    /// waited. A settled pending stays as it is.
    pub fn withdraw(&self, id: PendingId) -> bool {
        let mut shard = self.shard_with(id);
        let waits = shard.is_waiting(id.key);
        if waits {
            self.remove(&mut shard, id);
        }
        waits
    }

    /// Ends a pending, settled or not.
    ///
    /// If [`settle_next`](Registry::settle_next) settled it and its value was not consumed, the
    /// value passes to the next pending that waits under the key. Returns the waiter that this
    /// wakes.
    pub fn release(&self, id: PendingId) -> Option<Waiter> {
        let mut shard = self.shard_with(id);
        self.remove(&mut shard, id)
    }

    /// Removes a pending from its shard, and from the counts.
    fn remove(&self, shard: &mut Shard<V>, id: PendingId) -> Option<Waiter> {
        let (owner, to_wake) = shard.remove(id.key)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.owners.remove(owner);
        to_wake
    }

    fn shard_with(&self, id: PendingId) -> MutexGuard<'_, Shard<V>> {
        self.shard(usize::from(id.shard))
    }

    fn shard(&self, number: usize) -> MutexGuard<'_, Shard<V>> {
        lock(&self.shards[number % SHARDS])
    }
}

/// Returns the shard of a key, by its FNV-1a hash. Somebody who picks keys that collide gains
/// contention on one lock, and nothing else.
#[inline]
fn shard_of(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash ^ hash >> 32) as usize) % SHARDS
}

/// Reads a token: the id of the pending that it may name, and the secret. Accepts only what
/// [`Registry::token`] writes, so that a pending has one token and no variants of it.
fn parse_token(token: &str) -> Option<(PendingId, u128)> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if token.len() != TOKEN_BYTES * 2 || !token.bytes().all(lower_hex) {
        return None;
    }
    let shard =
        u16::from_str_radix(&token[..4], 16).ok().filter(|&shard| usize::from(shard) < SHARDS)?;
    let slot = u32::from_str_radix(&token[4..12], 16).ok()?;
    let generation = u32::from_str_radix(&token[12..20], 16).ok()?;
    let secret = u128::from_str_radix(&token[20..], 16).ok()?;
    Some((PendingId { shard, key: Key { slot, generation } }, secret))
}

#[cfg(test)]
mod tests;
