//! Waiting in place in an `async` handler.
//!
//! An instance has one thread and the host has one way to wait, so the executor is a loop: it polls
//! the handler's future until that can't go on, then waits for whatever has been awaited meanwhile,
//! as one call of the host, and tells those that came.

use super::{Pending, Refusal, host, milliseconds, raw};
use crate::{Settlement, system};
use std::cell::RefCell;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// The future of what a pending is settled with: what awaiting a [`Pending`], or a reference to
/// one, makes. It waits in place, as [`Pending::wait`] does.
///
/// Its output is `None` if the deadline came first: that of [`within`](Self::within), or the host's
/// default. Several that are awaited at the same time are one wait of the host. A `Wait` that is
/// dropped waits for nothing any more.
///
/// Only what ends in a `Wait` can be awaited. A future that waits for something else, such as a
/// socket or a thread, has nothing here that could wake it: the handler panics then.
///
/// ```
/// use snow_guest::prelude::*;
///
/// #[route(GET, r"/offer")]
/// async fn offer(_: Request) -> Result<String> {
///     let price = Pending::keyed("price")?.within(Duration::from_secs(5)).await?;
///     pending::sleep(Duration::from_millis(10)).await?;
///     Ok(price.map_or("none".to_owned(), |price| price.text().into_owned()))
/// }
///
/// snow_guest::serve!(offer);
/// # fn main() {}
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait {
    pending: Arc<raw::Pending>,
    time: Option<Duration>,
    /// What the executor knows of it, once it was polled.
    entry: Option<Rc<Entry>>,
}

impl Wait {
    fn new(pending: &Pending) -> Self {
        Self { pending: Arc::clone(&pending.0), time: None, entry: None }
    }

    /// Waits this long at most, from when it is first polled.
    pub fn within(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }
}

impl Pending {
    /// Returns the future of its settlement that waits this long at most: see [`Wait`].
    pub fn within(&self, time: Duration) -> Wait {
        Wait::new(self).within(time)
    }
}

impl IntoFuture for Pending {
    type Output = Result<Option<Settlement>, Refusal>;
    type IntoFuture = Wait;

    fn into_future(self) -> Wait {
        Wait::new(&self)
    }
}

impl IntoFuture for &Pending {
    type Output = Result<Option<Settlement>, Refusal>;
    type IntoFuture = Wait;

    fn into_future(self) -> Wait {
        Wait::new(self)
    }
}

/// Waits in place until `time` has passed, in an `async` handler.
///
/// # Errors
///
/// The host refuses to make a timer, or to wait.
pub async fn sleep(time: Duration) -> Result<(), Refusal> {
    // The deadline of the wait is only there so that the host's default does not come before it.
    let late = time.saturating_add(Duration::from_secs(60));
    Pending::timer(time)?.within(late).await.map(drop)
}

impl Future for Wait {
    type Output = Result<Option<Settlement>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let entry = match &self.entry {
            Some(entry) => entry,
            None => {
                let end = self.time.map(|time| system::monotonic().saturating_add(time));
                let pending = Arc::clone(&self.pending);
                let entry = Rc::new(Entry { pending, end, progress: RefCell::default() });
                AWAITED.with_borrow_mut(|awaited| awaited.push(Rc::clone(&entry)));
                self.entry.insert(entry)
            }
        };
        let mut progress = entry.progress.borrow_mut();
        match progress.over.take() {
            Some(output) => Poll::Ready(output),
            None => {
                progress.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            AWAITED.with_borrow_mut(|awaited| awaited.retain(|other| !Rc::ptr_eq(entry, other)));
        }
    }
}

/// A [`Wait`] that was polled.
#[derive(Debug)]
struct Entry {
    pending: Arc<raw::Pending>,
    /// The time of the monotonic clock at which it is over. `None` for the host's default.
    end: Option<Duration>,
    progress: RefCell<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    waker: Option<Waker>,
    over: Option<Result<Option<Settlement>, Refusal>>,
}

impl Entry {
    fn finish(&self, output: Result<Option<Settlement>, Refusal>) {
        let mut progress = self.progress.borrow_mut();
        progress.over = Some(output);
        if let Some(waker) = progress.waker.take() {
            waker.wake();
        }
    }
}

thread_local! {
    /// Every wait that was polled and not dropped, whether it is over or not.
    static AWAITED: RefCell<Vec<Rc<Entry>>> = const { RefCell::new(Vec::new()) };
}

/// Whether the handler's future was woken since it was last polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a handler's future to its end, waiting in place.
pub fn run<F: Future>(future: F) -> F::Output {
    run_with(future, |handles, timeout_ms| host::wait(handles, raw::Join::Any, timeout_ms))
}

type Settlements = Result<Vec<Option<raw::Settlement>>, Refusal>;

fn run_with<F: Future>(
    future: F,
    mut wait: impl FnMut(&[&raw::Pending], Option<u32>) -> Settlements,
) -> F::Output {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        if !flag.0.swap(false, Ordering::Relaxed) {
            wait_for_some(&mut wait);
        }
    }
}

/// Waits until one or more of what is awaited is over, and wakes who awaits it.
fn wait_for_some(wait: &mut impl FnMut(&[&raw::Pending], Option<u32>) -> Settlements) {
    let awaited: Vec<Rc<Entry>> = AWAITED.with_borrow(|awaited| {
        awaited.iter().filter(|entry| entry.progress.borrow().over.is_none()).cloned().collect()
    });
    assert!(
        !awaited.is_empty(),
        "the handler awaits something that no pending settles: only a `Pending` can be awaited here"
    );
    let first_end = awaited.iter().filter_map(|entry| entry.end).min();
    let timeout_ms = first_end.map(|end| milliseconds(end.saturating_sub(system::monotonic())));
    let handles: Vec<&raw::Pending> = awaited.iter().map(|entry| &*entry.pending).collect();
    let settlements = match wait(&handles, timeout_ms) {
        Ok(settlements) => settlements,
        Err(refusal) => {
            awaited.iter().for_each(|entry| entry.finish(Err(refusal)));
            return;
        }
    };
    let mut nothing_came = true;
    for (entry, settlement) in awaited.iter().zip(settlements) {
        if let Some(settlement) = settlement {
            nothing_came = false;
            entry.finish(Ok(Some(Settlement::lift(settlement))));
        }
    }
    if nothing_came {
        // The time of the wait has passed: that of those with the first end, or the host's default
        // where none has an end.
        let late = awaited.iter().filter(|entry| entry.end == first_end);
        late.for_each(|entry| entry.finish(Ok(None)));
    }
}
