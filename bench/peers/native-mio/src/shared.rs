//! State of all threads: how many requests wait, and how to tell each thread to answer its own.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mio::Waker;

/// The way to a worker from other threads.
pub struct Inbox {
    /// Ends the worker's poll.
    pub waker: Waker,
    /// Whether the worker is to answer all requests that it holds.
    pub released: AtomicBool,
}

/// The state of all workers of the process.
pub struct Shared {
    waiting: AtomicUsize,
    inboxes: Vec<Inbox>,
}

impl Shared {
    /// Takes the inboxes of the workers, in the order of their indices.
    pub fn new(inboxes: Vec<Inbox>) -> Shared {
        Shared { waiting: AtomicUsize::new(0), inboxes }
    }

    /// Notes that a request began to wait.
    pub fn held(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request that waited was answered, or that its client left.
    pub fn ended(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns how many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Asks every worker to answer the requests that it holds. Returns how many there were.
    pub fn release(&self) -> io::Result<usize> {
        let waiting = self.waiting();
        for inbox in &self.inboxes {
            inbox.released.store(true, Ordering::Release);
            inbox.waker.wake()?;
        }
        Ok(waiting)
    }

    /// Returns whether a worker was asked to, since it last looked.
    pub fn take_released(&self, worker: usize) -> bool {
        self.inboxes[worker].released.swap(false, Ordering::Acquire)
    }
}
