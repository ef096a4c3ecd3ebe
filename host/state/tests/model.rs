//! Random histories, beside a simple, slow model of the store: in memory, and on a disk that fails
//! now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use snow_state::{
    Action, Change, Changes, Condition, Entry, Journal, JournalError, Listener, Outcome, Place,
    Store, StoreError, StoreLimits, Submitted, Ticket, Usage, Version, Watch, Write,
};

const BUCKETS: [&str; 2] = ["x", "y"];
const KEYS: [&str; 3] = ["a", "ab", "b"];
const ENTRIES_MAX: usize = 2;
/// A version that no key ever has.
const NEVER: Version = Version(0);

#[derive(Clone, Debug)]
enum Step {
    /// Somebody writes, and waits until it is done.
    Apply(Draft),
    /// Somebody writes, and is told later.
    Submit(Draft),
    /// Somebody waits for a change since the present version, or since another one.
    Wait { bucket: usize, key: usize, is_stale: bool },
    /// A waiter leaves: any there ever was.
    Leave(usize),
    /// Time passes.
    Pass(u64),
    /// The store's thread works.
    Work,
    /// The disk begins to fail, or to work.
    Disk { fails: bool },
}

/// A write, with its condition as it was meant.
#[derive(Clone, Debug)]
struct Draft {
    bucket: usize,
    key: usize,
    what: What,
    only: Only,
}

#[derive(Clone, Debug)]
enum What {
    Set { value: &'static str, lives_ms: Option<u64> },
    Delete,
    Increment(i64),
    SetMany,
    DeleteMany,
}

#[derive(Clone, Copy, Debug)]
enum Only {
    Always,
    Absent,
    Present,
    Never,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![
        4 => (prop::sample::select(vec!["", "7", "-3", "text"]), prop::option::of(0..30u64))
            .prop_map(|(value, lives_ms)| What::Set { value, lives_ms }),
        2 => Just(What::Delete),
        2 => (-2..3i64).prop_map(What::Increment),
        1 => Just(What::SetMany),
        1 => Just(What::DeleteMany),
    ];
    let only = prop_oneof![
        3 => Just(Only::Always), 1 => Just(Only::Absent), 1 => Just(Only::Present),
        1 => Just(Only::Never)
    ];
    let draft = (0..BUCKETS.len(), 0..KEYS.len(), what, only)
        .prop_map(|(bucket, key, what, only)| Draft { bucket, key, what, only });
    let step = prop_oneof![
        4 => draft.clone().prop_map(Step::Apply),
        4 => draft.prop_map(Step::Submit),
        4 => (0..BUCKETS.len(), 0..KEYS.len(), prop::bool::weighted(0.2))
            .prop_map(|(bucket, key, is_stale)| Step::Wait { bucket, key, is_stale }),
        1 => (0..40usize).prop_map(Step::Leave),
        2 => (0..20u64).prop_map(Step::Pass),
        3 => Just(Step::Work),
        1 => any::<bool>().prop_map(|fails| Step::Disk { fails }),
    ];
    prop::collection::vec(step, 0..80)
}

#[derive(Default)]
struct Notes {
    woken: Mutex<Vec<usize>>,
    done: Mutex<Vec<(usize, Result<Outcome, StoreError>)>>,
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

/// A bucket and a key.
type At = (String, String);

/// A journal whose entries anybody can look at.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<(BTreeMap<At, Entry>, bool)>>);

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

/// What a key holds, without its version: the model does not guess versions, it is told them.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    value: String,
    expires_ms: Option<u64>,
}

#[derive(Clone, Default)]
struct Model {
    held: BTreeMap<At, Held>,
    waiting: BTreeMap<At, BTreeSet<usize>>,
    woken: BTreeSet<usize>,
}

impl Model {
    fn look(&self, place: &At, now_ms: u64) -> Option<&Held> {
        self.held.get(place).filter(|held| held.expires_ms.is_none_or(|at| now_ms < at))
    }

    fn put(&mut self, place: At, held: Option<Held>) {
        match held {
            Some(held) => drop(self.held.insert(place.clone(), held)),
            None => drop(self.held.remove(&place)),
        }
        self.woken.extend(self.waiting.remove(&place).unwrap_or_default());
    }

    /// Does a write. Returns whether it was done, and whether it changed anything.
    fn write(&mut self, write: &Write, holds: bool, now_ms: u64) -> (bool, bool) {
        let before = self.clone();
        let place = |key: &str| (write.bucket.to_string(), key.to_owned());
        let mut changed = true;
        let done = match &write.action {
            Action::Set { key, value, expires_ms, .. } => {
                let value = String::from_utf8(value.to_vec()).unwrap();
                self.put(place(key), Some(Held { value, expires_ms: *expires_ms }));
                holds
            }
            Action::Delete { key, .. } => {
                changed = self.look(&place(key), now_ms).is_some();
                if changed {
                    self.put(place(key), None);
                }
                holds
            }
            Action::Increment { key, by } => {
                let held = self.look(&place(key), now_ms).cloned();
                let old = held.as_ref().map_or(Ok(0), |held| held.value.parse::<i64>());
                let expires_ms = held.and_then(|held| held.expires_ms);
                let value = (old.clone().unwrap_or(0) + by).to_string();
                self.put(place(key), Some(Held { value, expires_ms }));
                old.is_ok()
            }
            Action::SetMany(entries) => {
                for (key, value) in entries {
                    let value = String::from_utf8(value.to_vec()).unwrap();
                    self.put(place(key), Some(Held { value, expires_ms: None }));
                }
                true
            }
            Action::DeleteMany(keys) => {
                changed = false;
                for key in keys {
                    if self.look(&place(key), now_ms).is_some() {
                        changed = true;
                        self.put(place(key), None);
                    }
                }
                true
            }
        };
        let entries = |model: &Model| {
            model.held.keys().filter(|(bucket, _)| **bucket == *write.bucket).count()
        };
        let has_room = entries(self) <= ENTRIES_MAX.max(entries(&before));
        if !(done && has_room) {
            *self = before;
        }
        (done && has_room, done && has_room && changed)
    }

    /// Removes what has expired. Returns whether there was anything.
    fn expire(&mut self, now_ms: u64) -> bool {
        let is_expired = |held: &Held| held.expires_ms.is_some_and(|at| at <= now_ms);
        let held = self.held.iter().filter(|(_, held)| is_expired(held));
        let expired: Vec<At> = held.map(|(place, _)| place.clone()).collect();
        expired.iter().for_each(|place| self.put(place.clone(), None));
        !expired.is_empty()
    }
}

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
