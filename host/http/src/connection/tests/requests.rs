//! The way in: framing, pipelining, rejections.

use super::*;

/// Conversations: the bytes that the client sends, and the requests that the worker gets.
const SAMPLES: [(&str, &[&str]); 10] = [
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &["GET / 0"]),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", &["GET / 0"]),
    ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", &["POST /a 5"]),
    (
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        &["POST /a 2", "GET /b 0"],
    ),
    (
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\n",
        &["POST /a 6", "HEAD /b 0"],
    ),
    (
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
        &["GET /1 0", "GET /2 0", "GET /3 0"],
    ),
    (
        "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\nGET /3 HTTP/1.0\r\n\r\n",
        &["GET /1 0", "GET /2 0"],
    ),
    ("GET /refuse HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n", &["GET /b 0"]),
    (
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET http://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n",
        &["OPTIONS * 0", "GET http://b/c?d 0"],
    ),
    (
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\nGET /3 HTTP/1.1\r\n\r\n",
        &["GET /1 0"],
    ),
];

#[test]
fn a_conversation_is_the_same_however_its_bytes_are_split() {
    for (bytes, requests) in SAMPLES {
        let mut whole = World::new();
        whole.send(bytes);
        assert_eq!(whole.requests, requests);
        let same = |world: &World, how: &str| {
            assert_eq!(world.requests, whole.requests, "{how}: {bytes:?}");
            assert_eq!(world.bodies, whole.bodies, "{how}: {bytes:?}");
            assert_eq!(world.rejected, whole.rejected, "{how}: {bytes:?}");
            assert_eq!(world.answers(), whole.answers(), "{how}: {bytes:?}");
            assert_eq!(world.is_closing(), whole.is_closing(), "{how}: {bytes:?}");
        };
        for at in 0..=bytes.len() {
            let mut world = World::new();
            world.send(&bytes[..at]).send(&bytes[at..]);
            same(&world, &format!("split at {at}"));
        }
        let mut world = World::new();
        for byte in bytes.as_bytes() {
            world.send([*byte]);
        }
        same(&world, "byte by byte");
        // The client reads nothing until the end, so all responses leave in one write.
        let mut world = World::new();
        world.reads_at_once = false;
        world.send(bytes);
        world.client_reads(usize::MAX);
        same(world.run(), "one write");
    }
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let bytes: String = (0..1000)
        .map(|n| format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"))
        .collect();
    let mut world = World::new();
    for read in bytes.as_bytes().chunks(65_536) {
        assert!(world.connection.wants_read());
        world.send(read);
    }
    let answers = world.answers();
    assert_eq!(answers.len(), 1000);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.body, format!("/{n}").into_bytes());
        assert_eq!(answer.field("x-request-id"), Some(&*format!("{:032x}", n + 1)));
    }
    assert_eq!(world.connection.input.capacity(), 0);
}

#[test]
fn a_request_that_is_put_off_waits_and_nothing_more_is_read() {
    let mut world = World::new();
    world.put_off = 2;
    let (first, next) = (get("/first"), get("/next"));
    world.send(first.clone() + &next);
    assert!(world.requests.is_empty() && !world.connection.wants_read());
    assert_eq!(world.connection.received_bytes(), first.len() - 4 + next.len());
    assert_eq!(world.connection.deadline_ms(), None, "it is not the client that is late");
    assert_eq!(world.connection.gives_way(0, &world.limits), None);
    assert!(world.run().requests.is_empty());
    world.run();
    assert_eq!(world.requests, ["GET /first 0", "GET /next 0"]);
    assert!(world.connection.wants_read());

    // Its body is not asked for before its time.
    let expects = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    let mut world = World::new();
    world.put_off = 1;
    world.send(expects);
    assert!(world.read.is_empty());
    world.run().send("x");
    assert_eq!(world.statuses(), [100, 200]);
}

#[test]
fn a_request_that_was_put_off_can_be_refused() {
    let mut world = World::new();
    world.put_off = 1;
    world.send(get("/first") + &get("/next"));
    assert!(world.connection.refuse_incoming(Reject::Busy, 0, &world.limits));
    world.run();
    assert!(world.requests.is_empty() && world.is_closing());
    assert_eq!((world.statuses(), world.connection.received_bytes()), (vec![503], 0));
}

#[test]
fn refused_bytes_are_answered_and_the_connection_closes() {
    for (bytes, status) in [
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nA: b\0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800001\r\na", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n", 417),
        ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        let mut world = World::new();
        world.send(bytes).send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(world.rejected, [status], "{bytes:?}");
        assert!(world.requests.is_empty(), "{bytes:?}");
        let answers = world.answers();
        assert_eq!((answers.len(), answers[0].status), (1, status), "{bytes:?}");
        assert_eq!(answers[0].field("connection"), Some("close"));
        assert!(answers[0].field("x-request-id").is_some());
        assert!(world.connection.wants_shutdown(), "{bytes:?}");
    }
}

#[test]
fn a_rejection_tells_what_is_known() {
    let rejection = |bytes: &str| {
        let mut world = World::new();
        let now_ms = world.now_ms;
        world.connection.receive(bytes.as_bytes(), now_ms, &world.limits);
        match world.step() {
            Step::Rejected(Rejection { status, why, exchange }) => {
                (status, why, exchange.map(|exchange| exchange.label.into_string()))
            }
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(rejection("GET /a\r\n\r\n"), (400, Some(Reject::RequestLine), None));
    assert_eq!(
        rejection("GET /a HTTP/1.0\r\nContent-Length: x\r\n\r\n"),
        (400, Some(Reject::ContentLength), Some("GET /a".into()))
    );
    assert_eq!(rejection("GET /refuse HTTP/1.0\r\n\r\n"), (404, None, Some("GET /refuse".into())));
}

#[test]
fn a_rejected_request_with_a_body_closes_the_connection() {
    let mut world = World::new();
    world.send("GET /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.statuses(), [404]);
    assert!(!world.is_closing());
    world.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.statuses(), [404, 404]);
    assert!(world.connection.wants_shutdown() && world.requests.is_empty());
}

#[test]
fn a_route_may_ask_for_smaller_bodies_but_not_for_larger() {
    let post = |length| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let mut world = World::new();
    world.route_bytes_max = 4;
    world.send(post(4)).send("abcd").send(post(5));
    assert_eq!(world.statuses(), [200, 413]);
    let mut world = World::new();
    world.route_bytes_max = u64::MAX;
    world.send(post(8_388_609));
    assert_eq!(world.statuses(), [413]);
}

#[test]
fn a_100_is_sent_if_the_client_waits_for_it() {
    let post = |path, version, framing| {
        format!(
            "POST {path} HTTP/{version}\r\nHost: a\r\n{framing}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let length = "Content-Length: 2";
    let mut world = World::new();
    world.send(post("/", "1.1", length));
    assert_eq!(world.statuses(), [100]);
    assert!(world.requests.is_empty());
    world.send("ab");
    assert_eq!((world.statuses(), world.requests), (vec![100, 200], vec!["POST / 2".to_owned()]));

    for (bytes, statuses) in [
        (post("/", "1.1", "Transfer-Encoding: chunked"), &[100][..]),
        // A part of the body is here already, or there is none, or the client is too old to wait.
        (post("/", "1.1", length) + "a", &[]),
        (post("/", "1.1", "Content-Length: 0"), &[200]),
        (post("/", "1.0", length), &[]),
        // The request is rejected: the client need not send the body.
        (post("/refuse", "1.1", length), &[404]),
        (post("/", "1.1", "Content-Length: 99999999"), &[413]),
    ] {
        let mut world = World::new();
        world.send(&bytes);
        assert_eq!(world.statuses(), statuses, "{bytes:?}");
    }
}

#[test]
fn a_body_for_which_there_is_no_room_is_not_asked_for() {
    let post = |framing| format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
    let expect = "Expect: 100-continue\r\n";
    for (room_bytes, bytes, statuses) in [
        (5, post(format!("{expect}Content-Length: 5")), [100]),
        (4, post(format!("{expect}Content-Length: 5")), [503]),
        (4, post("Content-Length: 5".to_owned()), [503]),
        // What has come with the head takes its room already.
        (3, post("Content-Length: 9".to_owned()) + "12345", [503]),
        (0, post("Content-Length: 5".to_owned()) + "12345", [200]),
        (1, post(format!("{expect}Transfer-Encoding: chunked")), [100]),
        (0, post(format!("{expect}Transfer-Encoding: chunked")), [503]),
        (0, post(String::new()), [200]),
        // Too large is too large, whatever the room.
        (0, post("Content-Length: 99999999".to_owned()), [413]),
    ] {
        let mut world = World::new();
        world.room_bytes = room_bytes;
        world.send(&bytes);
        assert_eq!(world.statuses(), statuses, "{bytes:?}");
    }
}

#[test]
fn a_body_that_came_with_its_head_is_not_copied_twice() {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n{}",
        "x".repeat(9000)
    ));
    assert_eq!(world.requests, ["POST / 9000"]);
    assert_eq!(world.bodies[0].capacity(), 9000);
    assert_eq!(world.connection.input.capacity(), 0);
}
