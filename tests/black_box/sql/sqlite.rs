//! Databases of SQLite.

use serde_json::json;

use super::{SMALL, bounds_results, done, is_a_database, kind, queries, query, transact, value};
use crate::harness::eventually;

/// Computes for as long as it may.
const ENDLESS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n) \
                       select count(*) from n";

#[test]
fn it_is_a_database() {
    let Some(server) = queries("sqlite:data/app.db", "") else { return };
    is_a_database(&server, "integer primary key");
    assert!(server.folder.path().join("data/app.db").is_file(), "beside snow.toml");
    let added = query(&server, "insert into t (name) values (?)", json!(["last"]));
    let id = value(&server, "select id from t where name = ?1", json!(["last"]));
    assert_eq!(added["last_id"], id);
    assert_eq!(query(&server, "update t set name = 'z' where id < 0", json!([]))["affected"], 0);
}

#[test]
fn each_class_of_values_arrives_as_what_it_is() {
    let Some(server) = queries("sqlite:app.db", "") else { return };
    let values = json!([null, 9_007_199_254_740_993_i64, 1.5, "é", { "blob": [0, 255] }, true]);
    let told = query(&server, "select $1, $2, $3, $4, $5, $6", values);
    let expected =
        json!([[null, 9_007_199_254_740_993_i64, { "real": "1.5" }, "é", { "blob": [0, 255] }, 1]]);
    assert_eq!(told["rows"], expected);
    let codes = [
        ("create table c (a integer primary key, b not null, c check (c > 0))", ""),
        ("insert into c values (1, 1, 1)", ""),
        ("insert into c values (1, 1, 1)", "23505"),
        ("insert into c values (2, null, 1)", "23502"),
        ("insert into c values (2, 1, 0)", "23514"),
        ("select * from nowhere", "42P01"),
        ("select neither from c", "42703"),
        ("select", "42601"),
        ("select :name", "42601"),
        ("select $1", "07001"),
    ];
    for (text, code) in codes {
        assert_eq!(kind(&query(&server, text, json!([]))).1, code, "{text}");
    }
}

/// A guest has its tables, and no other file.
#[test]
fn no_statement_reaches_another_file() {
    let Some(server) = queries("sqlite:app.db", "") else { return };
    let secret = server.folder.add("secret.db", b"");
    for text in [
        format!("attach database '{}' as other", secret.display()),
        format!("vacuum into '{}'", server.folder.path().join("copy.db").display()),
        "pragma journal_mode = delete".to_owned(),
        "pragma writable_schema = on".to_owned(),
        "pragma temp_store_directory = '/'".to_owned(),
        "select load_extension('/tmp/x.so')".to_owned(),
    ] {
        let told = query(&server, &text, json!([]));
        assert_eq!(kind(&told).0, "failed", "{text}: {told}");
    }
    assert!(!server.folder.path().join("copy.db").exists());
    done(&server, "pragma user_version");
    let many = "select 1;".repeat(100_000);
    assert_eq!(kind(&query(&server, &many, json!([]))), ("failed", "42601"));
    assert_eq!(value(&server, "select 1", json!([])), json!(1));
}

#[test]
fn results_are_bounded() {
    let Some(server) = queries("sqlite:app.db", SMALL) else { return };
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
    bounds_results(&server, many, "select hex(zeroblob(400000))");
    // A value that is larger than any result may be is never made.
    let huge = query(&server, "select zeroblob(1000000000)", json!([]));
    assert_eq!(kind(&huge), ("failed", "54000"), "{huge}");
    // A change whose result is too large is rolled back.
    done(&server, "create table n (i integer)");
    let insert = "insert into n with recursive m(i) as (select 1 union all select i + 1 from m \
                  where i < 200) select i from m returning i";
    assert_eq!(kind(&query(&server, insert, json!([]))).0, "limit");
    assert_eq!(value(&server, "select count(*) from n", json!([])), json!(0));
}

#[test]
fn a_file_has_a_size_that_it_may_have() {
    let Some(server) = queries("sqlite:app.db", "file_bytes_max = 200000\n") else { return };
    done(&server, "create table t (a)");
    let mut told = json!({});
    for _ in 0..20 {
        told = query(&server, "insert into t values (zeroblob(30000))", json!([]));
    }
    assert_eq!(kind(&told), ("failed", "53100"), "{told}");
    done(&server, "delete from t");
}

#[test]
fn a_statement_that_takes_too_long_is_stopped_and_so_is_one_whose_client_leaves() {
    let Some(server) = queries("sqlite:app.db", "timeout_ms = 300\nconnections_max = 1\n") else {
        return;
    };
    assert_eq!(kind(&query(&server, ENDLESS, json!([]))).0, "timed-out");
    assert_eq!(value(&server, "select 1", json!([])), json!(1), "the only connection is free");
    drop(server);

    let Some(server) = queries("sqlite:app.db", "connections_max = 1\n") else { return };
    let admin = server.admin();
    let mut client = server.connect();
    let body = json!({ "statements": [{ "text": ENDLESS }] }).to_string();
    let length = body.len();
    client.send(format!("POST /run HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"));
    admin.wait_for("snow_sql", &["database=\"app\""], 1.0);
    drop(client);
    admin.wait_for("snow_sql_ended_total", &["end=\"cancelled\""], 1.0);
    assert_eq!(value(&server, "select 1", json!([])), json!(1));
}

/// Each of many that write at the same time has its turn.
#[test]
fn many_write_at_once() {
    let Some(server) = queries("sqlite:app.db", "") else { return };
    done(&server, "create table n (i integer)");
    done(&server, "insert into n values (0)");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let told = transact(
                        &server,
                        &[("select i from n", json!([])), ("update n set i = i + 1", json!([]))],
                    );
                    assert!(told["error"].is_null(), "{told}");
                }
            });
        }
    });
    assert_eq!(value(&server, "select i from n", json!([])), json!(80));
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let Some(mut server) = queries("sqlite:app.db", "") else { return };
    done(&server, "create table t (a)");
    done(&server, "insert into t values ('kept')");
    server.signal("KILL");
    server.ended();
    let folder = &server.folder;
    let again = crate::harness::Folder::with(&["queries"]).expect("it was built before");
    for file in ["app.db", "app.db-wal"] {
        if let Ok(bytes) = std::fs::read(folder.path().join(file)) {
            again.add(file, &bytes);
        }
    }
    again.add("snow.toml", &std::fs::read(folder.path().join("snow.toml")).unwrap());
    let server = crate::harness::Setup::new(again).watched().start();
    assert_eq!(value(&server, "select a from t", json!([])), json!("kept"));
}

/// Another line of snow.toml is another database, at once.
#[test]
fn the_place_of_a_database_can_change_while_it_serves() {
    let Some(server) = queries("sqlite:one.db", "") else { return };
    done(&server, "create table t (a)");
    let manifest = "[guest.queries]\ndatabases = ['app']\n[database.app]\nurl = 'sqlite:two.db'\n";
    server.folder.replace("snow.toml", manifest.as_bytes());
    eventually("the other file is used", || {
        (kind(&query(&server, "select * from t", json!([]))).1 == "42P01").then_some(())
    });
    let gone = "[guest.queries]\n";
    server.folder.replace("snow.toml", gone.as_bytes());
    eventually("the grant is gone", || {
        (kind(&query(&server, "select 1", json!([]))).0 == "denied").then_some(())
    });
    server.admin().wait_for("snow_sql_connections", &["database=\"app\""], 0.0);
}
