//! The thread, and the fetches that are under way.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use snow_config::ServerConfig;
use snow_core::lock;
use snow_runtime::{
    Delivery, Fetch, FetchAnswer, FetchCode, FetchDone, FetchFailure, KeepAnswer, Log, OperationId,
    Outside, Relayed, Settled,
};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::certificates::{self, CertificateError};
use crate::client::Clients;
use crate::counts::FetchCounts;
use crate::exchange::{self, Answer};
use crate::fault::failed;
use crate::places::{Held, Place, Places};
use crate::proxy::Proxy;
use crate::relay::{Wish, Wishes, Writer};
use crate::sharing::{self, Flight, Flights, Flying, Joined, Seat};
use crate::tls::{Tls, provider};

/// Tasks that have their turn before sockets and timers are looked at again. Each may have as much to
/// do as a server sends in two reads.
const TASKS_BETWEEN_EVENTS: u32 = 16;

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

/// What there is to do for a fetch.
enum Work {
    /// To report that it was refused.
    Refused(FetchFailure),
    /// To send it, and to pass its answer on while it comes if that is wished.
    Alone(Box<(Fetch, Held)>, Wish),
    /// To wait for the request that is sent for it and for others; and to send that, if this is the
    /// first one.
    Shared(Seat, Option<Box<Flying>>),
}

/// What fetches share.
pub(crate) struct Shared {
    pub clients: Clients,
    pub places: Places,
    pub counts: Arc<FetchCounts>,
    pub flights: Flights,
    under_way: Mutex<BTreeMap<u64, UnderWay>>,
}

/// A fetch that can be cancelled. It is, and its place is free, as soon as this is dropped.
struct UnderWay {
    _cancel: oneshot::Sender<()>,
    holds: Holds,
    /// What an answer that is relayed may hold: until the fetch is cancelled, also when all of it has
    /// come, since some of that may wait for the client.
    relayed: Option<Held>,
}

impl UnderWay {
    /// Returns whether all of an answer has come that is relayed.
    fn is_over(&self) -> bool {
        self.relayed.is_some() && matches!(self.holds, Holds::Nothing)
    }
}

/// What a fetch holds until its end.
enum Holds {
    /// Nothing: it was refused, or it is over.
    Nothing,
    /// Its own place, and where whoever asked says how they want the answer.
    Place { _place: Place, wishes: Wishes },
    /// The request that was sent for it and for others, which has a place and is counted.
    Flight { _flight: Arc<Flight> },
}

/// A fetch on its way to the thread.
struct Job {
    work: Work,
    keep: KeepAnswer,
    done: Done,
    /// Resolves when the fetch is cancelled.
    gone: oneshot::Receiver<()>,
}

impl Egress {
    /// Makes one, and the work of its thread, by the `outbound_…` of a server's settings: whose
    /// certificates are believed besides those of the system's authorities, which is shown to who
    /// asks for one, and the proxy. What the deployer has to know of the proxy goes to the log.
    ///
    /// # Errors
    /// A file that is named there can't be read, or does not have what it should.
    pub fn new(
        server: &ServerConfig,
        log: &Log,
    ) -> Result<(Egress, EgressThread), CertificateError> {
        let counts = Arc::new(FetchCounts::default());
        let tls = Tls::new(certificates::read(server, &provider())?);
        let shared = Arc::new(Shared {
            clients: Clients::new(Arc::new(tls), Proxy::of(server, log), counts.clone()),
            places: Places::default(),
            counts,
            flights: Flights::default(),
            under_way: Mutex::default(),
        });
        let (sender, jobs) = unbounded_channel();
        Ok((Egress { jobs: sender, shared, next: AtomicU64::new(2) }, EgressThread { jobs }))
    }

    /// Returns how encrypted connections are made.
    pub(crate) fn tls(&self) -> Arc<Tls> {
        self.shared.clients.tls.clone()
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
    fn fetch(&self, mut fetch: Fetch, done: FetchDone) -> OperationId {
        let number = self.next.fetch_add(4, Ordering::Relaxed);
        let shared = &self.shared;
        let keep = fetch.keep.clone();
        // What is refused keeps no memory until the thread has reported that.
        let (holds, work) = match fetch.options.collapse.take() {
            Some(key) => shared.join(number, key, fetch),
            None => shared.alone(fetch),
        };
        let is_shared = matches!(holds, Holds::Flight { .. });
        if !matches!(work, Work::Shared(_, None)) {
            shared.counts.started.add(1);
        }
        let done = Done { shared: shared.clone(), number, is_shared, done: Some(done) };
        let (cancel, gone) = oneshot::channel();
        // Before it is sent, so that its end finds it here.
        let under_way = UnderWay { _cancel: cancel, holds, relayed: None };
        lock(&shared.under_way).insert(number, under_way);
        // It fails if the thread has died: the process ends, and nobody is told anything any more.
        let _ = self.jobs.send(Job { work, keep, done, gone });
        OperationId(NonZeroU64::new(number).expect("it begins at 2"))
    }

    fn deliver(&self, operation: OperationId, how: Delivery) {
        let under_way = lock(&self.shared.under_way);
        let holds = under_way.get(&operation.0.get()).map(|fetch| &fetch.holds);
        if let Some(Holds::Place { wishes, .. }) = holds {
            wishes.send_replace(Some(how));
        }
    }

    fn cancel(&self, operation: OperationId) {
        let Some(fetch) = self.shared.take(operation.0.get()) else { return };
        // A request that is sent for several is counted when the last one has gone.
        if !fetch.is_over() && !matches!(fetch.holds, Holds::Flight { .. }) {
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
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .event_interval(TASKS_BETWEEN_EVENTS)
            .build()?;
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
        let Job { work, keep, mut done, gone } = self;
        let shared = done.shared.clone();
        // Also if this one is cancelled already: others may wait for the request.
        let work = match work {
            Work::Shared(seat, Some(flying)) => {
                tokio::spawn(flying.run(shared.clone()));
                Work::Shared(seat, None)
            }
            work => work,
        };
        let work = async move {
            match work {
                Work::Refused(failure) => done.end(Err(failure)),
                Work::Alone(fetch, wish) => alone(&shared, *fetch, wish, keep, &mut done).await,
                Work::Shared(seat, _) => done.end(seat.wait().await.map(Some)),
            }
        };
        // Dropping the request closes its connection, or resets its stream.
        tokio::select! {
            biased;
            _ = gone => {}
            () = work => {}
        }
    }
}

/// Does a fetch that shares its request with no other.
async fn alone(
    shared: &Shared,
    (fetch, held): (Fetch, Held),
    wish: Wish,
    keep: KeepAnswer,
    done: &mut Done,
) {
    let answer = exchange::run(shared, fetch, held, wish).await;
    let (head, length, rest, held, _place) = match answer {
        Ok(Answer::Relayed { head, length, rest, place, held }) => {
            (head, length, rest, held, place)
        }
        Ok(Answer::Whole(response)) => {
            return done.end(keep(FetchAnswer::Whole(response)).map(Some));
        }
        Err(failure) => return done.end(Err(failure)),
    };
    let writer = Writer::new();
    let relayed = Relayed { head, length, content: writer.content() };
    match keep(FetchAnswer::Relayed(relayed)) {
        Ok(settled) => done.begin(settled, held),
        Err(failure) => return done.end(Err(failure)),
    }
    let result = rest.run(&writer, &shared.counts).await;
    let is_whole = result.is_ok();
    // First, since whoever finds the end of the content cancels what is under way.
    done.end(result.map(|()| None));
    writer.end(is_whole);
}

impl Shared {
    /// Prepares a fetch that shares its request with no other.
    fn alone(&self, fetch: Fetch) -> (Holds, Work) {
        match self.admit(&fetch) {
            Ok((place, held)) => {
                let (wishes, wish) = Wish::new();
                let work = Work::Alone(Box::new((fetch, held)), wish);
                (Holds::Place { _place: place, wishes }, work)
            }
            Err(failure) => (Holds::Nothing, Work::Refused(failure)),
        }
    }

    /// Prepares a fetch that waits for an equal one, or is sent for others too.
    fn join(&self, number: u64, key: String, fetch: Fetch) -> (Holds, Work) {
        let joined = self.flights.join(number, key, fetch, &self.counts, |fetch| self.admit(fetch));
        match joined {
            Ok(Joined::First(flight, seat, flying)) => {
                (Holds::Flight { _flight: flight }, Work::Shared(seat, Some(flying)))
            }
            Ok(Joined::Other(flight, seat)) => {
                self.counts.collapsed.add(1);
                (Holds::Flight { _flight: flight }, Work::Shared(seat, None))
            }
            Err(failure) => (Holds::Nothing, Work::Refused(failure)),
        }
    }

    /// Ends a fetch, and frees its place. One that is relayed stays until it is cancelled. Returns
    /// whether it was under way: whoever cancels it takes it out.
    fn ends(&self, number: u64) -> bool {
        let mut under_way = lock(&self.under_way);
        let Some(fetch) = under_way.get_mut(&number) else { return false };
        let holds = std::mem::replace(&mut fetch.holds, Holds::Nothing);
        if fetch.relayed.is_none() {
            under_way.remove(&number);
        }
        // It is dropped without the lock.
        drop(under_way);
        drop(holds);
        true
    }

    /// Takes a fetch out of those that are under way. It is dropped without the lock.
    fn take(&self, number: u64) -> Option<UnderWay> {
        lock(&self.under_way).remove(&number)
    }

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
        let mut held = self.places.hold_for(&fetch.guest);
        let fields = fetch.headers.iter().map(|field| field.name.len() + field.value.len());
        let bytes = fetch.url.len() + fields.sum::<usize>() + fetch.body.len();
        match held.add_within(bytes, limits) {
            true => Ok((place, held)),
            false => Err(overloaded("guest_fetches_bytes_max, fetches_bytes_max")),
        }
    }
}

/// Reports the end of a fetch, also if that is a panic. Says nothing if the fetch is cancelled.
struct Done {
    shared: Arc<Shared>,
    number: u64,
    /// Whether the request is sent for others too, and counted by itself.
    is_shared: bool,
    done: Option<FetchDone>,
}

impl Done {
    /// Reports an answer that is relayed, of which the head has come.
    fn begin(&mut self, settled: Settled, held: Held) {
        match lock(&self.shared.under_way).get_mut(&self.number) {
            Some(fetch) => fetch.relayed = Some(held),
            // Whoever cancels it has taken it out.
            None => return,
        }
        if let Some(done) = self.done.take() {
            done(Ok(settled));
        }
    }

    /// Reports the end: an answer, a failure, or nothing if its beginning was reported before.
    fn end(&mut self, result: Result<Option<Settled>, FetchFailure>) {
        if !self.shared.ends(self.number) {
            return;
        }
        if !self.is_shared {
            self.shared.counts.end(&result);
        }
        let Some(done) = self.done.take() else { return };
        if let Some(result) = result.transpose() {
            done(result);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.end(Err(sharing::lost()));
        }
    }
}
