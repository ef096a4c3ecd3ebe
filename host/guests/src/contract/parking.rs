//! Waiting in place: how a call tells its worker what it waits for, and hears that its wait is over.
//!
//! One of these belongs to each slot. The call's side runs on its fiber, the worker's between two polls of it, both on
//! the worker's thread; the lock is there because a store's data has to be `Send`, and is never waited for.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use snow_runtime::{Handle, Wait};

/// Where a slot's call waits.
#[derive(Default)]
pub struct Parking(Mutex<Place>);

#[derive(Default)]
enum Place {
    /// The call runs.
    #[default]
    Empty,
    /// It has said what it waits for, and the worker has not heard it yet.
    Asked(Wait),
    /// The worker watches over the wait.
    Parked,
    /// The wait is over; the call has not gone on yet.
    Over(Box<[Handle]>),
    /// The call is to end here.
    Cancelled(Box<[Handle]>),
}

/// The wait's handles, with the timers that were set for them. They are to be put back where they came from.
pub type Ended = Result<Box<[Handle]>, Cancelled>;

/// The call is to end here.
pub struct Cancelled(pub Box<[Handle]>);

impl Parking {
    /// For the call: waits, and is polled again when [`unpark`](Parking::unpark) or [`cancel`](Parking::cancel) was
    /// called. It wakes nobody: the worker that calls these polls by itself.
    pub fn park(&self, wait: Wait) -> impl Future<Output = Ended> + '_ {
        *self.place() = Place::Asked(wait);
        Over(self)
    }

    /// For the worker: what the call that was just polled has begun to wait for.
    pub fn take_asked(&self) -> Option<Wait> {
        let mut place = self.place();
        match mem::replace(&mut *place, Place::Parked) {
            Place::Asked(wait) => Some(wait),
            other => {
                *place = other;
                None
            }
        }
    }

    /// The wait is over.
    pub fn unpark(&self, handles: Box<[Handle]>) {
        *self.place() = Place::Over(handles);
    }

    /// The call is to end where it waits.
    pub fn cancel(&self, handles: Box<[Handle]>) {
        *self.place() = Place::Cancelled(handles);
    }

    /// A new call has the slot.
    pub fn reset(&self) {
        *self.place() = Place::Empty;
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Over<'a>(&'a Parking);

impl Future for Over<'_> {
    type Output = Ended;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Ended> {
        let mut place = self.0.place();
        match mem::take(&mut *place) {
            Place::Over(handles) => Poll::Ready(Ok(handles)),
            Place::Cancelled(handles) => Poll::Ready(Err(Cancelled(handles))),
            waits => {
                *place = waits;
                Poll::Pending
            }
        }
    }
}
