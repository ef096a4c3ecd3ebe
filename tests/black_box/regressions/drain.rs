//! The end of a drain (issue 11): whatever is left is told to come again, is logged and counted.

use snow_config::Limits;

use crate::harness::{Client, Setup, eventually};
use crate::inside::Inside;

/// The connection of a call that computed was once closed without a word, in the log or to its
/// client.
#[test]
fn a_call_that_computes_when_a_drain_ends_is_asked_to_come_again() {
    let Some(setup) = Setup::with(&["hello", "spin", "late"]) else { return };
    let setup = setup.workers(1).watched();
    let manifest = b"[limits]\ndrain_ms = 50\ncall_running_ms_max = 600_000\n";
    setup.folder().add("snow.toml", manifest);
    let mut server = setup.start();
    let admin = server.admin();
    // More than a version may trap in its trial. `/busy` computes and waits in place by turns.
    let mut clients: Vec<Client> = (0..6).map(|_| server.ask("/spin")).collect();
    clients.extend((0..2).map(|_| server.ask("/busy")));
    eventually("they have started", || {
        (admin.metric("snow_calls_total", &[]) >= 7.0).then_some(())
    });
    server.signal("TERM");
    for client in &mut clients {
        let answer = client.response();
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
        assert!(answer.closes());
        client.is_closed();
    }
    assert_eq!(server.ended().code(), Some(0));
    let log = server.log.to_end();
    assert_eq!(log.matches("\"GET /spin\" 503").count(), 6, "{log}");
    assert_eq!(log.matches("\"GET /busy\" 503").count(), 2, "{log}");
    assert!(
        !log.contains("failed") && !log.contains("rolled back"),
        "no guest is to blame:\n{log}"
    );
}

#[test]
fn a_call_that_is_ended_by_a_drain_leaves_nothing_behind() {
    let limits = Limits { drain_ms: 0, call_running_ms_max: 600_000, ..Limits::default() };
    let Some(inside) = Inside::start(&["late"], 1, limits) else { return };
    let mut clients: Vec<Client> = (0..3).map(|_| inside.ask("/late")).collect();
    inside.wait_until("they compute", |c| (c.suspended, c.pendings, c.instances) == (0, 3, 3));
    inside.drain();
    for client in &mut clients {
        assert_eq!(client.response().status, 503);
    }
    inside.wait_until("nothing is left", |c| (c.pendings, c.instances, c.answered) == (0, 0, 3));
}

/// Half of a body, and half of a head: both were closed without a word.
#[test]
fn a_request_that_is_not_whole_when_a_drain_ends_is_asked_to_come_again() {
    let Some(setup) = Setup::with(&["hello"]) else { return };
    let setup = setup.workers(1).watched();
    setup.folder().add("snow.toml", b"[limits]\ndrain_ms = 50\n");
    let mut server = setup.start();
    let body = "GET /hello HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n01234";
    let head = "GET /hello HTTP/1.1\r\nhost: a\r\n";
    let mut halves = [body, head].map(|half| {
        let mut client = server.connect();
        client.send(half);
        client
    });
    server.admin().wait_for("snow_received_bytes_total", &[], (body.len() + head.len()) as f64);
    server.signal("TERM");
    for client in &mut halves {
        let answer = client.response();
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
        assert!(answer.closes() && answer.text().contains("shutting down"), "{answer:?}");
    }
    drop(halves);
    assert_eq!(server.ended().code(), Some(0));
    let log = server.log.to_end();
    assert!(log.contains("\"GET /hello\" 503"), "{log}");
    assert!(log.contains("answered 503: the host is shutting down"), "{log}");
}
