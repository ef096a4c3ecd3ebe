//! Databases for `js/sql.js`. One is opened for each operation, which costs nothing: so none
//! outlives its call. What an operation returns is `{ ok }`, or `{ code, … }` of what was refused.

use rquickjs::{Array, BigInt, Ctx, Exception, Function, Object, Result, TypedArray, Value};

use crate::convert::{self, bytes};
use crate::pendings;
use crate::snow::host::sql::{self, Database, Dialect, Failure, Rows, SqlError, Statement};
use crate::text::Text;

/// The largest number up to which JavaScript has every integer.
const SAFE_MAX: f64 = 9_007_199_254_740_991.0;

/// Puts the functions of databases into an object.
pub fn functions<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function("sqlDialect", Function::new(ctx.clone(), dialect))?;
    function("sqlQuery", Function::new(ctx.clone(), query))?;
    function("sqlTransact", Function::new(ctx.clone(), transact))?;
    function("sqlListen", Function::new(ctx.clone(), listen))
}

fn dialect<'js>(ctx: Ctx<'js>, database: Text) -> Result<Object<'js>> {
    let dialect = Database::open(&database.0).and_then(|database| database.dialect());
    told(&ctx, dialect, |dialect| {
        let name = match dialect {
            Dialect::Postgres => "postgres",
            Dialect::Mysql => "mysql",
            Dialect::Sqlite => "sqlite",
        };
        Ok(rquickjs::String::from_str(ctx.clone(), name)?.into_value())
    })
}

fn query<'js>(
    ctx: Ctx<'js>,
    database: Text,
    text: Text,
    values: Array<'js>,
) -> Result<Object<'js>> {
    let statement = statement(&ctx, text, &values)?;
    let rows = Database::open(&database.0).and_then(|database| database.query(&statement));
    told(&ctx, rows, |rows| Ok(rows_to(&ctx, rows)?.into_value()))
}

/// Carries out a list of pairs, each of a text and its values.
fn transact<'js>(ctx: Ctx<'js>, database: Text, list: Array<'js>) -> Result<Object<'js>> {
    let mut statements = Vec::with_capacity(list.len());
    for pair in list.iter::<Array>() {
        let pair = pair?;
        statements.push(statement(&ctx, pair.get(0)?, &pair.get(1)?)?);
    }
    let done = Database::open(&database.0).and_then(|database| database.transact(&statements));
    told(&ctx, done, |done| {
        let array = Array::new(ctx.clone())?;
        for (index, rows) in done.into_iter().enumerate() {
            array.set(index, rows_to(&ctx, rows)?)?;
        }
        Ok(array.into_value())
    })
}

fn listen<'js>(ctx: Ctx<'js>, database: Text, channel: Text) -> Result<Object<'js>> {
    let pending = Database::open(&database.0).and_then(|database| database.listen(&channel.0));
    told(&ctx, pending, |pending| {
        Ok(Value::new_number(ctx.clone(), pendings::keep(pending).into()))
    })
}

fn statement<'js>(ctx: &Ctx<'js>, text: Text, values: &Array<'js>) -> Result<Statement> {
    let parameters: Result<Vec<_>> =
        values.iter::<Value>().map(|value| value_from(ctx, value?)).collect();
    Ok(Statement { text: text.0, parameters: parameters? })
}

/// Returns a value that `js/sql.js` has looked at: a bigint fits into 64 bits.
fn value_from<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<sql::Value> {
    if value.is_null() || value.is_undefined() {
        return Ok(sql::Value::Null);
    }
    if let Some(is) = value.as_bool() {
        return Ok(sql::Value::Boolean(is));
    }
    if let Some(number) = value.as_number() {
        let is_whole = number.fract() == 0.0 && number.abs() <= SAFE_MAX;
        return Ok(match is_whole {
            true => sql::Value::Integer(number as i64),
            false => sql::Value::Real(number),
        });
    }
    if value.is_string() {
        return Ok(sql::Value::Text(value.get::<Text>()?.0));
    }
    match value.try_into_big_int() {
        Ok(number) => Ok(sql::Value::Integer(number.to_i64()?)),
        Err(value) if value.is_object() => Ok(sql::Value::Blob(bytes(&value)?)),
        Err(_) => Err(Exception::throw_type(ctx, "this is no value of a statement")),
    }
}

/// Returns `[columns, rows, affected, lastId]`.
fn rows_to<'js>(ctx: &Ctx<'js>, rows: Rows) -> Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (index, row) in rows.rows.into_iter().enumerate() {
        let values = Array::new(ctx.clone())?;
        for (column, value) in row.into_iter().enumerate() {
            values.set(column, value_to(ctx, value)?)?;
        }
        list.set(index, values)?;
    }
    let parts = Array::new(ctx.clone())?;
    parts.set(0, rows.columns)?;
    parts.set(1, list)?;
    parts.set(2, rows.affected as f64)?;
    let last_id = rows.last_id.map_or(sql::Value::Null, sql::Value::Integer);
    parts.set(3, value_to(ctx, last_id)?)?;
    Ok(parts)
}

/// Returns a value of a column. An integer that no number holds exactly is a bigint.
fn value_to<'js>(ctx: &Ctx<'js>, value: sql::Value) -> Result<Value<'js>> {
    Ok(match value {
        sql::Value::Null => Value::new_null(ctx.clone()),
        sql::Value::Boolean(is) => Value::new_bool(ctx.clone(), is),
        sql::Value::Integer(number) => match number as f64 {
            double if double.abs() <= SAFE_MAX => Value::new_number(ctx.clone(), double),
            _ => BigInt::from_i64(ctx.clone(), number)?.into_value(),
        },
        sql::Value::Real(number) => Value::new_number(ctx.clone(), number),
        sql::Value::Text(text) => rquickjs::String::from_str(ctx.clone(), &text)?.into_value(),
        sql::Value::Blob(bytes) => TypedArray::<u8>::new(ctx.clone(), bytes)?.into_value(),
    })
}

fn told<'js, T>(
    ctx: &Ctx<'js>,
    result: std::result::Result<T, SqlError>,
    ok: impl FnOnce(T) -> Result<Value<'js>>,
) -> Result<Object<'js>> {
    convert::told(ctx, result, ok, |object, error| {
        let (code, message) = match error {
            SqlError::Denied => ("denied", None),
            SqlError::Limit(words) => ("limit", Some(words)),
            SqlError::Overloaded(words) => ("overloaded", Some(words)),
            SqlError::Failed(Failure { code, message }) => {
                object.set("sqlState", code)?;
                ("failed", Some(message))
            }
            SqlError::Unavailable(words) => ("unavailable", Some(words)),
            SqlError::TimedOut => ("timed-out", None),
        };
        object.set("message", message)?;
        Ok(code)
    })
}
