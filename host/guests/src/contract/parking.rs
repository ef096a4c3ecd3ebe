//! Waiting in place: how a call tells its worker what it waits for, and learns that its wait is
//! over; and how a call is ended where it stands.
//!
//! Each slot has one [`Parking`]. The call uses it on its fiber and the worker between two polls of
//! the call, both on the worker's thread. The lock is there because a store's data has to be
//! `Send`; nobody ever waits for it.

use std::future::{self, Future};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll};

use snow_core::lock;
use snow_runtime::{Handle, Wait};

/// The place in which a slot's call waits.
#[derive(Default)]
pub(crate) struct Parking(Mutex<State>);

#[derive(Default)]
enum State {
    /// The call runs.
    #[default]
    Empty,
    /// The call has said what it waits for, and the worker does not know it yet.
    Asked(Wait),
    /// The worker watches over the wait.
    Parked,
    /// The wait is over, and the call has not gone on yet.
    Over(Box<[Handle]>),
    /// The call is to end where it stands.
    Cancelled(Box<[Handle]>),
}

impl Parking {
    /// Waits, on behalf of the call, until [`unpark`](Parking::unpark) is called. That does not wake
    /// the call: the worker, who calls it, polls the call afterwards. Returns the handles of the
    /// wait, with the timers that were set for them meanwhile; the call puts them back where it took
    /// them from.
    pub(crate) fn park(&self, wait: Wait) -> impl Future<Output = Box<[Handle]>> + '_ {
        *lock(&self.0) = State::Asked(wait);
        Parked(self)
    }

    /// Returns, to the worker, what the call that it has just polled has begun to wait for.
    pub(crate) fn take_asked(&self) -> Option<Wait> {
        let mut state = lock(&self.0);
        match mem::replace(&mut *state, State::Parked) {
            State::Asked(wait) => Some(wait),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Lets the call go on at its next poll.
    pub(crate) fn unpark(&self, handles: Box<[Handle]>) {
        *lock(&self.0) = State::Over(handles);
    }

    /// Makes the call end at its next poll, whether it waits or computes. `handles` are those of
    /// its wait.
    pub(crate) fn cancel(&self, handles: Box<[Handle]>) {
        *lock(&self.0) = State::Cancelled(handles);
    }

    /// Runs what a call does to its end, or until the call is cancelled; then it is dropped where it
    /// stands, and the handles of its wait are returned.
    pub(crate) async fn run<T>(&self, call: impl Future<Output = T>) -> Result<T, Box<[Handle]>> {
        let mut call = pin!(call);
        // Nobody can have cancelled a call in its first time slice, which is the only one of most.
        let mut is_first = true;
        future::poll_fn(|context| {
            if !mem::take(&mut is_first)
                && let State::Cancelled(handles) = &mut *lock(&self.0)
            {
                return Poll::Ready(Err(mem::take(handles)));
            }
            call.as_mut().poll(context).map(Ok)
        })
        .await
    }

    /// Prepares for a new call in this slot.
    pub(crate) fn reset(&self) {
        *lock(&self.0) = State::Empty;
    }
}

struct Parked<'a>(&'a Parking);

impl Future for Parked<'_> {
    type Output = Box<[Handle]>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Box<[Handle]>> {
        let mut state = lock(&self.0.0);
        match mem::take(&mut *state) {
            State::Over(handles) => Poll::Ready(handles),
            waits => {
                *state = waits;
                Poll::Pending
            }
        }
    }
}
