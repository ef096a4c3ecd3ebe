//! Instances that serve several calls: what is left of one call for the next, and when they go.

use snow_config::{GuestConfig, GuestConfigs, Instances, Limits};

use crate::harness::Client;
use crate::inside::Inside;

/// Each of these guests has instances for so many calls.
fn reusing(guests: &[&str], calls: u32) -> GuestConfigs {
    let config =
        GuestConfig { instances: Some(Instances::Reuse { calls }), ..GuestConfig::default() };
    guests.iter().map(|guest| ((*guest).to_owned(), config.clone())).collect()
}

fn start(guests: &[&str], calls: u32, limits: Limits) -> Option<Inside> {
    Inside::configured(guests, 1, limits, reusing(guests, calls))
}

#[track_caller]
fn says(inside: &Inside, target: &str) -> String {
    inside.connect().get(target).text().to_owned()
}

#[test]
fn memory_is_kept_for_so_many_calls_and_not_by_default() {
    let Some(inside) = start(&["probe"], 3, Limits::default()) else { return };
    let counted: Vec<String> = (0..7).map(|_| says(&inside, "/count")).collect();
    assert_eq!(counted, ["1", "2", "3", "1", "2", "3", "1"]);
    assert_eq!(inside.counts().instances, 1, "it waits for its next call");

    let Some(inside) = Inside::start(&["probe"], 1, Limits::default()) else { return };
    let counted: Vec<String> = (0..3).map(|_| says(&inside, "/count")).collect();
    assert_eq!((counted, inside.counts().instances), (vec!["1".to_owned(); 3], 0));
}

#[test]
fn who_traps_is_not_used_again() {
    let Some(inside) = start(&["probe"], 1_000, Limits::default()) else { return };
    assert_eq!((says(&inside, "/count"), says(&inside, "/count")), ("1".into(), "2".into()));
    assert_eq!(inside.connect().get("/panic").status, 500);
    assert_eq!((inside.counts().instances, says(&inside, "/count")), (0, "1".into()));
}

#[test]
fn held_requests_have_no_instance_and_are_resumed_by_any() {
    let Some(inside) = start(&["snow"], 1_000, Limits::default()) else { return };
    let held: Vec<Client> =
        (0..50).flat_map(|_| [inside.ask("/req/"), inside.ask("/hold/")]).collect();
    inside.wait_until("100 are suspended", |counts| counts.suspended == 100);
    assert!(
        (1..=8).contains(&inside.counts().instances),
        "those that wait for their next call: {:?}",
        inside.counts()
    );
    assert_eq!(says(&inside, "/stop-all/?value=x"), "100");
    for mut client in held {
        assert_eq!(client.response().text(), "x");
    }
    inside.wait_until("nothing is left", |counts| (counts.suspended, counts.pendings) == (0, 0));
}

/// Three slots, and four guests that want to keep theirs beside one that waits in place.
#[test]
fn instances_that_are_idle_never_keep_a_call_from_its_own() {
    let limits = Limits { worker_calls_started_max: 2, calls_parked_max: 1, ..Limits::default() };
    let guests = ["hello", "probe", "snow", "tornado", "place"];
    let Some(inside) = start(&guests, 1_000, limits) else { return };
    for round in 0..30 {
        let parked = (round % 3 == 0).then(|| {
            let client = inside.ask("/place");
            inside.wait_until("it waits in place", |counts| counts.suspended == 1);
            client
        });
        let mut clients: Vec<Client> = ["/hello", "/count", "/waiting/", "/story/1"]
            .iter()
            .map(|target| inside.ask(target))
            .collect();
        assert!(clients.iter_mut().all(|client| client.response().status == 200), "round {round}");
        assert!(inside.counts().instances <= 3, "{:?}", inside.counts());
        if let Some(mut parked) = parked {
            assert_eq!(says(&inside, "/stop-all/"), "1");
            assert_eq!(parked.response().status, 204);
        }
    }
}

#[test]
fn an_idle_instance_goes_after_its_time() {
    let limits = Limits { instance_idle_ms_max: 50, ..Limits::default() };
    let Some(inside) = start(&["probe"], 1_000, limits) else { return };
    assert_eq!(says(&inside, "/count"), "1");
    inside.wait_until("it is gone", |counts| counts.instances == 0);
    assert_eq!(says(&inside, "/count"), "1");
}

#[test]
fn a_wait_that_is_cut_off_takes_its_instance_along() {
    let Some(inside) = start(&["place"], 1_000, Limits::default()) else { return };
    let client = inside.ask("/place");
    inside.wait_until("it waits in place", |counts| (counts.suspended, counts.instances) == (1, 1));
    drop(client);
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

/// The first call leaves a pending in a global. The next one has its own at the same place among
/// its call's.
#[test]
fn a_pending_of_an_earlier_call_is_nothing() {
    let Some(inside) = start(&["keeps"], 1_000, Limits::default()) else { return };
    let mut client = inside.connect();
    for target in ["/keeps/1", "/keeps/2", "/keeps/3"] {
        assert_eq!(client.get("/keeps/0").status, 200);
        assert_eq!(
            (inside.counts().instances, inside.counts().pendings),
            (1, 0),
            "it was released with its call"
        );
        assert_eq!(client.get(target).status, 500, "{target}");
        inside.logs(&[target, "a `pending` of an earlier call was used"]);
        inside
            .wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
    }
    assert_eq!(
        (client.get("/keeps/0").status, client.get("/keeps/4").status),
        (200, 200),
        "it may be dropped"
    );
}

/// Dropping the stale one does not release what is at its place now.
#[test]
fn a_pending_of_an_earlier_call_ends_no_other() {
    let Some(inside) = start(&["keeps"], 1_000, Limits::default()) else { return };
    assert_eq!(inside.connect().get("/keeps/0").status, 200);
    let mut waits = inside.ask("/keeps/6");
    inside.wait_until("it waits", |counts| (counts.suspended, counts.pendings) == (1, 1));
    waits.is_silent();
    assert_eq!(
        (inside.counts().suspended, inside.counts().pendings, inside.counts().instances),
        (1, 1, 1)
    );
}

/// A guest that lets its handles lie fills its own table, and only that.
#[test]
fn handles_that_are_left_lying_are_bounded() {
    let limits = Limits { pendings_per_call_max: 4, ..Limits::default() };
    let Some(inside) = start(&["keeps"], 100_000, limits) else { return };
    let mut client = inside.connect();
    let statuses: Vec<u16> = (0..3_000).map(|_| client.get("/keeps/5").status).collect();
    let longest = statuses.split(|status| *status != 200).map(<[u16]>::len).max().unwrap_or(0);
    let trapped = statuses.iter().filter(|status| **status == 500).count();
    // Twice the pendings that a call may have, and the 1,024 pollables of WASI.
    assert!(
        (1_000..=1_032).contains(&longest) && (1..=3).contains(&trapped),
        "{longest} {trapped}"
    );
    assert_eq!(inside.counts().pendings, 0);
}
