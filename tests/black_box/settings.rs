//! What was decided about single guests is in force: where they are mounted, what they may take,
//! how many calls they have.

use std::time::Duration;

use snow_config::{GuestConfig, GuestConfigs, Limits};

use crate::harness::Client;
use crate::inside::Inside;

fn configs<const N: usize>(of: [(&str, GuestConfig); N]) -> GuestConfigs {
    of.map(|(name, config)| (name.to_owned(), config)).into()
}

fn mounted(at: &str) -> GuestConfig {
    GuestConfig { mount: Some(at.to_owned()), ..GuestConfig::default() }
}

fn calls(calls_max: u32) -> GuestConfig {
    GuestConfig { calls_max: Some(calls_max), ..GuestConfig::default() }
}

// ---- Mount
// -----------------------------------------------------------------------------------------------

#[test]
fn a_mounted_guest_answers_below_its_prefix_and_nowhere_else() {
    let configs = configs([("hello", mounted("/shop")), ("probe", mounted("/a.b/c"))]);
    let Some(inside) = Inside::configured(&["hello", "probe"], 1, Limits::default(), configs)
    else {
        return;
    };
    let mut client = inside.connect();
    for (target, status) in [
        ("/shop/hello", 200),
        ("/hello", 404),
        ("/shop", 404),
        ("/shop/", 404),
        ("/shop/hello/", 404),
        ("/shophello", 404),
        ("/shop//hello", 404),
        ("/aXb/c/show/x", 404),
    ] {
        assert_eq!(client.get(target).status, status, "{target}");
    }
    let shown = client.get("/a.b/c/show/x?y").text().to_owned();
    assert!(shown.contains("\npath /show/x\n") && shown.contains("query Some(\"y\")"), "{shown}");
    assert!(shown.contains("params \"x\" "), "{shown}");
    let kept = client.get("/a.b/c/keep").text().to_owned();
    assert!(kept.contains("\npath /keep\n"), "in `resume` too: {kept}");
    let routes: Vec<String> =
        inside.server().deployment().router.entries().map(|entry| entry.pattern()).collect();
    assert_eq!(routes[0], "/a.b/c/wait", "longer mounts come first");
    assert_eq!(routes.last().map(String::as_str), Some("/shop/hello"));
}

#[test]
fn two_guests_with_one_pattern_do_not_conflict_below_different_prefixes() {
    let Some(inside) = Inside::start(&["snow", "tornado"], 1, Limits::default()) else { return };
    let conflicts = inside.server().deployment().conflicts();
    let configs = configs([("snow", mounted("/snow"))]);
    let Some(inside) = Inside::configured(&["snow", "tornado"], 1, Limits::default(), configs)
    else {
        return;
    };
    assert!(
        inside.server().deployment().conflicts().is_empty(),
        "without prefixes there were {conflicts:?}"
    );
    assert_eq!(inside.connect().get("/snow/waiting/").text(), "0");
}

// ---- Limits
// ----------------------------------------------------------------------------------------------

#[test]
fn each_guest_has_its_own_memory() {
    let configs = configs([(
        "eat",
        GuestConfig { memory_bytes_max: Some(1 << 20), ..GuestConfig::default() },
    )]);
    let Some(inside) = Inside::configured(&["eat", "hello"], 1, Limits::default(), configs) else {
        return;
    };
    assert_eq!(inside.connect().get("/eat").status, 500);
    inside.logs(&["more than 1048576 bytes of memory", "memory_bytes_max of [guest.eat]"]);
    assert_eq!(inside.connect().get("/hello").status, 200);
}

#[test]
fn each_guest_has_its_own_time() {
    let configs =
        configs([("spin", GuestConfig { running_ms_max: Some(50), ..GuestConfig::default() })]);
    let Some(inside) = Inside::configured(&["spin", "hello"], 1, Limits::default(), configs) else {
        return;
    };
    assert_eq!(inside.connect().get("/spin").status, 500);
    inside.logs(&["ran for more than 50 ms", "running_ms_max of [guest.spin]"]);
}

#[test]
fn each_guest_has_its_own_length_of_content() {
    let configs = configs([
        ("probe", GuestConfig { body_bytes_max: Some(5), ..GuestConfig::default() }),
        ("tornado", GuestConfig { body_bytes_max: Some(1 << 40), ..GuestConfig::default() }),
    ]);
    let mut limits = Limits::default();
    limits.http.body_bytes_max = 10;
    let Some(inside) = Inside::configured(&["probe", "tornado"], 1, limits, configs) else {
        return;
    };
    assert_eq!(inside.connect().post("/keep", b"12345").status, 200);
    assert_eq!(inside.connect().post("/echo", b"1234567890").status, 200);
    assert_eq!(
        inside.connect().post("/echo", b"1234567890a").status,
        413,
        "never more than any may have"
    );
    // Before any of it is there.
    let mut client = inside.connect();
    client.send("POST /keep HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n");
    assert_eq!(client.response().status, 413);
    let mut client = inside.connect();
    client.send("POST /keep HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n1\r\n6\r\n");
    assert_eq!(client.response().status, 413);
}

// ---- Calls at one time
// -----------------------------------------------------------------------------------

/// `place` has its instance for as long as it waits.
#[test]
fn so_many_calls_of_a_guest_have_an_instance_on_all_workers_together() {
    let configs = configs([("place", calls(2))]);
    let Some(inside) =
        Inside::configured(&["place", "snow", "hello"], 2, Limits::default(), configs)
    else {
        return;
    };
    let mut clients: Vec<Client> = (0..20).map(|_| inside.ask("/place")).collect();
    let (mut answered, mut others) = (0, 0);
    while answered < clients.len() {
        let two = 2.min(clients.len() - answered);
        // First, so that none of those before is counted among the two.
        inside.wait_until("those before are over", |counts| {
            counts.answered == (answered + others) as u64
        });
        inside.wait_until("two wait in place", |counts| counts.suspended == two);
        assert_eq!(inside.connect().get("/hello").status, 200, "nobody else waits");
        assert!(inside.counts().instances <= 2, "{:?}", inside.counts());
        answered += inside.connect().get("/stop-all/").text().parse::<usize>().expect("a number");
        others += 2;
    }
    assert!(clients.iter_mut().all(|client| client.response().status == 204));
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn what_its_queue_can_not_take_is_told_to_come_again() {
    let limits = Limits { guest_calls_queued_max: 3, ..Limits::default() };
    let configs = configs([("place", calls(1))]);
    let Some(inside) = Inside::configured(&["place", "snow", "hello"], 1, limits, configs) else {
        return;
    };
    let first = inside.ask("/place");
    inside.wait_until("it waits in place", |counts| counts.suspended == 1);
    let mut others: Vec<Client> = (0..10).map(|_| inside.ask("/place")).collect();
    inside.wait_until("seven are told", |counts| counts.answered == 7);
    assert_eq!(inside.connect().get("/hello").status, 200, "the queue is the guest's own");
    let mut told = 0;
    others.retain_mut(|client| {
        let waits = client.nothing_yet();
        if !waits {
            let answer = client.response();
            assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
            told += 1;
        }
        waits
    });
    assert_eq!((told, others.len()), (7, 3));
    for mut client in std::iter::once(first).chain(others) {
        inside.wait_until("the next waits in place", |counts| counts.suspended == 1);
        assert_eq!(inside.connect().get("/stop-all/").text(), "1");
        assert_eq!(client.response().status, 204, "in the order in which they came");
    }
}

/// Those who waited for a place and left do not get it, and do not keep it from others.
#[test]
fn a_place_passes_over_those_who_left() {
    let configs = configs([("place", calls(1))]);
    let Some(inside) = Inside::configured(&["place", "snow"], 2, Limits::default(), configs) else {
        return;
    };
    let mut first = inside.ask("/place");
    inside.wait_until("it waits in place", |counts| counts.suspended == 1);
    let leave: Vec<Client> = (0..10).map(|_| inside.ask("/place")).collect();
    inside.wait_until("they are there", |counts| counts.connections == 11);
    // A reset: who only says that nothing more will come still wants an answer.
    leave.into_iter().for_each(Client::reset);
    inside.wait_until("they have left", |counts| counts.connections == 1);
    let mut last = inside.ask("/place");
    inside.wait_until("the last is there", |counts| counts.connections == 2);
    assert_eq!(inside.connect().get("/stop-all/").text(), "1");
    assert_eq!(first.response().status, 204);
    inside.wait_until("the last waits in place", |counts| counts.suspended == 1);
    assert_eq!(inside.connect().get("/stop-all/").text(), "1");
    assert_eq!(last.response().status, 204);
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

/// A guest whose parked call waits for another call of its own has itself to blame: the deadline
/// ends it.
#[test]
fn a_guest_that_waits_for_itself_is_ended_by_its_deadline() {
    let limits = Limits { suspension_max_ms: 200, ..Limits::default() };
    let configs = configs([("place", calls(1))]);
    let Some(inside) = Inside::configured(&["place"], 2, limits, configs) else { return };
    let mut clients: Vec<Client> = (0..4).map(|_| inside.ask("/place")).collect();
    assert!(clients.iter_mut().all(|client| client.response().status == 504));
}

#[test]
fn resumptions_pass_through_the_gate_too() {
    let configs = configs([("snow", calls(1))]);
    let Some(inside) = Inside::configured(&["snow"], 2, Limits::default(), configs) else { return };
    let held: Vec<Client> = (0..100).map(|_| inside.ask("/req/")).collect();
    inside.wait_until("they are suspended", |counts| counts.suspended == 100);
    let leaves: Vec<Client> = (0..10).map(|_| inside.ask("/req/")).collect();
    inside.wait_until("more are suspended", |counts| counts.suspended == 110);
    drop(leaves);
    inside
        .wait_until("these have left", |counts| (counts.suspended, counts.pendings) == (100, 100));
    assert_eq!(inside.connect().get("/stop-all/?value=x").text(), "100");
    for mut client in held {
        assert_eq!(client.response().text(), "x");
    }
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn a_guest_that_computes_keeps_only_its_own_waiting() {
    let spin = GuestConfig { running_ms_max: Some(100), ..calls(1) };
    let configs = configs([("spin", spin)]);
    let Some(inside) = Inside::configured(&["spin", "hello"], 1, Limits::default(), configs) else {
        return;
    };
    let began = std::time::Instant::now();
    let mut spins: Vec<Client> = (0..6).map(|_| inside.ask("/spin")).collect();
    inside.wait_until("one computes", |counts| counts.instances == 1);
    assert_eq!(inside.connect().get("/hello").status, 200);
    assert!(began.elapsed() < Duration::from_millis(500) || inside.counts().instances <= 1);
    assert!(spins.iter_mut().all(|client| client.response().status == 500), "one after another");
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
}
