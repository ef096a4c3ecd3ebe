//! Guests that compute without end, trap, eat memory and lie. Each is an error to its own caller
//! and a line in the log; everybody else is served meanwhile, and afterwards.

use std::time::{Duration, Instant};

use crate::harness::{Client, Server, Setup, serve};

/// One worker: whoever is served beside a hostile guest is served by the same thread.
fn one_worker(guests: &[&str]) -> Option<Server> {
    Some(Setup::with(guests)?.workers(1).start())
}

/// A request with an id, so that its lines can be found in the log.
#[track_caller]
fn ask(server: &Server, target: &str, id: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\n\r\n"));
    client
}

/// It is answered 500, with its id and nothing that a client need not know; and the connection goes
/// on.
#[track_caller]
fn is_a_500(mut client: Client, id: &str) {
    let answer = client.response();
    assert_eq!((answer.status, answer.field("x-request-id")), (500, Some(id)));
    assert_eq!(answer.text(), "internal server error\n");
    assert_eq!(client.get("/hello").text(), "hello world");
}

/// The log's entry about a request that failed: its line, and the indented ones behind it.
#[track_caller]
fn entry(server: &Server, id: &str) -> String {
    let begins = format!("id={id} \"GET");
    // The access line comes behind it, and ends with the id.
    let log = server.log.until(&[&begins, &format!("id={id}\n")]);
    let mut lines = log.lines().skip_while(|line| !line.contains(&begins));
    let first = lines.next().expect("it was waited for");
    let rest = lines.take_while(|line| line.starts_with("    "));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n")
}

/// How long the slowest of some requests beside the hostile guest took. No tight bound is set on
/// it: the machine is shared.
#[track_caller]
fn hello_is_quick(server: &Server) {
    let mut client = server.connect();
    let started = Instant::now();
    for _ in 0..50 {
        assert_eq!(client.get("/hello").text(), "hello world");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "50 took {:?}", started.elapsed());
}

#[test]
fn who_spins_is_stopped_at_its_budget() {
    let Some(server) = one_worker(&["hello", "spin"]) else { return };
    let started = Instant::now();
    let spinning = ask(&server, "/spin", "spins");
    for _ in 0..3 {
        hello_is_quick(&server);
    }
    is_a_500(spinning, "spins");
    assert!(started.elapsed() >= Duration::from_secs(10), "its budget is its own running time");
    let entry = entry(&server, "spins");
    for word in ["error", "guest=spin", "route=0", "call_running_ms_max", "spin_for_ever"] {
        assert!(entry.contains(word), "{word} is not in:\n{entry}");
    }
    server.still_serves();
}

#[test]
fn who_traps_is_logged_with_its_backtrace() {
    let Some(server) = one_worker(&["hello", "trap"]) else { return };
    is_a_500(ask(&server, "/trap", "traps"), "traps");
    let entry = entry(&server, "traps");
    for word in [
        "error",
        "guest=trap",
        "route=0",
        "unreachable",
        "give_up",
        "look_it_up",
        "answer_the_request",
    ] {
        assert!(entry.contains(word), "{word} is not in:\n{entry}");
    }
    server.log.until(&["\"GET /trap\" 500", "guest=trap id=traps"]);
}

#[test]
fn a_panic_says_what_and_where() {
    let Some(server) = serve(&["hello", "probe"]) else { return };
    is_a_500(ask(&server, "/panic", "panics"), "panics");
    server.log.until(&["on purpose", "src/lib.rs:"]);
    let entry = entry(&server, "panics");
    assert!(entry.contains("guest=probe") && entry.contains("probe.wasm!"), "{entry}");
}

#[test]
fn who_eats_memory_is_refused_more() {
    let Some(server) = one_worker(&["hello", "eat"]) else { return };
    // One after another and at once: what one has eaten is there again for the next.
    let mut eaters: Vec<Client> = Vec::new();
    for index in 0..20 {
        eaters.push(ask(&server, "/eat", &format!("eats-{index}")));
    }
    hello_is_quick(&server);
    for (index, client) in eaters.into_iter().enumerate() {
        is_a_500(client, &format!("eats-{index}"));
    }
    let entry = entry(&server, "eats-0");
    for word in ["guest=eat", "unreachable", "call_memory_bytes_max", "67108864"] {
        assert!(entry.contains(word), "{word} is not in:\n{entry}");
    }
}

#[test]
fn a_stack_that_overflows_ends_one_call() {
    let Some(server) = one_worker(&["hello", "deep"]) else { return };
    for round in 0..5 {
        is_a_500(ask(&server, "/deep", &format!("deep-{round}")), &format!("deep-{round}"));
    }
    let entry = entry(&server, "deep-0");
    assert!(entry.contains("guest=deep") && entry.contains("stack"), "{entry}");
}

/// One instruction that writes 60 MiB can't be interrupted; between two of them others have their
/// turn.
#[test]
fn bulk_memory_gives_others_their_turn() {
    let Some(server) = one_worker(&["hello", "fill"]) else { return };
    let mut fillers: Vec<Client> =
        (0..2).map(|index| ask(&server, "/fill", &format!("fills-{index}"))).collect();
    let mut client = server.connect();
    for _ in 0..10 {
        let started = Instant::now();
        assert_eq!(client.get("/hello").text(), "hello world");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    for client in &mut fillers {
        assert_eq!(client.response().status, 204);
    }
}

#[test]
fn who_lies_is_not_believed() {
    let Some(server) = one_worker(&["hello", "lies"]) else { return };
    for lie in 0..=9 {
        let id = format!("lie-{lie}");
        is_a_500(ask(&server, &format!("/lies/{lie}"), &id), &id);
        let entry = entry(&server, &id);
        assert!(entry.contains("guest=lies") && entry.contains("the call failed"), "{entry}");
    }
}

#[test]
fn a_handle_is_returned_once() {
    let Some(server) = one_worker(&["hello", "twice"]) else { return };
    is_a_500(ask(&server, "/twice", "twice"), "twice");
    let entry = entry(&server, "twice");
    assert!(entry.contains("guest=twice") && entry.contains("handle"), "{entry}");
}

/// More hostile calls than a worker starts at one time, of every kind.
#[test]
fn all_of_them_at_once() {
    let guests = ["hello", "trap", "eat", "deep", "lies", "twice", "fill"];
    let Some(server) = serve(&guests) else { return };
    let targets = ["/trap", "/eat", "/deep", "/lies/7", "/twice", "/lies/0"];
    let mut hostile: Vec<Client> = Vec::new();
    for _ in 0..10 {
        for target in targets {
            hostile.push(server.ask(target));
        }
    }
    hello_is_quick(&server);
    for client in &mut hostile {
        assert_eq!(client.response().status, 500);
    }
    server.still_serves();
}

#[test]
fn what_a_guest_says_can_not_forge_a_line() {
    let Some(server) = serve(&["probe"]) else { return };
    assert_eq!(server.get("/say").text(), "said");
    let log = server.log.until(&["lllll", "\"GET /say\" 200"]);
    let forged = log.lines().find(|line| line.contains("forged")).expect("it was said");
    assert!(
        forged.contains(r"one line\nerror guest=other") && !forged.contains('\x1b'),
        "{forged:?}"
    );
    let long = log.lines().find(|line| line.contains("lllll")).expect("it was said");
    assert!(long.len() < 4_500, "it was cut: {}", long.len());
}
