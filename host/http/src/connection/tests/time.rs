//! Slow clients. The tests bring the time, so that waiting takes none.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

#[test]
fn an_idle_connection_is_closed_without_a_response() {
    let mut world = World::new();
    assert_eq!(world.connection.deadline_ms(), Some(60_000));
    world.wait(59_999);
    assert!(!world.connection.is_finished());
    world.send(GET);
    assert_eq!(world.connection.deadline_ms(), Some(119_999));
    world.read.clear();
    assert!(world.wait(60_000).connection.is_finished());
    assert!(world.read.is_empty());
}

#[test]
fn a_head_has_one_deadline_from_its_first_byte() {
    let mut world = World::new();
    world.wait(5_000);
    for byte in &GET.as_bytes()[..9] {
        world.send([*byte]);
        assert_eq!(world.connection.deadline_ms(), Some(15_000));
        world.wait(1_000);
    }
    world.wait(999);
    assert!(world.read.is_empty());
    world.wait(1);
    assert_eq!(world.statuses(), [408]);
    assert_eq!(world.answers()[0].field("connection"), Some("close"));
    assert!(world.connection.wants_shutdown());
}

#[test]
fn an_empty_line_is_not_the_beginning_of_a_head() {
    let mut world = World::new();
    world.send("\r");
    assert_eq!(world.connection.deadline_ms(), Some(10_000));
    world.send("\n");
    assert_eq!(world.connection.deadline_ms(), Some(60_000));
    assert!(world.wait(60_000).connection.is_finished());
    assert!(world.read.is_empty());
}

#[test]
fn a_pipelined_head_has_its_time_from_when_it_can_be_read() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(GET).send("GET /");
    assert_eq!(world.connection.deadline_ms(), None);
    world.wait(1_000_000);
    world.answer(&Response::text(200, ""));
    world.run();
    assert_eq!(world.connection.deadline_ms(), Some(1_010_000));
}

#[test]
fn a_body_has_to_make_progress() {
    let mut world = World::new();
    world.send(POST);
    assert_eq!(world.connection.deadline_ms(), Some(30_000));
    world.wait(29_000).send([b'x'; 50_000]);
    assert_eq!(world.connection.deadline_ms(), Some(59_000));
    world.wait(30_000);
    assert_eq!(world.statuses(), [408]);
    assert!(world.requests.is_empty() && world.connection.wants_shutdown());
}

#[test]
fn a_body_that_trickles_is_not_read_for_years() {
    let mut world = World::new();
    world.send(POST);
    let mut seconds = 0;
    while world.read.is_empty() {
        world.send("x").wait(1_000);
        seconds += 1;
    }
    assert_eq!(seconds, 31);
    assert_eq!(world.statuses(), [408]);
    // At the least rate allowed, the body arrives whole.
    let mut world = World::new();
    world.send(POST);
    for _ in 0..100_000 / 250 {
        world.send([b'x'; 250]).wait(900);
    }
    assert_eq!(world.statuses(), [200]);
}

/// A body of 8 MB that is sent but for its last bytes would else be waited for for hours.
#[test]
fn sending_fast_earns_little_time() {
    let mut world = World::new();
    world.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
    for _ in 0..79 {
        world.send([b'x'; 100_000]);
    }
    let mut seconds = 0;
    while world.read.is_empty() {
        world.wait(1_000).send("x");
        seconds += 1;
    }
    assert_eq!(seconds, 31);
    assert_eq!(world.statuses(), [408]);
}

#[test]
fn a_request_under_way_can_be_refused() {
    let mut world = World::new();
    let limits = world.limits;
    assert!(!world.connection.refuse_incoming(Reject::Busy, 0, &limits), "nothing is under way");
    world.send(POST).send("abc");
    assert_eq!(world.connection.received_bytes(), 3);
    assert!(world.connection.refuse_incoming(Reject::Busy, 0, &limits));
    assert_eq!(world.connection.received_bytes(), 0);
    world.run();
    assert_eq!(world.statuses(), [503]);
    let answer = &world.answers()[0];
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(world.connection.wants_shutdown());
    // A half of a head, too.
    let mut world = World::new();
    world.send("GET /");
    assert!(world.connection.refuse_incoming(Reject::Busy, 0, &limits));
    assert_eq!(world.run().statuses(), [503]);
}

#[test]
fn a_client_that_takes_no_output_is_dropped() {
    let mut world = World::new();
    world.reads_at_once = false;
    world.send(GET.repeat(2));
    assert_eq!(world.connection.deadline_ms(), Some(30_000));
    world.wait(29_999).client_reads(1);
    assert_eq!(world.connection.deadline_ms(), Some(59_999));
    world.wait(30_000);
    assert!(world.connection.is_finished() && world.connection.output().is_empty());
}

#[test]
fn a_held_exchange_outlives_a_client_that_takes_no_output() {
    let mut world = World::new();
    world.send(GET);
    world.reads_at_once = false;
    world.send(GET);
    world.answers_at_once = false;
    world.send(GET).wait(30_000);
    assert!(world.connection.is_finished());
    // The worker still gets the exchange that was lost.
    assert_eq!(world.connection.exchanges().count(), 1);
    assert_eq!(world.connection.abandon().count(), 1);
}

#[test]
fn a_held_exchange_has_no_deadline_on_its_connection() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(GET);
    assert_eq!(world.connection.deadline_ms(), None);
    world.wait(u64::MAX / 2);
    assert!(!world.connection.is_finished());
    world.connection.expire(u64::MAX, &world.limits);
    world.answer(&Response::text(200, ""));
    assert_eq!(world.run().statuses(), [200]);
}

#[test]
fn deadlines_at_the_end_of_time_do_not_overflow() {
    let limits = HttpLimits {
        idle_timeout_ms: u64::MAX,
        header_timeout_ms: u64::MAX,
        body_timeout_ms: u64::MAX,
        write_timeout_ms: u64::MAX,
        body_bytes_per_s_min: 1,
        ..HttpLimits::default()
    };
    let mut world = World::with(limits);
    world.now_ms = u64::MAX - 1;
    for byte in POST.as_bytes() {
        world.send([*byte]);
    }
    assert_eq!(world.send([b'x'; 100_000]).statuses(), [200]);
}

/// A long head that arrives byte by byte is not searched again for each byte. If it were, this test
/// would take minutes.
#[test]
fn a_long_head_byte_by_byte_is_near_linear() {
    let fields = format!("A: {}\r\n", "b".repeat(640)).repeat(99);
    let mut world = World::new();
    for byte in format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").bytes() {
        world.send([byte]);
    }
    assert_eq!(world.statuses(), [200]);
}

#[test]
fn a_connection_gives_way_while_it_has_no_request() {
    use crate::GivesWay;
    let mut world = World::new();
    let gives_way = |world: &World| world.connection.gives_way(world.now_ms, &world.limits);
    let silent = gives_way(&world);
    assert_eq!(silent, Some(GivesWay::Silent { until_ms: 60_000 }));
    world.send("GET /");
    assert_eq!(gives_way(&world), None, "it may send the rest at once");
    world.wait(1_000);
    let slow = gives_way(&world);
    assert_eq!(slow, Some(GivesWay::Slow { until_ms: 10_000 }));
    world.answers_at_once = false;
    world.send(" HTTP/1.1\r\nHost: a\r\n\r\n").wait(50_000);
    assert_eq!(gives_way(&world), None, "it waits for its answer");
    world.answer(&Response::text(200, ""));
    world.run();
    let idle = gives_way(&world);
    assert_eq!(idle, Some(GivesWay::Idle { until_ms: 111_000 }));
    assert!(silent < idle && idle < slow);
}
