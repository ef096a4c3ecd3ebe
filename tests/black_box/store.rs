//! The store as guests use it, by a guest made for it (`guests/stores`): conditions, expiry, limits,
//! grants, waiting for a change, and what is left after a crash.

use std::process::Stdio;
use std::thread;

use snow_config::Limits;

use crate::harness::{Folder, Server, Setup, eventually, run_to_refusal, serve, source};
use crate::inside::Inside;

fn inside() -> Option<Inside> {
    Inside::start(&["stores"], 2, Limits::default())
}

#[track_caller]
fn post(server: &Server, target: &str, body: &str) -> String {
    server.connect().post(target, body.as_bytes()).text().to_owned()
}

/// A server whose store is in a folder.
fn on_disk(data: &Folder) -> Option<Server> {
    let arguments = ["--data", data.path().to_str().expect("a path of ours is text")];
    Some(Setup::with(&["stores"])?.workers(2).arguments(&arguments).start())
}

#[test]
fn a_key_is_set_read_and_deleted() {
    let Some(server) = serve(&["stores"]) else { return };
    assert_eq!(server.get("/get/a").text(), "none");
    let version = post(&server, "/set/a", "one");
    assert_eq!(server.get("/get/a").text(), format!("{version} one"));
    let later = post(&server, "/set/a", "two");
    assert!(later.parse::<u64>().unwrap() > version.parse().unwrap(), "{version}, then {later}");
    assert_eq!(post(&server, "/delete/a", ""), "true");
    assert_eq!(post(&server, "/delete/a", ""), "false");
    assert_eq!(server.get("/get/a").text(), "none");
}

#[test]
fn a_lost_race_returns_what_won() {
    let Some(server) = serve(&["stores"]) else { return };
    let version = post(&server, "/set/a?only=absent", "one");
    let conflict = format!("conflict: {version} one");
    assert_eq!(post(&server, "/set/a?only=absent", "two"), conflict);
    assert_eq!(post(&server, "/set/a?only=1", "two"), conflict);
    assert_eq!(post(&server, "/delete/a?only=1", ""), conflict);
    assert_eq!(post(&server, "/set/b?only=1", "two"), "Conflict(None)");
    let next = post(&server, &format!("/set/a?only={version}"), "two");
    assert_eq!(server.get("/get/a").text(), format!("{next} two"));
}

#[test]
fn increments_from_everywhere_add_up() {
    let Some(server) = serve(&["stores"]) else { return };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = server.connect();
                for _ in 0..1_250 {
                    client.post("/increment/count", b"");
                }
            });
        }
    });
    assert!(server.get("/get/count").text().ends_with(" 10000"));
    assert_eq!(post(&server, "/increment/count?by=-10001", ""), "-1");
    post(&server, "/set/text", "text");
    assert_eq!(post(&server, "/increment/text", ""), "NotAnInteger");
}

#[test]
fn compare_and_set_from_everywhere_loses_nothing() {
    let Some(server) = serve(&["stores"]) else { return };
    thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                for number in 0..25 {
                    let word = format!("{client}-{number}");
                    assert_eq!(connection.post("/append/all", word.as_bytes()).status, 200);
                }
            });
        }
    });
    let held = server.get("/get/all");
    let words = held.text().split(' ').skip(1).filter(|word| !word.is_empty());
    assert_eq!(words.collect::<std::collections::BTreeSet<_>>().len(), 200);
}

#[test]
fn what_expires_is_gone() {
    let Some(server) = serve(&["stores"]) else { return };
    post(&server, "/set/short?expires_ms=1", "x");
    post(&server, "/set/long?expires_ms=3600000", "x");
    eventually("it expires", || (server.get("/get/short").text() == "none").then_some(()));
    assert!(server.get("/get/long").text().ends_with(" x"));
}

#[test]
fn keys_are_listed_by_prefix_over_pages() {
    let Some(server) = serve(&["stores"]) else { return };
    let mut client = server.connect();
    for number in 0..600 {
        client.post(&format!("/set/n{number:03}"), b"");
    }
    client.post("/set/other", b"");
    let all: Vec<String> = (0..600).map(|number| format!("n{number:03}")).collect();
    assert_eq!(server.get("/keys/n").text(), all.join(" "));
    assert_eq!(server.get("/keys/n59").text(), all[590..].join(" "));
    assert_eq!(server.get("/keys/x").text(), "");
}

#[test]
fn a_bucket_is_a_guests_own_or_granted() {
    let Some(setup) = Setup::with(&["stores"]) else { return };
    let table = "[guest.stores]\nbuckets = ['shared', 'logs-*']\n\
                 [guest.other]\nmount = '/other'\nbuckets = ['shared']\n";
    setup.folder().add("snow.toml", table.as_bytes());
    let stores = source("stores").expect("it was built a moment ago");
    let other = std::fs::read(stores).expect("it can be read");
    setup.folder().add("other.wasm", &other);
    let server = setup.arguments(&["--no-watch"]).start();
    for own in ["default", "stores", "stores/orders", "shared", "logs-2026"] {
        post(&server, &format!("/set/a?bucket={own}"), own);
    }
    assert!(server.get("/get/a").text().ends_with(" stores"), "default is the guest's name");
    for foreign in ["other", "storesx", "share", "", "other/stores"] {
        assert_eq!(server.get(&format!("/get/a?bucket={foreign}")).text(), "Denied", "{foreign}");
    }
    assert!(server.get("/other/get/a?bucket=shared").text().ends_with(" shared"));
    assert_eq!(server.get("/other/get/a").text(), "none", "its own is another one");
    server.log.until(&[
        "guest=stores",
        "denied to use the bucket \"other\": if it may, add the bucket to `buckets` in \
         [guest.stores] of snow.toml",
    ]);
}

#[test]
fn limits_are_named_and_nothing_changes() {
    let Some(setup) = Setup::with(&["stores"]) else { return };
    let limits = "[limits]\nstore_key_bytes_max = 10\nstore_value_bytes_max = 20\n\
                  store_bucket_entries_max = 2\nstore_bytes_max = 14\n\
                  guest_store_bytes_max = 14\nstore_bucket_bytes_max = 14\n";
    setup.folder().add("snow.toml", limits.as_bytes());
    let server = setup.start();
    assert!(post(&server, "/set/12345678901", "").contains("store_key_bytes_max"));
    assert!(post(&server, "/set/a", &"1".repeat(21)).contains("store_value_bytes_max"));
    post(&server, "/set/a", "12345");
    post(&server, "/set/b", "12345");
    assert!(post(&server, "/set/c", "").contains("store_bucket_entries_max"));
    assert!(post(&server, "/set/c?bucket=stores/x", "12").contains("(guest_store_bytes_max)"));
    assert_eq!(server.get("/keys/").text(), "a b");
    post(&server, "/delete/a", "");
    assert!(!post(&server, "/set/c", "1").contains("Limit"), "there is room again");
}

#[test]
fn a_request_waits_for_a_change_without_an_instance() {
    let Some(inside) = inside() else { return };
    let (mut plain, mut resumed) = (inside.ask("/changed/a"), inside.ask("/resumed/a"));
    inside.wait_until("they are held", |c| (c.suspended, c.instances, c.pendings) == (2, 0, 2));
    inside.connect().post("/set/b", b"another key");
    inside.connect().post("/set/a", b"news");
    assert_eq!((plain.response().text(), resumed.response().text()), ("news", "came: news"));
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings) == (0, 0));

    let mut place = inside.ask("/in-place/a");
    inside.wait_until("it waits in place", |c| (c.suspended, c.instances) == (1, 1));
    inside.connect().post("/set/a", b"more");
    assert_eq!(place.response().text(), "more");

    let (mut plain, mut resumed) = (inside.ask("/changed/a"), inside.ask("/resumed/a"));
    inside.wait_until("they are held", |c| c.suspended == 2);
    inside.connect().post("/delete/a", b"");
    assert_eq!((plain.response().status, resumed.response().text()), (502, "failed: deleted"));
}

#[test]
fn a_change_before_the_wait_is_not_lost() {
    let Some(server) = serve(&["stores"]) else { return };
    let seen = post(&server, "/set/a", "old");
    post(&server, "/set/a", "new");
    assert_eq!(server.get(&format!("/changed/a?since={seen}")).text(), "new");
    assert_eq!(server.get(&format!("/resumed/a?since={seen}")).text(), "came: new");
}

#[test]
fn what_expires_wakes_who_waits() {
    let Some(server) = serve(&["stores"]) else { return };
    post(&server, "/set/a?expires_ms=200", "x");
    assert_eq!(server.get("/resumed/a").text(), "failed: deleted");
}

#[test]
fn clients_that_leave_wait_no_more() {
    let Some(inside) = inside() else { return };
    let held: Vec<_> = (0..50).map(|n| inside.ask(&format!("/changed/k{}", n % 5))).collect();
    inside.wait_until("they are held", |c| (c.suspended, c.pendings) == (50, 50));
    assert_eq!(inside.store_waiters(), 50);
    drop(held);
    inside.wait_until("they are gone", |c| (c.suspended, c.pendings) == (0, 0));
    assert_eq!(inside.store_waiters(), 0);
}

#[test]
fn one_write_answers_thousands() {
    let Some(inside) = inside() else { return };
    let mut held: Vec<_> = (0..3_000).map(|_| inside.ask("/changed/a")).collect();
    inside.wait_until("they are held", |c| (c.suspended, c.instances) == (3_000, 0));
    inside.connect().post("/set/a", b"news");
    for client in &mut held {
        assert_eq!(client.response().text(), "news");
    }
    inside.wait_until("nothing is left", |c| (c.suspended, c.pendings) == (0, 0));
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let data = Folder::new();
    let mut last = 0;
    for round in 0..5 {
        let Some(mut server) = on_disk(&data) else { return };
        let held = server.get("/get/count");
        let found: u64 = held.text().split(' ').nth(1).map_or(0, |text| text.parse().unwrap());
        assert!(found == last || found == last + 1, "round {round}: {found}, {last} was told");
        last = found;
        let mut client = server.connect();
        for _ in 0..20 {
            last = client.post("/increment/count", b"").text().parse().expect("a sum");
        }
        client.send("POST /increment/count HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
        server.signal("KILL");
        server.ended();
    }
}

#[test]
fn an_end_in_order_keeps_everything() {
    let data = Folder::new();
    let Some(mut server) = on_disk(&data) else { return };
    let version = post(&server, "/set/a?expires_ms=3600000", "kept");
    server.signal("TERM");
    assert!(server.ended().success());
    let Some(server) = on_disk(&data) else { return };
    assert_eq!(server.get("/get/a").text(), format!("{version} kept"));
    let later: u64 = post(&server, "/set/a", "x").parse().expect("a version");
    assert!(later > version.parse().unwrap(), "versions go on");
}

#[test]
fn a_data_folder_has_one_server() {
    let data = Folder::new();
    let Some(server) = on_disk(&data) else { return };
    let guests = server.folder.path().to_str().expect("a path of ours is text");
    let path = data.path().to_str().expect("a path of ours is text");
    let second = ["run", guests, "--listen", "127.0.0.1:0", "--data", path];
    let refused = run_to_refusal(second, Stdio::null());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains(&format!("is in use by process {}", server.id())), "{said}");
}
