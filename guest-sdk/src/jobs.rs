//! Jobs: work on other threads, later, or again and again.
//!
//! A job is a function with [`#[job]`](macro@crate::job) that [`serve!`](crate::serve) lists. It
//! runs in an instance of its own, on threads with a lower priority, so it may compute for long.
//! There are three ways to have it run:
//!
//! | | |
//! |---|---|
//! | [`start`] | as soon as a thread is free. What it returns settles a [`Pending`], so a request can wait for it |
//! | [`enqueue`], [`Durable`] | until it has succeeded once, with pauses that grow, over restarts of the host too |
//! | a schedule in snow.toml | every so often, or by a calendar |
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! /// Computes where no client is kept waiting by it. Nothing of this guest exists meanwhile but a
//! /// few hundred bytes and the job.
//! #[route(GET, r"/primes/(\d+)", resume = counted)]
//! fn primes(request: Request) -> Result<Suspension> {
//!     Ok(jobs::start("count_primes", request.param(0))?.suspend())
//! }
//!
//! #[job]
//! fn count_primes(job: Job) -> Result<String> {
//!     let most: u32 = job.text().parse()?;
//!     Ok((2..most).filter(|n| (2..*n).all(|by| n % by != 0)).count().to_string())
//! }
//!
//! fn counted(resumed: Resumed) -> Result<String> {
//!     match resumed.settlement(0) {
//!         Some(Settlement::Value(count)) => Ok(String::from_utf8_lossy(count).into_owned()),
//!         Some(_) => Err(Error::status(500, "they can't be counted")),
//!         None => Err(Error::status(504, "there are too many")),
//!     }
//! }
//!
//! /// Answers at once. The mail goes out later, and again if it has to.
//! #[route(POST, r"/orders")]
//! fn order(request: Request) -> Result<(u16, String)> {
//!     let id = jobs::enqueue("send_mail", request.into_body())?;
//!     Ok((202, id))
//! }
//!
//! #[job]
//! fn send_mail(job: Job) -> Result<(), Failure> {
//!     let sent = Fetch::post("http://mail.example/", job.payload()).send();
//!     match sent.and_then(|sent| sent.wait()) {
//!         Ok(Some(Settlement::Response(answer))) if answer.code() == 200 => Ok(()),
//!         Ok(Some(Settlement::Response(answer))) if answer.code() == 400 => {
//!             Err(Failure::give_up("nobody has this address"))
//!         }
//!         _ => Err(Failure::new("mail", "the mail server does not take it now")),
//!     }
//! }
//!
//! snow_guest::serve!(primes, order; jobs: count_primes, send_mail);
//! # fn main() {}
//! ```
//!
//! # Failures
//!
//! A job that was started settles its pending with its own failure, or with one that has one of
//! these [codes](crate::Failure::code):
//!
//! | code | |
//! |---|---|
//! | `failed` | its function returned an [`Error`] |
//! | `unknown-job` | the guest has no job of that name |
//! | `trapped` | it panicked, or used too much memory: the host's log has the reason |
//! | `timeout` | it took too long (`job_running_ms_max`, `job_ms_max`) |
//! | `too-large` | it returned more bytes than a settlement may have |
//! | `stopped` | the server was about to end before the job did |
//! | `overloaded` | there was no instance for it |

use crate::bindings::exports::snow::host::job_runner as raw;
use crate::bindings::snow::host::jobs as raw_jobs;
use crate::pending::milliseconds;
use crate::{Error, Failure, Pending, log};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The most attempts of a job that says nothing about them.
const ATTEMPTS: u32 = 20;

/// Runs a job as soon as a thread is free for it. The pending is settled by its end: with what it
/// returned, or with a [failure](self#failures).
///
/// It goes on if the pending is dropped: work that nobody waits for, such as what follows an
/// answer. It is lost if the host ends.
///
/// # Errors
/// The host does not take it: too many wait, or its payload is too long.
pub fn start(name: &str, payload: impl Into<Vec<u8>>) -> Result<Pending, JobError> {
    host::start(name, &payload.into()).map(Pending::lift)
}

/// Keeps a job until it has succeeded once, and returns its id: see [`Durable`], with a delay and a
/// number of attempts of its own.
///
/// # Errors
/// The host does not take it.
pub fn enqueue(name: &str, payload: impl Into<Vec<u8>>) -> Result<String, JobError> {
    Durable::new(name, payload).enqueue()
}

/// A job that is kept until it has succeeded once.
///
/// It is tried by whichever version of the guest serves then. If it fails, it is tried again after
/// a second, then two, and so on up to an hour, until its function returns no error, or
/// [`Failure::give_up`], or it has been tried as often as it may. The deployer sees what has failed
/// for good (`snow-host jobs`).
///
/// With a data folder (`--data`) it is on the disk once [`enqueue`](Self::enqueue) has returned,
/// and survives a crash. Then it may run twice: [`Job::id`] is the same.
#[derive(Clone, Debug)]
#[must_use = "it is not kept yet"]
pub struct Durable {
    name: String,
    payload: Vec<u8>,
    how: raw_jobs::Durable,
}

impl Durable {
    /// A job that is due at once, and tried 20 times at most.
    pub fn new(name: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        let how = raw_jobs::Durable { delay_ms: 0, attempts_max: ATTEMPTS };
        Self { name: name.into(), payload: payload.into(), how }
    }

    /// Lets it be due after this time.
    pub fn after(mut self, time: Duration) -> Self {
        self.how.delay_ms = milliseconds(time);
        self
    }

    /// Lets it be tried so often at most. More than the host's maximum is cut to it.
    pub fn attempts(mut self, most: u32) -> Self {
        self.how.attempts_max = most;
        self
    }

    /// Keeps it, and returns its id.
    ///
    /// # Errors
    /// The host does not take it. After [`JobError::Unavailable`] it may be kept all the same.
    pub fn enqueue(self) -> Result<String, JobError> {
        host::enqueue(&self.name, &self.payload, self.how)
    }
}

/// A job, as its function gets it.
#[derive(Debug)]
pub struct Job(raw::Job);

impl Job {
    /// A job with this name and this payload, in its first attempt of one: for tests.
    pub fn new(name: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self(raw::Job {
            id: "0".repeat(32),
            name: name.into(),
            payload: payload.into(),
            attempt: 1,
            attempts_max: 1,
            due_ms: 0,
        })
    }

    /// Tells this job from every other, and is the same in each attempt.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The name under which it was started.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The bytes that it was started with.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// Takes the bytes that it was started with.
    pub fn into_payload(self) -> Vec<u8> {
        self.0.payload
    }

    /// [`payload`](Self::payload) as text, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0.payload)
    }

    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Returns whether it is not tried again if it fails.
    pub fn is_last_attempt(&self) -> bool {
        self.0.attempt >= self.0.attempts_max
    }

    /// Returns when it was due first, as the time since 1970-01-01T00:00:00Z.
    pub fn due(&self) -> Duration {
        Duration::from_millis(self.0.due_ms)
    }
}

/// Why the host did not take a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobError {
    /// Jobs are started only by a request or by a job.
    Denied,
    /// The guest does not export `run`. One of this SDK does, so a job that stands in no `serve!` fails
    /// when it is run, with the code `unknown-job`.
    NoRunner,
    /// A limit of the host, in words that name it.
    Limit(String),
    /// The disk does not take it, in words. It may be kept all the same.
    Unavailable(String),
}

impl JobError {
    #[cfg(target_arch = "wasm32")]
    fn lift(raw: raw_jobs::JobError) -> Self {
        match raw {
            raw_jobs::JobError::Denied => JobError::Denied,
            raw_jobs::JobError::NoRunner => JobError::NoRunner,
            raw_jobs::JobError::Limit(words) => JobError::Limit(words),
            raw_jobs::JobError::Unavailable(words) => JobError::Unavailable(words),
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Denied => out.write_str("a job can't be started here"),
            JobError::NoRunner => out.write_str("this guest has no jobs"),
            JobError::Limit(words) => write!(out, "a limit of the host is reached: {words}"),
            JobError::Unavailable(words) => write!(out, "the job can't be kept: {words}"),
        }
    }
}

impl std::error::Error for JobError {}

/// The values that a job's function may return: bytes, text, nothing, or a `Result` of them.
pub trait IntoJobResult {
    /// Returns the bytes, or the failure.
    fn into_job_result(self) -> Result<Vec<u8>, Failure>;
}

impl IntoJobResult for () {
    fn into_job_result(self) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }
}

impl IntoJobResult for Vec<u8> {
    fn into_job_result(self) -> Result<Vec<u8>, Failure> {
        Ok(self)
    }
}

impl IntoJobResult for String {
    fn into_job_result(self) -> Result<Vec<u8>, Failure> {
        Ok(self.into_bytes())
    }
}

impl IntoJobResult for &str {
    fn into_job_result(self) -> Result<Vec<u8>, Failure> {
        Ok(self.into())
    }
}

impl<T: IntoJobResult> IntoJobResult for Result<T, Failure> {
    fn into_job_result(self) -> Result<Vec<u8>, Failure> {
        self.and_then(T::into_job_result)
    }
}

/// The error becomes a failure with the code `failed`. Its text is logged unless it is for clients.
impl<T: IntoJobResult> IntoJobResult for Result<T, Error> {
    fn into_job_result(self) -> Result<Vec<u8>, Failure> {
        match self {
            Ok(value) => value.into_job_result(),
            Err(error) => {
                let text = error.to_string();
                if !error.is_public() {
                    log::error(&text);
                }
                Err(Failure::new("failed", text))
            }
        }
    }
}

/// One job, as `#[job]` writes it.
#[doc(hidden)]
pub struct Entry {
    /// The name of its function.
    pub name: &'static str,
    /// Calls the function.
    pub run: fn(Job) -> Result<Vec<u8>, Failure>,
}

/// Runs the job of a table that has the name.
pub(crate) fn run(entries: &[Entry], job: raw::Job) -> Result<Vec<u8>, Failure> {
    match entries.iter().find(|entry| entry.name == job.name) {
        Some(entry) => (entry.run)(Job(job)),
        None => Err(Failure::new("unknown-job", format!("there is no job {:?}", job.name))),
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::JobError;
    use crate::bindings::snow::host::{jobs as raw, pending_handles};

    pub fn start(name: &str, payload: &[u8]) -> Result<pending_handles::Pending, JobError> {
        raw::start(name, payload).map_err(JobError::lift)
    }
    pub fn enqueue(name: &str, payload: &[u8], how: raw::Durable) -> Result<String, JobError> {
        raw::enqueue(name, payload, how).map_err(JobError::lift)
    }
}

/// In a native test there is no host, and no job is taken.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    use super::JobError;
    use crate::bindings::snow::host::{jobs as raw, pending_handles};

    pub fn start(_: &str, _: &[u8]) -> Result<pending_handles::Pending, JobError> {
        Err(JobError::Denied)
    }
    pub fn enqueue(_: &str, _: &[u8], _: raw::Durable) -> Result<String, JobError> {
        Err(JobError::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(job: Job) -> Result<Vec<u8>, Failure> {
        let number = job.text().parse::<u32>();
        number.map(|number| (number * 2).to_string()).map_err(Error::from).into_job_result()
    }

    #[test]
    fn a_job_is_found_by_its_name_and_its_error_has_a_code() {
        let entries = [Entry { name: "double", run: double }];
        let run = |name, payload| run(&entries, Job::new(name, payload).0);
        assert_eq!(run("double", "21").unwrap(), b"42");
        assert_eq!(run("double", "x").unwrap_err().code, "failed");
        let failure = run("triple", "1").unwrap_err();
        assert_eq!(
            (&*failure.code, &*failure.message),
            ("unknown-job", "there is no job \"triple\"")
        );
    }

    #[test]
    fn without_a_host_no_job_is_taken() {
        assert_eq!(start("a", "").unwrap_err(), JobError::Denied);
        let durable = Durable::new("a", "b").after(Duration::from_secs(2)).attempts(3);
        assert_eq!((durable.how.delay_ms, durable.how.attempts_max), (2_000, 3));
        assert_eq!(durable.enqueue(), Err(JobError::Denied));
    }
}
