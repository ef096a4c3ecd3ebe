//! One operation, from its place in the queue to its result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use snow_config::Dialect;
use snow_core::lock;
use snow_runtime::{ListenDone, SqlAnswer, SqlDone, SqlError, SqlListen, SqlValue, SqlWork};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::channels::Asking;
use super::collect::Collector;
use super::connection::Then;
use super::counts::DatabaseCounts;
use super::postgres::listener;
use super::{NO_TRANSACTION, Shared, UnderWay, failed, text};
use crate::places::Held;

/// Bytes of a channel's name: PostgreSQL cuts longer ones.
const CHANNEL_BYTES_MAX: usize = 63;

/// An operation on its way to the thread.
pub(super) enum Job {
    Run(Run),
    Listen(Listen),
}

/// A statement or a transaction.
pub(super) struct Run {
    work: Arc<SqlWork>,
    /// The bytes of the statements, or why there is no room for them.
    held: Result<Held, SqlError>,
    done: Done,
    /// Resolves when the operation is cancelled.
    gone: oneshot::Receiver<()>,
}

/// A wait for a notification.
pub(super) struct Listen {
    pub number: u64,
    pub listen: SqlListen,
    pub done: ListenDone,
}

impl Job {
    /// Begins the work, on the runtime.
    pub fn spawn(self, shared: &Arc<Shared>) {
        match self {
            Job::Run(run) => drop(tokio::spawn(run.run())),
            Job::Listen(listen) => listen.begin(shared),
        }
    }
}

impl Run {
    pub fn new(
        shared: &Arc<Shared>,
        number: u64,
        work: SqlWork,
        done: SqlDone,
        gone: oneshot::Receiver<()>,
    ) -> Run {
        let parameters = work.statements.iter().flat_map(|statement| &statement.parameters);
        let bytes = work.statements.iter().map(|statement| statement.text.len()).sum::<usize>()
            + parameters.map(SqlValue::bytes).sum::<usize>();
        let mut held = shared.bytes.hold();
        let held = match held.add(bytes, work.limits.sql_bytes_max) {
            true => Ok(held),
            false => Err(SqlError::Overloaded(
                "other statements and results leave no room for the statement (sql_bytes_max)"
                    .to_owned(),
            )),
        };
        let done = Done {
            shared: shared.clone(),
            number,
            counts: shared.pools.counts.of(&work.database.name),
            begun: Instant::now(),
            done: Some(done),
        };
        Run { work: Arc::new(work), held, done, gone }
    }

    async fn run(self) {
        let Run { work, held, mut done, gone } = self;
        let shared = done.shared.clone();
        let under_way = done.counts.under_way.one();
        let carried_out = async {
            // One that is refused keeps no memory until the thread has reported that.
            let collector = Collector::new(&work.limits, held?);
            carry_out(&shared, &work, collector).await
        };
        tokio::select! {
            biased;
            _ = gone => {}
            result = carried_out => {
                drop(under_way);
                done.end(result);
            }
        }
    }
}

/// Carries an operation out.
async fn carry_out(
    shared: &Shared,
    work: &Arc<SqlWork>,
    collector: Collector,
) -> Result<SqlAnswer, SqlError> {
    let (limits, dialect) = (&work.limits, work.database.place.dialect());
    // Amid a transaction it would be the end of "all or none": the statements before it would stay,
    // and those after it would be carried out each by itself.
    if work.statements.iter().any(|one| text::is_of_a_transaction(&one.text, dialect)) {
        return Err(failed("25000", NO_TRANSACTION));
    }
    let pool = shared.pools.of(&work.database, limits.sql_idle_ms_max);
    let place = pool.place(limits).await?;
    let carried_out = async {
        let mut lease = pool.lease(&work.guest, place, &shared.pools, limits).await?;
        let ran = lease.connection().run(work, collector).await;
        match ran.then {
            Then::Keep => lease.give_back(&shared.pools.slots),
            Then::Close => lease.retire(),
            Then::Stop => drop(lease),
        }
        ran.result.map(Collector::answer)
    };
    let patience = Duration::from_millis(work.database.timeout_ms.into());
    timeout(patience, carried_out).await.unwrap_or(Err(SqlError::TimedOut))
}

impl Listen {
    fn begin(self, shared: &Arc<Shared>) {
        let Listen { number, listen, done } = self;
        // Nobody cancels one that has failed, so its end is noted here, whoever tells it.
        let own = shared.clone();
        let done: ListenDone = Box::new(move |told| {
            if told.is_err() {
                own.ended([number].into_iter());
            }
            done(told);
        });
        let (channel, limits) = (listen.channel, listen.limits);
        if listen.database.place.dialect() != Dialect::Postgres {
            return done(Err(failed("0A000", "only PostgreSQL has notifications")));
        }
        if channel.is_empty() || channel.len() > CHANNEL_BYTES_MAX || channel.contains('\0') {
            let message = format!("the name of a channel has 1 to {CHANNEL_BYTES_MAX} bytes");
            return done(Err(failed("42602", message)));
        }
        let pool = shared.pools.of(&listen.database, limits.sql_idle_ms_max);
        match lock(&shared.under_way).get_mut(&number) {
            Some(UnderWay::Listen { pool: own, .. }) => *own = Arc::downgrade(&pool),
            // It was cancelled.
            _ => return,
        }
        let most = limits.sql_channels_max;
        match pool.channels.ask(&channel, Asking { number, waiter: listen.waiter, done }, most) {
            Ok(is_new) => {
                // It may have been cancelled by now, before it was there.
                if !shared.is_under_way(number) {
                    pool.channels.forget(&channel, number);
                }
                if is_new {
                    tokio::spawn(listener::listen(shared.clone(), pool, limits));
                }
            }
            Err(asking) => {
                let why = format!("guests wait on {most} channels already (sql_channels_max)");
                (asking.done)(Err(SqlError::Overloaded(why)));
            }
        }
    }
}

/// Reports the end of an operation, also if that is a panic. Says nothing if it is cancelled.
struct Done {
    shared: Arc<Shared>,
    number: u64,
    counts: Arc<DatabaseCounts>,
    begun: Instant,
    done: Option<SqlDone>,
}

impl Done {
    fn end(&mut self, result: Result<SqlAnswer, SqlError>) {
        let Some(done) = self.done.take() else { return };
        // Whoever cancels it has taken it out.
        if self.shared.ended([self.number].into_iter()) == 0 {
            return self.counts.end::<()>(None, self.begun.elapsed());
        }
        self.counts.end(Some(&result), self.begun.elapsed());
        done(result);
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        let why = "the host could not go on with it";
        self.end(Err(SqlError::Unavailable(why.to_owned())));
    }
}
