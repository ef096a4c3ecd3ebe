//! Statements of guests to databases.
//!
//! A guest asks for a statement or a transaction, and waits in place. [`Sql`] has one thread with one
//! tokio runtime, and a pool of connections for each database; a database of SQLite has a thread for
//! each of its connections besides.
//!
//! | file | |
//! |---|---|
//! | `operations.rs` | one operation, from its place in the queue to its result |
//! | `pools.rs`, `pool.rs` | the connections to all databases, and to one |
//! | `connection.rs` | a connection, whichever database it is to |
//! | `postgres/`, `mysql/`, `sqlite/` | what each database is like |
//! | `channels.rs` | who waits for notifications |
//! | `collect.rs` | results as they come, within their limits |
//! | `text.rs` | the text of statements, as far as it has to be understood |
//! | `socket.rs` | connections over TCP |
//! | `counts.rs` | what is counted, for whoever shows it |

mod channels;
mod collect;
mod connection;
mod counts;
mod mysql;
mod operations;
mod pool;
mod pools;
mod postgres;
mod socket;
mod sqlite;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use snow_config::ServerPlace;
use snow_core::lock;
use snow_runtime::{
    Databases, ListenDone, Listening, Notify, OperationId, SqlDone, SqlError, SqlListen, SqlWork,
};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use self::connection::Ways;
pub use self::counts::{DatabaseCounts, SQL_ENDS, SqlCounts};
use self::operations::{Job, Listen, Run};
use self::pool::Pool;
use self::pools::Pools;
use crate::egress::Egress;
use crate::places::Places;
use crate::resolve::Names;

/// Statements that a connection keeps prepared.
const CACHED_STATEMENTS: usize = 64;
/// Bytes of the text of a statement that is kept prepared.
const CACHED_BYTES_MAX: usize = 8 << 10;
/// Words for a guest whose statement begins or ends a transaction by itself.
const NO_TRANSACTION: &str =
    "a statement can't begin or end a transaction by itself: `transact` carries out several as one";
/// Numbers of operations are multiples of this.
const STEP: u64 = 4;

/// Carries out statements of guests.
///
/// Whoever begins an operation, or cancels one, does no more than to put it into a queue, or to take
/// it out: it never waits for a database.
pub struct Sql {
    /// The way to the thread, which ends when this is dropped.
    jobs: UnboundedSender<Job>,
    shared: Arc<Shared>,
    /// The number of the next operation.
    next: AtomicU64,
}

/// The work of the thread of a [`Sql`]. It is to be [run](SqlThread::run) on one.
pub struct SqlThread {
    jobs: UnboundedReceiver<Job>,
    shared: Arc<Shared>,
}

/// The things that operations share.
pub(crate) struct Shared {
    pools: Pools,
    notify: Arc<dyn Notify>,
    /// Bytes of statements, and of results that nobody has taken.
    bytes: Places,
    under_way: Mutex<BTreeMap<u64, UnderWay>>,
}

/// An operation that can be cancelled.
enum UnderWay {
    /// A statement or a transaction. It is cancelled when this is dropped.
    Run { _cancel: oneshot::Sender<()> },
    /// A wait for a notification, with the pool on whose channel it is. Another one may have its
    /// database's name by now.
    Listen { pool: Weak<Pool>, channel: Arc<str> },
}

impl Sql {
    /// Makes a [`Sql`], and the work of its thread. At most `connections_max` connections are open
    /// at a time, to all databases together. Encrypted ones are made as those of `egress`.
    pub fn new(
        egress: &Egress,
        connections_max: usize,
        notify: Arc<dyn Notify>,
    ) -> (Sql, SqlThread) {
        let ways = Ways { names: Names::default(), tls: egress.tls() };
        let shared = Arc::new(Shared {
            pools: Pools::new(Arc::default(), ways, connections_max),
            notify,
            bytes: Places::default(),
            under_way: Mutex::default(),
        });
        let (sender, jobs) = unbounded_channel();
        let thread = SqlThread { jobs, shared: shared.clone() };
        (Sql { jobs: sender, shared, next: AtomicU64::new(STEP) }, thread)
    }

    /// Returns what was counted so far.
    pub fn counts(&self) -> &SqlCounts {
        &self.shared.pools.counts
    }

    /// Returns how many bytes statements and results hold now.
    pub fn bytes(&self) -> usize {
        self.shared.bytes.bytes()
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(STEP, Ordering::Relaxed)
    }
}

impl Databases for Sql {
    fn run(&self, work: SqlWork, done: SqlDone) -> OperationId {
        let number = self.number();
        let (cancel, gone) = oneshot::channel();
        // Before it is sent, so that its end finds it here.
        lock(&self.shared.under_way).insert(number, UnderWay::Run { _cancel: cancel });
        // It fails if the thread has died: the process ends, and nobody is told anything any more.
        let _ = self.jobs.send(Job::Run(Run::new(&self.shared, number, work, done, gone)));
        operation(number)
    }

    fn listen(&self, listen: SqlListen, done: ListenDone) -> Listening {
        let (shared, number) = (&self.shared, self.number());
        let pool = shared.pools.find(&listen.database.name);
        let pool = pool.filter(|pool| *pool.database == *listen.database);
        let known = pool.as_ref().map(Arc::downgrade).unwrap_or_default();
        let under_way = UnderWay::Listen { pool: known, channel: listen.channel.as_str().into() };
        lock(&shared.under_way).insert(number, under_way);
        if pool.is_some_and(|pool| pool.channels.join(&listen.channel, number, listen.waiter)) {
            return Listening::Now(operation(number));
        }
        let _ = self.jobs.send(Job::Listen(Listen { number, listen, done }));
        Listening::Soon(operation(number))
    }

    fn cancel(&self, operation: OperationId) {
        let number = operation.0.get();
        let ended = lock(&self.shared.under_way).remove(&number);
        if let Some(UnderWay::Listen { pool, channel }) = ended
            && let Some(pool) = pool.upgrade()
        {
            pool.channels.forget(&channel, number);
        }
    }
}

fn operation(number: u64) -> OperationId {
    OperationId(NonZeroU64::new(number).expect("the first one is not 0"))
}

impl SqlThread {
    /// Carries out what comes, until the [`Sql`] is dropped. What is under way then is given up.
    ///
    /// The thread sleeps until the first operation, and only then makes what it needs.
    ///
    /// # Errors
    /// The system has no descriptors left for the runtime.
    pub fn run(mut self) -> io::Result<()> {
        let Some(first) = self.jobs.blocking_recv() else { return Ok(()) };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        runtime.block_on(async {
            let sweeps = self.shared.clone();
            tokio::spawn(async move { sweeps.pools.sweep().await });
            let mut next = Some(first);
            while let Some(job) = next {
                job.spawn(&self.shared);
                next = self.jobs.recv().await;
            }
        });
        Ok(())
    }
}

impl Shared {
    /// Whether an operation was not cancelled.
    fn is_under_way(&self, number: u64) -> bool {
        lock(&self.under_way).contains_key(&number)
    }

    /// Notes that operations have ended. Returns how many of them were not cancelled.
    fn ended(&self, numbers: impl Iterator<Item = u64>) -> usize {
        let mut under_way = lock(&self.under_way);
        numbers.filter(|number| under_way.remove(number).is_some()).count()
    }
}

/// Makes the failure of a server that can't be reached.
fn unreachable(server: &ServerPlace, why: &str) -> SqlError {
    SqlError::Unavailable(format!("the database at {} can't be reached: {why}", server.address))
}

/// Makes the failure of a statement.
fn failed(code: impl Into<String>, message: impl Into<String>) -> SqlError {
    SqlError::Failed { code: code.into(), message: message.into() }
}

#[cfg(test)]
mod tests;
