//! What a guest is shown of a request (wit/snow.wit, `record request`).

use crate::harness::{Client, serve};

/// What the guest says of a request sent as these bytes: a line for each part.
#[track_caller]
fn shown(client: &mut Client, request: &str) -> String {
    client.send(request);
    let answer = client.response();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text().to_owned()
}

#[track_caller]
fn has(shown: &str, lines: &[&str]) {
    for line in lines {
        assert!(shown.lines().any(|shown| shown == *line), "{line:?} is not in:\n{shown}");
    }
}

#[test]
fn a_request_is_shown_as_it_was_sent() {
    let Some(server) = serve(&["probe"]) else { return };
    let mut client = server.connect();
    let request = "PATCH /show/a%20b/c%2Fd%3F?x=1%20+&y HTTP/1.1\r\nHost: Example:80\r\nX-Request-Id: my.id_1-2\r\n\
         X-Twice: 1\r\nx-TWICE:\t 2 \t\r\nX-Empty:\r\nContent-Length: 4\r\n\r\n\0\u{e9}\n";
    let shown = shown(&mut client, request);
    has(
        &shown,
        &[
            "method PATCH",
            "path /show/a%20b/c%2Fd%3F",
            "query Some(\"x=1%20+&y\")",
            "params \"a b\" \"c/d?\"",
            "authority Example:80",
            "scheme http",
            "id my.id_1-2",
            "field x-twice: 1",
            "field x-twice: 2",
            "field x-empty: ",
            r"body \x00\xc3\xa9\n",
        ],
    );
    let order: Vec<_> = shown.lines().filter(|line| line.starts_with("field x-twice")).collect();
    assert_eq!(order, ["field x-twice: 1", "field x-twice: 2"]);
    let client_line = shown.lines().find(|line| line.starts_with("client 127.0.0.1:"));
    assert!(client_line.is_some(), "{shown}");
}

#[test]
fn fields_of_the_connection_are_not_shown() {
    let Some(server) = serve(&["probe"]) else { return };
    let shown = shown(
        &mut server.connect(),
        "POST /show/ HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-hop\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
         Trailer: x-t\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nExpect: 100-continue\r\nX-Hop: 1\r\nX-End: 2\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: forged\r\n\r\n",
    );
    let fields: Vec<_> = shown.lines().filter(|line| line.starts_with("field ")).collect();
    for gone in [
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "proxy-connection",
        "expect",
        "x-t",
    ] {
        assert!(
            !fields.iter().any(|field| field.starts_with(&format!("field {gone}:"))),
            "{gone}: {fields:?}"
        );
    }
    assert!(!shown.contains("transfer-encoding"), "{shown}");
    has(&shown, &["field x-end: 2", "body abc"]);
}

#[test]
fn the_authority_is_the_targets_then_the_hosts() {
    let Some(server) = serve(&["probe"]) else { return };
    let mut client = server.connect();
    let absolute = shown(&mut client, "GET http://one:81/show/a?b HTTP/1.1\r\nhost: two\r\n\r\n");
    has(&absolute, &["authority one:81", "path /show/a", "query Some(\"b\")"]);
    has(
        &shown(&mut client, "GET /show/a HTTP/1.1\r\nhost: two\r\n\r\n"),
        &["authority two", "query None"],
    );
    let old = shown(&mut client, "GET /show/a HTTP/1.0\r\n\r\n");
    has(&old, &["authority "]);
}

#[test]
fn methods_are_shown_as_they_are_sent() {
    let Some(server) = serve(&["probe"]) else { return };
    let mut client = server.connect();
    for method in ["GET", "get", "PURGE", "X!#$%&'*+-.^_`|~1"] {
        let shown = shown(&mut client, &format!("{method} /show/ HTTP/1.1\r\nhost: a\r\n\r\n"));
        has(&shown, &[&format!("method {method}")]);
    }
}

#[test]
fn a_path_that_is_not_utf8_is_refused() {
    let Some(server) = serve(&["probe"]) else { return };
    let mut client = server.connect();
    for path in ["/show/%ff", "/show/a/%c3%28", "/show/%ed%a0%80"] {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    // Decoded once, and what is no escape stays.
    has(client.get("/show/%2541/%zz%4").text(), &[r#"params "%41" "%zz%4""#]);
}

#[test]
fn the_request_id_is_one_everywhere() {
    let Some(server) = serve(&["probe"]) else { return };
    let mut client = server.connect();
    let mut made = Vec::new();
    for given in ["", "x-request-id: has space\r\n", "x-request-id: \r\n", "x-request-id: a\"b\r\n"]
    {
        client.send(format!("GET /show/ HTTP/1.1\r\nhost: a\r\n{given}\r\n"));
        let answer = client.response();
        let id = answer.field("x-request-id").expect("every answer has one").to_owned();
        assert!(id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        has(answer.text(), &[&format!("id {id}")]);
        server.log.until(&[&format!("id={id}")]);
        made.push(id);
    }
    made.dedup();
    assert_eq!(made.len(), 4, "each is made anew");

    let long = format!("x-request-id: {}\r\n", "i".repeat(65));
    client.send(format!("GET /show/ HTTP/1.1\r\nhost: a\r\n{long}\r\n"));
    assert!(
        client.response().field("x-request-id").is_some_and(|id| id.len() < 65),
        "too long an id is replaced"
    );

    client.send("GET /nowhere HTTP/1.1\r\nhost: a\r\nx-request-id: given-404\r\n\r\n");
    assert_eq!(client.response().field("x-request-id"), Some("given-404"));
    server.log.until(&["\"GET /nowhere\" 404", "id=given-404"]);
}
