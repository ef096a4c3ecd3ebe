//! A guest whose jobs do what a test asks for, good and bad.

use snow_guest::jobs::Durable;
use snow_guest::prelude::*;

/// Starts a job and waits for it without an instance.
#[route(GET, r"/job/(\w+)", resume = ended)]
fn job(request: Request) -> Result<Suspension> {
    let job = jobs::start(request.param(0), payload(&request))?.suspend();
    Ok(job.deadline(Duration::from_secs(60)))
}

fn ended(resumed: Resumed) -> String {
    resumed.settlement(0).map_or_else(|| "late".to_owned(), said)
}

/// Starts a job, and the host answers with what it returns.
#[route(GET, r"/relay/(\w+)")]
fn relay(request: Request) -> Result<Suspension> {
    Ok(jobs::start(request.param(0), payload(&request))?.suspend())
}

/// Starts a job and waits for it in place.
#[route(GET, r"/in-place/(\w+)")]
fn in_place(request: Request) -> Result<String> {
    let job = jobs::start(request.param(0), payload(&request))?;
    Ok(job.wait()?.as_ref().map_or_else(|| "late".to_owned(), said))
}

/// Starts so many jobs that nobody waits for. Answers how many were taken, and why one was not.
#[route(GET, r"/pile/(\w+)/(\d+)")]
fn pile(request: Request) -> Result<String> {
    let count: u32 = request.param(1).parse()?;
    for number in 0..count {
        if let Err(error) = jobs::start(request.param(0), payload(&request)) {
            return Ok(format!("{number} {error}"));
        }
    }
    Ok(count.to_string())
}

/// Keeps so many jobs; `$` in the payload is the number of each. Answers with the id of the last
/// one.
#[route(GET, r"/enqueue/(\w+)/(\d+)")]
fn enqueue(request: Request) -> Result<String> {
    let mut last = String::new();
    let first: u64 = request.query_parsed("first")?.unwrap_or(0);
    let count: u64 = request.param(1).parse()?;
    for number in first..first + count {
        let payload = payload(&request).replace('$', &number.to_string());
        let job = Durable::new(request.param(0), payload);
        let job = job.after(Duration::from_millis(request.query_parsed("after")?.unwrap_or(0)));
        match job.attempts(request.query_parsed("attempts")?.unwrap_or(20)).enqueue() {
            Ok(id) => last = id,
            Err(error) => return Ok(format!("{} {error}", number - first)),
        }
    }
    Ok(last)
}

/// The number under a key.
#[route(GET, r"/count/(.+)")]
fn count(request: Request) -> Result<String> {
    Ok(Bucket::own()?.increment(request.param(0), 0)?.to_string())
}

/// How many of so many numbers were marked, and how many twice or more often.
#[route(GET, r"/marked/(\d+)")]
fn marked(request: Request) -> Result<String> {
    let (own, count) = (Bucket::own()?, request.param(0).parse::<u32>()?);
    let (mut once, mut twice) = (0, 0);
    for number in 0..count {
        let times = own
            .get(&format!("mark/{number}"))?
            .map_or(0, |entry| entry.text().parse().unwrap_or(0));
        (once, twice) = (once + u32::from(times > 0), twice + u32::from(times > 1));
    }
    Ok(format!("{once} {twice}"))
}

/// Tells all that wait under a key.
#[route(GET, r"/tell/(\w+)/(\w+)")]
fn tell(request: Request) -> Result<String> {
    Ok(pending::set_all(request.param(0), request.param(1))?.to_string())
}

/// Opens a bucket, by its name.
#[route(GET, r"/open/(.+)")]
fn open(request: Request) -> String {
    match Bucket::open(request.param(0)) {
        Ok(_) => "open".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn payload(request: &Request) -> String {
    request.query_param("payload").unwrap_or_default()
}

fn said(settlement: &Settlement) -> String {
    match settlement {
        Settlement::Value(value) if value.len() > 100 => format!("{} bytes", value.len()),
        Settlement::Value(value) => String::from_utf8_lossy(value).into_owned(),
        Settlement::Response(_) => "a response".to_owned(),
        Settlement::Failed(failure) => format!("failed {}: {}", failure.code, failure.message),
    }
}

#[job]
fn echo(job: Job) -> Vec<u8> {
    job.into_payload()
}

/// What the job knows of itself.
#[job]
fn about(job: Job) -> String {
    let is_id = job.id().len() == 32 && job.id().bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_due = job.due() > Duration::from_secs(1_700_000_000);
    format!("{} {} {} {is_id} {is_due}", job.name(), job.attempt(), job.is_last_attempt())
}

#[job]
fn spin(_: Job) {
    loop {
        std::hint::black_box(0);
    }
}

#[job]
fn trap(_: Job) {
    panic!("as it was asked to");
}

/// Takes memory until there is none.
#[job]
fn eat(_: Job) -> String {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(vec![1; 1 << 20]);
        std::hint::black_box(&eaten);
    }
}

#[job]
fn fail(job: Job) -> Result<(), Failure> {
    Err(Failure::new("mine", job.text()))
}

#[job]
fn error(_: Job) -> Result<()> {
    Err(Error::new("this is for the log"))
}

/// Returns so many bytes.
#[job]
fn large(job: Job) -> Result<Vec<u8>> {
    Ok(vec![7; job.text().parse()?])
}

/// Waits in place for a key.
#[job]
fn wait(job: Job) -> Result<String> {
    let came = Pending::keyed(&job.text())?.wait_for(Duration::from_secs(3_600))?;
    Ok(came.map_or("nothing".to_owned(), |came| came.text().into_owned()))
}

/// Sleeps so many milliseconds, and counts.
#[job]
async fn sleep(job: Job) -> Result<String> {
    pending::sleep(Duration::from_millis(job.text().parse()?)).await?;
    Bucket::own()?.increment("slept", 1)?;
    Ok("slept".to_owned())
}

#[job]
fn add(job: Job) -> Result<()> {
    Bucket::own()?.increment(&job.text(), 1)?;
    Ok(())
}

/// Starts itself so often more.
#[job]
fn chain(job: Job) -> Result<()> {
    let left: u32 = job.text().parse()?;
    Bucket::own()?.increment("chain", 1)?;
    if left > 0 {
        jobs::start("chain", (left - 1).to_string())?;
    }
    Ok(())
}

/// Starts another job and waits for it in place.
#[job]
fn nested(job: Job) -> Result<String> {
    let inner = jobs::start("echo", job.payload())?.wait()?;
    Ok(format!("nested {}", inner.as_ref().map_or_else(|| "late".to_owned(), said)))
}

/// Fails before the attempt of this number.
#[job]
fn flaky(job: Job) -> Result<(), Failure> {
    let increment = Bucket::own().and_then(|own| own.increment("flaky", 1));
    let from: u32 = job.text().parse().unwrap_or(1);
    match increment {
        Ok(_) if job.attempt() >= from => Ok(()),
        _ => Err(Failure::new("flaky", format!("attempt {}", job.attempt()))),
    }
}

#[job]
fn gives_up(_: Job) -> Result<(), Failure> {
    Err(Failure::give_up("it makes no sense"))
}

/// Counts what it was given.
#[job]
fn mark(job: Job) -> Result<()> {
    Bucket::own()?.increment(&format!("mark/{}", job.text()), 1)?;
    Ok(())
}

/// Is due again before it ends.
#[job]
fn slow(job: Job) -> Result<()> {
    Bucket::own()?.increment("slow", 1)?;
    let time = Duration::from_millis(job.text().parse()?);
    Pending::timer(time)?.wait_for(time * 2)?;
    Ok(())
}

snow_guest::serve!(
    job, relay, in_place, pile, enqueue, count, marked, tell, open;
    jobs: echo, about, spin, trap, eat, fail, error, large, wait, sleep, add, chain, nested, flaky,
    gives_up, mark, slow,
);
