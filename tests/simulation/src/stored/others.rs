//! Others than guests who wait for changes, so that a key has many who wait, and who come and leave
//! while the disk is busy.

use std::num::NonZeroU64;
use std::sync::mpsc::{self, Receiver};

use snow_runtime::OperationId;
use snow_state::{Store, Watch};

use super::told::Told;
use super::{BUCKET, Stored, Watched};
use crate::rng::Rng;
use crate::script::KEYS;

/// The first of the operations that are none of a guest's.
const OTHERS: u64 = 1 << 40;

/// Returns the next operation that is none of a guest's.
fn other(count: &mut u64) -> OperationId {
    *count += 1;
    OperationId(NonZeroU64::new(OTHERS + *count).expect("it counts from one"))
}

/// Lets one who is none of a guest's wait for the next change of a key.
fn waits(store: &Store<Told>, operation: OperationId, key: usize, now_ms: u64) -> Watched {
    let since = store.get(BUCKET, KEYS[key], now_ms).map(|entry| entry.version);
    match store.changed(BUCKET, KEYS[key], since, operation, now_ms) {
        Ok(Watch::Waiting(ticket)) => Watched { pending: None, key, since, ticket },
        other => panic!("it has not changed: {other:?}"),
    }
}

impl Stored {
    /// Lets others than guests wait for changes, and some of them leave, so that a key has many who
    /// wait.
    pub fn others_wait(&mut self, rng: &mut Rng, now_ms: u64) {
        let key = rng.below(KEYS.len());
        if rng.percent(20) {
            let operations: Vec<OperationId> = self.others().collect();
            if !operations.is_empty() {
                self.cancel(rng.pick(&operations));
            }
        }
        if !rng.percent(10) || self.limits.store_waiters_max < 1_000 {
            return;
        }
        for _ in 0..rng.below(8) {
            let operation = other(&mut self.others);
            self.watched.insert(operation, waits(&self.store, operation, key, now_ms));
        }
    }

    pub(super) fn others(&self) -> impl Iterator<Item = OperationId> {
        self.watched.iter().filter(|(_, it)| it.pending.is_none()).map(|(operation, _)| *operation)
    }

    /// Lets one of the others leave and one come while the next commit is under way, if there is one.
    /// Returns what they have done: who has come, and who has left.
    pub(super) fn others_act_meanwhile(
        &mut self,
        now_ms: u64,
    ) -> Receiver<(OperationId, Option<Watched>)> {
        let (does, done) = mpsc::channel();
        let Some(disk) = self.disk.as_ref().filter(|_| self.rng.percent(50)) else { return done };
        let others: Vec<OperationId> = self.others().collect();
        let leaver = (!others.is_empty()).then(|| others[self.rng.below(others.len())]);
        let leaver = leaver.map(|operation| (operation, self.watched[&operation].ticket));
        let comes = self.limits.store_waiters_max >= 1_000 && self.rng.percent(50);
        let (store, key) = (self.store.clone(), self.rng.below(KEYS.len()));
        let comer = comes.then(|| other(&mut self.others));
        disk.meanwhile(Some(Box::new(move || {
            if let Some((operation, ticket)) = leaver {
                assert!(store.forget(ticket), "nobody is told before a change is durable");
                does.send((operation, None)).expect("it is waited for");
            }
            if let Some(operation) = comer {
                let watched = waits(&store, operation, key, now_ms);
                does.send((operation, Some(watched))).expect("it is waited for");
            }
        })));
        done
    }
}
