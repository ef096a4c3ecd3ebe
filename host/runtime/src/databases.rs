//! Statements of guests to databases, as the rooms above see them.

use std::any::Any;
use std::num::NonZeroU64;
use std::sync::Arc;

use snow_config::{DatabaseConfig, DatabasePlace, Limits};
use snow_core::PendingId;

use crate::outcome::{OperationId, Settled};
use crate::outside::Nowhere;

/// Carries out statements of guests in databases, on threads of its own.
///
/// Its numbers of operations are multiples of four, which no other kind of operation has.
pub trait Databases: Send + Sync {
    /// Begins a statement or a transaction, and returns at once. `done` is called exactly once, on
    /// another thread, with the result or with why there is none; never within this function, and
    /// not at all if the operation is cancelled first.
    fn run(&self, work: SqlWork, done: SqlDone) -> OperationId;

    /// Begins to wait for the next notification on a channel, which settles the pending `waiter`.
    /// None that the database sends is missed once this function has returned
    /// [`Listening::Now`], or `done` was called with success; it is called as by
    /// [`run`](Self::run), and not at all for `Now`.
    fn listen(&self, listen: SqlListen, done: ListenDone) -> Listening;

    /// Ends an operation, if it is under way: the database is asked to stop, and nothing is
    /// reported.
    fn cancel(&self, operation: OperationId);
}

/// Settles those who wait for notifications.
pub trait Notify: Send + Sync {
    /// Settles these pendings, and wakes who waits for them. Those that are gone are left out.
    fn notify(&self, waiters: &[PendingId], settled: &Settled);
}

/// The function that is called with the end of a statement or of a transaction.
pub type SqlDone = Box<dyn FnOnce(Result<SqlAnswer, SqlError>) + Send>;
/// The function that is called when a channel is listened to, or can't be.
pub type ListenDone = Box<dyn FnOnce(Result<(), SqlError>) + Send>;

/// The beginning of a wait for a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// The channel is listened to.
    Now(OperationId),
    /// The database has to be told first.
    Soon(OperationId),
}

/// A database as its deployer has set it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The name of its table.
    pub name: Arc<str>,
    /// Where it is.
    pub place: Arc<DatabasePlace>,
    /// How many connections there may be.
    pub connections_max: usize,
    /// How long a statement or a transaction may take, in milliseconds.
    pub timeout_ms: u32,
    /// Bytes of its file, if it is one of SQLite.
    pub file_bytes_max: u64,
}

impl Database {
    /// Makes a database of its table. `None` if its URL was not looked up.
    pub fn new(name: &str, config: &DatabaseConfig, limits: &Limits) -> Option<Database> {
        Some(Database {
            name: name.into(),
            place: config.url.as_ref()?.place.clone()?,
            connections_max: config.connections_max.unwrap_or(limits.database_connections_max),
            timeout_ms: config.timeout_ms.unwrap_or(limits.sql_timeout_ms),
            file_bytes_max: config.file_bytes_max.unwrap_or(limits.sqlite_file_bytes_max),
        })
    }
}

/// Statements of a guest to a database that it may use.
pub struct SqlWork {
    /// The guest's name.
    pub guest: Arc<str>,
    /// The database.
    pub database: Arc<Database>,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// The statements, in their order.
    pub statements: Vec<SqlStatement>,
    /// Whether they are one transaction. If not, there is only one.
    pub is_transaction: bool,
}

/// A channel of a database on which a guest waits for a notification.
pub struct SqlListen {
    /// The guest's name.
    pub guest: Arc<str>,
    /// The database.
    pub database: Arc<Database>,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// The channel's name.
    pub channel: String,
    /// The pending that a notification settles.
    pub waiter: PendingId,
}

/// A statement with values for its placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlStatement {
    /// The text.
    pub text: String,
    /// The values.
    pub parameters: Vec<SqlValue>,
}

/// A value of a parameter or of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl SqlValue {
    /// Returns how many bytes the value takes.
    pub fn bytes(&self) -> usize {
        size_of::<SqlValue>()
            + match self {
                SqlValue::Text(text) => text.len(),
                SqlValue::Blob(bytes) => bytes.len(),
                _ => 0,
            }
    }
}

/// The results of all statements of an operation.
pub struct SqlAnswer {
    /// The result of each, in their order.
    pub results: Vec<SqlRows>,
    /// Counts the bytes of the results, until it is dropped.
    pub held: Box<dyn Any + Send>,
}

/// The result of a statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SqlRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with a value for each column.
    pub rows: Vec<Vec<SqlValue>>,
    /// How many rows were changed; of a query, how many there are.
    pub affected: u64,
    /// The value that was made for a column that numbers its rows.
    pub last_id: Option<i64>,
}

/// The reason why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// A limit of the host, in words that name it.
    #[error("{0}")]
    Limit(String),
    /// Others have too much under way, in words that name the limit.
    #[error("{0}")]
    Overloaded(String),
    /// The database refuses the statement.
    #[error("{code}: {message}")]
    Failed {
        /// SQLSTATE, or the nearest one.
        code: String,
        /// The database's words.
        message: String,
    },
    /// The database can't be reached, or was lost, in words.
    #[error("{0}")]
    Unavailable(String),
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
}

/// Databases that carry out nothing: no operation ever ends.
impl Databases for Nowhere {
    fn run(&self, _: SqlWork, _: SqlDone) -> OperationId {
        OperationId(NonZeroU64::MAX)
    }

    fn listen(&self, _: SqlListen, _: ListenDone) -> Listening {
        Listening::Soon(OperationId(NonZeroU64::MAX))
    }

    fn cancel(&self, _: OperationId) {}
}
