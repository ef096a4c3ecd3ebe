//! The admin listener, on which the host shows its own state. It is off unless the configuration
//! asks for it.
//!
//! It is one more worker, with the same loop and the same HTTP, on its own thread; [`pages`] take
//! the place of guests. So it has every limit and strictness of the others, and requests for pages
//! put no load on the workers that serve.
//!
//! | path | shows |
//! |---|---|
//! | `/healthz` | whether every worker's loop makes progress |
//! | `/readyz` | whether requests should be sent to this server |
//! | `/metrics` | metrics, for Prometheus |
//! | `/guests` | the guests and their versions |
//! | `/pending` | the requests that are held, oldest first |
//! | `/store` | the store, by numbers; on a unix socket its entries too, to read and write |
//! | `/jobs` | the jobs of guests, by numbers, and schedules; on a unix socket those that are kept too |

mod errands;
mod exposition;
mod guests;
mod jobs;
mod metrics;
mod pages;
mod pending;
mod process;
mod query;
mod sources;
mod store;
mod under_way;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use self::pages::Pages;
pub use self::sources::{Draining, PageSources};
use crate::net::{self, Bound, Listener, Net, SocketFile};
use crate::supervisor::{Ends, Role};
use crate::workers;
use snow_config::{AdminListen, HttpLimits, Limits, Listen};
use snow_core::{Registry, WorkerId};
use snow_runtime::{Clock, Log, World};
use snow_worker::{Common, Mailbox, Message, PostOffice, Worker};

/// The id of the admin listener's worker. It has its own registry and post office, in which there
/// is no other worker.
const WORKER: WorkerId = WorkerId(0);
/// Open connections. Whoever connects and asks for nothing gives way to others.
const CONNECTIONS_MAX: usize = 64;
/// How long a head may take, and a connection that lingers. A question is short.
const PATIENCE_MS: u64 = 2_000;
/// How long pages may wait when the server ends. Writing them may take a second more.
const DRAIN_MS: u64 = 1_000;
/// How long connections without a request are kept open then.
const DRAIN_IDLE_MS: u64 = 20;
/// Bytes of entries that one request sets in the store.
const BODY_BYTES_MAX: u64 = 16 << 20;
/// Pages of `/pending` that wait for the workers at one time, and writes to the store; further ones
/// are answered 503.
const QUESTIONS_MAX: usize = 16;

/// A socket on which the admin listener will answer.
pub struct AdminListener {
    address: AdminListen,
    socket: Socket,
}

enum Socket {
    Tcp(Bound),
    Unix(std::os::unix::net::UnixListener, SocketFile),
}

impl AdminListener {
    /// Listens. Connections wait in the kernel's queue until [`Admin::start`] is called.
    ///
    /// # Errors
    /// Another server listens at the address, or it can't be listened on.
    pub fn bind(listen: &AdminListen) -> io::Result<AdminListener> {
        match listen {
            AdminListen::Address(address) => {
                let options = net::ListenOptions::default();
                let listener = net::listeners(Listen::Address(*address), 1, &options)?.remove(0);
                let address = AdminListen::Address(listener.socket.local_addr()?);
                Ok(AdminListener { address, socket: Socket::Tcp(listener) })
            }
            AdminListen::Unix(path) => {
                let (listener, file) = net::unix_listener(path)?;
                Ok(AdminListener { address: listen.clone(), socket: Socket::Unix(listener, file) })
            }
        }
    }
}

/// The admin listener's thread.
pub struct Admin {
    address: AdminListen,
    mailbox: Arc<Mailbox>,
    clock: Clock,
    thread: JoinHandle<()>,
    /// The unix socket's file, which is removed at the end.
    file: Option<SocketFile>,
}

impl Admin {
    /// Starts to answer. The thread's end is reported to `ends`.
    ///
    /// # Errors
    /// The system gives no thread or no poll.
    pub fn start(
        listener: AdminListener,
        sources: PageSources,
        log: Log,
        clock: Clock,
        ends: &Ends,
    ) -> io::Result<Admin> {
        let AdminListener { address, socket } = listener;
        let (mailbox, thread, file) = match socket {
            Socket::Tcp(listener) => {
                let (mailbox, thread) =
                    serve(Net::new(vec![listener], clock.clone())?, sources, log, &address, ends)?;
                (mailbox, thread, None)
            }
            Socket::Unix(listener, file) => {
                let (mailbox, thread) =
                    serve(Net::unix(listener, clock.clone())?, sources, log, &address, ends)?;
                (mailbox, thread, Some(file))
            }
        };
        Ok(Admin { address, mailbox, clock, thread, file })
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> &AdminListen {
        &self.address
    }

    /// Removes the socket's file, answers the requests that have begun, and waits for the thread:
    /// two seconds at most.
    pub fn stop(self) {
        // Removed while the thread still listens: see `SocketFile`.
        drop(self.file);
        let until_ms = self.clock.now_ms() + DRAIN_MS;
        self.mailbox.send(Message::Drain { until_ms });
        // It never fails: a panic of the thread is reported to whoever supervises it.
        let _ = self.thread.join();
    }
}

fn serve<L>(
    net: Net<L>,
    sources: PageSources,
    log: Log,
    address: &AdminListen,
    ends: &Ends,
) -> io::Result<(Arc<Mailbox>, JoinHandle<()>)>
where
    L: Listener + Send + 'static,
{
    let mailbox = workers::mailbox(&net);
    let post = Arc::new(PostOffice::default());
    post.open(vec![mailbox.clone()], Vec::new());
    let common = Common {
        limits: Arc::new(limits(address)),
        calls_parked_max: 0,
        // No token of this registry ever leaves the process, so tokens need not be random.
        registry: Arc::new(Registry::new(2 * QUESTIONS_MAX, |bytes| bytes.fill(0))),
        post,
        log,
        access_log: false,
    };
    let pages = Pages::new(sources, &common, address);
    let inbox = mailbox.clone();
    let run = move || run(net, pages, common, inbox);
    let thread = ends.spawn("snow-admin".into(), Role::Helper, run)?;
    Ok((mailbox, thread))
}

fn run<W: World>(
    world: W,
    pages: Pages,
    common: Common,
    mailbox: Arc<Mailbox>,
) -> Result<(), String> {
    let ended = Worker::new(WORKER, world, pages, common, mailbox, Arc::default()).run();
    ended.map_err(|error| format!("its poll failed: {error}"))
}

fn limits(address: &AdminListen) -> Limits {
    // Only a unix socket takes writes.
    let body_bytes_max = if matches!(address, AdminListen::Unix(_)) { BODY_BYTES_MAX } else { 0 };
    let http = HttpLimits {
        head_bytes_max: 16_384,
        body_bytes_max,
        header_timeout_ms: PATIENCE_MS,
        body_timeout_ms: PATIENCE_MS,
        drain_idle_ms: DRAIN_IDLE_MS,
        ..HttpLimits::default()
    };
    Limits {
        http,
        worker_connections_max: CONNECTIONS_MAX,
        worker_suspensions_max: 2 * QUESTIONS_MAX,
        ..Limits::default()
    }
}
