//! The ends of a connection: half-close, lingering, draining, abandonment.

use super::*;

#[test]
fn after_a_half_close_what_was_received_is_answered() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(get("/1") + &get("/2") + "GET /ha").send_eof();
    assert!(world.connection.peer_has_closed() && !world.connection.wants_read());
    for _ in 0..2 {
        assert!(!world.connection.is_finished());
        world.answer(&Response::text(200, ""));
        world.run();
    }
    assert_eq!(world.requests, ["GET /1 0", "GET /2 0"]);
    assert_eq!(world.statuses(), [200, 200]);
    assert!(world.connection.is_finished());
}

#[test]
fn the_last_answer_after_a_half_close_says_so() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(get("/1") + &get("/2")).send_eof();
    world.answer(&Response::text(200, ""));
    world.run();
    world.answer(&Response::text(200, ""));
    world.run();
    let closes: Vec<_> =
        world.answers().iter().map(|answer| answer.field("connection").is_some()).collect();
    assert_eq!(closes, [false, true]);
    assert!(world.connection.is_finished());
}

/// The simulation found this: the half-close was not seen when the output was written, but only at
/// the idle timeout.
#[test]
fn a_half_close_behind_a_full_output_is_seen_when_that_is_written() {
    let limits = HttpLimits { output_bytes_max: 10, ..HttpLimits::default() };
    let mut connection = Connection::new(0, &limits);
    let step = |connection: &mut Connection| {
        let mut admit = |_: &Head| Some(Admission::Accept { body_bytes_max: 0, room_bytes: 0 });
        connection.step(0, &limits, DATE, &mut || 1, &mut admit)
    };
    connection.receive(get("/1").as_bytes(), 0, &limits);
    assert!(matches!(step(&mut connection), Step::Request { .. }));
    connection.respond(0, &Response::text(200, "longer than that"), DATE, 0, &limits).unwrap();
    connection.receive_eof();
    assert!(matches!(step(&mut connection), Step::Idle));
    assert!(!connection.is_finished(), "there is an answer to write");
    connection.wrote(connection.output().len(), 0, &limits);
    assert!(connection.has_unused_input());
    assert!(matches!(step(&mut connection), Step::Idle));
    assert!(connection.is_finished());
}

#[test]
fn half_a_request_gets_no_answer() {
    for bytes in [
        "",
        "\r\n",
        "GET / HTTP/1.1\r\nHo",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ] {
        let mut world = World::new();
        world.send(bytes).send_eof();
        assert!(world.connection.is_finished(), "{bytes:?}");
        assert!(world.read.is_empty(), "{bytes:?}");
    }
}

#[test]
fn an_early_notice_of_the_end_loses_no_bytes() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(get("/held"));
    while world.connection.wants_read() {
        world.send(get("/pipelined"));
    }
    // Reading is paused, so there may be more in the socket than was received.
    world.send_eof();
    assert!(world.connection.peer_has_closed());
    world.answers_at_once = true;
    world.answer(&Response::text(200, ""));
    world.run();
    assert!(world.connection.wants_read() && !world.connection.is_finished());
    world.send(get("/unread")).send_eof();
    assert_eq!(world.requests.last().unwrap(), "GET /unread 0");
    assert!(world.connection.is_finished());
}

#[test]
fn a_close_lingers_until_the_client_closes() {
    let mut world = World::new();
    world.reads_at_once = false;
    world.send("@");
    assert!(!world.connection.wants_shutdown() && !world.connection.wants_read());
    world.client_reads(usize::MAX);
    assert!(world.connection.wants_shutdown() && !world.connection.is_finished());
    world.connection.shutdown_done(0, &world.limits);
    assert!(!world.connection.wants_shutdown() && world.connection.wants_read());
    world.send("anything");
    assert!(!world.connection.is_finished());
    world.send_eof();
    assert!(world.connection.is_finished() && world.requests.is_empty());
}

#[test]
fn lingering_is_bounded_in_bytes_and_in_time() {
    let lingering = || {
        let mut world = World::new();
        world.send("@");
        world.connection.shutdown_done(0, &world.limits);
        world
    };
    // As much as the host would have accepted as a body.
    let mut world = lingering();
    for _ in 0..world.limits.body_bytes_max / 65_536 {
        world.send([b'x'; 65_536]);
        assert!(!world.connection.is_finished());
    }
    assert!(world.send("x").connection.is_finished());
    let mut world = lingering();
    world.limits.body_bytes_max = 0;
    for _ in 0..4 {
        world.send([b'x'; 65_536]);
        assert!(!world.connection.is_finished());
    }
    assert!(world.send("x").connection.is_finished());

    // A second of silence ends it, and so does the longest time for a body.
    let mut world = lingering();
    world.wait(999).send("x");
    assert_eq!(world.connection.deadline_ms(), Some(1_999));
    assert!(!world.wait(999).connection.is_finished());
    assert!(world.wait(1).connection.is_finished());
    let mut world = lingering();
    while !world.wait(900).connection.is_finished() {
        world.send("x");
    }
    assert_eq!(world.now_ms, 30_600);
}

#[test]
fn a_client_that_asked_for_the_close_is_not_lingered_for() {
    let mut world = World::new();
    world.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(world.connection.is_finished() && !world.connection.wants_shutdown());
    // Unless it has sent more: then the close would become a reset.
    let mut world = World::new();
    world.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET");
    assert!(!world.connection.is_finished() && world.connection.wants_shutdown());
}

#[test]
fn draining_closes_idle_connections_after_a_moment() {
    let mut fresh = World::new();
    let mut used = World::new();
    used.send(get("/"));
    for world in [&mut fresh, &mut used] {
        world.drain();
        let moment_ms = world.limits.drain_idle_ms;
        world.wait(moment_ms - 1);
        assert!(!world.connection.is_finished());
        world.wait(1);
        assert!(world.connection.is_finished());
    }
}

/// A restart loses no request: one that was on its way when the drain began is answered.
#[test]
fn draining_answers_a_request_that_was_on_its_way() {
    let mut world = World::new();
    world.drain();
    world.wait(1);
    world.send(get("/"));
    assert_eq!(world.answers()[0].field("connection"), Some("close"));
    assert!(world.connection.wants_shutdown());
}

#[test]
fn draining_answers_what_was_received() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(get("/1") + &get("/2"));
    world.drain();
    assert!(!world.connection.wants_read());
    world.answers_at_once = true;
    world.answer(&Response::text(200, ""));
    world.run();
    let answers = world.answers();
    assert_eq!((answers.len(), answers[0].field("connection")), (2, None));
    assert_eq!(answers[1].field("connection"), Some("close"));
    assert!(world.connection.wants_shutdown());
}

#[test]
fn draining_waits_for_a_head_that_is_under_way() {
    let mut world = World::new();
    world.send("GET / HT");
    world.drain();
    assert!(!world.is_closing() && world.connection.wants_read());
    world.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.answers()[0].field("connection"), Some("close"));
    assert!(world.connection.wants_shutdown());
}

#[test]
fn an_abandoned_connection_is_finished_and_gives_the_exchange_back() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(get("/1") + &get("/2"));
    let labels: Vec<_> = world.connection.abandon().map(|exchange| exchange.label).collect();
    assert_eq!(labels, ["GET /1".into()]);
    assert!(world.connection.is_finished() && world.connection.exchanges().count() == 0);
    assert_eq!(world.connection.abandon().count(), 0);
    world.send(get("/3"));
    assert_eq!(world.requests.len(), 1);
    assert_eq!(world.connection.deadline_ms(), None);
}

/// The simulation found this: a client half-closes behind two requests, and the second is then
/// held.
#[test]
fn answers_before_an_exchange_that_is_given_up_still_go_out() {
    let mut world = World::new();
    (world.answers_at_once, world.reads_at_once) = (false, false);
    world.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    world.answer(&Response::text(200, "first"));
    world.run();
    world.send_eof();
    let limits = world.limits;
    let given_up = world.connection.give_up(1, world.now_ms, &limits).unwrap();
    assert_eq!(&*given_up.label, "GET /b");
    assert!(world.connection.output().ends_with(b"first") && !world.connection.is_finished());
    let written = world.connection.output().len();
    world.connection.wrote(written, world.now_ms, &limits);
    assert!(world.connection.is_finished());
}
