//! `sleeper ADDRESS COUNT PATH SECONDS_MIN SECONDS_MAX SEED SPREAD`: how late timers are.
//!
//! It connects COUNT times. Spread over SPREAD seconds, it then sends a request on each connection
//! that asks for a random length, which takes the place of `{seconds}` in PATH. An answer is late
//! by the time beyond that length, counted from just before the request was sent. Prints JSON.

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use load::{Client, Random, quantile};
use mio::{Events, Poll, Token};

/// How long answers may take beyond the longest length.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT_SECONDS_MAX: u64 = 60;
const TICK: Duration = Duration::from_millis(1);

struct Plan {
    address: SocketAddr,
    path: String,
    /// The length for each connection.
    lengths: Vec<Duration>,
    /// The time over which requests are spread. With none, a burst of them is what is measured.
    spread: Duration,
}

struct Sleepers {
    poll: Poll,
    clients: Vec<Client>,
    /// When each answer is due. `None` before the request is sent and after the answer, when the
    /// server may close the connection.
    due: Vec<Option<Instant>>,
    answered: usize,
    failed: usize,
    /// The most by which an answer came too early.
    early_us: u64,
    late_us: Vec<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan(env::args().skip(1).collect())?;
    let count = plan.lengths.len();
    let mut sleepers = Sleepers::open(&plan)?;
    let begun = Instant::now();
    sleepers.send(&plan, begun)?;
    let longest = plan.lengths.iter().max().copied().unwrap_or_default();
    let given_up = Instant::now() + longest + PATIENCE;
    while sleepers.answered < count && Instant::now() < given_up {
        sleepers.read_for(Duration::from_secs(1))?;
    }
    sleepers.late_us.sort_unstable();
    let [middle, p99, last] = [0.5, 0.99, 1.0].map(|share| quantile(&sleepers.late_us, share));
    println!(
        "{{\"requests\": {count}, \"answered\": {}, \"failed\": {}, \"early_us\": {}, \"p50_us\": {middle}, \
         \"p99_us\": {p99}, \"max_us\": {last}, \"seconds\": {:.3}}}",
        sleepers.answered,
        sleepers.failed,
        sleepers.early_us,
        begun.elapsed().as_secs_f64(),
    );
    Ok(())
}

fn plan(arguments: Vec<String>) -> Result<Plan, Box<dyn Error>> {
    let [address, count, path, shortest, longest, seed, spread]: [String; 7] =
        arguments.try_into().map_err(|_| {
            "usage: sleeper ADDRESS COUNT PATH SECONDS_MIN SECONDS_MAX SEED SPREAD \
             ({seconds} in PATH)"
        })?;
    let [shortest, longest] =
        [shortest, longest].map(|seconds| seconds.parse::<f64>().map(|all| all * 1e3));
    let (shortest, longest) = (shortest? as usize, longest? as usize);
    let mut random = Random::new(seed.parse()?);
    // Whole milliseconds, which every server understands.
    let mut length =
        || Duration::from_millis((shortest + random.below(longest - shortest + 1)) as u64);
    let lengths = (0..count.parse::<usize>()?).map(|_| length()).collect();
    let spread = Duration::from_secs_f64(spread.parse()?);
    Ok(Plan { address: address.parse()?, path, lengths, spread })
}

impl Sleepers {
    fn open(plan: &Plan) -> Result<Sleepers, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(plan.lengths.len());
        let begun = Instant::now();
        for index in 0..plan.lengths.len() {
            if begun.elapsed().as_secs() >= CONNECT_SECONDS_MAX {
                return Err(
                    format!("only {index} connections in {CONNECT_SECONDS_MAX} seconds").into()
                );
            }
            clients.push(Client::connect(
                plan.address,
                index / load::SOURCE_CONNECTIONS_MAX,
                &poll,
                Token(index),
            )?);
        }
        Ok(Sleepers {
            poll,
            clients,
            due: Vec::new(),
            answered: 0,
            failed: 0,
            early_us: 0,
            late_us: Vec::new(),
        })
    }

    /// Sends each request at its time.
    fn send(&mut self, plan: &Plan, begun: Instant) -> Result<(), Box<dyn Error>> {
        for (index, &length) in plan.lengths.iter().enumerate() {
            let moment = begun + plan.spread.mul_f64(index as f64 / plan.lengths.len() as f64);
            while Instant::now() < moment {
                self.read_for(TICK)?;
            }
            let path = plan.path.replace("{seconds}", &format!("{:.3}", length.as_secs_f64()));
            self.due.push(Some(Instant::now() + length));
            self.clients[index].ask(&path)?;
        }
        Ok(())
    }

    fn read_for(&mut self, timeout: Duration) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            let Token(index) = event.token();
            let Some(Some(due)) = self.due.get(index).copied() else { continue };
            let Some(ok) =
                self.clients[index].answer(|answer| answer.is_ok()).unwrap_or(Some(false))
            else {
                continue;
            };
            self.due[index] = None;
            let now = Instant::now();
            self.answered += 1;
            self.failed += usize::from(!ok);
            self.early_us =
                self.early_us.max(due.saturating_duration_since(now).as_micros() as u64);
            self.late_us.push(now.saturating_duration_since(due).as_micros() as u64);
        }
        Ok(())
    }
}
