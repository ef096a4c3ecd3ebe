//! The thread, and the fetches that are under way.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use snow_core::lock;
use snow_http::Response;
use snow_runtime::{Fetch, FetchCode, FetchDone, FetchFailure, OperationId, Outside};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::authorities::{self, AuthorityError, Tls};
use crate::client::Clients;
use crate::counts::FetchCounts;
use crate::exchange;
use crate::fault::failed;
use crate::places::{Held, Place, Places};

/// Sends requests of guests to other servers.
///
/// Whoever begins a fetch, or cancels one, does no more than to put it into a queue, or to take it
/// out: it never waits for another server, nor for a name.
pub struct Egress {
    /// The way to the thread, which ends when this is dropped.
    jobs: UnboundedSender<Job>,
    shared: Arc<Shared>,
    /// The number of the next fetch: an even one, and no multiple of four.
    next: AtomicU64,
}

/// What the thread of an [`Egress`] does. It is to be [run](EgressThread::run) on one.
pub struct EgressThread {
    jobs: UnboundedReceiver<Job>,
}

/// What fetches share.
pub(crate) struct Shared {
    pub clients: Clients,
    pub places: Places,
    pub counts: Arc<FetchCounts>,
    under_way: Mutex<BTreeMap<u64, UnderWay>>,
}

/// A fetch that can be cancelled. It is, and its place is free, as soon as this is dropped.
struct UnderWay {
    _cancel: oneshot::Sender<()>,
    _place: Option<Place>,
}

/// A fetch on its way to the thread.
struct Job {
    /// The fetch with its bytes, or why it has no place.
    work: Result<(Fetch, Held), FetchFailure>,
    done: Done,
    /// Resolves when the fetch is cancelled.
    gone: oneshot::Receiver<()>,
}

impl Egress {
    /// Makes one, and the work of its thread. Certificates by the authorities in these files are
    /// believed, besides those of the system's.
    ///
    /// # Errors
    /// One of the files can't be read, or has no certificate.
    pub fn new(authorities: &[PathBuf]) -> Result<(Egress, EgressThread), AuthorityError> {
        let counts = Arc::new(FetchCounts::default());
        let tls = Arc::new(Tls::new(authorities::read(authorities)?));
        let shared = Arc::new(Shared {
            clients: Clients::new(tls, counts.clone()),
            places: Places::default(),
            counts,
            under_way: Mutex::default(),
        });
        let (sender, jobs) = unbounded_channel();
        Ok((Egress { jobs: sender, shared, next: AtomicU64::new(2) }, EgressThread { jobs }))
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
        let number = self.next.fetch_add(4, Ordering::Relaxed);
        let shared = &self.shared;
        shared.counts.started.add(1);
        // What is refused keeps no memory until the thread has reported that.
        let (place, work) = match shared.admit(&fetch) {
            Ok((place, held)) => (Some(place), Ok((fetch, held))),
            Err(failure) => (None, Err(failure)),
        };
        let done = Done { shared: shared.clone(), number, done: Some(done) };
        let (cancel, gone) = oneshot::channel();
        // Before it is sent, so that its end finds it here.
        lock(&shared.under_way).insert(number, UnderWay { _cancel: cancel, _place: place });
        // It fails if the thread has died: the process ends, and nobody is told anything any more.
        let _ = self.jobs.send(Job { work, done, gone });
        OperationId(NonZeroU64::new(number).expect("it begins at 2"))
    }

    fn cancel(&self, operation: OperationId) {
        if lock(&self.shared.under_way).remove(&operation.0.get()).is_some() {
            self.shared.counts.cancelled.add(1);
        }
    }
}

impl EgressThread {
    /// Sends what is to be sent, until the [`Egress`] is dropped. What is under way then is given up.
    ///
    /// The thread sleeps until the first fetch, and only then makes what it needs: a server whose
    /// guests ask nobody pays for a stack alone.
    ///
    /// # Errors
    /// The system has no descriptors left for the runtime.
    pub fn run(mut self) -> io::Result<()> {
        let Some(first) = self.jobs.blocking_recv() else { return Ok(()) };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        runtime.block_on(async {
            let mut next = Some(first);
            while let Some(job) = next {
                tokio::spawn(job.run());
                next = self.jobs.recv().await;
            }
        });
        Ok(())
    }
}

impl Job {
    async fn run(self) {
        let Job { work, done, gone } = self;
        let shared = done.shared.clone();
        let work = async {
            let (fetch, held) = work?;
            exchange::run(&shared, fetch, held).await
        };
        // Dropping the request closes its connection, or resets its stream.
        tokio::select! {
            biased;
            _ = gone => {}
            result = work => done.report(result),
        }
    }
}

impl Shared {
    /// Finds a place for a fetch, and room for its bytes.
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
        let fields = fetch.headers.iter().map(|field| field.name.len() + field.value.len());
        let bytes = fetch.url.len() + fields.sum::<usize>() + fetch.body.len();
        match held.add(bytes, limits.fetches_bytes_max) {
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
        self.shared.counts.end(&result);
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
