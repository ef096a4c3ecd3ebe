//! `holder ADDRESS COUNT HOLD_PATH WAITING_PATH RELEASE_PATH`: keeps many requests waiting, each on
//! its own connection, and then has them all answered.
//!
//! The program runs in steps, and reports with lines of JSON on standard output:
//!
//! 1. It connects, from the addresses 127.0.1.1 and following, and asks for HOLD_PATH on each
//!    connection.
//! 2. It asks for WAITING_PATH until the answer is COUNT or more, and reports.
//! 3. It waits for a line on standard input, while the caller reads the server's memory.
//! 4. It asks for RELEASE_PATH, reads all answers, reports how long they took, and ends.
//!
//! For a server that can neither count nor release (`-` for both paths), step 2 is a pause and step
//! 4 only ends the program.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use load::{Control, get, parse, quantile};
use mio::{Events, Interest, Poll, Token};

/// How long it may take until all are connected, until all wait, and until all are answered.
const STEP_SECONDS_MAX: u64 = 90;
/// The pause for a server that can't tell how many requests wait.
const PAUSE: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: usize = 16 * 1024;
const NONE: &str = "-";

struct Plan {
    address: SocketAddr,
    count: usize,
    hold: String,
    waiting: String,
    release: String,
}

/// The connections of the waiting requests, and what came back on them.
struct Held {
    poll: Poll,
    /// All stay open until the end, so that the server need not close them while it answers.
    sockets: Vec<mio::net::TcpStream>,
    is_answered: Vec<bool>,
    partial: HashMap<usize, Vec<u8>>,
    answered: usize,
    failed: usize,
    /// When each answer arrived, counted from a moment that the caller chooses.
    micros: Vec<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan(env::args().skip(1).collect())?;
    let begun = Instant::now();
    let mut held = Held::open(&plan)?;
    let mut control = Control::new(connect(&plan, 0)?);
    let waiting = wait_until_held(&plan, &mut held, &mut control)?;
    println!(
        "{{\"waiting\": {waiting}, \"open_ms\": {}, \"early\": {}, \"failed\": {}}}",
        begun.elapsed().as_millis(),
        held.answered,
        held.failed
    );
    io::stdin().read_line(&mut String::new())?;
    if plan.release != NONE {
        release(&plan, &mut held, &mut control)?;
    }
    Ok(())
}

fn plan(arguments: Vec<String>) -> Result<Plan, Box<dyn Error>> {
    let [address, count, hold, waiting, release]: [String; 5] = arguments
        .try_into()
        .map_err(|_| "usage: holder ADDRESS COUNT HOLD_PATH WAITING_PATH RELEASE_PATH (- for a path it lacks)")?;
    Ok(Plan { address: address.parse()?, count: count.parse()?, hold, waiting, release })
}

/// Takes step 2. Returns how many requests wait: fewer than COUNT if it takes too long.
fn wait_until_held(
    plan: &Plan,
    held: &mut Held,
    control: &mut Control,
) -> Result<usize, Box<dyn Error>> {
    if plan.waiting == NONE {
        thread::sleep(PAUSE);
        held.read_for(Duration::ZERO, Instant::now())?;
        return Ok(plan.count - held.answered);
    }
    let begun = Instant::now();
    loop {
        let waiting: usize = control.ask(&plan.waiting)?.trim().parse()?;
        held.read_for(Duration::ZERO, begun)?;
        if waiting >= plan.count
            || held.answered > 0
            || begun.elapsed().as_secs() >= STEP_SECONDS_MAX
        {
            return Ok(waiting);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Takes step 4.
fn release(plan: &Plan, held: &mut Held, control: &mut Control) -> Result<(), Box<dyn Error>> {
    held.micros.clear();
    let begun = Instant::now();
    control.send(&plan.release)?;
    while held.answered < plan.count && begun.elapsed().as_secs() < STEP_SECONDS_MAX {
        held.read_for(Duration::from_secs(1), begun)?;
    }
    let told = control.answer()?;
    held.micros.sort_unstable();
    let [first, middle, last] = [0.0, 0.5, 1.0].map(|share| quantile(&held.micros, share));
    println!(
        "{{\"answered\": {}, \"failed\": {}, \"told\": {}, \"first_us\": {first}, \"p50_us\": {middle}, \
         \"last_us\": {last}}}",
        held.micros.len(),
        held.failed,
        told.trim(),
    );
    Ok(())
}

impl Held {
    fn open(plan: &Plan) -> Result<Held, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut sockets = Vec::with_capacity(plan.count);
        let request = get(&plan.hold);
        let begun = Instant::now();
        for index in 0..plan.count {
            if begun.elapsed().as_secs() >= STEP_SECONDS_MAX {
                return Err(
                    format!("only {index} connections in {STEP_SECONDS_MAX} seconds").into()
                );
            }
            let mut socket =
                connect(plan, index).map_err(|error| format!("connection {index}: {error}"))?;
            socket.write_all(&request)?;
            socket.set_nonblocking(true)?;
            let mut socket = mio::net::TcpStream::from_std(socket);
            poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
            sockets.push(socket);
        }
        let is_answered = vec![false; plan.count];
        Ok(Held {
            poll,
            sockets,
            is_answered,
            partial: HashMap::new(),
            answered: 0,
            failed: 0,
            micros: Vec::new(),
        })
    }

    /// Waits for answers at most `timeout`, and reads those that have arrived.
    fn read_for(&mut self, timeout: Duration, begun: Instant) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            self.read(event.token().0, begun);
        }
        Ok(())
    }

    fn read(&mut self, index: usize, begun: Instant) {
        if self.is_answered[index] {
            return;
        }
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let ok = match self.sockets[index].read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => Some(false),
            Ok(read) => self.complete(index, &buffer[..read]),
        };
        let Some(ok) = ok else { return };
        self.is_answered[index] = true;
        self.answered += 1;
        self.failed += usize::from(!ok);
        self.micros.push(begun.elapsed().as_micros() as u64);
    }

    /// Returns whether the answer is a good one, once it is complete.
    fn complete(&mut self, index: usize, bytes: &[u8]) -> Option<bool> {
        let mut all = self.partial.remove(&index).unwrap_or_default();
        all.extend_from_slice(bytes);
        match parse(&all) {
            Ok(Some(answer)) => Some(answer.is_ok()),
            Ok(None) => {
                self.partial.insert(index, all);
                None
            }
            Err(_) => Some(false),
        }
    }
}

/// Makes the connection with this number, from the source address that the number falls to.
fn connect(plan: &Plan, index: usize) -> io::Result<TcpStream> {
    let socket = load::connect(plan.address, index / load::SOURCE_CONNECTIONS_MAX)?;
    socket.set_read_timeout(Some(Duration::from_secs(STEP_SECONDS_MAX)))?;
    Ok(socket)
}
