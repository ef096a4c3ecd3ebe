//! Well-formed HTTP/1.1 and 1.0, in every shape that clients give it. `malformed` is about the
//! rest.

use std::iter;

use crate::harness::{Client, Server, serve};

/// `/hello`, `/echo` and `/show/…`.
fn server() -> Option<Server> {
    serve(&["hello", "probe", "tornado"])
}

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";

/// The body of the answer to a POST to `/echo`, sent with this framing.
#[track_caller]
fn echo(client: &mut Client, framing: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    client.send(format!("POST /echo HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n"));
    client.send(body);
    let answer = client.response();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for _ in 0..200 {
        assert_eq!(client.get("/hello").text(), "hello world");
    }
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    let requests =
        (0..100).map(|number| format!("GET /story/{number} HTTP/1.1\r\nhost: a\r\n\r\n"));
    client.send(requests.collect::<String>());
    for number in 0..100 {
        assert_eq!(client.response().text(), number.to_string());
    }
    assert_eq!(client.get("/hello").text(), "hello world");
}

#[test]
fn bodies_and_requests_are_told_apart_when_pipelined() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    // The bodies look like requests.
    let length = HELLO.len();
    let by_length =
        format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{HELLO}");
    let chunked = format!(
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{HELLO}\r\n0\r\n\r\n"
    );
    for pieces in [1, 3, 7, 64, usize::MAX] {
        let all = [&*by_length, &chunked, HELLO, &chunked, &by_length, HELLO].concat();
        for piece in all.as_bytes().chunks(pieces.min(all.len())) {
            client.send(piece);
        }
        for expected in [HELLO, HELLO, "hello world", HELLO, HELLO, "hello world"] {
            assert_eq!(client.response().text(), expected, "in pieces of {pieces}");
        }
    }
}

#[test]
fn a_body_comes_back_as_it_was() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    let body: Vec<u8> =
        (0..1 << 20).map(|index: u32| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(echo(&mut client, &format!("content-length: {}", body.len()), &body), body);
    let chunks = |size: usize| {
        let chunks = body
            .chunks(size)
            .map(|chunk| [format!("{:X}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        chunks.chain(iter::once(b"0\r\n\r\n".to_vec())).flatten().collect::<Vec<u8>>()
    };
    for size in [100, 4096, 65_537, 1 << 20] {
        assert_eq!(
            echo(&mut client, "transfer-encoding: chunked", chunks(size)),
            body,
            "in chunks of {size}"
        );
    }
    assert_eq!(echo(&mut client, "content-length: 0", ""), b"");
    assert_eq!(echo(&mut client, "x-none: 0", ""), b"", "no framing is no body");
}

#[test]
fn chunked_content_in_all_its_forms() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for (chunks, body) in [
        ("0\r\n\r\n", ""),
        ("3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("0003\r\nabc\r\n00\r\n\r\n", "abc"),
        ("A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"),
        ("3;name=value\r\nabc\r\n0;last\r\n\r\n", "abc"),
        ("3 ; quoted=\"a;b\"\r\nabc\r\n0\r\n\r\n", "abc"),
        ("3\r\nabc\r\n0\r\nX-Trailer: 1\r\nX-More:\r\n\r\n", "abc"),
        ("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
    ] {
        assert_eq!(
            echo(&mut client, "Transfer-Encoding: Chunked", chunks),
            body.as_bytes(),
            "{chunks:?}"
        );
        client.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        for byte in chunks.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.response().text(), body, "{chunks:?}, byte by byte");
    }
}

#[test]
fn what_a_request_may_have_at_most() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    let longest = 8_192 - "/hello?".len();
    assert_eq!(client.get(&format!("/hello?{}", "q".repeat(longest))).text(), "hello world");

    let fields = "x: y\r\n".repeat(99);
    client.send(format!("GET /hello HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
    assert_eq!(client.response().text(), "hello world");

    let long = "v".repeat(65_000);
    client.send(format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"));
    assert_eq!(client.response().text(), "hello world");

    let body = vec![b'x'; 8 << 20];
    assert!(client.post("/echo", &body).body == body, "a body of 8 MiB");
}

#[test]
fn a_client_that_asks_is_told_to_continue() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for (framing, body) in
        [("content-length: 3", "abc"), ("transfer-encoding: chunked", "3\r\nabc\r\n0\r\n\r\n")]
    {
        client.send(format!(
            "POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\n{framing}\r\n\r\n"
        ));
        assert_eq!(client.response().status, 100);
        client.send(body);
        assert_eq!(client.response().text(), "abc");
    }
    // It did not wait, so it need not be told; nor if there is nothing to continue with.
    for rest in ["content-length: 3\r\n\r\nabc", "content-length: 0\r\n\r\n", "\r\n"] {
        client.send(format!("POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n{rest}"));
        assert_eq!(client.response().status, 200, "{rest:?}");
    }
    // HTTP/1.0 knows no 100.
    client.send("POST /echo HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
    client.is_silent();
    client.send("abc");
    assert_eq!(client.response().text(), "abc");
    client.is_closed();
}

#[test]
fn a_body_that_is_not_wanted_is_not_asked_for() {
    let Some(server) = server() else { return };
    for (head, status) in [
        ("POST /nowhere HTTP/1.1\r\ncontent-length: 3", 404),
        ("POST /hello HTTP/1.1\r\ncontent-length: 3", 405),
        ("POST /echo HTTP/1.1\r\ncontent-length: 8388609", 413),
        ("POST /nowhere HTTP/1.1\r\ntransfer-encoding: chunked", 404),
    ] {
        let mut client = server.connect();
        client.send(format!("{head}\r\nhost: a\r\nexpect: 100-continue\r\n\r\n"));
        let answer = client.response();
        assert_eq!(answer.status, status, "{head}");
        assert!(answer.closes(), "whether a body follows can't be known: {head}");
        client.is_closed();
    }
}

#[test]
fn an_unread_body_closes_the_connection() {
    let Some(server) = server() else { return };
    // What is in the body must not be taken for a request.
    let length = HELLO.len();
    for head in ["POST /nowhere HTTP/1.1", "POST /hello HTTP/1.1", "DELETE /story/1 HTTP/1.1"] {
        let mut client = server.connect();
        client.send(format!("{head}\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{HELLO}"));
        let answer = client.response();
        assert!(matches!(answer.status, 404 | 405) && answer.closes(), "{answer:?}");
        client.is_closed();
    }
    // Without one there is nothing in doubt.
    let mut client = server.connect();
    assert_eq!(client.get("/nowhere").status, 404);
    assert_eq!(client.post("/nowhere", b"").status, 404);
    assert_eq!(client.get("/hello").text(), "hello world");
}

#[test]
fn a_method_that_is_not_there_is_told_which_are() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for (method, path, allow) in [
        ("POST", "/hello", "GET, HEAD, OPTIONS"),
        ("get", "/hello", "GET, HEAD, OPTIONS"),
        ("GET", "/echo", "POST, OPTIONS"),
        ("HEAD", "/echo", "POST, OPTIONS"),
    ] {
        client.send(format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let answer = if method == "HEAD" { client.response_to_head() } else { client.response() };
        assert_eq!((answer.status, answer.field("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn options_are_the_hosts_unless_a_guest_takes_them() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    let mut options = |target: &str| {
        client.send(format!("OPTIONS {target} HTTP/1.1\r\nhost: a\r\n\r\n"));
        client.response()
    };
    let answer = options("/hello");
    assert_eq!((answer.status, answer.field("allow")), (204, Some("GET, HEAD, OPTIONS")));
    assert_eq!(options("*").status, 204, "the server as a whole");
    assert_eq!(options("/nowhere").status, 404);
    assert!(
        options("/show/a").text().starts_with("method OPTIONS\n"),
        "this guest takes every method"
    );
}

#[test]
fn head_is_get_without_its_body() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    client.send("HEAD /hello HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3));
    for _ in 0..3 {
        let answer = client.response_to_head();
        assert_eq!((answer.status, answer.field("content-length")), (200, Some("11")));
        assert_eq!(answer.field("content-type"), Some("text/plain"));
    }
    client.send("HEAD /nowhere HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.response_to_head().status, 404);
    assert_eq!(client.get("/hello").text(), "hello world");
}

#[test]
fn a_connection_closes_when_one_side_says_so() {
    let Some(server) = server() else { return };
    for (request, closes) in [
        ("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", true),
        ("GET /hello HTTP/1.1\r\nhost: a\r\nConnection: x, CLOSE\r\n\r\n", true),
        ("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", false),
        ("GET /hello HTTP/1.0\r\n\r\n", true),
        ("GET /hello HTTP/1.0\r\nhost: a\r\n\r\n", true),
        ("GET /hello HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", false),
        ("GET /hello HTTP/1.0\r\nconnection: keep-alive, close\r\n\r\n", true),
    ] {
        let mut client = server.connect();
        client.send(request);
        let answer = client.response();
        assert_eq!((answer.text(), answer.closes()), ("hello world", closes), "{request:?}");
        if closes {
            client.is_closed();
            continue;
        }
        let old = request.contains("HTTP/1.0");
        assert_eq!(
            answer.field("connection"),
            old.then_some("keep-alive"),
            "HTTP/1.0 has to be told"
        );
        assert_eq!(client.get("/hello").text(), "hello world");
    }
}

#[test]
fn nothing_is_answered_behind_a_last_request() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    client.send(format!("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n{HELLO}"));
    assert!(client.response().closes());
    client.is_closed();
}

#[test]
fn targets_have_several_forms() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for target in [
        "/hello?",
        "/hello?a=/b?c",
        "http://a/hello",
        "HTTP://b:80/hello?x",
        "http://[::1]:8080/hello",
    ] {
        assert_eq!(client.get(target).text(), "hello world", "{target}");
    }
    for target in ["/hello/", "/Hello", "/%68ello", "//hello", "/./hello", "http://a", "http://a/"]
    {
        assert_eq!(client.get(target).status, 404, "{target}: a path is matched as it was sent");
    }
}

#[test]
fn a_little_more_than_the_grammar_is_borne() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for request in [
        format!("\r\n{HELLO}"),
        format!("\r\n\r\n{HELLO}"),
        "GET /hello HTTP/1.1\r\nHOST:a\r\nAccept:\t*/* \t\r\n\r\n".to_owned(),
        "GET /hello HTTP/1.1\r\nhost:\r\n\r\n".to_owned(),
        "GET /hello HTTP/1.1\r\nhost: a\r\nx: \u{e9}\r\n\r\n".to_owned(),
        "GET /hello HTTP/1.1\r\nhost: a\r\ncontent-length: 0, 0\r\nContent-Length: 0\r\n\r\n"
            .to_owned(),
    ] {
        client.send(&request);
        assert_eq!(client.response().text(), "hello world", "{request:?}");
        for byte in request.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.response().text(), "hello world", "{request:?}, byte by byte");
    }
}
