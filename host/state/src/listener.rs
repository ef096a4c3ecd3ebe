//! Whom the store tells.

use snow_core::sync::{Arc, Mutex, lock};

use crate::disk::JournalError;
use crate::error::{Limit, StoreError};
use crate::waiters::Change;
use crate::write::Outcome;

/// Whoever owns a [`Store`](crate::Store) and is told by it.
///
/// No lock that an operation needs is held during a call, so a listener may read, submit, wait and
/// forget. Only [`apply`](crate::Store::apply) on disk and [`work`](crate::Store::work) are not for
/// it: they would wait for the very batch that it is told of.
pub trait Listener: Send + Sync + 'static {
    /// Names whoever waits for a change, such as a pending. Small: each waiter takes so many bytes
    /// and 20 more.
    type Waiter: Copy + Send + 'static;
    /// Names whoever submitted a write that goes to the disk.
    type Caller: Send + 'static;

    /// Is told that a key has changed, with waiters of that key: at most 256 of them, and each
    /// waiter once.
    ///
    /// It is called on the thread of the write or on the store's thread. A waiter that was
    /// [forgotten](crate::Store::forget) a moment ago may be among them.
    fn changed(&self, waiters: &[Self::Waiter], change: &Change);

    /// Is told the result of a write that was [queued](crate::Submitted::Queued).
    fn done(&self, caller: Self::Caller, result: Result<Outcome, StoreError>);

    /// Is told that the disk has begun to fail, or, by `None`, that it takes writes again.
    fn disk(&self, failing: Option<&JournalError>) {
        let _ = failing;
    }

    /// Is told that a guest was refused because of a limit that all guests share, and which guests
    /// have the most of it, with how much. At most once a minute.
    fn full(&self, limit: Limit, guests: &[(usize, Arc<str>)]) {
        let _ = (limit, guests);
    }

    /// Is told that [`work`](crate::Store::work) is to be called at this time, which is earlier
    /// than what the last call of `work` returned.
    ///
    /// It is called on any thread, also while `work` runs on another. So whoever waits notes it
    /// under the lock under which the waiting thread looks before it sleeps.
    fn work_at(&self, at_ms: u64);
}

/// Nobody: for a store in which nobody waits.
impl Listener for () {
    type Waiter = ();
    type Caller = ();

    fn changed(&self, _waiters: &[()], _change: &Change) {}

    fn done(&self, _caller: (), _result: Result<Outcome, StoreError>) {}

    fn work_at(&self, _at_ms: u64) {}
}

/// When [`work`](crate::Store::work) is to be called next, as far as it was asked for.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// `u64::MAX`: not at all.
    at_ms: Mutex<u64>,
}

impl Alarm {
    pub fn new() -> Alarm {
        Alarm { at_ms: Mutex::new(u64::MAX) }
    }

    /// Asks for work at a time. Returns whether that is earlier than all that was asked for, so
    /// that somebody must be told.
    pub fn ask(&self, at_ms: u64) -> bool {
        let mut earliest = lock(&self.at_ms);
        let is_earlier = at_ms < *earliest;
        if is_earlier {
            *earliest = at_ms;
        }
        is_earlier
    }

    /// Forgets what was asked for, because work begins. Whatever is asked for from now on may have
    /// been missed by it.
    pub fn clear(&self) {
        *lock(&self.at_ms) = u64::MAX;
    }

    /// Returns the earliest time that was asked for.
    pub fn at_ms(&self) -> Option<u64> {
        let at_ms = *lock(&self.at_ms);
        (at_ms != u64::MAX).then_some(at_ms)
    }
}
