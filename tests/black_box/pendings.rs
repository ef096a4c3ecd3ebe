//! The contract of a pending (wit/snow.wit), clause by clause, by a guest made for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Client, Server, eventually, serve};

fn server() -> Option<Server> {
    serve(&["hello", "probe"])
}

/// A request that waits, and the tokens of what it waits for.
struct Held {
    client: Client,
    tokens: Vec<String>,
}

/// A request that may wait. The guest tells its tokens in its log, beside the request's id.
pub struct Asked {
    pub client: Client,
    before_token: String,
}

impl Asked {
    #[track_caller]
    pub fn new(server: &Server, method: &str, target: &str) -> Asked {
        static REQUESTS: AtomicUsize = AtomicUsize::new(0);
        let id = format!("held-{}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        let mut client = server.connect();
        client.send(format!("{method} {target} HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\n\r\n"));
        Asked { client, before_token: format!("id={id} token ") }
    }

    /// Those that this log has.
    pub fn tokens(&self, log: &str) -> Vec<String> {
        log.lines()
            .filter_map(|line| Some(line.split_once(&self.before_token)?.1.to_owned()))
            .collect()
    }
}

/// Asks for what waits for so many tokens.
#[track_caller]
fn hold(server: &Server, method: &str, target: &str, count: usize) -> Held {
    let asked = Asked::new(server, method, target);
    let tokens = server
        .log
        .find("its tokens", |log| Some(asked.tokens(log)).filter(|tokens| tokens.len() == count));
    Held { client: asked.client, tokens }
}

#[track_caller]
pub fn wait(server: &Server, target: &str) -> (Client, String) {
    let Held { client, mut tokens } = hold(server, "GET", target, 1);
    (client, tokens.remove(0))
}

#[track_caller]
fn two(server: &Server, target: &str) -> (Client, [String; 2]) {
    let Held { client, tokens } = hold(server, "GET", target, 2);
    (client, tokens.try_into().expect("two tokens"))
}

/// What the host says to a settlement: `ok`, or the refusal.
#[track_caller]
fn settle(server: &Server, token: &str, with: &str) -> String {
    server.get(&format!("/settle/{token}?{with}")).text().to_owned()
}

#[test]
fn a_token_settles_once() {
    let Some(server) = server() else { return };
    let (mut client, token) = wait(&server, "/wait/resumed");
    client.is_silent();
    assert_eq!(settle(&server, &token, "given=x"), "ok");
    assert_eq!(client.response().text(), "Settled value:x");
    assert_eq!(settle(&server, &token, "given=y"), "Unknown", "its request was answered");

    // While a request still waits for another, its settled pending is there and says so.
    let (mut client, [first, second]) = two(&server, "/two/all");
    assert_eq!(settle(&server, &first, "given=1"), "ok");
    assert_eq!(settle(&server, &first, "given=2"), "AlreadySettled");
    client.is_silent();
    assert_eq!(settle(&server, &second, "given=3"), "ok");
    assert_eq!(client.response().text(), "Settled value:1 value:3");
}

#[test]
fn a_forged_token_is_unknown() {
    let Some(server) = server() else { return };
    let (mut client, token) = wait(&server, "/wait");
    assert!(token.is_ascii() && token.len() <= 64 && token.len() >= 32, "{token}");
    let mut forged: Vec<String> = (0..token.len())
        .map(|at| {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    forged.extend([
        "".into(),
        "0".into(),
        token[1..].into(),
        format!("{token}0"),
        format!("0{token}"),
    ]);
    forged.extend([
        "f".repeat(token.len()),
        "0".repeat(token.len()),
        "-".repeat(token.len()),
        "%00".into(),
    ]);
    if token.to_uppercase() != token {
        forged.push(token.to_uppercase());
    }
    for forged in forged {
        assert_eq!(settle(&server, &forged, "given=x"), "Unknown", "{forged} for {token}");
    }
    client.is_silent();
    assert_eq!(settle(&server, &token, "given=right"), "ok");
    assert_eq!(client.response().text(), "right");
}

#[test]
fn a_token_outlives_nothing() {
    let Some(server) = server() else { return };
    let (client, token) = wait(&server, "/wait");
    drop(client);
    eventually("the host notices that its client left", || {
        (settle(&server, &token, "given=x") == "Unknown").then_some(())
    });

    let (mut late, token) = wait(&server, "/wait?seconds=0.1");
    assert_eq!(late.response().status, 504);
    assert_eq!(settle(&server, &token, "given=x"), "Unknown");

    let (mut released, token) = wait(&server, "/release");
    assert_eq!(released.response().text(), "released");
    assert_eq!(settle(&server, &token, "given=x"), "Unknown");
}

#[test]
fn without_resume_the_settlement_is_the_answer() {
    let Some(server) = server() else { return };
    let (mut client, token) = wait(&server, "/wait");
    assert_eq!(settle(&server, &token, "given=bytes"), "ok");
    let answer = client.response();
    assert_eq!((answer.status, answer.text()), (200, "bytes"));
    assert_eq!(answer.field("content-type"), Some("application/octet-stream"));

    let (mut client, token) = wait(&server, "/wait");
    assert_eq!(settle(&server, &token, "status=203&name=x-from&value=settle&body=whole"), "ok");
    let answer = client.response();
    assert_eq!(
        (answer.status, answer.text(), answer.field("x-from")),
        (203, "whole", Some("settle"))
    );

    let (mut client, token) = wait(&server, "/wait");
    assert_eq!(settle(&server, &token, "failed=our+secret"), "ok");
    let answer = client.response();
    assert_eq!(answer.status, 502);
    assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
}

#[test]
fn with_resume_the_guest_sees_what_came() {
    let Some(server) = server() else { return };
    for (with, seen) in [
        ("given=a+b", "Settled value:a b"),
        ("given=", "Settled value:"),
        ("failed=why", "Settled failed:why"),
        ("status=418&body=x", "Settled response:418:x"),
        // No rule of HTTP holds before somebody wants to send it.
        ("status=99&body=x", "Settled response:99:x"),
    ] {
        let (mut client, token) = wait(&server, "/wait/resumed");
        assert_eq!(settle(&server, &token, with), "ok");
        assert_eq!(client.response().text(), seen);
    }
}

#[test]
fn a_settlement_that_is_no_response_is_a_500_to_who_waited() {
    let Some(server) = server() else { return };
    for with in [
        "status=99",
        "name=transfer-encoding&value=chunked",
        "name=x&value=a%0d%0ab",
        "status=204&body=x",
    ] {
        let (mut client, token) = wait(&server, "/wait");
        assert_eq!(
            settle(&server, &token, with),
            "ok",
            "who settles is not to blame for how it is sent"
        );
        assert_eq!(client.response().status, 500, "{with}");
        assert_eq!(client.get("/hello").text(), "hello world", "{with}");
    }
}

#[test]
fn a_held_head_request_gets_a_head() {
    let Some(server) = server() else { return };
    let Held { mut client, tokens } = hold(&server, "HEAD", "/wait", 1);
    assert_eq!(settle(&server, &tokens[0], "given=seven77"), "ok");
    let answer = client.response_to_head();
    assert_eq!((answer.status, answer.field("content-length")), (200, Some("7")));
    assert_eq!(client.get("/hello").text(), "hello world");
}

#[test]
fn at_the_deadline() {
    let Some(server) = server() else { return };
    let started = Instant::now();
    for (target, status, text) in [
        ("/wait?seconds=0.1", 504, None),
        ("/wait?seconds=0.1&late=too+late", 503, Some("too late")),
        ("/wait/resumed?seconds=0.1", 200, Some("Deadline -")),
        ("/two/all?seconds=0.1", 200, Some("Deadline - -")),
        ("/two/any/plain?seconds=0.1", 504, None),
        ("/none/any?seconds=0.1", 200, Some("Deadline")),
        ("/none/any/plain?seconds=0.1", 504, None),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}");
        assert!(text.is_none_or(|text| answer.text() == text), "{target}: {:?}", answer.text());
    }
    assert!(started.elapsed() >= Duration::from_millis(700));
    // No time at all is a time too.
    assert_eq!(server.get("/wait?seconds=0&late=at+once").text(), "at once");
    // What came before the deadline is shown beside what did not.
    let (mut client, [_, second]) = two(&server, "/two/all?seconds=3");
    assert_eq!(settle(&server, &second, "given=b"), "ok");
    assert_eq!(client.response().text(), "Deadline - value:b");
}

#[test]
fn all_of_none_is_over_at_once() {
    let Some(server) = server() else { return };
    let answer = server.get("/none/all/plain");
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(server.get("/none/all").text(), "Settled");
}

#[test]
fn all_waits_for_each_of_them() {
    let Some(server) = server() else { return };
    let (mut client, [first, second]) = two(&server, "/two/all");
    assert_eq!(settle(&server, &second, "given=b"), "ok");
    client.is_silent();
    assert_eq!(settle(&server, &first, "failed=a"), "ok");
    assert_eq!(
        client.response().text(),
        "Settled failed:a value:b",
        "in the order they were returned"
    );

    // Without `resume`: the first that failed, else the first.
    for (with_first, with_second, status, text) in [
        ("given=a", "given=b", 200, Some("a")),
        ("given=a", "failed=b", 502, None),
        ("status=203&body=a", "given=b", 203, Some("a")),
    ] {
        let (mut client, [first, second]) = two(&server, "/two/all/plain");
        assert_eq!(settle(&server, &second, with_second), "ok");
        assert_eq!(settle(&server, &first, with_first), "ok");
        let answer = client.response();
        assert_eq!(answer.status, status);
        assert!(text.is_none_or(|text| answer.text() == text), "{:?}", answer.text());
    }
}

#[test]
fn any_is_over_with_the_first() {
    let Some(server) = server() else { return };
    for (index, seen, plain) in [(0, "Settled value:x -", "x"), (1, "Settled - value:x", "x")] {
        let (mut client, tokens) = two(&server, "/two/any");
        assert_eq!(settle(&server, &tokens[index], "given=x"), "ok");
        assert_eq!(client.response().text(), seen);
        for token in &tokens {
            assert_eq!(settle(&server, token, "given=y"), "Unknown", "both were released");
        }
        let (mut client, tokens) = two(&server, "/two/any/plain");
        assert_eq!(settle(&server, &tokens[index], "given=x"), "ok");
        assert_eq!(client.response().text(), plain);
    }
}

#[test]
fn what_is_not_settled_is_handed_back_alive() {
    let Some(server) = server() else { return };
    let (mut client, [first, second]) = two(&server, "/each");
    assert_eq!(settle(&server, &second, "given=b"), "ok");
    client.is_silent();
    assert_eq!(
        settle(&server, &first, "given=a"),
        "ok",
        "it waits on, in a second suspension, by the same token"
    );
    assert_eq!(client.response().text(), "[Settled - value:b][Settled value:a]");
}

/// Both are settled with nothing in between: whether one `resume` sees both or two see one each,
/// nothing is lost.
#[test]
fn settlements_close_together_are_all_seen() {
    let Some(server) = server() else { return };
    let mut settler = server.connect();
    for _ in 0..30 {
        let (mut client, [first, second]) = two(&server, "/each");
        let settle =
            |token| format!("GET /settle/{token}?given={token} HTTP/1.1\r\nhost: a\r\n\r\n");
        settler.send([settle(&first), settle(&second)].concat());
        assert_eq!([settler.response().text(), settler.response().text()], ["ok", "ok"]);
        let seen = client.response();
        for token in [first, second] {
            assert!(seen.text().contains(&format!("value:{token}")), "{seen:?}");
        }
    }
}

#[test]
fn what_is_settled_before_it_is_returned_resumes_at_once() {
    let Some(server) = server() else { return };
    assert_eq!(server.get("/at-once").text(), "Settled value:before");
}

#[test]
fn an_unconsumed_value_passes_to_the_next() {
    let Some(server) = server() else { return };
    assert_eq!(server.get("/passes-on").text(), "Settled value:passed on");
    server.log.until(&["2 waited, then 1; settled: true"]);
}

#[test]
fn a_timer_settles_itself_unless_its_token_is_faster() {
    let Some(server) = server() else { return };
    let started = Instant::now();
    assert_eq!(server.get("/timer?seconds=0.2").text(), "Settled value:");
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(server.get("/timer?seconds=0").text(), "Settled value:");

    let (mut client, token) = wait(&server, "/timer?seconds=20");
    assert_eq!(settle(&server, &token, "given=early"), "ok");
    assert_eq!(client.response().text(), "Settled value:early");
}

#[test]
fn state_and_request_come_back_as_asked() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    assert_eq!(client.get("/state/65536").text(), "65536 bytes");
    assert_eq!(client.get("/state/65537").status, 500);
    server.log.until(&["guest=probe", "65537 bytes", "state_bytes_max"]);

    let kept = client.post("/keep?a=b", b"the body");
    assert!(kept.text().starts_with("method POST\npath /keep\nquery Some(\"a=b\")"), "{kept:?}");
    assert!(kept.text().ends_with("body the body"), "{kept:?}");
    assert_eq!(client.post("/forget", b"the body").text(), "no request");
}

#[test]
fn pendings_and_keys_have_limits() {
    let Some(server) = server() else { return };
    assert_eq!(server.get("/many").text(), "64, then Limit");
    let pair = "[None, Some(Limit)]";
    assert_eq!(server.get("/keys").text(), format!("{pair} {pair} {pair} 0"));
}
