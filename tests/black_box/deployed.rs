//! What a guest knows of its deployment and of its waits: its mount and public URL, its
//! configuration by the SDK, how long it has waited and how long its deadline still has.

use snow_config::Limits;

use crate::harness::{Folder, Server, Setup, eventually};
use crate::inside::Inside;

/// The longest that a deadline may be late on a busy machine, in milliseconds.
const LATE_MS_MAX: u64 = 20_000;

fn serve(manifest: &str) -> Option<Server> {
    let folder = Folder::with(&["deployed"])?;
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).start())
}

#[track_caller]
fn says(server: &Server, target: &str) -> String {
    let response = server.get(target);
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.text().to_owned()
}

/// The answer to a request with these fields.
#[track_caller]
fn says_behind(server: &Server, target: &str, fields: &str) -> String {
    let mut client = server.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nhost: evil.example\r\n{fields}\r\n"));
    client.response().text().to_owned()
}

#[test]
fn links_lead_to_where_clients_find_the_guest() {
    let Some(server) = serve("[guest.deployed]\nmount = '/shop'\n") else { return };
    let trusted = "x-forwarded-proto: https\r\nx-forwarded-host: example.org\r\n";
    assert_eq!(
        says_behind(&server, "/shop/links", trusted),
        "/shop/orders?a=b /shop/orders /shop None",
        "nobody is believed unless the deployer says so"
    );
    for (public, mount, links, later) in [
        ("", "", "/orders?a=b /orders / None", " None"),
        (
            "public_url = 'https://example.org/'",
            "",
            "https://example.org/orders?a=b /orders / Some(\"https://example.org\")",
            " Some(\"https://example.org\")",
        ),
        (
            "public_url = 'https://example.org:8443/app'",
            "mount = '/shop'",
            "https://example.org:8443/app/shop/orders?a=b /app/shop/orders /app/shop \
             Some(\"https://example.org:8443/app/shop\")",
            "/app/shop Some(\"https://example.org:8443/app/shop\")",
        ),
        (
            "public_url = 'https://example.org'",
            "public_url = 'http://localhost:1'",
            "http://localhost:1/orders?a=b /orders / Some(\"http://localhost:1\")",
            " Some(\"http://localhost:1\")",
        ),
    ] {
        let manifest = format!("[server]\n{public}\n[guest.deployed]\n{mount}\n");
        server.folder.replace("snow.toml", manifest.as_bytes());
        let at = if mount.contains("mount") { "/shop" } else { "" };
        server.everywhere(&format!("{at}/links"), links);
        assert_eq!(says(&server, &format!("{at}/links/later")), later);
    }
}

#[test]
fn a_proxy_is_believed_if_the_deployer_says_so() {
    let Some(server) = serve("[server]\ntrust_forwarded = true\n") else { return };
    let asked = |fields: &str| says_behind(&server, "/links", fields);
    let unknown = "/orders?a=b /orders / None";
    assert_eq!(
        asked("x-forwarded-proto: https\r\nx-forwarded-host: example.org:8443\r\n"),
        "https://example.org:8443/orders?a=b /orders / Some(\"https://example.org:8443\")"
    );
    for fields in [
        "",
        "x-forwarded-host: example.org\r\n",
        "x-forwarded-proto: https\r\n",
        "x-forwarded-proto: javascript\r\nx-forwarded-host: example.org\r\n",
        "x-forwarded-proto: https\r\nx-forwarded-host: evil.example/a?\r\n",
        "x-forwarded-proto: https\r\nx-forwarded-host: evil.example, example.org\r\n",
        "x-forwarded-proto: https\r\nx-forwarded-host: evil.example\r\nx-forwarded-host: a.org\r\n",
        "x-forwarded-proto: https\r\nx-forwarded-host: \r\n",
    ] {
        assert_eq!(asked(fields), unknown, "{fields:?}");
    }
    server
        .folder
        .replace("snow.toml", b"[server]\npublic_url = 'http://a'\ntrust_forwarded = true\n");
    server.everywhere("/links", "http://a/orders?a=b /orders / Some(\"http://a\")");
}

#[test]
fn the_sdk_has_the_configuration() {
    let values =
        "[guest.deployed.config]\nword = 'plain'\nhidden = { secret = 's3cret' }\nnumber = '7'\n";
    let Some(server) = serve(values) else { return };
    let all = r#"{"number": "7", "word": "plain"}"#;
    assert_eq!(
        says(&server, "/config/word"),
        format!("Some(\"plain\") Some(Secret(…)) Some(7) {all}")
    );
    assert_eq!(says(&server, "/config/none"), format!("None None Some(7) {all}"));
    names_what_it_cannot_parse(&server, values, "/config/word");
}

/// Makes the number 7 of these values a word. The guest, which parses it when it is asked for this
/// target, fails with a line that does not show it.
pub fn names_what_it_cannot_parse(server: &Server, values: &str, target: &str) {
    server.folder.replace("snow.toml", values.replace("'7'", "'s3ven'").as_bytes());
    eventually("the new value", || (server.get(target).status == 500).then_some(()));
    let log =
        server.log.until(&["the value of `number` in the `config` of snow.toml can't be used"]);
    assert!(!log.contains("s3"), "{log}");
}

#[test]
fn a_request_that_waits_again_and_again_has_one_deadline() {
    let Some(inside) = Inside::start(&["deployed"], 1, Limits::default()) else { return };
    let mut client = inside.ask("/wait/a?ms=1500");
    for _ in 0..4 {
        eventually("it waits, once more", || {
            (inside.connect().post("/next/a", b"again").text() == "true").then_some(())
        });
    }
    let answer = client.response().text().to_owned();
    let [times, ms, left] = numbers(&answer);
    assert!(times == 5 && left == 0, "{answer}");
    assert!((1_490..1_500 + LATE_MS_MAX).contains(&ms), "{answer}: one deadline for all");
}

#[test]
fn a_resumed_call_knows_its_times() {
    let Some(inside) = Inside::start(&["deployed"], 1, Limits::default()) else { return };
    let mut client = inside.ask("/wait/b?ms=3000000");
    inside.wait_until("it waits", |counts| counts.suspended == 1);
    assert_eq!(inside.connect().post("/next/b", b"how long").text(), "true");
    let answer = client.response().text().to_owned();
    let [times, ms, left] = numbers(&answer);
    assert_eq!(times, 1);
    assert!(ms < LATE_MS_MAX && left <= 3_000_001 && ms + left >= 2_999_000, "{answer}");
    // A deadline that has passed ends each wait that keeps it.
    assert_eq!(inside.connect().get("/over").text(), "Deadline");
}

fn numbers(answer: &str) -> [u64; 3] {
    let all: Vec<u64> = answer.split(' ').map(|word| word.parse().expect(answer)).collect();
    all.try_into().expect("three numbers")
}
