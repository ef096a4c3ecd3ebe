//! Clients that want more than their part, one kind a test: they pipeline, send half of a body, read
//! slowly or not at all, half-close, or come while the listener closes.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use snow_config::{HalfClose, Limits, TurnLimits};
use snow_core::{Registry, WorkerId};
use snow_http::Response;
use snow_runtime::{
    Call, CallEnd, CallEntry, Guests, Handle, Join, Outcome, Post, Ran, Route, RouteEntry, RouteId,
    Router, Settled, Settlement, Slot, Source, Suspend, VersionId,
};
use snow_simulation::network::{Network, SimWorld};
use snow_simulation::office::Office;
use snow_worker::{Message, Worker};

const TURN: TurnLimits = TurnLimits::DEFAULT;
const WORKER: WorkerId = WorkerId(0);
/// The key under which `/hold` waits.
const KEY: &str = "held";
/// The length of the answer to `/big`.
const BIG_BYTES: usize = 8_000_000;
/// A window that is never full.
const WIDE: usize = usize::MAX / 2;
const ROUTES: [&str; 4] = ["/hello", "/big", "/hold", "/post"];

/// A guest that answers in one slice, or suspends.
struct Plain {
    router: Router,
    registry: Arc<Registry<Settled>>,
}

impl Guests for Plain {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, _: VersionId) -> Arc<str> {
        "plain".into()
    }

    fn has_resume(&self, _: VersionId) -> bool {
        false
    }

    fn start(&mut self, _: Slot, call: Call) -> Ran {
        let CallEntry::Handle(request) = call.entry else { unreachable!("nothing is resumed") };
        let outcome = match call.route.index() {
            0 => Outcome::Respond(Response::text(200, "hello")),
            1 => Outcome::Respond(Response::text(200, &"x".repeat(BIG_BYTES))),
            2 => self.held(),
            _ => {
                let length = request.request.body.len();
                Outcome::Respond(Response::text(200, &length.to_string()))
            }
        };
        Ran::Ended(CallEnd { outcome: Ok(outcome), leftover: Vec::new(), request: None })
    }

    fn poll(&mut self, _: Slot) -> Ran {
        unreachable!("one slice is enough")
    }
}

impl Plain {
    fn held(&self) -> Outcome {
        let id = self.registry.create(WORKER, Some(KEY)).expect("the limits allow it");
        Outcome::Suspend(Suspend {
            handles: vec![Handle { id, source: Source::None }],
            until: Join::All,
            timeout_ms: Some(3_000_000),
            on_timeout: None,
            resume: false,
            keep_request: false,
            state: Vec::new(),
        })
    }
}

/// A worker, its network, and what clients have read by wire.
struct Stage {
    office: Office,
    network: Rc<RefCell<Network>>,
    worker: Worker<SimWorld, Plain>,
}

impl Stage {
    fn new(limits: Limits) -> Stage {
        let network = Rc::new(RefCell::new(Network::new(1, 7)));
        let woken = network.borrow().woken.clone();
        let office = Office::new(1, limits, move |_| woken[0].store(true, Ordering::SeqCst));
        let entry = |(route, pattern): (usize, &&str)| RouteEntry {
            version: VersionId(0),
            route: RouteId(route as u32),
            declared: Route { methods: Vec::new(), pattern: (*pattern).to_owned() },
            mount: "".into(),
        };
        let router = Router::new(ROUTES.iter().enumerate().map(entry).collect()).unwrap();
        let guest = Plain { router, registry: office.registry.clone() };
        let world = SimWorld { network: network.clone(), worker: 0 };
        let worker = office.worker(WORKER, world, guest);
        Stage { office, network, worker }
    }

    fn connect(&self, window_bytes: usize) -> usize {
        self.network.borrow_mut().connect(0, window_bytes)
    }

    fn send(&self, wire: usize, bytes: impl AsRef<[u8]>) {
        self.network.borrow_mut().send(wire, bytes.as_ref());
    }

    fn receive(&self, wire: usize, bytes_max: usize) -> String {
        let bytes = self.network.borrow_mut().receive(wire, bytes_max);
        String::from_utf8(bytes).expect("answers are text here")
    }

    fn is_closed(&self, wire: usize) -> bool {
        self.network.borrow().wires[wire].host_closed
    }

    /// Returns how many answers a client has been written and has not read.
    fn answers(&self, wire: usize) -> usize {
        let network = self.network.borrow();
        let bytes: Vec<u8> = network.wires[wire].to_client.iter().copied().collect();
        String::from_utf8_lossy(&bytes).matches("HTTP/1.1 ").count()
    }

    /// Does one turn. Returns false if there was nothing to do.
    fn turn(&mut self) -> bool {
        match self.worker.turn() {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Does turns until there is nothing to do at this time. A worker that spins fails here.
    fn turns(&mut self) -> usize {
        (0..10_000).find(|_| !self.turn()).expect("the worker sleeps when there is nothing to do")
    }

    /// Lets time pass, and the worker do what it has to at each moment.
    fn wait(&mut self, ms: u64) {
        self.turns();
        let end_ms = self.network.borrow().now_ms() + ms;
        loop {
            let next_ms = self.network.borrow().next_ms().filter(|&next_ms| next_ms <= end_ms);
            let now_us = next_ms.unwrap_or(end_ms) * 1_000;
            let mut network = self.network.borrow_mut();
            network.now_us = network.now_us.max(now_us);
            drop(network);
            self.turns();
            if next_ms.is_none() {
                return;
            }
        }
    }

    fn settle(&mut self) {
        let value = Settled::new(Settlement::Value(b"settled".to_vec()));
        let waiter = self.office.registry.settle_next(KEY, value).flatten().expect("it waits");
        self.office.post.wake(&[waiter]);
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

fn post(length: usize) -> String {
    format!("POST /post HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")
}

#[test]
fn a_client_that_pipelines_has_one_helping_a_turn() {
    let mut stage = Stage::new(Limits::default());
    let (greedy, other) = (stage.connect(WIDE), stage.connect(WIDE));
    stage.send(greedy, get("/nothing").repeat(5_000));
    stage.send(other, get("/hello"));
    let mut answered = 0;
    for turn in 0.. {
        let goes_on = stage.turn();
        let now = stage.answers(greedy);
        let most = TURN.client_requests_max;
        assert!(now - answered <= most, "{} answers in turn {turn}", now - answered);
        assert_eq!(stage.answers(other), 1, "in the first turn");
        answered = now;
        if !goes_on {
            break;
        }
    }
    assert_eq!(answered, 5_000);
}

/// A call has answered in this turn, and the client has sent more already.
#[test]
fn nothing_is_parsed_after_calls_have_run() {
    let mut stage = Stage::new(Limits::default());
    let wire = stage.connect(WIDE);
    stage.send(wire, get("/hello") + &get("/nothing").repeat(10));
    stage.turn();
    assert_eq!(stage.answers(wire), 1);
    stage.turn();
    assert_eq!(stage.answers(wire), 11);
}

#[test]
fn whoever_asks_beside_many_that_pipeline_waits_for_one_round() {
    let mut stage = Stage::new(Limits::default());
    let greedy: Vec<usize> = (0..200).map(|_| stage.connect(WIDE)).collect();
    for &wire in &greedy {
        stage.send(wire, get("/nothing").repeat(2_000));
    }
    // Until all of them are in the middle of it.
    while greedy.iter().any(|&wire| stage.answers(wire) == 0) {
        assert!(stage.turn());
    }
    let other = stage.connect(WIDE);
    stage.send(other, get("/hello"));
    let round = (200 * TURN.client_requests_max).div_ceil(TURN.requests_max);
    let mut turns = 0;
    while stage.answers(other) == 0 {
        assert!(stage.turn());
        turns += 1;
    }
    assert!(turns <= round + 2, "{turns} turns, of {round} a round");
    // And nobody is forgotten.
    stage.turns();
    assert!(greedy.iter().all(|&wire| stage.answers(wire) == 2_000));
}

#[test]
fn reading_and_writing_are_bounded_in_a_turn() {
    let mut stage = Stage::new(Limits::default());
    let senders: Vec<usize> = (0..100).map(|_| stage.connect(WIDE)).collect();
    let readers: Vec<usize> = (0..2).map(|_| stage.connect(WIDE)).collect();
    for &wire in &senders {
        stage.send(wire, post(200_000));
        stage.send(wire, vec![b'x'; 200_000]);
    }
    readers.iter().for_each(|&wire| stage.send(wire, get("/big")));
    let stats = stage.office.stats[0].clone();
    let counts = || (stats.received_bytes.get() as usize, stats.sent_bytes.get() as usize);
    loop {
        let before = counts();
        if !stage.turn() {
            break;
        }
        let after = counts();
        let (read, written) = (after.0 - before.0, after.1 - before.1);
        assert!(read <= TURN.read_bytes_max + 65_536, "{read} bytes were read");
        assert!(written <= TURN.written_bytes_max, "{written} bytes were written");
    }
    assert!(senders.iter().all(|&wire| stage.receive(wire, WIDE).ends_with("200000")));
    assert!(readers.iter().all(|&wire| stage.receive(wire, WIDE).len() > BIG_BYTES));
}

/// The kernel reports room only once a third of its buffer is free.
#[test]
fn a_client_that_reads_slowly_gets_all_of_its_answer() {
    let mut stage = Stage::new(Limits::default());
    let reader = stage.connect(4 << 20);
    stage.send(reader, get("/big"));
    let mut read = String::new();
    while read.len() < BIG_BYTES {
        stage.wait(1_000);
        // What is left then is with the kernel, which delivers it also when the host has closed.
        let is_written = read.len() + (4 << 20) >= BIG_BYTES;
        assert!(is_written || !stage.is_closed(reader), "cut off after {} bytes", read.len());
        read += &stage.receive(reader, 20_000);
    }
    assert!(read.ends_with("xxx"));
    assert_eq!(stage.office.stats[0].cut.get(), 0);
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_counted() {
    let mut stage = Stage::new(Limits::default());
    let reader = stage.connect(4 << 20);
    stage.send(reader, get("/big"));
    stage.wait(29_999);
    assert!(!stage.is_closed(reader));
    stage.wait(1);
    assert!(stage.is_closed(reader));
    assert_eq!(stage.office.stats[0].cut.get(), 1);
    assert_eq!(stage.office.stats[0].output_bytes.get(), 0);
}

#[test]
fn unfinished_requests_take_no_more_memory_than_they_may() {
    let limits = Limits { worker_input_bytes_max: 1_000_100, ..Limits::default() };
    let mut stage = Stage::new(limits);
    let senders: Vec<usize> = (0..40).map(|_| stage.connect(WIDE)).collect();
    for &wire in &senders {
        stage.send(wire, post(50_001));
        stage.send(wire, vec![b'x'; 50_000]);
        stage.turns();
    }
    let stats = stage.office.stats[0].clone();
    assert_eq!((stats.input_bytes.get(), stats.refused_input.get()), (1_000_000, 20));
    let refused =
        |stage: &Stage, wire: usize| stage.receive(wire, WIDE).contains("503 Service Unavailable");
    assert_eq!(senders.iter().filter(|&&wire| refused(&stage, wire)).count(), 20);
    // The others are served, and then there is room again.
    senders.iter().for_each(|&wire| stage.send(wire, "x"));
    stage.turns();
    let served = |wire: usize| stage.receive(wire, WIDE).ends_with("50001");
    assert_eq!(senders.iter().filter(|&&wire| served(wire)).count(), 20);
    assert_eq!(stats.input_bytes.get(), 0);
    let next = stage.connect(WIDE);
    stage.send(next, post(50_000));
    stage.send(next, vec![b'x'; 50_000]);
    stage.turns();
    assert!(stage.receive(next, WIDE).ends_with("50000"));
}

#[test]
fn answers_take_no_more_memory_than_they_may() {
    let limits = Limits { worker_output_bytes_max: 3 * BIG_BYTES, ..Limits::default() };
    let mut stage = Stage::new(limits);
    let readers: Vec<usize> = (0..6).map(|_| stage.connect(1_000)).collect();
    for &wire in &readers {
        stage.send(wire, get("/big"));
        stage.turns();
    }
    let stats = stage.office.stats[0].clone();
    assert!(stats.output_bytes.get() <= (3 * BIG_BYTES) as u64, "{:?}", stats.output_bytes);
    assert_eq!(stats.refused_output.get(), 3);
    let told: Vec<bool> =
        readers.iter().map(|&wire| stage.receive(wire, WIDE).contains("retry-after: 1")).collect();
    assert_eq!(told, [false, false, false, true, true, true]);
    // Those that read get the rest, and then there is room again.
    while stats.output_bytes.get() > 0 {
        readers.iter().for_each(|&wire| drop(stage.receive(wire, WIDE)));
        stage.turns();
    }
    let next = stage.connect(WIDE);
    stage.send(next, get("/big"));
    stage.turns();
    assert!(stage.receive(next, WIDE).ends_with("xxx"));
}

#[test]
fn a_half_close_means_what_the_deployer_says() {
    for half_close in HalfClose::ALL {
        let mut stage = Stage::new(Limits { half_close, ..Limits::default() });
        let waits = half_close == HalfClose::Waits;
        let mut wires = Vec::new();
        for _ in 0..2 {
            let wire = stage.connect(WIDE);
            wires.push(wire);
            stage.send(wire, get("/hold"));
            stage.turns();
            stage.network.borrow_mut().send_fin(wire);
            stage.wait(100_000);
            assert_eq!(stage.is_closed(wire), !waits);
        }
        if !waits {
            continue;
        }
        // A reset still ends it.
        stage.network.borrow_mut().send_reset(wires[1]);
        stage.turns();
        assert!(stage.is_closed(wires[1]));
        assert_eq!(stage.worker.held().suspensions, 1);
        stage.settle();
        stage.turns();
        let answer = stage.receive(wires[0], WIDE);
        assert!(answer.contains("connection: close") && answer.ends_with("settled"), "{answer}");
        assert!(stage.is_closed(wires[0]));
    }
}

#[test]
fn a_drain_accepts_over_several_turns_and_comes_to_an_end() {
    let mut stage = Stage::new(Limits { drain_ms: 100, ..Limits::default() });
    let stats = stage.office.stats[0].clone();
    let waiting: Vec<usize> = (0..1_000).map(|_| stage.connect(WIDE)).collect();
    waiting.iter().for_each(|&wire| stage.send(wire, get("/hello")));
    let until_ms = stage.network.borrow().now_ms() + 1_000;
    stage.office.mailboxes[0].send(Message::Drain { until_ms });
    let mut accepted = 0;
    while stage.turn() {
        let now = stats.accepted.get() as usize;
        // A turn accepts what has come, and when it learns of the drain some of what is left.
        assert!(now - accepted <= 2 * TURN.accepts_max, "{} in a turn", now - accepted);
        accepted = now;
    }
    assert_eq!(accepted, 1_000);
    assert!(waiting.iter().all(|&wire| stage.receive(wire, WIDE).ends_with("hello")));

    // Clients that come on and on do not keep the listener open.
    let mut stage = Stage::new(Limits::default());
    stage.network.borrow_mut().may_refuse = true;
    stage.office.mailboxes[0].send(Message::Drain { until_ms });
    let mut turns = 0;
    while !stage.network.borrow().is_listener_closed(0) {
        for _ in 0..TURN.accepts_max {
            stage.connect(WIDE);
        }
        stage.turn();
        turns += 1;
    }
    assert!(turns <= TURN.last_accepts_max / TURN.accepts_max + 2, "{turns}");
}
