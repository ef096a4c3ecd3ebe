//! Requests of guests in Python to other servers.

use super::{examples, says, serve};
use crate::harness::Upstream;

const LOCAL: &str = "[guest.shop]\noutbound = ['http://127.0.0.1:*']\n";

const SHOP: &str = r#"
from snow import Failed, fetch, route, suspend
from snow.tornado.httpclient import AsyncHTTPClient, HTTPError

@route("GET", "/resumed")
def resumed(request):
    sent = fetch(request.query["url"], method="PUT", json={"a": "ö"}, headers={"x-a": "b"})
    return suspend(sent, resume=came, timeout=20)

def came(resumed):
    try:
        answer = resumed.value
    except Failed as failed:
        return f"failed: {failed.code}"
    return f"{answer.status} {answer.headers['x-b']} {answer.text}"

@route("GET", "/awaited")
async def awaited(request):
    try:
        answer = await fetch(request.query["url"], timeout=20, connect_timeout=5, redirects=1)
    except Failed as failed:
        return f"failed: {failed.code}"
    return f"{answer.status} {answer.text}"

@route("GET", "/result")
def result(request):
    try:
        return fetch(request.query["url"], response_bytes_max=3).result()
    except Failed as failed:
        return f"failed: {failed.code}"

@route("GET", "/tornado")
async def tornado(request):
    try:
        answer = await AsyncHTTPClient().fetch(request.query["url"])
    except HTTPError as error:
        return str(error)
    return f"{answer.code} {answer.body!r}"
"#;

#[test]
fn an_answer_is_read_by_whoever_waits_for_it() {
    let Some(server) = serve(&[("shop.py", SHOP), ("snow.toml", LOCAL)]) else { return };
    let upstream = Upstream::new();
    let mut client = server.ask(&format!("/resumed?url={}", upstream.url("/a?b")));
    let asked = upstream.next();
    let head = asked.head.to_lowercase();
    assert!(head.starts_with("put /a?b http/1.1\r\n"), "{head}");
    for field in ["x-a: b\r\n", "content-type: application/json\r\n", "content-length: 15\r\n"] {
        assert!(head.contains(field), "{field}: {head}");
    }
    asked.send("HTTP/1.1 404 No\r\nx-b: c\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
    assert_eq!(client.response().text(), "404 c no");

    let mut client = server.ask(&format!("/awaited?url={}", upstream.url("/from")));
    upstream.next().send(
        "HTTP/1.1 302 Found\r\nlocation: /to\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let asked = upstream.next();
    assert_eq!(asked.path(), "/to");
    asked.answer("there");
    assert_eq!(client.response().text(), "200 there");

    for (answer, expected) in [("abc", "abc"), ("abcd", "failed: too-large")] {
        let mut client = server.ask(&format!("/result?url={}", upstream.url("/")));
        upstream.next().answer(answer);
        assert_eq!(client.response().text(), expected);
    }

    let mut client = server.ask(&format!("/tornado?url={}", upstream.url("/")));
    upstream.next().answer("hi");
    assert_eq!(client.response().text(), "200 b'hi'");
    let mut client = server.ask(&format!("/tornado?url={}", upstream.url("/")));
    upstream.next().send("HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert_eq!(client.response().text(), "HTTP 503: Service Unavailable");
}

#[test]
fn a_failure_has_a_code() {
    let Some(server) = serve(&[("shop.py", SHOP), ("snow.toml", LOCAL)]) else { return };
    let upstream = Upstream::new();
    for path in ["/resumed", "/awaited", "/result"] {
        assert_eq!(says(&server, &format!("{path}?url=nothing")), "failed: invalid-url");
        let elsewhere = "https://example.org/";
        assert_eq!(says(&server, &format!("{path}?url={elsewhere}")), "failed: denied");
        let mut client = server.ask(&format!("{path}?url={}", upstream.url("/")));
        upstream.next().send("no answer at all\r\n\r\n");
        assert_eq!(client.response().text(), "failed: protocol");
    }
    assert_eq!(says(&server, "/tornado?url=nothing"), "HTTP 599: invalid-url");
}

#[test]
fn without_a_rule_nothing_is_sent() {
    let Some(server) = serve(&[("shop.py", SHOP)]) else { return };
    let upstream = Upstream::new();
    let answer = says(&server, &format!("/resumed?url={}", upstream.url("/")));
    assert_eq!(answer, "failed: denied");
    server.log.until(&["denied to fetch", "[guest.shop] of snow.toml"]);
}

#[test]
fn an_answer_is_passed_on_as_it_came() {
    let manifest = LOCAL.replace("shop", "python");
    let Some(stage) = examples(&[("snow.toml", &manifest)]) else { return };
    let server = stage.serve(1);
    let upstream = Upstream::new();
    let mut client = server.ask(&format!("/python/get?url={}", upstream.url("/x")));
    upstream
        .next()
        .send("HTTP/1.1 418 Teapot\r\nx-a: b\r\ncontent-length: 3\r\nconnection: close\r\n\r\ntea");
    let response = client.response();
    assert_eq!((response.status, response.text()), (418, "tea"));
    assert_eq!(response.field("x-a"), Some("b"));
    assert_eq!(server.get("/python/get?url=nothing").status, 502);
}
