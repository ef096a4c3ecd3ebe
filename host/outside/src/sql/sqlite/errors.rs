//! Errors of SQLite, in SQLSTATE.

use rusqlite::Error;
use rusqlite::ffi::ErrorCode;
use snow_runtime::SqlError;

use crate::sql::failed;

/// Returns the failure that an error stands for.
pub(super) fn failure(error: &Error) -> SqlError {
    let Error::SqliteFailure(code, message) = error else { return other(error) };
    let message = message.clone().unwrap_or_else(|| code.to_string());
    match code.code {
        ErrorCode::OperationInterrupted => SqlError::TimedOut,
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::NotADatabase => {
            SqlError::Unavailable(message)
        }
        _ => failed(state(code.code, code.extended_code, &message), message),
    }
}

fn other(error: &Error) -> SqlError {
    match error {
        Error::MultipleStatement => failed("42601", "there is more than one statement"),
        Error::SqlInputError { error: code, msg, .. } => {
            failed(state(code.code, code.extended_code, msg), msg)
        }
        _ => failed("42000", error.to_string()),
    }
}

/// Returns the nearest SQLSTATE of PostgreSQL.
fn state(code: ErrorCode, extended: i32, message: &str) -> &'static str {
    match (code, extended) {
        (_, 1_555 | 2_067 | 2_579) => "23505",
        (_, 1_299) => "23502",
        (_, 787) => "23503",
        (_, 275) => "23514",
        (ErrorCode::ConstraintViolation, _) => "23000",
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => "55P03",
        (ErrorCode::ReadOnly, _) => "25006",
        (ErrorCode::DiskFull, _) => "53100",
        (ErrorCode::OutOfMemory, _) => "53200",
        (ErrorCode::TooBig, _) => "54000",
        (ErrorCode::TypeMismatch, _) => "42804",
        (ErrorCode::AuthorizationForStatementDenied, _) => "42501",
        (ErrorCode::DatabaseCorrupt, _) => "XX001",
        _ if message.contains("no such table") => "42P01",
        _ if message.contains("no such column") => "42703",
        _ if message.contains("syntax error") || message.contains("incomplete input") => "42601",
        _ => "42000",
    }
}
