//! Waiting in place: a call keeps its instance, and nobody else is kept waiting. The guest is
//! tests/guests/place.wat.

use snow_config::Limits;

use crate::harness::Client;
use crate::inside::Inside;

const GUESTS: &[&str] = &["place", "snow", "hello"];

fn held(inside: &Inside, count: usize) -> Vec<Client> {
    let clients = (0..count).map(|_| inside.ask("/place")).collect();
    inside.wait_until("they wait in place", |counts| counts.suspended == count);
    clients
}

#[test]
fn others_go_on_and_a_settlement_ends_it() {
    let Some(inside) = Inside::start(GUESTS, 2, Limits::default()) else { return };
    let clients = held(&inside, 50);
    assert_eq!((inside.counts().instances, inside.counts().pendings), (50, 50));
    assert_eq!(inside.connect().get("/hello").status, 200);
    assert_eq!(inside.connect().get("/waiting/").text(), "50");
    assert_eq!(inside.connect().get("/stop/").text(), "stop");
    inside.wait_until("the first is over", |counts| counts.suspended == 49);
    assert_eq!(inside.connect().get("/stop-all/").text(), "49");
    for mut client in clients {
        assert_eq!(client.response().status, 204, "both entries of the list are settled");
    }
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn the_deadline_ends_it() {
    let limits = Limits { suspension_max_ms: 100, ..Limits::default() };
    let Some(inside) = Inside::start(GUESTS, 1, limits) else { return };
    assert_eq!(inside.connect().get("/place").status, 504);
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn a_client_that_leaves_ends_its_call() {
    let Some(inside) = Inside::start(GUESTS, 2, Limits::default()) else { return };
    let mut clients = held(&inside, 30);
    for client in clients.drain(..10) {
        client.reset();
    }
    inside.wait_until("ten calls are over", |c| {
        (c.suspended, c.pendings, c.instances) == (20, 20, 20)
    });
    drop(clients);
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
    assert_eq!(inside.connect().get("/waiting/").text(), "0");
}

/// Two may wait in place beside four that run. Those that come later take places of those that run,
/// but never the last two: `/stop-all/`, for which all of them wait, still gets through. What does
/// not fit into the queue is answered 503.
#[test]
fn a_pool_that_is_empty_makes_calls_queue_and_then_clients_are_told() {
    let limits = Limits {
        worker_calls_started_max: 4,
        calls_parked_max: 2,
        guest_calls_queued_max: 5,
        ..Limits::default()
    };
    let Some(inside) = Inside::start(GUESTS, 1, limits) else { return };
    let mut clients: Vec<Client> = (0..20).map(|_| inside.ask("/place")).collect();
    let mut told = Vec::new();
    while told.len() < 11 {
        inside.wait_until("as many wait as may", |counts| counts.instances == 4);
        clients.retain_mut(|client| {
            let waits = client.nothing_yet();
            if !waits {
                told.push(client.response());
            }
            waits
        });
    }
    assert!(
        told.iter().all(|answer| (answer.status, answer.field("retry-after")) == (503, Some("1")))
    );
    assert_eq!(inside.connect().get("/hello").status, 200);
    let mut woken = 0;
    while woken < clients.len() {
        woken += inside.connect().get("/stop-all/").text().parse::<usize>().expect("a number");
    }
    for mut client in clients {
        assert_eq!(client.response().status, 204);
    }
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn the_end_of_a_drain_ends_it() {
    let limits = Limits { drain_ms: 200, ..Limits::default() };
    let Some(inside) = Inside::start(GUESTS, 1, limits) else { return };
    let clients = held(&inside, 3);
    inside.drain();
    for mut client in clients {
        let answer = client.response();
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    }
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}
