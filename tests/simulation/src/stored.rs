//! The host's own store, in memory, and what should be of those who wait for its changes: each is
//! told once, and nobody whose key has changed goes on waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use snow_runtime::OperationId;
use snow_state::{
    Action, Change, Condition, Listener, Outcome, Store, StoreError, StoreLimits, Ticket, Version,
    Watch, Write,
};

use crate::script::KEYS;

/// The bucket of all guests.
const BUCKET: &str = "scripted";
/// Entries and waiters that are dealt with at a time.
const WORK_BUDGET: usize = 2;

/// The store, and who waits for its changes.
pub struct Stored {
    store: Store<Told>,
    told: Told,
    /// Those who wait, by the operations that they were given.
    watched: BTreeMap<OperationId, Watched>,
    /// When the store asked to be called.
    due_ms: Option<u64>,
    /// Those who were told.
    pub woken: u32,
}

struct Watched {
    /// The number of the pending in the ledger.
    pending: usize,
    key: usize,
    since: Option<Version>,
    ticket: Ticket,
}

/// What came of the wish to wait.
pub enum Waits {
    /// The key has another version already.
    Over,
    /// The operation is under way.
    On,
    /// Too many wait.
    Refused,
}

/// What the store has told since somebody looked.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    changed: Vec<OperationId>,
    work_at_ms: Option<u64>,
}

impl Told {
    fn take(&self) -> Notes {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener for Told {
    type Waiter = OperationId;
    type Caller = ();

    fn changed(&self, waiters: &[OperationId], change: &Change) {
        assert_eq!(&*change.bucket, BUCKET);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).changed.extend(waiters);
    }

    fn done(&self, _caller: (), _result: Result<Outcome, StoreError>) {}

    fn work_at(&self, at_ms: u64) {
        let notes = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.work_at_ms = notes.work_at_ms.into_iter().chain([at_ms]).min();
    }
}

impl Stored {
    /// Creates an empty store, for so many who wait at a time.
    pub fn new(waiters_max: usize) -> Stored {
        let limits = StoreLimits { store_waiters_max: waiters_max, ..StoreLimits::default() };
        let told = Told::default();
        Stored {
            store: Store::in_memory(limits, told.clone(), 0),
            told,
            watched: BTreeMap::new(),
            due_ms: None,
            woken: 0,
        }
    }

    /// Lets a pending wait for the next change of a key, or, if the guest `is_late`, for one from a
    /// version that the key does not have.
    pub fn watch(
        &mut self,
        operation: OperationId,
        pending: usize,
        key: usize,
        is_late: bool,
        now_ms: u64,
    ) -> Waits {
        let held = self.version(key, now_ms);
        let since = if is_late { Some(Version(u64::MAX)) } else { held };
        match self.store.changed(BUCKET, KEYS[key], since, operation, now_ms) {
            Ok(Watch::Changed(entry)) => {
                assert_ne!(entry.map(|entry| entry.version), since, "it has not changed");
                Waits::Over
            }
            Ok(Watch::Waiting(ticket)) => {
                assert_eq!(held, since, "a change was lost");
                self.watched.insert(operation, Watched { pending, key, since, ticket });
                Waits::On
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Full { .. }), "{error}");
                Waits::Refused
            }
        }
    }

    /// Sets a key, perhaps for so many milliseconds. Returns the pendings of those who were told.
    pub fn set(&mut self, key: usize, expires_ms: Option<u32>, now_ms: u64) -> Vec<usize> {
        let action = Action::Set {
            key: KEYS[key].into(),
            value: [].into(),
            expires_ms: expires_ms.map(|after_ms| now_ms + u64::from(after_ms)),
            only: Condition::Always,
        };
        self.write(action, now_ms)
    }

    /// Deletes a key. Returns the pendings of those who were told.
    pub fn delete(&mut self, key: usize, now_ms: u64) -> Vec<usize> {
        self.write(Action::Delete { key: KEYS[key].into(), only: Condition::Always }, now_ms)
    }

    fn write(&mut self, action: Action, now_ms: u64) -> Vec<usize> {
        let write = Write { bucket: BUCKET.into(), action };
        self.store.apply(&write, now_ms).expect("there is room for every key");
        self.told()
    }

    /// Ends a wait, if it is one and goes on.
    pub fn cancel(&mut self, operation: OperationId) {
        if let Some(watched) = self.watched.remove(&operation) {
            assert!(self.store.forget(watched.ticket), "who was not told waits");
        }
    }

    /// Returns whether the store's thread has something to do.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// Does a part of what the store does later. Returns the pendings of those who were told.
    pub fn work(&mut self, now_ms: u64) -> Vec<usize> {
        if !self.is_due(now_ms) {
            return Vec::new();
        }
        self.due_ms = self.store.work(now_ms, WORK_BUDGET);
        self.told()
    }

    /// Takes what the store has told.
    fn told(&mut self) -> Vec<usize> {
        let Notes { changed, work_at_ms } = self.told.take();
        self.due_ms = self.due_ms.into_iter().chain(work_at_ms).min();
        let pendings = changed.into_iter().map(|operation| {
            let watched = self.watched.remove(&operation);
            watched.expect("only who waits is told, and once").pending
        });
        let pendings: Vec<usize> = pendings.collect();
        self.woken += pendings.len() as u32;
        pendings
    }

    fn version(&self, key: usize, now_ms: u64) -> Option<Version> {
        self.store.get(BUCKET, KEYS[key], now_ms).map(|entry| entry.version)
    }

    /// Checks that those who wait are counted, and that nothing they wait for has happened but what
    /// the store's thread is about to tell.
    pub fn check(&self, now_ms: u64) {
        assert_eq!(self.store.stats().waiters, self.watched.len(), "waits are counted");
        for watched in self.watched.values() {
            let is_told = self.version(watched.key, now_ms) == watched.since;
            assert!(is_told || self.is_due(now_ms), "a change of {:?} is lost", KEYS[watched.key]);
        }
    }

    /// Checks that nobody waits any more.
    pub fn nobody_waits(&self) {
        assert_eq!((self.watched.len(), self.store.stats().waiters), (0, 0), "waits are left");
    }
}
