//! What clients and files must not be able to do: end an instance by what they hold.

use super::{get, ok, shop};
use crate::harness::Stage;

/// A trap would count against the version: clients could have it rolled back.
#[test]
fn bodies_that_are_no_text_do_not_end_the_instance() {
    let Some(server) = shop(
        "import { route } from 'snow';
        let served = 0;
        route('GET', '/served', () => String(++served));
        route('POST', '/text', async (request) => String((await request.text()).length));
        route('POST', '/json', async (request) => String(await request.json()));
        route('POST', '/echo', async (request) => request.text());
        route('POST', '/url', async (request) => String(URL.canParse('http://a/' + await request.text())));
        route('POST', '/log', async (request) => { console.log(await request.text()); return ''; });",
    ) else {
        return;
    };
    assert_eq!(get(&server, "/served"), ok("1"));
    let body = vec![0xff; 8 << 20];
    let post = |target: &str| {
        let answer = server.connect().post(target, &body);
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(post("/text"), ok("8388608"));
    let (status, said) = post("/json");
    assert!(status == 400 && said.starts_with("the request's body is not JSON"), "{status} {said}");
    assert_eq!(post("/url"), ok("false"));
    for target in ["/echo", "/log"] {
        post(target);
    }
    let log = server.log_by_now();
    assert!(!log.contains("memory allocation of") && !log.contains("unreachable"), "{log}");
}

#[test]
fn what_is_thrown_is_shown() {
    let Some(server) = shop(
        "import { route } from 'snow';
        route('GET', '/half', () => { throw '\\ud800'; });
        route('GET', '/proxy', () => { throw new Proxy({}, {
          get() { throw 1; }, getPrototypeOf() { throw 2; }, ownKeys() { throw 3; } }); });
        route('GET', '/null', () => { throw null; });",
    ) else {
        return;
    };
    for (target, words) in [
        ("/half", "thrown: \u{FFFD}"),
        ("/proxy", "thrown: what can not be shown"),
        ("/null", "thrown: null"),
    ] {
        assert_eq!(server.get(target).status, 500);
        server.log.until(&[words]);
    }
}

/// Without memory for an error either, QuickJS throws null.
#[test]
fn memory_that_runs_out_is_named() {
    let text = "import { route } from 'snow';
        route('GET', '/chain', () => { let chain = null; for (;;) chain = { chain }; });
        route('GET', '/text', () => 'x'.repeat(1 << 20).replace(/x/g, 'y'.repeat(1 << 10)));
        route('GET', '/json', () => {
          const row = 'x'.repeat(1 << 16);
          return JSON.stringify(Array.from({ length: 1 << 12 }, () => row));
        });";
    let manifest = "[guest.shop]\nmemory_bytes_max = 16_777_216\n";
    let Some(stage) = Stage::new("js", &[("shop.js", text), ("snow.toml", manifest)]) else {
        return;
    };
    let server = stage.serve(1);
    for target in ["/chain", "/text", "/json"] {
        assert_eq!(server.get(target).status, 500, "{target}");
    }
    server.log.until(&["out of memory"]);
    let log = server.log_by_now();
    assert!(!log.contains("thrown: null"), "{log}");
    assert!(log.matches("out of memory").count() >= 3, "{log}");
}

#[test]
fn files_that_can_not_be_evaluated_are_refused_with_their_place() {
    let Some(stage) = Stage::new("js", &[]) else { return };
    for (name, text, words) in [
        ("nope.js", "import { route,\n  nope } from 'snow';", "nope.js:2:3"),
        ("nul.js", "let a;\nlet \0b;", "nul.js:2:5"),
        ("large.js", &format!("//{}", "x".repeat(50_000_000)), "the file is too large: 50000002"),
    ] {
        stage.write(name, text);
        let checked = stage.run("check", name);
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(!checked.status.success(), "{name}");
        assert!(said.contains(words) && !said.contains("backtrace"), "{name}: {said}");
    }
}

#[test]
fn cookies_of_several_fields_are_one_value() {
    let Some(server) = shop(
        "import { route } from 'snow';
        route('GET', '/', ({ headers }) => headers.get('cookie'));",
    ) else {
        return;
    };
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\ncookie: a=1\r\ncookie: b=2\r\n\r\n");
    assert_eq!(client.response().text(), "a=1; b=2");
}
