//! What waiters and entries cost in memory, by what the kernel says of this process.
//!
//! One test, in a program of its own: others would allocate meanwhile.

use std::fs;

use snow_state::{Action, Change, Condition, Listener, Outcome, Store, StoreError, StoreLimits};
use snow_state::{Watch, Write};

/// As large as a `PendingId`, which is what a server lets wait.
type Waiter = [u32; 3];

struct Nobody;

impl Listener for Nobody {
    type Waiter = Waiter;
    type Caller = ();

    fn changed(&self, _waiters: &[Waiter], _change: &Change) {}

    fn done(&self, _caller: (), _result: Result<Outcome, StoreError>) {}

    fn work_at(&self, _at_ms: u64) {}
}

/// Enough that the pages which are only begun do not matter.
const COUNT: usize = 150_000;

fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has it since 4.14");
    let line = text.lines().find(|line| line.starts_with("Pss:")).expect("it has this line");
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok());
    kib.expect("it is a number") * 1_024
}

/// Makes many things, and returns the bytes that each takes. The things are kept, because the next
/// ones would take the memory that these leave.
fn each<T>(make: impl FnOnce() -> T) -> (usize, T) {
    let before = resident_bytes();
    let kept = make();
    (resident_bytes().saturating_sub(before) / COUNT, kept)
}

#[test]
fn waiters_are_small() {
    let limits = StoreLimits { store_bucket_entries_max: COUNT, ..StoreLimits::default() };
    let wait = |store: &Store<Nobody>, key: &str| {
        let waits = store.changed("parcels", key, None, [1, 2, 3], 0);
        assert!(matches!(waits, Ok(Watch::Waiting(_))));
    };
    let (one_key, _one_key) = each(|| {
        let store = Store::in_memory(limits, Nobody, 0);
        (0..COUNT).for_each(|_| wait(&store, "status/0000001"));
        store
    });
    let (many_keys, _many_keys) = each(|| {
        let store = Store::in_memory(limits, Nobody, 0);
        (0..COUNT).for_each(|n| wait(&store, &format!("status/{n:07}")));
        store
    });
    let (entries, _entries) = each(|| {
        let store = Store::in_memory(limits, Nobody, 0);
        for n in 0..COUNT {
            let action = Action::Set {
                key: format!("status/{n:07}").into(),
                value: (*b"on its way").into(),
                expires_ms: (n % 2 == 0).then_some(1_000),
                only: Condition::Always,
            };
            store.apply(&Write { bucket: "parcels".into(), action }, 0).expect("there is room");
        }
        store
    });
    println!(
        "bytes each: {one_key} a waiter of one key, {many_keys} a waiter of a key of its own, \
         {entries} an entry of 24 bytes, of which every second one expires"
    );
    assert!(one_key <= 40, "{one_key} bytes a waiter");
    assert!(many_keys <= 240, "{many_keys} bytes a waiter of a key of its own");
    assert!(entries <= 300, "{entries} bytes an entry");
}
