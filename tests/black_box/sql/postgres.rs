//! PostgreSQL.

use serde_json::{Value as Json, json};

use super::{SMALL, bounds_results, done, is_a_database, kind, on, queries, query, value};
use crate::harness::DatabaseServer;

#[test]
fn it_is_a_database() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "as_usual", "") else { return };
    is_a_database(&server, "bigint generated always as identity");
    let returned = query(&server, "insert into t (name) values ('r') returning name", json!([]));
    assert_eq!((&returned["rows"], &returned["affected"]), (&json!([["r"]]), &json!(1)));
    // By its socket it is the same one.
    let url = postgres.database("by_socket");
    let Some(other) = queries(&format!("{url}?{}", postgres.socket()), "") else { return };
    assert_eq!(value(&other, "select current_database()", json!([])), json!("by_socket"));
    // The password is nowhere.
    let said = format!("{}{}", server.log_by_now(), other.log_by_now());
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn every_type_arrives_as_something_sensible_and_is_accepted_as_a_text() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "types", "") else { return };
    done(&server, "create type mood as enum ('sad', 'happy')");
    done(&server, "create type pair as (a int, b text)");
    for (kind, given, expected) in [
        ("bool", json!(true), json!(true)),
        ("int2", json!(-32_768), json!(-32_768)),
        ("int4", json!("7"), json!(7)),
        ("int8", json!(i64::MIN), json!(i64::MIN)),
        ("float4", json!(0.1), json!({ "real": "0.1" })),
        ("float8", json!(1.5e300), json!({ "real": format!("{}", 1.5e300) })),
        ("float8", json!("NaN"), json!({ "real": "NaN" })),
        ("numeric", json!("12345678901234567890.10"), json!("12345678901234567890.10")),
        ("numeric", json!(1.5), json!("1.5")),
        ("text", json!("é\n"), json!("é\n")),
        ("text", json!(7), json!("7")),
        ("char(3)", json!("a"), json!("a  ")),
        ("bytea", json!({ "blob": [0, 1, 255] }), json!({ "blob": [0, 1, 255] })),
        ("date", json!("2026-01-02"), json!("2026-01-02")),
        ("time", json!("03:04:05.5"), json!("03:04:05.5")),
        ("timestamp", json!("2026-01-02 03:04:05"), json!("2026-01-02T03:04:05")),
        ("interval", json!("1 day 2 hours"), json!("P1DT2H")),
        (
            "uuid",
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        ("jsonb", json!("{\"a\":[1,null]}"), json!("{\"a\": [1, null]}")),
        ("json", json!("{\"a\":1}"), json!("{\"a\":1}")),
        ("int4[]", json!("{1,2,NULL}"), json!("{1,2,NULL}")),
        ("text[]", json!("{\"a b\",c}"), json!("{\"a b\",c}")),
        ("mood", json!("happy"), json!("happy")),
        ("pair", json!("(1,\"x y\")"), json!("(1,\"x y\")")),
        ("inet", json!("10.0.0.1/8"), json!("10.0.0.1/8")),
        ("int4range", json!("[1,5)"), json!("[1,5)")),
        ("point", json!("(1,2)"), json!("(1,2)")),
        ("tsvector", json!("a b"), json!("'a' 'b'")),
        ("bit(3)", json!("101"), json!("101")),
        ("xid", json!("7"), json!("7")),
        ("bool", json!(null), json!(null)),
    ] {
        let told = value(&server, &format!("select $1::{kind}"), json!([given]));
        assert_eq!(told, expected, "{kind}");
    }
    let moment = value(
        &server,
        "select $1::timestamptz at time zone 'utc'",
        json!(["2026-01-02 03:04:05+02"]),
    );
    assert_eq!(moment, json!("2026-01-02T01:04:05"));
    let zoned = value(&server, "select $1::timestamptz", json!(["2026-01-02 03:04:05+02"]));
    let text = zoned.as_str().unwrap_or_default();
    assert!(text.contains('T') && text.len() == "2026-01-02T03:04:05+00:00".len(), "{text}");
    let wrong = query(&server, "select $1::uuid", json!(["no uuid"]));
    assert_eq!(kind(&wrong), ("failed", "22P02"));
    let void = query(&server, "select pg_notify('x', '')", json!([]));
    assert_eq!(void["rows"], json!([[""]]));
}

#[test]
fn results_are_bounded_and_what_they_have_changed_is_rolled_back() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "bounded", SMALL) else { return };
    bounds_results(
        &server,
        "select generate_series(1, 1000000000)",
        "select repeat('x', 400000000)",
    );
    done(&server, "create table t (i int)");
    let insert = "insert into t select generate_series(1, 200) returning i";
    assert_eq!(kind(&query(&server, insert, json!([]))).0, "limit");
    assert_eq!(value(&server, "select count(*) from t", json!([])), json!(0));
}

#[test]
fn a_session_is_as_new_for_who_comes_next() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "sessions", "connections_max = 1\n") else { return };
    for text in ["set search_path = nowhere", "listen x", "prepare p as select 1"] {
        done(&server, text);
    }
    assert_ne!(value(&server, "show search_path", json!([])), json!("nowhere"));
    let listening = query(&server, "select * from pg_listening_channels()", json!([]));
    assert_eq!(listening["rows"], json!([]));
    // A statement is prepared once, and again when its columns have changed.
    done(&server, "create table t (a int)");
    done(&server, "insert into t values (1)");
    let all = || query(&server, "select * from t", json!([]))["rows"].clone();
    assert_eq!((all(), all()), (json!([[1]]), json!([[1]])));
    done(&server, "alter table t add b text default 'x'");
    assert_eq!(all(), json!([[1, "x"]]));
    let prepared =
        "select count(*) from pg_prepared_statements where statement = 'select * from t'";
    assert_eq!(value(&server, prepared, json!([])), json!(1));
    done(&server, "deallocate all");
    assert_eq!(all(), json!([[1, "x"]]));
    let copied = query(&server, "copy t from stdin", json!([]));
    assert_eq!(kind(&copied), ("failed", "0A000"));
    assert_eq!(all(), json!([[1, "x"]]));
    // More statements than are kept prepared.
    for number in 0..100 {
        assert_eq!(value(&server, &format!("select {number}"), json!([])), json!(number));
    }
    let many = "select count(*) <= 64 from pg_prepared_statements";
    assert_eq!(value(&server, many, json!([])), json!(true));
}

#[test]
fn a_statement_that_takes_too_long_is_stopped_and_so_is_one_whose_client_leaves() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "slow", "connections_max = 1\ntimeout_ms = 500\n") else {
        return;
    };
    let running = "select count(*) from pg_stat_activity where query like 'select pg_sleep(7%' \
                   and state = 'active' and datname = 'slow'";
    let until_none_runs = || {
        crate::harness::eventually("the server has stopped it", || {
            (postgres.sql("slow", running) == "0").then_some(())
        });
    };
    assert_eq!(kind(&query(&server, "select pg_sleep(70)", json!([]))).0, "timed-out");
    until_none_runs();
    assert_eq!(value(&server, "select 1", json!([])), json!(1), "the only connection is free");
    drop(server);

    let url = postgres.database("left_alone");
    let Some(server) = queries(&url, "connections_max = 1\n") else { return };
    let body = json!({ "statements": [{ "text": "select pg_sleep(71)" }] }).to_string();
    let mut client = server.connect();
    let length = body.len();
    client.send(format!("POST /run HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"));
    crate::harness::eventually("it runs", || {
        let running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(71)' \
                       and state = 'active'";
        (postgres.sql("left_alone", running) == "1").then_some(())
    });
    drop(client);
    server.admin().wait_for("snow_sql_ended_total", &["end=\"cancelled\""], 1.0);
    until_none_runs();
    assert_eq!(value(&server, "select 1", json!([])), json!(1));
}

#[test]
fn a_wrong_password_is_said_without_the_password() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let url = postgres.database("locked").replace("hunter2", "hunter3");
    let Some(server) = queries(&url, "") else { return };
    let told: Json = query(&server, "select 1", json!([]));
    assert_eq!(kind(&told).0, "unavailable", "{told}");
    let everything = format!("{told}{}", server.log_by_now());
    assert!(!everything.contains("hunter3"), "{everything}");
    assert_eq!(
        server.connect().post("/plain", b"{\"statements\":[{\"text\":\"select 1\"}]}").status,
        503
    );
}
