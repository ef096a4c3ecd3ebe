//! A connection to a database, whichever it is.

use std::sync::Arc;
use std::time::Duration;

use snow_config::DatabasePlace;
use snow_runtime::{Database, SqlError, SqlWork};
use tokio::time::timeout;

use super::collect::Collector;
use super::pools::Slot;
use super::sqlite::{SqliteConnection, WriteTurn};
use super::{mysql::MysqlConnection, postgres::PostgresConnection};
use crate::resolve::Names;
use crate::tls::Tls;

/// How long it may take to tell a database that a statement is to stop, or that a connection ends.
pub(super) const GOODBYE: Duration = Duration::from_secs(5);

/// The means to connect to any database.
#[derive(Clone)]
pub(super) struct Ways {
    /// How names become addresses.
    pub names: Names,
    /// How connections are encrypted.
    pub tls: Arc<Tls>,
}

/// A connection that is open.
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(Box<PostgresConnection>),
    Mysql(Box<MysqlConnection>),
}

/// The outcome of statements.
pub(super) struct Ran {
    /// The results, or why there are none.
    pub result: Result<Collector, SqlError>,
    /// The further use of the connection.
    pub then: Then,
}

/// The further use of a connection that has carried out statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is as it was before, and is kept.
    Keep,
    /// It is another one than before, and is closed. Nothing is under way.
    Close,
    /// It is lost, or the database may be busy with it: it is [stopped](Connection::stop).
    Stop,
}

impl Ran {
    /// Makes the outcome of statements that have ended, for good or ill. `is_as_before` is said of
    /// the connection.
    pub fn ended(result: Result<Collector, SqlError>, is_as_before: bool) -> Ran {
        Ran { result, then: if is_as_before { Then::Keep } else { Then::Close } }
    }

    /// Makes the outcome of statements in whose midst the connection is not to be used any more.
    pub fn lost(error: SqlError) -> Ran {
        Ran { result: Err(error), then: Then::Stop }
    }
}

impl Connection {
    /// Connects to a database.
    pub async fn open(
        database: &Database,
        ways: &Ways,
        writes: &Arc<WriteTurn>,
        packet_bytes_max: usize,
        slot: &Slot,
    ) -> Result<Connection, SqlError> {
        match &*database.place {
            DatabasePlace::Sqlite(path) => {
                let limits = (database.file_bytes_max, packet_bytes_max);
                let opened =
                    SqliteConnection::open(path, limits, writes.clone(), slot.clone()).await;
                opened.map(Connection::Sqlite)
            }
            DatabasePlace::Postgres(server) => {
                let opened = PostgresConnection::open(server, ways).await;
                opened.map(|connection| Connection::Postgres(Box::new(connection)))
            }
            DatabasePlace::Mysql(server) => {
                let opened = MysqlConnection::open(server, ways, packet_bytes_max).await;
                opened.map(|connection| Connection::Mysql(Box::new(connection)))
            }
        }
    }

    /// Carries out statements. If this is dropped before its end, the connection can only be
    /// [stopped](Self::stop).
    pub async fn run(&mut self, work: &Arc<SqlWork>, collector: Collector) -> Ran {
        match self {
            Connection::Sqlite(connection) => connection.run(work, collector).await,
            Connection::Postgres(connection) => connection.run(work, collector).await,
            Connection::Mysql(connection) => connection.run(work, collector).await,
        }
    }

    /// Whether a connection that nobody has used for some time is still there.
    pub async fn is_alive(&mut self, idle: Duration) -> bool {
        match self {
            Connection::Sqlite(connection) => connection.is_alive(),
            Connection::Postgres(connection) => connection.is_alive().await,
            Connection::Mysql(connection) => connection.is_alive(idle).await,
        }
    }

    /// Makes the connection as if it were new, for another guest. False if that can't be done.
    pub async fn reset(&mut self) -> bool {
        match self {
            // A new one costs as little.
            Connection::Sqlite(_) => false,
            Connection::Postgres(connection) => connection.reset().await,
            Connection::Mysql(connection) => connection.reset().await,
        }
    }

    /// Ends a connection in the midst of statements, which the database is asked to stop.
    pub async fn stop(self, ways: &Ways) {
        // A server that does not answer is left alone: being dropped closes the socket. A thread is
        // there until it ends by itself.
        let _ = match self {
            Connection::Sqlite(connection) => return connection.stop().await,
            Connection::Postgres(connection) => timeout(GOODBYE, connection.stop(ways)).await,
            Connection::Mysql(connection) => timeout(GOODBYE, connection.stop()).await,
        };
    }

    /// Ends a connection that is not in use.
    pub async fn close(self) {
        let _ = match self {
            Connection::Sqlite(connection) => return connection.stop().await,
            Connection::Postgres(connection) => timeout(GOODBYE, connection.close()).await,
            Connection::Mysql(connection) => timeout(GOODBYE, connection.close()).await,
        };
    }
}
