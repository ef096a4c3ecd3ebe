//! Work for pages that may wait for the disk: each errand has a thread, and its page is suspended
//! until that is done.

use std::sync::{Arc, Mutex};
use std::thread;

use super::under_way::UnderWay;
use snow_core::{Registry, lock};
use snow_http::Response;
use snow_runtime::{Outcome, Post, Settled};

/// How long an errand may take before its page says so.
const PATIENCE_MS: u32 = 30_000;

/// The errands that are under way, each with the place of its answer.
pub struct Errands(UnderWay<Arc<Mutex<Option<Response>>>>);

impl Errands {
    /// Returns a list without errands. Pages wait in this registry and are woken by this post.
    pub fn new(
        registry: Arc<Registry<Settled>>,
        post: Arc<dyn Post>,
        errands_max: usize,
    ) -> Errands {
        Errands(UnderWay::new(registry, post, errands_max))
    }

    /// Starts an errand. Returns the suspension of its page, which ends with it. `None` if too many
    /// are under way, or the system gives no thread.
    pub fn start(&mut self, work: impl FnOnce() -> Response + Send + 'static) -> Option<Outcome> {
        self.0.begin(PATIENCE_MS, |open| {
            let answer = Arc::<Mutex<_>>::default();
            let place = answer.clone();
            let run = move || {
                *lock(&place) = Some(work());
                drop(open);
            };
            thread::Builder::new().name("snow-admin-errand".into()).spawn(run).ok()?;
            Some(answer)
        })
    }

    /// Returns the answer of an errand.
    pub fn answer(&self, state: &[u8]) -> Response {
        let Some(errand) = self.0.get(state) else { return Response::unavailable() };
        let answer = lock(&errand.about).take();
        match answer {
            Some(answer) => answer,
            // Its thread has panicked.
            None if !errand.is_open() => Response::text(500, "internal server error\n"),
            None => Response::text(
                503,
                "the disk has not answered in time: what was to be written may be kept\n",
            ),
        }
    }
}
