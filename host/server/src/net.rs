//! The [`World`] of a worker that serves: mio's poll, sockets, the clock. The only user of mio.

mod listening;
mod streams;
mod unix;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use mio::event::Event;
use mio::net::{TcpListener, UnixListener};
use mio::{Events, Interest, Poll, Token};
use rustix::event::epoll::{self, EventData, EventFlags};

pub use self::listening::{Bound, ListenOptions, advice, listeners, raise_descriptor_limit};
pub use self::streams::Listener;
pub use self::unix::{SocketFile, unix_listener};
use snow_config::LISTENERS_MAX;
use snow_core::Key;
use snow_runtime::{Clock, Ready, World};

/// Events that one poll returns at most.
const EVENTS_MAX: usize = 1024;
/// The waker's token. Like the listeners' tokens below it, it is no client's key: keys never reach
/// the highest generation.
const WAKER: Token = Token(usize::MAX);
/// The first listener's token; the others' count down from it. A generation has far more slots than
/// there are listeners.
const LISTENER: Token = Token(usize::MAX - 1);
const LISTENERS: std::ops::RangeInclusive<usize> = LISTENER.0 - (LISTENERS_MAX - 1)..=LISTENER.0;
/// How long accepting rests after an error, such as EMFILE when the process has no descriptor left.
/// The poll reports only new connections, so those that wait already are accepted only if the end
/// of the rest reports the listener again.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Wakes a worker's poll from another thread.
#[derive(Clone)]
pub struct Waker(Arc<mio::Waker>);

impl Waker {
    /// Wakes the poll, or the next one. Costs one system call.
    pub fn wake(&self) {
        // It fails only if the counter behind it is full, and then the poll is awake anyway.
        let _ = self.0.wake();
    }
}

/// A poll with its listeners and clients. It is generic over the listener because an enum over TCP
/// and unix sockets would make each client's record larger.
pub struct Net<L: Listener = TcpListener> {
    poll: Poll,
    events: Events,
    waker: Waker,
    /// Empty once it was told to accept no more.
    listeners: Vec<Watched<L>>,
    /// The index of the listener that is asked next. They take turns, so a busy one keeps no other
    /// waiting.
    next_listener: usize,
    /// When accepting began to rest, if it rests.
    accept_rests: Option<Instant>,
    /// The clock that all workers share.
    clock: Clock,
    /// The `Date` field's value.
    date: String,
    /// The second for which `date` is right, by the clock.
    date_at: u64,
    random: u128,
}

/// A listener that the poll reports on.
struct Watched<L> {
    socket: L,
    token: usize,
    /// Whether other workers accept from the same socket.
    is_shared: bool,
    /// Whether connections were accepted since this worker stood in line for them.
    has_accepted: bool,
}

impl Net {
    /// Returns a world with TCP listeners, one for each address, at most [`LISTENERS_MAX`]. All
    /// workers of a server share its clock.
    pub fn new(listeners: Vec<Bound>, clock: Clock) -> io::Result<Net> {
        let listeners = listeners.into_iter();
        let listeners =
            listeners.map(|bound| (TcpListener::from_std(bound.socket), bound.is_shared));
        Net::around(listeners.collect(), clock)
    }
}

impl Net<UnixListener> {
    /// Returns a world with a unix socket's listener. Its clients have no address; 127.0.0.1 with
    /// port 0 stands for it.
    pub fn unix(
        listener: std::os::unix::net::UnixListener,
        clock: Clock,
    ) -> io::Result<Net<UnixListener>> {
        Net::around(vec![(UnixListener::from_std(listener), false)], clock)
    }
}

impl<L: Listener> Net<L> {
    fn around(listeners: Vec<(L, bool)>, clock: Clock) -> io::Result<Net<L>> {
        let poll = Poll::new()?;
        let watched = |(token, (socket, is_shared))| Watched {
            socket,
            token,
            is_shared,
            has_accepted: false,
        };
        let listeners: Vec<_> = LISTENERS.rev().zip(listeners).map(watched).collect();
        listeners.iter().try_for_each(|listener| listener.stand_in_line(&poll))?;
        let waker = Waker(Arc::new(mio::Waker::new(poll.registry(), WAKER)?));
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Net {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            waker,
            listeners,
            next_listener: 0,
            accept_rests: None,
            clock,
            date: String::new(),
            date_at: u64::MAX,
            random: u128::from_le_bytes(seed),
        })
    }

    /// Returns a handle that wakes this world's `wait` from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Shortens a timeout so that the wait ends when accepting is to go on.
    fn accept_timeout(&self, timeout: Option<Duration>) -> Option<Duration> {
        let Some(since) = self.accept_rests else { return timeout };
        let left = ACCEPT_REST.saturating_sub(since.elapsed());
        Some(timeout.map_or(left, |timeout| timeout.min(left)))
    }
}

impl<L: Listener> World for Net<L> {
    type Socket = L::Stream;

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn now_us(&self) -> u64 {
        self.clock.now().as_micros() as u64
    }

    fn date(&mut self) -> &str {
        let now_s = self.clock.now().as_secs();
        if now_s != self.date_at {
            self.date_at = now_s;
            self.date = httpdate::fmt_http_date(UNIX_EPOCH + self.clock.since_1970());
        }
        &self.date
    }

    fn random(&mut self) -> u128 {
        // A counter, permuted by SplitMix's finalizer: good for ids that differ, not for secrets.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        u128::from(mix((self.random >> 64) as u64)) << 64 | u128::from(mix(self.random as u64))
    }

    fn wait(&mut self, timeout_ms: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = self.accept_timeout(timeout_ms.map(Duration::from_millis));
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        ready.extend(self.events.iter().filter_map(to_ready));
        if self.accept_rests.is_some_and(|since| since.elapsed() >= ACCEPT_REST) {
            self.accept_rests = None;
            ready.push(Ready::Listener);
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<(L::Stream, SocketAddr)> {
        for _ in 0..self.listeners.len() {
            let listener = &mut self.listeners[self.next_listener];
            let accepted = listener.socket.accept();
            listener.has_accepted |= accepted.is_ok();
            let accepted = match accepted {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    listener.let_others_go_first(&self.poll).and(Err(error))
                }
                accepted => accepted,
            };
            self.next_listener = (self.next_listener + 1) % self.listeners.len();
            match accepted {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The process has no descriptors or no memory left: try again after a rest.
                Err(error) => {
                    self.accept_rests.get_or_insert_with(Instant::now);
                    return Err(error);
                }
                accepted => return accepted,
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn register(&mut self, socket: &mut L::Stream, key: Key) -> io::Result<()> {
        let token = Token(key.to_bits() as usize);
        self.poll.registry().register(socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    fn read(&mut self, socket: &mut L::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        socket.read(buffer)
    }

    fn write(&mut self, socket: &mut L::Stream, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }

    fn shutdown_write(&mut self, socket: &mut L::Stream) {
        // It fails only if the connection is closed already.
        let _ = L::shutdown_write(socket);
    }

    fn reset(&mut self, socket: &mut L::Stream) {
        // It fails only if the connection is closed already.
        let _ = L::reset(socket);
    }

    fn close_listener(&mut self) {
        for listener in self.listeners.drain(..) {
            // Closing is not enough: other workers may have the same socket open.
            let _ = epoll::delete(self.poll.registry(), &listener.socket);
        }
        self.accept_rests = None;
    }
}

impl<L: Listener> Watched<L> {
    /// Starts to report on the listener, edge-triggered.
    ///
    /// An inherited socket is shared by all workers. Each connection is to wake one of them and not
    /// all, which mio has no word for. The kernel wakes the first that stands in line for it.
    fn stand_in_line(&self, poll: &Poll) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ET | EventFlags::EXCLUSIVE;
        let data = EventData::new_u64(self.token as u64);
        Ok(epoll::add(poll.registry(), &self.socket, data, flags)?)
    }

    /// Goes to the end of the line if the socket is shared and this worker has had its turn: else
    /// the first worker would get every connection that comes while it sleeps.
    fn let_others_go_first(&mut self, poll: &Poll) -> io::Result<()> {
        if !self.is_shared || !self.has_accepted {
            return Ok(());
        }
        // It fails if an earlier attempt got only so far.
        let _ = epoll::delete(poll.registry(), &self.socket);
        self.stand_in_line(poll)?;
        self.has_accepted = false;
        Ok(())
    }
}

fn to_ready(event: &Event) -> Option<Ready> {
    match event.token() {
        WAKER => None,
        Token(bits) if LISTENERS.contains(&bits) => Some(Ready::Listener),
        Token(bits) => Some(Ready::Socket {
            key: Key::from_bits(bits as u64),
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            broken: event.is_error() || event.is_write_closed(),
        }),
    }
}

fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
