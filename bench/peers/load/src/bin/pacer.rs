//! `pacer ADDRESS PATH RATE CONNECTIONS SECONDS [BESIDE_PATH BESIDE_CLIENTS]`: asks for a path at a constant rate
//! and prints how long the answers took, as JSON.
//!
//! It is an open loop: each request has its moment, whether or not earlier ones have been answered, and its latency
//! counts from that moment. A server that stalls for 100 ms is charged for all the requests that fell due in
//! between. Beside that, some clients may ask for another path as fast as they are answered.

use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use load::{get, parse, quantile};

/// An answer that takes longer ends the run.
const ANSWER_SECONDS_MAX: u64 = 60;
/// The clients beside the paced ones get going before the first moment.
const HEAD_START: Duration = Duration::from_millis(500);

struct Plan {
    address: String,
    path: String,
    rate: f64,
    connections: u32,
    seconds: f64,
    beside_path: String,
    beside_clients: u32,
}

#[derive(Default)]
struct Answers {
    micros: Vec<u64>,
    failed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan(&env::args().skip(1).collect::<Vec<_>>())?;
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    let (paced, beside) = thread::scope(|scope| {
        let beside: Vec<_> =
            (0..plan.beside_clients).map(|_| scope.spawn(|| ask_on(&plan.address, &plan.beside_path, &done))).collect();
        let start = Instant::now() + HEAD_START;
        let plan = &plan;
        let paced: Vec<_> =
            (0..plan.connections).map(|index| scope.spawn(move || ask_paced(plan, start, index))).collect();
        let paced = paced.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked"));
        let paced: Result<Vec<_>, _> = paced.collect();
        done.store(true, Ordering::Relaxed);
        let beside: Result<Vec<_>, _> =
            beside.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")).collect();
        Ok::<_, &str>((merge(paced?)?, merge(beside?)?))
    })?;
    println!(
        "{{\"requests\": {}, \"failed\": {}, \"p50_us\": {}, \"p99_us\": {}, \"max_us\": {}, \"beside_requests\": {}, \
         \"beside_failed\": {}, \"beside_p50_us\": {}, \"seconds\": {:.3}}}",
        paced.micros.len(),
        paced.failed,
        paced.quantile(0.5),
        paced.quantile(0.99),
        paced.quantile(1.0),
        beside.micros.len(),
        beside.failed,
        beside.quantile(0.5),
        begun.elapsed().as_secs_f64(),
    );
    Ok(())
}

fn plan(arguments: &[String]) -> Result<Plan, Box<dyn Error>> {
    let usage = "usage: pacer ADDRESS PATH RATE CONNECTIONS SECONDS [BESIDE_PATH BESIDE_CLIENTS]";
    let (paced, beside) = arguments.split_at_checked(5).ok_or(usage)?;
    let [address, path, rate, connections, seconds] = paced else { return Err(usage.into()) };
    let (beside_path, beside_clients) = match beside {
        [] => ("", "0"),
        [path, clients] => (path.as_str(), clients.as_str()),
        _ => return Err(usage.into()),
    };
    Ok(Plan {
        address: address.clone(),
        path: path.clone(),
        rate: rate.parse()?,
        connections: connections.parse()?,
        seconds: seconds.parse()?,
        beside_path: beside_path.to_owned(),
        beside_clients: beside_clients.parse()?,
    })
}

/// One of the paced connections: every so-and-so-manieth moment is its own.
fn ask_paced(plan: &Plan, start: Instant, index: u32) -> io::Result<Answers> {
    let mut client = Client::connect(&plan.address)?;
    let request = get(&plan.path);
    let mut answers = Answers::default();
    let total = (plan.rate * plan.seconds) as u32;
    for moment in (index..total).step_by(plan.connections as usize) {
        let due = start + Duration::from_secs_f64(f64::from(moment) / plan.rate);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let ok = client.ask(&request)?;
        answers.add(due.elapsed(), ok);
    }
    Ok(answers)
}

/// One of the clients beside them: asks again as soon as it is answered.
fn ask_on(address: &str, path: &str, done: &AtomicBool) -> io::Result<Answers> {
    let mut client = Client::connect(address)?;
    let request = get(path);
    let mut answers = Answers::default();
    while !done.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let ok = client.ask(&request)?;
        answers.add(asked.elapsed(), ok);
    }
    Ok(answers)
}

fn merge(parts: Vec<io::Result<Answers>>) -> Result<Answers, &'static str> {
    let mut all = Answers::default();
    for part in parts {
        let part = part.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "an answer took too long",
            _ => "a connection failed",
        })?;
        all.micros.extend(part.micros);
        all.failed += part.failed;
    }
    all.micros.sort_unstable();
    Ok(all)
}

impl Answers {
    fn add(&mut self, took: Duration, ok: bool) {
        self.micros.push(took.as_micros() as u64);
        self.failed += u64::from(!ok);
    }

    fn quantile(&self, share: f64) -> u64 {
        quantile(&self.micros, share)
    }
}

struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> io::Result<Client> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
        Ok(Client { socket, buffer: vec![0; 16 * 1024] })
    }

    /// Whether the answer was a 2xx.
    fn ask(&mut self, request: &[u8]) -> io::Result<bool> {
        self.socket.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.socket.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(answer) = parse(&self.buffer[..filled])? {
                return Ok(answer.is_ok());
            }
        }
    }
}
