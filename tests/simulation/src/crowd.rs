//! A world of clients that cost nothing, for measuring what the worker costs: each sends one
//! request and takes its answer.
//!
//! The clock is the real one, since a turn ends early when its time is over; a test can set it
//! forward. A socket is a number of four bytes, as large as mio's, with nothing behind it.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snow_config::TurnLimits;
use snow_core::{Key, Registry, WorkerId};
use snow_http::Response;
use snow_runtime::{
    Arrival, Call, CallEnd, CallEntry, Guests, Handle, Join, Outcome, Post, Ran, Ready, Route,
    RouteEntry, RouteId, Router, Settled, Settlement, Slot, Source, Suspend, VersionId, World,
};
use snow_worker::PostOffice;

use crate::office::Office;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Ask {
    /// To be held, with an answer for the deadline. The host answers without a call.
    Hold = 1,
    /// To be held, and answered by `resume`.
    Req = 2,
    /// That all held requests are answered.
    StopAll = 3,
}

impl Ask {
    /// Returns the request's bytes: 40, or 44.
    pub fn request(self) -> &'static [u8] {
        match self {
            Ask::Hold => b"GET /hold/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
            Ask::Req => b"GET /reqs/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
            Ask::StopAll => b"GET /stop-all/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
        }
    }
}

/// The only worker.
pub const WORKER: WorkerId = WorkerId(0);
/// The key under which all requests wait.
const KEY: &str = "requests";
const ROUTES: [&str; 3] = ["/hold/", "/reqs/", "/stop-all/"];

/// What the clients do, and what has become of them. The world and the measurement share it.
pub struct Clients {
    /// How many connections wait to be accepted.
    pub arriving: Cell<u32>,
    /// What each of those asks for.
    pub ask: Cell<Ask>,
    /// Set when new ones have come: the listener reports it once.
    pub listener: Cell<bool>,
    /// Answers written so far with a status of 2xx.
    pub answered: Cell<u32>,
    /// Answers written so far with another status.
    pub failed: Cell<u32>,
    started: Instant,
    /// How far the clock was set forward.
    pub ahead_ms: Cell<u64>,
}

impl Clients {
    /// Creates a crowd of none.
    #[expect(clippy::new_without_default, reason = "it starts a clock")]
    pub fn new() -> Clients {
        Clients {
            arriving: Cell::new(0),
            ask: Cell::new(Ask::Hold),
            listener: Cell::new(false),
            answered: Cell::new(0),
            failed: Cell::new(0),
            started: Instant::now(),
            ahead_ms: Cell::new(0),
        }
    }

    /// Lets so many clients connect. Each sends its request at once.
    pub fn come(&self, clients: u32, ask: Ask) {
        self.arriving.set(clients);
        self.ask.set(ask);
        self.listener.set(true);
    }
}

/// The world of these clients.
pub struct Crowd(pub Rc<Clients>);

/// A client's socket: the [`Ask`] that is unread in it, or 0.
pub struct Socket(u32);

impl World for Crowd {
    type Socket = Socket;

    fn now_ms(&self) -> u64 {
        self.0.started.elapsed().as_millis() as u64 + self.0.ahead_ms.get()
    }

    fn date(&mut self) -> &str {
        "Sun, 06 Nov 1994 08:49:37 GMT"
    }

    fn random(&mut self) -> u128 {
        0x0123_4567_89ab_cdef_0123_4567_89ab_cdef
    }

    fn wait(&mut self, timeout_ms: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        match (self.0.listener.replace(false), timeout_ms) {
            (true, _) => ready.push(Ready::Listener),
            (false, Some(0)) => {}
            (false, _) => return Err(ErrorKind::WouldBlock.into()),
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(Socket, SocketAddr)> {
        let left = self.0.arriving.get().checked_sub(1).ok_or(ErrorKind::WouldBlock)?;
        self.0.arriving.set(left);
        Ok((Socket(self.0.ask.get() as u32), SocketAddr::from((Ipv4Addr::LOCALHOST, 1))))
    }

    fn register(&mut self, _: &mut Socket, _: Key) -> io::Result<()> {
        Ok(())
    }

    fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
        let ask = match std::mem::take(&mut socket.0) {
            1 => Ask::Hold,
            2 => Ask::Req,
            3 => Ask::StopAll,
            _ => return Err(ErrorKind::WouldBlock.into()),
        };
        let request = ask.request();
        buffer[..request.len()].copy_from_slice(request);
        Ok(request.len())
    }

    fn write(&mut self, _: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
        let count =
            if bytes.starts_with(b"HTTP/1.1 2") { &self.0.answered } else { &self.0.failed };
        count.set(count.get() + 1);
        Ok(bytes.len())
    }

    fn shutdown_write(&mut self, _: &mut Socket) {}

    fn close_listener(&mut self) {}
}

/// The guest `snow` without wasm: does to the host what the guest does, in a few lines.
pub struct Snow {
    router: Router,
    registry: Arc<Registry<Settled>>,
    post: Arc<PostOffice>,
    name: Arc<str>,
    /// A `/stop-all/` under way: how many are left to settle, and how many are settled.
    stopping: (u32, u32),
}

impl Snow {
    /// Creates the guest of [`WORKER`].
    pub fn new(office: &Office) -> Snow {
        let entry = |(route, pattern): (usize, &&str)| RouteEntry {
            version: VersionId(0),
            route: RouteId(route as u32),
            declared: Route { methods: Vec::new(), pattern: (*pattern).to_owned() },
            mount: "".into(),
        };
        let router = Router::new(ROUTES.iter().enumerate().map(entry).collect())
            .expect("these patterns are fine");
        Snow {
            router,
            registry: office.registry.clone(),
            post: office.post.clone(),
            name: "snow".into(),
            stopping: (0, 0),
        }
    }

    fn suspend(&self, resume: bool) -> Outcome {
        let id = self.registry.create(WORKER, Some(KEY)).expect("the limits allow it");
        Outcome::Suspend(Suspend {
            handles: vec![Handle { id, source: Source::None }],
            until: Join::All,
            timeout_ms: Some(600_000),
            deadline_ms: None,
            on_timeout: (!resume).then(|| Response::text(504, "nobody came")),
            resume,
            keep_request: false,
            state: Vec::new(),
        })
    }

    /// Settles requests for one time slice, as long as that of the host's own `set-all`. Returns
    /// the outcome once all are settled.
    fn stop_some(&mut self) -> Option<Outcome> {
        let began = Instant::now();
        let value = Settled::new(Settlement::Value(b"done"[..].into()));
        let (left, settled) = &mut self.stopping;
        *settled += self.registry.settle_while(KEY, &value, left, |woken| {
            self.post.wake(woken);
            began.elapsed() < Duration::from_micros(TurnLimits::DEFAULT.settling_us_max)
        });
        (*left == 0).then(|| Outcome::Respond(Response::text(200, &settled.to_string())))
    }

    fn go_on_stopping(&mut self) -> Ran {
        match self.stop_some() {
            Some(outcome) => {
                Ran::Ended(CallEnd { outcome: Ok(outcome), leftover: Vec::new(), request: None })
            }
            None => Ran::Yielded,
        }
    }
}

impl Guests for Snow {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, _: VersionId) -> Arc<str> {
        self.name.clone()
    }

    fn has_resume(&self, _: VersionId) -> bool {
        true
    }

    fn start(&mut self, _: Slot, call: Call) -> Ran {
        let mut leftover = Vec::new();
        let outcome = match (call.entry, call.route.index()) {
            (CallEntry::Resume { arrivals, .. }, _) => {
                leftover.extend(arrivals.iter().map(|arrival| arrival.handle));
                Outcome::Respond(resumed(&arrivals))
            }
            (CallEntry::Handle(_), 0) => self.suspend(false),
            (CallEntry::Handle(_), 1) => self.suspend(true),
            (CallEntry::Handle(_), _) => {
                self.stopping = (self.registry.waiting(KEY), 0);
                return self.go_on_stopping();
            }
        };
        Ran::Ended(CallEnd { outcome: Ok(outcome), leftover, request: None })
    }

    fn poll(&mut self, _: Slot) -> Ran {
        self.go_on_stopping()
    }
}

fn resumed(arrivals: &[Arrival]) -> Response {
    match arrivals.first().and_then(|arrival| arrival.settlement.as_deref()) {
        Some(Settlement::Value(value)) => Response::text(200, &String::from_utf8_lossy(value)),
        _ => Response::text(504, "nobody came"),
    }
}
