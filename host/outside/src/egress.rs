//! The thread, and the fetches that are under way.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use snow_core::{Counter, lock};
use snow_http::Response;
use snow_runtime::{Fetch, FetchCode, FetchDone, FetchFailure, OperationId, Outside};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::client::Clients;
use crate::exchange;
use crate::fault::failed;
use crate::places::{Held, Place, Places};

/// Sends requests of guests to other servers.
///
/// Whoever begins a fetch, or cancels one, does no more than to put it into a queue: it never waits
/// for another server, nor for a name.
pub struct Egress {
    handle: Handle,
    shared: Arc<Shared>,
    /// The number of the next fetch, an even one.
    next: AtomicU64,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

/// What the thread of an [`Egress`] does. It is to be [run](EgressThread::run) on one.
pub struct EgressThread {
    runtime: Runtime,
    stopped: oneshot::Receiver<()>,
}

#[derive(Default)]
struct Shared {
    clients: Clients,
    places: Places,
    /// The fetches that can be cancelled.
    under_way: Mutex<BTreeMap<u64, AbortHandle>>,
    counts: FetchCounts,
}

/// Counts fetches, since the start.
#[derive(Default)]
pub struct FetchCounts {
    /// Fetches that were begun.
    pub started: Counter,
    /// Answers that came.
    pub answered: Counter,
    /// Failures, in the order of [`FetchCode::ALL`].
    pub failed: [Counter; FetchCode::ALL.len()],
    /// Fetches that were given up since nobody waited any more.
    pub cancelled: Counter,
}

impl Egress {
    /// Makes one, and the work of its thread.
    ///
    /// # Errors
    /// The system has no descriptors left.
    pub fn new() -> io::Result<(Egress, EgressThread)> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let egress = Egress {
            handle: runtime.handle().clone(),
            shared: Arc::default(),
            next: AtomicU64::new(2),
            _stop: stop,
        };
        Ok((egress, EgressThread { runtime, stopped }))
    }

    /// Returns what was counted so far.
    pub fn counts(&self) -> &FetchCounts {
        &self.shared.counts
    }

    /// Returns how many fetches are under way now, and how many bytes they hold.
    pub fn under_way(&self) -> (usize, usize) {
        (self.shared.places.in_use(), self.shared.places.bytes())
    }
}

impl Outside for Egress {
    fn fetch(&self, fetch: Fetch, done: FetchDone) -> OperationId {
        let number = self.next.fetch_add(2, Ordering::Relaxed);
        let shared = &self.shared;
        shared.counts.started.add(1);
        let admitted = shared.admit(&fetch);
        let done = Done { shared: shared.clone(), number, done: Some(done) };
        // Held until the fetch is among those under way, so that its end finds it there.
        let mut under_way = lock(&shared.under_way);
        let task = self.handle.spawn(async move {
            let result = match admitted {
                Ok((_place, held)) => exchange::run(&done.shared.clients, fetch, held).await,
                Err(failure) => Err(failure),
            };
            done.report(result);
        });
        under_way.insert(number, task.abort_handle());
        OperationId(NonZeroU64::new(number).expect("it begins at 2"))
    }

    fn cancel(&self, operation: OperationId) {
        if let Some(task) = lock(&self.shared.under_way).remove(&operation.0.get()) {
            self.shared.counts.cancelled.add(1);
            task.abort();
        }
    }
}

impl EgressThread {
    /// Sends what is to be sent, until the [`Egress`] is dropped. What is under way then is given up.
    pub fn run(self) {
        let _ = self.runtime.block_on(self.stopped);
    }
}

impl Shared {
    /// Finds a place for a fetch, and room for its content.
    fn admit(&self, fetch: &Fetch) -> Result<(Place, Held), FetchFailure> {
        let overloaded = |setting: &str| {
            failed(
                FetchCode::Overloaded,
                format!("too many other fetches are under way ({setting})"),
            )
        };
        let limits = &fetch.limits;
        let place = self.places.take(&fetch.guest, limits).map_err(overloaded)?;
        let mut held = self.places.hold();
        match held.add(fetch.body.len(), limits.fetches_bytes_max) {
            true => Ok((place, held)),
            false => Err(overloaded("fetches_bytes_max")),
        }
    }
}

/// Reports the end of a fetch, also if that is a panic. Says nothing if the fetch is cancelled.
struct Done {
    shared: Arc<Shared>,
    number: u64,
    done: Option<FetchDone>,
}

impl Done {
    fn report(mut self, result: Result<Response, FetchFailure>) {
        self.end(result);
    }

    fn end(&mut self, result: Result<Response, FetchFailure>) {
        // Whoever cancels it has taken it out.
        if lock(&self.shared.under_way).remove(&self.number).is_none() {
            return;
        }
        let counts = &self.shared.counts;
        match &result {
            Ok(_) => counts.answered.add(1),
            Err(failure) => {
                let at = FetchCode::ALL.iter().position(|code| *code == failure.code);
                at.into_iter().for_each(|at| counts.failed[at].add(1));
            }
        }
        if let Some(done) = self.done.take() {
            done(result);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.end(Err(failed(FetchCode::Protocol, "the host could not go on with it")));
        }
    }
}
