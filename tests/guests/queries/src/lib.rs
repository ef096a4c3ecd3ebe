//! A guest that carries out the statements that a test sends, and tells what came of them.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use snow_guest::prelude::*;
use snow_guest::sql::{Rows, Value};

#[derive(Deserialize)]
struct Sent {
    #[serde(default = "app")]
    database: String,
    statements: Vec<SentStatement>,
    /// Whether they are one transaction. Else there is one.
    #[serde(default)]
    transact: bool,
}

#[derive(Deserialize)]
struct SentStatement {
    text: String,
    #[serde(default)]
    values: Vec<Json>,
}

fn app() -> String {
    "app".to_owned()
}

/// `{"blob": [1, 2]}` stands for bytes.
fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(is) => is.into(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Json::String(text) => text.into(),
        Json::Object(object) => {
            let bytes = object["blob"].as_array().expect("the test sends a list").iter();
            Value::Blob(bytes.map(|byte| byte.as_u64().unwrap_or_default() as u8).collect())
        }
        Json::Array(_) => panic!("the test sends no list"),
    }
}

fn told(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(is) => json!(is),
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!({ "real": number.to_string() }),
        Value::Text(text) => json!(text),
        Value::Blob(bytes) => json!({ "blob": bytes }),
    }
}

fn result(rows: &Rows) -> Json {
    let columns = rows.columns();
    let row = |row: snow_guest::sql::Row<'_>| {
        columns.iter().map(|name| told(row.value(name))).collect::<Vec<_>>()
    };
    json!({
        "columns": columns, "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "affected": rows.affected(), "last_id": rows.last_id(),
    })
}

fn error(error: &SqlError) -> Json {
    let kind = match error {
        SqlError::Denied => "denied",
        SqlError::Limit(_) => "limit",
        SqlError::Overloaded(_) => "overloaded",
        SqlError::Failed { .. } => "failed",
        SqlError::Unavailable(_) => "unavailable",
        SqlError::TimedOut => "timed-out",
        _ => "unknown",
    };
    json!({ "error": kind, "code": error.code(), "words": error.to_string() })
}

fn carry_out(sent: Sent) -> Result<Vec<Rows>, SqlError> {
    let database = Database::open(&sent.database)?;
    let statement = |sent: SentStatement| {
        sent.values.into_iter().map(value).fold(Statement::new(sent.text), Statement::bind)
    };
    let statements: Vec<_> = sent.statements.into_iter().map(statement).collect();
    if sent.transact {
        return database.transact(statements);
    }
    statements.into_iter().map(|statement| database.execute(statement)).collect()
}

/// Carries out `{"statements": [{"text": "…", "values": […]}], "transact": true}`.
#[route(POST, r"/run")]
fn run(request: Request) -> Result<Response> {
    let told = match carry_out(serde_json::from_slice(request.body())?) {
        Ok(results) => json!({ "results": results.iter().map(result).collect::<Vec<_>>() }),
        Err(refused) => error(&refused),
    };
    Ok(Response::json(&told)?)
}

/// Lets an error be the answer.
#[route(POST, r"/plain")]
fn plain(request: Request) -> Result<String> {
    Ok(carry_out(serde_json::from_slice(request.body())?)?.len().to_string())
}

/// Waits for a notification on a channel.
#[route(GET, r"/listen/(?P<channel>.*)", resume = heard)]
fn listen(request: Request) -> Result<Outcome> {
    let database = request.query_param("database").unwrap_or_else(app);
    let database = Database::open(&database)?;
    match database.listen(request.param(0)) {
        Ok(next) => Ok(next.suspend().deadline(Duration::from_secs(120)).into()),
        Err(refused) => Ok(Response::json(&error(&refused))?.into()),
    }
}

fn heard(resumed: Resumed) -> String {
    match resumed.failure() {
        Some(failure) => format!("failed: {}", failure.code),
        None => resumed.text().into_owned(),
    }
}

#[route(GET, r"/hello")]
fn hello(_: Request) -> &'static str {
    "hello world"
}

snow_guest::serve!(run, plain, listen, hello);
