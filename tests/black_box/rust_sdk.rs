//! `async` handlers in Rust, and crates that draw random numbers, by a guest made for them
//! (`guests/awaits`).

use std::collections::HashSet;

use snow_config::Limits;

use crate::harness::{Server, Setup};
use crate::inside::Inside;

fn inside() -> Option<Inside> {
    Inside::start(&["awaits"], 1, Limits::default())
}

fn serve() -> Option<Server> {
    Some(Setup::with(&["awaits"])?.start())
}

#[track_caller]
fn settle(inside: &Inside, key: &str, value: &str, count: usize) {
    let settled = inside.connect().get(&format!("/settle/{key}/{value}"));
    assert_eq!(settled.text(), count.to_string(), "those that waited under {key}");
}

/// Waits until so many pendings exist, and one call waits for them.
#[track_caller]
fn waiting(inside: &Inside, pendings: usize) {
    inside.wait_until("it waits", |counts| (counts.suspended, counts.pendings) == (1, pendings));
}

#[test]
fn what_is_awaited_is_waited_for_in_place() {
    let Some(inside) = inside() else { return };
    let mut client = inside.ask("/one-after-another");
    waiting(&inside, 1);
    settle(&inside, "second", "early", 0);
    settle(&inside, "first", "a", 1);
    inside.logs(&["info", "guest=awaits", "the first came"]);
    waiting(&inside, 1);
    settle(&inside, "second", "b", 1);
    assert_eq!(client.response().text(), "ab");
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn what_is_awaited_at_the_same_time_is_one_wait() {
    let Some(inside) = inside() else { return };
    // Beyond 30, `join_all` polls only those that were woken.
    for count in [1, 2, 30, 50] {
        let mut client = inside.ask(&format!("/many/{count}"));
        waiting(&inside, count);
        settle(&inside, "many", "x", count);
        assert_eq!(client.response().text(), format!("{count}: {}", "x".repeat(count)));
    }
}

#[test]
fn the_first_of_two_wins_and_the_other_is_given_up() {
    let Some(inside) = inside() else { return };
    let mut client = inside.ask("/race/60000");
    waiting(&inside, 2);
    settle(&inside, "race", "won", 1);
    assert_eq!(client.response().text(), "key won, again won");
    assert_eq!(inside.connect().get("/race/1").text(), "pause");
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings, c.instances) == (0, 0, 0));
}

#[test]
fn each_wait_has_its_own_deadline() {
    let Some(server) = serve() else { return };
    assert_eq!(server.get("/late/1").text(), "true true");
    assert_eq!(server.get("/late/0").text(), "true true");
}

#[test]
fn a_function_that_resumes_may_be_async() {
    let Some(inside) = inside() else { return };
    let mut client = inside.ask("/resumed");
    inside.wait_until("it is suspended", |c| (c.suspended, c.instances) == (1, 0));
    settle(&inside, "first", "a", 1);
    inside.wait_until("it waits in place", |c| (c.suspended, c.instances) == (1, 1));
    settle(&inside, "second", "b", 1);
    assert_eq!(client.response().text(), "ab");
}

#[test]
fn a_future_that_nobody_wakes_is_a_500_that_says_so() {
    let Some(server) = serve() else { return };
    assert_eq!(server.get("/never").status, 500);
    server.log.until(&["error", "the handler awaits something that no pending settles"]);
    assert_eq!(server.get("/late/0").status, 200, "it goes on");
}

#[test]
fn crates_and_maps_draw_fresh_random_numbers() {
    let Some(server) = serve() else { return };
    let mut client = server.connect();
    let seen: HashSet<String> = (0..100).map(|_| client.get("/random").text().into()).collect();
    assert_eq!(seen.len(), 100, "ids differ");
    let order = |text: &String| text.split_once(' ').map(|(_, order)| order.to_owned());
    let orders: HashSet<_> = seen.iter().map(order).collect();
    assert!(orders.len() > 90, "maps have orders of their own: {}", orders.len());
}
