//! Work on other threads: one that is awaited, one that is left behind, and one with a deadline.
//!
//! | route | answer |
//! |---|---|
//! | `GET /fib?n=30` | the Fibonacci number, computed in a job |
//! | `GET /later?ms=500` | `It works`, at once; a job does the rest after so many milliseconds |
//! | `GET /later/count` | how often a job has done the rest |
//! | `GET /within?ms=100&n=40` | the Fibonacci number, or a 504 if it is not there in so many milliseconds |
//!
//! These are Tornado's `run_on_executor` with a `ThreadPoolExecutor`, `add_callback` before
//! `finish`, and `gen.with_timeout`. While a job runs, the request that waits for it has no
//! instance; and the job runs on a thread that gives way to all requests.

use snow_guest::prelude::*;

/// The largest number that is asked for: it takes longer than a job may.
const N_MAX: u32 = 60;
/// The longest delay.
const MS_MAX: u64 = 60_000;
/// The key of the count, in the guest's own bucket.
const COUNT: &str = "later";

/// The number `n` of a request.
fn number(request: &Request) -> Result<u32> {
    let n = request.query_parsed::<u32>("n")?.unwrap_or(30);
    if n > N_MAX {
        return Err(Error::status(400, format_args!("`n` is at most {N_MAX}")));
    }
    Ok(n)
}

/// The time `ms` of a request.
fn time(request: &Request) -> Result<Duration> {
    let ms = request.query_parsed::<u64>("ms")?.unwrap_or(100);
    if ms > MS_MAX {
        return Err(Error::status(400, format_args!("`ms` is at most {MS_MAX}")));
    }
    Ok(Duration::from_millis(ms))
}

#[route(GET, r"/fib", resume = computed)]
fn ask(request: Request) -> Result<Suspension> {
    Ok(jobs::start("fib", number(&request)?.to_string())?.suspend())
}

/// Answers with what the job has returned.
fn computed(resumed: Resumed) -> Result<String> {
    match resumed.settlement(0) {
        Some(Settlement::Value(number)) => Ok(String::from_utf8_lossy(number).into_owned()),
        Some(other) => {
            let code = other.failure().map_or("", |failure| &failure.code);
            Err(Error::status(
                if code == "timeout" { 504 } else { 503 },
                format_args!("no number: {code}"),
            ))
        }
        None => Err(Error::status(504, "no number in time")),
    }
}

/// Computes a Fibonacci number as slowly as it can be done.
#[job]
fn fib(job: Job) -> Result<String> {
    fn fib(n: u32) -> u64 {
        if n < 2 { n.into() } else { fib(n - 1) + fib(n - 2) }
    }
    Ok(fib(job.text().parse()?).to_string())
}

#[route(GET, r"/within", resume = computed)]
fn within(request: Request) -> Result<Suspension> {
    let job = jobs::start("fib", number(&request)?.to_string())?;
    Ok(job.suspend().deadline(time(&request)?))
}

/// Answers, and leaves a job that nobody waits for.
#[route(GET, r"/later")]
fn later(request: Request) -> Result<&'static str> {
    // Dropped at once: the job goes on.
    jobs::start("count", time(&request)?.as_millis().to_string())?;
    Ok("It works")
}

/// Waits in place, on the job's thread, and then does what `/later/count` shows.
#[job]
fn count(job: Job) -> Result<()> {
    let time = Duration::from_millis(job.text().parse()?);
    Pending::timer(time)?.wait_for(time + Duration::from_secs(1))?;
    Bucket::own()?.increment(COUNT, 1)?;
    Ok(())
}

#[route(GET, r"/later/count")]
fn counted(_: Request) -> Result<String> {
    Ok(Bucket::own()?.increment(COUNT, 0)?.to_string())
}

snow_guest::serve!(ask, within, later, counted; jobs: fib, count);
