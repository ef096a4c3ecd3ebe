//! Sockets in memory, as a kernel would behave: edge-triggered events, full windows, FIN behind the
//! last byte, resets.

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

/// All sockets of all workers, and the clock.
pub struct Network {
    /// On the clock that all workers share. The test moves it.
    pub now_ms: u64,
    /// What the seed has left to say.
    pub rng: Rng,
    /// By the number that [`Network::connect`] returns.
    pub wires: Vec<Wire>,
    /// By worker.
    pub listeners: Vec<Listener>,
    /// By worker: whether it sleeps, and until when.
    pub asleep: Vec<Option<Sleep>>,
    /// By worker: set by those who send it mail while it sleeps.
    pub woken: Arc<[AtomicBool]>,
}

/// A worker's own.
#[derive(Default)]
pub struct Listener {
    backlog: VecDeque<usize>,
    changed: bool,
    closed: bool,
}

/// How long a worker sleeps at most; `None`: until it is woken.
#[derive(Clone, Copy, Debug)]
pub struct Sleep(pub Option<u64>);

/// One connection, from the kernels' side.
#[derive(Debug)]
pub struct Wire {
    /// Whose listener it came to.
    pub worker: usize,
    /// Sent by the client, not yet read by the host.
    pub to_host: VecDeque<u8>,
    /// Sent by the host, not yet read by the client.
    pub to_client: VecDeque<u8>,
    /// How many bytes the host had written in all after each write, and when.
    pub written: Vec<(usize, u64)>,
    /// How much of `to_client` the kernels hold.
    pub window_bytes: usize,
    /// The client will send no more.
    pub fin: bool,
    /// The client has reset it.
    pub reset: bool,
    /// The host will send no more.
    pub host_fin: bool,
    /// The host has closed it, or was never there.
    pub host_closed: bool,
    /// The host has accepted it.
    pub accepted: bool,
    key: Option<Key>,
    /// What the next `wait` reports.
    news: News,
    /// A write found no room: room is news then.
    write_blocked: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct News {
    readable: bool,
    writable: bool,
}

impl Network {
    /// For so many workers.
    pub fn new(workers: usize, seed: u64) -> Network {
        Network {
            now_ms: 1_000,
            rng: Rng::new(seed),
            wires: Vec::new(),
            listeners: (0..workers).map(|_| Listener::default()).collect(),
            asleep: vec![None; workers],
            woken: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// A client connects. To a listener that is closed it never gets through.
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

    /// The client sends bytes.
    pub fn send(&mut self, wire: usize, bytes: &[u8]) {
        let wire = &mut self.wires[wire];
        if !wire.host_closed {
            wire.to_host.extend(bytes);
            wire.news.readable = true;
        }
    }

    /// The client says that it sends no more.
    pub fn send_fin(&mut self, wire: usize) {
        let wire = &mut self.wires[wire];
        wire.fin = true;
        wire.news.readable = true;
    }

    /// The client is gone, without a word to anybody but the kernel.
    pub fn send_reset(&mut self, wire: usize) {
        let lost = self.rng.percent(50);
        let wire = &mut self.wires[wire];
        wire.reset = true;
        wire.news = News { readable: true, writable: true };
        wire.to_client.clear();
        if lost {
            wire.to_host.clear();
        }
    }

    /// The client takes at most so many bytes of its answers.
    pub fn receive(&mut self, wire: usize, bytes_max: usize) -> Vec<u8> {
        let wire = &mut self.wires[wire];
        let count = bytes_max.min(wire.to_client.len());
        if count > 0 && wire.write_blocked {
            wire.write_blocked = false;
            wire.news.writable = true;
        }
        wire.to_client.drain(..count).collect()
    }

    /// When the host wrote the byte of this place in all that it wrote to a client.
    pub fn written_ms(&self, wire: usize, place: usize) -> u64 {
        let written = &self.wires[wire].written;
        written[written.partition_point(|&(total, _)| total <= place)].1
    }

    /// Whether a worker has a reason to run.
    pub fn can_run(&self, worker: usize) -> bool {
        let Some(Sleep(until)) = self.asleep[worker] else { return true };
        let due = until.is_some_and(|until| until <= self.now_ms);
        let news = self.wires.iter().any(|wire| wire.worker == worker && wire.has_news());
        due || news || self.listeners[worker].changed || self.woken[worker].load(Ordering::SeqCst)
    }

    /// When the first of the sleepers wakes by itself.
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
    /// All of it.
    pub network: Rc<RefCell<Network>>,
    /// Whose part.
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
        self.network.borrow().now_ms
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
            let until = timeout_ms.map(|timeout_ms| network.now_ms + timeout_ms);
            let due = matches!(network.asleep[self.worker], Some(Sleep(Some(at))) if at <= network.now_ms);
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
        let wire = &mut self.network.borrow_mut().wires[socket.wire];
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
        wire.written.push((before + count, network.now_ms));
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
            listener.backlog.is_empty(),
            "the host closes its listener on {:?}",
            listener.backlog
        );
    }
}
