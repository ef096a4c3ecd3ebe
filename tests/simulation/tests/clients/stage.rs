//! One worker, its network, and a guest that answers in one slice.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use snow_config::{Limits, TurnLimits};
use snow_core::{Registry, WorkerId};
use snow_http::Response;
use snow_runtime::{
    Call, CallEnd, CallEntry, Guests, Handle, Join, Outcome, Post, Ran, Route, RouteEntry, RouteId,
    Router, Settled, Settlement, Slot, Source, Suspend, VersionId,
};
use snow_simulation::network::{Network, SimWorld};
use snow_simulation::office::Office;
use snow_worker::Worker;

pub const TURN: TurnLimits = TurnLimits::DEFAULT;
pub const WORKER: WorkerId = WorkerId(0);
/// The key under which `/hold` waits.
pub const KEY: &str = "held";
/// The length of the answer to `/big`.
pub const BIG_BYTES: usize = 8_000_000;
/// A window that is never full.
pub const WIDE: usize = usize::MAX / 2;
/// The last one is another guest's.
pub const ROUTES: [&str; 5] = ["/hello", "/big", "/hold", "/post", "/neighbour"];

/// A guest that answers in one slice, or suspends.
pub struct Plain {
    router: Router,
    registry: Arc<Registry<Settled>>,
    /// Whose clock shows how long calls take.
    network: Rc<RefCell<Network>>,
    call_us: Rc<Cell<u64>>,
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
        self.network.borrow_mut().now_us += self.call_us.get();
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
            deadline_ms: None,
            on_timeout: None,
            resume: false,
            keep_request: false,
            state: Vec::new(),
        })
    }
}

/// A worker, its network, and what clients have read by wire.
pub struct Stage {
    pub office: Office,
    pub network: Rc<RefCell<Network>>,
    pub worker: Worker<SimWorld, Plain>,
    /// How long each call takes. At first, no time at all.
    pub call_us: Rc<Cell<u64>>,
}

impl Stage {
    pub fn new(limits: Limits) -> Stage {
        let network = Rc::new(RefCell::new(Network::new(1, 7)));
        let woken = network.borrow().woken.clone();
        let office = Office::new(1, limits, move |_| woken[0].store(true, Ordering::SeqCst));
        let entry = |(route, pattern): (usize, &&str)| RouteEntry {
            version: VersionId(u32::from(route == ROUTES.len() - 1)),
            route: RouteId(route as u32),
            declared: Route { methods: Vec::new(), pattern: (*pattern).to_owned() },
            mount: "".into(),
        };
        let router = Router::new(ROUTES.iter().enumerate().map(entry).collect()).unwrap();
        let (registry, call_us) = (office.registry.clone(), Rc::default());
        let guest =
            Plain { router, registry, network: network.clone(), call_us: Rc::clone(&call_us) };
        let world = SimWorld { network: network.clone(), worker: 0 };
        let worker = office.worker(WORKER, world, guest);
        Stage { office, network, worker, call_us }
    }

    pub fn connect(&self, window_bytes: usize) -> usize {
        self.network.borrow_mut().connect(0, window_bytes)
    }

    pub fn send(&self, wire: usize, bytes: impl AsRef<[u8]>) {
        self.network.borrow_mut().send(wire, bytes.as_ref());
    }

    pub fn receive(&self, wire: usize, bytes_max: usize) -> String {
        let bytes = self.network.borrow_mut().receive(wire, bytes_max);
        String::from_utf8(bytes).expect("answers are text here")
    }

    pub fn is_closed(&self, wire: usize) -> bool {
        self.network.borrow().wires[wire].host_closed
    }

    /// Returns how many answers a client has been written and has not read.
    pub fn answers(&self, wire: usize) -> usize {
        let network = self.network.borrow();
        let bytes: Vec<u8> = network.wires[wire].to_client.iter().copied().collect();
        String::from_utf8_lossy(&bytes).matches("HTTP/1.1 ").count()
    }

    /// Does one turn. Returns false if there was nothing to do.
    pub fn turn(&mut self) -> bool {
        match self.worker.turn() {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Does turns until there is nothing to do at this time. A worker that spins fails here.
    pub fn turns(&mut self) -> usize {
        (0..10_000).find(|_| !self.turn()).expect("the worker sleeps when there is nothing to do")
    }

    /// Lets time pass, and the worker do what it has to at each moment.
    pub fn wait(&mut self, ms: u64) {
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

    pub fn settle(&mut self) {
        let value = Settled::new(Settlement::Value(b"settled"[..].into()));
        let waiter = self.office.registry.settle_next(KEY, value).flatten().expect("it waits");
        self.office.post.wake(&[waiter]);
    }
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

pub fn post(length: usize) -> String {
    format!("POST /post HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")
}
