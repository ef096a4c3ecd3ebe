//! An open loop: each request is due at its time, whether or not earlier ones have been answered,
//! and its latency is counted from then. So a server that stalls for 100 ms pays for every request
//! that fell due in that time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Answer, connect, get, parse, quantile};

/// How long an answer may take before it counts as failed.
const ANSWER_SECONDS_MAX: u64 = 60;
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// A path to ask for at a constant rate.
pub struct Pace {
    /// The server's address.
    pub address: SocketAddr,
    /// The path.
    pub path: String,
    /// The requests a second on all connections together.
    pub rate: f64,
    /// The number of connections, which take turns. Each asks for one request at a time.
    pub connections: u32,
    /// When the first request is due.
    pub start: Instant,
}

impl Pace {
    /// Keeps the pace on one of the connections, until `done` returns true for the number of the
    /// request that is due next. `told` gets each answer.
    pub fn keep(
        &self,
        index: u32,
        mut done: impl FnMut(u64) -> bool,
        mut told: impl FnMut(Answer<'_>),
    ) -> Tally {
        let mut asker = Asker::new(self.address, &self.path);
        let mut tally = Tally::default();
        for moment in (u64::from(index)..).step_by(self.connections as usize) {
            let due = self.start + Duration::from_secs_f64(moment as f64 / self.rate);
            if done(moment) {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let asked = asker.ask(&mut told);
            tally.add(due.elapsed(), asked);
        }
        tally.connections = asker.connections();
        tally
    }
}

/// Results of requests.
#[derive(Default)]
pub struct Tally {
    /// How long each request took until it was answered or failed. Sorted after `merged`.
    pub micros: Vec<u64>,
    /// Answers that were not 2xx.
    pub not_ok: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Connections that ended or fell silent before an answer.
    pub broken: u64,
    /// Connections that were made.
    pub connections: u64,
}

impl Tally {
    /// Joins several tallies.
    pub fn merged(parts: impl IntoIterator<Item = Tally>) -> Tally {
        let mut all = Tally::default();
        for part in parts {
            all.micros.extend(part.micros);
            all.not_ok += part.not_ok;
            all.refused += part.refused;
            all.broken += part.broken;
            all.connections += part.connections;
        }
        all.micros.sort_unstable();
        all
    }

    /// Adds a request, with how long it took and whether the answer was 2xx.
    pub fn add(&mut self, took: Duration, asked: io::Result<bool>) {
        self.micros.push(took.as_micros() as u64);
        match asked {
            Ok(true) => {}
            Ok(false) => self.not_ok += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.refused += 1,
            Err(_) => self.broken += 1,
        }
    }

    /// Returns a quantile of the times, in microseconds.
    pub fn quantile(&self, share: f64) -> u64 {
        quantile(&self.micros, share)
    }

    /// Returns members of a JSON object, whose names begin with `prefix`.
    pub fn json(&self, prefix: &str) -> String {
        let counts = [
            ("requests", self.micros.len() as u64),
            ("failed", self.not_ok + self.refused + self.broken),
            ("refused", self.refused),
            ("broken", self.broken),
            ("connections", self.connections),
            ("p50_us", self.quantile(0.5)),
            ("p99_us", self.quantile(0.99)),
            ("p999_us", self.quantile(0.999)),
            ("max_us", self.quantile(1.0)),
        ];
        let members = counts.map(|(name, count)| format!("\"{prefix}{name}\": {count}"));
        members.join(", ")
    }
}

/// A client that keeps its connection while the server does, and makes another when it has to.
pub struct Asker {
    address: SocketAddr,
    request: Vec<u8>,
    socket: Option<TcpStream>,
    buffer: Vec<u8>,
    connections: u64,
}

impl Asker {
    /// Returns a client for one path, which connects at its first request.
    pub fn new(address: SocketAddr, path: &str) -> Asker {
        Asker {
            address,
            request: get(path),
            socket: None,
            buffer: vec![0; ANSWER_BYTES_MAX],
            connections: 0,
        }
    }

    /// Asks for another path from now on.
    pub fn turn_to(&mut self, path: &str) {
        self.request = get(path);
    }

    /// Asks, and waits for the answer. Returns whether that was a 2xx.
    pub fn ask(&mut self, told: &mut impl FnMut(Answer<'_>)) -> io::Result<bool> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        socket.write_all(&self.request)?;
        let mut filled = 0;
        loop {
            let read = socket.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let Some(answer) = parse(&self.buffer[..filled])? else { continue };
            let (ok, closes) = (answer.is_ok(), answer.closes);
            told(answer);
            // After an error `socket` is dropped too.
            self.socket = (!closes).then_some(socket);
            return Ok(ok);
        }
    }

    /// Returns how many connections the client has made.
    pub fn connections(&self) -> u64 {
        self.connections
    }

    fn connect(&mut self) -> io::Result<TcpStream> {
        let socket = connect(self.address, 0)?;
        socket.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
        self.connections += 1;
        Ok(socket)
    }
}
