//! The work of the thread of a connection.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fallible_iterator_of_sqlite::FallibleIterator;
use rusqlite::config::DbConfig;
use rusqlite::ffi::ErrorCode;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Batch, Connection, Error, Statement};
use snow_config::Dialect;
use snow_runtime::{SqlError, SqlStatement, SqlValue, SqlWork};

use super::errors::failure;
use super::turn::WriteTurn;
use crate::sql::collect::Collector;
use crate::sql::connection::Ran;
use crate::sql::{CACHED_BYTES_MAX, CACHED_STATEMENTS, NO_TRANSACTION, failed, text};

/// Steps of SQLite's machine between two looks whether the statement is to stop: less than a
/// millisecond.
const STEPS: i32 = 1_000;
/// How long SQLite tries again while another process has the file.
const BUSY: Duration = Duration::from_millis(200);
/// The most semicolons of a text that the cache of the crate prepares: it asks about each statement
/// of a text, one within the other.
const SEMICOLONS_MAX: usize = 200;
/// Bytes of a pattern of `LIKE` or `GLOB`: a comparison with a long one is a single step of
/// SQLite's machine, and may take very long.
const PATTERN_BYTES_MAX: i32 = 1_000;
/// Bytes of a value that SQLite takes in any case: the text of a statement is one, too.
const VALUE_BYTES_MIN: usize = 1 << 20;
/// Names that guests may ask and set by `PRAGMA`: all that is about the tables, and nothing that is
/// about the file or the connection.
const PRAGMAS: [&str; 13] = [
    "application_id",
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
    "optimize",
];

/// An open file.
pub(super) struct Session {
    connection: Connection,
    writes: Arc<WriteTurn>,
    stop: Arc<AtomicBool>,
}

impl Session {
    /// Opens a file, or makes it. `limits` are bytes of the file, and of one value.
    pub fn open(
        path: &Path,
        limits: (u64, usize),
        writes: Arc<WriteTurn>,
        stop: Arc<AtomicBool>,
    ) -> Result<Session, SqlError> {
        let connection = set_up(path, limits, &stop).map_err(|error| {
            SqlError::Unavailable(format!("the file of the database can't be opened: {error}"))
        })?;
        Ok(Session { connection, writes, stop })
    }

    /// Carries out statements.
    pub fn run(&mut self, work: &SqlWork, mut collector: Collector) -> Ran {
        let ran = self.carry_out(work, &mut collector);
        // Whatever a statement has begun ends here.
        let has_begun = !self.connection.is_autocommit();
        let is_as_before = !has_begun || self.connection.execute_batch("ROLLBACK").is_ok();
        let result = match ran {
            Ok(()) if has_begun => Err(failed("25000", NO_TRANSACTION)),
            Ok(()) => Ok(collector),
            Err(error) => Err(error),
        };
        Ran::ended(result, is_as_before)
    }

    fn carry_out(&self, work: &SqlWork, collector: &mut Collector) -> Result<(), SqlError> {
        // One by itself is prepared once.
        if let [statement] = &work.statements[..] {
            return self.prepared(statement, collector, |prepared, collector| {
                match prepared.readonly() {
                    true => self.step(prepared, statement, collector),
                    false => self.write(|| self.step(prepared, statement, collector)),
                }
            });
        }
        // A statement that can't be prepared yet may need a table that one before it makes.
        let reads = |statement: &SqlStatement| {
            self.with(&statement.text, |prepared| prepared.readonly()).is_ok_and(|reads| reads)
        };
        if work.statements.iter().all(reads) {
            // All of them see one state.
            self.batch("BEGIN")?;
            self.each(work, collector)?;
            return self.batch("COMMIT");
        }
        self.write(|| self.each(work, collector))
    }

    /// Does something in a transaction that writes.
    fn write(&self, act: impl FnOnce() -> Result<(), SqlError>) -> Result<(), SqlError> {
        let Some(_turn) = self.writes.take(&self.stop) else { return Err(SqlError::TimedOut) };
        // Another process may be writing.
        while let Err(error) = self.connection.execute_batch("BEGIN IMMEDIATE") {
            let is_busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
            if !is_busy || self.stop.load(Ordering::Relaxed) {
                return Err(failure(&error));
            }
        }
        act()?;
        if self.connection.is_autocommit() {
            return Err(failed("25000", NO_TRANSACTION));
        }
        self.batch("COMMIT")
    }

    fn batch(&self, text: &str) -> Result<(), SqlError> {
        self.connection.execute_batch(text).map_err(|error| failure(&error))
    }

    fn each(&self, work: &SqlWork, collector: &mut Collector) -> Result<(), SqlError> {
        work.statements.iter().try_for_each(|statement| {
            self.prepared(statement, collector, |prepared, collector| {
                self.step(prepared, statement, collector)
            })
        })
    }

    /// Prepares a statement with its values, and does something with it, unless there is none in
    /// the text.
    fn prepared(
        &self,
        statement: &SqlStatement,
        collector: &mut Collector,
        act: impl FnOnce(&mut Statement<'_>, &mut Collector) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        // SQLite takes it for the end of the text.
        if statement.text.contains('\0') {
            return Err(failed("22021", "a statement can't have a NUL"));
        }
        let done = self.with(&statement.text, |prepared| {
            bind(prepared, &statement.parameters)?;
            act(prepared, collector)
        });
        match done {
            // A text of nothing but comments.
            Err(Error::Empty) => collector.end(Some(0), None),
            done => done.map_err(|error| failure(&error))?,
        }
    }

    /// Carries out a statement that is prepared, and collects what it returns.
    fn step(
        &self,
        prepared: &mut Statement<'_>,
        statement: &SqlStatement,
        collector: &mut Collector,
    ) -> Result<(), SqlError> {
        let names = |prepared: &Statement<'_>| -> Vec<String> {
            prepared.column_names().map(str::to_owned).collect()
        };
        let (reads, before) = (prepared.readonly(), self.connection.total_changes());
        // They may be others when the first row comes: SQLite prepares anew what has changed.
        let mut columns = Some(names(prepared)).filter(|columns| !columns.is_empty());
        let returns_rows = columns.is_some();
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(|error| failure(&error))? {
            let now: &Statement<'_> = row.as_ref();
            if columns.take().is_some() {
                collector.begin(names(now))?;
            }
            let value = |at| row.get_ref(at).map(value_of);
            let values: Result<Vec<SqlValue>, Error> = (0..now.column_count()).map(value).collect();
            collector.row(values.map_err(|error| failure(&error))?)?;
        }
        drop(rows);
        if let Some(columns) = columns {
            collector.begin(columns)?;
        }
        let has_changed = self.connection.total_changes() > before;
        let affected = match has_changed {
            true => Some(self.connection.changes()),
            false if reads && returns_rows => None,
            false => Some(0),
        };
        let word = text::first_word(&statement.text, Dialect::Sqlite);
        let inserts = has_changed
            && ["insert", "replace"].iter().any(|insert| insert.eq_ignore_ascii_case(word));
        collector.end(affected, inserts.then(|| self.connection.last_insert_rowid()))
    }

    /// Does something with a statement, which is kept prepared if it is not long.
    fn with<T>(&self, text: &str, act: impl FnOnce(&mut Statement<'_>) -> T) -> Result<T, Error> {
        if text.len() <= CACHED_BYTES_MAX && text.matches(';').count() <= SEMICOLONS_MAX {
            return Ok(act(&mut *self.connection.prepare_cached(text)?));
        }
        // It prepares one after the other, and here no more than two.
        let mut all = Batch::new(&self.connection, text);
        let mut first = all.next()?.ok_or(Error::Empty)?;
        match all.next()? {
            Some(_) => Err(Error::MultipleStatement),
            None => Ok(act(&mut first)),
        }
    }
}

fn set_up(
    path: &Path,
    (file_bytes_max, value_bytes_max): (u64, usize),
    stop: &Arc<AtomicBool>,
) -> Result<Connection, Error> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Readers and the writer do not wait for one another. It is a property of the file.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Temporary tables are in a file of their own.
    for schema in ["main", "temp"] {
        let ask = format!("PRAGMA {schema}.page_size");
        let page_bytes: u32 = connection.query_row(&ask, [], |row| row.get(0))?;
        let pages = (file_bytes_max / u64::from(page_bytes.max(1))).max(1);
        let set = format!("PRAGMA {schema}.max_page_count = {pages}");
        connection.query_row(&set, [], |_| Ok(()))?;
    }
    // The tables of which an index of text or of rectangles consists are not to be written as
    // bytes: the code of the index trusts them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)?;
    let bytes = value_bytes_max.max(VALUE_BYTES_MIN).try_into().unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, bytes)?;
    let stop = stop.clone();
    connection.progress_handler(STEPS, Some(move || stop.load(Ordering::Relaxed)))?;
    connection.authorizer(Some(|context: AuthContext<'_>| may(&context.action)))?;
    Ok(connection)
}

/// Decides what a guest's statement may do: nothing that reaches another file.
fn may(action: &AuthAction<'_>) -> Authorization {
    let is_allowed = match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => false,
        // It comes as it is written.
        AuthAction::Pragma { pragma_name, .. } => {
            PRAGMAS.iter().any(|pragma| pragma.eq_ignore_ascii_case(pragma_name))
        }
        AuthAction::Function { function_name } => *function_name != "load_extension",
        _ => true,
    };
    if is_allowed { Authorization::Allow } else { Authorization::Deny }
}

/// Gives a statement the values for its placeholders.
fn bind(prepared: &mut Statement<'_>, parameters: &[SqlValue]) -> Result<(), SqlError> {
    let mut numbers = Vec::new();
    for index in 1..=prepared.parameter_count() {
        let number = match prepared.parameter_name(index) {
            // It has the form `?` or `?1`.
            None => index,
            Some(name) => match name.trim_start_matches(['$', '?']).parse() {
                Ok(number) if number > 0 => number,
                _ => {
                    return Err(failed("42601", "placeholders are $1, ? or ?1, and have no names"));
                }
            },
        };
        numbers.push(number);
    }
    let needed = numbers.iter().copied().max().unwrap_or(0);
    if needed != parameters.len() {
        let message = format!("the statement has {needed} placeholders, not {}", parameters.len());
        return Err(failed("07001", message));
    }
    for (at, number) in numbers.into_iter().enumerate() {
        let bound = prepared.raw_bind_parameter(at + 1, Parameter(&parameters[number - 1]));
        bound.map_err(|error| failure(&error))?;
    }
    Ok(())
}

/// A value as SQLite takes it.
struct Parameter<'v>(&'v SqlValue);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            SqlValue::Null => ValueRef::Null,
            SqlValue::Boolean(is) => ValueRef::Integer(i64::from(*is)),
            SqlValue::Integer(number) => ValueRef::Integer(*number),
            SqlValue::Real(number) => ValueRef::Real(*number),
            SqlValue::Text(text) => ValueRef::Text(text.as_bytes()),
            SqlValue::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Returns a value as guests get it. A text that is no UTF-8 is a blob.
fn value_of(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) => SqlValue::Text(text.to_owned()),
            Err(_) => SqlValue::Blob(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests;
