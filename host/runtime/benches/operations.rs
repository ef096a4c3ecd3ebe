//! The operations that both benches run.

use snow_core::{Key, Registry, Waiter, WorkerId};
use snow_http::{
    Admission, Connection, Envelope, HeadReader, HttpLimits, Response, Step, Version,
    check_response, encode_response,
};
use snow_runtime::{Match, Route, RouteEntry, RouteId, Router, VersionId};

const WORKER: WorkerId = WorkerId(0);
const DATE: &str = "Sat, 21 Nov 2026 12:00:00 GMT";
const REQUEST: &[u8] =
    b"GET /req/?timeout=30 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\n\
    Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n\r\n";

/// A prepared operation: each call is one operation.
pub type Run = Box<dyn FnMut()>;

/// An operation's name, and the function that prepares it.
pub type Operation = (&'static str, fn() -> Run);

/// All operations.
pub const ALL: [Operation; 9] = [
    ("head", || Box::new(parse_head)),
    ("exchange", exchange),
    ("encode", encode),
    ("route_10", || route(10)),
    ("route_100", || route(100)),
    ("route_1000", || route(1_000)),
    ("route_8k", route_8k),
    ("settle_next", settle_next),
    ("settle_token", settle_token),
];

/// Prepares the operation with this name.
///
/// # Panics
/// There is none.
pub fn prepare(name: &str) -> Run {
    let found = ALL.iter().find(|(other, _)| *other == name);
    found.expect("the operation is one of those listed").1()
}

/// Reads a head of five fields that has arrived whole.
fn parse_head() {
    let read = HeadReader::default().read(REQUEST, &HttpLimits::default());
    assert!(matches!(read, Ok(Some(_))));
}

/// Does all that a connection does for one request: bytes in, the request, its answer, bytes out.
fn exchange() -> Run {
    let limits = HttpLimits::default();
    let mut connection = Connection::new(0, &limits);
    let response = Response::text(200, "hello world");
    Box::new(move || {
        connection.receive(REQUEST, 1, &limits);
        let mut admit = |_: &_| Some(Admission::Accept { body_bytes_max: 0, room_bytes: 0 });
        let step = connection.step(1, &limits, DATE, &mut || 7, &mut admit);
        let Step::Request { serial, .. } = step else { unreachable!("a whole request") };
        connection.respond(serial, &response, DATE, 1, &limits).expect("a valid response");
        let written = connection.output().len();
        connection.wrote(written, 1, &limits);
    })
}

/// Checks and encodes a small response.
fn encode() -> Run {
    let response = Response::text(200, "hello world").with_field("cache-control", "no-store");
    let mut out = Vec::with_capacity(1024);
    Box::new(move || {
        out.clear();
        let envelope = Envelope {
            version: Version::Http11,
            head_only: false,
            keep_alive: true,
            date: DATE,
            request_id: Some(&"5ff2f0aa7633a0d9b2cb0246d6b303c1"),
        };
        check_response(&response, false).expect("a plain response");
        encode_response(&response, &envelope, &mut out);
        assert!(out.len() > 100);
    })
}

/// Finds the last of so many routes, half of which have captures.
fn route(routes: u32) -> Run {
    let entries = (0..routes).map(|n| {
        let pattern = if n % 2 == 0 {
            format!("/api/v1/things{n}/")
        } else {
            format!("/api/v1/items{n}/([0-9]+)")
        };
        let declared = Route { methods: vec!["GET".into()], pattern };
        RouteEntry { version: VersionId(0), route: RouteId(n), declared, mount: "".into() }
    });
    let router = Router::new(entries.collect()).expect("plain patterns");
    let path = format!("/api/v1/items{}/4711", routes - 1);
    Box::new(move || assert!(matches!(router.find("GET", &path), Match::Found { .. })))
}

/// Finds a route whose groups need two passes, by a path of 8 KB.
fn route_8k() -> Run {
    let declared =
        Route { methods: vec!["GET".into()], pattern: "/(.*)/(.*)-([a-z0-9]{1,64})".into() };
    let entry = RouteEntry { version: VersionId(0), route: RouteId(0), declared, mount: "".into() };
    let router = Router::new(vec![entry]).expect("a pattern within the limits");
    let path = format!("/{}-z", "a-/b".repeat(2_047));
    Box::new(move || assert!(matches!(router.find("GET", &path), Match::Found { .. })))
}

/// Runs the life of a pending under a key, while a hundred wait: create, arm, settle the oldest,
/// read, release.
fn settle_next() -> Run {
    let registry = registry();
    let mut waiting = std::collections::VecDeque::new();
    for _ in 0..100 {
        waiting.push_back(registry.create(WORKER, Some("requests")).expect("room"));
    }
    Box::new(move || {
        let id = registry.create(WORKER, Some("requests")).expect("room");
        registry.arm(id, waiter(7));
        waiting.push_back(id);
        assert!(registry.settle_next("requests", 1).is_some());
        let oldest = waiting.pop_front().expect("a hundred wait");
        assert_eq!(registry.collect(oldest), Some(1));
        registry.release(oldest);
    })
}

/// Runs the life of a pending without a key: create, token, settle by token, read, release.
fn settle_token() -> Run {
    let registry = registry();
    Box::new(move || {
        let id = registry.create(WorkerId(3), None).expect("room");
        let token = registry.token(id).expect("the pending was just created");
        registry.arm(id, waiter(7));
        assert!(registry.settle_token(&token, 1).is_ok());
        assert_eq!(registry.collect(id), Some(1));
        registry.release(id);
    })
}

fn registry() -> Registry<u32> {
    Registry::new(usize::MAX, |bytes| bytes.fill(0x5a))
}

fn waiter(slot: u32) -> Waiter {
    Waiter { worker: WORKER, suspension: Key { slot, generation: 0 } }
}
