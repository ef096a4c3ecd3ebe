//! Equal fetches of a guest, of which one is sent for all (`collapse`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use snow_config::OutboundRules;
use snow_core::lock;
use snow_runtime::{Fetch, FetchAnswer, FetchCode, FetchFailure, Settled};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::counts::FetchCounts;
use crate::egress::Shared;
use crate::exchange::{self, Answer};
use crate::fault::failed;
use crate::places::{Held, Place};
use crate::relay::Wish;

/// The end of a fetch.
pub(crate) type End = Result<Settled, FetchFailure>;

/// A guest, and what its fetch is equal to.
type Key = (Arc<str>, String);

/// The fetches that are sent for all who wait for them.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<BTreeMap<Key, Listed>>>);

/// A fetch that others can join.
struct Listed {
    number: u64,
    flight: Weak<Flight>,
}

/// A fetch that is sent for all who have this. When nobody has it any more it is given up, and its
/// place is free.
pub(crate) struct Flight {
    /// The number of the fetch that it was begun for.
    number: u64,
    key: Key,
    /// The rules under which it was begun.
    rules: Arc<OutboundRules>,
    begun: Instant,
    end: watch::Receiver<Option<End>>,
    table: Flights,
    is_counted: Arc<AtomicBool>,
    counts: Arc<FetchCounts>,
    _cancel: oneshot::Sender<()>,
    _place: Place,
}

/// The work of a [`Flight`].
pub(crate) struct Flying {
    number: u64,
    fetch: Fetch,
    held: Held,
    key: Key,
    end: watch::Sender<Option<End>>,
    /// Resolves when nobody waits any more.
    gone: oneshot::Receiver<()>,
    is_counted: Arc<AtomicBool>,
}

/// The wait of one fetch for the end of a [`Flight`].
pub(crate) struct Seat {
    end: watch::Receiver<Option<End>>,
    /// How long this one waits.
    most_ms: u32,
}

/// How a fetch comes to its end.
pub(crate) enum Joined {
    /// Another one is under way.
    Other(Arc<Flight>, Seat),
    /// It is the first one, which has to be sent.
    First(Arc<Flight>, Seat, Box<Flying>),
}

impl Flights {
    /// Waits for the fetch under way that has this key, or makes it the first one if there is none.
    /// `admit` finds its place then.
    ///
    /// One that was begun under other rules is no such fetch: what the deployer has forbidden
    /// meanwhile is not shared. Neither is one that has taken longer already than this fetch may:
    /// it hangs, as far as this one can tell, and would make every fetch fail that joins it, for as
    /// long as anybody does. The new one takes its place here, and it goes on for those who have it.
    pub fn join(
        &self,
        number: u64,
        key: String,
        mut fetch: Fetch,
        counts: &Arc<FetchCounts>,
        admit: impl FnOnce(&Fetch) -> Result<(Place, Held), FetchFailure>,
    ) -> Result<Joined, FetchFailure> {
        let (key, most_ms) = ((fetch.guest.clone(), key), exchange::time_ms(&fetch));
        let sharers_max = fetch.limits.fetch_sharers_max;
        let mut flights = lock(&self.0);
        // Dropped last, without the lock, which the end of a flight takes.
        let found = flights.get(&key).and_then(|listed| listed.flight.upgrade());
        let now = Instant::now();
        let own_time = Duration::from_millis(most_ms.into());
        let is_joined = |flight: &&Arc<Flight>| {
            flight.rules == fetch.rules && now.saturating_duration_since(flight.begun) <= own_time
        };
        if let Some(flight) = found.as_ref().filter(is_joined) {
            // One more than wait: that is this one.
            let sharers = Arc::strong_count(flight);
            drop(flights);
            if sharers > sharers_max {
                let message = format!("{sharers_max} others share the request (fetch_sharers_max)");
                return Err(failed(FetchCode::Overloaded, message));
            }
            let seat = Seat { end: flight.end.clone(), most_ms };
            return Ok(Joined::Other(flight.clone(), seat));
        }
        let (place, held) = match admit(&fetch) {
            Ok(admitted) => admitted,
            Err(failure) => {
                drop(flights);
                return Err(failure);
            }
        };
        // Whoever joins may wait longer.
        fetch.options.timeout_ms = Some(fetch.limits.fetch_timeout_ms_max);
        let (sender, end) = watch::channel(None);
        let (cancel, gone) = oneshot::channel();
        let flight = Arc::new(Flight {
            number,
            key: key.clone(),
            rules: fetch.rules.clone(),
            begun: now,
            end: end.clone(),
            table: self.clone(),
            is_counted: Arc::default(),
            counts: counts.clone(),
            _cancel: cancel,
            _place: place,
        });
        flights.insert(key.clone(), Listed { number, flight: Arc::downgrade(&flight) });
        drop(flights);
        let is_counted = flight.is_counted.clone();
        let flying = Flying { number, fetch, held, key, end: sender, gone, is_counted };
        Ok(Joined::First(flight, Seat { end, most_ms }, Box::new(flying)))
    }

    /// Takes a flight out, so that the next equal fetch is sent. Another one may have its place.
    fn remove(&self, key: &Key, number: u64) {
        let mut flights = lock(&self.0);
        if flights.get(key).is_some_and(|listed| listed.number == number) {
            flights.remove(key);
        }
    }
}

impl Flying {
    /// Sends the request, and tells its end to all who wait.
    pub async fn run(self, shared: Arc<Shared>) {
        let Flying { number, fetch, held, key, end, gone, is_counted } = self;
        let keep = fetch.keep.clone();
        let result = tokio::select! {
            biased;
            _ = gone => return,
            answer = exchange::run(&shared, fetch, held, Wish::whole()) => answer,
        };
        let result = result.and_then(|answer| match answer {
            Answer::Whole(response) => keep(FetchAnswer::Whole(response)),
            // Nobody has wished for that.
            Answer::Relayed { .. } => Err(lost()),
        });
        // First, since whoever asks from now on wants a newer answer.
        shared.flights.remove(&key, number);
        if !is_counted.swap(true, Ordering::Relaxed) {
            shared.counts.end(&result);
        }
        end.send_replace(Some(result));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.table.remove(&self.key, self.number);
        if !self.is_counted.swap(true, Ordering::Relaxed) {
            self.counts.cancelled.add(1);
        }
    }
}

impl Seat {
    /// Waits for the end, as long as this one may.
    pub async fn wait(mut self) -> End {
        let time = Duration::from_millis(self.most_ms.into());
        match timeout(time, self.end.wait_for(Option::is_some)).await {
            Ok(Ok(end)) => end.clone().unwrap_or_else(|| Err(lost())),
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(exchange::too_late(self.most_ms)),
        }
    }
}

/// The failure of a fetch whose work has ended without a result: by a panic.
pub(crate) fn lost() -> FetchFailure {
    failed(FetchCode::Protocol, "the host could not go on with it")
}
