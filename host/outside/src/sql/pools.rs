//! The connections to all databases.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use snow_core::lock;
use snow_runtime::Database;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::connection::Ways;
use super::counts::SqlCounts;
use super::pool::Pool;
use crate::counts::Gauge;

/// How often idle connections are looked at, while there are any.
const SWEEP: Duration = Duration::from_secs(1);

/// The pools of all databases.
pub(super) struct Pools {
    by_name: Mutex<BTreeMap<Arc<str>, Known>>,
    pub counts: Arc<SqlCounts>,
    ways: Ways,
    pub slots: Slots,
    /// How long a connection is kept that nobody uses, by the last operation's limits.
    idle_max: Mutex<Duration>,
}

/// The pool of a database.
struct Known {
    pool: Arc<Pool>,
    /// The database as it was given last. Once it is dropped, no guest has it any more.
    database: Weak<Database>,
}

impl Pools {
    /// Makes no pool yet.
    pub fn new(counts: Arc<SqlCounts>, ways: Ways, connections_max: usize) -> Pools {
        Pools {
            by_name: Mutex::default(),
            counts,
            ways,
            slots: Slots::new(connections_max),
            idle_max: Mutex::default(),
        }
    }

    /// Returns the pool of a database. One that is set up otherwise than before gets another pool:
    /// the connections of the old one are closed when nobody uses them.
    pub fn of(&self, database: &Arc<Database>, idle_ms_max: u32) -> Arc<Pool> {
        *lock(&self.idle_max) = Duration::from_millis(idle_ms_max.into());
        let mut pools = lock(&self.by_name);
        if let Some(known) = pools.get_mut(&database.name) {
            if *known.pool.database == **database {
                known.database = Arc::downgrade(database);
                return known.pool.clone();
            }
            known.pool.close();
        }
        let counts = self.counts.of(&database.name);
        let pool = Arc::new(Pool::new(database, counts, self.ways.clone()));
        let known = Known { pool: pool.clone(), database: Arc::downgrade(database) };
        pools.insert(database.name.clone(), known);
        pool
    }

    /// Returns the pool of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<Arc<Pool>> {
        lock(&self.by_name).get(name).map(|known| known.pool.clone())
    }

    /// Closes idle connections when it is time. Never ends.
    pub async fn sweep(&self) {
        loop {
            self.slots.idle.notified().await;
            while self.sweep_once() {
                tokio::time::sleep(SWEEP).await;
            }
        }
    }

    /// Closes what was idle for too long, and the pools of databases that are gone. Returns whether
    /// something is left to be closed later.
    fn sweep_once(&self) -> bool {
        let idle_max = *lock(&self.idle_max);
        let mut is_left = false;
        lock(&self.by_name).retain(|_, Known { pool, database }| {
            let is_gone = database.strong_count() == 0;
            if is_gone {
                pool.close();
            } else {
                is_left |= pool.expire(idle_max);
            }
            !is_gone
        });
        is_left
    }

    /// Closes the connection of any pool that was idle for longest.
    fn make_room(&self) {
        let pools = lock(&self.by_name);
        let oldest = pools.values().filter_map(|known| Some((known.pool.idle_since()?, known)));
        if let Some((_, known)) = oldest.min_by_key(|(since, _)| *since) {
            known.pool.close_oldest();
        }
    }

    /// Waits until there may be a connection more. If there is no room, an idle one is closed.
    pub async fn slot(&self) -> Slot {
        if self.slots.free.available_permits() == 0 {
            self.make_room();
        }
        let _wanted = self.slots.wanted.one();
        Arc::new(self.slots.free.clone().acquire_owned().await.expect("it is never closed"))
    }
}

/// One of the connections that all pools together may have, until nobody has it any more.
pub(super) type Slot = Arc<OwnedSemaphorePermit>;

/// The connections that all pools together may have.
pub(super) struct Slots {
    free: Arc<Semaphore>,
    /// How many wait for one.
    wanted: Gauge,
    /// Told when a connection becomes idle.
    idle: Notify,
}

impl Slots {
    fn new(most: usize) -> Slots {
        let free = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Slots { free, wanted: Gauge::default(), idle: Notify::new() }
    }

    /// Returns how many connections more there may be.
    #[cfg(test)]
    pub fn available(&self) -> usize {
        self.free.available_permits()
    }

    /// Whether somebody waits for a connection.
    pub fn are_wanted(&self) -> bool {
        self.wanted.get() > 0
    }

    /// Notes that there is something to be closed later.
    pub fn note_idle(&self) {
        self.idle.notify_one();
    }
}
