//! The host's own store, in memory or on a disk that fails, and what should be of it: each of those
//! who wait for a change is told once, nobody whose key has changed goes on waiting, and what was
//! acknowledged is there, for those who read it now and for a process that is started anew.

mod others;
mod platter;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use snow_runtime::OperationId;
use snow_state::{
    Action, Condition, Entry, Outcome, Place, Store, StoreError, StoreLimits, Submitted, Ticket,
    Version, Watch, Write,
};

use self::platter::{Fault, Platter};
use self::told::{Notes, Told};
use crate::rng::Rng;
use crate::script::KEYS;

/// The bucket of all guests.
const BUCKET: &str = "scripted";
/// Entries and waiters that are dealt with at a time.
const WORK_BUDGET: usize = 2;
/// How many waiters a write wakes by itself. One, so that two are a wave; or as many as in a server.
const SLICES: [usize; 3] = [1, 2, 256];
/// The store, and who waits for its changes.
pub struct Stored {
    store: Arc<Store<Told>>,
    /// What others do while the disk is busy.
    rng: Rng,
    told: Told,
    limits: StoreLimits,
    /// `None` if the store is in memory.
    disk: Option<Platter>,
    /// What each key holds, by what was acknowledged.
    held: BTreeMap<usize, Held>,
    /// Writes that wait for the disk, by their numbers.
    queued: BTreeMap<u64, Wanted>,
    /// How many writes there were. The number of each is its value.
    writes: u64,
    /// The latest version that somebody has seen.
    latest: Version,
    /// Those who wait, by the operations that they were given.
    watched: BTreeMap<OperationId, Watched>,
    /// How many of those who wait were none of a guest's.
    others: u64,
    /// When the store asked to be called.
    due_ms: Option<u64>,
    /// What has come of it.
    pub done: StoredDone,
}

/// How much was done with the store, to see that it was something.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoredDone {
    /// Those who were told.
    pub woken: u32,
    /// Those whom a write has left to be woken later.
    pub left: u32,
    /// Writes that were refused since the disk failed.
    pub failed: u32,
    /// Processes that were started anew on the disk.
    pub restarts: u32,
    /// Those who came or left while a commit was under way.
    pub meanwhile: u32,
    /// Of the restarts, those that found what a commit that failed has left.
    pub doubts: u32,
}

/// What a key holds: the number of the write that set it, and when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    number: u64,
    expires_ms: Option<u64>,
}

/// What a write is to do: set a key, or delete it.
struct Wanted {
    key: usize,
    held: Option<Held>,
}

struct Watched {
    /// The number of the pending in the ledger. `None` for those who only make waits many.
    pending: Option<usize>,
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

/// Returns what an entry holds at this time.
fn seen(entry: Option<&Entry>, now_ms: u64) -> Option<Held> {
    let entry = entry.filter(|entry| entry.exists_at(now_ms))?;
    let number = u64::from_be_bytes((*entry.value).try_into().expect("it is a number"));
    Some(Held { number, expires_ms: entry.expires_ms })
}

impl Stored {
    /// Creates an empty store, for so many who wait at a time.
    pub fn new(waiters_max: usize, rng: &mut Rng) -> Stored {
        let limits = StoreLimits { store_waiters_max: waiters_max, ..StoreLimits::default() };
        let slice = rng.pick(&SLICES);
        let (told, disk) = (Told::new(slice), rng.percent(50).then(Platter::default));
        // What a process finds on its disk may have expired meanwhile.
        let due_ms = disk.as_ref().map(|_| 0);
        let store = match &disk {
            Some(disk) => Store::on_disk(limits, told.clone(), Box::new(disk.clone()), 0),
            None => Ok(Store::in_memory(limits, told.clone(), 0)),
        };
        Stored {
            store: Arc::new(store.expect("the disk can be read").with_slices_of(slice)),
            rng: Rng::new(rng.number()),
            told,
            limits,
            disk,
            held: BTreeMap::new(),
            queued: BTreeMap::new(),
            writes: 0,
            latest: Version(0),
            watched: BTreeMap::new(),
            others: 0,
            due_ms,
            done: StoredDone::default(),
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
                let pending = Some(pending);
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
        let expires_ms = expires_ms.map(|after_ms| now_ms + u64::from(after_ms));
        let number = self.writes + 1;
        let action = Action::Set {
            key: KEYS[key].into(),
            value: number.to_be_bytes()[..].into(),
            expires_ms,
            only: Condition::Always,
        };
        self.write(action, Wanted { key, held: Some(Held { number, expires_ms }) }, now_ms)
    }

    /// Deletes a key. Returns the pendings of those who were told.
    pub fn delete(&mut self, key: usize, now_ms: u64) -> Vec<usize> {
        let action = Action::Delete { key: KEYS[key].into(), only: Condition::Always };
        self.write(action, Wanted { key, held: None }, now_ms)
    }

    fn write(&mut self, action: Action, wanted: Wanted, now_ms: u64) -> Vec<usize> {
        self.writes += 1;
        let write = Write { bucket: BUCKET.into(), action };
        let key = wanted.key;
        match self.store.submit(write, self.writes, now_ms).expect("there is room for every key") {
            Submitted::Done(_) => self.acknowledged(&wanted),
            Submitted::Queued => drop(self.queued.insert(self.writes, wanted)),
        }
        let told = self.told();
        if self.disk.is_none() {
            let version = self.version(key, now_ms);
            let left = self.watched.values().filter(|it| it.key == key && it.since != version);
            self.done.left += left.count() as u32;
        }
        told
    }

    fn acknowledged(&mut self, Wanted { key, held }: &Wanted) {
        match held {
            Some(held) => drop(self.held.insert(*key, *held)),
            None => drop(self.held.remove(key)),
        }
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
        let others = self.others_act_meanwhile(now_ms);
        self.due_ms = self.store.work(now_ms, WORK_BUDGET);
        if let Some(disk) = &self.disk {
            disk.meanwhile(None);
        }
        for (operation, watched) in others.try_iter() {
            match watched {
                Some(watched) => drop(self.watched.insert(operation, watched)),
                None => drop(self.watched.remove(&operation)),
            }
            self.done.meanwhile += 1;
        }
        self.told()
    }

    /// Takes what the store has told.
    fn told(&mut self) -> Vec<usize> {
        let Notes { changed, done, work_at_ms } = self.told.take();
        self.due_ms = self.due_ms.into_iter().chain(work_at_ms).min();
        for (number, result) in done {
            let oldest = self.queued.first_key_value().map(|(oldest, _)| *oldest);
            assert_eq!(oldest, Some(number), "writes are done in their order");
            let wanted = self.queued.remove(&number).expect("who has written is told once");
            match result {
                Ok(_) => self.acknowledged(&wanted),
                Err(StoreError::Unavailable(_)) => self.done.failed += 1,
                Err(error) => panic!("{error}"),
            }
        }
        self.done.woken += changed.len() as u32;
        let pendings = changed.into_iter().filter_map(|operation| {
            let watched = self.watched.remove(&operation);
            watched.expect("only who waits is told, and once").pending
        });
        pendings.collect()
    }

    fn version(&self, key: usize, now_ms: u64) -> Option<Version> {
        self.store.get(BUCKET, KEYS[key], now_ms).map(|entry| entry.version)
    }

    /// Lets the disk change its mind now and then, and a process be started on it.
    pub fn disk_changes(&mut self, rng: &mut Rng, now_ms: u64) {
        let Some(disk) = &self.disk else { return };
        if rng.percent(5) {
            disk.fail(match rng.below(6) {
                0 => Some(Fault::Full),
                1 => Some(Fault::Torn(rng.number())),
                2 => Some(Fault::Unheard),
                _ => None,
            });
        }
        if rng.percent(5) {
            self.restarts(now_ms);
        }
    }

    /// Lets the disk take writes from now on, and the store's thread try it again.
    pub fn disk_heals(&mut self, now_ms: u64) {
        if let Some(disk) = &self.disk {
            disk.fail(None);
            self.due_ms = Some(now_ms);
        }
    }

    /// Checks what a process would find on the disk if this one ended now: what was acknowledged, or
    /// what a commit has left that failed and was not taken back yet.
    fn restarts(&mut self, now_ms: u64) {
        let Some(disk) = &self.disk else { return };
        let copy = disk.copy();
        let opened = Store::on_disk(self.limits, Told::default(), Box::new(copy.clone()), now_ms);
        let store = opened.expect("the disk can be read");
        for (at, key) in KEYS.iter().enumerate() {
            let found = seen(store.get(BUCKET, key, now_ms).as_ref(), now_ms);
            if found != self.acknowledged_at(at, now_ms) {
                let place = Place { bucket: BUCKET.into(), key: (*key).into() };
                let left = copy.entry(&place);
                assert!(disk.is_in_doubt(&place, left.as_ref()), "{key:?} holds {found:?}");
                self.done.doubts += 1;
            }
        }
        let action = Action::Increment { key: "counts".into(), by: 1 };
        let outcome = store.apply(&Write { bucket: BUCKET.into(), action }, now_ms);
        let Ok(Outcome::Incremented(1, version)) = outcome else { panic!("{outcome:?}") };
        assert!(version > self.latest, "a version is given twice");
        self.done.restarts += 1;
    }

    fn acknowledged_at(&self, key: usize, now_ms: u64) -> Option<Held> {
        let exists = |held: &Held| held.expires_ms.is_none_or(|at_ms| now_ms < at_ms);
        self.held.get(&key).copied().filter(exists)
    }

    /// Checks that everybody sees what was acknowledged and nothing else, that those who wait are
    /// counted, and that nothing they wait for has happened but what the store's thread is about to
    /// tell: at once, or when it tries a disk again that fails.
    pub fn check(&mut self, now_ms: u64) {
        for (at, key) in KEYS.iter().enumerate() {
            let entry = self.store.get(BUCKET, key, now_ms);
            let found = seen(entry.as_ref(), now_ms);
            assert_eq!(found, self.acknowledged_at(at, now_ms), "{key:?}");
            self.latest = self.latest.max(entry.map_or(Version(0), |entry| entry.version));
        }
        let stats = self.store.stats();
        assert_eq!(stats.waiters, self.watched.len(), "waits are counted");
        let has_entries = stats.usage.entries > 0;
        assert!((usize::from(has_entries)..2).contains(&stats.buckets), "buckets are counted");
        let fails = stats.disk.is_some_and(|disk| disk.failing.is_some());
        let is_asked = self.is_due(now_ms) || fails && self.due_ms.is_some();
        assert!(self.queued.is_empty() || self.is_due(now_ms), "nobody would write what is queued");
        assert!(!fails || self.due_ms.is_some(), "nobody would try the disk again");
        for watched in self.watched.values() {
            let is_told = self.version(watched.key, now_ms) == watched.since;
            assert!(is_told || is_asked, "a change of {:?} is lost", KEYS[watched.key]);
        }
    }

    /// Checks that nobody waits any more, and that the disk has everything.
    pub fn nobody_waits(&mut self, now_ms: u64) {
        for operation in self.others().collect::<Vec<_>>() {
            self.cancel(operation);
        }
        while self.is_due(now_ms) {
            self.work(now_ms);
        }
        assert_eq!((self.watched.len(), self.store.stats().waiters), (0, 0), "waits are left");
        assert!(self.queued.is_empty(), "writes are left");
        let stats = self.store.stats();
        assert_eq!(stats.buckets, usize::from(stats.usage.entries > 0), "buckets are counted");
        let doubts = self.done.doubts;
        self.restarts(now_ms);
        assert_eq!(self.done.doubts, doubts, "the disk holds what nobody was told of");
        if let Some(disk) = &self.disk {
            let entries = self.store.stats().usage.entries;
            assert_eq!(disk.entries(), entries, "what has expired is still on the disk");
        }
    }
}
