//! The SDK for Go, by a guest made for it (`guests/gopher`): waits, settlements, goroutines, panics,
//! the log, handlers of `net/http`, and memory that the host asks for.

mod clients;

use std::time::{Duration, Instant};

use crate::harness::{Folder, Server, Setup, eventually};

/// Whether each call has a fresh instance, or one instance serves all.
const INSTANCES: [&str; 2] = ["'fresh'", "{ reuse = 1_000_000_000 }"];

fn serve(instances: &str) -> Option<Server> {
    let folder = Folder::with(&["gopher"])?;
    let table = format!("[guest.gopher]\ninstances = {instances}\n");
    folder.add("snow.toml", table.as_bytes());
    Some(Setup::new(folder).workers(1).watched().start())
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
fn goroutines_sleep_at_the_same_time_and_others_are_served() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        let began = Instant::now();
        let mut sleeper = server.ask("/sleep?ms=1000");
        server.admin().wait_until_held(1.0);
        assert_eq!(get(&server, "/timer"), ok(""));
        assert!(began.elapsed() < Duration::from_millis(1_000), "the worker was free");
        let slept: u64 = sleeper.response().text().parse().expect("a number");
        assert!(
            (1_000..5_000).contains(&slept),
            "ten times a second, one beside the other: {slept}"
        );
    }
}

#[test]
fn a_panic_is_a_500_that_names_its_line() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        assert_eq!(get(&server, "/panic"), (500, "internal server error".into()));
        server.log.until(&["guest=gopher", "panic: ", "at main.panics (guest/gopher/main.go:"]);
        assert_eq!(get(&server, "/timer"), ok(""), "the instance may go on");
    }
}

#[test]
fn random_bytes_come_in_any_number() {
    let Some(server) = serve(INSTANCES[0]) else { return };
    let (first, second) = (get(&server, "/entropy"), get(&server, "/entropy"));
    assert!(first.1.starts_with("300000 ["), "{first:?}");
    assert_ne!(first, second);
}

#[test]
fn the_log_takes_what_go_writes() {
    let Some(server) = serve(INSTANCES[0]) else { return };
    assert_eq!(get(&server, "/log"), ok("logged"));
    for line in [
        "info   guest=gopher id=",
        "by fmt",
        "by log",
        "by slog order=7 client.name=",
        "error  guest=gopher id=",
        "badly by slog",
        "trace  guest=gopher id=",
        "by snow",
    ] {
        server.log.until(&[line]);
    }
}

#[test]
fn settlements_of_each_kind_arrive() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        let said = "a value; 201 {x-of go}a response; too late (late); no pending has this token";
        for _ in 0..3 {
            assert_eq!(get(&server, "/tokens"), ok(said));
        }
        assert_eq!(get(&server, "/alone"), (504, "too late".into()));
    }
}

#[test]
fn a_call_waits_in_place() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        let mut waits = server.ask("/place");
        eventually("it waits", || {
            (server.connect().post("/settle/place", b"now").text() == "true").then_some(())
        });
        assert_eq!(waits.response().text(), "now");
    }
}

#[test]
fn what_is_unsettled_is_waited_for_once_more() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        let mut waits = server.connect();
        waits.send("POST /any/say%3A HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
        for key in ["b", "c", "a"] {
            // Between two waits it is resumed, and waits under no key for a moment.
            eventually("it waits", || {
                let target = format!("/settle/{key}");
                (server.connect().post(&target, key.as_bytes()).text() == "true").then_some(())
            });
        }
        assert_eq!(waits.response().text(), "say:bca POST hi");
    }
}

#[test]
fn pendings_that_a_call_leaves_are_released() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    let mut client = server.connect();
    for _ in 0..200 {
        assert_eq!(client.get("/left").text(), "left");
    }
    assert_eq!(client.get("/twice").status, 500);
    server.log.until(&["a suspension has a pending twice"]);
    assert_eq!(client.get("/left").text(), "left", "those of the suspension as well");
}

/// It is the guest's mistake, and no trap.
#[test]
fn a_pending_that_was_refused_is_an_error() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        for query in ["suspend", "token", "wait", "any", "release"] {
            let answer = get(&server, &format!("/nil?{query}"));
            assert_eq!(answer, (500, "internal server error".into()), "{query}");
            let log = server.log.until(&["the host has refused it"]);
            assert!(!log.contains("trap"), "{query}: {log}");
            server.log.forget();
        }
        assert_eq!(get(&server, "/released"), ok("released"));
    }
}

#[test]
fn a_route_that_is_named_in_a_call_comes_too_late() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    for _ in 0..2 {
        assert_eq!(server.get("/route").status, 500);
        server.log.until(&["panic: snow.Route(", "comes too late, in a call"]);
        server.log.forget();
    }
}

#[test]
fn handlers_of_net_http_are_served_as_they_are() {
    let Some(server) = serve(INSTANCES[0]) else { return };
    let answer = server.get("/http/ann?q=7");
    assert_eq!((answer.status, answer.text()), (200, "<p>ann 7 GET"));
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.field("set-cookie"), Some("seen=1"));
    let mut client = server.connect();
    client.send("DELETE /http/ann HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status, answer.text()), (403, "not that\n"));
}

/// The host asks Go for memory while it may not call the host, for what is larger than a chunk of
/// the SDK's. The garbage collector, which calls the host, must not run then.
#[test]
fn large_bodies_meet_no_garbage_collection() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    let mut client = server.connect();
    let body = vec![b'x'; 900_000];
    for call in 0..300 {
        let answer = client.post("/http/large", &body);
        assert_eq!(answer.status, 200, "call {call}");
        assert_eq!(client.get("/left").status, 200, "call {call}");
    }
    assert_eq!(client.get("/large").body.len(), 2_000_000);
}

/// A goroutine that a handler leaves goes on while a later call of the instance waits.
#[test]
fn a_goroutine_that_is_left_behind_goes_on() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    let mut client = server.connect();
    let counted: Vec<String> = (0..3).map(|_| client.get("/behind").text().to_owned()).collect();
    assert_eq!(counted, ["1", "2", "3"]);
}

#[test]
fn a_guest_knows_its_configuration_and_its_links() {
    for instances in INSTANCES {
        let Some(folder) = Folder::with(&["gopher"]) else { return };
        let manifest = format!(
            "[server]\npublic_url = 'https://example.org/x'\n[guest.gopher]\nmount = '/go'\n\
             instances = {instances}\n[guest.gopher.config]\ngreeting = 'hello'\n\
             token = {{ secret = 'hunter2' }}\n"
        );
        folder.add("snow.toml", manifest.as_bytes());
        let server = Setup::new(folder).workers(1).start();
        let all = "map[greeting:hello]";
        let config = |name: &str| get(&server, &format!("/go/deployed/config/{name}"));
        assert_eq!(config("greeting"), ok(&format!("\"hello\" true Secret(…) true {all}")));
        assert_eq!(config("token"), ok(&format!("\"hunter2\" true Secret(…) true {all}")));
        assert_eq!(config("other"), ok(&format!("\"\" false Secret(…) true {all}")));
        let links = "https://example.org/x/go/a?b /x/go/a /x/go";
        assert_eq!(get(&server, "/go/deployed/links"), ok(links));
    }
}

#[test]
fn a_request_that_waits_again_can_keep_its_deadline() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        let mut waits = server.ask("/deployed/waits");
        server.admin().wait_until_held(1.0);
        assert_eq!(server.connect().post("/deployed/news", b"").status, 204);
        // Its second wait would take an hour.
        assert_eq!(waits.response().text(), "0s true");
    }
}
