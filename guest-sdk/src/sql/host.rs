//! The host's functions for databases.

#[cfg(not(target_arch = "wasm32"))]
pub use absent::*;
#[cfg(target_arch = "wasm32")]
pub use imported::*;

#[cfg(target_arch = "wasm32")]
mod imported {
    use crate::bindings::snow::host::pending_handles::Pending;
    use crate::bindings::snow::host::sql as raw;
    use crate::sql::SqlError;

    type Result<T> = std::result::Result<T, SqlError>;

    pub fn open(name: &str) -> Result<raw::Database> {
        raw::Database::open(name).map_err(SqlError::lift)
    }
    pub fn dialect(database: &raw::Database) -> Result<raw::Dialect> {
        database.dialect().map_err(SqlError::lift)
    }
    pub fn query(database: &raw::Database, statement: &raw::Statement) -> Result<raw::Rows> {
        database.query(statement).map_err(SqlError::lift)
    }
    pub fn transact(
        database: &raw::Database,
        statements: &[raw::Statement],
    ) -> Result<Vec<raw::Rows>> {
        database.transact(statements).map_err(SqlError::lift)
    }
    pub fn listen(database: &raw::Database, channel: &str) -> Result<Pending> {
        database.listen(channel).map_err(SqlError::lift)
    }
}

/// In a native test there is no host, and no database can be opened.
#[cfg(not(target_arch = "wasm32"))]
mod absent {
    use crate::bindings::snow::host::pending_handles::Pending;
    use crate::bindings::snow::host::sql as raw;
    use crate::sql::SqlError;

    type Result<T> = std::result::Result<T, SqlError>;

    pub fn open(_: &str) -> Result<raw::Database> {
        Err(SqlError::lift(raw::SqlError::Denied))
    }
    pub fn dialect(_: &raw::Database) -> Result<raw::Dialect> {
        Err(SqlError::Denied)
    }
    pub fn query(_: &raw::Database, _: &raw::Statement) -> Result<raw::Rows> {
        Err(SqlError::Denied)
    }
    pub fn transact(_: &raw::Database, _: &[raw::Statement]) -> Result<Vec<raw::Rows>> {
        Err(SqlError::Denied)
    }
    pub fn listen(_: &raw::Database, _: &str) -> Result<Pending> {
        Err(SqlError::Denied)
    }
}
