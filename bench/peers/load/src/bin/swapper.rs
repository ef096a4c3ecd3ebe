//! `swapper ADDRESS HELD RATE SETTLE_RATE EVERY_MS COUNT FILE VERSIONS`: a steady load on a guest
//! that is replaced meanwhile, and requests that the guest holds. The guest is bench/guests/swap,
//! whose routes and answers this program knows.
//!
//! HELD connections wait. RATE requests a second ask for the version. SETTLE_RATE requests a second
//! wake one waiting request each, the oldest. Its answer has the version that suspended it and the
//! one that resumed it, and its connection asks again at once. Every EVERY_MS, COUNT times, the
//! next file of the folder VERSIONS is renamed over FILE, once a request was answered by the
//! version before. If VERSIONS is `-`, no file is renamed, and the load is unchanged.
//!
//! The program runs in steps, and reports with lines of JSON on standard output:
//!
//! 1. It connects, holds, and loads for WARM_UP without a swap.
//! 2. It has all waiting requests answered and lets them wait again, so that one version holds them
//!    all, and reports.
//! 3. It waits for a line on standard input, while the caller reads the server's memory.
//! 4. It loads and swaps.
//! 5. It repeats step 2, and reports all results. HELD requests wait until the program is ended.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use load::{Client, Control, Pace, SOURCES_MAX, Tally, quantile};
use mio::{Events, Poll, Token};

const WARM_UP: Duration = Duration::from_secs(3);
/// The connections that ask for the version.
const CONNECTIONS: u32 = 16;
/// The connections that wake waiting requests.
const SETTLERS: u32 = 4;
/// How long it may take until a version answers, and until all wait.
const STEP_SECONDS_MAX: u64 = 30;
const PAUSE: Duration = Duration::from_millis(10);

struct Plan {
    address: SocketAddr,
    held: usize,
    rate: f64,
    settle_rate: f64,
    every: Duration,
    count: u32,
    file: PathBuf,
    versions: Option<PathBuf>,
}

/// The requests that wait.
struct Held {
    address: SocketAddr,
    poll: Poll,
    clients: Vec<Client>,
    counts: HeldCounts,
}

#[derive(Default)]
struct HeldCounts {
    /// Requests answered by the version that had suspended them.
    answered: u64,
    /// Requests answered by another version.
    strange: u64,
    /// Requests with another answer, or whose connection ended.
    failed: u64,
}

/// The times of each version's first and last answers.
type Spans = BTreeMap<u32, (Instant, Instant)>;

/// The observations of the connections that ask for the version.
#[derive(Default)]
struct Seen {
    spans: Spans,
    last: u32,
    /// Answers of a version after the same connection had answers of a newer one.
    went_back: u64,
}

struct Played {
    asked: Tally,
    settled: Tally,
    /// Settlements that found no waiting request.
    missed: u64,
    seen: Seen,
    /// When each version was put in place. The first swap puts version 1 in place.
    renamed: Vec<Instant>,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan(env::args().skip(1).collect())?;
    let mut held = Held::open(plan.address, plan.held)?;
    play(&plan, &mut held, |_| {
        thread::sleep(WARM_UP);
        Ok(Vec::new())
    })?;
    let waiting = held.renew()?;
    held.counts = HeldCounts::default();
    println!("{{\"waiting\": {waiting}}}");
    io::stdin().read_line(&mut String::new())?;
    let played = play(&plan, &mut held, |newest| swap(&plan, newest))?;
    let waiting = held.renew()?;
    tell(&played, &held.counts, waiting);
    // The waiting clients leave when this program is ended.
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn plan(arguments: Vec<String>) -> Result<Plan, Box<dyn Error>> {
    let [address, held, rate, settle_rate, every_ms, count, file, versions]: [String; 8] = arguments
        .try_into()
        .map_err(|_| "usage: swapper ADDRESS HELD RATE SETTLE_RATE EVERY_MS COUNT FILE VERSIONS (- for no swaps)")?;
    Ok(Plan {
        address: address.parse()?,
        held: held.parse()?,
        rate: rate.parse()?,
        settle_rate: settle_rate.parse()?,
        every: Duration::from_millis(every_ms.parse()?),
        count: count.parse()?,
        file: file.into(),
        versions: (versions != "-").then(|| versions.into()),
    })
}

/// Runs the load for as long as `meanwhile` takes, which is given the newest version that has
/// answered.
fn play(
    plan: &Plan,
    held: &mut Held,
    meanwhile: impl FnOnce(&AtomicU32) -> Result<Vec<Instant>, Box<dyn Error>>,
) -> Result<Played, Box<dyn Error>> {
    let (done, newest, missed) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU64::new(0));
    let start = Instant::now() + PAUSE;
    let pace = |path: &str, rate, connections| Pace {
        address: plan.address,
        path: path.to_owned(),
        rate,
        connections,
        start,
    };
    let (asking, settling) =
        (pace("/who", plan.rate, CONNECTIONS), pace("/next", plan.settle_rate, SETTLERS));
    let is_done = |_| done.load(Ordering::Relaxed);
    let ask = |index| {
        let mut seen = Seen::default();
        let tally = asking.keep(index, is_done, |answer| seen.see(answer.body, &newest));
        (tally, seen)
    };
    let settle = |index| {
        settling.keep(index, is_done, |answer| {
            missed.fetch_add(u64::from(answer.body != b"true"), Ordering::Relaxed);
        })
    };
    let (renamed, asked, settled) = thread::scope(|scope| {
        let (ask, settle, done) = (&ask, &settle, &done);
        let askers: Vec<_> =
            (0..CONNECTIONS).map(|index| scope.spawn(move || ask(index))).collect();
        let settlers: Vec<_> =
            (0..SETTLERS).map(|index| scope.spawn(move || settle(index))).collect();
        let holder = scope.spawn(|| held.serve(done));
        let renamed = meanwhile(&newest);
        done.store(true, Ordering::Relaxed);
        let panicked = "a thread panicked";
        let asked: Vec<_> =
            askers.into_iter().map(|thread| thread.join().expect(panicked)).collect();
        let settled: Vec<_> =
            settlers.into_iter().map(|thread| thread.join().expect(panicked)).collect();
        holder.join().expect(panicked)?;
        Ok::<_, Box<dyn Error>>((renamed?, asked, settled))
    })?;
    let (asked, seen): (Vec<Tally>, Vec<Seen>) = asked.into_iter().unzip();
    Ok(Played {
        asked: Tally::merged(asked),
        settled: Tally::merged(settled),
        missed: missed.into_inner(),
        seen: seen.into_iter().fold(Seen::default(), Seen::and),
        renamed,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Puts each version in place once the one before has answered.
fn swap(plan: &Plan, newest: &AtomicU32) -> Result<Vec<Instant>, Box<dyn Error>> {
    let begun = Instant::now();
    let mut renamed = Vec::new();
    let mut due = begun;
    for number in 1..=plan.count {
        due = Instant::now().max(due + plan.every);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let Some(versions) = &plan.versions else { continue };
        fs::rename(versions.join(format!("{number:04}.wasm")), &plan.file)?;
        renamed.push(Instant::now());
        while newest.load(Ordering::Relaxed) < number {
            if due.elapsed().as_secs() >= STEP_SECONDS_MAX {
                return Err(format!(
                    "version {number} does not answer after {STEP_SECONDS_MAX} seconds"
                )
                .into());
            }
            thread::sleep(PAUSE);
        }
    }
    thread::sleep(plan.every);
    Ok(renamed)
}

fn tell(played: &Played, held: &HeldCounts, waiting: usize) {
    let Played { asked, settled, missed, seen, renamed, seconds } = played;
    let number = |index: usize| index as u32 + 1;
    let ms = |until: Option<Instant>, from: &Instant| {
        until.map_or(0, |until| until.saturating_duration_since(*from).as_millis() as u64)
    };
    let swaps = || renamed.iter().enumerate();
    let mut first: Vec<u64> = swaps()
        .map(|(index, at)| ms(seen.spans.get(&number(index)).map(|span| span.0), at))
        .collect();
    let mut all: Vec<u64> = swaps()
        .map(|(index, at)| ms(seen.spans.get(&(number(index) - 1)).map(|span| span.1), at))
        .collect();
    first.sort_unstable();
    all.sort_unstable();
    println!(
        "{{{}, {}, \"missed\": {missed}, \"held_answered\": {}, \"held_strange\": {}, \"held_failed\": {}, \
         \"waiting\": {waiting}, \"swaps\": {}, \"went_back\": {}, \"first_p50_ms\": {}, \"first_max_ms\": {}, \
         \"all_max_ms\": {}, \"seconds\": {seconds:.3}}}",
        asked.json(""),
        settled.json("settle_"),
        held.answered,
        held.strange,
        held.failed,
        renamed.len(),
        seen.went_back,
        quantile(&first, 0.5),
        quantile(&first, 1.0),
        quantile(&all, 1.0),
    );
}

impl Seen {
    fn see(&mut self, body: &[u8], newest: &AtomicU32) {
        let now = Instant::now();
        let Some(number) = number(body) else { return };
        self.went_back += u64::from(number < self.last);
        if number > self.last {
            newest.fetch_max(number, Ordering::Relaxed);
        }
        self.last = number;
        self.spans.entry(number).or_insert((now, now)).1 = now;
    }

    /// Joins what two connections have seen.
    fn and(mut self, other: Seen) -> Seen {
        for (number, (first, last)) in other.spans {
            let span = self.spans.entry(number).or_insert((first, last));
            *span = (span.0.min(first), span.1.max(last));
        }
        self.went_back += other.went_back;
        self
    }
}

/// Returns the number with which a version begins, before the hyphen.
fn number(body: &[u8]) -> Option<u32> {
    str::from_utf8(body).ok()?.split_once('-')?.0.parse().ok()
}

impl Held {
    fn open(address: SocketAddr, count: usize) -> io::Result<Held> {
        let poll = Poll::new()?;
        let mut held = Held {
            address,
            poll,
            clients: Vec::with_capacity(count),
            counts: HeldCounts::default(),
        };
        for slot in 0..count {
            let client = held.come(slot)?;
            held.clients.push(client);
        }
        Ok(held)
    }

    fn come(&self, slot: usize) -> io::Result<Client> {
        let mut client =
            Client::connect(self.address, slot % SOURCES_MAX, &self.poll, Token(slot))?;
        client.ask("/wait")?;
        Ok(client)
    }

    /// Lets each client that is answered ask again.
    fn serve(&mut self, done: &AtomicBool) -> io::Result<()> {
        while !done.load(Ordering::Relaxed) {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(PAUSE))?;
        for event in &events {
            let Token(slot) = event.token();
            let answered = self.clients[slot]
                .answer(|answer| answer.is_ok().then(|| is_own(answer.body)).flatten());
            let counts = &mut self.counts;
            match answered {
                Ok(None) => continue,
                Ok(Some(Some(true))) => counts.answered += 1,
                Ok(Some(Some(false))) => counts.strange += 1,
                Ok(Some(None)) | Err(_) => counts.failed += 1,
            }
            let asked = if answered.is_ok() {
                self.clients[slot].ask("/wait")
            } else {
                Err(io::ErrorKind::NotConnected.into())
            };
            if asked.is_err() {
                self.clients[slot] = self.come(slot)?;
            }
        }
        Ok(())
    }

    /// Has all waiting requests answered, by any version, and waits until they wait again. Returns
    /// how many wait.
    fn renew(&mut self) -> io::Result<usize> {
        let mut control = Control::connect(self.address)?;
        self.wait_until_held(&mut control)?;
        let answers = self.counts.answers() + control.ask_number("/free")? as u64;
        let begun = Instant::now();
        while self.counts.answers() < answers && begun.elapsed().as_secs() < STEP_SECONDS_MAX {
            self.turn()?;
        }
        self.wait_until_held(&mut control)
    }

    fn wait_until_held(&mut self, control: &mut Control) -> io::Result<usize> {
        let begun = Instant::now();
        loop {
            let waiting = control.ask_number("/waiting")?;
            if waiting == self.clients.len() || begun.elapsed().as_secs() >= STEP_SECONDS_MAX {
                return Ok(waiting);
            }
            self.turn()?;
        }
    }
}

impl HeldCounts {
    fn answers(&self) -> u64 {
        self.answered + self.strange + self.failed
    }
}

/// Returns whether the request was resumed by the version that suspended it; `None` if the answer
/// is none of this guest's.
fn is_own(body: &[u8]) -> Option<bool> {
    let (suspended, resumed) = str::from_utf8(body).ok()?.split_once('=')?;
    Some(suspended == resumed)
}
