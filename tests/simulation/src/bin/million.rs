//! What a held request costs: memory, time, and the longest turn of the loop, by size of the crowd.
//!
//! `cargo run --release -p snow-simulation --bin million -- 10000 100000 1000000 --table`
//!
//! Each line comes from a fresh process. Memory is the proportional set size
//! (`/proc/self/smaps_rollup`) less what it was before the first client came. The clients' sockets
//! are four bytes each, as mio's, and have no kernel behind them, so nothing is to be taken off.
//! Times are of the wall's clock; the longest turns are also given in the thread's own time, since
//! on a machine that others use the longest turn is the one in which somebody else ran.

use std::io::ErrorKind;
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use serde_json::{Map, Value, json};
use snow_config::Limits;
use snow_simulation::crowd::{Ask, Clients, Crowd, Snow, WORKER};
use snow_simulation::office::Office;
use snow_worker::{HeldPage, Inspection, Message, Worker};

/// As in the host's `main.rs`: the figures are those of its allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long the allocator may take to give free pages back: its decay is a second.
const DECAY: Duration = Duration::from_millis(2_500);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, ask, size] = arguments.as_slice()
        && flag == "--one"
    {
        let ask = if ask == "hold" { Ask::Hold } else { Ask::Req };
        println!("{}", measure(ask, size.parse().expect("a number of clients")));
        return ExitCode::SUCCESS;
    }
    let table = arguments.iter().any(|argument| argument == "--table");
    let mut sizes: Vec<u32> =
        arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    let results: Vec<Value> = sizes
        .iter()
        .flat_map(|&size| ["hold", "req"].map(|ask| in_fresh_process(ask, size)))
        .collect();
    match table {
        true => print_table(&results),
        false => println!("{}", serde_json::to_string_pretty(&results).expect("it is JSON")),
    }
    ExitCode::SUCCESS
}

fn in_fresh_process(ask: &str, size: u32) -> Value {
    let this = std::env::current_exe().expect("this program is a file");
    let output = Command::new(this)
        .args(["--one", ask, &size.to_string()])
        .output()
        .expect("it can be run again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

fn measure(ask: Ask, size: u32) -> Value {
    let limits = Limits {
        worker_connections_max: 1 << 22,
        worker_suspensions_max: 1 << 22,
        ..Limits::default()
    };
    let office = Office::new(1, limits, |_| {});
    let clients = Rc::new(Clients::new());
    let mut bench = Bench {
        worker: office.worker(WORKER, Crowd(clients.clone()), Snow::new(&office)),
        clients,
        turns: Turns::new(),
        phases: Map::new(),
    };
    let stats = office.stats[WORKER.index()].clone();
    // One of everything before the count begins: pools, scratch buffers, the router's cache.
    bench.round(ask, 1_000);
    let answered = bench.clients.answered.get();
    bench.turns.clear();

    let before = pss_bytes();
    bench.clients.come(size, ask);
    let suspended = bench.phase("suspend", || stats.suspended.get() == u64::from(size));
    let held = pss_bytes() - before;
    std::thread::sleep(DECAY);
    let rested = pss_bytes() - before;
    let inspected = bench.inspect(&office);
    bench.clients.come(1, Ask::StopAll);
    let clients = bench.clients.clone();
    let settled = bench.phase("settle", || clients.answered.get() == answered + size + 1);
    let answered_bytes = pss_bytes() - before;
    bench.clients.ahead_ms.set(bench.clients.ahead_ms.get() + 61_000);
    let closed = bench.phase("close", || stats.connections.get() == 0);
    std::thread::sleep(DECAY);
    let after = pss_bytes() - before;
    assert_eq!(bench.clients.failed.get(), 0);

    let each = |bytes: i64| round(bytes as f64 / f64::from(size));
    let us = |time: Duration| round(time.as_secs_f64() * 1e6 / f64::from(size));
    json!({
        "kind": if ask == Ask::Hold { "hold" } else { "req" }, "requests": size,
        "held_bytes_each": each(rested), "held_at_once_bytes_each": each(held),
        "answered_bytes_each": each(answered_bytes), "closed_bytes_each": each(after),
        "suspend_us_each": us(suspended), "settle_us_each": us(settled), "close_us_each": us(closed),
        "inspect_ms": round(inspected.as_secs_f64() * 1e3), "turns": bench.phases,
    })
}

struct Bench {
    worker: Worker<Crowd, Snow>,
    clients: Rc<Clients>,
    turns: Turns,
    phases: Map<String, Value>,
}

impl Bench {
    /// Turns until it is done. How long that took.
    fn phase(&mut self, name: &str, done: impl Fn() -> bool) -> Duration {
        let began = Instant::now();
        while !done() {
            self.turn();
        }
        let took = began.elapsed();
        self.phases.insert(name.to_owned(), self.turns.take());
        took
    }

    fn turn(&mut self) {
        let (wall, own) = (Instant::now(), ThreadTime::now());
        match self.worker.turn() {
            Ok(()) => self.turns.add(wall.elapsed(), own.elapsed()),
            // It sleeps until its next timer.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Somebody asks for the hundred that have been held longest, and gets them.
    fn inspect(&mut self, office: &Office) -> Duration {
        let (reply, answer) = mpsc::channel();
        let reply = Box::new(move |page: HeldPage| {
            reply.send(page.requests.len()).expect("it is waited for")
        });
        let inspection = Box::new(Inspection { requests_max: 100, after: None, reply });
        office.mailboxes[WORKER.index()].send(Message::Inspect(inspection));
        self.phase("inspect", || answer.try_recv().is_ok_and(|found| found == 100))
    }

    /// So many come, are held, answered and leave.
    fn round(&mut self, ask: Ask, size: u32) {
        self.clients.come(size, ask);
        while self.worker.held().suspensions < size as usize {
            self.turn();
        }
        self.clients.come(1, Ask::StopAll);
        while self.clients.answered.get() < size + 1 {
            self.turn();
        }
        self.clients.ahead_ms.set(self.clients.ahead_ms.get() + 61_000);
        while self.worker.held().clients > 0 {
            self.turn();
        }
    }
}

/// How long turns took: a count for each microsecond, so that counting costs no memory while others
/// are measured.
struct Turns {
    by_us: Vec<u32>,
    longest: Duration,
    longest_own: Duration,
    /// Turns of a millisecond or more of the thread's own time.
    long: u32,
}

impl Turns {
    const US_MAX: usize = 1 << 16;

    fn new() -> Turns {
        // Written, not only reserved: it must be there before the count begins.
        let mut turns = Turns {
            by_us: vec![1; Self::US_MAX],
            longest: Duration::ZERO,
            longest_own: Duration::ZERO,
            long: 0,
        };
        turns.clear();
        turns
    }

    fn clear(&mut self) {
        self.by_us.fill(0);
        (self.longest, self.longest_own, self.long) = (Duration::ZERO, Duration::ZERO, 0);
    }

    fn add(&mut self, wall: Duration, own: Duration) {
        self.by_us[(wall.as_micros() as usize).min(Self::US_MAX - 1)] += 1;
        self.longest = self.longest.max(wall);
        self.longest_own = self.longest_own.max(own);
        self.long += u32::from(own >= Duration::from_millis(1));
    }

    /// At most this many microseconds for so many parts of a thousand.
    fn quantile_us(&self, thousandths: u64) -> usize {
        let all: u64 = self.by_us.iter().map(|&count| u64::from(count)).sum();
        let mut left = all * thousandths / 1000;
        for (us, &count) in self.by_us.iter().enumerate() {
            if left < u64::from(count) {
                return us;
            }
            left -= u64::from(count);
        }
        0
    }

    fn take(&mut self) -> Value {
        let us = |time: Duration| round(time.as_secs_f64() * 1e6);
        let count: u64 = self.by_us.iter().map(|&count| u64::from(count)).sum();
        let said = json!({
            "count": count, "median_us": self.quantile_us(500), "p999_us": self.quantile_us(999),
            "longest_us": us(self.longest), "longest_own_us": us(self.longest_own), "over_1ms_own": self.long,
        });
        self.clear();
        said
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The memory of this process that is its own, and its share of what it shares.
fn pss_bytes() -> i64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has it since 4.14");
    let line =
        text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("it has a line for this");
    line.trim().trim_end_matches(" kB").parse::<i64>().expect("a number") * 1024
}

fn print_table(results: &[Value]) {
    println!("            requests  held B  answered B  closed B  suspend us  settle us  close us");
    for result in results {
        let number = |name: &str| result[name].as_f64().unwrap_or_default();
        println!(
            "{:<10} {:>9}  {:>6.0}  {:>10.0}  {:>8.0}  {:>10.2}  {:>9.2}  {:>8.2}",
            result["kind"].as_str().unwrap_or_default(),
            number("requests"),
            number("held_bytes_each"),
            number("answered_bytes_each"),
            number("closed_bytes_each"),
            number("suspend_us_each"),
            number("settle_us_each"),
            number("close_us_each")
        );
    }
    println!(
        "\n                               turns  median us  p99.9 us  longest us  longest own us  over 1 ms"
    );
    for result in results {
        for phase in ["suspend", "inspect", "settle", "close"] {
            let number = |name: &str| result["turns"][phase][name].as_f64().unwrap_or_default();
            println!(
                "{:<10} {:>9} {:<8} {:>7}  {:>9}  {:>8}  {:>10.0}  {:>14.0}  {:>9}",
                result["kind"].as_str().unwrap_or_default(),
                result["requests"].as_f64().unwrap_or_default(),
                phase,
                number("count"),
                number("median_us"),
                number("p999_us"),
                number("longest_us"),
                number("longest_own_us"),
                number("over_1ms_own")
            );
        }
    }
}
