//! A script in the place of other servers, for tests of guests: nothing is sent anywhere, and time
//! is the server's clock, which a test can move.

mod agenda;
mod answers;

use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use snow_core::lock;
use snow_http::{Field, Response};
use snow_runtime::{
    Clock, Fetch, FetchAnswer, FetchCode, FetchDone, FetchFailure, OperationId, Outside,
    OutsideRest,
};

use self::agenda::{Agenda, Due, Shared};
use crate::exchange;
use crate::fault::failed;

/// Who answers in the place of other servers.
pub trait Upstreams: Send + Sync {
    /// Returns the answer to a request, which the deployer allows. It is called while the guest asks,
    /// and has to return at once.
    fn answer(&self, request: &UpstreamRequest) -> UpstreamAnswer;
}

impl<F: Fn(&UpstreamRequest) -> UpstreamAnswer + Send + Sync> Upstreams for F {
    fn answer(&self, request: &UpstreamRequest) -> UpstreamAnswer {
        self(request)
    }
}

/// A request as another server would get it, with what the host adds.
#[derive(Clone, Debug)]
pub struct UpstreamRequest {
    /// The method.
    pub method: String,
    /// The whole URL, as it was read: `http://a.example/` for `HTTP://a.example:80`.
    pub url: String,
    /// The fields, less those of the connection.
    pub headers: Vec<Field>,
    /// The content.
    pub body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub struct UpstreamAnswer {
    /// How long it takes until then, by the server's clock.
    pub after_ms: u32,
    /// What comes then.
    pub end: UpstreamEnd,
}

/// How a request ends.
#[derive(Clone, Debug)]
pub enum UpstreamEnd {
    /// With an answer.
    Response(Response),
    /// With a failure.
    Failure(FetchFailure),
    /// Not at all, so that its time runs out.
    Never,
}

/// An [`Outside`] that connects to nobody. The rules of the guest, redirects, the fields that the
/// host adds and drops, timeouts, the bound of an answer's bytes and `collapse` are those of an
/// [`Egress`](crate::Egress); names are not looked up, so no address is asked about.
pub struct Scripted {
    inner: Arc<Inner>,
    upstreams: Box<dyn Upstreams>,
    /// The number of the next fetch, an even one.
    next: AtomicU64,
}

struct Inner {
    clock: Clock,
    agenda: Mutex<Agenda>,
    changed: Condvar,
    /// Told when the thread has nothing to do but wait.
    rests: Condvar,
}

impl Scripted {
    /// Starts the thread that reports the ends of fetches. It ends when this is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(clock: &Clock, upstreams: impl Upstreams + 'static) -> io::Result<Scripted> {
        let inner = Arc::new(Inner {
            clock: clock.clone(),
            agenda: Mutex::default(),
            changed: Condvar::new(),
            rests: Condvar::new(),
        });
        let works = inner.clone();
        thread::Builder::new().name("snow-script".into()).spawn(move || works.run())?;
        Ok(Scripted { inner, upstreams: Box::new(upstreams), next: AtomicU64::new(2) })
    }

    /// Returns when a fetch ends, unless its own time is over before, and how.
    fn end_of(&self, agenda: &mut Agenda, number: u64, mut fetch: Fetch) -> (u64, Due) {
        let (clock, keep) = (&self.inner.clock, fetch.keep.clone());
        let most_ms = exchange::time_ms(&fetch);
        let Some(key) = fetch.options.collapse.take() else {
            let (after_ms, end) = answers::end_of(&*self.upstreams, &mut fetch, most_ms);
            let end = end.and_then(|answer| keep(FetchAnswer::Whole(answer)));
            return (clock.due_ms(after_ms), Due { end, key: None, done: None });
        };
        let key = (fetch.guest.clone(), key);
        let now_ms = clock.now_ms();
        let own_ms = clock.due_ms(most_ms);
        let in_time = |at_ms: u64, end| match at_ms <= own_ms {
            true => (at_ms, end),
            false => (own_ms, Err(exchange::too_late(most_ms))),
        };
        // As by an egress, one is not joined that has taken longer than this fetch may.
        let since_ms = now_ms.saturating_sub(most_ms.into());
        if let Some(shared) = agenda.under_way(&key, &fetch.rules, since_ms..=now_ms) {
            let sharers_max = fetch.limits.fetch_sharers_max;
            if shared.sharers >= sharers_max {
                let message = format!("{sharers_max} others share the request (fetch_sharers_max)");
                let end = Err(failed(FetchCode::Overloaded, message));
                return (now_ms, Due { end, key: None, done: None });
            }
            shared.sharers += 1;
            let (at_ms, end) = in_time(shared.at_ms, shared.end.clone());
            return (at_ms, Due { end, key: Some((key, shared.number)), done: None });
        }
        // Whoever joins may wait longer.
        let (rules, longest_ms) = (fetch.rules.clone(), fetch.limits.fetch_timeout_ms_max);
        let (after_ms, end) = answers::end_of(&*self.upstreams, &mut fetch, longest_ms);
        let end = end.and_then(|answer| keep(FetchAnswer::Whole(answer)));
        let at_ms = clock.due_ms(after_ms);
        let shared =
            Shared { number, rules, begun_ms: now_ms, at_ms, end: end.clone(), sharers: 1 };
        agenda.share(key.clone(), shared);
        let (at_ms, end) = in_time(at_ms, end);
        (at_ms, Due { end, key: Some((key, number)), done: None })
    }
}

impl Outside for Scripted {
    fn fetch(&self, fetch: Fetch, done: FetchDone) -> OperationId {
        let number = self.next.fetch_add(4, Ordering::Relaxed);
        let mut agenda = lock(&self.inner.agenda);
        let (at_ms, due) = self.end_of(&mut agenda, number, fetch);
        agenda.add(number, at_ms, Due { done: Some(done), ..due });
        self.inner.changed.notify_all();
        OperationId(NonZeroU64::new(number).expect("it begins at 2"))
    }

    fn cancel(&self, operation: OperationId) {
        let taken = lock(&self.inner.agenda).take(operation.0.get());
        drop(taken);
    }

    fn rest(&self, until: Instant) -> Option<OutsideRest> {
        let mut agenda = lock(&self.inner.agenda);
        loop {
            let (next_ms, now_ms) = (agenda.next_ms(), self.inner.clock.now_ms());
            if agenda.is_waiting && next_ms.is_none_or(|at_ms| at_ms > now_ms) {
                return Some(OutsideRest { next_ms, works: agenda.works });
            }
            let left = until.checked_duration_since(Instant::now())?;
            let waited = self.inner.rests.wait_timeout(agenda, left);
            agenda = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    fn clock_moved(&self) {
        let _agenda = lock(&self.inner.agenda);
        self.inner.changed.notify_all();
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        lock(&self.inner.agenda).is_over = true;
        self.inner.changed.notify_all();
    }
}

impl Inner {
    /// Reports each end when it is due.
    fn run(&self) {
        let mut agenda = lock(&self.agenda);
        while !agenda.is_over {
            let now_ms = self.clock.now_ms();
            if let Some(due) = agenda.take_due(now_ms) {
                // Whoever is told may ask again, or cancel another one.
                drop(agenda);
                if let Some(done) = due.done {
                    done(due.end);
                }
                agenda = lock(&self.agenda);
                continue;
            }
            agenda.is_waiting = true;
            self.rests.notify_all();
            // A lock is poisoned only by a thread that died.
            agenda = match agenda.next_ms() {
                Some(at_ms) => {
                    let left = Duration::from_millis(at_ms.saturating_sub(now_ms));
                    let waited = self.changed.wait_timeout(agenda, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.changed.wait(agenda).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
            agenda.is_waiting = false;
        }
    }
}

#[cfg(test)]
mod tests;
