//! What threads do at the same time: nothing is lost, in memory and on disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use snow_state::{
    Action, Change, Changes, Condition, Entry, Journal, JournalError, Listener, Outcome, Place,
    Store, StoreError, StoreLimits, Submitted, Version, Watch, Write,
};

const THREADS: usize = 8;
/// A waiter that is never told fails its test by this, long after a machine could be slow.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Tells each waiter and caller by a channel of its own.
struct Switchboard {
    waiters: Vec<Sender<Option<Version>>>,
    callers: Vec<Sender<Result<Outcome, StoreError>>>,
    is_asked: AtomicBool,
}

impl Listener for Switchboard {
    type Waiter = usize;
    type Caller = usize;

    fn changed(&self, waiters: &[usize], change: &Change) {
        for &waiter in waiters {
            let version = change.entry.as_ref().map(|entry| entry.version);
            // A thread that has seen all it wants has gone.
            let _ = self.waiters[waiter].send(version);
        }
    }

    fn done(&self, caller: usize, result: Result<Outcome, StoreError>) {
        self.callers[caller].send(result).expect("each caller waits");
    }

    fn work_at(&self, _at_ms: u64) {
        self.is_asked.store(true, Ordering::SeqCst);
    }
}

/// A journal that keeps everything.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<Arc<str>, Option<Entry>>>>);

impl Journal for Kept {
    fn load(
        &mut self,
        _each: &mut dyn FnMut(Place, Entry),
    ) -> Result<Option<Version>, JournalError> {
        Ok(None)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), JournalError> {
        self.0.lock().unwrap().extend(changes.entries["b"].clone());
        Ok(())
    }
}

fn increment() -> Write {
    Write { bucket: "b".into(), action: Action::Increment { key: "n".into(), by: 1 } }
}

fn number(store: &Store<impl Listener>) -> u64 {
    let entry = store.get("b", "n", 0).expect("it was set");
    String::from_utf8_lossy(&entry.value).parse().expect("it is a number")
}

#[test]
fn increments_of_eight_threads_add_up() {
    let store = Store::in_memory(StoreLimits::default(), (), 0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    store.apply(&increment(), 0).expect("nothing refuses it");
                }
            });
        }
    });
    assert_eq!(number(&store), THREADS as u64 * 5_000);
}

#[test]
fn eight_threads_that_compare_and_set_lose_nothing() {
    let store = Store::in_memory(StoreLimits::default(), (), 0);
    let lost = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut held: Option<Entry> = None;
                let mut won = 0;
                while won < 1_000 {
                    let old: u64 = held.as_ref().map_or(0, |entry| {
                        String::from_utf8_lossy(&entry.value).parse().expect("it is a number")
                    });
                    let only = held
                        .as_ref()
                        .map_or(Condition::Absent, |entry| Condition::Version(entry.version));
                    let value = (old + 1).to_string().into_bytes().into();
                    let action = Action::Set { key: "n".into(), value, expires_ms: None, only };
                    match store.apply(&Write { bucket: "b".into(), action }, 0) {
                        Ok(_) => {
                            won += 1;
                            held = store.get("b", "n", 0);
                        }
                        Err(StoreError::Conflict(winner)) => {
                            lost.fetch_add(1, Ordering::Relaxed);
                            held = winner;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(number(&store), THREADS as u64 * 1_000);
    let counts = store.stats().counts;
    assert_eq!(counts.conflicts as usize, lost.into_inner());
}

/// Waits for every change of the number until it is at its last one, and is told each time.
fn follow(
    store: &Store<Switchboard>,
    me: usize,
    told: &mpsc::Receiver<Option<Version>>,
    last: u64,
) {
    let mut since = None;
    loop {
        match store.changed("b", "n", since, me, 0).expect("there is room") {
            Watch::Changed(entry) => since = entry.map(|entry| entry.version),
            Watch::Waiting(_) => {
                let version = told.recv_timeout(PATIENCE).expect("a change was lost");
                assert!(version > since, "told of {version:?} since {since:?}");
                since = version;
            }
        }
        if number(store) == last {
            return;
        }
    }
}

#[test]
fn nobody_who_waits_misses_a_change() {
    let (waiters, told): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel()).unzip();
    let listener = Switchboard { waiters, callers: Vec::new(), is_asked: AtomicBool::new(false) };
    let store = Store::in_memory(StoreLimits::default(), listener, 0);
    thread::scope(|scope| {
        for (me, told) in told.into_iter().enumerate() {
            let store = &store;
            scope.spawn(move || follow(store, me, &told, 4 * 2_000));
        }
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    store.apply(&increment(), 0).expect("nothing refuses it");
                    thread::yield_now();
                }
            });
        }
    });
}

#[test]
fn writes_of_eight_threads_on_disk_are_all_told_and_all_kept() {
    let (callers, results): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    let (waiters, told): (Vec<_>, Vec<_>) = (0..1).map(|_| mpsc::channel()).unzip();
    let listener = Switchboard { waiters, callers, is_asked: AtomicBool::new(true) };
    let kept = Kept::default();
    let limits = StoreLimits::default();
    let store = Store::on_disk(limits, listener, Box::new(kept.clone()), 0).expect("it is empty");
    let last = THREADS as u64 * 500;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let store = &store;
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // As a server's thread does, it works only when it was asked to.
                if store.listener().is_asked.swap(false, Ordering::SeqCst) {
                    while store.work(0, 64).is_some() {}
                } else {
                    thread::yield_now();
                }
            }
        });
        let writers: Vec<_> = results
            .into_iter()
            .enumerate()
            .map(|(me, results)| {
                scope.spawn(move || {
                    for n in 0..500 {
                        if n % 50 == 49 {
                            store.apply(&increment(), 0).expect("nothing refuses it");
                            continue;
                        }
                        assert_eq!(store.submit(increment(), me, 0), Ok(Submitted::Queued));
                        let result = results.recv_timeout(PATIENCE).expect("a result was lost");
                        assert!(matches!(result, Ok(Outcome::Incremented(..))));
                    }
                })
            })
            .collect();
        let told = told.into_iter().next().expect("there is one");
        let follower = scope.spawn(move || follow(store, 0, &told, last));
        writers.into_iter().for_each(|writer| writer.join().expect("it writes all"));
        follower.join().expect("it is told of the last change");
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(number(&store), last);
    assert_eq!(kept.0.lock().unwrap()["n"], store.get("b", "n", 0));
    let disk = store.stats().disk.expect("it is on disk");
    assert_eq!((disk.committed_writes, disk.failures, disk.queue_writes), (last, 0, 0));
}
