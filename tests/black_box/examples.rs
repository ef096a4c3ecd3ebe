//! The example guests: each route answers as its guest's documentation says.

use std::time::{Duration, Instant};

use crate::harness::{Server, Setup, eventually, serve};

/// Status and text of a GET.
#[track_caller]
fn get(server: &Server, target: &str) -> (u16, String) {
    let answer = server.get(target);
    (answer.status, answer.text().to_owned())
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[test]
fn hello_needs_no_toolchain() {
    let Some(server) = serve(&["hello"]) else { return };
    let answer = server.get("/hello");
    assert_eq!((answer.status, answer.text()), (200, "hello world"));
    assert_eq!(answer.field("content-type"), Some("text/plain"));
    assert_eq!(answer.field("content-length"), Some("11"));
    assert!(!answer.closes());
}

#[test]
fn snow_answers_at_once_where_nothing_waits() {
    let Some(server) = serve(&["snow"]) else { return };
    assert_eq!(get(&server, "/index/"), ok("OK"));
    assert_eq!(get(&server, "/home/"), ok("home"));
    assert_eq!(get(&server, "/stop/"), (409, "nobody is waiting".into()));
    assert_eq!(get(&server, "/stop-all/"), ok("0"));
    assert_eq!(get(&server, "/waiting/"), ok("0"));
    for unknown in ["/", "/index", "/index/x", "/async", "/INDEX/"] {
        assert_eq!(server.get(unknown).status, 404, "{unknown}");
    }
}

#[test]
fn snow_async_takes_its_time_and_no_thread() {
    let Some(server) = serve(&["snow"]) else { return };
    let started = Instant::now();
    let mut default = server.ask("/async/");
    // A hundred wait at the same time, on two threads.
    let mut short: Vec<_> = (0..100).map(|_| server.ask("/async/?seconds=0.3")).collect();
    for client in &mut short {
        let answer = client.response();
        assert_eq!((answer.status, answer.text()), (200, "done"));
        assert!(
            started.elapsed() >= Duration::from_millis(300),
            "it came after {:?}",
            started.elapsed()
        );
    }
    assert!(started.elapsed() < Duration::from_secs(5), "they did not wait one after another");
    assert_eq!(default.response().text(), "done");
    assert!(
        started.elapsed() >= Duration::from_secs(5),
        "5 seconds is what it takes if nothing is said"
    );
    assert_eq!(server.get("/async/?seconds=soon").status, 400);
}

#[test]
fn snow_req_is_held_until_it_is_stopped() {
    let Some(server) = serve(&["snow"]) else { return };
    let mut held = server.ask("/req/");
    server.wait_for_waiting(1);
    held.is_silent();
    assert_eq!(get(&server, "/stop/"), ok("stop"));
    let answer = held.response();
    assert_eq!((answer.status, answer.text()), (200, "done"));
    assert_eq!(get(&server, "/waiting/"), ok("0"));
    assert_eq!(get(&server, "/stop/"), (409, "nobody is waiting".into()));
}

#[test]
fn snow_req_answers_what_it_is_given() {
    let Some(server) = serve(&["snow"]) else { return };
    let mut held = server.ask("/req/");
    server.wait_for_waiting(1);
    assert_eq!(get(&server, "/stop/?value=a%20b%26c"), ok("stop"));
    assert_eq!(held.response().text(), "a b&c");
}

#[test]
fn snow_req_times_out() {
    let Some(server) = serve(&["snow"]) else { return };
    // By the guest's `resume`, by the host alone, and by the next line of the guest.
    for route in ["/req/", "/hold/", "/req-in-place/"] {
        let started = Instant::now();
        let answer = server.get(&format!("{route}?timeout=0.2"));
        assert_eq!((answer.status, answer.text()), (504, "nobody came"), "{route}");
        assert!(
            started.elapsed() >= Duration::from_millis(200),
            "{route} came after {:?}",
            started.elapsed()
        );
        assert_eq!(server.get(&format!("{route}?timeout=never")).status, 400);
    }
    assert_eq!(get(&server, "/waiting/"), ok("0"), "who timed out waits no more");
}

#[test]
fn snow_hold_is_answered_by_the_host() {
    let Some(server) = serve(&["snow"]) else { return };
    let mut held = server.ask("/hold/");
    server.wait_for_waiting(1);
    held.is_silent();
    assert_eq!(get(&server, "/stop/?value=raw"), ok("stop"));
    let answer = held.response();
    assert_eq!((answer.status, answer.text()), (200, "raw"));
    assert_eq!(answer.field("content-type"), Some("application/octet-stream"));
}

#[test]
fn snow_req_in_place_answers_what_it_is_given() {
    let Some(server) = serve(&["snow"]) else { return };
    let mut held = server.ask("/req-in-place/");
    server.wait_for_waiting(1);
    held.is_silent();
    assert_eq!(get(&server, "/stop/?value=a%20b%26c"), ok("stop"));
    let answer = held.response();
    assert_eq!((answer.status, answer.text()), (200, "a b&c"));
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(get(&server, "/waiting/"), ok("0"));
    assert_eq!(get(&server, "/stop/"), (409, "nobody is waiting".into()));
    // The connection goes on, and the next call of it may wait as well.
    held.ask("/req-in-place/");
    server.wait_for_waiting(1);
    assert_eq!(get(&server, "/stop/"), ok("stop"));
    assert_eq!(held.response().text(), "done");
}

#[test]
fn snow_req_in_place_stands_in_line_with_the_others() {
    let Some(server) = serve(&["snow"]) else { return };
    let mut held = Vec::new();
    for (index, route) in ["/req-in-place/", "/req/", "/req-in-place/", "/hold/"].iter().enumerate()
    {
        held.push(server.ask(route));
        server.wait_for_waiting(index + 1);
    }
    for (index, client) in held.iter_mut().enumerate() {
        assert_eq!(get(&server, &format!("/stop/?value={index}")), ok("stop"));
        assert_eq!(
            client.response().text(),
            index.to_string(),
            "first in, first out, however they wait"
        );
    }
}

#[test]
fn snow_stop_all_wakes_those_that_wait_in_place() {
    // More than a worker starts at the same time, if what waits counted as that.
    const MANY: usize = 30;
    let Some(server) = serve(&["snow"]) else { return };
    let mut held: Vec<_> = (0..MANY).map(|_| server.ask("/req-in-place/")).collect();
    server.wait_for_waiting(MANY);
    held[0].is_silent();
    assert_eq!(get(&server, "/stop-all/?value=all"), ok(&MANY.to_string()));
    for client in &mut held {
        let answer = client.response();
        assert_eq!((answer.status, answer.text()), (200, "all"));
    }
    assert_eq!(get(&server, "/stop-all/"), ok("0"));
}

#[test]
fn snow_answers_others_while_a_call_waits_in_place() {
    // One worker, so that it is the thread of the call that waits which answers the others.
    let Some(setup) = Setup::with(&["snow", "hello"]) else { return };
    let server = setup.workers(1).start();
    let mut held: Vec<_> = (0..3).map(|_| server.ask("/req-in-place/")).collect();
    server.wait_for_waiting(3);
    for _ in 0..20 {
        assert_eq!(get(&server, "/index/"), ok("OK"));
    }
    // Among them one that is held and one that times out, of the same guest.
    assert_eq!(get(&server, "/async/?seconds=0.1"), ok("done"));
    assert_eq!(get(&server, "/req-in-place/?timeout=0.1"), (504, "nobody came".into()));
    server.still_serves();
    held[0].is_silent();
    assert_eq!(get(&server, "/waiting/"), ok("3"));
    assert_eq!(get(&server, "/stop-all/"), ok("3"));
    for client in &mut held {
        assert_eq!(client.response().text(), "done");
    }
}

#[test]
fn snow_forgets_who_leaves_while_waiting_in_place() {
    let Some(server) = serve(&["snow"]) else { return };
    let leaves = server.ask("/req-in-place/");
    server.wait_for_waiting(1);
    let resets = server.ask("/req-in-place/");
    server.wait_for_waiting(2);
    let mut stays = server.ask("/req-in-place/");
    server.wait_for_waiting(3);

    drop(leaves);
    server.wait_for_waiting(2);
    resets.reset();
    server.wait_for_waiting(1);
    // What is given now is not given to who has left, though they have waited longer.
    assert_eq!(get(&server, "/stop/?value=still"), ok("stop"));
    assert_eq!(stays.response().text(), "still");
    assert_eq!(get(&server, "/stop/"), (409, "nobody is waiting".into()));
}

#[test]
fn snow_stop_all_says_how_many() {
    let Some(server) = serve(&["snow"]) else { return };
    let routes = ["/req/", "/hold/", "/req/"];
    let mut held: Vec<_> = routes.iter().map(|route| server.ask(route)).collect();
    server.wait_for_waiting(3);
    assert_eq!(get(&server, "/stop-all/?value=all"), ok("3"));
    for client in &mut held {
        assert_eq!(client.response().text(), "all");
    }
    assert_eq!(get(&server, "/stop-all/"), ok("0"));
}

#[test]
fn tornado_main_waits_for_index() {
    let Some(server) = serve(&["tornado"]) else { return };
    // It was asked before `/main` waits: nobody is there, and nothing is kept for who comes later.
    assert_eq!(get(&server, "/index"), ok("Index"));
    let mut waiting: Vec<_> = (0..3).map(|_| server.ask("/main")).collect();
    waiting[0].is_silent();
    // The guest has no route that says how many wait, so it is called until all have been answered.
    for client in &mut waiting {
        while client.nothing_yet() {
            assert_eq!(get(&server, "/index"), ok("Index"));
        }
        let answer = client.response();
        assert_eq!((answer.status, answer.text()), (200, "Main"));
        assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[test]
fn tornado_story_and_echo() {
    let Some(server) = serve(&["tornado"]) else { return };
    assert_eq!(get(&server, "/story/42"), ok("42"));
    assert_eq!(server.get("/story/x").status, 404);
    assert_eq!(server.get("/story/").status, 404);

    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/x-a; b=c\r\ncontent-length: 5\r\n\r\nhello");
    let answer = client.response();
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.field("content-type"), Some("text/x-a; b=c"));
    assert_eq!(client.post("/echo", b"").body, b"");

    let refused = client.get("/echo");
    assert_eq!((refused.status, refused.field("allow")), (405, Some("POST, OPTIONS")));
}

/// Asks until somebody waits, which no route of the guest tells, and is answered with this text.
/// Returns when that was asked.
#[track_caller]
fn is_let_in(server: &Server, target: &str, text: &str) -> Instant {
    let (asked, answer) = eventually(&format!("somebody waits for {target}"), || {
        let asked = Instant::now();
        Some((asked, get(server, target))).filter(|(_, (status, _))| *status != 404)
    });
    assert_eq!(answer, ok(text));
    asked
}

#[test]
fn an_order_waits_twice() {
    let Some(server) = serve(&["two-step"]) else { return };
    assert_eq!(server.get("/order/7/approve").status, 404, "nobody has ordered");
    let mut seven = server.ask("/order/7");
    let mut eight = server.ask("/order/8");
    seven.is_silent();
    let approved = is_let_in(&server, "/order/7/approve", "approved");
    assert_eq!(seven.response().text(), "order 7 approved", "the number came along in the state");
    assert!(
        approved.elapsed() >= Duration::from_millis(100),
        "the second wait took {:?}",
        approved.elapsed()
    );
    eight.is_silent();
    is_let_in(&server, "/order/8/approve", "approved");
    assert_eq!(eight.response().text(), "order 8 approved");
    assert_eq!(server.get("/order/7/approve").status, 404, "it was answered");
    assert_eq!(server.get("/order/x").status, 404);
}

#[test]
fn a_race_gets_its_timer_back() {
    let Some(server) = serve(&["two-step"]) else { return };
    assert_eq!(server.get("/race/go").status, 404);

    let started = Instant::now();
    assert_eq!(get(&server, "/race?seconds=0.2"), ok("nobody raced"));
    assert!(started.elapsed() >= Duration::from_millis(200));

    let started = Instant::now();
    let mut racing = server.ask("/race?seconds=3");
    racing.is_silent();
    is_let_in(&server, "/race/go", "go");
    // The key has won, and yet the timer goes on, alive in a second suspension.
    racing.is_silent();
    assert_eq!(server.get("/race/go").status, 404, "it no longer waits under the key");
    assert_eq!(racing.response().text(), "the timer came");
    let took = started.elapsed();
    assert!(
        took >= Duration::from_secs(3),
        "the timer was not started anew, nor cut short: {took:?}"
    );
}
