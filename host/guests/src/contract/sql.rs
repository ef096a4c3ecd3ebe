//! `snow:host/sql`: statements of guests in databases.
//!
//! They are carried out by whatever the server has put in as
//! [`Databases`](snow_runtime::Databases). [`calls`] does it for one call, which waits in place;
//! this file translates.

mod calls;
mod notifier;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};

use snow_config::Dialect as HostDialect;
use snow_runtime::{SqlError, SqlRows, SqlStatement, SqlValue};

pub use self::notifier::Notifier;

use self::calls::{OpenDatabase, Refused, listen, run};
use super::context::CallContext;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// Databases that the instance has open.
pub(super) type OpenDatabases = super::state::buckets::Opened<OpenDatabase>;

/// `sql.value`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum Value {
    #[component(name = "null")]
    Null,
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "real")]
    Real(f64),
    #[component(name = "text")]
    Text(String),
    #[component(name = "blob")]
    Blob(Vec<u8>),
}

/// `sql.dialect`.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum Dialect {
    #[component(name = "postgres")]
    Postgres,
    #[component(name = "mysql")]
    Mysql,
    #[component(name = "sqlite")]
    Sqlite,
}

/// `sql.statement`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Statement {
    text: String,
    parameters: Vec<Value>,
}

/// `sql.rows`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    affected: u64,
    #[component(name = "last-id")]
    last_id: Option<i64>,
}

/// `sql.failure`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Failure {
    code: String,
    message: String,
}

/// `sql.sql-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "denied")]
    Denied,
    #[component(name = "limit")]
    Limit(String),
    #[component(name = "overloaded")]
    Overloaded(String),
    #[component(name = "failed")]
    Failed(Failure),
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "timed-out")]
    TimedOut,
}

impl From<Value> for SqlValue {
    fn from(value: Value) -> SqlValue {
        match value {
            Value::Null => SqlValue::Null,
            Value::Boolean(is) => SqlValue::Boolean(is),
            Value::Integer(number) => SqlValue::Integer(number),
            Value::Real(number) => SqlValue::Real(number),
            Value::Text(text) => SqlValue::Text(text),
            Value::Blob(bytes) => SqlValue::Blob(bytes),
        }
    }
}

impl From<SqlValue> for Value {
    fn from(value: SqlValue) -> Value {
        match value {
            SqlValue::Null => Value::Null,
            SqlValue::Boolean(is) => Value::Boolean(is),
            SqlValue::Integer(number) => Value::Integer(number),
            SqlValue::Real(number) => Value::Real(number),
            SqlValue::Text(text) => Value::Text(text),
            SqlValue::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

impl From<Statement> for SqlStatement {
    fn from(Statement { text, parameters }: Statement) -> SqlStatement {
        SqlStatement { text, parameters: parameters.into_iter().map(Into::into).collect() }
    }
}

impl From<SqlRows> for Rows {
    fn from(SqlRows { columns, rows, affected, last_id }: SqlRows) -> Rows {
        let row = |row: Vec<SqlValue>| row.into_iter().map(Value::from).collect();
        Rows { columns, rows: rows.into_iter().map(row).collect(), affected, last_id }
    }
}

impl From<HostDialect> for Dialect {
    fn from(dialect: HostDialect) -> Dialect {
        match dialect {
            HostDialect::Postgres => Dialect::Postgres,
            HostDialect::Mysql => Dialect::Mysql,
            HostDialect::Sqlite => Dialect::Sqlite,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        match refused {
            Refused::Denied => Error::Denied,
            Refused::Sql(SqlError::Limit(which)) => Error::Limit(which),
            Refused::Sql(SqlError::Overloaded(which)) => Error::Overloaded(which),
            Refused::Sql(SqlError::Failed { code, message }) => {
                Error::Failed(Failure { code, message })
            }
            Refused::Sql(SqlError::Unavailable(why)) => Error::Unavailable(why),
            Refused::Sql(SqlError::TimedOut) => Error::TimedOut,
        }
    }
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut sql = linker.instance("snow:host/sql@0.1.0")?;
    sql.resource(
        "database",
        ResourceType::host::<OpenDatabase>(),
        |mut store: Context<'_>, representation| {
            store.data_mut().open_databases.close(representation);
            Ok(())
        },
    )?;
    sql.func_wrap("[static]database.open", |mut store: Context<'_>, (name,): (String,)| {
        Ok((store.data_mut().open_database(&name).map_err(Error::from),))
    })?;
    sql.func_wrap(
        "[method]database.dialect",
        |store: Context<'_>, (this,): (Resource<OpenDatabase>,)| {
            let database = store.data().database(&this);
            Ok((database
                .map(|database| Dialect::from(database.place.dialect()))
                .map_err(Error::from),))
        },
    )?;
    sql.func_wrap_async(
        "[method]database.query",
        |store: Context<'_>, (this, statement): (Resource<OpenDatabase>, Statement)| {
            Box::new(async move {
                let results = run(store, &this, vec![statement.into()], false).await;
                let rows = results.map(|results| {
                    results.into_iter().next().map_or_else(|| SqlRows::default().into(), Rows::from)
                });
                Ok((rows.map_err(Error::from),))
            })
        },
    )?;
    sql.func_wrap_async(
        "[method]database.transact",
        |store: Context<'_>, (this, statements): (Resource<OpenDatabase>, Vec<Statement>)| {
            Box::new(async move {
                let statements = statements.into_iter().map(SqlStatement::from).collect();
                let results = run(store, &this, statements, true).await;
                let results =
                    results.map(|all| all.into_iter().map(Rows::from).collect::<Vec<_>>());
                Ok((results.map_err(Error::from),))
            })
        },
    )?;
    sql.func_wrap_async(
        "[method]database.listen",
        |store: Context<'_>, (this, channel): (Resource<OpenDatabase>, String)| {
            Box::new(async move { Ok((listen(store, &this, channel).await.map_err(Error::from),)) })
        },
    )
}
