use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::*;

const HOME: WorkerId = WorkerId(0);

/// Fills a buffer from a counter instead of at random, so that a failing case can be repeated.
fn counted(bytes: &mut [u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    for chunk in bytes.chunks_mut(8) {
        let word = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
}

fn registry() -> Registry<u32> {
    Registry::new(1000, counted)
}

fn waiter(slot: u32) -> Waiter {
    Waiter { worker: HOME, suspension: Key { slot, generation: 0 } }
}

#[test]
fn the_first_settlement_wins_and_the_second_gets_an_error() {
    let registry = registry();
    let id = registry.create(WorkerId(3), None).unwrap();
    let token = registry.token(id).unwrap();
    assert_eq!(token.len(), 52);
    assert!(!registry.arm(id, waiter(7)));
    assert_eq!(registry.settle_token(&token, 1), Ok(Some(waiter(7))));
    assert_eq!(registry.settle_token(&token, 2), Err(Refusal::AlreadySettled));
    assert_eq!(registry.settle(id, 3), Err(Refusal::AlreadySettled));
    assert_eq!((registry.collect(id), registry.collect(id)), (Some(1), Some(1)));
    assert_eq!(registry.release(id), None);
    assert_eq!(registry.settle_token(&token, 4), Err(Refusal::Unknown));
    assert!(registry.is_empty());
}

#[test]
fn a_stale_or_forged_token_settles_nothing() {
    let registry = registry();
    let old = registry.create(HOME, None).unwrap();
    let stale = registry.token(old).unwrap();
    registry.release(old);
    let new = registry.create(HOME, None).unwrap();
    let token = registry.token(new).unwrap();
    let last = if token.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{last}", &token[..51]);
    let upper = token.to_uppercase();
    for bad in [
        stale.as_str(),
        &forged,
        "",
        "x",
        &"f".repeat(52),
        &"+".repeat(52),
        &"é".repeat(26),
        &token[..51],
    ] {
        assert_eq!(registry.settle_token(bad, 1), Err(Refusal::Unknown), "{bad}");
    }
    if upper != token {
        assert_eq!(registry.settle_token(&upper, 1), Err(Refusal::Unknown));
    }
    assert_eq!(registry.settle_token(&token, 1), Ok(None));
}

#[test]
fn a_settlement_before_arming_wakes_nobody_but_is_kept() {
    let registry = registry();
    let id = registry.create(HOME, Some("k")).unwrap();
    assert_eq!(registry.settle_next("k", 5), Some(None));
    assert!(registry.arm(id, waiter(1)));
    assert_eq!(registry.collect(id), Some(5));
}

#[test]
fn a_key_is_first_in_first_out_and_leaving_from_the_middle_keeps_the_order() {
    let registry = registry();
    let ids: Vec<_> = (0..5).map(|_| registry.create(HOME, Some("k")).unwrap()).collect();
    for (n, &id) in ids.iter().enumerate() {
        registry.arm(id, waiter(n as u32));
    }
    registry.release(ids[2]);
    assert_eq!(registry.waiting("k"), 4);
    let order: Vec<_> = std::iter::from_fn(|| registry.settle_next("k", 0))
        .map(|w| w.unwrap().suspension.slot)
        .collect();
    assert_eq!(order, [0, 1, 3, 4]);
    assert_eq!((registry.waiting("k"), registry.settle_next("k", 0)), (0, None));
}

#[test]
fn a_value_that_was_not_consumed_passes_on() {
    let registry = registry();
    let ids: Vec<_> = (0..2).map(|_| registry.create(HOME, Some("k")).unwrap()).collect();
    registry.arm(ids[0], waiter(0));
    registry.arm(ids[1], waiter(1));
    assert_eq!(registry.settle_next("k", 9), Some(Some(waiter(0))));
    assert_eq!(registry.release(ids[0]), Some(waiter(1)));
    assert_eq!(registry.collect(ids[1]), Some(9));
    assert_eq!(registry.release(ids[1]), None);
}

#[test]
fn a_consumed_value_does_not_pass_on_nor_does_one_sent_by_token_or_to_all() {
    let registry = registry();
    let ids: Vec<_> = (0..3).map(|_| registry.create(HOME, Some("k")).unwrap()).collect();
    registry.settle_next("k", 9);
    registry.collect(ids[0]);
    registry.release(ids[0]);
    registry.settle_token(&registry.token(ids[1]).unwrap(), 8).unwrap();
    registry.release(ids[1]);
    assert!(!registry.is_settled(ids[2]));
    let mut woken = Vec::new();
    assert_eq!(registry.settle_all("k", &7, &mut woken), 1);
    let late = registry.create(HOME, Some("k")).unwrap();
    registry.release(ids[2]);
    assert!(!registry.is_settled(late));
}

#[test]
fn settle_all_settles_more_than_a_batch_and_wakes_each_once() {
    let registry = registry();
    for n in 0..700 {
        let id = registry.create(HOME, Some("k")).unwrap();
        registry.arm(id, waiter(n));
    }
    let mut woken = Vec::new();
    assert_eq!(registry.settle_all("k", &1, &mut woken), 700);
    assert!(
        woken.iter().enumerate().all(|(n, w)| w.suspension.slot == n as u32) && woken.len() == 700
    );
}

#[test]
fn the_registry_is_bounded() {
    let registry: Registry<u32> = Registry::new(2, counted);
    let first = registry.create(HOME, None).unwrap();
    registry.create(WorkerId(1), Some("k")).unwrap();
    assert_eq!(registry.create(WorkerId(2), None), Err(Refusal::Limit));
    registry.release(first);
    assert!(registry.create(WorkerId(2), None).is_ok());
}

#[test]
fn a_pending_that_is_armed_again_wakes_only_its_new_waiter() {
    let registry = registry();
    let id = registry.create(HOME, None).unwrap();
    registry.arm(id, waiter(1));
    assert_eq!(registry.collect(id), None);
    assert!(!registry.arm(id, waiter(2)));
    assert_eq!(registry.settle(id, 1), Ok(Some(waiter(2))));
}

#[test]
fn a_withdrawn_pending_is_gone_and_a_settled_one_is_not_withdrawn() {
    let registry = registry();
    let [late, settled] = [0, 1].map(|_| registry.create(HOME, Some("k")).unwrap());
    let token = registry.token(late).unwrap();
    assert!(registry.withdraw(late) && !registry.withdraw(late));
    assert_eq!(registry.settle_token(&token, 1), Err(Refusal::Unknown));
    assert_eq!((registry.waiting("k"), registry.len()), (1, 1));
    registry.settle_next("k", 2);
    assert!(!registry.withdraw(settled));
    assert_eq!(registry.collect(settled), Some(2));
}

/// Its size matters because a million of them may be held at once.
#[test]
fn a_pending_takes_a_cache_line() {
    assert_eq!(Shard::<Arc<()>>::SLOT_BYTES, 64);
}

#[test]
fn each_owner_is_counted_until_its_pendings_are_released() {
    let registry = registry();
    let account =
        |number, pendings_max| Account { owner: Owner::new(number).unwrap(), pendings_max };
    let (one, two) = (account(1, 2), account(2, 2));
    let first = registry.create_for(one, HOME, Some("k")).unwrap();
    let second = registry.create_for(one, WorkerId(1), None).unwrap();
    assert_eq!(registry.create_for(one, HOME, None), Err(Refusal::Limit));
    assert!(
        registry.create_for(two, HOME, Some("k")).is_ok(),
        "the other owner's account has room"
    );
    assert_eq!(registry.owner(&registry.token(second).unwrap()), Some(one.owner));
    assert_eq!(registry.owner("forged"), None);

    // A pending that is settled and collected still counts. A released one does not, and is
    // subtracted only once.
    assert_eq!(registry.settle_next("k", 1), Some(None));
    assert_eq!(registry.collect(first), Some(1));
    assert_eq!(registry.create_for(one, HOME, None), Err(Refusal::Limit));
    registry.release(first);
    registry.release(first);
    assert_eq!((registry.owned(one.owner), registry.owned(two.owner), registry.len()), (1, 1, 2));
    assert!(registry.create_for(one, HOME, None).is_ok());
    assert_eq!(registry.create_for(one, HOME, None), Err(Refusal::Limit));
}

#[test]
fn a_pending_that_a_full_registry_refuses_counts_on_no_account() {
    let registry: Registry<u32> = Registry::new(1, counted);
    let account = Account { owner: Owner::new(OWNERS_MAX - 1).unwrap(), pendings_max: 5 };
    let id = registry.create(HOME, None).unwrap();
    assert_eq!(registry.create_for(account, HOME, None), Err(Refusal::Limit));
    assert_eq!(registry.owned(account.owner), 0);
    registry.release(id);
    assert!(registry.create_for(account, HOME, None).is_ok());
    assert_eq!((Owner::new(0), Owner::new(OWNERS_MAX)), (None, None));
}

mod histories;
