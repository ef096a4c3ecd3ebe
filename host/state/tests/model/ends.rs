//! What the store speaks to: a listener that notes what it is told, and a disk that anybody can
//! look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use snow_state::{
    Change, Changes, Entry, Journal, JournalError, Listener, Outcome, Place, StoreError, Version,
};

use crate::simple::At;

#[derive(Default)]
pub struct Notes {
    pub woken: Mutex<Vec<usize>>,
    pub done: Mutex<Vec<(usize, Result<Outcome, StoreError>)>>,
}

impl Listener for Notes {
    type Waiter = usize;
    type Caller = usize;

    fn changed(&self, waiters: &[usize], _change: &Change) {
        self.woken.lock().unwrap().extend(waiters);
    }

    fn done(&self, caller: usize, result: Result<Outcome, StoreError>) {
        self.done.lock().unwrap().push((caller, result));
    }

    fn work_at(&self, _at_ms: u64) {}
}

/// A journal whose entries anybody can look at.
#[derive(Clone, Default)]
pub struct Kept(pub Arc<Mutex<(BTreeMap<At, Entry>, bool)>>);

impl Journal for Kept {
    fn load(
        &mut self,
        _each: &mut dyn FnMut(Place, Entry),
    ) -> Result<Option<Version>, JournalError> {
        Ok(None)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), JournalError> {
        let (kept, fails) = &mut *self.0.lock().unwrap();
        for (bucket, entries) in &changes.entries {
            for (key, entry) in entries {
                let place = (bucket.to_string(), key.to_string());
                match entry {
                    Some(entry) => drop(kept.insert(place, entry.clone())),
                    None => drop(kept.remove(&place)),
                }
            }
        }
        // It fails after everything was written, which is the worst case.
        if *fails { Err(JournalError("fails".to_owned())) } else { Ok(()) }
    }
}
