//! The connections to one database.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use snow_config::Limits;
use snow_core::lock;
use snow_runtime::{Database, SqlError};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::channels::Channels;
use super::connection::{Connection, Ways};
use super::counts::DatabaseCounts;
use super::pools::{Pools, Slot, Slots};
use super::sqlite::WriteTurn;
use crate::counts::One;

/// The connections to one database, set up in one way.
pub(super) struct Pool {
    /// Its own copy.
    pub database: Arc<Database>,
    pub counts: Arc<DatabaseCounts>,
    /// Those who wait for notifications.
    pub channels: Channels,
    pub ways: Ways,
    /// How many may be in use at one time.
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
    writes: Arc<WriteTurn>,
}

/// Connections that nobody uses.
#[derive(Default)]
struct Idle {
    /// The one that was used last is the last.
    open: Vec<Resting>,
    /// Whether none is to be kept any more.
    is_closed: bool,
}

struct Resting {
    open: Open,
    since: Instant,
    /// The guest that has used it.
    guest: Arc<str>,
}

/// An open connection, with what it takes up.
pub(super) struct Open {
    pub connection: Connection,
    _slot: Slot,
    _count: One,
}

/// A connection that an operation uses. It comes back by [`give_back`](Lease::give_back), or is
/// closed by [`retire`](Lease::retire); dropped, it is stopped and closed.
pub(super) struct Lease {
    open: Option<Open>,
    pool: Arc<Pool>,
    guest: Arc<str>,
    place: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// Opens no connection yet.
    pub fn new(database: &Database, counts: Arc<DatabaseCounts>, ways: Ways) -> Pool {
        let places = database.connections_max.min(Semaphore::MAX_PERMITS);
        Pool {
            database: Arc::new(database.clone()),
            channels: Channels::new(counts.listening.clone()),
            counts,
            ways,
            places: Arc::new(Semaphore::new(places)),
            idle: Mutex::default(),
            writes: Arc::default(),
        }
    }

    /// Waits for a place among the connections in use.
    pub async fn place(&self, limits: &Limits) -> Result<OwnedSemaphorePermit, SqlError> {
        let places = self.places.clone();
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(place);
        }
        // All of this happens on one thread, so nobody comes between the look and the count.
        if self.counts.queued.get() >= limits.sql_queue_max {
            return Err(SqlError::Overloaded(format!(
                "{} others wait for a connection (sql_queue_max)",
                self.counts.queued.get()
            )));
        }
        let _queued = self.counts.queued.one();
        let patience = Duration::from_millis(limits.sql_queue_ms_max.into());
        match timeout(patience, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(SqlError::Overloaded(format!(
                "all {} connections were in use for {} ms (connections_max, sql_queue_ms_max)",
                self.database.connections_max, limits.sql_queue_ms_max
            ))),
        }
    }

    /// Returns a connection: one that is there, or a new one.
    pub async fn lease(
        self: &Arc<Pool>,
        guest: &Arc<str>,
        place: OwnedSemaphorePermit,
        pools: &Pools,
        limits: &Limits,
    ) -> Result<Lease, SqlError> {
        let mut lease =
            Lease { open: None, pool: self.clone(), guest: guest.clone(), place: Some(place) };
        while let Some(resting) = self.wake(guest) {
            let (idle, is_own) = (resting.since.elapsed(), resting.guest == *guest);
            // From here on it is the lease's, and closed if this is dropped.
            let open = lease.open.insert(resting.open);
            let is_alive = open.connection.is_alive(idle).await;
            // What a guest has set for its session is no other guest's.
            if is_alive && (is_own || open.connection.reset().await) {
                return Ok(lease);
            }
            if let Some(open) = lease.open.take() {
                open.retire();
            }
        }
        lease.open = Some(self.connect(pools, limits).await?);
        Ok(lease)
    }

    /// Opens a connection, once there may be one more.
    pub async fn connect(&self, pools: &Pools, limits: &Limits) -> Result<Open, SqlError> {
        let patience = Duration::from_millis(limits.sql_queue_ms_max.into());
        let slot = timeout(patience, pools.slot()).await.map_err(|_| {
            SqlError::Overloaded(format!(
                "all connections to databases were in use for {} ms (sql_connections_max, \
                 sql_queue_ms_max)",
                limits.sql_queue_ms_max
            ))
        })?;
        let patience = Duration::from_millis(limits.sql_connect_ms_max.into());
        let bytes_max = limits.sql_result_bytes_max.max(limits.sql_statement_bytes_max);
        let opening = Connection::open(&self.database, &self.ways, &self.writes, bytes_max, &slot);
        let connection = timeout(patience, opening).await.map_err(|_| {
            let (name, place) = (&self.database.name, &self.database.place);
            SqlError::Unavailable(format!(
                "the database {name} at {place} did not answer for {} ms (sql_connect_ms_max)",
                limits.sql_connect_ms_max
            ))
        })??;
        self.counts.connected.add(1);
        Ok(Open { connection, _slot: slot, _count: self.counts.open.one() })
    }

    /// Takes an idle connection: the last one that this guest has used, or else of another.
    fn wake(&self, guest: &Arc<str>) -> Option<Resting> {
        let open = &mut lock(&self.idle).open;
        let own = open.iter().rposition(|resting| resting.guest == *guest);
        let at = own.or_else(|| open.len().checked_sub(1))?;
        Some(open.remove(at))
    }

    /// Closes the connections that were idle for so long. Returns whether others are left.
    pub fn expire(&self, idle_max: Duration) -> bool {
        let expired = |resting: &mut Resting| resting.since.elapsed() >= idle_max;
        let mut idle = lock(&self.idle);
        for resting in idle.open.extract_if(.., expired).collect::<Vec<_>>() {
            resting.open.retire();
        }
        !idle.open.is_empty()
    }

    /// Closes all idle connections, and keeps none from now on.
    pub fn close(&self) {
        let mut idle = lock(&self.idle);
        idle.is_closed = true;
        idle.open.drain(..).for_each(|resting| resting.open.retire());
    }

    /// Returns since when the longest idle connection is.
    pub fn idle_since(&self) -> Option<Instant> {
        lock(&self.idle).open.iter().map(|resting| resting.since).min()
    }

    /// Closes the longest idle connection, to make room for another pool's.
    pub fn close_oldest(&self) {
        let open = &mut lock(&self.idle).open;
        let oldest = (0..open.len()).min_by_key(|at| open[*at].since);
        if let Some(at) = oldest {
            open.remove(at).open.retire();
        }
    }
}

impl Open {
    /// Closes a connection that is not in use.
    pub fn retire(self) {
        in_background(self.close());
    }

    async fn close(self) {
        let Open { connection, _slot, _count } = self;
        connection.close().await;
    }
}

impl Lease {
    /// Returns the connection.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.open.as_mut().expect("it is there until the lease ends").connection
    }

    /// Ends the lease of a connection that is as it was before.
    pub fn give_back(mut self, slots: &Slots) {
        let Some(open) = self.open.take() else { return };
        let mut idle = lock(&self.pool.idle);
        // Another pool waits for a connection of its own.
        if idle.is_closed || slots.are_wanted() {
            return open.retire();
        }
        idle.open.push(Resting { open, since: Instant::now(), guest: self.guest.clone() });
        slots.note_idle();
    }

    /// Ends the lease of a connection that is not as it was before. Nothing is under way over it.
    pub fn retire(mut self) {
        let (open, place) = (self.open.take(), self.place.take());
        in_background(async move {
            if let Some(open) = open {
                open.close().await;
            }
            // Until now it was one of those that the database may have.
            drop(place);
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(Open { connection, _slot, _count }) = self.open.take() else { return };
        let (place, ways) = (self.place.take(), self.pool.ways.clone());
        in_background(async move {
            connection.stop(&ways).await;
            // Until now the database may have been busy with it.
            drop((_slot, _count, place));
        });
    }
}

/// Does something on the runtime; when that ends, it is dropped.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}

#[cfg(test)]
mod tests;
