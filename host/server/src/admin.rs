//! What the host tells about itself: a listener of its own, off unless asked for.
//!
//! It is one more worker: the same loop and the same HTTP, on a thread of its own, with `pages` in the place of
//! guests. So it has every limit and every strictness of the others, and whoever loads it loads no worker.
//!
//! | path | |
//! |---|---|
//! | `/healthz` | whether every worker's loop turns |
//! | `/readyz` | whether requests are to be sent here |
//! | `/metrics` | what is counted, for Prometheus |
//! | `/guests` | what is deployed |
//! | `/pending` | what is held, oldest first |

mod exposition;
mod guests;
mod health;
mod metrics;
mod pages;
mod pending;
mod process;
pub mod sources;
mod totals;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use self::pages::Pages;
use self::sources::Sources;
use crate::net::{self, Listener, Net, SocketFile};
use snow_config::{AdminListen, HttpLimits, Limits, Listen};
use snow_core::{Inbox, Registry, WorkerId};
use snow_runtime::{Level, Log, World};
use snow_worker::{Common, Mailbox, Message, PostOffice, Worker};

/// Its worker. It has a registry and a post office of its own, where there is no other.
const WORKER: WorkerId = WorkerId(0);
/// Connections; more are closed as they are accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long pages may wait at the end. A second more is for writing them.
const DRAIN_MS: u64 = 1_000;
/// The same for clients that ask nothing.
const DRAIN_IDLE_MS: u64 = 20;
/// Questions to the workers under way; more are answered 503.
const QUESTIONS_MAX: usize = 16;

/// An address that can be listened on, and is.
pub struct Bound {
    address: AdminListen,
    socket: Socket,
}

enum Socket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, SocketFile),
}

impl Bound {
    /// Listens; who connects is answered once [`Admin::start`] was called.
    ///
    /// # Errors
    /// Another server is there, or the system says no.
    pub fn new(listen: &AdminListen) -> io::Result<Bound> {
        match listen {
            AdminListen::Address(address) => {
                let listener = net::listeners(Listen::Address(*address), 1)?.remove(0);
                Ok(Bound { address: AdminListen::Address(listener.local_addr()?), socket: Socket::Tcp(listener) })
            }
            AdminListen::Unix(path) => {
                let (listener, file) = net::unix_listener(path)?;
                Ok(Bound { address: listen.clone(), socket: Socket::Unix(listener, file) })
            }
        }
    }
}

/// The admin listener's thread.
pub struct Admin {
    address: AdminListen,
    mailbox: Arc<Mailbox>,
    started: Instant,
    thread: JoinHandle<()>,
    /// Removed at the end.
    file: Option<SocketFile>,
}

impl Admin {
    /// Answers from now on. `started` is the zero of the workers' clock.
    ///
    /// # Errors
    /// The system gives no thread or no poll.
    pub fn start(bound: Bound, sources: Sources, log: Log, started: Instant) -> io::Result<Admin> {
        let Bound { address, socket } = bound;
        let (mailbox, thread, file) = match socket {
            Socket::Tcp(listener) => {
                let (mailbox, thread) = serve(Net::new(vec![listener], started)?, sources, log, &address)?;
                (mailbox, thread, None)
            }
            Socket::Unix(listener, file) => {
                let (mailbox, thread) = serve(Net::unix(listener, started)?, sources, log, &address)?;
                (mailbox, thread, Some(file))
            }
        };
        Ok(Admin { address, mailbox, started, thread, file })
    }

    /// Where it listens.
    pub fn address(&self) -> &AdminListen {
        &self.address
    }

    /// Removes the socket's file, answers what has begun, and waits until that is over, two seconds at most.
    pub fn stop(self) {
        // While it listens: see there.
        drop(self.file);
        let until_ms = self.started.elapsed().as_millis() as u64 + DRAIN_MS;
        self.mailbox.control.send(Message::Drain { until_ms });
        // It has said in the log why it ended, if it failed.
        let _ = self.thread.join();
    }
}

fn serve<L>(
    world: Net<L>,
    sources: Sources,
    log: Log,
    address: &AdminListen,
) -> io::Result<(Arc<Mailbox>, JoinHandle<()>)>
where
    L: Listener + Send + 'static,
{
    let (control, settled) = (world.waker(), world.waker());
    let mailbox =
        Arc::new(Mailbox { control: Inbox::new(move || control.wake()), settled: Inbox::new(move || settled.wake()) });
    let post = Arc::new(PostOffice::default());
    post.open(vec![mailbox.clone()]);
    let shared = Common {
        limits: Arc::new(limits()),
        calls_parked_max: 0,
        registry: Arc::new(Registry::new(QUESTIONS_MAX, |bytes| bytes.fill(0))),
        post,
        log,
        access_log: false,
    };
    let pages = Pages::new(sources, &shared, pages::takes_names(address));
    let inbox = mailbox.clone();
    let thread = thread::Builder::new().name("snow-admin".into()).spawn(move || run(world, pages, shared, inbox))?;
    Ok((mailbox, thread))
}

fn run<W: World>(world: W, pages: Pages, shared: Common, mailbox: Arc<Mailbox>) {
    let log = shared.log.clone();
    if let Err(error) = Worker::new(WORKER, world, pages, shared, mailbox, Arc::default()).run() {
        log.host(Level::Error, format!("the admin listener has failed: {error}"));
    }
}

fn limits() -> Limits {
    let http =
        HttpLimits { head_bytes_max: 16_384, body_bytes_max: 0, drain_idle_ms: DRAIN_IDLE_MS, ..HttpLimits::default() };
    Limits { http, worker_connections_max: CONNECTIONS_MAX, worker_suspensions_max: QUESTIONS_MAX, ..Limits::default() }
}
