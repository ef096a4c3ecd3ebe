//! Databases that are down, come back, hang, or have too much to do.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{done, kind, on, queries, query, value};
use crate::harness::{DatabaseServer, Server, eventually};

/// Asks all the time while the database ends and begins again. Errors are there only while it was
/// away, each with its kind.
#[track_caller]
fn survives(server: &Server, database: &mut DatabaseServer) {
    done(server, "create table t (i int)");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asks = |_: usize| {
            let stop = &stop;
            scope.spawn(move || {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let told = query(server, "select count(*) from t", json!([]));
                    match kind(&told).0 {
                        "" => {}
                        "unavailable" => failed.push(Instant::now()),
                        other => panic!("{other}: {told}"),
                    }
                }
                failed
            })
        };
        let askers: Vec<_> = (0..4).map(asks).collect();
        thread::sleep(Duration::from_millis(300));
        let down = Instant::now();
        database.crash();
        eventually("it is noticed", || {
            (kind(&query(server, "select 1", json!([]))).0 == "unavailable").then_some(())
        });
        database.start();
        let up = Instant::now();
        eventually("it is there again", || {
            query(server, "select 1", json!([]))["error"].is_null().then_some(())
        });
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        let failed: Vec<Instant> =
            askers.into_iter().flat_map(|asker| asker.join().expect("no other failure")).collect();
        assert!(!failed.is_empty(), "it was away");
        // Some may have been asked in the last moment before it was there.
        let until = up + Duration::from_secs(2);
        assert!(failed.iter().all(|at| *at >= down && *at <= until));
    });
    assert_eq!(value(server, "select count(*) from t", json!([])), json!(0));
    server.admin().wait_for("snow_sql", &["database=\"app\""], 0.0);
}

#[test]
fn postgresql_is_killed_and_started_again_under_load() {
    let Some(mut postgres) = DatabaseServer::own_postgres() else { return };
    let Some(server) = on(&postgres, "killed", "") else { return };
    survives(&server, &mut postgres);
}

#[test]
fn mariadb_is_killed_and_started_again_under_load() {
    let Some(mut mariadb) = DatabaseServer::own_mariadb() else { return };
    let Some(server) = on(&mariadb, "killed", "") else { return };
    survives(&server, &mut mariadb);
}

#[test]
fn a_database_that_says_nothing_is_unavailable() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = silent.local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://a:b@127.0.0.1:{port}/app");
        let Some(server) = queries(&url, "[limits]\nsql_connect_ms_max = 300\n") else { return };
        let told = query(&server, "select 1", json!([]));
        let words = told["words"].as_str().unwrap_or_default();
        assert!(kind(&told).0 == "unavailable" && words.contains("sql_connect_ms_max"), "{told}");
    }
}

#[test]
fn a_database_that_talks_nonsense_is_unavailable() {
    use std::io::Write;
    let rude = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = rude.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in rude.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n\xff\xff\xff\xff");
        }
    });
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://a:b@127.0.0.1:{port}/app");
        let Some(server) = queries(&url, "[limits]\nsql_connect_ms_max = 2000\n") else { return };
        let told = query(&server, "select 1", json!([]));
        assert_eq!(kind(&told).0, "unavailable", "{told}");
        server.still_serves();
    }
}

#[test]
fn calls_queue_for_a_connection_and_no_more_than_may() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let more = "connections_max = 1\n[limits]\nsql_queue_max = 2\n";
    let Some(server) = on(postgres, "queue", more) else { return };
    let admin = server.admin();
    let body = json!({ "statements": [{ "text": "select pg_sleep(1)" }] }).to_string();
    let asks = || {
        let mut client = server.connect();
        let length = body.len();
        client.send(format!(
            "POST /run HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        client
    };
    let mut clients = vec![asks()];
    admin.wait_for("snow_sql", &["database=\"app\""], 1.0);
    eventually("it has its connection", || {
        (admin.metric("snow_sql_connections", &["database=\"app\""]) == 1.0).then_some(())
    });
    clients.extend([asks(), asks()]);
    admin.wait_for("snow_sql_queued", &["database=\"app\""], 2.0);
    let refused = query(&server, "select 1", json!([]));
    let words = refused["words"].as_str().unwrap_or_default();
    assert!(kind(&refused).0 == "overloaded" && words.contains("sql_queue_max"), "{refused}");
    for client in &mut clients {
        assert!(client.response().text().contains("results"), "who queues has its turn");
    }
    assert_eq!(admin.metric("snow_sql_connections_opened_total", &["database=\"app\""]), 1.0);

    let more = "connections_max = 1\n[limits]\nsql_queue_ms_max = 200\n";
    let url = postgres.database("queue_short");
    let Some(server) = queries(&url, more) else { return };
    let mut client = server.connect();
    let length = body.len();
    client.send(format!("POST /run HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"));
    server.admin().wait_for("snow_sql", &["database=\"app\""], 1.0);
    let late = query(&server, "select 1", json!([]));
    assert_eq!(kind(&late).0, "overloaded", "{late}");
    assert!(client.response().text().contains("results"));
}

#[test]
fn idle_connections_are_closed() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "idle", "[limits]\nsql_idle_ms_max = 300\n") else { return };
    done(&server, "select 1");
    let admin = server.admin();
    assert_eq!(admin.metric("snow_sql_connections_opened_total", &["database=\"app\""]), 1.0);
    admin.wait_for("snow_sql_connections", &["database=\"app\""], 0.0);
    done(&server, "select 1");
    assert_eq!(admin.metric("snow_sql_connections_opened_total", &["database=\"app\""]), 2.0);
}

/// A gigabyte that a database sends is stopped while it comes, and is never in memory.
#[test]
fn a_gigabyte_is_not_taken_into_memory() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "gigabyte", "") else { return };
    done(&server, "select 1");
    let before = crate::harness::user_memory_bytes(&server);
    for text in [
        "select repeat('x', 1000000) from generate_series(1, 1000)",
        "select repeat('x', 900000000)",
        "select generate_series(1, 1000000000)",
    ] {
        let told = query(&server, text, json!([]));
        assert_eq!(kind(&told).0, "limit", "{text}: {told}");
    }
    let more = crate::harness::user_memory_bytes(&server).saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more than before");
    assert_eq!(value(&server, "select 1", json!([])), json!(1));
}
