//! `pacer ADDRESS PATH RATE CONNECTIONS SECONDS [BESIDE_PATH BESIDE_CLIENTS]`: asks for a path at a
//! constant rate, and prints how long the answers took, as JSON.
//!
//! This is an open loop: each request is due at its time, whether or not earlier ones have been
//! answered, and its latency is counted from then. A connection is kept until the server announces
//! that it closes it, or fails. The next request then makes another, and connecting is part of its
//! latency. Beside that, BESIDE_CLIENTS ask for BESIDE_PATH, each again as soon as it is answered.

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use load::{Asker, Pace, Tally};

/// How much earlier the clients beside the paced ones start.
const HEAD_START: Duration = Duration::from_millis(500);
/// The pause of a client beside the paced ones after a failure.
const PAUSE: Duration = Duration::from_millis(10);

struct Plan {
    pace: Pace,
    seconds: f64,
    beside_path: String,
    beside_clients: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan(&env::args().skip(1).collect::<Vec<_>>())?;
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    let (paced, beside) = thread::scope(|scope| {
        let beside: Vec<_> =
            (0..plan.beside_clients).map(|_| scope.spawn(|| ask_on(&plan, &done))).collect();
        let (pace, moments) = (&plan.pace, (plan.pace.rate * plan.seconds) as u64);
        let paced = (0..pace.connections)
            .map(|index| scope.spawn(move || pace.keep(index, |moment| moment >= moments, |_| {})));
        let paced: Vec<_> = paced.collect();
        let paced: thread::Result<Vec<_>> = paced.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        let beside: thread::Result<Vec<_>> =
            beside.into_iter().map(|thread| thread.join()).collect();
        Ok::<_, Box<dyn std::any::Any + Send>>((Tally::merged(paced?), Tally::merged(beside?)))
    })
    .map_err(|_| "a thread panicked")?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{{{}, {}, \"seconds\": {seconds:.3}}}", paced.json(""), beside.json("beside_"));
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
    let address: SocketAddr = address.parse()?;
    let (rate, connections, start) =
        (rate.parse()?, connections.parse()?, Instant::now() + HEAD_START);
    Ok(Plan {
        pace: Pace { address, path: path.clone(), rate, connections, start },
        seconds: seconds.parse()?,
        beside_path: beside_path.to_owned(),
        beside_clients: beside_clients.parse()?,
    })
}

/// Runs one of the clients beside the paced ones, which asks again as soon as it is answered.
fn ask_on(plan: &Plan, done: &AtomicBool) -> Tally {
    let mut asker = Asker::new(plan.pace.address, &plan.beside_path);
    let mut tally = Tally::default();
    while !done.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let asked = asker.ask(&mut |_| {});
        if asked.is_err() {
            thread::sleep(PAUSE);
        }
        tally.add(begun.elapsed(), asked);
    }
    tally.connections = asker.connections();
    tally
}
