//! Databases, by the guest `queries`, which carries out what a test sends, and by the examples
//! `login` and `board`.

mod board;
mod faults;
mod grants;
mod listen;
mod login;
mod mariadb;
mod postgres;
mod sqlite;
mod tls;

use serde_json::{Value as Json, json};

use crate::harness::{DatabaseServer, Folder, Server, Setup};

/// A server with the guest `queries` and a database `app` at this URL, with `more` in its table and
/// tables after that. `None`: skip the test.
fn queries(url: &str, more: &str) -> Option<Server> {
    let folder = Folder::with(&["queries"])?;
    let manifest =
        format!("[guest.queries]\ndatabases = ['app']\n[database.app]\nurl = '{url}'\n{more}");
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).watched().start())
}

/// As [`queries`], with a new database of a server.
fn on(server: &DatabaseServer, name: &str, more: &str) -> Option<Server> {
    queries(&server.database(name), more)
}

/// What came of statements.
#[track_caller]
fn sent(server: &Server, body: &Json) -> Json {
    let answer = server.connect().post("/run", body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(answer.text()).expect("it is JSON")
}

fn statement(text: &str, values: &Json) -> Json {
    json!({ "text": text, "values": values })
}

/// What came of one statement: its result, or the error.
#[track_caller]
fn query(server: &Server, text: &str, values: Json) -> Json {
    let told = sent(server, &json!({ "statements": [statement(text, &values)] }));
    if told["results"].is_null() { told } else { told["results"][0].clone() }
}

/// The only value of the only row.
#[track_caller]
fn value(server: &Server, text: &str, values: Json) -> Json {
    let told = query(server, text, values);
    assert_eq!(told["rows"].as_array().map(Vec::len), Some(1), "{text}: {told}");
    told["rows"][0][0].clone()
}

/// What came of a transaction.
#[track_caller]
fn transact(server: &Server, statements: &[(&str, Json)]) -> Json {
    let statements: Vec<Json> =
        statements.iter().map(|(text, values)| statement(text, values)).collect();
    sent(server, &json!({ "statements": statements, "transact": true }))
}

/// Carries out a statement that does not fail.
#[track_caller]
fn done(server: &Server, text: &str) {
    let told = query(server, text, json!([]));
    assert!(told["error"].is_null(), "{text}: {told}");
}

/// The kind of an error and its code.
fn kind(told: &Json) -> (&str, &str) {
    (told["error"].as_str().unwrap_or_default(), told["code"].as_str().unwrap_or_default())
}

/// What must hold for each database alike, once it has no table `t`.
#[track_caller]
fn is_a_database(server: &Server, number_column: &str) {
    done(server, &format!("create table t (id {number_column}, name varchar(40) unique not null)"));
    let insert = "insert into t (name) values ($1)";
    let added = query(server, insert, json!(["o'brien \"x\" -- $1"]));
    assert_eq!((&added["affected"], &added["rows"]), (&json!(1), &json!([])), "{added}");

    // A text is a text, whatever it looks like.
    let injected = "x'); drop table t; --";
    query(server, insert, json!([injected]));
    let by_name = "select name from t where name = $1";
    assert_eq!(value(server, by_name, json!([injected])), json!(injected));
    assert_eq!(query(server, by_name, json!(["' or 1 = 1 --"]))["rows"], json!([]));
    assert_eq!(value(server, "select count(*) from t", json!([])), json!(2));

    // Values stand for numbers, wherever and however often they stand.
    let twice = "select name from t where name = $2 and $1 < 2 and name = $2";
    assert_eq!(value(server, twice, json!([1, injected])), json!(injected));

    // Wrong statements fail, and harm nobody after them.
    for (text, values) in [
        ("selec 1", json!([])),
        ("select * from nothing", json!([])),
        ("select name from t where name = $1", json!([])),
        ("select name from t where name = $1", json!(["a", "b"])),
        ("select 1; select 2", json!([])),
        ("insert into t (name) values ($1)", json!([null])),
        ("insert into t (name) values ($1)", json!([injected])),
    ] {
        let told = query(server, text, values);
        assert_eq!(kind(&told).0, "failed", "{text}: {told}");
        assert_eq!(kind(&told).1.len(), 5, "{text}: {told}");
    }
    assert_eq!(value(server, "select count(*) from t", json!([])), json!(2));

    // All or none.
    let both = transact(server, &[(insert, json!(["a"])), (insert, json!(["b"]))]);
    assert_eq!(both["results"].as_array().map(Vec::len), Some(2), "{both}");
    let neither = transact(server, &[(insert, json!(["c"])), (insert, json!(["a"]))]);
    assert_eq!(kind(&neither).0, "failed", "{neither}");
    assert_eq!(
        value(server, "select count(*) from t where name in ('a', 'b')", json!([])),
        json!(2)
    );
    assert_eq!(query(server, by_name, json!(["c"]))["rows"], json!([]));

    // No statement can end the transaction of others.
    let ended = transact(
        server,
        &[(insert, json!(["d"])), ("/* x */ commit", json!([])), (insert, json!(["e"]))],
    );
    assert_eq!(kind(&ended), ("failed", "25000"), "{ended}");
    for name in ["d", "e"] {
        assert_eq!(query(server, by_name, json!([name]))["rows"], json!([]));
    }

    // A transaction that a statement begins ends with its call.
    let begun = query(server, "begin", json!([]));
    assert_eq!(kind(&begun).0, "failed", "{begun}");
    let admin = server.admin();
    admin.wait_for("snow_sql", &["database=\"app\""], 0.0);
    assert_eq!(admin.metric("snow_sql_bytes", &[]), 0.0);
    assert!(admin.metric("snow_sql_ended_total", &["end=\"answered\""]) > 0.0);
    assert!(admin.metric("snow_sql_ended_total", &["end=\"failed\""]) > 0.0);
}

/// Rows and bytes beyond the limits are refused while they come, and the next statement is carried
/// out. The server has `sql_rows_max = 100` and `sql_result_bytes_max = 10000`.
#[track_caller]
fn bounds_results(server: &Server, many: &str, large: &str) {
    let rows = query(server, many, json!([]));
    assert_eq!(kind(&rows).0, "limit", "{rows}");
    assert!(rows["words"].as_str().is_some_and(|words| words.contains("sql_rows_max")), "{rows}");
    let bytes = query(server, large, json!([]));
    let words = bytes["words"].as_str().unwrap_or_default();
    assert!(kind(&bytes).0 == "limit" && words.contains("sql_result_bytes_max"), "{bytes}");
    assert_eq!(value(server, "select 1", json!([])), json!(1));
    server.admin().wait_for("snow_sql_bytes", &[], 0.0);
}

/// The limits of [`bounds_results`].
const SMALL: &str = "[limits]\nsql_rows_max = 100\nsql_result_bytes_max = 10000\n";
