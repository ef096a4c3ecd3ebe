//! The thread, and the fetches that are under way.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use snow_core::lock;
use snow_http::Response;
use snow_runtime::{
    Delivery, Fetch, FetchAnswer, FetchCode, FetchDone, FetchFailure, OperationId, Outside, Relayed,
};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::authorities::{self, AuthorityError};
use crate::client::Clients;
use crate::counts::FetchCounts;
use crate::exchange::{self, Answer};
use crate::fault::failed;
use crate::places::{Held, Place, Places};
use crate::relay::{Wish, Wishes, Writer};

/// Sends requests of guests to other servers.
///
/// Whoever begins a fetch, or cancels one, does no more than to put it into a queue, or to take it
/// out: it never waits for another server, nor for a name.
pub struct Egress {
    /// The way to the thread, which ends when this is dropped.
    jobs: UnboundedSender<Job>,
    shared: Arc<Shared>,
    /// The number of the next fetch, an even one.
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
    place: Option<Place>,
    /// Where whoever asked says how they want the answer.
    wishes: Wishes,
    /// What an answer that is relayed may hold: until the fetch is cancelled, also when all of it has
    /// come, since some of that may wait for the client.
    relayed: Option<Held>,
    is_over: bool,
}

/// A fetch on its way to the thread.
struct Job {
    /// The fetch with its bytes, or why it has no place.
    work: Result<(Fetch, Held), FetchFailure>,
    done: Done,
    wish: Wish,
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
        let authorities = authorities::read(authorities)?;
        let shared = Arc::new(Shared {
            clients: Clients::new(authorities, counts.clone()),
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
        let number = self.next.fetch_add(2, Ordering::Relaxed);
        let shared = &self.shared;
        shared.counts.started.add(1);
        // What is refused keeps no memory until the thread has reported that.
        let (place, work) = match shared.admit(&fetch) {
            Ok((place, held)) => (Some(place), Ok((fetch, held))),
            Err(failure) => (None, Err(failure)),
        };
        let done = Done { shared: shared.clone(), number, done: Some(done) };
        let (cancel, gone) = oneshot::channel();
        let (wishes, wish) = Wish::new();
        let under_way = UnderWay { _cancel: cancel, place, wishes, relayed: None, is_over: false };
        // Before it is sent, so that its end finds it here.
        lock(&shared.under_way).insert(number, under_way);
        // It fails if the thread has died: the process ends, and nobody is told anything any more.
        let _ = self.jobs.send(Job { work, done, wish, gone });
        OperationId(NonZeroU64::new(number).expect("it begins at 2"))
    }

    fn deliver(&self, operation: OperationId, how: Delivery) {
        if let Some(fetch) = lock(&self.shared.under_way).get(&operation.0.get()) {
            fetch.wishes.send_replace(Some(how));
        }
    }

    fn cancel(&self, operation: OperationId) {
        let cancelled = lock(&self.shared.under_way).remove(&operation.0.get());
        if cancelled.is_some_and(|fetch| !fetch.is_over) {
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
        let Job { work, mut done, wish, gone } = self;
        let work = async move {
            let shared = done.shared.clone();
            let (fetch, held) = match work {
                Ok(work) => work,
                Err(failure) => return done.end(Err(failure)),
            };
            let answer = exchange::run(&shared, fetch, held, wish).await;
            let (head, length, rest, held, _place) = match answer {
                Ok(Answer::Relayed { head, length, rest, place, held }) => {
                    (head, length, rest, held, place)
                }
                Ok(Answer::Whole(response)) => return done.end(Ok(Some(response))),
                Err(failure) => return done.end(Err(failure)),
            };
            let writer = Writer::new();
            done.begin(Relayed { head, length, content: writer.content() }, held);
            let result = rest.run(&writer, &shared.counts).await;
            let is_whole = result.is_ok();
            // First, since whoever finds the end of the content cancels what is under way.
            done.end(result.map(|()| None));
            writer.end(is_whole);
        };
        // Dropping the request closes its connection, or resets its stream.
        tokio::select! {
            biased;
            _ = gone => {}
            () = work => {}
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
    /// Reports the head of an answer that is relayed.
    fn begin(&mut self, relayed: Relayed, held: Held) {
        match lock(&self.shared.under_way).get_mut(&self.number) {
            Some(fetch) => fetch.relayed = Some(held),
            // Whoever cancels it has taken it out.
            None => return,
        }
        if let Some(done) = self.done.take() {
            done(Ok(FetchAnswer::Relayed(relayed)));
        }
    }

    /// Reports the end: an answer, a failure, or nothing if its head was reported before.
    fn end(&mut self, result: Result<Option<Response>, FetchFailure>) {
        let mut under_way = lock(&self.shared.under_way);
        match under_way.get_mut(&self.number) {
            None => return,
            Some(fetch) if fetch.relayed.is_some() => {
                fetch.is_over = true;
                fetch.place = None;
            }
            Some(_) => drop(under_way.remove(&self.number)),
        }
        drop(under_way);
        self.shared.counts.end(&result);
        let Some(done) = self.done.take() else { return };
        if let Some(result) = result.transpose() {
            done(result.map(FetchAnswer::Whole));
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
