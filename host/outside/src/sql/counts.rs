//! Counts of each database, for whoever shows them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snow_core::lock;
use snow_runtime::SqlError;

use crate::counts::{Gauge, Tally};

/// The most names that have counts by themselves. Names come from `snow.toml`, which may change for
/// as long as the process lives.
const NAMES_MAX: usize = 1_024;
/// The name under which all further databases are counted.
const OTHERS: &str = "*";

/// The ends of statements and transactions, by the words of the metrics.
pub const SQL_ENDS: [&str; 7] =
    ["answered", "cancelled", "failed", "limit", "overloaded", "timed-out", "unavailable"];

/// The counts of all databases that were used, by their names.
#[derive(Debug, Default)]
pub struct SqlCounts(Mutex<BTreeMap<Arc<str>, Arc<DatabaseCounts>>>);

/// The counts of one database.
#[derive(Debug, Default)]
pub struct DatabaseCounts {
    /// Statements and transactions that have ended, in the order of [`SQL_ENDS`].
    pub ended: [Tally; SQL_ENDS.len()],
    /// How long those took that have ended, in microseconds, with their time in the queue.
    pub micros: Tally,
    /// Connections that were opened.
    pub connected: Tally,
    /// Notifications that have come.
    pub notified: Tally,
    /// Statements and transactions that are under way.
    pub(super) under_way: Gauge,
    /// Those of them that wait for a connection.
    pub(super) queued: Gauge,
    /// Connections that are open.
    pub(super) open: Gauge,
    /// Pendings that wait for a notification.
    pub(super) listening: Gauge,
}

impl SqlCounts {
    /// Returns the counts of all databases that were used, with their names.
    pub fn all(&self) -> Vec<(Arc<str>, Arc<DatabaseCounts>)> {
        lock(&self.0).iter().map(|(name, counts)| (name.clone(), counts.clone())).collect()
    }

    /// Returns the counts of a database.
    pub(super) fn of(&self, name: &Arc<str>) -> Arc<DatabaseCounts> {
        let mut all = lock(&self.0);
        if let Some(counts) = all.get(name) {
            return counts.clone();
        }
        let name = if all.len() < NAMES_MAX { name.clone() } else { OTHERS.into() };
        all.entry(name).or_default().clone()
    }
}

impl DatabaseCounts {
    /// Returns how many statements and transactions are under way now.
    pub fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// Returns how many of them wait for a connection now.
    pub fn queued(&self) -> usize {
        self.queued.get()
    }

    /// Returns how many connections are open now.
    pub fn connections(&self) -> usize {
        self.open.get()
    }

    /// Returns how many pendings wait for a notification now.
    pub fn listening(&self) -> usize {
        self.listening.get()
    }

    /// Counts an end. `None` for an operation that was cancelled.
    pub(super) fn end<T>(&self, result: Option<&Result<T, SqlError>>, took: Duration) {
        let end = match result {
            Some(Ok(_)) => 0,
            None => 1,
            Some(Err(SqlError::Failed { .. })) => 2,
            Some(Err(SqlError::Limit(_))) => 3,
            Some(Err(SqlError::Overloaded(_))) => 4,
            Some(Err(SqlError::TimedOut)) => 5,
            Some(Err(SqlError::Unavailable(_))) => 6,
        };
        self.ended[end].add(1);
        self.micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_word() {
        let counts = DatabaseCounts::default();
        let failed = SqlError::Failed { code: "42601".into(), message: String::new() };
        let errors = [failed, SqlError::Limit(String::new()), SqlError::TimedOut];
        let others = [SqlError::Unavailable(String::new()), SqlError::Overloaded(String::new())];
        let errors = errors.into_iter().chain(others);
        counts.end(Some(&Ok(())), Duration::from_micros(3));
        counts.end::<()>(None, Duration::ZERO);
        errors.for_each(|error| counts.end::<()>(Some(&Err(error)), Duration::ZERO));
        assert!(counts.ended.iter().all(|count| count.get() == 1));
        assert_eq!(counts.micros.get(), 3);
    }

    #[test]
    fn names_that_come_and_go_do_not_fill_the_memory() {
        let counts = SqlCounts::default();
        for number in 0..NAMES_MAX + 10 {
            counts.of(&format!("{number}").into()).connected.add(1);
        }
        let all = counts.all();
        let others = all.iter().find(|(name, _)| &**name == OTHERS).expect("it is there");
        assert_eq!((all.len(), others.1.connected.get()), (NAMES_MAX + 1, 10));
    }
}
