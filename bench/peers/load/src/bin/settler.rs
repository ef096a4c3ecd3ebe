//! `settler ADDRESS PID WAITERS SETTLERS SECONDS HOLD_PATH STOP_PATH WAITING_PATH`: how fast one
//! request wakes another.
//!
//! WAITERS connections ask for HOLD_PATH, again as soon as they are answered. SETTLERS connections
//! ask for STOP_PATH, again as soon as they are answered. `{value}` in it is a new number each
//! time, and the request that is woken is answered with it. So each answer tells which stop woke
//! it, and when that was sent. One thread does all of it.
//!
//! PID is the server's process. Which of its epolls watches a connection tells which thread has it,
//! so settlements within a thread are counted apart from those between two. Prints JSON.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use load::{Client, Control, quantile, workers};
use mio::{Events, Poll, Token};

/// How long it may take until all wait.
const STEP_SECONDS_MAX: u64 = 30;
/// How long the answer to the last stop may take.
const LAST_SECONDS_MAX: u64 = 5;
/// The load before the first stop that is counted.
const WARM_UP: Duration = Duration::from_millis(500);
const CONFLICT: u16 = 409;

struct Plan {
    address: SocketAddr,
    pid: u32,
    waiters: usize,
    settlers: usize,
    time: Duration,
    hold: String,
    stop: String,
    waiting: String,
}

/// One request for STOP_PATH, found by its value.
struct Stop {
    sent: Instant,
    settler: usize,
    delivered: bool,
}

#[derive(Default)]
struct Told {
    /// Stops that woke a request.
    settled: u64,
    /// Stops that found no request.
    missed: u64,
    delivered: u64,
    /// Answers with a value that was delivered before.
    twice: u64,
    failed: u64,
    /// Times from stop to delivery, within a thread.
    same_us: Vec<u64>,
    /// Times from stop to delivery, from one thread to another.
    crossed_us: Vec<u64>,
}

struct Load {
    plan: Plan,
    poll: Poll,
    /// The waiters, followed by the settlers.
    clients: Vec<Client>,
    /// The server's thread for each client.
    worker_of: Vec<Option<usize>>,
    stops: Vec<Stop>,
    asking: bool,
    /// How many settlers wait for an answer.
    unanswered: usize,
    counts_from: Instant,
    told: Told,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut load = Load::open(plan(env::args().skip(1).collect())?)?;
    let begun = Instant::now();
    load.counts_from = begun + WARM_UP;
    load.asking = true;
    for settler in 0..load.plan.settlers {
        load.stop(settler)?;
    }
    while load.counts_from.elapsed() < load.plan.time {
        load.turn()?;
    }
    load.asking = false;
    let seconds = begun.elapsed().as_secs_f64();
    let last = Instant::now();
    while (load.unanswered > 0 || load.told.delivered < load.told.settled)
        && last.elapsed().as_secs() < LAST_SECONDS_MAX
    {
        load.turn()?;
    }
    print(load.told, seconds);
    Ok(())
}

fn plan(arguments: Vec<String>) -> Result<Plan, Box<dyn Error>> {
    let [address, pid, waiters, settlers, seconds, hold, stop, waiting]: [String; 8] = arguments.try_into().map_err(
        |_| "usage: settler ADDRESS PID WAITERS SETTLERS SECONDS HOLD_PATH STOP_PATH WAITING_PATH ({value} in STOP_PATH)",
    )?;
    Ok(Plan {
        address: address.parse()?,
        pid: pid.parse()?,
        waiters: waiters.parse()?,
        settlers: settlers.parse()?,
        time: Duration::from_secs(seconds.parse()?),
        hold,
        stop,
        waiting,
    })
}

fn print(mut told: Told, seconds: f64) {
    told.same_us.sort_unstable();
    told.crossed_us.sort_unstable();
    let mut all: Vec<u64> = told.same_us.iter().chain(&told.crossed_us).copied().collect();
    all.sort_unstable();
    let quantiles = |name: &str, sorted: &[u64]| {
        let [middle, p99] = [0.5, 0.99].map(|share| quantile(sorted, share));
        format!(
            "\"{name}\": {}, \"{name}_p50_us\": {middle}, \"{name}_p99_us\": {p99}",
            sorted.len()
        )
    };
    println!(
        "{{\"settled\": {}, \"missed\": {}, \"delivered\": {}, \"twice\": {}, \"failed\": {}, \"seconds\": {seconds:.3}, \
         {}, {}, {}}}",
        told.settled,
        told.missed,
        told.delivered,
        told.twice,
        told.failed,
        quantiles("all", &all),
        quantiles("same", &told.same_us),
        quantiles("crossed", &told.crossed_us),
    );
}

impl Load {
    fn open(plan: Plan) -> Result<Load, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(plan.waiters + plan.settlers);
        for index in 0..plan.waiters + plan.settlers {
            clients.push(Client::connect(plan.address, 0, &poll, Token(index))?);
        }
        let begun = Instant::now();
        for waiter in &mut clients[..plan.waiters] {
            waiter.ask(&plan.hold)?;
        }
        let mut control = Control::connect(plan.address)?;
        while control.ask_number(&plan.waiting)? < plan.waiters {
            if begun.elapsed().as_secs() >= STEP_SECONDS_MAX {
                return Err(format!(
                    "{} do not wait after {STEP_SECONDS_MAX} seconds",
                    plan.waiters
                )
                .into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let by_client = workers::by_client(plan.pid, plan.address)?;
        let worker_of =
            clients.iter().map(|client| worker_of(client, &by_client)).collect::<Result<_, _>>()?;
        Ok(Load {
            plan,
            poll,
            clients,
            worker_of,
            stops: Vec::new(),
            asking: false,
            unanswered: 0,
            counts_from: begun,
            told: Told::default(),
        })
    }

    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(256);
        self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let Token(index) = event.token();
            match index.checked_sub(self.plan.waiters) {
                None => self.waiter_ready(index)?,
                Some(settler) => self.settler_ready(settler)?,
            }
        }
        Ok(())
    }

    fn waiter_ready(&mut self, waiter: usize) -> Result<(), Box<dyn Error>> {
        let answer = self.clients[waiter]
            .answer(|answer| answer.is_ok().then(|| number(answer.body)).flatten())?;
        let Some(value) = answer else { return Ok(()) };
        let stop = value.and_then(|value| self.stops.get_mut(value));
        match stop {
            None => self.told.failed += 1,
            Some(stop) if stop.delivered => self.told.twice += 1,
            Some(stop) => {
                stop.delivered = true;
                self.told.delivered += 1;
                let took = stop.sent.elapsed().as_micros() as u64;
                let settler = self.plan.waiters + stop.settler;
                if stop.sent >= self.counts_from {
                    match self.worker_of[settler] == self.worker_of[waiter] {
                        true => self.told.same_us.push(took),
                        false => self.told.crossed_us.push(took),
                    }
                }
            }
        }
        Ok(self.clients[waiter].ask(&self.plan.hold)?)
    }

    fn settler_ready(&mut self, settler: usize) -> Result<(), Box<dyn Error>> {
        let status = self.clients[self.plan.waiters + settler].answer(|answer| answer.status)?;
        let Some(status) = status else { return Ok(()) };
        self.unanswered -= 1;
        match status {
            200 => self.told.settled += 1,
            CONFLICT => self.told.missed += 1,
            _ => self.told.failed += 1,
        }
        if self.asking {
            self.stop(settler)?;
        }
        Ok(())
    }

    fn stop(&mut self, settler: usize) -> Result<(), Box<dyn Error>> {
        let path = self.plan.stop.replace("{value}", &self.stops.len().to_string());
        self.stops.push(Stop { sent: Instant::now(), settler, delivered: false });
        self.unanswered += 1;
        Ok(self.clients[self.plan.waiters + settler].ask(&path)?)
    }
}

fn worker_of(
    client: &Client,
    by_client: &HashMap<SocketAddr, usize>,
) -> Result<Option<usize>, Box<dyn Error>> {
    Ok(by_client.get(&client.address()?).copied())
}

fn number(body: &[u8]) -> Option<usize> {
    str::from_utf8(body).ok()?.trim().parse().ok()
}
