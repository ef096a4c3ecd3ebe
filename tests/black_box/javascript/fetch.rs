//! Requests of guests in JavaScript and TypeScript to other servers.

use std::fs;

use super::{get, ok};
use crate::harness::{Server, Stage, Upstream, workspace};

const LOCAL: &str = "[guest.shop]\noutbound = ['http://127.0.0.1:*']\n";

const SHOP: &str = r#"
import { fetch, route, suspend } from 'snow';

const failed = (error) => `failed: ${error.name} ${error.code}`;

route('GET', '/resumed', (request) => suspend(fetch(request.query.get('url'), {
  method: 'PUT', body: JSON.stringify({ a: 'ö' }),
  headers: { 'x-a': 'b', 'content-type': 'application/json' },
})), { resume: came });

async function came(resumed) {
  if (resumed.failure) return failed(resumed.failure);
  const { response } = resumed.value;
  return `${response.status} ${response.headers.get('x-b')} ${await response.text()}`;
}

route('GET', '/awaited', async (request) => {
  try {
    const response = await fetch(request.query.get('url'), {
      timeoutMs: 20_000, connectTimeoutMs: 5_000, redirects: 1, responseBytesMax: 9,
    });
    return `${response.status} ${JSON.stringify(await response.json())}`;
  } catch (error) {
    return failed(error);
  }
});

route('GET', '/both', async (request) => {
  const urls = request.query.getAll('url');
  const responses = await Promise.all(urls.map((url) => fetch(new Request(url))));
  return (await Promise.all(responses.map((each) => each.text()))).join(' ');
});

route('GET', '/returned', (request) => fetch(request.query.get('url')));
"#;

fn shop(manifest: &str) -> Option<Server> {
    Some(Stage::new("js", &[("shop.js", SHOP), ("snow.toml", manifest)])?.serve(1))
}

#[test]
fn an_answer_is_read_by_whoever_waits_for_it() {
    let Some(server) = shop(LOCAL) else { return };
    let upstream = Upstream::new();
    let mut client = server.ask(&format!("/resumed?url={}", upstream.url("/a?b")));
    let asked = upstream.next();
    let head = asked.head.to_lowercase();
    assert!(head.starts_with("put /a?b http/1.1\r\n"), "{head}");
    for field in ["x-a: b\r\n", "content-type: application/json\r\n", "content-length: 10\r\n"] {
        assert!(head.contains(field), "{field}: {head}");
    }
    asked.send("HTTP/1.1 404 No\r\nx-b: c\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
    assert_eq!(client.response().text(), "404 c no");

    for (answer, expected) in
        [("[1, {}]", "200 [1,{}]"), ("\"ten bytes\"", "failed: Failure too-large")]
    {
        let mut client = server.ask(&format!("/awaited?url={}", upstream.url("/from")));
        upstream.next().send(
            "HTTP/1.1 302 Found\r\nlocation: /to\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
        let asked = upstream.next();
        assert_eq!(asked.path(), "/to");
        asked.answer(answer);
        assert_eq!(client.response().text(), expected);
    }

    let urls = ["/a", "/b"].map(|path| format!("url={}", upstream.url(path)));
    let mut client = server.ask(&format!("/both?{}", urls.join("&")));
    // Both are under way before one is answered.
    let both = [upstream.next(), upstream.next()];
    for asked in both {
        let path = asked.path().to_owned();
        asked.answer(&path);
    }
    assert_eq!(client.response().text(), "/a /b");
}

#[test]
fn a_failure_has_a_code() {
    let Some(server) = shop(LOCAL) else { return };
    let upstream = Upstream::new();
    for path in ["/resumed", "/awaited"] {
        let failed = |code: &str| ok(&format!("failed: Failure {code}"));
        assert_eq!(get(&server, &format!("{path}?url=nothing")), failed("invalid-url"));
        let elsewhere = "https://example.org/";
        assert_eq!(get(&server, &format!("{path}?url={elsewhere}")), failed("denied"));
        let mut client = server.ask(&format!("{path}?url={}", upstream.url("/")));
        upstream.next().send("no answer at all\r\n\r\n");
        assert_eq!(client.response().text(), "failed: Failure protocol");
    }
}

#[test]
fn without_a_rule_nothing_is_sent() {
    let Some(server) = shop("") else { return };
    let upstream = Upstream::new();
    let answer = get(&server, &format!("/resumed?url={}", upstream.url("/")));
    assert_eq!(answer, ok("failed: Failure denied"));
    server.log.until(&["denied to fetch", "[guest.shop] of snow.toml"]);
}

#[test]
fn an_answer_is_passed_on_as_it_came() {
    let text = |name: &str| fs::read_to_string(workspace().join("guests").join(name));
    let [js, ts] = ["js.js", "ts.ts"].map(|name| text(name).expect("the examples are there"));
    let manifest = ["shop", "js", "ts"].map(|name| LOCAL.replace("shop", name)).concat();
    let files = [("shop.js", SHOP), ("js.js", &*js), ("ts.ts", &*ts), ("snow.toml", &*manifest)];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(1);
    let upstream = Upstream::new();
    for path in ["/js/get", "/ts/get", "/returned"] {
        let mut client = server.ask(&format!("{path}?url={}", upstream.url("/x")));
        upstream.next().send(
            "HTTP/1.1 418 Teapot\r\nx-a: b\r\ncontent-length: 3\r\nconnection: close\r\n\r\ntea",
        );
        let response = client.response();
        assert_eq!((response.status, response.text()), (418, "tea"), "{path}");
        assert_eq!(response.field("x-a"), Some("b"));
    }
    assert_eq!(get(&server, "/js/get?url=nothing").0, 502);
    assert_eq!(get(&server, "/ts/get?url=nothing").0, 502);
}
