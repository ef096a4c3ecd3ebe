//! The store as its callers see it.

use snow_core::sync::{Arc, lock};

use super::*;
use crate::error::Limit;
use crate::limits::Usage;
use crate::testing::{Notes, Void, delete, increment, set, set_if, set_until, store};
use crate::write::{Action, Condition, Outcome, Write};

#[test]
fn a_lost_race_returns_the_entry_that_won() {
    let store = store(StoreLimits::default());
    let Ok(Outcome::Set(first)) = store.apply(&set_if("k", "1", Condition::Absent), 0) else {
        panic!("the key does not exist")
    };
    let lost = store.apply(&set_if("k", "2", Condition::Absent), 0);
    assert_eq!(lost, Err(StoreError::Conflict(store.get("b", "k", 0))));
    assert!(store.apply(&set_if("k", "3", Condition::Version(first)), 0).is_ok());
    let lost = store.apply(&set_if("k", "4", Condition::Version(first)), 0);
    assert_eq!(lost, Err(StoreError::Conflict(store.get("b", "k", 0))));
    assert_eq!(store.value("k", 0).as_deref(), Some("3"));
    let gone = store.apply(&set_if("other", "5", Condition::Version(first)), 0);
    assert_eq!(gone, Err(StoreError::Conflict(None)));
    let stats = store.stats();
    assert_eq!((stats.counts.writes, stats.counts.conflicts), (2, 3));
}

#[test]
fn a_key_that_is_set_again_has_another_version() {
    let store = store(StoreLimits::default());
    let mut versions = Vec::new();
    for _ in 0..3 {
        store.apply(&set("k", "same"), 0).unwrap();
        versions.push(store.get("b", "k", 0).unwrap().version);
        assert_eq!(store.apply(&delete("k"), 0), Ok(Outcome::Deleted(1)));
        assert_eq!(store.apply(&delete("k"), 0), Ok(Outcome::Deleted(0)));
    }
    assert!(versions.is_sorted_by(|a, b| a < b));
}

#[test]
fn increments_keep_the_expiry_and_refuse_what_is_no_integer() {
    let store = store(StoreLimits::default());
    assert!(matches!(store.apply(&increment("n", -5), 0), Ok(Outcome::Incremented(-5, _))));
    assert!(matches!(store.apply(&increment("n", 7), 0), Ok(Outcome::Incremented(2, _))));
    store.apply(&increment("n", i64::MAX - 2), 0).unwrap();
    assert_eq!(store.apply(&increment("n", 1), 0), Err(StoreError::Overflow));
    assert_eq!(store.value("n", 0), Some(i64::MAX.to_string()));

    for text in ["1.5", "+5", " 5", "5 ", "1e3", "", "-", "0x5", "99999999999999999999"] {
        store.apply(&set("text", text), 0).unwrap();
        let refused = store.apply(&increment("text", 1), 0);
        assert_eq!(refused, Err(StoreError::NotAnInteger), "{text:?}");
    }

    let mut counted = set_until("short", 10);
    let Action::Set { value, .. } = &mut counted.action else { unreachable!() };
    *value = (*b"41").into();
    store.apply(&counted, 0).unwrap();
    store.apply(&increment("short", 1), 5).unwrap();
    assert_eq!((store.value("short", 9).as_deref(), store.value("short", 10)), (Some("42"), None));
    // One that has expired counts as 0, and so does its expiry.
    assert!(matches!(store.apply(&increment("short", 1), 10), Ok(Outcome::Incremented(1, _))));
    assert_eq!(store.value("short", 99).as_deref(), Some("1"));
}

#[test]
fn pages_go_through_all_keys_of_a_prefix() {
    let store = store(StoreLimits { store_batch_keys_max: 3, ..StoreLimits::default() });
    for key in ["a", "b1", "b2", "b3", "b4", "b5", "c"] {
        store.apply(&set(key, ""), 0).unwrap();
    }
    store.apply(&set_until("b25", 10), 0).unwrap();
    let page = store.list("b", "b", None, 99, 10);
    assert_eq!(page.keys, ["b1".into(), "b2".into(), "b3".into()]);
    assert_eq!(page.next.as_deref(), Some("b3"));
    let page = store.list("b", "b", page.next.as_deref(), 99, 10);
    assert_eq!((page.keys, page.next), (vec!["b4".into(), "b5".into()], None));
    assert_eq!(store.list("b", "", Some("b5"), 99, 0).keys, ["c".into()]);
    assert_eq!(store.list("b", "b", Some("a"), 1, 0).keys, ["b1".into()]);
    assert_eq!(store.list("b", "b", None, 0, 0).next, None);
    assert_eq!(store.list("other", "", None, 9, 0).keys, []);
}

#[test]
fn every_limit_is_checked_before_anything_changes() {
    let limits = StoreLimits {
        store_key_bytes_max: 4,
        store_value_bytes_max: 8,
        store_batch_keys_max: 2,
        store_bucket_entries_max: 2,
        store_bucket_bytes_max: 10,
        ..StoreLimits::default()
    };
    let store = store(limits);
    let refused = |write: &Write| match store.apply(write, 0) {
        Err(StoreError::TooLarge { limit, .. } | StoreError::Full { limit, .. }) => limit,
        other => panic!("it should be refused: {other:?}"),
    };
    assert_eq!(refused(&set("12345", "")), Limit::KeyBytes);
    assert_eq!(refused(&set("k", "123456789")), Limit::ValueBytes);
    let many = |keys: &[&str]| Write {
        bucket: "b".into(),
        action: Action::SetMany(keys.iter().map(|&key| (key.into(), (*b"v").into())).collect()),
    };
    assert_eq!(refused(&many(&["1", "2", "3"])), Limit::BatchKeys);
    store.apply(&set("1", "v"), 0).unwrap();
    assert_eq!(refused(&many(&["2", "3"])), Limit::BucketEntries);
    assert_eq!((store.value("2", 0), store.value("3", 0)), (None, None));
    store.apply(&many(&["1", "2"]), 0).unwrap();
    assert_eq!(refused(&set("1", "12345678")).name(), "store_bucket_bytes_max");
    store.apply(&set("1", "1234567"), 0).unwrap();
    assert_eq!(store.stats().usage, Usage { entries: 2, bytes: 10 });
    assert_eq!(store.stats().counts.refused, 5);
    store.apply(&delete("1"), 0).unwrap();
    store.apply(&delete("2"), 0).unwrap();
    assert_eq!(store.totals.now(), Charge::default());
    assert_eq!(store.buckets(None, 9), []);
}

#[test]
fn the_totals_of_all_buckets_are_limits_too() {
    let limits =
        StoreLimits { store_buckets_max: 2, store_waiters_max: 2, ..StoreLimits::default() };
    let store = store(limits);
    let wait = |bucket: &str| store.changed(bucket, "k", None, 0, 0);
    let full = |limit, max| Err(StoreError::Full { limit, max });
    assert!(wait("1").is_ok());
    let Ok(Watch::Waiting(second)) = wait("2") else { panic!("there is room for two") };
    assert_eq!(wait("3"), full(Limit::Buckets, 2));
    assert_eq!(wait("2"), full(Limit::Waiters, 2));
    assert_eq!(
        store.apply(&set("k", "v"), 0),
        Err(StoreError::Full { limit: Limit::Buckets, max: 2 })
    );
    assert!(store.forget(second) && !store.forget(second));
    assert_eq!(store.buckets(None, 9).len(), 1, "nobody waits for a key of the second any more");
    assert!(store.apply(&set("k", "v"), 0).is_ok());
}

#[test]
fn a_waiter_is_told_of_a_change_and_of_no_second_one() {
    let store = store(StoreLimits::default());
    let here = store.wait("k", None, 1);
    store.wait("other", None, 2);
    store.apply(&set("k", "v"), 0).unwrap();
    assert_eq!(*lock(&store.listener.woken), [(1, Some(b"v".to_vec()))]);
    assert!(!store.forget(here), "it was woken");
    store.apply(&set("k", "w"), 0).unwrap();
    assert_eq!(store.woken(), [1]);
    let version = store.get("b", "k", 0).unwrap().version;
    assert!(matches!(store.changed("b", "k", None, 3, 0), Ok(Watch::Changed(Some(_)))));
    store.wait("k", Some(version), 3);
    store.apply(&delete("k"), 0).unwrap();
    assert_eq!(*lock(&store.listener.woken), [(3, None)]);
    assert_eq!(store.stats().waiters, 1);
}

#[test]
fn waiters_leave_from_everywhere_in_a_list() {
    for left in 0..3 {
        let store = store(StoreLimits::default());
        let tickets: Vec<Ticket> = (0..3).map(|waiter| store.wait("k", None, waiter)).collect();
        assert!(store.forget(tickets[left]));
        store.wait("k", None, 3);
        store.apply(&set("k", "v"), 0).unwrap();
        let stay = (0..4).filter(|&waiter| waiter != left as u32);
        assert_eq!(store.woken(), stay.collect::<Vec<_>>());
        assert_eq!(store.stats().waiters, 0);
    }
}

#[test]
fn a_large_wave_is_woken_in_slices_and_a_small_one_does_not_wait_for_it() {
    let store = store(StoreLimits::default());
    let tickets: Vec<Ticket> = (0..1_000).map(|waiter| store.wait("k", None, waiter)).collect();
    store.apply(&set("k", "v"), 7).unwrap();
    assert_eq!(store.woken(), (0..256).collect::<Vec<_>>());
    assert_eq!(*lock(&store.listener.work_at), [7], "the rest is left to the store's thread");
    // Who leaves a wave is not woken, and a later change of the key wakes those who wait anew.
    assert!(store.forget(tickets[300]));
    let version = store.get("b", "k", 0).unwrap().version;
    store.wait("k", Some(version), 5_000);
    store.apply(&delete("k"), 7).unwrap();
    assert_eq!(store.woken(), [5_000]);

    assert_eq!(store.work(8, 300), Some(8), "it is not done");
    assert_eq!(store.work(8, 10_000), None);
    let rest = (256..1_000).filter(|&waiter| waiter != 300);
    assert_eq!(store.woken(), rest.collect::<Vec<_>>());
    assert_eq!((store.stats().waiters, store.stats().counts.woken), (0, 1_000));
    assert_eq!(store.totals.now(), Charge::default());
}

#[test]
fn an_expired_entry_is_gone_at_once_and_its_waiters_are_woken_by_the_clock() {
    let store = store(StoreLimits::default());
    store.apply(&set_until("k", 100), 0).unwrap();
    store.apply(&set_until("later", 200), 0).unwrap();
    store.apply(&set_until("sooner", 50), 0).unwrap();
    assert_eq!(*lock(&store.listener.work_at), [100, 50]);
    let version = store.get("b", "k", 99).unwrap().version;
    store.wait("k", Some(version), 1);

    assert_eq!(store.work(50, 100), Some(100));
    assert_eq!(store.get("b", "k", 100), None);
    assert!(matches!(store.changed("b", "k", Some(version), 2, 100), Ok(Watch::Changed(None))));
    assert!(store.woken().is_empty(), "nobody has called `work` yet");
    assert_eq!(store.work(100, 100), Some(200));
    assert_eq!(*lock(&store.listener.woken), [(1, None)]);
    assert_eq!(store.stats().usage.entries, 1);
    // An entry that is set anew does not expire when the one before it would have.
    store.apply(&set("later", "stays"), 150).unwrap();
    assert_eq!(store.work(200, 100), None);
    assert_eq!(store.value("later", 300).as_deref(), Some("stays"));
    assert_eq!(store.stats().counts.expired, 2);
}

#[test]
fn several_keys_are_read_set_and_deleted_in_one_step() {
    let store = store(StoreLimits::default());
    let value = |text: &str| -> Arc<[u8]> { text.as_bytes().into() };
    let action = Action::SetMany(vec![
        ("x".into(), value("1")),
        ("y".into(), value("2")),
        ("x".into(), value("3")),
    ]);
    let Ok(Outcome::Set(_)) = store.apply(&Write { bucket: "b".into(), action }, 0) else {
        panic!("they are set")
    };
    let found = store.get_many("b", &["x", "none", "y"], 0).unwrap();
    let values = found.into_iter().map(|entry| entry.map(|entry| entry.value));
    assert_eq!(values.collect::<Vec<_>>(), [Some(value("3")), None, Some(value("2"))]);
    let action = Action::DeleteMany(vec!["x".into(), "x".into(), "none".into()]);
    let deleted = store.apply(&Write { bucket: "b".into(), action }, 0);
    assert_eq!(deleted, Ok(Outcome::Deleted(1)));
    assert_eq!(store.stats().usage, Usage { entries: 1, bytes: 2 });
}

#[test]
fn a_ticket_is_a_number_and_back() {
    let slots = [0, 1, 77, (1 << SLOT_BITS) - 1];
    let keys = slots
        .into_iter()
        .flat_map(|slot| [0, 1, u32::MAX].map(|generation| Key { slot, generation }));
    for key in keys {
        for shard in 0..SHARDS as u16 {
            let ticket = Ticket { shard, key };
            assert_eq!(Ticket::from_number(ticket.number()), ticket);
        }
    }
}

fn write_to(bucket: &str, value: &str) -> Write {
    Write { bucket: bucket.into(), ..set("k", value) }
}

fn refused<L: Listener>(store: &Store<L>, write: &Write) -> Limit {
    match store.apply(write, 0) {
        Err(StoreError::Full { limit, .. }) => limit,
        other => panic!("it should be refused: {other:?}"),
    }
}

#[test]
fn no_guest_takes_the_room_of_all() {
    let limits = StoreLimits {
        guest_store_buckets_max: 2,
        guest_store_entries_max: 3,
        guest_store_bytes_max: 10,
        ..StoreLimits::default()
    };
    let on_disk = Store::on_disk(limits, Notes::default(), Box::new(Void), 0).unwrap();
    for store in [store(limits), on_disk] {
        store.apply(&write_to("evil", "1"), 0).unwrap();
        store.apply(&write_to("evil/a", "1"), 0).unwrap();
        assert_eq!(refused(&store, &write_to("evil/b", "1")), Limit::GuestBuckets);
        let waits = store.changed("evil/b", "k", None, 1, 0);
        assert!(matches!(waits, Err(StoreError::Full { limit: Limit::GuestBuckets, .. })));
        store.apply(&Write { bucket: "evil".into(), ..set("2", "1") }, 0).unwrap();
        let fourth = Write { bucket: "evil/a".into(), ..set("2", "1") };
        assert_eq!(refused(&store, &fourth), Limit::GuestEntries);
        assert_eq!(refused(&store, &write_to("evil/a", "123456")), Limit::GuestBytes);
        store.apply(&write_to("evil/a", "12345"), 0).unwrap();
        // Another guest, and one whose name merely begins so, have their own room.
        store.apply(&write_to("notes", "123456"), 0).unwrap();
        store.apply(&write_to("evils", "123456"), 0).unwrap();
        // What is deleted makes room again.
        let all = ["evil", "evil/a", "notes", "evils"];
        for (bucket, key) in all.map(|bucket| (bucket, "k")).into_iter().chain([("evil", "2")]) {
            store.apply(&Write { bucket: bucket.into(), ..delete(key) }, 0).unwrap();
        }
        assert_eq!(store.totals.now(), Charge::default());
        let shares = |shard: &Mutex<Shard<u32>>| lock(shard).shares.all().count();
        assert_eq!(store.shards.iter().map(shares).sum::<usize>(), 0);
        store.apply(&write_to("evil/b", "1"), 0).unwrap();
    }
}

/// A pending that is settled with a value has it until a guest collects it, whatever becomes of the
/// key. So a guest could have any number of values in memory, each of a key that it has set since.
#[test]
fn a_value_that_somebody_has_counts_until_it_is_let_go() {
    let limits = StoreLimits { guest_store_bytes_max: 40, ..StoreLimits::default() };
    let on_disk = Store::on_disk(limits, Notes::default(), Box::new(Void), 0).unwrap();
    for store in [store(limits), on_disk] {
        let mut held = Vec::new();
        let is_set = |n: usize| store.apply(&set("k", &format!("{n:9}")), 0);
        for n in 0..5 {
            is_set(n).unwrap();
            held.push(store.get("b", "k", 0).unwrap());
        }
        // The key and its value are 10 bytes, and the four values before it 36.
        assert_eq!(store.stats().replaced_bytes, 36);
        let full = StoreError::Full { limit: Limit::GuestBytes, max: 40 };
        assert_eq!(is_set(5), Err(full.clone()));
        store.apply(&delete("k"), 0).unwrap();
        assert_eq!(store.stats().replaced_bytes, 45);
        assert_eq!(is_set(5), Err(full));
        assert_eq!(store.work(0, 99), Some(1_000), "they are looked at again");
        held.clear();
        is_set(5).unwrap();
        assert_eq!(store.stats().replaced_bytes, 0);
        assert_eq!(store.work(1_000, 99), None);
    }
}

#[test]
fn that_the_store_is_full_is_told_once_a_minute_with_whom_it_is_full_of() {
    let limits = StoreLimits { store_bytes_max: 30, ..StoreLimits::default() };
    let store = store(limits);
    store.apply(&write_to("small", "1"), 0).unwrap();
    store.apply(&write_to("large", "123456789"), 0).unwrap();
    store.apply(&write_to("large/2", "123456789"), 0).unwrap();
    for _ in 0..3 {
        assert_eq!(refused(&store, &write_to("notes", "123456789")), Limit::Bytes);
        store.work(0, 99);
    }
    let told = || std::mem::take(&mut *lock(&store.listener().full));
    let expected = vec![(20, "large".into()), (2, "small".into())];
    assert_eq!(told(), [(Limit::Bytes, expected)]);
    let _ = store.apply(&write_to("notes", "123456789"), 60_000);
    store.work(60_000, 99);
    assert_eq!(told().len(), 1);
}
