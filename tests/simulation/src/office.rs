//! What workers share, put together as the server does it, except that there are no threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use snow_config::Limits;
use snow_core::{Registry, WorkerId};
use snow_runtime::{Guests, Log, LogFormat, Post, Settled, World};
use snow_worker::{Common, Mailbox, PostOffice, Stats, Worker};

/// Makes workers that share a registry and a post office.
pub struct Office {
    /// The pendings of all workers.
    pub registry: Arc<Registry<Settled>>,
    /// The real post office.
    pub post: Arc<PostOffice>,
    /// The mailboxes, by worker.
    pub mailboxes: Vec<Arc<Mailbox>>,
    /// What is counted, by worker.
    pub stats: Vec<Arc<Stats>>,
    common: Common,
}

impl Office {
    /// Creates what so many workers share. `wake` is called with a worker's id when there is mail
    /// for it and it sleeps.
    pub fn new(
        workers: u16,
        limits: Limits,
        wake: impl Fn(WorkerId) + Clone + Send + Sync + 'static,
    ) -> Office {
        let registry = Arc::new(Registry::new(limits.pendings_max, counted));
        let post = Arc::new(PostOffice::default());
        let mailbox = |worker| {
            let wake = wake.clone();
            Arc::new(Mailbox::new(move || wake(worker)))
        };
        let mailboxes: Vec<_> = (0..workers).map(WorkerId).map(mailbox).collect();
        post.open(mailboxes.clone(), Vec::new());
        let log =
            Log::start(LogFormat::Text, &limits, io::sink()).expect("the log's thread starts");
        let calls_parked_max = limits.calls_parked_max;
        let common = Common {
            limits: Arc::new(limits),
            calls_parked_max,
            registry: registry.clone(),
            post: post.clone() as Arc<dyn Post>,
            log,
            access_log: false,
        };
        let stats = (0..workers).map(|_| Arc::default()).collect();
        Office { registry, post, mailboxes, stats, common }
    }

    /// Returns the limits of all workers.
    pub fn limits(&self) -> Arc<Limits> {
        self.common.limits.clone()
    }

    /// Creates the worker of this id. It lives on the caller's thread.
    pub fn worker<W: World, C: Guests>(&self, id: WorkerId, world: W, guests: C) -> Worker<W, C> {
        let at = id.index();
        Worker::new(
            id,
            world,
            guests,
            self.common.clone(),
            self.mailboxes[at].clone(),
            self.stats[at].clone(),
        )
    }
}

/// Fills tokens from a counter instead of with random bytes, so that a failing seed can be
/// repeated. They are unique, and that is all that matters here.
fn counted(bytes: &mut [u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    for chunk in bytes.chunks_mut(8) {
        let word = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
}
