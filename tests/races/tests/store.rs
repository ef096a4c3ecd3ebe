//! The store, raced: no change is lost between a look and a wait, and each waiter is told once.

use loom::thread;
use snow_core::sync::{Arc, Mutex, lock};
use snow_races::in_every_order;
use snow_state::{
    Action, Change, Changes, Condition, Entry, Journal, JournalError, Listener, Outcome, Place,
    Store, StoreError, StoreLimits, Submitted, Ticket, Version, Watch, Write,
};

const BUCKET: &str = "b";
const KEY: &str = "k";

/// Notes what it is told.
#[derive(Default)]
struct Notes {
    told: Mutex<Vec<u32>>,
    done: Mutex<Vec<u32>>,
    work_at: Mutex<Vec<u64>>,
}

impl Listener for Notes {
    type Waiter = u32;
    type Caller = u32;

    fn changed(&self, waiters: &[u32], _: &Change) {
        lock(&self.told).extend(waiters);
    }

    fn done(&self, caller: u32, result: Result<Outcome, StoreError>) {
        assert!(result.is_ok(), "{result:?}");
        lock(&self.done).push(caller);
    }

    fn work_at(&self, at_ms: u64) {
        lock(&self.work_at).push(at_ms);
    }
}

/// A disk that takes everything at once.
struct Disk;

impl Journal for Disk {
    fn load(&mut self, _: &mut dyn FnMut(Place, Entry)) -> Result<Option<Version>, JournalError> {
        Ok(None)
    }

    fn commit(&mut self, _: &Changes) -> Result<(), JournalError> {
        Ok(())
    }
}

type Shared = Arc<Store<Notes>>;

fn in_memory(limits: StoreLimits) -> Shared {
    Arc::new(Store::in_memory(limits, Notes::default(), 0))
}

fn set(only: Condition) -> Write {
    let action = Action::Set { key: KEY.into(), value: [].into(), expires_ms: None, only };
    Write { bucket: BUCKET.into(), action }
}

/// Looks at the key, and waits for its next change. `None` if it has changed since the look.
fn look_and_wait(store: &Shared, waiter: u32) -> Option<Ticket> {
    let seen = store.get(BUCKET, KEY, 0).map(|entry| entry.version);
    match store.changed(BUCKET, KEY, seen, waiter, 0) {
        Ok(Watch::Waiting(ticket)) => Some(ticket),
        Ok(Watch::Changed(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// How often a waiter was told.
fn told(store: &Shared, waiter: u32) -> usize {
    lock(&store.listener().told).iter().filter(|told| **told == waiter).count()
}

/// Calls `work` as the store's thread does, until nothing is due at this time.
fn work_off(store: &Shared) {
    while store.work(0, 1) == Some(0) {}
}

#[test]
fn a_write_between_the_look_and_the_wait_is_not_lost() {
    in_every_order(|| {
        let store = in_memory(StoreLimits::default());
        let theirs = store.clone();
        let writer = thread::spawn(move || theirs.apply(&set(Condition::Always), 0));
        let seen = store.get(BUCKET, KEY, 0).map(|entry| entry.version);
        let waits = store.changed(BUCKET, KEY, seen, 1, 0).expect("there is room");
        writer.join().unwrap().expect("it is written");
        let expected = match (seen, waits) {
            // The write was over before the look.
            (Some(_), Watch::Waiting(_)) => 0,
            (None, Watch::Waiting(_)) => 1,
            (None, Watch::Changed(entry)) => {
                assert!(entry.is_some());
                0
            }
            (Some(_), Watch::Changed(_)) => panic!("it was written once"),
        };
        assert_eq!(told(&store, 1), expected);
        assert_eq!(store.stats().waiters, usize::from(seen.is_some()));
    });
}

#[test]
fn a_wait_that_ends_while_its_key_changes_is_told_or_forgotten_and_never_both() {
    in_every_order(|| {
        let store = in_memory(StoreLimits::default());
        let ticket = look_and_wait(&store, 1).expect("nobody has written");
        let (writes, ends) = (store.clone(), store.clone());
        let writer = thread::spawn(move || writes.apply(&set(Condition::Always), 0));
        let leaver = thread::spawn(move || ends.forget(ticket));
        // Another one begins to wait meanwhile, in the slot that may just have become free.
        let other = look_and_wait(&store, 2);
        writer.join().unwrap().expect("it is written");
        let was_waiting = leaver.join().unwrap();
        assert_eq!(told(&store, 1), usize::from(!was_waiting));
        let still_waits = match (other, told(&store, 2)) {
            (None, 0) | (Some(_), 1) => 0,
            // It began to wait after the write.
            (Some(ticket), 0) => {
                assert!(store.forget(ticket));
                0
            }
            (_, told) => panic!("it was told {told} times"),
        };
        let stats = store.stats();
        assert_eq!((stats.waiters, stats.buckets), (still_waits, 1), "totals agree");
    });
}

#[test]
fn of_two_who_write_from_one_version_one_wins_and_the_other_learns_of_it() {
    in_every_order(|| {
        let store = in_memory(StoreLimits::default());
        look_and_wait(&store, 1).expect("nobody has written");
        let theirs = store.clone();
        let other = thread::spawn(move || theirs.apply(&set(Condition::Absent), 0));
        let results = [store.apply(&set(Condition::Absent), 0), other.join().unwrap()];
        let held = store.get(BUCKET, KEY, 0).expect("one of them wrote");
        match &results {
            [Ok(Outcome::Set(version)), Err(StoreError::Conflict(Some(won)))]
            | [Err(StoreError::Conflict(Some(won))), Ok(Outcome::Set(version))] => {
                assert_eq!((*version, won.version), (held.version, held.version));
            }
            results => panic!("{results:?}"),
        }
        assert_eq!(told(&store, 1), 1);
        assert_eq!(store.stats().waiters, 0);
    });
}

/// Under loom a write wakes one waiter by itself, and one turn of `work` another one. So of three, the
/// second and the third are what is left of a wave.
#[test]
fn the_rest_of_a_wave_is_woken_by_work_that_is_asked_for() {
    in_every_order(|| {
        let store = in_memory(StoreLimits::default());
        for waiter in [1, 2, 3] {
            look_and_wait(&store, waiter).expect("nobody has written");
        }
        let (writes, works) = (store.clone(), store.clone());
        let writer = thread::spawn(move || writes.apply(&set(Condition::Always), 0));
        let worker = thread::spawn(move || works.work(0, 1));
        writer.join().unwrap().expect("it is written");
        let due_ms = worker.join().unwrap();
        let left = 3 - lock(&store.listener().told).len();
        // They are left to the next call, for which somebody must have asked.
        let asked = due_ms.is_some() || !lock(&store.listener().work_at).is_empty();
        assert!(left == 0 || asked, "nobody would wake them");
        work_off(&store);
        assert_eq!([1, 2, 3].map(|waiter| told(&store, waiter)), [1, 1, 1]);
        assert_eq!(store.stats().waiters, 0);
    });
}

#[test]
fn who_leaves_while_a_wave_is_woken_is_told_or_forgotten_and_never_both() {
    in_every_order(|| {
        let store = in_memory(StoreLimits::default());
        look_and_wait(&store, 1).expect("nobody has written");
        let last = look_and_wait(&store, 2).expect("nobody has written");
        let (writes, works) = (store.clone(), store.clone());
        let writer = thread::spawn(move || writes.apply(&set(Condition::Always), 0));
        let worker = thread::spawn(move || works.work(0, 1));
        let was_waiting = store.forget(last);
        writer.join().unwrap().expect("it is written");
        worker.join().unwrap();
        work_off(&store);
        assert_eq!(told(&store, 1), 1);
        assert_eq!(told(&store, 2), usize::from(!was_waiting));
        assert_eq!(store.stats().waiters, 0);
    });
}

#[test]
fn of_two_who_want_the_last_room_to_wait_at_most_one_gets_it() {
    in_every_order(|| {
        let limits = StoreLimits { store_waiters_max: 1, ..StoreLimits::default() };
        let store = in_memory(limits);
        let theirs = store.clone();
        let wait = |store: &Shared, bucket: &str| store.changed(bucket, KEY, None, 1, 0);
        let other = thread::spawn(move || theirs.changed("other", KEY, None, 2, 0).is_ok());
        let waits = [wait(&store, BUCKET).is_ok(), other.join().unwrap()];
        let count = waits.iter().filter(|waits| **waits).count();
        assert!(count <= 1, "both wait");
        let stats = store.stats();
        assert_eq!((stats.waiters, stats.buckets), (count, count), "totals agree");
    });
}

#[test]
fn a_write_on_disk_is_answered_once_and_wakes_who_waits() {
    in_every_order(|| {
        let (limits, disk) = (StoreLimits::default(), Box::new(Disk));
        let opened = Store::on_disk(limits, Notes::default(), disk, 0).expect("it is empty");
        let store: Shared = Arc::new(opened);
        let (writes, works) = (store.clone(), store.clone());
        let writer = thread::spawn(move || writes.submit(set(Condition::Always), 7, 0));
        let worker = thread::spawn(move || works.work(0, 1));
        let seen = store.get(BUCKET, KEY, 0).map(|entry| entry.version);
        let waits = store.changed(BUCKET, KEY, seen, 1, 0).expect("there is room");
        assert_eq!(writer.join().unwrap(), Ok(Submitted::Queued));
        let due_ms = worker.join().unwrap();
        if lock(&store.listener().done).is_empty() {
            let asked = due_ms.is_some() || !lock(&store.listener().work_at).is_empty();
            assert!(asked, "nobody would write it");
        }
        work_off(&store);
        assert_eq!(*lock(&store.listener().done), [7]);
        let waits = matches!(waits, Watch::Waiting(_));
        assert_eq!(told(&store, 1), usize::from(waits && seen.is_none()));
    });
}
