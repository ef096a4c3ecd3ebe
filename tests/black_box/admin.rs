//! The admin listener, and `snow-host status`: what they say agrees with what was done.

use std::fs;

use serde_json::Value;

use crate::harness::{Admin, Client, Folder, Server, Setup, eventually, serve, source};

/// A server that tells about itself, and where.
pub fn watched(guests: &[&str]) -> Option<(Server, Admin)> {
    let server = Setup::with(guests)?.watched().start();
    let admin = server.admin();
    Some((server, admin))
}

#[test]
fn nothing_is_told_unless_asked_for() {
    let Some(server) = serve(&["hello"]) else { return };
    server.still_serves();
    assert!(!server.out.until(&["/hello"]).contains("admin"));
    assert_eq!(server.get("/metrics").status, 404);
}

#[test]
fn metrics_agree_with_what_was_done() {
    let Some((server, admin)) = watched(&["hello", "snow", "trap"]) else { return };
    for _ in 0..5 {
        assert_eq!(server.get("/hello").status, 200);
    }
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(server.get("/trap").status, 500);
    assert_eq!(server.get("/req/?timeout=0.05").status, 504);
    assert_eq!(server.get("/hold/?timeout=0.05").status, 504);
    let mut held: Vec<Client> = (0..3).map(|_| server.ask("/req/")).collect();
    admin.wait_until_held(3.0);
    assert_eq!(admin.metric("snow_pendings", &["guest=\"snow\""]), 3.0);
    assert!(admin.metric("snow_connections", &[]) >= 3.0);
    drop(held.pop());
    admin.wait_until_held(2.0);
    // This is counted last, when what it waited for is gone.
    admin.wait_for("snow_requests_total", &["route=\"/req/\"", "status=\"499\""], 1.0);
    assert_eq!(server.get("/stop-all/").text(), "2");
    assert!(held.iter_mut().all(|client| client.response().status == 200));

    let requests = |labels: &[&str]| admin.metric("snow_requests_total", labels);
    let hello = ["guest=\"hello\"", "route=\"/hello\""];
    assert_eq!(requests(&[&hello[..], &["status=\"2xx\""]].concat()), 5.0);
    assert_eq!(requests(&["guest=\"-\"", "status=\"4xx\""]), 1.0);
    assert_eq!(requests(&["guest=\"trap\"", "status=\"5xx\""]), 1.0);
    assert_eq!(requests(&["route=\"/req/\"", "status=\"499\""]), 1.0);
    assert_eq!(requests(&["route=\"/req/\""]), 4.0);
    assert_eq!(admin.metric("snow_call_traps_total", &["guest=\"trap\""]), 1.0);
    assert_eq!(admin.metric("snow_call_traps_total", &[]), 1.0);
    assert_eq!(
        admin.metric("snow_calls_total", &["route=\"/req/\""]),
        4.0 + 3.0,
        "each `handle`, and each `resume`"
    );
    for (reason, count) in
        [("settled", 2.0), ("timed_out", 2.0), ("disconnected", 1.0), ("refused", 0.0)]
    {
        let reason = format!("reason=\"{reason}\"");
        assert_eq!(admin.metric("snow_waits_ended_total", &[&reason]), count, "{reason}");
    }
    let took = |labels: &[&str]| admin.metric("snow_request_duration_seconds_bucket", labels);
    assert_eq!(took(&["route=\"/hello\"", "le=\"+Inf\""]), 5.0);
    assert_eq!(took(&["route=\"/hold/\"", "le=\"0.02\""]), 0.0, "it waited for longer");
    assert_eq!(took(&["route=\"/hold/\"", "le=\"60\""]), 1.0);
    // 29 bytes and the target, thirteen times.
    assert_eq!(admin.metric("snow_received_bytes_total", &[]), 13.0 * 29.0 + 105.0);
    eventually("turns are counted", || {
        (admin.metric("snow_loop_turn_duration_seconds_count", &[]) > 10.0).then_some(())
    });
    assert!(admin.metric("process_resident_memory_bytes", &[]) > 1e6);
    assert_eq!(admin.metric("snow_instances", &[]), 0.0);
    let calls = admin.metric("snow_calls_total", &[]);
    assert_eq!(admin.metric("snow_instances_started_total", &[]), calls, "a fresh one for each");
}

/// What Prometheus would trip over: each metric has its HELP and TYPE once, before its values, and
/// no value twice.
#[test]
fn metrics_are_well_formed() {
    let Some((server, admin)) = watched(&["hello", "snow"]) else { return };
    server.still_serves();
    assert_eq!(server.get("/req/?timeout=0.01").status, 504);
    let answer = admin.ask("/metrics").response();
    assert_eq!(answer.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (mut types, mut series) = (Vec::new(), Vec::new());
    for line in answer.text().lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let (name, kind) = head.split_once(' ').expect("a kind");
            assert!(!types.contains(&name), "{name} twice");
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
            types.push(name);
        } else if !line.starts_with('#') {
            let (labelled, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(labelled.starts_with(types.last().expect("a TYPE comes first")), "{line}");
            assert!(!series.contains(&labelled), "{line} twice");
            series.push(labelled);
        }
    }
    assert!(types.len() > 20 && series.len() > 50, "{}", answer.text());
}

#[test]
fn what_is_held_is_paged_oldest_first_and_has_no_token() {
    let Some((server, admin)) = watched(&["snow", "probe"]) else { return };
    let mut held: Vec<Client> = Vec::new();
    for count in 0..25 {
        held.push(server.ask("/req/"));
        admin.wait_until_held(f64::from(count) + 1.0);
    }
    // Ages are told apart by the millisecond.
    std::thread::sleep(std::time::Duration::from_millis(2));
    held.push(server.ask("/wait?seconds=100"));
    admin.wait_until_held(26.0);
    let log = server.log.until(&["token "]);
    let token =
        log.split("token ").nth(1).expect("it was told").split_whitespace().next().expect("a word");

    let (mut rows, mut target) = (Vec::new(), "/pending?limit=10".to_owned());
    loop {
        let text = admin.page(&target);
        assert!(
            !text.contains(token) && !text.contains("seconds=100"),
            "a token, or where one may be: {text}"
        );
        let answer: Value = serde_json::from_str(&text).expect("it is JSON");
        let page = answer["pending"].as_array().expect("a list");
        assert!(
            page.len() <= 10 && answer["workers_missing"].as_array().is_some_and(Vec::is_empty),
            "{text}"
        );
        rows.extend(page.clone());
        match answer["next"].as_str() {
            Some(next) => target = format!("/pending?limit=10&after={next}"),
            None => break,
        }
    }
    assert_eq!(rows.len(), 26);
    let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 26, "nobody twice");
    let last = rows.last().expect("a row");
    assert_eq!(
        (&last["guest"], &last["route"], &last["version"]),
        (&"probe".into(), &"/wait".into(), &1.into())
    );
    assert_eq!((&last["keys"], &last["pendings"]), (&Value::Array(Vec::new()), &1.into()));
    for row in &rows[..25] {
        assert_eq!(
            (&row["route"], &row["keys"]),
            (&"/req/".into(), &vec!["requests"].into()),
            "{row}"
        );
        assert!(row["deadline_ms"].as_u64().is_some_and(|ms| (1..=30_001).contains(&ms)), "{row}");
        assert!(
            row["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")),
            "{row}"
        );
    }
    let younger = |pair: &[Value]| pair[0]["age_ms"].as_u64() >= pair[1]["age_ms"].as_u64();
    let one_page = admin.json("/pending?limit=1000");
    assert!(one_page["next"].is_null());
    assert!(one_page["pending"].as_array().expect("a list").windows(2).all(younger), "{one_page}");
}

#[test]
fn guests_say_what_serves_and_what_can_not() {
    let Some((server, admin)) = watched(&["hello", "snow", "broken/regex"]) else { return };
    let _held = server.ask("/req/");
    let snow =
        eventually("one is held", || Some(admin.guest("snow")).filter(|snow| snow["held"] == 1));
    let hello = admin.guest("hello");
    assert_eq!(
        (&hello["version"], &hello["held"], &hello["load_error"]),
        (&1.into(), &0.into(), &Value::Null)
    );
    assert_eq!(
        (&hello["routes"][0]["methods"][0], &hello["routes"][0]["pattern"]),
        (&"GET".into(), &"/hello".into())
    );
    assert!(hello["file"].as_str().is_some_and(|file| file.ends_with("hello.wat")), "{hello}");
    assert_eq!(
        (&snow["held"], &snow["calls_total"], &snow["rolled_back"]),
        (&1.into(), &1.into(), &Value::Null)
    );
    assert_eq!(
        (&snow["versions"][0]["serves"], &snow["versions"][0]["held"]),
        (&true.into(), &1.into())
    );
    let regex = admin.guest("regex");
    assert_eq!((&regex["version"], &regex["routes"]), (&Value::Null, &Value::Array(Vec::new())));
    let error = &regex["load_error"];
    assert!(
        error["error"].as_str().is_some_and(|error| error.contains("unclosed group")),
        "{error}"
    );
    assert!(error["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{error}");
    assert_eq!(admin.metric("snow_guest_load_failures_total", &[]), 1.0);

    let text = admin.page("/guests?format=text");
    for words in [
        "hello: version 1 since ",
        "regex: does not serve",
        "can't be loaded",
        "1 held",
        "GET  /hello",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

/// The guest `versioned`, of which each word makes another version.
fn version(word: &str) -> Vec<u8> {
    let text = fs::read_to_string(source("versioned").expect("it needs no toolchain"))
        .expect("it is there");
    text.replace("\"v1\"", &format!("\"{word}\"")).into_bytes()
}

#[test]
fn a_swap_is_seen_with_what_the_older_version_holds() {
    let folder = Folder::new();
    folder.add("app.wat", &version("v1"));
    let server = Setup::new(folder).watched().start();
    let admin = server.admin();
    let app = || admin.guest("app");
    let mut held = server.ask("/wait");
    admin.wait_until_held(1.0);
    server.folder.add("app.wat", &version("v2"));
    eventually("version 2 serves", || (app()["version"] == 2).then_some(()));
    server.everywhere("/who", "v2");
    let versions = app()["versions"].clone();
    assert_eq!(
        (&versions[0]["version"], &versions[0]["serves"], &versions[0]["held"]),
        (&2.into(), &true.into(), &0.into())
    );
    assert_eq!(
        (&versions[1]["version"], &versions[1]["serves"], &versions[1]["held"]),
        (&1.into(), &false.into(), &1.into())
    );
    assert_ne!(versions[0]["sha256"], versions[1]["sha256"]);
    assert_eq!(admin.json("/pending")["pending"][0]["version"], 1, "whose resume will be called");
    assert_eq!(
        (admin.metric("snow_guest_swaps_total", &[]), admin.metric("snow_guest_versions", &[])),
        (1.0, 2.0)
    );

    server.folder.replace("app.wat", b"(module");
    eventually("the error is seen", || app()["load_error"]["error"].is_string().then_some(()));
    assert_eq!(app()["version"], 2, "it serves on");
    assert_eq!(admin.metric("snow_guest_load_failures_total", &[]), 1.0);
    assert_eq!(server.get("/free").status, 200);
    assert_eq!(held.response().text(), "v1");
    // Its requests count on where those of the version before have stopped.
    assert!(admin.metric("snow_requests_total", &["guest=\"app\"", "route=\"/who\""]) >= 1.0);
    admin.wait_until_held(0.0);
}

#[test]
fn it_answers_while_the_server_drains_and_is_not_ready_then() {
    let Some((mut server, admin)) = watched(&["hello", "snow"]) else { return };
    assert_eq!((&*admin.page("/healthz"), &*admin.page("/readyz")), ("ok\n", "ok\n"));
    let mut held = server.ask("/req/?timeout=4");
    admin.wait_until_held(1.0);
    server.signal("TERM");
    server.log.until(&["draining"]);
    let unready = admin.ask("/readyz").response();
    assert_eq!((unready.status, unready.text()), (503, "draining\n"));
    assert_eq!(admin.page("/healthz"), "ok\n");
    assert_eq!(admin.json("/pending")["pending"].as_array().map(Vec::len), Some(1));
    // Neither does who asks nothing keep it from ending, nor does it end before its last answer.
    let mut idle = admin.connect();
    // Connections are accepted in their order.
    assert_eq!(admin.page("/healthz"), "ok\n");
    assert_eq!(held.response().status, 504);
    assert_eq!(server.ended().code(), Some(0));
    idle.is_closed();
}

#[test]
fn a_server_without_guests_is_not_ready() {
    let server = Setup::new(Folder::new()).watched().start();
    let admin = server.admin();
    assert_eq!(admin.ask("/readyz").response().status, 503);
    assert_eq!(admin.page("/healthz"), "ok\n");
}

/// A page in a browser on this machine may look up a name of its own as 127.0.0.1.
#[test]
fn a_host_that_is_a_name_is_refused() {
    let Some((_server, admin)) = watched(&["hello"]) else { return };
    for (host, status) in [
        ("evil.example", 421),
        ("evil.example:9090", 421),
        ("localhost", 200),
        ("127.0.0.1:1", 200),
    ] {
        for target in ["/metrics", "/guests", "/pending", "/"] {
            let mut client = admin.connect();
            client.send(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            assert_eq!(client.response().status, status, "{host} {target}");
        }
    }
}

#[test]
fn it_is_as_strict_as_any_other_listener() {
    let Some((server, admin)) = watched(&["hello"]) else { return };
    for (bytes, status) in [
        ("POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n", 405),
        ("DELETE / HTTP/1.1\r\nhost: localhost\r\n\r\n", 405),
        ("GET /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx", 413),
        ("GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        ("GET /metrics HTTP/1.1\r\n\r\n", 400),
        ("GET  /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        ("GET /pending?limit=0 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        ("GET /pending?after=x HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        ("GET /pending?limit=99999999999999999999999 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
    ] {
        let mut client = admin.connect();
        client.send(bytes);
        assert_eq!(client.response().status, status, "{bytes:?}");
    }
    let mut long = admin.connect();
    long.send_perhaps(
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(100_000)).as_bytes(),
    );
    assert_eq!(long.response().status, 414);
    // Who asks and leaves at once, again and again, takes nothing away.
    for _ in 0..200 {
        drop(admin.ask("/pending"));
    }
    eventually("it has room again", || {
        // While there is none, a connection is closed at once.
        let mut client = admin.connect();
        client.send_perhaps(b"GET /pending HTTP/1.1\r\nhost: localhost\r\n\r\n");
        (client.is_answered() && client.response().status == 200).then_some(())
    });
    let mut head = admin.connect();
    head.send("HEAD /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(head.response_to_head().status, 200);
    assert!(admin.page("/").contains("/pending"));
    server.still_serves();
}
