//! Several threads: each connection belongs to one of them, and a key belongs to all.
//!
//! The kernel decides which thread gets a connection, by a hash of its ports. So these tests open
//! many: that all of them land on one thread has a chance of one in 2^30 or less.

use crate::harness::{Client, Server, Setup};

const CONNECTIONS: usize = 32;

fn server(workers: u16) -> Option<Server> {
    Some(Setup::with(&["hello", "snow"])?.workers(workers).start())
}

/// Requests that are held, in the order they wait.
#[track_caller]
fn hold(server: &Server, route: &str) -> Vec<Client> {
    let hold = |index: usize| {
        let client = server.ask(route);
        server.wait_for_waiting(index + 1);
        client
    };
    (0..CONNECTIONS).map(hold).collect()
}

#[test]
fn a_request_held_by_one_worker_is_answered_through_another() {
    for workers in [1, 2, 4] {
        let Some(server) = server(workers) else { return };
        for _ in 0..CONNECTIONS {
            let mut held = server.ask("/req/");
            server.wait_for_waiting(1);
            assert_eq!(server.get("/stop/?value=x").text(), "stop");
            assert_eq!(held.response().text(), "x");
        }
    }
}

#[test]
fn a_key_is_first_in_first_out_over_all_workers() {
    for (workers, route) in [(2, "/req/"), (4, "/hold/")] {
        let Some(server) = server(workers) else { return };
        let mut held = hold(&server, route);
        for index in 0..CONNECTIONS {
            assert_eq!(server.get(&format!("/stop/?value={index}")).text(), "stop");
        }
        for (index, client) in held.iter_mut().enumerate() {
            assert_eq!(client.response().text(), index.to_string(), "with {workers} workers");
        }
    }
}

#[test]
fn set_all_reaches_every_worker() {
    for (workers, route) in [(2, "/hold/"), (4, "/req/")] {
        let Some(server) = server(workers) else { return };
        let mut held: Vec<Client> = (0..200).map(|_| server.ask(route)).collect();
        server.wait_for_waiting(held.len());
        assert_eq!(server.get("/stop-all/?value=all").text(), "200");
        for client in &mut held {
            assert_eq!(client.response().text(), "all");
        }
        assert_eq!(server.get("/waiting/").text(), "0");
    }
}

/// Settlements and timeouts race on four threads: each request ends once, with one or the other.
#[test]
fn every_request_ends_once_whoever_wins() {
    let Some(server) = server(4) else { return };
    let mut held: Vec<Client> = (0..200).map(|_| server.ask("/req/?timeout=0.3")).collect();
    let mut stopped = 0;
    let mut stopper = server.connect();
    // Nobody has to have been held before the first stop, and some time out before the last.
    for _ in 0..100 {
        stopped += usize::from(stopper.get("/stop/").status == 200);
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    let statuses: Vec<u16> = held.iter_mut().map(|client| client.response().status).collect();
    let count = |status| statuses.iter().filter(|&&each| each == status).count();
    assert_eq!(
        (count(200), count(504)),
        (stopped, held.len() - stopped),
        "`ok` means that this settlement won"
    );
    assert_eq!(server.get("/waiting/").text(), "0");
    for client in &mut held {
        assert_eq!(client.get("/hello").text(), "hello world", "its answer was the only one");
    }
}
