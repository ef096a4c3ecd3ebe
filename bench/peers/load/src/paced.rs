//! An open loop: each request has its moment, whether or not earlier ones have been answered, and its latency counts
//! from that moment. A server that stalls for 100 ms is charged for all the requests that fell due in between.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Answer, connect, get, parse, quantile};

/// An answer that takes longer has failed.
const ANSWER_SECONDS_MAX: u64 = 60;
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What is asked for, and how often.
pub struct Pace {
    /// The server.
    pub address: SocketAddr,
    /// The path.
    pub path: String,
    /// Requests a second, of all connections together.
    pub rate: f64,
    /// They take turns: a connection asks one at a time.
    pub connections: u32,
    /// The first moment.
    pub start: Instant,
}

impl Pace {
    /// The part of one of the connections, until `done` says of the next moment, by its number, that it is none any more.
    /// `told` sees each answer.
    pub fn keep(&self, index: u32, mut done: impl FnMut(u64) -> bool, mut told: impl FnMut(Answer<'_>)) -> Tally {
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

/// What became of requests.
#[derive(Default)]
pub struct Tally {
    /// How long each took that was answered, or failed. Sorted once merged.
    pub micros: Vec<u64>,
    /// Answers that were not 2xx.
    pub not_ok: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Connections that ended, or fell silent, instead of an answer.
    pub broken: u64,
    /// Connections that were made.
    pub connections: u64,
}

impl Tally {
    /// All of them in one.
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

    /// Counts a request.
    pub fn add(&mut self, took: Duration, asked: io::Result<bool>) {
        self.micros.push(took.as_micros() as u64);
        match asked {
            Ok(true) => {}
            Ok(false) => self.not_ok += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.refused += 1,
            Err(_) => self.broken += 1,
        }
    }

    /// Of the times, in microseconds.
    pub fn quantile(&self, share: f64) -> u64 {
        quantile(&self.micros, share)
    }

    /// Members of a JSON object, the names with this before them.
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

/// A client that keeps its connection for as long as it may, and makes another when it has to.
pub struct Asker {
    address: SocketAddr,
    request: Vec<u8>,
    socket: Option<TcpStream>,
    buffer: Vec<u8>,
    connections: u64,
}

impl Asker {
    /// For one path. It connects when it asks.
    pub fn new(address: SocketAddr, path: &str) -> Asker {
        Asker { address, request: get(path), socket: None, buffer: vec![0; ANSWER_BYTES_MAX], connections: 0 }
    }

    /// Asks, and waits for the answer. Whether that was a 2xx.
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
            // After an error it is not kept either.
            self.socket = (!closes).then_some(socket);
            return Ok(ok);
        }
    }

    /// How many connections it has made.
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
