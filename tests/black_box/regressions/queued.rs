//! Requests that wait for their first call, that nobody waits for any more, or for which there is
//! no room (issue 11).

use crate::harness::{Admin, Client, Server, Setup, eventually};

/// One worker with an admin listener, whose single place a call of `/spin` has taken.
fn spinning(limits: &str) -> Option<(Server, Client)> {
    let setup = Setup::with(&["hello", "spin"])?.workers(1).watched();
    let manifest = format!("[limits]\nworker_calls_started_max = 1\n{limits}");
    setup.folder().add("snow.toml", manifest.as_bytes());
    let server = setup.start();
    let spins = server.ask("/spin");
    server.admin().wait_for("snow_instances", &[], 1.0);
    Some((server, spins))
}

fn refused(admin: Admin, reason: &str) -> f64 {
    admin.metric("snow_calls_refused_total", &[&format!("reason=\"{reason}\"")])
}

/// They once waited for as long as their clients did.
#[test]
fn a_request_waits_for_its_first_call_until_its_deadline() {
    let limits =
        "request_wait_ms_max = 200\nguest_calls_queued_max = 4\ncall_running_ms_max = 600_000\n";
    let Some((server, mut spins)) = spinning(limits) else { return };
    let admin = server.admin();
    for _ in 0..2 {
        let mut waiting: Vec<Client> = (0..4).map(|_| server.connect()).collect();
        for client in &mut waiting {
            client.send("POST /spin HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
        }
        for client in &mut waiting {
            let answer = client.response();
            assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
            assert_eq!(client.get("/hello").text(), "hello world", "the connection stays open");
        }
        admin.wait_for("snow_input_bytes", &[], 0.0);
        admin.wait_for("snow_open_calls", &[], 1.0);
    }
    assert!(spins.nothing_yet(), "the call that has the place computes on");
    assert_eq!((refused(admin, "waited_too_long"), refused(admin, "queue_full")), (8.0, 0.0));
    let log = server.log_by_now();
    assert_eq!(log.matches("\"POST /spin\" 503").count(), 8, "{log}");
}

#[test]
fn a_full_queue_is_counted() {
    let limits = "guest_calls_queued_max = 1\ncall_running_ms_max = 600_000\n";
    let Some((server, _spins)) = spinning(limits) else { return };
    let _waits = server.ask("/spin");
    server.admin().wait_for("snow_open_calls", &[], 2.0);
    assert_eq!(server.get("/spin").status, 503);
    assert_eq!(refused(server.admin(), "queue_full"), 1.0);
}

/// What it may be about to do for others is done, whether or not its own client reads the answer.
#[test]
fn a_call_that_computes_goes_on_when_its_client_leaves() {
    let Some((server, spins)) = spinning("call_running_ms_max = 1_000\n") else { return };
    let admin = server.admin();
    spins.reset();
    server.log.until(&["\"GET /spin\" 499"]);
    server.log.until(&["guest=spin", "ran for more than 1000 ms", "call_running_ms_max"]);
    admin.wait_for("snow_instances", &[], 0.0);
    server.still_serves();
}

#[test]
fn a_body_that_does_not_fit_into_the_sum_is_not_asked_for() {
    let Some(setup) = Setup::with(&["hello"]) else { return };
    let setup = setup.workers(1).watched();
    setup.folder().add("snow.toml", b"[limits]\nworker_input_bytes_max = 1_000\n");
    let server = setup.start();
    let head = "GET /hello HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n";
    let mut client = server.connect();
    client.send(format!("{head}content-length: 1001\r\n\r\n"));
    let answer = client.response();
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    assert!(answer.closes());
    assert_eq!(server.admin().metric("snow_input_refused_total", &[]), 1.0);
    let mut client = server.connect();
    client.send(format!("{head}content-length: 1000\r\n\r\n"));
    assert_eq!(client.response().status, 100);
    client.send("x".repeat(1_000));
    assert_eq!(client.response().text(), "hello world");
}

/// Both were called malformed.
#[test]
fn a_head_beyond_a_limit_is_logged_with_the_limit() {
    let Some(setup) = Setup::with(&["hello"]) else { return };
    let setup = setup.workers(1).watched();
    let manifest = "[limits]\nworker_input_bytes_max = 3_000\nhead_bytes_max = 2_000\n\
                    target_bytes_max = 1_000\n";
    setup.folder().add("snow.toml", manifest.as_bytes());
    let server = setup.start();
    let field = |bytes| format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {}", "v".repeat(bytes));
    let mut large = server.connect();
    large.send(field(2_000));
    assert_eq!(large.response().status, 431);
    server.log.until(&["request beyond a limit, answered 431", "(head_bytes_max)"]);
    let mut halves = [field(1_500), field(1_600)].map(|half| {
        let mut client = server.connect();
        client.send(half);
        client
    });
    // Whoever was read last is beyond the sum.
    eventually("one is refused", || halves.iter_mut().any(|it| !it.nothing_yet()).then_some(()));
    server.log.until(&["request refused, answered 503", "(worker_input_bytes_max)"]);
    assert!(!server.log_by_now().contains("malformed"));
    server.still_serves();
}
