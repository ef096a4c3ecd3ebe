//! Sockets in memory that behave as a kernel's: edge-triggered events, full windows, a FIN behind
//! the last byte, resets.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use snow_core::Key;
use snow_runtime::{Ready, World};

use crate::rng::Rng;

/// How long it takes to accept a connection.
const ACCEPT_US: u64 = 10;
/// How long it takes to read from a socket or to write to one.
const IO_US: u64 = 5;

/// All sockets of all workers, and the clock.
pub struct Network {
    /// The clock that all workers share, in microseconds. The test moves it between turns; within a
    /// turn, whatever the worker does takes its time.
    pub now_us: u64,
    /// Decides what the kernels do.
    pub rng: Rng,
    /// By the number that [`Network::connect`] returns.
    pub wires: Vec<Wire>,
    /// By worker.
    pub listeners: Vec<Listener>,
    /// By worker: how long it sleeps, if it does.
    pub asleep: Vec<Option<Sleep>>,
    /// How many of a hundred pieces that clients send arrive later.
    pub late_percent: usize,
    /// Bytes that clients have sent and that have not arrived, by wire, the oldest first.
    pub under_way: VecDeque<(usize, Vec<u8>)>,
    /// Whether a listener may be closed while clients wait to be accepted.
    pub may_refuse: bool,
    /// By worker: set by those who send it mail while it sleeps.
    pub woken: Arc<[AtomicBool]>,
}

/// The listener of one worker.
#[derive(Default)]
pub struct Listener {
    backlog: VecDeque<usize>,
    changed: bool,
    closed: bool,
}

/// How long a worker sleeps at most; `None`: until it is woken.
#[derive(Clone, Copy, Debug)]
pub struct Sleep(pub Option<u64>);

/// One connection, as the kernels see it.
#[derive(Debug)]
pub struct Wire {
    /// The worker to whose listener it came.
    pub worker: usize,
    /// Bytes that the client has sent and the host has not read.
    pub to_host: VecDeque<u8>,
    /// Bytes that the host has sent and the client has not read.
    pub to_client: VecDeque<u8>,
    /// For each write of the host: how many bytes it had written in all by then, and when.
    pub written: Vec<(usize, u64)>,
    /// How many bytes of `to_client` the kernels hold.
    pub window_bytes: usize,
    /// Whether the client has said that it will send no more.
    pub fin: bool,
    /// Whether the client has reset the connection.
    pub reset: bool,
    /// Whether the host has said that it will send no more.
    pub host_fin: bool,
    /// Whether the host has closed the connection, or never accepted.
    pub host_closed: bool,
    /// Whether the host has accepted the connection.
    pub accepted: bool,
    key: Option<Key>,
    /// What the next `wait` reports.
    news: News,
    /// Whether a write found no room: then room is news.
    write_blocked: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct News {
    readable: bool,
    writable: bool,
}

impl Network {
    /// Creates a network for so many workers.
    pub fn new(workers: usize, seed: u64) -> Network {
        Network {
            now_us: 1_000_000,
            rng: Rng::new(seed),
            wires: Vec::new(),
            listeners: (0..workers).map(|_| Listener::default()).collect(),
            asleep: vec![None; workers],
            late_percent: 0,
            under_way: VecDeque::new(),
            may_refuse: false,
            woken: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Returns the clock in whole milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_us / 1_000
    }

    /// Lets something happen in a turn that takes its time. Bytes that are under way may arrive
    /// meanwhile.
    fn takes(&mut self, us: u64) {
        self.now_us += us;
        if !self.under_way.is_empty() && self.rng.percent(30) {
            self.deliver();
        }
    }

    /// Lets bytes arrive that were under way for longest. Returns whether there were any.
    pub fn deliver(&mut self) -> bool {
        let Some((wire, bytes)) = self.under_way.pop_front() else { return false };
        let wire = &mut self.wires[wire];
        if !wire.host_closed {
            wire.to_host.extend(bytes);
            wire.news.readable = true;
        }
        true
    }

    /// Connects a client. Returns the number of its wire. A closed listener never accepts it.
    pub fn connect(&mut self, worker: usize, window_bytes: usize) -> usize {
        let listener = &mut self.listeners[worker];
        let wire = self.wires.len();
        if !listener.closed {
            listener.backlog.push_back(wire);
            listener.changed = true;
        }
        self.wires.push(Wire {
            worker,
            to_host: VecDeque::new(),
            to_client: VecDeque::new(),
            written: Vec::new(),
            window_bytes,
            fin: false,
            reset: false,
            host_fin: false,
            host_closed: listener.closed,
            accepted: false,
            key: None,
            news: News::default(),
            write_blocked: false,
        });
        wire
    }

    /// Sends a client's bytes. They arrive at once, or later.
    pub fn send(&mut self, wire: usize, bytes: &[u8]) {
        self.under_way.push_back((wire, bytes.to_vec()));
        if !self.rng.percent(self.late_percent) {
            self.deliver_all();
        }
    }

    /// Lets all bytes arrive that are under way.
    pub fn deliver_all(&mut self) {
        while self.deliver() {}
    }

    /// Sends a client's FIN.
    pub fn send_fin(&mut self, wire: usize) {
        self.deliver_all();
        let wire = &mut self.wires[wire];
        wire.fin = true;
        wire.news.readable = true;
    }

    /// Resets a client's connection. Some of what it has sent may be lost.
    pub fn send_reset(&mut self, wire: usize) {
        self.deliver_all();
        let lost = self.rng.percent(50);
        let wire = &mut self.wires[wire];
        wire.reset = true;
        wire.news = News { readable: true, writable: true };
        wire.to_client.clear();
        if lost {
            wire.to_host.clear();
        }
    }

    /// Takes at most so many bytes of a client's answers.
    pub fn receive(&mut self, wire: usize, bytes_max: usize) -> Vec<u8> {
        let wire = &mut self.wires[wire];
        let count = bytes_max.min(wire.to_client.len());
        let taken = wire.to_client.drain(..count).collect();
        // A kernel does not report room before a third of its buffer is free.
        if wire.write_blocked && wire.to_client.len() <= wire.window_bytes / 3 * 2 {
            wire.write_blocked = false;
            wire.news.writable = true;
        }
        taken
    }

    /// Returns whether a worker has closed its listener.
    pub fn is_listener_closed(&self, worker: usize) -> bool {
        self.listeners[worker].closed
    }

    /// Returns when the host wrote a byte, by the byte's place in all that it wrote to the client.
    pub fn written_ms(&self, wire: usize, place: usize) -> u64 {
        let written = &self.wires[wire].written;
        written[written.partition_point(|&(total, _)| total <= place)].1
    }

    /// Returns whether a worker has a reason to run.
    pub fn can_run(&self, worker: usize) -> bool {
        let Some(Sleep(until)) = self.asleep[worker] else { return true };
        let due = until.is_some_and(|until| until <= self.now_ms());
        let news = self.wires.iter().any(|wire| wire.worker == worker && wire.has_news());
        due || news || self.listeners[worker].changed || self.woken[worker].load(Ordering::SeqCst)
    }

    /// Returns when the first of the sleeping workers wakes by itself.
    pub fn next_ms(&self) -> Option<u64> {
        self.asleep.iter().flatten().filter_map(|sleep| sleep.0).min()
    }
}

impl Wire {
    fn has_news(&self) -> bool {
        self.key.is_some() && (self.news.readable || self.news.writable)
    }
}

/// One worker's part of a [`Network`].
pub struct SimWorld {
    /// The whole network.
    pub network: Rc<RefCell<Network>>,
    /// The worker whose part it is.
    pub worker: usize,
}

/// The host's end of a [`Wire`].
pub struct Socket {
    wire: usize,
    network: Rc<RefCell<Network>>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let wire = &mut self.network.borrow_mut().wires[self.wire];
        wire.host_closed = true;
        wire.key = None;
    }
}

impl World for SimWorld {
    type Socket = Socket;

    fn now_ms(&self) -> u64 {
        self.network.borrow().now_ms()
    }

    fn now_us(&self) -> u64 {
        self.network.borrow().now_us
    }

    fn date(&mut self) -> &str {
        "Sun, 06 Nov 1994 08:49:37 GMT"
    }

    fn random(&mut self) -> u128 {
        u128::from(self.network.borrow_mut().rng.number())
    }

    fn wait(&mut self, timeout_ms: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let network = &mut *self.network.borrow_mut();
        let Network { wires, rng, listeners, woken, .. } = network;
        let of_worker =
            wires.iter_mut().filter(|wire| wire.worker == self.worker && wire.has_news());
        for wire in of_worker {
            // A kernel reports what there is room for; the rest comes next time.
            if !ready.is_empty() && rng.percent(5) {
                continue;
            }
            let (news, key) = (
                std::mem::take(&mut wire.news),
                wire.key.expect("only what is registered has news"),
            );
            ready.push(Ready::Socket {
                key,
                readable: news.readable,
                writable: news.writable,
                read_closed: wire.fin || wire.reset,
                broken: wire.reset,
            });
        }
        if std::mem::take(&mut listeners[self.worker].changed) {
            ready.push(Ready::Listener);
        }
        let was_woken = woken[self.worker].swap(false, Ordering::SeqCst);
        if ready.is_empty() && !was_woken && timeout_ms != Some(0) {
            let until = timeout_ms.map(|timeout_ms| network.now_ms() + timeout_ms);
            let due = matches!(network.asleep[self.worker], Some(Sleep(Some(at))) if at <= network.now_ms());
            if !due {
                network.asleep[self.worker] = Some(Sleep(until));
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        network.asleep[self.worker] = None;
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(Socket, SocketAddr)> {
        let mut network = self.network.borrow_mut();
        network.takes(ACCEPT_US);
        let wire =
            network.listeners[self.worker].backlog.pop_front().ok_or(ErrorKind::WouldBlock)?;
        network.wires[wire].accepted = true;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wire as u16 + 1));
        Ok((Socket { wire, network: self.network.clone() }, address))
    }

    fn register(&mut self, socket: &mut Socket, key: Key) -> io::Result<()> {
        let wire = &mut self.network.borrow_mut().wires[socket.wire];
        wire.key = Some(key);
        wire.news =
            News { readable: !wire.to_host.is_empty() || wire.fin || wire.reset, writable: true };
        Ok(())
    }

    fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        network.takes(IO_US);
        let wire = &mut network.wires[socket.wire];
        let count = buffer.len().min(wire.to_host.len());
        for (to, byte) in buffer.iter_mut().zip(wire.to_host.drain(..count)) {
            *to = byte;
        }
        match count {
            0 if wire.reset => Err(ErrorKind::ConnectionReset.into()),
            0 if wire.fin => Ok(0),
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn write(&mut self, socket: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        network.takes(IO_US);
        let now_ms = network.now_ms();
        let wire = &mut network.wires[socket.wire];
        if wire.reset {
            return Err(ErrorKind::BrokenPipe.into());
        }
        assert!(!wire.host_fin, "the host writes behind its own FIN");
        let count = bytes.len().min(wire.window_bytes - wire.to_client.len());
        wire.write_blocked = count < bytes.len();
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.to_client.extend(&bytes[..count]);
        let before = wire.written.last().map_or(0, |last| last.0);
        wire.written.push((before + count, now_ms));
        Ok(count)
    }

    fn shutdown_write(&mut self, socket: &mut Socket) {
        self.network.borrow_mut().wires[socket.wire].host_fin = true;
    }

    fn close_listener(&mut self) {
        let network = &mut *self.network.borrow_mut();
        let listener = &mut network.listeners[self.worker];
        listener.closed = true;
        // The kernel resets what was not accepted. The host takes all of it first.
        assert!(
            listener.backlog.is_empty() || network.may_refuse,
            "the host closes its listener on {:?}",
            listener.backlog
        );
    }
}
