//! Work for pages that may wait for the disk: each job has a thread, and its page is suspended until
//! the job is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use super::WORKER;
use super::pending::Settles;
use snow_core::{PendingId, Registry, lock};
use snow_http::Response;
use snow_runtime::{Handle, Join, Outcome, Post, Settled, Source, Suspend};

/// How long a job may take before its page says so.
const PATIENCE_MS: u32 = 30_000;

/// The jobs that are under way.
pub struct Jobs {
    registry: Arc<Registry<Settled>>,
    post: Arc<dyn Post>,
    jobs_max: usize,
    /// The number of the next job.
    next: u64,
    /// By number: jobs whose threads run, and those whose pages wait.
    under_way: BTreeMap<u64, Job>,
}

struct Job {
    /// The pending on which the page waits.
    id: PendingId,
    answer: Arc<Mutex<Option<Response>>>,
    /// Alive while the thread runs.
    open: Weak<Settles>,
}

impl Jobs {
    /// Returns a list without jobs. Pages wait in this registry and are woken by this post.
    pub fn new(registry: Arc<Registry<Settled>>, post: Arc<dyn Post>, jobs_max: usize) -> Jobs {
        Jobs { registry, post, jobs_max, next: 0, under_way: BTreeMap::new() }
    }

    /// Starts a job. Returns the suspension of its page, which ends with the job. `None` if too many
    /// are under way, or the system gives no thread.
    pub fn start(&mut self, work: impl FnOnce() -> Response + Send + 'static) -> Option<Outcome> {
        let Jobs { registry, under_way, .. } = self;
        under_way.retain(|_, job| job.open.strong_count() > 0 || registry.token(job.id).is_some());
        if self.under_way.len() >= self.jobs_max {
            return None;
        }
        let id = self.registry.create(WORKER, None).ok()?;
        let open = Settles::new(id, self.registry.clone(), self.post.clone());
        let job = Job { id, answer: Arc::default(), open: Arc::downgrade(&open) };
        let answer = job.answer.clone();
        let run = move || {
            *lock(&answer) = Some(work());
            drop(open);
        };
        // If no thread can be started, `open` is dropped and settles a pending that ends here.
        thread::Builder::new().name("snow-admin-job".into()).spawn(run).ok()?;
        let number = self.next;
        self.next += 1;
        self.under_way.insert(number, job);
        Some(Outcome::Suspend(Suspend {
            handles: vec![Handle { id, source: Source::None }],
            until: Join::All,
            timeout_ms: Some(PATIENCE_MS),
            deadline_ms: None,
            on_timeout: None,
            resume: true,
            keep_request: false,
            state: number.to_le_bytes().to_vec(),
        }))
    }

    /// Returns the answer of a job.
    pub fn answer(&mut self, state: &[u8]) -> Response {
        let number = state.try_into().map(u64::from_le_bytes);
        let Some(job) = number.ok().and_then(|number| self.under_way.get(&number)) else {
            return Response::unavailable();
        };
        let answer = lock(&job.answer).take();
        match answer {
            Some(answer) => answer,
            // Its thread has panicked.
            None if job.open.strong_count() == 0 => Response::text(500, "internal server error\n"),
            None => Response::text(
                503,
                "the disk has not answered in time: what was to be written may be kept\n",
            ),
        }
    }
}
