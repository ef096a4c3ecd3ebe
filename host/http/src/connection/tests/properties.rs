//! Properties that hold for all input, however it is split: no panic, bounded memory, well-formed
//! responses.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Field;

/// Returns small limits, which random input often breaks.
fn limits() -> HttpLimits {
    HttpLimits {
        head_bytes_max: 400,
        fields_max: 6,
        target_bytes_max: 40,
        body_bytes_max: 100,
        output_bytes_max: 3_000,
        chunk_line_bytes_max: 16,
        chunk_extensions_bytes_max: 32,
        trailer_bytes_max: 32,
        linger_bytes_max: 300,
        ..HttpLimits::default()
    }
}

/// The pieces of random input. With these, more of it gets further than its first byte.
const PIECES: [&str; 36] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /refuse HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /p?q HTTP/1.1\r\nHost: a\r\n",
    "PUT http://b/c HTTP/1.0\r\n",
    "GET ",
    "OPTIONS ",
    "CONNECT ",
    "/",
    "*",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    ":",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 101\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    "X-Request-Id: mine\r\n",
    "hello",
    "5\r\nhello\r\n",
    "3;a=b\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nA: b\r\n\r\n",
    "ffffffffffffffff\r\n",
    "\0",
    "\u{fc}",
];

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => (0..PIECES.len()).prop_map(|at| PIECES[at].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 0..500_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// An event in the life of a connection.
#[derive(Clone, Debug)]
enum Event {
    Receive(usize),
    ReceiveEof,
    Read(usize),
    Answer,
    Stream(Option<u64>, Vec<usize>),
    Wait(u64),
    Rest,
    PutOff(usize),
    Drain,
}

fn some_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (1..300_usize).prop_map(Event::Receive),
        1 => Just(Event::ReceiveEof),
        6 => (1..2000_usize).prop_map(Event::Read),
        6 => Just(Event::Answer),
        2 => (proptest::option::of(0..50_u64), vec(0..30_usize, 0..4)).prop_map(|(a, b)| Event::Stream(a, b)),
        2 => (0..40_000_u64).prop_map(Event::Wait),
        1 => Just(Event::Rest),
        1 => (1..4_usize).prop_map(Event::PutOff),
        1 => Just(Event::Drain),
    ]
}

impl World {
    fn happen(&mut self, event: &Event, bytes: &mut &[u8]) {
        match event {
            Event::Receive(count) if self.connection.wants_read() => {
                let (now, later) = bytes.split_at(bytes.len().min(*count));
                *bytes = later;
                self.send(now);
            }
            Event::ReceiveEof => drop(self.send_eof()),
            Event::Read(count) => drop(self.client_reads(*count)),
            Event::Answer if self.connection.exchanges().count() > 0 => {
                drop(self.answer(&Response::text(200, "hello")))
            }
            Event::Stream(length, pieces) => self.stream(*length, pieces),
            Event::Wait(ms) => drop(self.wait(*ms)),
            Event::Rest => self.connection.rest(),
            Event::PutOff(times) => self.put_off = *times,
            Event::Drain => self.connection.close_when_idle(self.now_ms, &self.limits),
            Event::Receive(_) | Event::Answer => {}
        }
        self.run();
        if self.connection.wants_shutdown() {
            self.connection.shutdown_done(self.now_ms, &self.limits);
        }
    }

    fn stream(&mut self, length: Option<u64>, pieces: &[usize]) {
        let response = Response::text(200, "");
        let (serial, now_ms, limits) = (self.serial(), self.now_ms, &self.limits);
        if self.connection.begin_response(serial, &response, length, DATE, now_ms, limits).is_ok() {
            for length in pieces {
                let _ = self.connection.body_piece(serial, &vec![b'x'; *length], now_ms, limits);
            }
            assert!(self.connection.end_response(serial, now_ms, limits).is_some());
        }
    }

    fn check_bounds(&self) {
        let input = &self.connection.input;
        let output = &self.connection.output;
        assert!(input.len() <= INPUT_KEPT_BYTES_MAX + 300, "{}", input.len());
        // While a partial request waits, it holds little more memory than it needs.
        let spare_bytes = match self.connection.phase {
            Phase::Head(_) | Phase::Body(_) => 4 * input.len() + 64,
            _ => 2 * INPUT_KEPT_BYTES_MAX,
        };
        assert!(input.capacity() <= spare_bytes, "{} of {}", input.len(), input.capacity());
        assert!(output.len() <= self.limits.output_bytes_max + 1_000, "{}", output.len());
        if let Phase::Body(incoming) = &self.connection.phase {
            assert!(incoming.body.received_bytes() <= self.limits.body_bytes_max);
        }
        let has_request = self.connection.exchanges().count() > 0
            || matches!(self.connection.phase, Phase::Arrived(_));
        let waiting = !self.connection.output().is_empty() || !has_request;
        let has_deadline = self.connection.deadline_ms().is_some();
        assert!(self.connection.is_finished() || has_deadline == waiting, "{:?}", self.connection);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The client sees the same, however its bytes are split.
    #[test]
    fn splits_change_nothing(bytes in some_bytes(), sizes in vec(1..60_usize, 1..40)) {
        let mut whole = World::with(limits());
        whole.send(&bytes);
        let mut split = World::with(limits());
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*size));
            split.send(now);
            split.check_bounds();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&split.requests, &whole.requests);
        prop_assert_eq!(&split.bodies, &whole.bodies);
        prop_assert_eq!(&split.rejected, &whole.rejected);
        prop_assert_eq!(split.is_closing(), whole.is_closing());
        // Whether a 100 is sent depends on the split: not if a part of the body came along.
        let mut final_answers = split.answers();
        final_answers.retain(|answer| answer.status != 100);
        let mut expected = whole.answers();
        expected.retain(|answer| answer.status != 100);
        prop_assert_eq!(final_answers, expected);
    }

    /// Whatever happens at any time, nothing panics and all limits hold.
    #[test]
    fn nothing_breaks_a_connection(bytes in some_bytes(), events in vec(some_event(), 0..60)) {
        let mut world = World::with(limits());
        world.answers_at_once = false;
        world.reads_at_once = false;
        let mut rest = &bytes[..];
        for event in &events {
            world.happen(event, &mut rest);
            world.check_bounds();
        }
    }

    /// A connection that is left alone ends: a client can't hold one by doing nothing.
    #[test]
    fn a_connection_left_alone_ends(bytes in some_bytes(), reads_at_once in any::<bool>()) {
        let mut world = World::with(limits());
        world.reads_at_once = reads_at_once;
        world.send(&bytes);
        for _ in 0..6 {
            world.wait(61_000);
            world.connection.shutdown_done(world.now_ms, &world.limits);
        }
        prop_assert!(world.connection.is_finished());
    }

    /// Whatever response a guest makes, its client reads exactly one.
    #[test]
    fn no_response_breaks_the_framing(
        status in any::<u16>(),
        fields in vec(("\\PC{0,12}|content-length|date", vec(any::<u8>(), 0..12)), 0..4),
        body in vec(any::<u8>(), 0..50),
        head_only in any::<bool>(),
    ) {
        let headers = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
        let response = Response { status: 190 + status % 420, headers, body };
        let mut world = World::new();
        world.answers_at_once = false;
        let method = if head_only { "HEAD" } else { "GET" };
        world.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        world.answer(&response);
        world.run();
        let answers = world.answers();
        prop_assert_eq!(answers.len(), 1);
        let fine = crate::check_response(&response, head_only).is_ok();
        prop_assert_eq!(answers[0].status, if fine { response.status } else { 500 });
        if fine && !head_only {
            prop_assert_eq!(&answers[0].body, &response.body);
        }
    }
}
