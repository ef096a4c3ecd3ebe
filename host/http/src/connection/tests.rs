//! A connection between a simple client and a simple worker.

mod closing;
mod properties;
mod requests;
mod responses;
mod streaming;
mod time;

use super::*;
use crate::Version;

const DATE: &str = "Sat, 21 Nov 2026 12:00:00 GMT";

/// A connection with its worker and its client. The worker answers, and the client reads, at once
/// or when a test says so.
struct World {
    connection: Connection,
    limits: HttpLimits,
    now_ms: u64,
    /// The bytes that the client has read.
    read: Vec<u8>,
    /// The requests that the worker got: the label, a space and the length of the body.
    requests: Vec<String>,
    bodies: Vec<Vec<u8>>,
    /// The status of each response that the connection made by itself.
    rejected: Vec<u16>,
    /// For each response, whether it was to a HEAD request.
    head_only: Vec<bool>,
    answers_at_once: bool,
    reads_at_once: bool,
    ids: u128,
    /// The limit with which requests are admitted. Those whose path begins with `/refuse` are
    /// rejected.
    route_bytes_max: u64,
    /// How many bytes of bodies the worker has room for.
    room_bytes: u64,
    /// How many times more the worker puts a request off.
    put_off: usize,
}

impl World {
    fn new() -> World {
        World::with(HttpLimits::default())
    }

    fn with(limits: HttpLimits) -> World {
        World {
            connection: Connection::new(0, &limits),
            limits,
            now_ms: 0,
            read: Vec::new(),
            requests: Vec::new(),
            bodies: Vec::new(),
            rejected: Vec::new(),
            head_only: Vec::new(),
            answers_at_once: true,
            reads_at_once: true,
            ids: 0,
            route_bytes_max: u64::MAX,
            room_bytes: u64::MAX,
            put_off: 0,
        }
    }

    /// Lets the client send bytes, and the worker do its steps.
    fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut World {
        self.connection.receive(bytes.as_ref(), self.now_ms, &self.limits);
        self.run()
    }

    fn send_eof(&mut self) -> &mut World {
        self.connection.receive_eof();
        self.run()
    }

    fn run(&mut self) -> &mut World {
        loop {
            match self.step() {
                Step::Request { serial, request } => self.take(serial, request),
                Step::Rejected(rejection) => {
                    self.rejected.push(rejection.status);
                    let head_only = rejection.exchange.is_some_and(|exchange| exchange.head_only);
                    self.head_only.push(head_only);
                }
                Step::Idle if self.reads_at_once && self.client_reads(usize::MAX) > 0 => {}
                Step::Idle => return self,
            }
        }
    }

    fn step(&mut self) -> Step {
        let (route_bytes_max, room_bytes) = (self.route_bytes_max, self.room_bytes);
        let ids = &mut self.ids;
        let mut make_id = || {
            *ids += 1;
            *ids
        };
        let put_off = &mut self.put_off;
        let mut admit = |head: &Head| match head.path().starts_with("/refuse") {
            _ if *put_off > 0 => {
                *put_off -= 1;
                None
            }
            true => Some(Admission::Reject(Response::text(404, "not found\n"))),
            false => Some(Admission::Accept { body_bytes_max: route_bytes_max, room_bytes }),
        };
        self.connection.step(self.now_ms, &self.limits, DATE, &mut make_id, &mut admit)
    }

    /// Returns the serial of the exchange that there is; of none, if there is none.
    fn serial(&self) -> u32 {
        self.connection.exchanges().next().map_or(u32::MAX, |exchange| exchange.serial)
    }

    fn take(&mut self, serial: u32, request: Request) {
        let exchange = self.connection.exchange(serial).unwrap();
        assert_eq!(exchange.serial as usize, self.requests.len() + self.rejected.len());
        assert_eq!(exchange.version, request.head.version());
        self.requests.push(format!("{} {}", exchange.label, request.body.len()));
        self.bodies.push(request.body);
        if self.answers_at_once {
            self.answer(&Response::text(200, request.head.path()));
        }
    }

    /// Answers as a worker does: with a 500 if the response is invalid.
    fn answer(&mut self, response: &Response) -> Exchange {
        let exchange = match self.respond(self.serial(), response) {
            Ok(exchange) => exchange,
            Err(_) => self.respond(self.serial(), &Response::text(500, "failed\n")).unwrap(),
        };
        let exchange = exchange.expect("an exchange to answer");
        self.head_only.push(exchange.head_only);
        exchange
    }

    fn respond(
        &mut self,
        serial: u32,
        response: &Response,
    ) -> Result<Option<Exchange>, crate::ResponseFault> {
        self.connection.respond(serial, response, DATE, self.now_ms, &self.limits)
    }

    /// Lets the client read at most `bytes_max` bytes of the output. Returns how many it read.
    fn client_reads(&mut self, bytes_max: usize) -> usize {
        let output = self.connection.output();
        let count = output.len().min(bytes_max);
        self.read.extend_from_slice(&output[..count]);
        self.connection.wrote(count, self.now_ms, &self.limits);
        count
    }

    /// Starts to shut the host down.
    fn drain(&mut self) {
        self.connection.close_when_idle(self.now_ms, &self.limits);
    }

    /// Lets time pass, and stops at each deadline.
    fn wait(&mut self, ms: u64) -> &mut World {
        let end_ms = self.now_ms + ms;
        while let Some(deadline_ms) = self.connection.deadline_ms().filter(|&at| at <= end_ms) {
            self.now_ms = self.now_ms.max(deadline_ms);
            self.connection.expire(self.now_ms, &self.limits);
            self.run();
        }
        self.now_ms = end_ms;
        self.run()
    }

    /// Returns the responses that the client has read. Panics if they are malformed.
    fn answers(&self) -> Vec<Answer> {
        parse_answers(&self.read, &self.head_only)
    }

    fn statuses(&self) -> Vec<u16> {
        self.answers().iter().map(|answer| answer.status).collect()
    }

    fn is_closing(&self) -> bool {
        self.connection.is_finished() || self.connection.wants_shutdown()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A response as a client sees it.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter().filter(|(field, _)| field == name);
        let value = fields.next().map(|(_, value)| value.as_str());
        assert!(fields.next().is_none(), "{name} is there twice");
        value
    }
}

/// Reads responses as a strict client would, interim ones included.
fn parse_answers(mut bytes: &[u8], head_only: &[bool]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut head_only = head_only.iter();
    while !bytes.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let length = response.parse(bytes).expect("a well-formed head").unwrap();
        assert!(!bytes[..length - 1].windows(2).any(|pair| pair[0] != b'\r' && pair[1] == b'\n'));
        bytes = &bytes[length..];
        let mut answer = Answer {
            status: response.code.unwrap(),
            fields: (response.headers.iter())
                .map(|field| {
                    (field.name.to_lowercase(), String::from_utf8_lossy(field.value).into())
                })
                .collect(),
            body: Vec::new(),
        };
        let has_body = answer.status >= 200 && !head_only.next().expect("an answer to a request");
        if has_body && !matches!(answer.status, 204 | 304) {
            let length = answer.field("content-length").expect("a length").parse::<usize>();
            let (body, rest) = bytes.split_at(length.unwrap());
            answer.body = body.to_vec();
            bytes = rest;
        }
        answers.push(answer);
    }
    answers
}

#[test]
fn a_waiting_connection_is_small() {
    assert!(size_of::<Connection>() <= 104, "{}", size_of::<Connection>());
    let mut world = World::new();
    world.answers_at_once = false;
    world.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.connection.input.capacity(), 0);
    assert_eq!(world.connection.output.capacity(), 0);
    assert_eq!(world.connection.deadline_ms(), None);
}

#[test]
fn a_connection_has_an_exchange_until_it_is_answered() {
    let mut world = World::new();
    world.answers_at_once = false;
    assert_eq!(world.connection.exchanges().count(), 0);
    world.send("HEAD /a?b HTTP/1.0\r\nConnection: keep-alive\r\nX-Request-ID: mine\r\n\r\n");
    let exchange = world.connection.exchange_mut(0).unwrap();
    exchange.progress = crate::exchange::Progress::Running;
    let exchange = world.connection.exchange(0).unwrap();
    assert_eq!((&*exchange.label, exchange.version), ("HEAD /a?b", Version::Http10));
    assert!(exchange.head_only && exchange.keep_alive);
    let finished = world.answer(&Response::text(200, "hello"));
    assert_eq!(finished.progress, crate::exchange::Progress::Running);
    assert_eq!(world.connection.exchanges().count(), 0);
    assert!(world.respond(0, &Response::text(200, "")).unwrap().is_none());
    world.run();
    assert_eq!(world.answers()[0].field("x-request-id"), Some("mine"));
}

/// Whoever answers late must not answer somebody else's request.
#[test]
fn an_exchange_is_answered_under_its_serial_alone() {
    let mut world = World::new();
    world.answers_at_once = false;
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    world.send(get.repeat(2));
    world.answer(&Response::text(200, ""));
    world.run();
    assert_eq!(world.serial(), 1);
    let limits = world.limits;
    for other in [0, 2] {
        assert!(world.connection.exchange(other).is_none());
        assert!(world.connection.exchange_mut(other).is_none());
        assert!(world.respond(other, &Response::text(200, "late")).unwrap().is_none());
        assert!(world.connection.give_up(other, 0, &limits).is_none());
        assert!(world.connection.end_response(other, 0, &limits).is_none());
        let begun = world.connection.begin_response(
            other,
            &Response::text(200, ""),
            None,
            DATE,
            0,
            &limits,
        );
        assert_eq!(begun, Err(StreamingFault::NoExchange));
    }
    assert_eq!(world.connection.exchange(1).unwrap().serial, 1);
    assert!(world.connection.output().is_empty());
    world.answer(&Response::text(200, ""));
    assert_eq!(world.run().statuses(), [200, 200]);
}
