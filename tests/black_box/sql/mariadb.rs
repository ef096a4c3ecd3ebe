//! MariaDB, which stands for MySQL too.

use serde_json::json;

use super::{
    SMALL, bounds_results, done, is_a_database, kind, on, queries, query, transact, value,
};
use crate::harness::{DatabaseServer, Folder, Setup, eventually};

#[test]
fn it_is_a_database() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = on(mariadb, "as_usual", "") else { return };
    is_a_database(&server, "bigint auto_increment primary key");
    let added = query(&server, "insert into t (name) values (?)", json!(["last"]));
    let id = value(&server, "select id from t where name = 'last'", json!([]));
    assert_eq!(added["last_id"], id);
    let mixed = query(&server, "select ?, $1", json!([1, 1]));
    assert_eq!(kind(&mixed), ("failed", "42601"));
    let url = mariadb.database("by_socket");
    let Some(other) = queries(&format!("{url}?{}", mariadb.socket()), "") else { return };
    assert_eq!(value(&other, "select database()", json!([])), json!("by_socket"));
}

#[test]
fn every_type_arrives_as_something_sensible_and_is_accepted_as_a_text() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = on(mariadb, "types", "") else { return };
    for (number, (kind, given, expected)) in [
        ("tinyint(1)", json!(true), json!(1)),
        ("bigint", json!(i64::MIN), json!(i64::MIN)),
        ("bigint unsigned", json!("18446744073709551615"), json!("18446744073709551615")),
        ("bigint unsigned", json!(7), json!(7)),
        ("float", json!(0.1), json!({ "real": "0.1" })),
        ("double", json!(1.5), json!({ "real": "1.5" })),
        ("decimal(30, 2)", json!("12345678901234567890.10"), json!("12345678901234567890.10")),
        ("varchar(9)", json!("é"), json!("é")),
        ("text", json!("x"), json!("x")),
        ("blob", json!({ "blob": [0, 255] }), json!({ "blob": [0, 255] })),
        ("varbinary(9)", json!({ "blob": [1] }), json!({ "blob": [1] })),
        ("date", json!("2026-01-02"), json!("2026-01-02")),
        ("datetime(6)", json!("2026-01-02 03:04:05.5"), json!("2026-01-02T03:04:05.500000")),
        ("timestamp null", json!("2026-01-02 03:04:05"), json!("2026-01-02T03:04:05")),
        ("time", json!("-26:03:04"), json!("-26:03:04")),
        ("year", json!(2026), json!(2026)),
        ("json", json!("{\"a\": 1}"), json!("{\"a\": 1}")),
        ("bit(9)", json!(257), json!(257)),
        ("enum('a', 'b')", json!("b"), json!("b")),
        ("set('a', 'b')", json!("a,b"), json!("a,b")),
        (
            "uuid",
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        ("int", json!(null), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        done(&server, &format!("create table t{number} (a {kind})"));
        let added = query(&server, &format!("insert into t{number} values ($1)"), json!([given]));
        assert!(added["error"].is_null(), "{kind}: {added}");
        assert_eq!(
            value(&server, &format!("select a from t{number}"), json!([])),
            expected,
            "{kind}"
        );
    }
}

#[test]
fn results_are_bounded() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = on(mariadb, "bounded", SMALL) else { return };
    bounds_results(&server, "select seq from seq_1_to_100000000", "select repeat('x', 2000000)");
    bounds_results(&server, "select seq from seq_1_to_1000", "select repeat('x', 20000)");
}

#[test]
fn a_session_is_as_new_for_who_comes_next() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = on(mariadb, "sessions", "connections_max = 1\n") else { return };
    done(&server, "set @mine = 7");
    assert_eq!(value(&server, "select @mine", json!([])), json!(null));
    done(&server, "create table t (a int) engine = innodb");
    for text in ["start transaction", "set autocommit = 0"] {
        query(&server, text, json!([]));
        done(&server, "insert into t values (1)");
    }
    assert_eq!(value(&server, "select count(*) from t", json!([])), json!(2));
    let failed =
        transact(&server, &[("insert into t values (3)", json!([])), ("selec", json!([]))]);
    assert_eq!(kind(&failed).0, "failed");
    assert_eq!(value(&server, "select count(*) from t", json!([])), json!(2));
    // Also if it fails, and whatever is before its first word.
    let failed = transact(&server, &[("set @mine = 7", json!([])), ("selec", json!([]))]);
    assert_eq!(kind(&failed).0, "failed");
    assert_eq!(value(&server, "select @mine", json!([])), json!(null));
    for text in ["# x\nuse mysql", "/*! use mysql */"] {
        done(&server, text);
        assert_eq!(value(&server, "select database()", json!([])), json!("sessions"), "{text}");
    }
}

/// Long statements are not kept prepared, also if they fail.
#[test]
fn a_long_statement_is_closed_whatever_comes_of_it() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = on(mariadb, "long_ones", "connections_max = 1\n") else { return };
    let comment = format!("/* {} */", "x".repeat(9_000));
    assert_eq!(value(&server, &format!("select 1 {comment}"), json!([])), json!(1));
    for (text, code) in [("select ?", "07001"), ("select (select 1 union select 2)", "21000")] {
        let told = query(&server, &format!("{text} {comment}"), json!([]));
        assert_eq!(kind(&told), ("failed", code), "{told}");
    }
    let closed = query(&server, "show session status like 'Com_stmt_close'", json!([]));
    assert_eq!(closed["rows"][0][1], json!("3"), "{closed}");
}

/// A guest can leave its connection in another database by what nobody sees. The next guest that
/// has the connection begins where its URL says.
#[test]
fn a_guest_begins_in_its_database_wherever_another_one_was() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(folder) = Folder::with(&["queries"]) else { return };
    let guest = std::fs::read(folder.path().join("queries.wasm")).expect("it was put there");
    folder.add("other.wasm", &guest);
    let url = mariadb.database("begins");
    let manifest = format!(
        "[guest.queries]\ndatabases = ['app']\n\
         [guest.other]\nmount = '/other'\ndatabases = ['app']\n\
         [database.app]\nurl = '{url}'\nconnections_max = 1\n"
    );
    folder.add("snow.toml", manifest.as_bytes());
    let server = Setup::new(folder).watched().start();
    done(&server, "if 1 then execute immediate 'use mysql'; end if");
    let body = json!({ "statements": [{ "text": "select database()" }] }).to_string();
    let told = server.connect().post("/other/run", body.as_bytes());
    assert!(told.text().contains("\"begins\""), "{}", told.text());
    let opened = server.admin().metric("snow_sql_connections_opened_total", &["database=\"app\""]);
    assert_eq!(opened, 1.0, "it is the same connection");
}

#[test]
fn a_statement_that_takes_too_long_is_stopped_and_so_is_one_whose_client_leaves() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = on(mariadb, "slow", "connections_max = 1\ntimeout_ms = 500\n") else {
        return;
    };
    let running = "select count(*) from information_schema.processlist where info like '%sleep(7%' \
                   and info not like '%processlist%'";
    let until = |count: &str| {
        eventually("the server has so many", || (mariadb.sql("", running) == count).then_some(()));
    };
    assert_eq!(kind(&query(&server, "select sleep(70)", json!([]))).0, "timed-out");
    until("0");
    assert_eq!(value(&server, "select 1", json!([])), json!(1));
    drop(server);

    let url = mariadb.database("left_alone");
    let Some(server) = queries(&url, "connections_max = 1\n") else { return };
    let body = json!({ "statements": [{ "text": "select sleep(71)" }] }).to_string();
    let mut client = server.connect();
    let length = body.len();
    client.send(format!("POST /run HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"));
    until("1");
    drop(client);
    server.admin().wait_for("snow_sql_ended_total", &["end=\"cancelled\""], 1.0);
    until("0");
    assert_eq!(value(&server, "select 1", json!([])), json!(1));
}
