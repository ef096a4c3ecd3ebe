//! What the SDKs do alike, by a guest made for each (`guests/awaits` in Rust, `gopher`, `in-c`,
//! `in-zig`), and what is particular to C and to Zig. Python's and JavaScript's own modules do it
//! for theirs.

mod databases;
mod jobs;

use crate::harness::{Folder, Server, Setup, Upstream, source};

/// Guests with the routes `/NAME/relay` and `/NAME/reply`.
const GUESTS: [&str; 4] = ["awaits", "gopher", "in-c", "in-zig"];

/// Whether each call has a fresh instance, or one instance serves all.
const INSTANCES: [&str; 2] = ["'fresh'", "{ reuse = 1_000_000_000 }"];

/// How often something is done with one instance: what frees memory twice may go well once.
const TIMES: usize = 20;

/// Does something with a guest, in fresh instances and in those that are used again.
fn with(guest: &str, limits: &str, mut test: impl FnMut(&Server)) {
    if source(guest).is_none() {
        return;
    }
    for instances in INSTANCES {
        let folder = Folder::with(&[guest]).expect("it was built");
        let table = format!("{limits}\n[guest.{guest}]\ninstances = {instances}\n");
        folder.add("snow.toml", table.as_bytes());
        test(&Setup::new(folder).workers(1).watched().start());
    }
}

#[track_caller]
fn get(server: &Server, target: &str) -> (u16, String) {
    let answer = server.get(target);
    (answer.status, answer.text().to_owned())
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[test]
fn a_response_that_came_is_returned_with_a_field_more() {
    for guest in GUESTS {
        with(guest, "", |server| {
            for time in 0..TIMES {
                let mut held = server.ask(&format!("/{guest}/relay"));
                server.admin().wait_until_held(1.0);
                let reply = server.get(&format!("/{guest}/reply"));
                assert_eq!((reply.status, reply.text()), (201, "a reply"), "{guest}, {time}");
                let relayed = held.response();
                assert_eq!((relayed.status, relayed.text()), (201, "a reply"), "{guest}, {time}");
                for (name, value) in [("x-of", guest), ("x-relayed", guest)] {
                    assert_eq!(relayed.field(name), Some(value), "{guest}, {time}");
                }
            }
        });
    }
}

/// A client's content need not be UTF-8. The host ends a call that hands it such a text, and five of
/// those would roll a new version back.
#[test]
fn a_text_that_is_not_utf_8_is_no_trap() {
    for guest in ["gopher", "in-c", "in-zig"] {
        with(guest, "", |server| {
            let mut client = server.connect();
            let bytes: [&[u8]; 4] = [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f\x98"];
            for body in bytes {
                let said = client.post(&format!("/{guest}/text"), body);
                assert_eq!(said.status, 200, "{guest}");
                assert!(said.text().starts_with("refused \u{fffd}"), "{guest}: {}", said.text());
                assert_eq!(client.post(&format!("/{guest}/field"), body).status, 500, "{guest}");
            }
            let log = server.log.until(&["logged: \u{fffd}"]);
            assert!(!log.contains("trap") && !log.contains("utf-8 sequence"), "{log}");
        });
    }
    with("gopher", "", |server| {
        for (target, words) in
            [("/gopher/error", "failed with \u{fffd}"), ("/gopher/panic", "panicked with \u{fffd}")]
        {
            assert_eq!(server.connect().post(target, b"\xff").status, 500);
            let log = server.log.until(&[words]);
            assert!(!log.contains("trap"), "{log}");
        }
    });
}

/// The guests compare what they find themselves, and answer with the words of the last refusal.
#[test]
fn the_store_does_the_same_in_each_language() {
    for guest in ["gopher", "in-c", "in-zig"] {
        with(guest, "", |server| {
            let mut client = server.connect();
            for _ in 0..TIMES {
                let said = client.get(&format!("/{guest}/store"));
                assert_eq!(said.status, 200, "{guest}: {}", said.text());
                assert!(said.text().contains("store_key_bytes_max"), "{guest}: {}", said.text());
            }
        });
    }
}

#[test]
fn in_c_an_answer_is_used_as_often_as_one_likes() {
    with("in-c", "", |server| {
        for time in 0..TIMES {
            let mut relay = server.ask("/in-c/relay");
            let mut copy = server.ask("/in-c/copy");
            server.admin().wait_until_held(2.0);
            assert_eq!(server.get("/in-c/reply").status, 201, "{time}");
            for held in [&mut relay, &mut copy] {
                let answer = held.response();
                assert_eq!((answer.status, answer.text()), (201, "a reply"), "{time}");
                assert_eq!(answer.field("x-relayed"), Some("in-c"), "{time}");
            }
            let twice = server.get("/in-c/twice");
            assert_eq!((twice.status, twice.text()), (202, "twice"), "{time}");
            assert_eq!(twice.field("x-of"), Some("in-c"), "{time}");
            assert_eq!(twice.field("x-not-sent"), None, "{time}");
        }
    });
}

/// `secret%00.txt` passes the pattern, and as a text of C it would be `secret`.
#[test]
fn in_c_no_text_ends_at_a_zero_byte_of_the_client() {
    with("in-c", "", |server| {
        assert_eq!(get(server, "/in-c/file/a%20b.txt?value=%30"), ok("a b.txt0"));
        for target in [
            "/in-c/file/secret%00.txt",
            "/in-c/file/a.txt?value=secret%00.txt",
            "/in-c/file/a.txt?value%00=1",
        ] {
            let (status, text) = get(server, target);
            assert_eq!((status, text.contains("zero byte")), (400, true), "{target}: {text}");
        }
    });
}

#[test]
fn in_c_pendings_are_looked_at_and_let_go() {
    with("in-c", "", |server| {
        for _ in 0..TIMES {
            assert_eq!(get(server, "/in-c/poll"), ok("now"));
            assert_eq!(get(server, "/in-c/released"), ok("released"));
        }
    });
}

/// It is the guest's mistake, and no trap.
#[test]
fn in_c_a_pending_that_was_refused_is_an_error() {
    with("in-c", "", |server| {
        for (target, words) in [
            ("/in-c/refused", "snow_token was given a pending that is not of this call"),
            ("/in-c/same", "a suspension has a pending twice"),
        ] {
            assert_eq!(get(server, target), (500, "internal server error".into()));
            let log = server.log.until(&[words]);
            assert!(!log.contains("trap"), "{log}");
        }
    });
}

#[test]
fn in_zig_methods_are_one_several_or_any() {
    with("in-zig", "", |server| {
        for (method, target, status) in [
            ("PUT", "/in-zig/methods", 200),
            ("M-SEARCH", "/in-zig/methods", 200),
            ("GET", "/in-zig/methods", 405),
            ("PURGE", "/in-zig/any", 200),
        ] {
            let mut client = server.connect();
            client.send(format!("{method} {target} HTTP/1.1\r\nhost: a\r\n\r\n"));
            let answer = client.response();
            assert_eq!(answer.status, status, "{method} {target}");
            assert!(status != 200 || answer.text() == method, "{method} {target}");
        }
    });
}

#[test]
fn in_zig_a_call_may_leave_as_many_pendings_as_the_host_lets_it_have() {
    with("in-zig", "[limits]\npendings_per_call_max = 200\n", |server| {
        let mut client = server.connect();
        for _ in 0..TIMES {
            assert_eq!(client.get("/in-zig/many").text(), "left");
        }
        assert_eq!(client.get("/in-zig/released").text(), "released");
    });
}

/// An allocator gives no place for no bytes, and the host wants one.
#[test]
fn in_zig_an_empty_text_is_a_text() {
    with("in-zig", "", |server| {
        for _ in 0..TIMES {
            assert_eq!(get(server, "/in-zig/empty"), ok(""));
        }
    });
}

#[test]
fn in_zig_waits_of_several_and_mistakes() {
    with("in-zig", "", |server| {
        assert_eq!(get(server, "/in-zig/first"), ok("state"));
        assert_eq!(get(server, "/in-zig/in-place"), ok("too late"));
        assert_eq!(get(server, "/in-zig/same"), (500, "internal server error".into()));
        let log = server.log.until(&["a suspension has a pending twice"]);
        assert!(!log.contains("trap"), "{log}");
    });
}

#[test]
fn in_c_and_in_zig_other_servers_are_asked() {
    for guest in ["in-c", "in-zig"] {
        let Some(folder) = Folder::with(&[guest]) else { continue };
        let manifest = format!(
            "[guest.{guest}]\noutbound = ['http://127.0.0.1:*']\ninstances = {{ reuse = 1000 }}\n"
        );
        folder.add("snow.toml", manifest.as_bytes());
        let server = Setup::new(folder).workers(1).watched().start();
        let upstream = Upstream::new();
        let ask = |target: &str, url: &[u8]| {
            let mut client = server.connect();
            let length = url.len();
            let head =
                format!("POST {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
            client.send([head.as_bytes(), url].concat());
            client
        };
        for time in 0..TIMES {
            // As it came.
            let mut client = ask(&format!("/{guest}/get"), upstream.url("/x").as_bytes());
            let asked = upstream.next();
            assert!(asked.head.starts_with("GET /x HTTP/1.1\r\n"), "{guest}: {}", asked.head);
            asked.send(
                "HTTP/1.1 418 Teapot\r\nx-a: b\r\ncontent-length: 3\r\nconnection: close\r\n\r\ntea",
            );
            let answer = client.response();
            assert_eq!((answer.status, answer.text()), (418, "tea"), "{guest}, {time}");
            assert_eq!(answer.field("x-a"), Some("b"), "{guest}, {time}");
            // Read by the guest, with all that a request can have.
            let mut client = ask(&format!("/{guest}/read"), upstream.url("/y").as_bytes());
            let asked = upstream.next();
            let head = asked.head.to_ascii_lowercase();
            assert!(
                head.starts_with("put /y ") && head.contains(&format!("\r\nx-of: {guest}\r\n"))
            );
            assert!(head.contains("\r\ncontent-length: 7\r\n"), "{head}");
            asked.send(
                "HTTP/1.1 200 OK\r\nx-answered: 1\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
            );
            let answer = client.response();
            assert_eq!((answer.status, answer.text()), (200, "200 hello"), "{guest}, {time}");
            // Failures, each in its own way.
            let failed = ask(&format!("/{guest}/read"), b"nothing").response();
            assert_eq!((failed.status, failed.text()), (502, "invalid-url"), "{guest}, {time}");
            assert_eq!(ask(&format!("/{guest}/get"), b"nothing").response().status, 502);
            assert_eq!(ask(&format!("/{guest}/get"), b"http://a/\xff").response().status, 503);
        }
        assert!(!server.log_by_now().contains("trap"), "{guest}: {}", server.log_by_now());
    }
}
