//! Responses in pieces.

use super::*;
use crate::ResponseFault;

fn held(line: &str) -> World {
    let mut world = World::new();
    world.answers_at_once = false;
    world.send(format!("{line}\r\nHost: a\r\n\r\n"));
    assert_eq!(world.requests.len(), 1);
    world
}

impl World {
    fn begin(&mut self, response: &Response, length: Option<u64>) -> Result<(), StreamingFault> {
        let serial = self.serial();
        self.connection.begin_response(serial, response, length, DATE, self.now_ms, &self.limits)
    }

    fn piece(&mut self, piece: &str) -> Result<usize, StreamingFault> {
        self.connection.body_piece(self.serial(), piece.as_bytes(), self.now_ms, &self.limits)
    }

    fn end(&mut self) -> Option<Exchange> {
        self.connection.end_response(self.serial(), self.now_ms, &self.limits)
    }

    fn read_text(&mut self) -> String {
        self.run();
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }
}

#[test]
fn a_body_of_unknown_length_is_chunked() {
    let mut world = held("GET / HTTP/1.1");
    world.begin(&Response::text(200, "first"), None).unwrap();
    assert_eq!(world.serial(), 0);
    world.piece("").unwrap();
    world.piece("second").unwrap();
    assert!(world.end().is_some());
    let text = world.read_text();
    assert!(
        text.contains("transfer-encoding: chunked\r\n") && !text.contains("content-length"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"), "{text}");
    assert!(!world.is_closing());
    world.answers_at_once = true;
    world.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(world.read_text().ends_with("/next"));
}

#[test]
fn a_body_of_known_length_has_that_length() {
    let mut world = held("GET / HTTP/1.1");
    world.begin(&Response::default().with_status(200), Some(8)).unwrap();
    world.piece("hello").unwrap();
    assert_eq!(world.piece("four"), Err(StreamingFault::TooLong { left_bytes: 3 }));
    world.piece("abc").unwrap();
    assert!(world.end().is_some());
    let text = world.read_text();
    assert!(text.contains("content-length: 8\r\n") && text.ends_with("\r\n\r\nhelloabc"), "{text}");
    assert!(!world.is_closing());
}

#[test]
fn a_body_cut_short_closes_the_connection() {
    let mut world = held("GET / HTTP/1.1");
    world.begin(&Response::text(200, "hello"), Some(8)).unwrap();
    assert!(world.end().is_some());
    assert!(world.read_text().ends_with("hello"));
    assert!(world.is_closing());

    let mut world = held("GET / HTTP/1.1");
    world.begin(&Response::text(200, "hello"), None).unwrap();
    assert!(world.connection.abort_response(0, 0, &world.limits).is_some());
    assert!(world.read_text().ends_with("5\r\nhello\r\n"));
    assert!(world.is_closing() && !world.connection.wants_reset());
}

#[test]
fn http_1_0_gets_a_body_that_ends_with_the_connection() {
    let begun = || {
        let mut world = held("GET / HTTP/1.0\r\nConnection: keep-alive");
        world.begin(&Response::text(200, "hello"), None).unwrap();
        world
    };
    let mut world = begun();
    assert!(world.end().is_some());
    let text = world.read_text();
    assert!(text.contains("connection: close\r\n") && text.ends_with("\r\n\r\nhello"), "{text}");
    assert!(!text.contains("transfer-encoding") && world.is_closing());
    // An incomplete body must not look like a whole one.
    let mut world = begun();
    assert!(world.connection.abort_response(0, 0, &world.limits).is_some());
    assert!(world.connection.is_finished() && world.connection.output().is_empty());
}

#[test]
fn a_streamed_answer_to_head_sends_no_body() {
    for length in [None, Some(10)] {
        let mut world = held("HEAD / HTTP/1.1");
        world.begin(&Response::text(200, "hello"), length).unwrap();
        world.piece("world").unwrap();
        assert!(world.end().is_some());
        assert!(world.read_text().ends_with("\r\n\r\n"));
        assert!(!world.is_closing());
    }
}

#[test]
fn a_response_that_cannot_begin_changes_nothing() {
    let mut world = held("GET / HTTP/1.1");
    assert_eq!(world.piece("a"), Err(StreamingFault::NoExchange));
    assert!(world.end().is_none());
    let bad = world.begin(&Response::text(99, ""), None);
    assert_eq!(bad, Err(ResponseFault::BadStatus(99).into()));
    let long = world.begin(&Response::text(200, "hello"), Some(4));
    assert_eq!(long, Err(StreamingFault::TooLong { left_bytes: 4 }));
    let none = world.begin(&Response::text(204, "a"), None);
    assert_eq!(none, Err(ResponseFault::BodyNotAllowed(204).into()));
    assert!(world.connection.output().is_empty());
    world.answer(&Response::text(200, "as usual"));
    assert!(world.begin(&Response::text(200, ""), None).is_err());
    assert!(world.read_text().ends_with("as usual"));
}

#[test]
fn a_status_without_content_takes_no_pieces() {
    let mut world = held("GET / HTTP/1.1");
    world.begin(&Response::default().with_status(204), None).unwrap();
    assert_eq!(world.piece("a"), Err(StreamingFault::TooLong { left_bytes: 0 }));
    assert!(world.end().is_some());
    let text = world.read_text();
    assert!(!text.contains("content-length") && !text.contains("transfer-encoding"), "{text}");
}

#[test]
fn pieces_tell_how_full_the_output_is() {
    let mut world = held("GET / HTTP/1.1");
    world.begin(&Response::text(200, ""), None).unwrap();
    let head = world.connection.output().len();
    assert_eq!(world.piece(&"x".repeat(100)), Ok(head + 106));
    // A long response in small pieces, to a client that is always a little behind.
    for _ in 0..10_000 {
        world.piece(&"x".repeat(100)).unwrap();
        world.client_reads(106);
    }
    assert!(world.connection.output.capacity() < 4096);
    let exchanges: Vec<u32> = world.connection.abandon().map(|exchange| exchange.serial).collect();
    assert_eq!(exchanges, [0]);
}

/// A call may fail, or its client leave, when the response has begun.
#[test]
fn a_streamed_exchange_that_is_answered_or_given_up_ends() {
    type End = fn(&mut World) -> Option<Exchange>;
    let ends: [End; 2] = [
        |world| world.respond(0, &Response::text(500, "failed")).unwrap(),
        |world| world.connection.give_up(0, world.now_ms, &world.limits),
    ];
    for end in ends {
        let mut world = held("GET / HTTP/1.1");
        world.begin(&Response::text(200, "hello"), None).unwrap();
        assert_eq!(end(&mut world).expect("the exchange ends").serial, 0);
        assert_eq!(world.connection.exchanges().count(), 0);
        assert!(end(&mut world).is_none(), "once");
        // What was sent stays, and nothing pretends that the body was whole.
        assert!(world.read_text().ends_with("\r\n\r\n5\r\nhello\r\n"));
        assert!(world.is_closing());
        // The end of the connection is the end of this body: only a reset says that it is cut.
        let mut world = held("GET / HTTP/1.0");
        world.begin(&Response::text(200, "hello"), None).unwrap();
        assert!(end(&mut world).is_some());
        assert!(world.connection.is_finished() && world.connection.output().is_empty());
    }
}

impl Response {
    fn with_status(self, status: u16) -> Response {
        Response { status, ..self }
    }
}

#[test]
fn a_body_that_ends_with_the_connection_is_cut_by_a_reset() {
    for client_leaves in [false, true] {
        let mut world = held("GET / HTTP/1.0");
        world.begin(&Response::text(200, "hello"), None).unwrap();
        assert!(!world.connection.wants_reset());
        match client_leaves {
            true => assert_eq!(world.connection.abandon().count(), 1),
            false => assert!(world.connection.abort_response(0, 0, &world.limits).is_some()),
        }
        assert!(world.connection.wants_reset() && world.connection.output().is_empty());
    }
    let mut world = held("GET / HTTP/1.0");
    world.begin(&Response::text(200, "hello"), None).unwrap();
    assert!(world.end().is_some());
    assert!(!world.connection.wants_reset(), "it is whole");
}
