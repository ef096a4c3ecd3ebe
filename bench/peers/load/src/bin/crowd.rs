//! `crowd ADDRESS WAY CLIENTS SECONDS PATH...`: clients that are bad neighbours to others. They go
//! on until a line comes on standard input, for SECONDS at most. Then the program prints what came
//! of their requests, as JSON, and ends.
//!
//! | WAY | what each client does |
//! |---|---|
//! | `ask` | asks for one path after the other, each as soon as the last one is answered |
//! | `pipeline` | sends requests for the first path as fast as the server takes them |
//! | `half:BYTES` | announces a body of BYTES for the first path, and sends half of it |

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
const USAGE: &str = "usage: crowd ADDRESS ask|pipeline|half:BYTES CLIENTS SECONDS PATH...";

#[derive(Clone, Copy)]
enum Way {
    Ask,
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

/// What came of the requests so far.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    /// Answers that were not 2xx, among those that were answered.
    not_ok: AtomicU64,
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
        None if way == "ask" => Way::Ask,
        None if way == "pipeline" => Way::Pipeline,
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
        Way::Ask => ask_on(index, plan, counts),
        Way::Pipeline => {
            while pipeline(plan, counts).is_err() {
                Counts::add(&counts.broken, 1);
                thread::sleep(PAUSE);
            }
        }
        Way::Half(bytes) => match send_half(bytes, plan, counts) {
            Ok(ok) => counts.answer(1, ok),
            Err(_) => Counts::add(&counts.broken, 1),
        },
    }
}

/// Asks for all paths in turn, beginning with another one than the other clients.
fn ask_on(index: usize, plan: &Plan, counts: &Counts) {
    let mut asker = Asker::new(plan.address, "/");
    for path in plan.paths.iter().cycle().skip(index * plan.paths.len() / plan.clients) {
        asker.turn_to(path);
        Counts::add(&counts.sent, 1);
        match asker.ask(&mut |_| {}) {
            Ok(ok) => counts.answer(1, ok),
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
            while output.write_all(&all).is_ok() {
                Counts::add(&counts.sent, requests as u64);
            }
        });
        let (mut buffer, mut rest) = (vec![0; READ_BYTES], 0);
        loop {
            let read = input.read(&mut buffer)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            rest += read;
            counts.answer((rest / answer_bytes) as u64, true);
            rest %= answer_bytes;
        }
    })
}

/// Reads one answer. Returns its length, and whether it is a 2xx.
fn answer_on(socket: &mut TcpStream) -> io::Result<(usize, bool)> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
    loop {
        match socket.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => all.extend_from_slice(&buffer[..read]),
        }
        if let Some(answer) = parse(&all)? {
            return Ok((all.len(), answer.is_ok()));
        }
    }
}

/// Sends half of a body, and waits for an answer nevertheless. Returns whether that is a 2xx.
fn send_half(bytes: usize, plan: &Plan, counts: &Counts) -> io::Result<bool> {
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
    answer_on(&mut socket).map(|(_, ok)| ok)
}

impl Counts {
    fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }

    /// Counts some answers, all of which are a 2xx or none.
    fn answer(&self, more: u64, ok: bool) {
        Counts::add(&self.answered, more);
        Counts::add(&self.not_ok, if ok { 0 } else { more });
    }

    fn json(&self, took: Duration) -> String {
        let [sent, answered, not_ok, broken] =
            [&self.sent, &self.answered, &self.not_ok, &self.broken]
                .map(|count| count.load(Ordering::Relaxed));
        // One that was sent may be answered before it is counted.
        let waiting = sent.saturating_sub(answered + broken);
        format!(
            "{{\"sent\": {sent}, \"answered\": {answered}, \"not_ok\": {not_ok}, \
             \"broken\": {broken}, \"waiting\": {waiting}, \"seconds\": {:.3}}}",
            took.as_secs_f64()
        )
    }
}
