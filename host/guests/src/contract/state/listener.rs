//! Whom the store tells: those who wait for a change, and those whose write is on the disk.

use std::sync::{Arc, Mutex};

use snow_core::{PendingId, Registry, Waiter, lock};
use snow_runtime::{Level, Log, Post, Settled, Settlement};
use snow_state::{Change, JournalError, Limit, Listener, Outcome, Store, StoreError};

/// The store of a process, as guests use it.
pub type GuestStore = Store<StoreListener>;

/// Settles the pendings of those who wait for a change, or for the disk.
pub struct StoreListener {
    /// The pendings of the whole process.
    pub registry: Arc<Registry<Settled>>,
    /// The way by which workers learn of settlements.
    pub post: Arc<dyn Post>,
    /// Where a disk that fails is reported.
    pub log: Log,
    /// Tells the store's thread that there is work at a time, in milliseconds since 1970.
    pub work_at: Box<dyn Fn(u64) + Send + Sync>,
}

/// Whoever waits until a write is on the disk.
pub enum Writer {
    /// A call, in place.
    Call {
        /// Settled once there is a result.
        pending: PendingId,
        /// Where the result is put.
        result: WriteResult,
        /// A function that gets the result too, even if the call is over by then.
        also: Option<AlsoDone>,
    },
    /// The host, about a job that is kept. It is called with the result.
    Job(Box<dyn FnOnce(Result<Outcome, StoreError>) + Send>),
}

/// A function that is called with the result of a write.
pub type AlsoDone = Box<dyn FnOnce(&Result<Outcome, StoreError>) + Send>;

/// The place for the result of a write that goes to the disk.
pub type WriteResult = Arc<Mutex<Option<Result<Outcome, StoreError>>>>;

/// Returns what a pending is settled with whose key has changed. It shares the value with the store,
/// which counts it for as long as the pending has it.
pub(super) fn settlement(entry: Option<&snow_state::Entry>) -> Settlement {
    match entry {
        Some(entry) => Settlement::Value(entry.value.clone()),
        None => Settlement::Failed {
            code: "deleted".into(),
            message: "the key was deleted, or it has expired".into(),
        },
    }
}

impl Listener for StoreListener {
    type Waiter = PendingId;
    type Caller = Writer;

    fn changed(&self, waiters: &[PendingId], change: &Change) {
        // One settlement for all of them: they share the bytes.
        let settled = Settled::new(settlement(change.entry.as_ref()));
        // A pending that is gone or settled already needs no change any more.
        let settle = |id: &PendingId| self.registry.settle(*id, settled.clone()).ok().flatten();
        let woken: Vec<Waiter> = waiters.iter().filter_map(settle).collect();
        self.post.wake(&woken);
    }

    fn done(&self, writer: Writer, outcome: Result<Outcome, StoreError>) {
        let (pending, result) = match writer {
            Writer::Call { pending, result, also } => {
                if let Some(also) = also {
                    also(&outcome);
                }
                (pending, result)
            }
            Writer::Job(done) => return done(outcome),
        };
        *lock(&result) = Some(outcome);
        let settled = Settled::new(Settlement::Value(Arc::default()));
        // It fails if the call is over: its client has left, or it has waited for too long.
        if let Ok(waiter) = self.registry.settle(pending, settled) {
            self.post.wake(waiter.as_slice());
        }
    }

    fn disk(&self, failing: Option<&JournalError>) {
        match failing {
            Some(error) => self.log.host(
                Level::Error,
                format!("the store can't write to its disk, so writes are refused: {error}"),
            ),
            None => self.log.host(Level::Info, "the store's disk takes writes again".to_owned()),
        }
    }

    fn full(&self, limit: Limit, guests: &[(usize, Arc<str>)]) {
        let unit = match limit {
            Limit::Buckets => "buckets",
            Limit::Entries => "keys",
            _ => "bytes",
        };
        let have = guests.iter().map(|(number, guest)| format!("{guest:?} {number}"));
        let have: Vec<String> = have.collect();
        self.log.host(
            Level::Warn,
            format!(
                "the store is full ({limit}), so guests are refused; the most {unit} have {}. Raise \
                 {limit}, or lower guest_{limit}",
                have.join(", ")
            ),
        );
    }

    fn work_at(&self, at_ms: u64) {
        (self.work_at)(at_ms);
    }
}
