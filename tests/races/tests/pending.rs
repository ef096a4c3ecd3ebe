//! The registry of pendings, raced: settlements against arming, deadlines, leaving clients,
//! shutdown and each other.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use snow_core::{Join, Key, PendingId, Refusal, Registry, Waiter, WorkerId};
use snow_races::in_every_order;

const KEY: &str = "k";
const HOME: WorkerId = WorkerId(0);
const OTHER: WorkerId = WorkerId(1);

/// The registry that the threads of one run share.
#[derive(Clone)]
struct Shared(Arc<Registry<u32>>);

impl Shared {
    fn new() -> Shared {
        Shared::of_at_most(100)
    }

    fn of_at_most(pendings_max: usize) -> Shared {
        Shared(Arc::new(Registry::new(pendings_max, |secrets| secrets.fill(0x5a))))
    }

    /// Creates pendings under the key, each armed with a waiter whose slot is its place.
    fn armed<const N: usize>(&self) -> [PendingId; N] {
        std::array::from_fn(|n| {
            let id = self.0.create(HOME, Some(KEY)).unwrap();
            assert!(!self.0.arm(id, waiter(n as u32)));
            id
        })
    }

    fn spawn<T: 'static>(
        &self,
        run: impl FnOnce(&Registry<u32>) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let shared = self.clone();
        thread::spawn(move || run(&shared.0))
    }

    /// Does what a worker does at the deadline of a suspension that the host answers.
    fn deadline(&self, join: Join, ids: &[PendingId]) -> End {
        let complete = self.0.conclude(join, ids.iter().copied());
        let values = ids.iter().filter_map(|&id| complete.then(|| self.0.collect(id))?).collect();
        for &id in ids {
            self.0.release(id);
        }
        if complete { End::Settled(values) } else { End::Deadline }
    }

    /// Releases these pendings, and checks that no others are left.
    fn ends_clean(&self, ids: &[PendingId]) {
        for &id in ids {
            self.0.release(id);
        }
        assert_eq!((self.0.len(), self.0.waiting(KEY)), (0, 0));
    }
}

#[derive(Debug, PartialEq)]
enum End {
    Settled(Vec<u32>),
    Deadline,
}

fn waiter(slot: u32) -> Waiter {
    Waiter { worker: HOME, suspension: Key { slot, generation: 0 } }
}

/// Returns how often a waiter was returned to a caller that has to wake it.
fn wakes(of: u32, handed: &[Option<Waiter>]) -> usize {
    handed.iter().filter(|&&handed| handed == Some(waiter(of))).count()
}

#[test]
fn a_settlement_during_arming_is_reported_once() {
    in_every_order(|| {
        let shared = Shared::new();
        let id = shared.0.create(HOME, None).unwrap();
        let token = shared.0.token(id).unwrap();
        let settler = shared.spawn(move |registry| registry.settle_token(&token, 1));
        let settled_before = shared.0.arm(id, waiter(7));
        let to_wake = settler.join().unwrap().expect("there is no other settlement");
        assert_eq!(to_wake, (!settled_before).then_some(waiter(7)));
        assert_eq!(shared.0.collect(id), Some(1));
        shared.ends_clean(&[id]);
    });
}

#[test]
fn of_three_settlers_one_wins_and_its_value_stays() {
    in_every_order(|| {
        let shared = Shared::new();
        let [id] = shared.armed();
        let token = shared.0.token(id).unwrap();
        let by_token = shared.spawn(move |registry| registry.settle_token(&token, 1));
        let by_key = shared.spawn(|registry| registry.settle_next(KEY, 2));
        let by_id = shared.0.settle(id, 3);
        let (by_token, by_key) = (by_token.join().unwrap(), by_key.join().unwrap());
        let results = [by_token, by_key.ok_or(Refusal::AlreadySettled), by_id];
        let winners: Vec<usize> = (0..3).filter(|&n| results[n] == Ok(Some(waiter(0)))).collect();
        let losers =
            results.iter().filter(|result| **result == Err(Refusal::AlreadySettled)).count();
        assert_eq!((winners.len(), losers), (1, 2), "{results:?}");
        assert_eq!(shared.0.collect(id), Some(winners[0] as u32 + 1));
        shared.ends_clean(&[id]);
    });
}

#[test]
fn a_settlement_or_the_deadline_wins_and_never_both() {
    in_every_order(|| {
        let shared = Shared::new();
        let [id] = shared.armed();
        let token = shared.0.token(id).unwrap();
        let settler = shared.spawn(move |registry| registry.settle_token(&token, 1));
        let end = shared.deadline(Join::All, &[id]);
        match settler.join().unwrap() {
            Ok(to_wake) => assert_eq!((end, to_wake), (End::Settled(vec![1]), Some(waiter(0)))),
            Err(refusal) => assert_eq!((end, refusal), (End::Deadline, Refusal::Unknown)),
        }
        shared.ends_clean(&[]);
    });
}

#[test]
fn of_two_pendings_in_different_shards_the_deadline_wins_what_no_settler_won() {
    for join in [Join::All, Join::Any] {
        in_every_order(move || {
            let shared = Shared::new();
            let ids = [HOME, OTHER].map(|home| shared.0.create(home, None).unwrap());
            for (n, id) in ids.into_iter().enumerate() {
                shared.0.arm(id, waiter(n as u32));
            }
            let settlers =
                ids.map(|id| shared.spawn(move |registry| registry.settle(id, 1).is_ok()));
            let end = shared.deadline(join, &ids);
            let got_ok = settlers.map(|settler| settler.join().unwrap());
            match (join, end) {
                (Join::All, End::Settled(values)) => {
                    assert_eq!((values, got_ok), (vec![1, 1], [true, true]))
                }
                (Join::All, End::Deadline) => assert_ne!(got_ok, [true, true]),
                // The second settler may get `Ok` after the first has decided the wait.
                (Join::Any, End::Settled(values)) => {
                    assert!(!values.is_empty() && got_ok.contains(&true))
                }
                (Join::Any, End::Deadline) => assert_eq!(got_ok, [false, false]),
            }
            shared.ends_clean(&[]);
        });
    }
}

/// This happens at the deadline of a suspension with `resume`: the guest may suspend again on the
/// pendings that were not settled.
#[test]
fn a_pending_that_is_armed_again_loses_no_settlement() {
    in_every_order(|| {
        let shared = Shared::new();
        let [id] = shared.armed();
        let settler = shared.spawn(move |registry| registry.settle(id, 1));
        let shown = shared.0.collect(id);
        let settled_before = shown.is_none() && shared.0.arm(id, waiter(8));
        let to_wake = settler.join().unwrap().expect("the pending is alive all the time");
        match shown {
            Some(value) => assert_eq!((value, to_wake), (1, Some(waiter(0)))),
            None if settled_before => assert_eq!(to_wake, None),
            None => assert_eq!(to_wake, Some(waiter(8))),
        }
        assert_eq!(shared.0.collect(id), Some(1));
        shared.ends_clean(&[id]);
    });
}

#[test]
fn a_client_that_leaves_leaks_nothing_whoever_settles_meanwhile() {
    in_every_order(|| {
        let shared = Shared::new();
        let [id] = shared.armed();
        let token = shared.0.token(id).unwrap();
        let by_token = shared.spawn(move |registry| registry.settle_token(&token, 1));
        let by_key = shared.spawn(|registry| registry.settle_next(KEY, 2));
        assert_eq!(shared.0.release(id), None, "no other pending waits");
        let got_ok = [by_token.join().unwrap().is_ok(), by_key.join().unwrap().is_some()];
        assert_ne!(got_ok, [true, true]);
        shared.ends_clean(&[]);
    });
}

#[test]
fn a_stale_token_never_settles_the_next_pending_in_the_slot() {
    in_every_order(|| {
        let shared = Shared::new();
        let old = shared.0.create(HOME, None).unwrap();
        let token = shared.0.token(old).unwrap();
        let settler = shared.spawn(move |registry| registry.settle_token(&token, 1));
        shared.0.release(old);
        let new = shared.0.create(HOME, None).unwrap();
        assert!(!shared.0.arm(new, waiter(1)));
        assert_eq!(settler.join().unwrap().unwrap_or(None), None);
        assert!(!shared.0.is_settled(new));
        shared.ends_clean(&[new]);
    });
}

#[test]
fn a_value_for_a_pending_that_leaves_reaches_the_next_exactly_once() {
    in_every_order(|| {
        let shared = Shared::new();
        let [leaving, next] = shared.armed();
        let settler = shared.spawn(|registry| registry.settle_next(KEY, 9));
        let passed_on = shared.0.release(leaving);
        let sent = settler.join().unwrap().expect("one waits in every order");
        assert_eq!(wakes(1, &[sent, passed_on]), 1);
        assert_eq!(shared.0.collect(next), Some(9));
        shared.ends_clean(&[next]);
    });
}

#[test]
fn a_value_passes_over_all_that_leave_together() {
    in_every_order(|| {
        let shared = Shared::new();
        let [first, second, stays] = shared.armed();
        let settler = shared.spawn(|registry| registry.settle_next(KEY, 9));
        let leaver = shared.spawn(move |registry| registry.release(second));
        let passed_on = shared.0.release(first);
        let handed =
            [settler.join().unwrap().expect("one stays"), leaver.join().unwrap(), passed_on];
        assert_eq!(wakes(2, &handed), 1, "{handed:?}");
        assert_eq!(shared.0.collect(stays), Some(9));
        shared.ends_clean(&[stays]);
    });
}

/// One worker is at the end of its drain, another goes on.
#[test]
fn a_shutdown_hands_its_values_to_another_worker() {
    in_every_order(|| {
        let shared = Shared::new();
        let [first, second, third, fourth] = shared.armed();
        let settler = shared.spawn(|registry| [1, 2].map(|value| registry.settle_next(KEY, value)));
        let handed = [first, second].map(|id| shared.0.release(id));
        let [one, two] = settler.join().unwrap().map(|sent| sent.expect("two stay"));
        let handed = [one, two, handed[0], handed[1]];
        assert_eq!((wakes(2, &handed), wakes(3, &handed)), (1, 1), "{handed:?}");
        let mut values = [third, fourth].map(|id| shared.0.collect(id).expect("both are settled"));
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
        shared.ends_clean(&[third, fourth]);
    });
}

#[test]
fn a_value_is_collected_or_passed_on_and_never_both() {
    in_every_order(|| {
        let shared = Shared::new();
        let [first, next] = shared.armed();
        let settler = shared.spawn(|registry| registry.settle_next(KEY, 9));
        let collected = shared.0.collect(first);
        let passed_on = shared.0.release(first);
        let sent = settler.join().unwrap().expect("one waits in every order");
        let next_has_it = shared.0.is_settled(next);
        assert_ne!(collected.is_some(), next_has_it);
        assert_eq!(wakes(1, &[sent, passed_on]), usize::from(next_has_it));
        shared.ends_clean(&[next]);
    });
}

#[test]
fn a_value_that_passes_on_while_another_arrives_wakes_it_at_most_once() {
    in_every_order(|| {
        let shared = Shared::new();
        let [leaving] = shared.armed();
        let settler = shared.spawn(|registry| registry.settle_next(KEY, 9));
        let leaver = shared.spawn(move |registry| registry.release(leaving));
        let late = shared.0.create(OTHER, Some(KEY)).unwrap();
        let settled_before = shared.0.arm(late, waiter(1));
        let (sent, passed_on) = (settler.join().unwrap(), leaver.join().unwrap());
        let wakings = wakes(1, &[sent.flatten(), passed_on]) + usize::from(settled_before);
        assert_eq!(wakings, usize::from(shared.0.is_settled(late)));
        assert_eq!(shared.0.collect(late), (wakings == 1).then_some(9));
        assert!(sent.is_some() || wakings == 0);
        shared.ends_clean(&[late]);
    });
}

#[test]
fn settle_all_while_one_arrives_settles_those_before_it_and_wakes_each_once() {
    in_every_order(|| {
        let shared = Shared::new();
        let [early] = shared.armed();
        let settler = shared.spawn(|registry| {
            let mut woken = Vec::new();
            (registry.settle_all(KEY, &9, &mut woken), woken)
        });
        let late = shared.0.create(OTHER, Some(KEY)).unwrap();
        let settled_before = shared.0.arm(late, waiter(1));
        let (count, woken) = settler.join().unwrap();
        let late_has_it = shared.0.is_settled(late);
        let handed: Vec<_> = woken.into_iter().map(Some).collect();
        assert_eq!(wakes(0, &handed), 1);
        assert_eq!(wakes(1, &handed) + usize::from(settled_before), usize::from(late_has_it));
        assert_eq!(count, 1 + u32::from(late_has_it));
        shared.ends_clean(&[early, late]);
    });
}

#[test]
fn settle_all_passes_over_no_pending_that_stays() {
    in_every_order(|| {
        let shared = Shared::new();
        let [leaving, stays] = shared.armed();
        let all = shared.spawn(|registry| registry.settle_all(KEY, &1, &mut Vec::new()));
        let next = shared.spawn(|registry| registry.settle_next(KEY, 2).is_some());
        let passed_on = shared.0.release(leaving);
        let settled = all.join().unwrap() + u32::from(next.join().unwrap());
        assert!(shared.0.is_settled(stays));
        // If the value for the pending that left was passed on, only its sender counted it.
        assert!(
            (1..=2).contains(&settled) && (passed_on.is_none() || passed_on == Some(waiter(1)))
        );
        shared.ends_clean(&[stays]);
    });
}

#[test]
fn the_limit_holds_and_nothing_is_counted_twice() {
    in_every_order(|| {
        let shared = Shared::of_at_most(1);
        let other = shared.spawn(|registry| registry.create(OTHER, Some(KEY)));
        let made = [shared.0.create(HOME, None), other.join().unwrap()];
        let ids: Vec<PendingId> = made.iter().flatten().copied().collect();
        assert_eq!((ids.len(), shared.0.len()), (1, 1), "{made:?}");
        shared.ends_clean(&ids);
    });
}
