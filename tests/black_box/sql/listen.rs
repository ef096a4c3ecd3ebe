//! Notifications of PostgreSQL.

use std::time::Instant;

use serde_json::json;

use super::{kind, on, queries, query, sent};
use crate::harness::{Client, DatabaseServer, eventually};

#[test]
fn one_connection_listens_for_any_number_of_waiters_and_channels() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "listen_many", "") else { return };
    let waiters: usize =
        std::env::var("SNOW_WAITERS").ok().and_then(|number| number.parse().ok()).unwrap_or(1_000);
    let mut clients: Vec<Client> = (0..waiters).map(|_| server.ask("/listen/news")).collect();
    let mut other = server.ask("/listen/other%20%22channel%22");
    let admin = server.admin();
    admin.wait_until_held(waiters as f64 + 1.0);
    admin.wait_for("snow_sql_listening", &["database=\"app\""], waiters as f64 + 1.0);
    let listening = "select count(*) from pg_stat_activity where query like 'LISTEN%' \
                     and datname = 'listen_many'";
    assert_eq!(postgres.sql("listen_many", listening), "1");
    let told = Instant::now();
    postgres.sql("listen_many", "notify news, 'it''s here'");
    for client in &mut clients {
        assert_eq!(client.response().text(), "it's here");
    }
    println!("{waiters} waiters were told within {} ms", told.elapsed().as_millis());
    admin.wait_for("snow_sql_listening", &["database=\"app\""], 1.0);
    assert!(other.nothing_yet());
    // A name has whatever characters it has.
    postgres.sql("listen_many", "notify \"other \"\"channel\"\"\", 'x'");
    assert_eq!(other.response().text(), "x");
}

/// Each notification is sent once a request waits for it: none may be missed.
#[test]
fn no_notification_is_missed() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "listen_all", "") else { return };
    let admin = server.admin();
    for number in 0..30 {
        let channel = format!("c{}", number % 3);
        let mut client = server.ask(&format!("/listen/{channel}"));
        admin.wait_for("snow_sql_listening", &["database=\"app\""], 1.0);
        query(&server, "select pg_notify($1, $2)", json!([channel, number.to_string()]));
        assert_eq!(client.response().text(), number.to_string());
    }
}

#[test]
fn who_leaves_is_forgotten_and_channels_are_bounded() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = on(postgres, "listen_few", "[limits]\nsql_channels_max = 2\n") else {
        return;
    };
    let admin = server.admin();
    let clients = [server.ask("/listen/a"), server.ask("/listen/b")];
    admin.wait_until_held(2.0);
    let third = server.get("/listen/c");
    assert!(third.text().contains("overloaded"), "{}", third.text());
    drop(clients);
    admin.wait_for("snow_sql_listening", &["database=\"app\""], 0.0);
    for name in ["", &"x".repeat(64)] {
        let refused = server.get(&format!("/listen/{name}"));
        assert!(refused.text().contains("42602"), "{}", refused.text());
    }
}

#[test]
fn a_lost_connection_ends_every_wait_and_a_new_one_is_made() {
    let Some(mut postgres) = DatabaseServer::own_postgres() else { return };
    let Some(server) = on(&postgres, "listen_lost", "") else { return };
    let mut clients: Vec<Client> = (0..300).map(|_| server.ask("/listen/news")).collect();
    server.admin().wait_for("snow_sql_listening", &["database=\"app\""], 300.0);
    postgres.crash();
    for client in &mut clients {
        assert_eq!(client.response().text(), "failed: unavailable");
    }
    assert!(server.get("/listen/news").text().contains("unavailable"));
    postgres.start();
    let mut client = server.ask("/listen/news");
    server.admin().wait_until_held(1.0);
    eventually("it is told", || {
        postgres.sql("listen_lost", "notify news, 'again'");
        client.is_answered().then_some(())
    });
}

#[test]
fn other_databases_have_no_notifications() {
    let Some(server) = queries("sqlite:app.db", "") else { return };
    let refused = server.get("/listen/news");
    assert!(refused.text().contains("0A000"), "{}", refused.text());
    let told = sent(&server, &json!({ "statements": [{ "text": "select 1" }] }));
    assert_eq!(kind(&told), ("", ""));
}
