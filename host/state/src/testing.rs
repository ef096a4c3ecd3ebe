//! What tests of this crate share: a listener that notes what it is told, and short ways to write.

use snow_core::sync::{Arc, Mutex, lock};

use crate::disk::{Changes, Journal, JournalError};
use crate::entry::{Entry, Place, Version};
use crate::error::{Limit, StoreError};
use crate::limits::StoreLimits;
use crate::listener::Listener;
use crate::shard::SLICE;
use crate::store::{Store, Ticket, Watch};
use crate::waiters::Change;
use crate::write::{Action, Condition, Outcome, Write};

/// A limit that all guests share, and who has the most of it.
type Full = (Limit, Vec<(usize, Arc<str>)>);

/// Notes what it is told.
#[derive(Default)]
pub struct Notes {
    pub woken: Mutex<Vec<(u32, Option<Vec<u8>>)>>,
    pub work_at: Mutex<Vec<u64>>,
    pub done: Mutex<Vec<(u32, Result<Outcome, StoreError>)>>,
    pub disk: Mutex<Vec<Option<String>>>,
    pub full: Mutex<Vec<Full>>,
}

impl Listener for Notes {
    type Waiter = u32;
    type Caller = u32;

    fn changed(&self, waiters: &[u32], change: &Change) {
        assert!(waiters.len() <= SLICE);
        let value = change.entry.as_ref().map(|entry| entry.value.to_vec());
        lock(&self.woken).extend(waiters.iter().map(|&waiter| (waiter, value.clone())));
    }

    fn done(&self, caller: u32, result: Result<Outcome, StoreError>) {
        lock(&self.done).push((caller, result));
    }

    fn disk(&self, failing: Option<&JournalError>) {
        lock(&self.disk).push(failing.map(ToString::to_string));
    }

    fn full(&self, limit: Limit, guests: &[(usize, Arc<str>)]) {
        lock(&self.full).push((limit, guests.to_vec()));
    }

    fn work_at(&self, at_ms: u64) {
        lock(&self.work_at).push(at_ms);
    }
}

/// A disk that takes everything and keeps nothing.
pub struct Void;

impl Journal for Void {
    fn load(&mut self, _: &mut dyn FnMut(Place, Entry)) -> Result<Option<Version>, JournalError> {
        Ok(None)
    }

    fn commit(&mut self, _: &Changes) -> Result<(), JournalError> {
        Ok(())
    }
}

pub fn store(limits: StoreLimits) -> Store<Notes> {
    Store::in_memory(limits, Notes::default(), 0)
}

pub fn set(key: &str, value: &str) -> Write {
    set_if(key, value, Condition::Always)
}

pub fn set_if(key: &str, value: &str, only: Condition) -> Write {
    let value = value.as_bytes().into();
    let action = Action::Set { key: key.into(), value, expires_ms: None, only };
    Write { bucket: "b".into(), action }
}

pub fn set_until(key: &str, expires_ms: u64) -> Write {
    let value = (*b"v").into();
    let only = Condition::Always;
    let action = Action::Set { key: key.into(), value, expires_ms: Some(expires_ms), only };
    Write { bucket: "b".into(), action }
}

pub fn delete(key: &str) -> Write {
    Write {
        bucket: "b".into(),
        action: Action::Delete { key: key.into(), only: Condition::Always },
    }
}

pub fn increment(key: &str, by: i64) -> Write {
    Write { bucket: "b".into(), action: Action::Increment { key: key.into(), by } }
}

impl Store<Notes> {
    /// Returns what a key of the bucket `b` holds, as text.
    pub fn value(&self, key: &str, now_ms: u64) -> Option<String> {
        self.get("b", key, now_ms).map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
    }

    /// Waits for a key of the bucket `b`, which has this version.
    pub fn wait(&self, key: &str, since: Option<Version>, waiter: u32) -> Ticket {
        match self.changed("b", key, since, waiter, 0) {
            Ok(Watch::Waiting(ticket)) => ticket,
            other => panic!("it should wait: {other:?}"),
        }
    }

    /// Takes whom the listener was told of, in order.
    pub fn woken(&self) -> Vec<u32> {
        std::mem::take(&mut *lock(&self.listener().woken)).into_iter().map(|(who, _)| who).collect()
    }
}
