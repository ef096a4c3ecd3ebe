//! A server within the test's own process: for what can't be seen from outside (instances), and for
//! limits that no argument sets, made small enough to be reached.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use snow_config::{Config, GuestConfigs, Limits, Listen};
use snow_runtime::{Log, LogFormat};
use snow_server::{Counts, Server};

use crate::harness::{Client, Folder, eventually};

/// The log, in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server, and what has to outlive it.
pub struct Inside {
    server: Option<Server>,
    address: SocketAddr,
    lines: Lines,
    _folder: Folder,
}

impl Inside {
    pub fn start(guests: &[&str], workers: u16, limits: Limits) -> Option<Inside> {
        Inside::configured(guests, workers, limits, GuestConfigs::new())
    }

    /// With what was decided about single guests.
    pub fn configured(
        guests: &[&str],
        workers: u16,
        limits: Limits,
        guest_configs: GuestConfigs,
    ) -> Option<Inside> {
        let folder = Folder::with(guests)?;
        let listen = Listen::Address(SocketAddr::from(([127, 0, 0, 1], 0)));
        let guests = folder.path().to_owned();
        // Compiled in this very process, which is no server's program.
        let mut config = Config { limits, guest_configs, ..Config::new(guests) };
        (config.server.listen, config.server.workers) = (vec![listen], workers);
        let lines = Lines::default();
        let log = Log::start(LogFormat::Text, &Limits::default(), lines.clone()).expect("a thread");
        let server = Server::start(&config, log).expect("it starts");
        assert!(server.left_out().is_empty(), "{:?}", server.left_out());
        Some(Inside {
            address: server.addresses()[0],
            server: Some(server),
            lines,
            _folder: folder,
        })
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn ask(&self, target: &str) -> Client {
        let mut client = self.connect();
        client.ask(target);
        client
    }

    pub fn counts(&self) -> Counts {
        self.server.as_ref().expect("it runs").counts()
    }

    /// Starts to drain, for as long as the limits say.
    pub fn drain(&self) {
        self.server.as_ref().expect("it runs").drain().start();
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// Waits for changes of keys.
    pub fn store_waiters(&self) -> usize {
        self.server().store().waiters
    }

    /// Waits until the log has all of these.
    #[track_caller]
    pub fn logs(&self, words: &[&str]) {
        let has = |word: &&str| String::from_utf8_lossy(&self.lines.lock()).contains(*word);
        eventually(&format!("{words:?} in the log"), || words.iter().all(has).then_some(()));
    }

    pub fn wait_until(&self, what: &str, holds: impl Fn(Counts) -> bool) {
        eventually(what, || holds(self.counts()).then_some(()));
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.drain().start();
            // What it has reserved is freed when it has ended. Nobody waits for that: a failed test's
            // connections may still be held.
            thread::spawn(move || server.join());
        }
    }
}

#[test]
fn a_held_request_has_no_instance() {
    let Some(inside) = Inside::start(&["snow", "hello"], 2, Limits::default()) else { return };
    let held: Vec<Client> =
        (0..50).flat_map(|_| [inside.ask("/req/"), inside.ask("/hold/")]).collect();
    inside.wait_until("100 are suspended", |counts| counts.suspended == 100);
    let Counts { connections, pendings, instances, .. } = inside.counts();
    assert_eq!((connections, pendings, instances), (100, 100, 0));

    assert_eq!(inside.connect().get("/stop-all/?value=x").text(), "100");
    for mut client in held {
        assert_eq!(client.response().text(), "x");
    }
    inside.wait_until("nothing is left", |counts| {
        (counts.connections, counts.suspended, counts.pendings, counts.instances) == (0, 0, 0, 0)
    });
}

#[test]
fn clients_that_leave_leave_nothing_behind() {
    let Some(inside) = Inside::start(&["snow"], 2, Limits::default()) else { return };
    let held: Vec<Client> = (0..100).map(|_| inside.ask("/async/?seconds=3600")).collect();
    inside.wait_until("they are suspended", |counts| counts.suspended == 100);
    drop(held);
    inside.wait_until("nothing is left", |counts| {
        (counts.connections, counts.suspended, counts.pendings) == (0, 0, 0)
    });
}

/// Calls of a guest that computes: some wait, and the others are told to come again.
#[test]
fn calls_queue_up_to_a_limit_and_then_clients_are_told() {
    let limits = Limits {
        worker_calls_started_max: 1,
        guest_calls_queued_max: 2,
        // For so long all the others are asked, on a busy machine too.
        call_running_ms_max: 4_000,
        ..Limits::default()
    };
    let Some(inside) = Inside::start(&["spin", "hello"], 1, limits) else { return };
    let spins = inside.ask("/spin");
    inside.wait_until("it computes", |counts| counts.instances == 1);
    let mut clients: Vec<Client> = (0..10).map(|_| inside.ask("/spin")).collect();
    inside.wait_until("eight are told", |counts| counts.answered == 8);
    clients.retain_mut(|client| {
        let waits = client.nothing_yet();
        if !waits {
            let answer = client.response();
            assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
        }
        waits
    });
    assert_eq!(clients.len(), 2, "the others wait");
    assert_eq!(inside.connect().get("/hello").status, 200, "another guest's calls do not");
    let mut spins = spins;
    assert_eq!(spins.response().status, 500);
}

/// More of them than there are slots: they share all slots but those that are left for others.
#[test]
fn guests_that_compute_leave_slots_to_those_that_do_not() {
    let limits =
        Limits { worker_calls_started_max: 4, call_running_ms_max: 3_000, ..Limits::default() };
    let Some(inside) = Inside::start(&["spin", "hello"], 1, limits) else { return };
    let mut spins: Vec<Client> = (0..10).map(|_| inside.ask("/spin")).collect();
    inside.wait_until("they compute", |counts| counts.instances == 3);
    for _ in 0..20 {
        assert_eq!(inside.connect().get("/hello").status, 200);
    }
    assert!(spins.iter_mut().all(Client::nothing_yet), "hello did not wait for any of them");
    assert_eq!(inside.counts().instances, 3);
}

#[test]
fn suspensions_and_pendings_are_bounded() {
    let limits = Limits { worker_suspensions_max: 2, ..Limits::default() };
    let Some(inside) = Inside::start(&["snow", "hello"], 1, limits) else { return };
    let held = [inside.ask("/req/"), inside.ask("/hold/")];
    inside.wait_until("two are suspended", |counts| counts.suspended == 2);
    let refused = inside.connect().get("/req/");
    assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")));
    assert_eq!(inside.counts().pendings, 2, "what the refused one had created is gone");
    assert_eq!(inside.connect().get("/hello").status, 200);
    drop(held);

    let limits = Limits { pendings_max: 1, ..Limits::default() };
    let Some(inside) = Inside::start(&["snow"], 1, limits) else { return };
    let _held = inside.ask("/req/");
    inside.wait_until("one is there", |counts| counts.suspended == 1);
    assert_eq!(inside.connect().get("/req/").status, 500, "the SDK makes an error of the refusal");
    assert_eq!(inside.counts().pendings, 1);
}

#[test]
fn connections_are_bounded() {
    let limits = Limits { worker_connections_max: 2, ..Limits::default() };
    let Some(inside) = Inside::start(&["hello", "snow"], 1, limits) else { return };
    let mut held = [inside.ask("/req/"), inside.ask("/req/")];
    inside.wait_until("they are held", |counts| counts.suspended == 2);
    inside.connect().is_closed();
    assert!(held.iter_mut().all(Client::nothing_yet));
    let [mut first, second] = held;
    drop(second);
    inside.wait_until("one has left", |counts| counts.connections == 1);
    assert_eq!(inside.connect().get("/stop/").status, 200);
    assert_eq!(first.response().status, 200);
}

/// In a full table, the client that has been silent for longest gives way to the next one.
#[test]
fn a_connection_without_a_request_gives_way() {
    let limits = Limits { worker_connections_max: 2, ..Limits::default() };
    let Some(inside) = Inside::start(&["hello", "snow"], 1, limits) else { return };
    let mut answered = inside.connect();
    assert_eq!(answered.get("/hello").status, 200);
    let mut silent = inside.connect();
    inside.wait_until("both are in", |counts| counts.connections == 2);
    let mut held = inside.ask("/req/");
    silent.is_closed();
    inside.wait_until("it is held", |counts| counts.suspended == 1);
    assert_eq!(answered.get("/hello").status, 200, "it has asked for something before");
    assert_eq!(inside.connect().get("/stop/").status, 200);
    answered.is_closed();
    assert_eq!(held.response().status, 200);
}

#[test]
fn silent_and_slow_clients_run_out_of_time() {
    let mut limits = Limits::default();
    // A client that is not silent has so long to say something, on a busy machine too.
    limits.http.idle_timeout_ms = 2_000;
    limits.http.body_timeout_ms = 100;
    let Some(inside) = Inside::start(&["tornado", "hello"], 1, limits) else { return };
    let mut between = inside.connect();
    assert_eq!(between.get("/story/1").status, 200);
    inside.connect().is_closed();
    between.is_closed();

    let mut stops = inside.connect();
    stops.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
    assert_eq!(stops.response().status, 408);
    stops.is_closed();
}

/// The client asks for more than the sockets hold, and reads nothing.
#[test]
fn a_client_that_does_not_read_is_dropped() {
    let mut limits = Limits::default();
    limits.http.write_timeout_ms = 200;
    let Some(inside) = Inside::start(&["tornado"], 1, limits) else { return };
    let mut client = inside.connect();
    client.gives_up_writing_after(std::time::Duration::from_secs(1));
    let body = "x".repeat(1 << 20);
    let request =
        format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for _ in 0..32 {
        if !client.send_perhaps(request.as_bytes()) {
            break;
        }
    }
    inside.wait_until("it is dropped", |counts| counts.connections == 0);
}
