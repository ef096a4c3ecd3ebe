//! What guests in C know of their clients and of their deployer: forms, cookies, sessions,
//! configuration, links, and the times of a wait (`guests/in-c/web.c`); the same header used from Zig
//! (`guests/zig-with-c`); and the SDK's native tests.

use std::process::Command;
use std::{env, fs};

use crate::deployed::names_what_it_cannot_parse;
use crate::harness::{Folder, Response, Server, Setup, eventually, source, workspace};
use crate::web::{
    CUT_OFF, MULTIPART, URLENCODED, asked, cookie, logs_in_and_out, part, post, reads_forms, send,
};

/// Whether each call has a fresh instance, or one instance serves all.
const INSTANCES: [&str; 2] = ["'fresh'", "{ reuse = 1_000_000_000 }"];

/// Serves the guest with such instances and these further lines of snow.toml, by so many workers.
fn serve(instances: &str, lines: &str, workers: u16) -> Option<Server> {
    let folder = Folder::with(&["in-c"])?;
    let manifest = format!("[guest.in-c]\ninstances = {instances}\n{lines}");
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).workers(workers).start())
}

/// The text of the answer to a GET with this cookie.
fn with_cookie(server: &Server, target: &str, cookie: &str) -> String {
    asked(server, &format!("GET {target}"), cookie).text().to_owned()
}

#[track_caller]
fn says(server: &Server, target: &str) -> String {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.text().to_owned()
}

/// What needs no host: the cases of all languages among them, and random requests, with a compiler
/// that watches the memory.
#[test]
fn the_sdks_own_tests_pass() {
    let sdk = workspace().join("guest-sdk/c");
    let mut tests = Command::new("python3");
    tests.args(["-m", "unittest", "discover", "--start-directory", "tests"]);
    tests.current_dir(&sdk).env("PYTHONDONTWRITEBYTECODE", "1");
    let Ok(output) = tests.output() else {
        assert!(env::var_os("CI").is_none(), "there is no python3");
        eprintln!("SKIPPED: a test that needs python3");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("there is no C compiler") && env::var_os("CI").is_none() {
        eprintln!("SKIPPED: a test that needs a C compiler:\n{said}");
        return;
    }
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_form_is_read_and_what_is_none_is_refused() {
    let named = ("name=Ann+%26+B%C3%B6b&age=7", "Ann & Böb 7");
    let zero = "the form has a zero byte in a name or a value";
    for instances in INSTANCES {
        let Some(server) = serve(instances, "", 1) else { return };
        let age = "`age`: not an integer of 64 bits";
        reads_forms(&server, "/in-c/form", named, "ann 0 a.png image/png 4", age);
        for (kind, body, text) in [
            (URLENCODED, "name=secret%00.txt", zero),
            (URLENCODED, "name%00=a", zero),
            (MULTIPART, &part("name", "a\0b"), CUT_OFF),
            (MULTIPART, &format!("{}--xyz--", part("name", "a\0b")), zero),
        ] {
            let answer = post(&server, "/in-c/form", kind, body);
            assert_eq!((answer.status, answer.text()), (400, text));
        }
    }
}

#[test]
fn a_user_logs_in_and_out_in_whatever_instance() {
    for instances in INSTANCES {
        let Some(server) = serve(instances, "", 2) else { return };
        logs_in_and_out(&server, "/in-c", "ann+%26+bob", "ann & bob");
        let log = server.log_by_now();
        assert!(!log.contains("trap"), "{log}");
    }
}

/// The format of signed texts, and of the keys in the bucket, is that of the SDK for Rust.
#[test]
fn what_a_guest_in_rust_has_signed_is_read_in_c() {
    let Some(rust) = source("tornado") else { return };
    let Some(folder) = Folder::with(&["in-c"]) else { return };
    folder.add("tornado.wasm", &fs::read(rust).expect("it was built"));
    folder.add("snow.toml", b"[guest.in-c]\nbuckets = ['tornado']\n");
    let server = Setup::new(folder).workers(1).start();
    let signed = cookie(&post(&server, "/form", URLENCODED, "name=Ann"));
    assert_eq!(with_cookie(&server, "/in-c/signed", &signed), "Ann");
    let forged = signed.replace("name=1.1.1", "name=1.1.2");
    assert_eq!(with_cookie(&server, "/in-c/signed", &forged), "none");
    let signed = cookie(&server.get("/in-c/sign"));
    assert_eq!(with_cookie(&server, "/cookie", &signed), "you are Bob");
}

#[test]
fn answers_are_of_the_kind_that_a_client_likes() {
    let Some(server) = serve(INSTANCES[1], "", 1) else { return };
    let kinds = |fields: &str| {
        let answer = send(&mut server.connect(), "GET /in-c/kinds", fields, "");
        let kind = answer.field("content-type").unwrap_or_default().to_owned();
        (answer.status, kind, answer.text().to_owned())
    };
    let json = |text: &str| (200, "application/json".to_owned(), text.to_owned());
    let html = |text: &str| (200, "text/html; charset=utf-8".to_owned(), text.to_owned());
    assert_eq!(kinds(""), json("\"none\""));
    assert_eq!(
        kinds("accept: text/html;q=0.1\r\ncookie: a=1; seen=<b>\\\r\n"),
        html("&lt;b&gt;\\")
    );
    assert_eq!(kinds("accept: */*\r\ncookie: seen=<b>\\\r\n"), json(r#""\u003cb>\\""#));
    assert_eq!(kinds("accept: image/png\r\n").0, 406);
    for (number, status, text) in [
        ("-7", 200, "-7"),
        ("x", 400, "`number`: not an integer of 64 bits"),
        ("9223372036854775808", 400, "`number`: not an integer of 64 bits"),
    ] {
        let answer = server.get(&format!("/in-c/page/{number}"));
        assert_eq!((answer.status, answer.text()), (status, text));
    }
}

/// It would be a second cookie, or another header field. It is the guest's mistake, and no trap.
#[test]
fn nothing_is_put_into_a_cookie() {
    let Some(server) = serve(INSTANCES[1], "", 1) else { return };
    let set = |value: &str| post(&server, "/in-c/bad-cookie", "text/plain", value);
    assert_eq!(cookie(&set("plain")), "a=plain");
    for value in ["b; Domain=x", "b\r\nset-cookie: c=d", "b c", "ü"] {
        let answer = set(value);
        assert_eq!((answer.status, answer.field("set-cookie")), (500, None), "{value:?}");
    }
    let log = server.log.until(&["the cookie \"a\" can't be set: a value is visible ASCII"]);
    assert!(!log.contains("trap"), "{log}");
}

#[test]
fn a_guest_has_its_configuration_and_shows_no_secret() {
    let values =
        "[guest.in-c.config]\nword = 'plain'\nhidden = { secret = 's3cret' }\nnumber = '7'\n";
    let Some(server) = serve(INSTANCES[0], values, 1) else { return };
    let all = "number=7;word=plain; ";
    assert_eq!(says(&server, "/in-c/config/word"), format!("plain plain 7 {all}"));
    assert_eq!(says(&server, "/in-c/config/hidden"), format!("s3cret s3cret 7 {all}"));
    assert_eq!(says(&server, "/in-c/config/none"), format!("none none 7 {all}"));
    names_what_it_cannot_parse(&server, values, "/in-c/config/word");
}

#[test]
fn links_and_cookies_lead_to_where_clients_find_the_guest() {
    let Some(server) = serve(INSTANCES[1], "", 1) else { return };
    for (public, mount, links, path) in [
        ("", "", "/orders?a=b /orders none", "/"),
        (
            "public_url = 'https://example.org:8443/app'",
            "mount = '/shop'",
            "https://example.org:8443/app/shop/orders?a=b /app/shop/orders \
             https://example.org:8443/app/shop",
            "/app/shop",
        ),
        ("", "mount = '/shop'", "/shop/orders?a=b /shop/orders none", "/shop"),
    ] {
        let manifest = format!("[server]\n{public}\n[guest.in-c]\n{mount}\n");
        server.folder.replace("snow.toml", manifest.as_bytes());
        let target = if mount.is_empty() { "/in-c/links" } else { "/shop/in-c/links" };
        server.everywhere(target, links);
        let field = server.get(target).field("set-cookie").map(str::to_owned);
        assert_eq!(field, Some(format!("a=b; Path={path}")));
    }
}

#[test]
fn a_request_knows_how_long_it_waited_and_can_keep_its_deadline() {
    /// The longest that a deadline may be late on a busy machine, in milliseconds.
    const LATE_MS_MAX: u64 = 20_000;
    let numbers = |answer: Response| -> [u64; 3] {
        let words = answer.text().split(' ');
        let all: Vec<u64> = words.map(|word| word.parse().expect("a number")).collect();
        all.try_into().expect("three numbers")
    };
    for instances in INSTANCES {
        let Some(server) = serve(instances, "", 1) else { return };
        let next = |word: &str| {
            eventually("it waits", || {
                let told = server.connect().post("/in-c/next", word.as_bytes());
                (told.text() == "true").then_some(())
            });
        };
        let mut client = server.ask("/in-c/wait?ms=3000000");
        next("how long");
        let [times, ms, left] = numbers(client.response());
        assert_eq!(times, 1);
        assert!(ms < LATE_MS_MAX && left <= 3_000_001 && ms + left >= 2_999_000, "{ms} {left}");
        let mut client = server.ask("/in-c/wait?ms=1500");
        for _ in 0..3 {
            next("again");
        }
        let [times, ms, left] = numbers(client.response());
        assert!((2..=4).contains(&times) && left == 0, "{times} {left}");
        assert!((1_490..1_500 + LATE_MS_MAX).contains(&ms), "{ms}: one deadline for all");
    }
}

/// A guest in Zig, over the header of C.
#[test]
fn in_zig_the_header_of_c_is_as_good() {
    let Some(folder) = Folder::with(&["zig-with-c"]) else { return };
    let manifest =
        "[guest.zig-with-c]\nmount = '/zig'\n[guest.zig-with-c.config]\nword = 'plain'\n";
    folder.add("snow.toml", manifest.as_bytes());
    let server = Setup::new(folder).workers(1).start();
    let form = |body: &str| {
        let answer = post(&server, "/zig/form", URLENCODED, body);
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(form("name=Ann+%26+bob"), (200, "Ann & bob".into()));
    assert_eq!(form("a=b"), (400, "`name` is missing in the form".into()));
    assert_eq!(says(&server, "/zig/config/word"), "plain");
    assert_eq!(says(&server, "/zig/links"), "/zig/orders?a=b");
    // Without SNOW_JOBS.
    assert_eq!(says(&server, "/zig/job"), "no runner");
    let first = server.get("/zig/visits");
    assert_eq!(first.text(), "x");
    let flags = first.field("set-cookie").expect("it begins a session").to_owned();
    assert!(flags.contains("; Path=/zig; "), "{flags}");
    assert_eq!(with_cookie(&server, "/zig/visits", &cookie(&first)), "xx");
    assert_eq!(with_cookie(&server, "/zig/visits", "session=1.1.1.YW5u.AAAA"), "x");
}
