//! `churner ADDRESS SEED HELD SECONDS HOLD_PATH STOP_PATH WAITING_PATH STOP_ALL_PATH`: clients that
//! come and go.
//!
//! HELD connections ask for HOLD_PATH. From then on, as fast as the server allows, chance picks one
//! of them and lets it leave, by FIN or by RST, or lets the one that has waited longest be woken
//! through STOP_PATH. A new connection takes the place of one that left; one that was answered asks
//! again, or is replaced too.
//!
//! The program runs in steps. It reports each with a line of JSON on standard output, and then
//! waits for a line on standard input, while the caller reads the server's memory:
//!
//! 1. It churns for a quarter of SECONDS.
//! 2. It churns for the rest.
//! 3. It asks for STOP_ALL_PATH, reports what became of all requests, and ends.

use std::env;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use load::{Client, Control, Random, SOURCES_MAX};
use mio::{Events, Poll, Token};

const STEP_SECONDS_MAX: u64 = 30;
/// Connections that ask for STOP_PATH, one request at a time each. So the server sets the pace.
const SETTLERS: usize = 8;
const SETTLED: u16 = 200;
const CONFLICT: u16 = 409;
const PAUSE: Duration = Duration::from_millis(20);

struct Plan {
    address: SocketAddr,
    held: usize,
    time: Duration,
    hold: String,
    stop: String,
    waiting: String,
    stop_all: String,
}

/// What became of the requests that wait.
#[derive(Default)]
struct Counts {
    asked: usize,
    answered: usize,
    left_fin: usize,
    left_rst: usize,
    /// Requests that were answered wrongly, or not at all.
    failed: usize,
    /// Stops that woke a request, even one whose client was leaving.
    settled: usize,
    /// Stops that found no request.
    missed: usize,
    /// Answers with a value that was delivered before.
    twice: usize,
}

struct Churn {
    plan: Plan,
    random: Random,
    poll: Poll,
    /// Connections made so far. Each comes from another source address than the one before, so that
    /// no port is used again soon.
    connections: usize,
    /// The clients that wait; `None` once the last step has answered one.
    clients: Vec<Option<Client>>,
    settlers: Vec<Client>,
    /// The settlers that do not wait for an answer.
    idle: Vec<usize>,
    /// Whether a value was delivered, by the value.
    delivered: Vec<bool>,
    counts: Counts,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (plan, seed) = plan(env::args().skip(1).collect())?;
    let parts = [plan.time / 4, plan.time - plan.time / 4];
    let mut churn = Churn::open(plan, seed)?;
    churn.wait_until_held()?;
    for part in parts {
        let begun = Instant::now();
        while begun.elapsed() < part {
            churn.turn(Duration::from_millis(1))?;
            churn.play()?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        churn.come_to_rest()?;
        let waiting = churn.wait_until_held()?;
        println!(
            "{{\"asked\": {}, \"waiting\": {waiting}, \"seconds\": {seconds:.3}}}",
            churn.counts.asked
        );
        io::stdin().read_line(&mut String::new())?;
    }
    let woken = churn.stop_all()?;
    let waiting = churn.wait_until_nobody_waits()?;
    let Counts { asked, answered, left_fin, left_rst, failed, settled, missed, twice } =
        churn.counts;
    println!(
        "{{\"asked\": {asked}, \"answered\": {answered}, \"left_fin\": {left_fin}, \"left_rst\": {left_rst}, \
         \"failed\": {failed}, \"settled\": {settled}, \"missed\": {missed}, \"twice\": {twice}, \"woken\": {woken}, \
         \"waiting\": {waiting}}}"
    );
    Ok(())
}

fn plan(arguments: Vec<String>) -> Result<(Plan, u64), Box<dyn Error>> {
    let [address, seed, held, seconds, hold, stop, waiting, stop_all]: [String; 8] = arguments.try_into().map_err(
        |_| "usage: churner ADDRESS SEED HELD SECONDS HOLD_PATH STOP_PATH WAITING_PATH STOP_ALL_PATH ({value} in STOP_PATH)",
    )?;
    let plan = Plan {
        address: address.parse()?,
        held: held.parse()?,
        time: Duration::from_secs(seconds.parse()?),
        hold,
        stop,
        waiting,
        stop_all,
    };
    Ok((plan, seed.parse()?))
}

impl Churn {
    fn open(plan: Plan, seed: u64) -> Result<Churn, Box<dyn Error>> {
        let held = plan.held;
        let poll = Poll::new()?;
        let settlers =
            (0..SETTLERS).map(|index| Client::connect(plan.address, 0, &poll, Token(held + index)));
        let settlers = settlers.collect::<Result<_, _>>()?;
        let mut churn = Churn {
            plan,
            random: Random::new(seed),
            poll,
            connections: 0,
            clients: (0..held).map(|_| None).collect(),
            settlers,
            idle: (0..SETTLERS).collect(),
            delivered: Vec::new(),
            counts: Counts::default(),
        };
        (0..held).try_for_each(|slot| churn.come(slot))?;
        Ok(churn)
    }

    /// Waits until the server has noticed every client that waits and every one that left. Returns
    /// how many wait according to the server.
    fn wait_until_held(&mut self) -> io::Result<usize> {
        let mut control = Control::connect(self.plan.address)?;
        let begun = Instant::now();
        loop {
            let waiting = control.ask_number(&self.plan.waiting)?;
            if waiting == self.plan.held || begun.elapsed().as_secs() >= STEP_SECONDS_MAX {
                return Ok(waiting);
            }
            // An answer may still be on its way.
            self.turn(PAUSE)?;
        }
    }

    fn wait_until_nobody_waits(&self) -> io::Result<usize> {
        let mut control = Control::connect(self.plan.address)?;
        let begun = Instant::now();
        loop {
            let waiting = control.ask_number(&self.plan.waiting)?;
            if waiting == 0 || begun.elapsed().as_secs() >= STEP_SECONDS_MAX {
                return Ok(waiting);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Connects a new client for a slot.
    fn come(&mut self, slot: usize) -> io::Result<()> {
        self.connections += 1;
        let client = Client::connect(
            self.plan.address,
            self.connections % SOURCES_MAX,
            &self.poll,
            Token(slot),
        )?;
        self.clients[slot] = Some(client);
        self.ask(slot)
    }

    fn ask(&mut self, slot: usize) -> io::Result<()> {
        self.counts.asked += 1;
        self.clients[slot].as_mut().map_or(Ok(()), |client| client.ask(&self.plan.hold))
    }

    /// Lets clients leave and be woken until all settlers wait for their answers.
    fn play(&mut self) -> io::Result<()> {
        loop {
            if self.random.coin() {
                self.leave()?;
            } else {
                let Some(settler) = self.idle.pop() else { return Ok(()) };
                let path = self.plan.stop.replace("{value}", &self.delivered.len().to_string());
                self.delivered.push(false);
                self.settlers[settler].ask(&path)?;
            }
        }
    }

    fn leave(&mut self) -> io::Result<()> {
        let slot = self.random.below(self.clients.len());
        let Some(client) = self.clients[slot].take() else { return Ok(()) };
        if self.random.coin() {
            self.counts.left_fin += 1;
        } else {
            self.counts.left_rst += 1;
            client.reset()?;
        }
        self.come(slot)
    }

    fn turn(&mut self, timeout: Duration) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            let Token(index) = event.token();
            match index.checked_sub(self.clients.len()) {
                None => self.client_ready(index)?,
                Some(settler) => self.settler_ready(settler)?,
            }
        }
        Ok(())
    }

    /// Lets a client that was answered ask again, or replaces it with a new one.
    fn client_ready(&mut self, slot: usize) -> io::Result<()> {
        let Some(ok) = self.read(slot) else { return Ok(()) };
        match ok && self.random.coin() {
            true => self.ask(slot),
            false => self.come(slot),
        }
    }

    /// Counts the answer, if it has arrived. Returns whether it was a good one.
    fn read(&mut self, slot: usize) -> Option<bool> {
        let client = self.clients[slot].as_mut()?;
        let told = client
            .answer(|answer| answer.is_ok().then(|| value(answer.body)))
            .unwrap_or(Some(None))?;
        match told {
            None => self.counts.failed += 1,
            Some(value) => {
                self.counts.answered += 1;
                // Requests that the last step wakes get no number.
                if let Some(delivered) = value.and_then(|value| self.delivered.get_mut(value)) {
                    self.counts.twice += usize::from(*delivered);
                    *delivered = true;
                }
            }
        }
        Some(told.is_some())
    }

    fn settler_ready(&mut self, settler: usize) -> io::Result<()> {
        let Some(status) = self.settlers[settler].answer(|answer| answer.status)? else {
            return Ok(());
        };
        match status {
            SETTLED => self.counts.settled += 1,
            CONFLICT => self.counts.missed += 1,
            _ => self.counts.failed += 1,
        }
        self.idle.push(settler);
        Ok(())
    }

    /// Waits until all stops are answered, and all requests that they woke.
    fn come_to_rest(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        let mut quiet = Instant::now();
        while (self.idle.len() < SETTLERS || quiet.elapsed() < 5 * PAUSE)
            && begun.elapsed().as_secs() < STEP_SECONDS_MAX
        {
            let before = self.counts.answered;
            self.turn(PAUSE)?;
            if self.counts.answered > before {
                quiet = Instant::now();
            }
        }
        Ok(())
    }

    /// Has all waiting requests answered. Returns how many the server woke, as it reports.
    fn stop_all(&mut self) -> io::Result<usize> {
        let woken = Control::connect(self.plan.address)?.ask_number(&self.plan.stop_all)?;
        let begun = Instant::now();
        let mut left = self.clients.len();
        while left > 0 && begun.elapsed().as_secs() < STEP_SECONDS_MAX {
            let mut events = Events::with_capacity(1024);
            self.poll.poll(&mut events, Some(PAUSE))?;
            for event in &events {
                let Token(slot) = event.token();
                if slot < self.clients.len() && self.read(slot).is_some() {
                    self.clients[slot] = None;
                    left -= 1;
                }
            }
        }
        Ok(woken)
    }
}

fn value(body: &[u8]) -> Option<usize> {
    str::from_utf8(body).ok()?.trim().parse().ok()
}
