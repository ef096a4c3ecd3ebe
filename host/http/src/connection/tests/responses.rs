//! The way out: whole responses.

use super::*;

/// Returns a world whose worker has one request and did not answer it.
fn held(bytes: &str) -> World {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(bytes);
    assert_eq!(world.requests.len(), 1);
    world
}

#[test]
fn http_1_1_stays_open_and_http_1_0_closes() {
    let after = |bytes: &str| {
        let mut world = World::new();
        world.send(bytes);
        let answers = world.answers();
        (answers[0].field("connection").map(str::to_owned), world.connection.is_finished())
    };
    assert_eq!(after(&get("/")), (None, false));
    let close = after("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(close, (Some("close".into()), true));
    assert_eq!(after("GET / HTTP/1.0\r\n\r\n"), (Some("close".into()), true));
    let kept = after("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(kept, (Some("keep-alive".into()), false));
}

#[test]
fn head_204_and_304_have_no_body() {
    let mut world = held("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    world.answer(&Response::text(200, "hello"));
    world.run();
    assert_eq!(world.answers()[0].field("content-length"), Some("5"));
    for status in [204, 304] {
        world.send(get("/"));
        world.answer(&Response { status, ..Response::default() });
        world.run();
        assert_eq!(world.answers().last().unwrap().field("content-length"), None);
    }
    assert_eq!(world.statuses(), [200, 204, 304]);
}

#[test]
fn a_response_that_breaks_a_rule_is_not_sent() {
    for (name, value) in [
        ("x", "a\r\nset-cookie: b"),
        ("x\r\ny", "a"),
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("connection", "close"),
    ] {
        let mut world = held(&get("/"));
        let response = Response::text(200, "hello").with_field(name, value);
        let refused = world.respond(0, &response);
        assert!(refused.is_err(), "{name:?}: {value:?}");
        assert_eq!(world.connection.output(), b"");
        world.answer(&response);
        world.run();
        assert_eq!(world.statuses(), [500], "{name:?}: {value:?}");
        // The next response belongs to the next request.
        world.answers_at_once = true;
        world.send(get("/next"));
        assert_eq!(world.answers()[1].body, b"/next");
    }
}

#[test]
fn answers_to_pipelined_requests_leave_in_one_write() {
    let mut world = World::new();
    world.reads_at_once = false;
    world.send(get("/1") + &get("/2") + &get("/3"));
    assert_eq!(world.requests.len(), 3);
    let output = world.connection.output().to_vec();
    assert_eq!(parse_answers(&output, &[false; 3]).len(), 3);
    // After a write of a part, the rest is still there.
    world.client_reads(100);
    assert_eq!(world.connection.output(), &output[100..]);
    world.client_reads(usize::MAX);
    assert_eq!(world.connection.output.capacity(), 0);
}

#[test]
fn pipelined_bytes_are_bounded_while_an_exchange_is_held() {
    let mut world = held(&get("/held"));
    let mut sent = 0;
    while world.connection.wants_read() {
        world.send(get("/pipelined"));
        sent += 1;
    }
    assert!(world.connection.input.len() < INPUT_KEPT_BYTES_MAX + 100);
    assert_eq!(world.requests.len(), 1);
    world.answers_at_once = true;
    world.answer(&Response::text(200, ""));
    world.run();
    assert_eq!(world.requests.len(), 1 + sent);
    assert!(world.connection.wants_read());
}

#[test]
fn a_client_that_does_not_read_its_answers_is_not_answered_for_ever() {
    for one_read_each in [true, false] {
        let mut world =
            World::with(HttpLimits { output_bytes_max: 10_000, ..HttpLimits::default() });
        world.reads_at_once = false;
        let mut sent = 0;
        while world.connection.wants_read() {
            let count = if one_read_each { 1 } else { 7 };
            world.send(get("/").repeat(count));
            sent += count;
        }
        assert!(world.connection.output().len() < 10_400);
        assert!(world.connection.input.len() < INPUT_KEPT_BYTES_MAX + 1_000);
        assert!(world.connection.has_unused_input());
        world.reads_at_once = true;
        world.run();
        assert_eq!(world.answers().len(), sent);
        assert!(!world.connection.has_unused_input());
    }
}

#[test]
fn a_large_body_is_written_as_it_is_taken() {
    let mut world = held(&get("/"));
    world.reads_at_once = false;
    let body = "0123456789".repeat(500_000);
    world.answer(&Response::text(200, &body));
    while world.client_reads(64 * 1024) > 0 {}
    assert_eq!(world.answers()[0].body, body.as_bytes());
    assert_eq!(world.connection.output.capacity(), 0);
}

#[test]
fn a_rested_connection_holds_no_more_than_it_must() {
    let mut world = held(&(get("/held") + &get("/next")));
    world.send("GET ");
    world.connection.rest();
    assert!(world.connection.input.capacity() <= world.connection.input.len() + 8);
    world.answers_at_once = true;
    world.answer(&Response::text(200, ""));
    world.run().send("/last HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.requests, ["GET /held 0", "GET /next 0", "GET /last 0"]);
}
