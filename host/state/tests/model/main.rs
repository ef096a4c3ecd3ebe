//! Random histories, beside a simple, slow model of the store: in memory, and on a disk that fails
//! now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use snow_state::{
    Action, Condition, Outcome, Store, StoreError, StoreLimits, Submitted, Ticket, Usage, Version,
    Watch, Write,
};

use self::ends::{Kept, Notes};
use self::history::{Draft, Only, Step, What, steps};
use self::simple::{At, Held, Model};

mod ends;
mod history;
mod simple;

const BUCKETS: [&str; 2] = ["x", "y"];
const KEYS: [&str; 3] = ["a", "ab", "b"];
const ENTRIES_MAX: usize = 2;
/// A version that no key ever has.
const NEVER: Version = Version(0);

/// A store and its model, side by side.
struct Pair {
    store: Store<Notes>,
    disk: Option<Kept>,
    model: Model,
    now_ms: u64,
    tickets: Vec<(usize, At, Ticket)>,
    waiters: usize,
    queue: Vec<(usize, Write, Only)>,
    callers: usize,
}

impl Pair {
    fn new(disk: Option<Kept>) -> Pair {
        let limits =
            StoreLimits { store_bucket_entries_max: ENTRIES_MAX, ..StoreLimits::default() };
        let store = match &disk {
            Some(kept) => {
                Store::on_disk(limits, Notes::default(), Box::new(kept.clone()), 0).unwrap()
            }
            None => Store::in_memory(limits, Notes::default(), 0),
        };
        let (tickets, queue) = (Vec::new(), Vec::new());
        let model = Model::default();
        Pair { store, disk, model, now_ms: 0, tickets, waiters: 0, queue, callers: 0 }
    }

    fn version(&self, bucket: &str, key: &str) -> Option<Version> {
        self.store.get(bucket, key, self.now_ms).map(|entry| entry.version)
    }

    fn write(&self, draft: &Draft) -> Write {
        let (bucket, key) = (BUCKETS[draft.bucket], KEYS[draft.key]);
        let only = match draft.only {
            Only::Always => Condition::Always,
            Only::Absent => Condition::Absent,
            Only::Present => Condition::Version(self.version(bucket, key).unwrap_or(NEVER)),
            Only::Never => Condition::Version(NEVER),
        };
        let many = || KEYS[draft.key..].iter().chain(&KEYS[..1]);
        let action = match draft.what {
            What::Set { value, lives_ms } => Action::Set {
                key: key.into(),
                value: value.as_bytes().into(),
                expires_ms: lives_ms.map(|ms| self.now_ms + ms),
                only,
            },
            What::Delete => Action::Delete { key: key.into(), only },
            What::Increment(by) => Action::Increment { key: key.into(), by },
            What::SetMany => {
                Action::SetMany(many().map(|&key| (key.into(), key.as_bytes().into())).collect())
            }
            What::DeleteMany => Action::DeleteMany(many().map(|&key| key.into()).collect()),
        };
        Write { bucket: bucket.into(), action }
    }

    /// Returns whether a write's condition holds, going by what everybody can see.
    fn holds(&self, model: &Model, write: &Write) -> bool {
        let (Action::Set { key, only, .. } | Action::Delete { key, only }) = &write.action else {
            return true;
        };
        let place = (write.bucket.to_string(), key.to_string());
        match only {
            Condition::Always => true,
            Condition::Absent => model.look(&place, self.now_ms).is_none(),
            // Versions are the store's to know; in a queue, only the first write can have the one
            // that was seen, which `run` looks after.
            Condition::Version(version) => {
                self.version(&write.bucket, key) == Some(*version)
                    && model.held.get(&place) == self.model.held.get(&place)
            }
        }
    }

    /// Does writes in the model as one batch. Returns which are done, or `None` if the disk failed.
    fn run(&mut self, writes: &[Write], expires: bool) -> Option<Vec<bool>> {
        let mut next = self.model.clone();
        let mut changes = expires && next.expire(self.now_ms);
        let mut touched: BTreeSet<At> = BTreeSet::new();
        let mut done = Vec::new();
        for write in writes {
            let mut holds = self.holds(&next, write);
            if let Action::Set { key, only: Condition::Version(_), .. }
            | Action::Delete { key, only: Condition::Version(_) } = &write.action
            {
                holds &= !touched.contains(&(write.bucket.to_string(), key.to_string()));
            }
            let (is_done, changed) = next.write(write, holds, self.now_ms);
            changes |= changed;
            if changed {
                let place = |key: &Arc<str>| (write.bucket.to_string(), key.to_string());
                match &write.action {
                    Action::Set { key, .. }
                    | Action::Delete { key, .. }
                    | Action::Increment { key, .. } => drop(touched.insert(place(key))),
                    Action::SetMany(entries) => {
                        touched.extend(entries.iter().map(|(key, _)| place(key)));
                    }
                    Action::DeleteMany(keys) => touched.extend(keys.iter().map(place)),
                }
            }
            done.push(is_done);
        }
        let fails = self.disk.as_ref().is_some_and(|disk| disk.0.lock().unwrap().1);
        if fails && changes {
            return None;
        }
        self.model = next;
        Some(done)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Apply(draft) => {
                let write = self.write(draft);
                let expected = self.run(std::slice::from_ref(&write), false);
                self.compare(&self.store.apply(&write, self.now_ms), expected.map(|done| done[0]));
            }
            Step::Submit(draft) => {
                let write = self.write(draft);
                self.callers += 1;
                if self.disk.is_none() {
                    let expected = self.run(std::slice::from_ref(&write), false);
                    let result = self.store.submit(write, self.callers, self.now_ms);
                    let result = result.map(|submitted| match submitted {
                        Submitted::Done(outcome) => outcome,
                        Submitted::Queued => panic!("there is no disk"),
                    });
                    self.compare(&result, expected.map(|done| done[0]));
                } else {
                    let result = self.store.submit(write.clone(), self.callers, self.now_ms);
                    assert_eq!(result, Ok(Submitted::Queued));
                    self.queue.push((self.callers, write, draft.only));
                }
            }
            Step::Work => self.work(),
            Step::Wait { bucket, key, is_stale } => {
                let (bucket, key) = (BUCKETS[*bucket], KEYS[*key]);
                let present = self.version(bucket, key);
                let since = if *is_stale { Some(NEVER) } else { present };
                self.waiters += 1;
                let watch = self.store.changed(bucket, key, since, self.waiters, self.now_ms);
                match watch.expect("there is room for waiters") {
                    Watch::Changed(entry) => {
                        assert!(*is_stale);
                        assert_eq!(entry.map(|entry| entry.version), present);
                    }
                    Watch::Waiting(ticket) => {
                        assert!(!is_stale);
                        let place = (bucket.to_owned(), key.to_owned());
                        self.model.waiting.entry(place.clone()).or_default().insert(self.waiters);
                        self.tickets.push((self.waiters, place, ticket));
                    }
                }
            }
            Step::Leave(nth) => {
                if let Some((waiter, place, ticket)) = self.tickets.get(*nth) {
                    let waits = self.model.waiting.get_mut(place);
                    let waited = waits.is_some_and(|waiters| waiters.remove(waiter));
                    assert_eq!(self.store.forget(*ticket), waited);
                }
            }
            Step::Pass(ms) => self.now_ms += ms,
            Step::Disk { fails } => {
                if let Some(disk) = &self.disk {
                    disk.0.lock().unwrap().1 = *fails;
                }
            }
        }
        self.check();
    }

    fn work(&mut self) {
        let queue = std::mem::take(&mut self.queue);
        let writes: Vec<Write> = queue.iter().map(|(_, write, _)| write.clone()).collect();
        let expected = self.run(&writes, true);
        if expected.is_some() {
            // An entry may have expired before it was set.
            self.run(&[], true);
        }
        self.store.work(self.now_ms, usize::MAX);
        let done = std::mem::take(&mut *self.store.listener().done.lock().unwrap());
        assert_eq!(done.len(), queue.len());
        for (nth, ((caller, result), (expected_caller, ..))) in done.iter().zip(&queue).enumerate()
        {
            assert_eq!(caller, expected_caller);
            self.compare(result, expected.as_ref().map(|done| done[nth]));
        }
    }

    /// Compares a result with what the model expects: done, refused, or the disk failed.
    fn compare(&self, result: &Result<Outcome, StoreError>, expected: Option<bool>) {
        match (result, expected) {
            (Err(StoreError::Unavailable(_)), None) | (Ok(_), Some(true)) => {}
            (
                Err(StoreError::Conflict(_) | StoreError::NotAnInteger | StoreError::Full { .. }),
                Some(false),
            ) => {}
            other => panic!("{other:?}"),
        }
    }

    fn check(&self) {
        for bucket in BUCKETS {
            let mut listed = Vec::new();
            for key in KEYS {
                let place = (bucket.to_owned(), key.to_owned());
                let entry = self.store.get(bucket, key, self.now_ms);
                let found = entry.map(|entry| Held {
                    value: String::from_utf8(entry.value.to_vec()).unwrap(),
                    expires_ms: entry.expires_ms,
                });
                assert_eq!(found.as_ref(), self.model.look(&place, self.now_ms));
                listed.extend(found.map(|_| Arc::from(key)));
            }
            assert_eq!(self.store.list(bucket, "", None, 9, self.now_ms).keys, listed);
        }
        // Each waiter was told once, if its key has changed, and not otherwise.
        let woken = self.store.listener().woken.lock().unwrap();
        assert_eq!(woken.len(), self.model.woken.len());
        assert_eq!(woken.iter().copied().collect::<BTreeSet<_>>(), self.model.woken);
        let stats = self.store.stats();
        let bytes = self.model.held.iter().map(|((_, key), held)| key.len() + held.value.len());
        let usage = Usage { entries: self.model.held.len(), bytes: bytes.sum() };
        assert_eq!(stats.usage, usage);
        let waiting = self.model.waiting.iter().filter(|(_, waiters)| !waiters.is_empty());
        let waiters: usize = waiting.clone().map(|(_, waiters)| waiters.len()).sum();
        assert_eq!(stats.waiters, waiters);
        let buckets = waiting.map(|(place, _)| place).chain(self.model.held.keys());
        let buckets: BTreeSet<&String> = buckets.map(|(bucket, _)| bucket).collect();
        assert_eq!(stats.buckets, buckets.len());
    }

    /// Checks that the disk holds what the memory holds, once it works.
    fn check_disk(&mut self) {
        self.step(&Step::Disk { fails: false });
        self.work();
        let set = What::Set { value: "last", lives_ms: None };
        self.step(&Step::Apply(Draft { bucket: 0, key: 0, what: set, only: Only::Always }));
        self.step(&Step::Apply(Draft {
            bucket: 0,
            key: 0,
            what: What::Delete,
            only: Only::Always,
        }));
        let Some(disk) = &self.disk else { return };
        let kept = &disk.0.lock().unwrap().0;
        let kept = kept.iter().map(|(place, entry)| {
            let value = String::from_utf8(entry.value.to_vec()).unwrap();
            (place.clone(), Held { value, expires_ms: entry.expires_ms })
        });
        assert_eq!(kept.collect::<BTreeMap<_, _>>(), self.model.held);
    }
}

/// A failing case is made small and printed, so no file of seeds is kept.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_store_in_memory_does_as_its_model(steps in steps()) {
        let mut pair = Pair::new(None);
        steps.iter().for_each(|step| pair.step(step));
        pair.check_disk();
    }

    #[test]
    fn a_store_on_disk_does_as_its_model(steps in steps()) {
        let mut pair = Pair::new(Some(Kept::default()));
        steps.iter().for_each(|step| pair.step(step));
        pair.check_disk();
    }
}
