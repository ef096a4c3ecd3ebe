//! Batches, beside a journal in memory that fails when it is told to.

use snow_core::sync::{Arc, Mutex, lock};

use super::*;
use crate::error::StoreError;
use crate::store::{Store, Submitted, Watch};
use crate::testing::{Notes, delete, increment, set, set_if, set_until};
use crate::write::{Condition, Outcome, Write};

type Entries = BTreeMap<(Arc<str>, Arc<str>), Entry>;

/// A disk that several journals can be opened on, one after another.
#[derive(Clone, Default)]
struct Platter(Arc<Mutex<PlatterState>>);

#[derive(Default)]
struct PlatterState {
    entries: Entries,
    last_version: Option<Version>,
    commits: usize,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Nothing reaches the disk.
    Full,
    /// Everything reaches the disk, but the disk does not say so.
    Unheard,
}

fn error(reason: &str) -> JournalError {
    JournalError { place: "disk".to_owned(), reason: reason.to_owned() }
}

impl Journal for Platter {
    fn load(
        &mut self,
        each: &mut dyn FnMut(Place, Entry),
    ) -> Result<Option<Version>, JournalError> {
        let state = lock(&self.0);
        for ((bucket, key), entry) in &state.entries {
            each(Place { bucket: bucket.clone(), key: key.clone() }, entry.clone());
        }
        Ok(state.last_version)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), JournalError> {
        let mut state = lock(&self.0);
        let fault = state.fault;
        if fault == Some(Fault::Full) {
            return Err(error("no space left"));
        }
        for (bucket, entries) in &changes.entries {
            for (key, entry) in entries {
                let place = (bucket.clone(), key.clone());
                match entry {
                    Some(entry) => drop(state.entries.insert(place, entry.clone())),
                    None => drop(state.entries.remove(&place)),
                }
            }
        }
        state.last_version = changes.last_version;
        state.commits += 1;
        fault.map_or(Ok(()), |_| Err(error("I/O error")))
    }
}

impl Platter {
    fn fail(&self, fault: Option<Fault>) {
        lock(&self.0).fault = fault;
    }

    fn commits(&self) -> usize {
        lock(&self.0).commits
    }

    fn value(&self, key: &str) -> Option<String> {
        let state = lock(&self.0);
        let entry = state.entries.get(&("b".into(), key.into()))?;
        Some(String::from_utf8_lossy(&entry.value).into_owned())
    }

    fn store(&self, limits: StoreLimits) -> Store<Notes> {
        let journal = Box::new(self.clone());
        Store::on_disk(limits, Notes::default(), journal, 0).expect("it can be read")
    }
}

fn open() -> (Platter, Store<Notes>) {
    let platter = Platter::default();
    let store = platter.store(StoreLimits::default());
    (platter, store)
}

impl Store<Notes> {
    fn queue(&self, write: Write, caller: u32) {
        assert_eq!(self.submit(write, caller, 0), Ok(Submitted::Queued));
    }

    fn done(&self) -> Vec<(u32, Result<Outcome, StoreError>)> {
        std::mem::take(&mut *lock(&self.listener().done))
    }
}

#[test]
fn a_write_is_seen_when_it_is_durable_and_not_before() {
    let (platter, store) = open();
    store.wait("k", None, 1);
    store.queue(set("k", "v"), 10);
    assert!(lock(&store.listener().work_at).is_empty(), "opening has asked for work already");
    assert_eq!((store.value("k", 0), platter.value("k")), (None, None));
    assert_eq!((store.woken(), store.done()), (vec![], vec![]));
    assert_eq!(store.work(0, 100), None);
    assert_eq!(store.value("k", 0), platter.value("k"));
    assert_eq!(store.woken(), [1]);
    let version = store.get("b", "k", 0).unwrap().version;
    assert_eq!(store.done(), [(10, Ok(Outcome::Set(version)))]);
    store.queue(delete("k"), 11);
    assert_eq!(*lock(&store.listener().work_at), [0]);
}

#[test]
fn a_batch_is_one_commit_in_which_each_write_sees_those_before_it() {
    let (platter, store) = open();
    store.queue(increment("n", 1), 1);
    store.queue(increment("n", 2), 2);
    store.queue(set_if("k", "first", Condition::Absent), 3);
    store.queue(set_if("k", "second", Condition::Absent), 4);
    store.queue(delete("k"), 5);
    store.queue(set_if("k", "third", Condition::Absent), 6);
    store.work(0, 100);
    assert_eq!(platter.commits(), 1);
    assert_eq!(
        (store.value("n", 0), store.value("k", 0)),
        (Some("3".into()), Some("third".into()))
    );
    let done = store.done();
    assert_eq!(done.iter().map(|(caller, _)| *caller).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let Err(StoreError::Conflict(Some(won))) = &done[3].1 else { panic!("{:?}", done[3]) };
    assert_eq!(*won.value, *b"first");
    assert_eq!(done[4].1, Ok(Outcome::Deleted(1)));
    let stats = store.stats();
    assert_eq!(stats.usage, crate::Usage { entries: 2, bytes: 2 + 6 });
    let disk = stats.disk.unwrap();
    assert_eq!((disk.commits, disk.committed_writes, disk.batch_writes_largest), (1, 6, 6));
    assert_eq!((disk.queue_writes, disk.queue_bytes), (0, 0));
}

#[test]
fn limits_hold_within_a_batch() {
    let platter = Platter::default();
    let store = platter.store(StoreLimits {
        store_bucket_entries_max: 2,
        store_bytes_max: 6,
        store_buckets_max: 1,
        ..StoreLimits::default()
    });
    store.queue(set("1", "v"), 1);
    store.queue(set("2", "v"), 2);
    store.queue(set("3", "v"), 3);
    store.queue(set("2", "1234"), 4);
    store.queue(Write { bucket: "other".into(), ..set("1", "") }, 5);
    store.work(0, 100);
    let full = |limit, max| Err(StoreError::Full { limit, max });
    let results: Vec<_> = store.done().into_iter().map(|(_, result)| result).collect();
    assert!(results[..2].iter().all(Result::is_ok));
    assert_eq!(results[2], full(Limit::BucketEntries, 2));
    assert_eq!(results[3], full(Limit::Bytes, 6));
    assert_eq!(results[4], full(Limit::Buckets, 1));
    assert_eq!(store.value("2", 0).as_deref(), Some("v"));
}

#[test]
fn a_full_disk_changes_nothing_and_heals() {
    let (platter, store) = open();
    store.apply(&set("k", "kept"), 0).unwrap();
    let before = store.stats();
    store.wait("new", None, 1);
    platter.fail(Some(Fault::Full));
    store.queue(set("k", "lost"), 1);
    store.queue(set("new", "lost"), 2);
    store.queue(Write { bucket: "other".into(), ..set("k", "lost") }, 3);
    store.work(0, 100);
    let unavailable = StoreError::Unavailable("no space left".into());
    let all = [1, 2, 3].map(|caller| (caller, Err(unavailable.clone())));
    assert_eq!(store.done(), all);
    assert_eq!(store.apply(&delete("k"), 0), Err(unavailable));
    assert_eq!((store.value("k", 0).as_deref(), store.value("new", 0)), (Some("kept"), None));
    assert!(store.woken().is_empty());
    assert_eq!(store.stats().usage, before.usage);
    assert_eq!(store.stats().buckets, before.buckets);
    assert!(store.stats().disk.unwrap().failing.is_some());

    platter.fail(None);
    store.apply(&set("new", "kept"), 0).unwrap();
    assert_eq!(store.woken(), [1]);
    assert_eq!(store.stats().disk.unwrap().failing, None);
    let told = [Some("disk: no space left".to_owned()), None];
    assert_eq!(*lock(&store.listener().disk), told);
}

/// The disk may have taken a batch although it reported an error. Everybody was told that nothing
/// has changed, so the next commit takes it back.
#[test]
fn a_commit_of_unknown_end_is_taken_back() {
    let (platter, store) = open();
    store.apply(&set("k", "before"), 0).unwrap();
    platter.fail(Some(Fault::Unheard));
    store.queue(set("k", "unheard"), 1);
    store.queue(set("new", "unheard"), 2);
    store.work(0, 100);
    assert_eq!((store.value("k", 0).as_deref(), store.value("new", 0)), (Some("before"), None));
    assert_eq!(platter.value("new").as_deref(), Some("unheard"));
    // While the disk fails nothing else is written, so no more keys come to be in doubt.
    assert!(store.apply(&set("third", "unheard"), 0).is_err());
    assert_eq!(platter.value("third"), None);

    // It is tried again even if nobody writes.
    assert_eq!(store.work(0, 100), Some(RETRY_MS));
    platter.fail(None);
    assert_eq!(store.work(RETRY_MS, 100), None);
    assert_eq!(store.stats().disk.unwrap().failing, None);
    assert_eq!((platter.value("k").as_deref(), platter.value("new")), (Some("before"), None));
    let again = platter.store(StoreLimits::default());
    assert_eq!((again.value("k", 0), again.value("new", 0)), (Some("before".into()), None));
}

#[test]
fn the_queue_has_limits() {
    let platter = Platter::default();
    let store = platter.store(StoreLimits {
        store_queue_writes_max: 2,
        store_queue_bytes_max: 10,
        ..StoreLimits::default()
    });
    store.queue(set("k", "123"), 1);
    let full = |limit, max| Err(StoreError::Full { limit, max });
    assert_eq!(store.submit(set("k", "1234"), 2, 0), full(Limit::QueueBytes, 10));
    store.queue(set("k", "123"), 2);
    assert_eq!(store.submit(delete("k"), 3, 0), full(Limit::QueueWrites, 2));
    store.work(0, 100);
    store.queue(delete("k"), 3);
}

#[test]
fn a_long_queue_is_several_batches_and_they_stay_within_the_budget() {
    let (platter, store) = open();
    for n in 0..3_000 {
        store.queue(increment("n", 1), n);
    }
    assert_eq!(store.work(0, 1), Some(0));
    assert_eq!((store.done().len(), platter.commits()), (BATCH_WRITES_MAX, 1));
    assert_eq!(store.work(0, 10_000), None);
    assert_eq!((store.done().len(), platter.commits()), (3_000 - BATCH_WRITES_MAX, 3));
    assert_eq!(store.value("n", 0).as_deref(), Some("3000"));
}

#[test]
fn what_has_expired_leaves_the_disk_too() {
    let (platter, store) = open();
    store.apply(&set_until("k", 100), 0).unwrap();
    store.apply(&set_until("anew", 100), 0).unwrap();
    let version = store.get("b", "k", 0).unwrap().version;
    store.wait("k", Some(version), 1);
    assert_eq!(store.work(99, 100), Some(100));
    platter.fail(Some(Fault::Full));
    assert_eq!(store.work(100, 100), Some(100 + RETRY_MS));
    assert_eq!((store.value("k", 100), platter.value("k").as_deref()), (None, Some("v")));
    assert!(store.woken().is_empty());
    platter.fail(None);
    // A write in the batch that removes the entry before it.
    let Ok(Submitted::Queued) = store.submit(set_if("anew", "w", Condition::Absent), 1, 200) else {
        panic!("there is room")
    };
    assert_eq!(store.work(200, 100), None);
    assert_eq!((platter.value("k"), platter.value("anew").as_deref()), (None, Some("w")));
    assert_eq!(store.woken(), [1]);
    assert_eq!(store.stats().usage, crate::Usage { entries: 1, bytes: 5 });
    assert_eq!(store.stats().counts.expired, 2);
}

#[test]
fn a_store_that_is_opened_again_has_everything_and_gives_no_version_twice() {
    let (platter, store) = open();
    store.apply(&set_until("gone", 10), 0).unwrap();
    store.apply(&set("k", "v"), 0).unwrap();
    store.apply(&delete("k"), 0).unwrap();
    store.apply(&set("stays", "v"), 0).unwrap();
    let last = store.get("b", "stays", 0);
    drop(store);
    let store = platter.store(StoreLimits { store_entries_max: 1, ..StoreLimits::default() });
    assert_eq!(store.get("b", "stays", 0), last);
    assert_eq!(store.stats().usage.entries, 2, "more than is allowed, but nothing is thrown away");
    assert_eq!(store.work(10, 100), None);
    assert_eq!((platter.value("gone"), store.stats().usage.entries), (None, 1));
    store.apply(&set("stays", "w"), 10).unwrap();
    assert!(store.get("b", "stays", 10).unwrap().version > last.unwrap().version);
}

/// A bucket that came to be while its batch was on its way to the disk, and one that went.
#[test]
fn waiters_come_and_go_while_a_bucket_is_on_its_way() {
    struct Meanwhile {
        platter: Platter,
        store: Arc<Mutex<Option<Arc<Store<Notes>>>>>,
        before: crate::Ticket,
    }
    impl Journal for Meanwhile {
        fn load(
            &mut self,
            each: &mut dyn FnMut(Place, Entry),
        ) -> Result<Option<Version>, JournalError> {
            self.platter.load(each)
        }
        fn commit(&mut self, changes: &Changes) -> Result<(), JournalError> {
            if let Some(store) = &*lock(&self.store) {
                assert!(store.forget(self.before));
                let waits = store.changed("arrives", "k", None, 7, 0);
                assert!(matches!(waits, Ok(Watch::Waiting(_))));
            }
            self.platter.commit(changes)
        }
    }
    // The first ticket of a shard is the same in every store.
    let before = Store::in_memory(StoreLimits::default(), Notes::default(), 0).wait("k", None, 1);
    let shared = Arc::new(Mutex::new(None));
    let journal =
        Box::new(Meanwhile { platter: Platter::default(), store: shared.clone(), before });
    let limits = StoreLimits::default();
    let store = Arc::new(Store::on_disk(limits, Notes::default(), journal, 0).unwrap());
    assert_eq!(store.wait("k", None, 1), before);
    *lock(&shared) = Some(store.clone());
    store.queue(set("k", "v"), 1);
    store.queue(Write { bucket: "arrives".into(), ..set("k", "v") }, 2);
    store.work(0, 100);
    *lock(&shared) = None;
    assert_eq!(store.woken(), [7]);
    assert_eq!(store.stats().buckets, 2);
    store.apply(&delete("k"), 0).unwrap();
    store.apply(&Write { bucket: "arrives".into(), ..delete("k") }, 0).unwrap();
    let stats = store.stats();
    assert_eq!((stats.buckets, stats.waiters, stats.usage), (0, 0, crate::Usage::default()));
}

#[test]
fn no_guest_fills_the_queue_for_all() {
    let platter = Platter::default();
    let store = platter.store(StoreLimits {
        guest_store_queue_writes_max: 2,
        guest_store_queue_bytes_max: 30,
        ..StoreLimits::default()
    });
    let to = |bucket: &str, value: &str| Write { bucket: bucket.into(), ..set("k", value) };
    let refused = |write: Write| match store.submit(write, 9, 0) {
        Err(StoreError::Full { limit, .. }) => limit,
        other => panic!("it should be refused: {other:?}"),
    };
    for round in 0..2 {
        store.queue(to("evil", "1234567890"), 1);
        assert_eq!(refused(to("evil/a", "1234567890")), Limit::GuestQueueBytes);
        store.queue(to("evil/a", "1"), 2);
        assert_eq!(refused(to("evil", "")), Limit::GuestQueueWrites);
        store.queue(to("notes", "1"), 3);
        store.work(round, 99);
        assert_eq!(store.done().len(), 3);
    }
}
