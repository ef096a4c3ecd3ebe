//! Databases: PostgreSQL, MySQL and MariaDB, and SQLite.
//!
//! The deployer names databases in snow.toml, and grants them to guests (`databases` of a guest's
//! table):
//!
//! ```toml
//! [database.app]
//! url = "sqlite:data/app.db"
//!
//! [guest.shop]
//! databases = ["app"]
//! ```
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/users/(?P<id>\d+)")]
//! fn user(request: Request) -> Result<String> {
//!     let id: i64 = request.param_as("id")?;
//!     let app = Database::open("app")?;
//!     let found = app.query("select name from users where id = $1", [id])?;
//!     match found.first() {
//!         Some(row) => Ok(row.get("name")?),
//!         None => Err(Error::status(404, "there is no such user")),
//!     }
//! }
//!
//! snow_guest::serve!(user);
//! # fn main() {}
//! ```
//!
//! A query waits in place: its line goes on when the result is there, and other requests are served
//! meanwhile. Values of clients belong into placeholders (`$1`, `$2` and so on, in every database),
//! and never into the text.
//!
//! # Transactions
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! fn pay(app: &Database, from: i64, to: i64, cents: i64) -> Result<()> {
//!     app.transact([
//!         Statement::with("update accounts set cents = cents - $1 where id = $2", (cents, from)),
//!         Statement::with("update accounts set cents = cents + $1 where id = $2", (cents, to)),
//!     ])?;
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! # Waiting for a notification
//!
//! With PostgreSQL, [`Database::listen`] makes a [`Pending`] of the next `NOTIFY` on a channel. Listen
//! first, look at the data then, and suspend if there is nothing new: nothing is missed.
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/news/after/(?P<id>\d+)", resume = look_again)]
//! fn news(request: Request) -> Result<Outcome> {
//!     let app = Database::open("app")?;
//!     let came = app.listen("news")?;
//!     let after: i64 = request.param_as("id")?;
//!     let found = app.query("select text from news where id > $1", [after])?;
//!     match found.first() {
//!         Some(row) => Ok(Response::text(row.get::<String>("text")?).into()),
//!         None => Ok(came.suspend().into()),
//!     }
//! }
//!
//! fn look_again(resumed: Resumed) -> Response {
//!     Response::text(resumed.text())
//! }
//!
//! snow_guest::serve!(news);
//! # fn main() {}
//! ```
//!
//! # Errors
//!
//! A [`SqlError`] becomes an answer by `?`: 503 if the database can't be reached, is too slow or has
//! too much to do, so that the client may try again; else a 500, whose reason is in the log.
//!
//! In a native test there is no host: every database is [`Denied`](SqlError::Denied). [`Rows`] can be
//! [made](Rows::new), so functions that take them can be tested.

use crate::bindings::snow::host::sql as raw;
use crate::{Error, Pending};
use std::fmt;

mod host;
mod values;

pub use values::{FromValue, IntoValues, Value};

/// A database, as this guest may use it.
#[derive(Debug)]
pub struct Database(raw::Database);

/// The languages that databases speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

impl Database {
    /// Opens a database by its name in snow.toml.
    ///
    /// # Errors
    /// [`Denied`](SqlError::Denied), if the deployer does not grant it to this guest. The host's log
    /// says what would.
    pub fn open(name: &str) -> Result<Self, SqlError> {
        host::open(name).map(Self)
    }

    /// Returns the language that the database speaks, for a guest that is to run with several.
    pub fn dialect(&self) -> Result<Dialect, SqlError> {
        Ok(match host::dialect(&self.0)? {
            raw::Dialect::Postgres => Dialect::Postgres,
            raw::Dialect::Mysql => Dialect::Mysql,
            raw::Dialect::Sqlite => Dialect::Sqlite,
        })
    }

    /// Carries out one statement, with a [value for each placeholder](IntoValues): none, `()`; of one
    /// type, `[1, 2]`; or of several, `(1, "a")`.
    pub fn query(&self, text: &str, values: impl IntoValues) -> Result<Rows, SqlError> {
        self.execute(Statement::with(text, values))
    }

    /// Carries out one statement.
    pub fn execute(&self, statement: Statement) -> Result<Rows, SqlError> {
        host::query(&self.0, &statement.0).map(Rows)
    }

    /// Carries out statements in one transaction: all of them or none. Returns what each returned.
    pub fn transact(
        &self,
        statements: impl IntoIterator<Item = Statement>,
    ) -> Result<Vec<Rows>, SqlError> {
        let statements: Vec<_> = statements.into_iter().map(|statement| statement.0).collect();
        Ok(host::transact(&self.0, &statements)?.into_iter().map(Rows).collect())
    }

    /// Creates a pending that is settled with the payload of the next notification on a channel. Once
    /// it is there, no notification is missed. If the connection to the database is lost, it is a
    /// [`Failure`](crate::Failure) with the code `unavailable`.
    ///
    /// # Errors
    /// [`Failed`](SqlError::Failed) with `0A000` for a database that is not PostgreSQL.
    pub fn listen(&self, channel: &str) -> Result<Pending, SqlError> {
        host::listen(&self.0, channel).map(Pending::lift)
    }
}

/// A statement with a value for each of its placeholders.
#[derive(Clone, Debug)]
#[must_use = "it is not carried out yet"]
pub struct Statement(raw::Statement);

impl Statement {
    /// A statement without values yet.
    pub fn new(text: impl Into<String>) -> Self {
        Self(raw::Statement { text: text.into(), parameters: Vec::new() })
    }

    /// A statement with a [value for each placeholder](IntoValues).
    pub fn with(text: impl Into<String>, values: impl IntoValues) -> Self {
        values.into_values().into_iter().fold(Self::new(text), Self::bind)
    }

    /// Gives the next placeholder a value. `None` is null.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.0.parameters.push(value.into().lower());
        self
    }
}

/// The rows that a statement returned, and how many it changed.
#[derive(Clone, Debug)]
pub struct Rows(raw::Rows);

impl Rows {
    /// Rows with these columns, for tests.
    pub fn new<V: Into<Value>>(columns: &[&str], rows: impl IntoIterator<Item = Vec<V>>) -> Self {
        let row = |row: Vec<V>| row.into_iter().map(|value| value.into().lower()).collect();
        let rows: Vec<Vec<raw::Value>> = rows.into_iter().map(row).collect();
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Self(raw::Rows { columns, affected: rows.len() as u64, rows, last_id: None })
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.0.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }

    /// The first row.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// The rows, in the order in which the database has returned them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.0.rows.iter().map(|values| Row { columns: &self.0.columns, values })
    }

    /// How many rows the statement has changed.
    pub fn affected(&self) -> u64 {
        self.0.affected
    }

    /// The value that was made for a column that numbers its rows (`AUTO_INCREMENT`, or the `rowid` of
    /// SQLite). PostgreSQL has `returning` instead.
    pub fn last_id(&self) -> Option<i64> {
        self.0.last_id
    }
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    columns: &'r [String],
    values: &'r [raw::Value],
}

impl Row<'_> {
    /// The value of a column, as a type. `Option` for one that may be null.
    ///
    /// # Errors
    /// There is no such column, or its value is none of that type.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, ColumnError> {
        let error = |why: String| ColumnError { column: column.to_owned(), why };
        let at = self.columns.iter().position(|name| name == column).ok_or_else(|| {
            error(format!("there is none; the columns are {}", self.columns.join(", ")))
        })?;
        let value = Value::lift(self.values.get(at));
        T::from_value(value)
            .map_err(|value| error(format!("it is {value}, not {}", std::any::type_name::<T>())))
    }

    /// The value of a column; null if there is no such column.
    pub fn value(&self, column: &str) -> Value {
        let at = self.columns.iter().position(|name| name == column);
        Value::lift(at.and_then(|at| self.values.get(at)))
    }
}

/// A column whose value can't be read as it was asked for: a mistake of the guest's author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    /// The name of the column.
    pub column: String,
    /// The reason why it can't be read.
    why: String,
}

impl fmt::Display for ColumnError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the column `{}`: {}", self.column, self.why)
    }
}

impl std::error::Error for ColumnError {}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlError {
    /// This guest may not use this database, or not here. The host's log says what the deployer can
    /// do.
    Denied,
    /// A limit of the host, in words that name it: this is too much.
    Limit(String),
    /// Others have too much under way, in words that name the limit: try again later.
    Overloaded(String),
    /// The database refuses the statement.
    Failed {
        /// SQLSTATE, such as `23505` for a value that is there already.
        code: String,
        /// The database's words.
        message: String,
    },
    /// The database can't be reached, or the connection was lost; then it is unknown whether the
    /// statement was carried out.
    Unavailable(String),
    /// It took too long. It is unknown whether the statement was carried out.
    TimedOut,
}

impl SqlError {
    /// SQLSTATE, if the database has refused the statement.
    pub fn code(&self) -> Option<&str> {
        match self {
            SqlError::Failed { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether a value was there already that may be there once, in any database.
    pub fn is_duplicate(&self) -> bool {
        match self {
            SqlError::Failed { code, message } => {
                // MySQL has one code for all that a row may not be.
                code == "23505" || code == "23000" && message.contains("Duplicate entry")
            }
            _ => false,
        }
    }

    fn lift(raw: raw::SqlError) -> Self {
        match raw {
            raw::SqlError::Denied => SqlError::Denied,
            raw::SqlError::Limit(which) => SqlError::Limit(which),
            raw::SqlError::Overloaded(which) => SqlError::Overloaded(which),
            raw::SqlError::Failed(raw::Failure { code, message }) => {
                SqlError::Failed { code, message }
            }
            raw::SqlError::Unavailable(why) => SqlError::Unavailable(why),
            raw::SqlError::TimedOut => SqlError::TimedOut,
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlError::Denied => {
                out.write_str("the host does not allow this guest to use this database here")
            }
            SqlError::Limit(words) | SqlError::Overloaded(words) | SqlError::Unavailable(words) => {
                out.write_str(words)
            }
            SqlError::Failed { code, message } => write!(out, "{message} ({code})"),
            SqlError::TimedOut => out.write_str("the database took too long"),
        }
    }
}

// It does not implement `std::error::Error`, so that `?` makes the answer below of it, and not a 500
// of everything.
impl From<SqlError> for Error {
    fn from(error: SqlError) -> Error {
        match error {
            SqlError::Unavailable(_) | SqlError::TimedOut | SqlError::Overloaded(_) => {
                Error::unavailable(error)
            }
            _ => Error::new(error),
        }
    }
}

#[cfg(test)]
mod tests;
