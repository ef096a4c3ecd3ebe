//! The loop of one thread: it serves HTTP to its clients, and holds the requests that wait.
//!
//! A server has a few workers, and each runs on its own thread: [`Worker::run`] does one
//! [turn](Worker::turn) after another. A worker knows neither mio nor wasmtime. It is generic over
//! its [`World`](snow_runtime::World) (sockets, a clock, randomness) and over whoever runs
//! [`Guests`](snow_runtime::Guests). The server gives it the real ones; `tests/simulation` drives
//! the very same loop with a seed, with sockets in memory and with guests that follow scripts.
//!
//! # The parts, in the order in which a request meets them
//!
//! | file | what it owns |
//! |---|---|
//! | `clients` | sockets and connections, and which of them have something to do |
//! | `schedule` | calls: which wait, which have an instance, and which one gets the loop next |
//! | `suspensions` | requests that wait: for what, until when, and what follows |
//! | `relays` | answers of other servers on their way to clients, while they come |
//! | `lifecycle` | the drain at the end, and versions that are too old to be kept |
//! | `stats` | [`Stats`]: what is counted, for others to read |
//! | `inspect` | [`Inspection`]s: which requests have been held longest |
//! | `mailbox` | [`Mailbox`]: how other threads reach the worker |
//!
//! The parts do not know one another: `worker` joins them.
//!
//! # A turn
//!
//! A turn waits for sockets and mail, accepts, reads and dispatches requests, takes settlements,
//! fires timers, gives calls their time slices, starts others, and writes the answers. Each step is
//! bounded ([`TurnLimits`](snow_config::TurnLimits)), so that none keeps the others waiting.
//!
//! # Example
//!
//! A world of one client, a guest in a few lines, and a turn of their worker:
//!
//! ```
//! use std::io::{self, ErrorKind, Read, Write};
//! use std::net::SocketAddr;
//! use std::sync::{Arc, Mutex};
//!
//! use snow_config::Limits;
//! use snow_core::{Key, Registry, WorkerId};
//! use snow_http::Response;
//! use snow_runtime::{
//!     Call, CallEnd, CallEntry, Guests, Log, LogFormat, Outcome, Ran, Ready, Route, RouteEntry,
//!     RouteId, Router, Slot, VersionId, World,
//! };
//! use snow_worker::{Common, Mailbox, PostOffice, Stats, Worker};
//!
//! struct OneClient {
//!     is_connected: bool,
//!     sends: &'static [u8],
//!     receives: Arc<Mutex<Vec<u8>>>,
//! }
//!
//! impl World for OneClient {
//!     type Socket = ();
//! #   fn now_ms(&self) -> u64 { 0 }
//! #   fn date(&mut self) -> &str { "Sun, 06 Nov 1994 08:49:37 GMT" }
//! #   fn random(&mut self) -> u128 { 7 }
//! #   fn register(&mut self, _: &mut (), _: Key) -> io::Result<()> { Ok(()) }
//! #   fn shutdown_write(&mut self, _: &mut ()) {}
//! #   fn close_listener(&mut self) {}
//!
//!     fn wait(&mut self, _: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
//!         Ok(ready.push(Ready::Listener))
//!     }
//!     fn accept(&mut self) -> io::Result<((), SocketAddr)> {
//!         match std::mem::replace(&mut self.is_connected, true) {
//!             false => Ok(((), ([127, 0, 0, 1], 1).into())),
//!             true => Err(ErrorKind::WouldBlock.into()),
//!         }
//!     }
//!     fn read(&mut self, _: &mut (), buffer: &mut [u8]) -> io::Result<usize> {
//!         self.sends.read(buffer)
//!     }
//!     fn write(&mut self, _: &mut (), bytes: &[u8]) -> io::Result<usize> {
//!         self.receives.lock().unwrap().write(bytes)
//!     }
//! }
//!
//! struct Hello(Router);
//!
//! impl Guests for Hello {
//! #   fn router(&self) -> &Router { &self.0 }
//! #   fn guest_name(&self, _: VersionId) -> Arc<str> { "hello".into() }
//! #   fn has_resume(&self, _: VersionId) -> bool { false }
//!     fn start(&mut self, _: Slot, call: Call) -> Ran {
//!         let CallEntry::Handle(request) = call.entry else { unreachable!("nothing is resumed") };
//!         let response = Response::text(200, &format!("hello {}", request.params[0].value));
//!         let outcome = Ok(Outcome::Respond(response));
//!         Ran::Ended(CallEnd { outcome, leftover: Vec::new(), request: None })
//!     }
//! #   fn poll(&mut self, _: Slot) -> Ran { unreachable!("one time slice is enough") }
//! }
//!
//! let declared = Route { methods: vec!["GET".into()], pattern: "/hello/(.*)".into() };
//! let entry = RouteEntry { version: VersionId(0), route: RouteId(0), declared, mount: "".into() };
//! let (mailbox, post) = (Arc::new(Mailbox::new(|| {})), Arc::new(PostOffice::default()));
//! post.open(vec![mailbox.clone()], Vec::new());
//! let common = Common {
//!     limits: Arc::new(Limits::default()),
//!     calls_parked_max: 8,
//!     registry: Arc::new(Registry::new(1_000, |token| token.fill(7))),
//!     post,
//!     log: Log::start(LogFormat::Text, &Limits::default(), io::stderr())?,
//!     access_log: false,
//! };
//! let sends = b"GET /hello/world HTTP/1.1\r\nhost: a\r\n\r\n";
//! let world = OneClient { is_connected: false, sends, receives: Arc::default() };
//! let (received, guests) = (world.receives.clone(), Hello(Router::new(vec![entry])?));
//! let stats = Arc::new(Stats::default());
//!
//! let mut worker = Worker::new(WorkerId(0), world, guests, common, mailbox, stats.clone());
//! worker.turn()?;
//!
//! assert!(received.lock().unwrap().ends_with(b"\r\n\r\nhello world"));
//! assert_eq!((stats.answered.get(), stats.connections.get()), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is guaranteed, and what is not
//!
//! - Each request is answered once, or its client has left. Only its worker ends a suspension.
//! - No step of a turn costs in proportion to what is held. A held request owns no instance, no
//!   timer of its connection and no buffer; `tests/simulation`'s `million` measures what is left.
//! - The counters have one writer and no locks. A reader sees them as of several moments.
//! - A quick call starts within a few time slices, whatever other guests do, and nothing that can
//!   run waits for ever. How long a slice takes is bounded by whoever runs guests.
//! - A thread that panics takes its clients with it. Its [`LoopState`] tells that it is stuck.

#![forbid(unsafe_code)]

mod clients;
mod context;
mod inspect;
mod lifecycle;
mod mailbox;
mod relays;
mod schedule;
mod stats;
mod suspensions;
mod worker;

pub use self::context::Common;
pub use self::inspect::{HeldPage, HeldRequest, Inspection, Position};
pub use self::mailbox::{Mailbox, Message, PostOffice, Rest, RestQuestion};
pub use self::stats::{
    CallRefusal, Label, LabelId, Labels, LoopState, RouteStats, Shelf, Stats, Turns, VersionStats,
    WaitEnd,
};
pub use self::worker::{Holdings, Worker};
