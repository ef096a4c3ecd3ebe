//! The example `parcels`: whoever waits for a parcel sees each of its changes once, in their order,
//! and no change is lost between two who write.

use std::collections::BTreeSet;
use std::thread;

use snow_config::Limits;

use crate::harness::{Client, Response, Server, serve};
use crate::inside::Inside;

/// Changes that two clients see.
const CHANGES: u64 = 200;

#[track_caller]
fn post_json(client: &mut Client, target: &str, body: &str) -> Response {
    let length = body.len();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    ));
    client.response()
}

#[track_caller]
fn announce(client: &mut Client, id: &str, status: &str) -> u64 {
    let body = format!(r#"{{"id":"{id}","status":"{status}"}}"#);
    let answer = post_json(client, "/parcels", &body);
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    versions(answer.text())[0]
}

/// The versions in an answer, in their order; the parcel's own is the first.
fn versions(text: &str) -> Vec<u64> {
    let numbers = text.split("\"version\":").skip(1).map(|rest| {
        let digits = rest.find(|character: char| !character.is_ascii_digit());
        rest[..digits.unwrap_or(rest.len())].parse().expect("a version is a number")
    });
    numbers.collect()
}

/// Waits for one change after another, until the last one. Returns what it saw: version and status.
fn watch(server: &Server, last: u64) -> Vec<(u64, String)> {
    let mut client = server.connect();
    let (mut seen, mut since) = (Vec::new(), 1);
    while since < last {
        let answer = client.get(&format!("/parcels/p/wait?since={since}&timeout=60"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let changes = answer.text().split_once("\"changes\":").expect("it has changes").1;
        for (version, change) in versions(changes).into_iter().zip(changes.split('{').skip(1)) {
            let status =
                change.split("\"status\":\"").nth(1).and_then(|rest| rest.split('"').next());
            seen.push((version, status.expect("a change has a status").to_owned()));
            since = version;
        }
    }
    seen
}

#[test]
fn two_clients_see_each_change_once_and_in_order() {
    let Some(server) = serve(&["parcels"]) else { return };
    announce(&mut server.connect(), "p", "status 1");
    thread::scope(|scope| {
        let watchers =
            [scope.spawn(|| watch(&server, CHANGES)), scope.spawn(|| watch(&server, CHANGES))];
        let mut client = server.connect();
        for number in 2..=CHANGES {
            assert_eq!(announce(&mut client, "p", &format!("status {number}")), number);
        }
        let wanted: Vec<_> =
            (2..=CHANGES).map(|number| (number, format!("status {number}"))).collect();
        for watcher in watchers {
            assert_eq!(watcher.join().expect("it saw all"), wanted);
        }
    });
}

#[test]
fn no_change_of_two_who_write_is_lost() {
    let Some(server) = serve(&["parcels"]) else { return };
    let written: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    (0..50).map(|_| announce(&mut client, "p", "x")).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("it wrote all")).collect()
    });
    let distinct: BTreeSet<_> = written.iter().copied().collect();
    assert_eq!(distinct, (1..=200).collect(), "each made a version of its own");
    assert_eq!(versions(server.get("/parcels/p").text()), [200]);
}

#[test]
fn nobody_who_waits_has_an_instance() {
    let Some(inside) = Inside::start(&["parcels"], 1, Limits::default()) else { return };
    let mut client = inside.connect();
    announce(&mut client, "p", "packed");
    let mut one = inside.ask("/parcels/p/wait?after=packed&timeout=60");
    let mut many = inside.connect();
    let body = r#"{"seen":{"p":1},"count":1,"timeout":60}"#;
    let length = body.len();
    many.send(format!(
        "POST /parcels/watch HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    ));
    inside.wait_until("both are held", |c| (c.suspended, c.instances) == (2, 0));
    announce(&mut client, "p", "delivered");
    for waiting in [&mut one, &mut many] {
        let answer = waiting.response();
        assert!(answer.text().contains(r#""status":"delivered","version":2"#), "{answer:?}");
    }
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings) == (0, 0));
}

/// Each look waits for all of them anew, and what was waited for before counts towards the pendings
/// of a call until it is let go.
#[test]
fn as_many_are_watched_as_a_page_shows_and_looked_at_again() {
    let Some(inside) = Inside::start(&["parcels"], 1, Limits::default()) else { return };
    let mut client = inside.connect();
    let ids: Vec<String> = (10..60).map(|number| format!("p{number}")).collect();
    ids.iter().for_each(|id| assert_eq!(announce(&mut client, id, "packed"), 1));
    let seen: Vec<String> = ids.iter().map(|id| format!("\"{id}\":1")).collect();
    let body = format!("{{\"seen\":{{{}}},\"count\":50,\"timeout\":60}}", seen.join(","));
    let length = body.len();
    let mut watches = inside.connect();
    watches.send(format!(
        "POST /parcels/watch HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    ));
    inside.wait_until("it is held", |c| (c.suspended, c.instances) == (1, 0));
    announce(&mut client, "another", "packed");
    let answer = watches.response();
    assert_eq!(answer.text(), r#"{"parcels":[],"count":51}"#, "{answer:?}");
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings) == (0, 0));
}
