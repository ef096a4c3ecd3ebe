//! `crowd ADDRESS WAY CLIENTS SECONDS PATH...`: clients that are bad neighbours to others. They go
//! on until a line comes on standard input, for SECONDS at most. Then the program prints what came
//! of their requests, as JSON, and ends.
//!
//! | WAY | what each client does |
//! |---|---|
//! | `ask:STATUS` | asks for one path after the other, each as soon as the last one is answered |
//! | `pipeline` | sends requests for the first path as fast as the server takes them |
//! | `half:BYTES` | announces a body of BYTES for the first path, and sends half of it |
//!
//! Answers with another status than STATUS (200 unless it is given) are counted as `other`.

use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use load::{Asker, connect, get, parse};

/// The pause of a client after a failure.
const PAUSE: Duration = Duration::from_millis(10);
/// The bytes that are written at once.
const WRITE_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 256 * 1024;
const USAGE: &str = "usage: crowd ADDRESS ask:STATUS|pipeline|half:BYTES CLIENTS SECONDS PATH...";
const OK: u16 = 200;

#[derive(Clone, Copy)]
enum Way {
    Ask(u16),
    Pipeline,
    Half(usize),
}

struct Plan {
    address: SocketAddr,
    way: Way,
    clients: usize,
    seconds: f64,
    paths: Vec<String>,
}

/// Counts of the requests so far, by how they ended.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    /// Those that were answered with another status than expected.
    other: AtomicU64,
    /// Requests that failed because their connection did.
    broken: AtomicU64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = Arc::new(plan(&env::args().skip(1).collect::<Vec<_>>())?);
    let counts = Arc::new(Counts::default());
    let begun = Instant::now();
    for index in 0..plan.clients {
        let (plan, counts) = (plan.clone(), counts.clone());
        // The threads end with the process.
        thread::spawn(move || take_part(index, &plan, &counts));
    }
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_line(&mut String::new());
        end.send(())
    });
    let _ = ended.recv_timeout(Duration::from_secs_f64(plan.seconds));
    println!("{}", counts.json(begun.elapsed()));
    Ok(())
}

fn plan(arguments: &[String]) -> Result<Plan, Box<dyn Error>> {
    let [address, way, clients, seconds, paths @ ..] = arguments else { return Err(USAGE.into()) };
    let way = match way.split_once(':') {
        None if way == "pipeline" => Way::Pipeline,
        Some(("ask", status)) => Way::Ask(status.parse()?),
        Some(("half", bytes)) => Way::Half(bytes.parse()?),
        _ => return Err(USAGE.into()),
    };
    if paths.is_empty() {
        return Err(USAGE.into());
    }
    Ok(Plan {
        address: address.parse()?,
        way,
        clients: clients.parse()?,
        seconds: seconds.parse()?,
        paths: paths.to_vec(),
    })
}

/// Does what one client does.
fn take_part(index: usize, plan: &Plan, counts: &Counts) {
    match plan.way {
        Way::Ask(status) => ask_on(index, status, plan, counts),
        Way::Pipeline => {
            while pipeline(plan, counts).is_err() {
                Counts::add(&counts.broken, 1);
                thread::sleep(PAUSE);
            }
        }
        Way::Half(bytes) => match send_half(bytes, plan, counts) {
            Ok(status) => counts.answer(1, status == OK),
            Err(_) => Counts::add(&counts.broken, 1),
        },
    }
}

/// Asks for all paths in turn, beginning with another one than the other clients.
fn ask_on(index: usize, status: u16, plan: &Plan, counts: &Counts) {
    let mut asker = Asker::new(plan.address, "/");
    for path in plan.paths.iter().cycle().skip(index * plan.paths.len() / plan.clients) {
        asker.turn_to(path);
        Counts::add(&counts.sent, 1);
        let mut told = 0;
        match asker.ask(&mut |answer| told = answer.status) {
            Ok(_) => counts.answer(1, told == status),
            Err(_) => {
                Counts::add(&counts.broken, 1);
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Writes requests as fast as they are taken, and discards the answers. Returns only if the
/// connection fails. As answers are as long as the first one, their number follows from their
/// bytes.
fn pipeline(plan: &Plan, counts: &Counts) -> io::Result<()> {
    let request = get(&plan.paths[0]);
    let requests = WRITE_BYTES.div_ceil(request.len());
    let mut socket = connect(plan.address, 0)?;
    socket.write_all(&request)?;
    let (answer_bytes, _) = answer_on(&mut socket)?;
    let (mut input, mut output) = (socket.try_clone()?, socket);
    thread::scope(|scope| {
        scope.spawn(|| {
            let all = request.repeat(requests);
            while output.write_all(&all).is_ok() {}
        });
        let (mut buffer, mut rest) = (vec![0; READ_BYTES], 0);
        loop {
            let read = input.read(&mut buffer)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            rest += read;
            // How many were sent is not known: some are in the buffers of the connection.
            Counts::add(&counts.sent, (rest / answer_bytes) as u64);
            counts.answer((rest / answer_bytes) as u64, true);
            rest %= answer_bytes;
        }
    })
}

/// Reads one answer. Returns its length and its status.
fn answer_on(socket: &mut TcpStream) -> io::Result<(usize, u16)> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
    loop {
        match socket.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => all.extend_from_slice(&buffer[..read]),
        }
        if let Some(answer) = parse(&all)? {
            return Ok((all.len(), answer.status));
        }
    }
}

/// Sends half of a body, and waits for an answer nevertheless. Returns its status.
fn send_half(bytes: usize, plan: &Plan, counts: &Counts) -> io::Result<u16> {
    let mut socket = connect(plan.address, 0)?;
    Counts::add(&counts.sent, 1);
    let path = &plan.paths[0];
    let head = format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {bytes}\r\n\r\n");
    socket.write_all(head.as_bytes())?;
    let part = vec![b'x'; WRITE_BYTES];
    let mut left = bytes / 2;
    while left > 0 {
        // The server may have answered and closed the connection: what it said can still be read.
        let Ok(written) = socket.write(&part[..left.min(part.len())]) else { break };
        left -= written;
    }
    answer_on(&mut socket).map(|(_, status)| status)
}

impl Counts {
    fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }

    /// Counts some answers, all of which are as expected, or none.
    fn answer(&self, more: u64, is_expected: bool) {
        Counts::add(&self.answered, more);
        Counts::add(&self.other, if is_expected { 0 } else { more });
    }

    fn json(&self, took: Duration) -> String {
        let [sent, answered, other, broken] =
            [&self.sent, &self.answered, &self.other, &self.broken]
                .map(|count| count.load(Ordering::Relaxed));
        // One that was sent may be answered before it is counted.
        let waiting = sent.saturating_sub(answered + broken);
        format!(
            "{{\"sent\": {sent}, \"answered\": {answered}, \"other\": {other}, \
             \"broken\": {broken}, \"waiting\": {waiting}, \"seconds\": {:.3}}}",
            took.as_secs_f64()
        )
    }
}
