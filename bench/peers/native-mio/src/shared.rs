//! What the threads know of each other: how many requests wait, and how to tell each thread to answer its own.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mio::Waker;

/// How other threads reach a worker.
pub struct Inbox {
    /// Ends the worker's poll.
    pub waker: Waker,
    /// Whether it is to answer all it holds.
    pub released: AtomicBool,
}

/// One for the process.
pub struct Shared {
    waiting: AtomicUsize,
    inboxes: Vec<Inbox>,
}

impl Shared {
    /// Of these workers, in the order of their indices.
    pub fn new(inboxes: Vec<Inbox>) -> Shared {
        Shared { waiting: AtomicUsize::new(0), inboxes }
    }

    /// A request began to wait.
    pub fn held(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// A request that waited is answered, or its client is gone.
    pub fn ended(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Asks every worker to answer what it holds, and says how many waited.
    pub fn release(&self) -> io::Result<usize> {
        let waiting = self.waiting();
        for inbox in &self.inboxes {
            inbox.released.store(true, Ordering::Release);
            inbox.waker.wake()?;
        }
        Ok(waiting)
    }

    /// Whether this worker was asked to, since it last looked.
    pub fn take_released(&self, worker: usize) -> bool {
        self.inboxes[worker].released.swap(false, Ordering::Acquire)
    }
}
