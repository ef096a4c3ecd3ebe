use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use super::*;

/// Returns the client's result when a server sends these bytes in two pieces and closes.
fn answer(method: &str, bytes: &'static str) -> Result<Response, ClientError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1_000]).unwrap();
        let (first, second) = bytes.as_bytes().split_at(bytes.len() / 2);
        stream.write_all(first).unwrap();
        stream.flush().unwrap();
        stream.write_all(second).unwrap();
    });
    let request =
        Request { method: method.into(), path: "/".into(), headers: Vec::new(), body: Vec::new() };
    let until = Instant::now() + Duration::from_secs(20);
    let answer =
        SentRequest::send(&endpoint, &request, until).and_then(|sent| sent.response(until));
    server.join().unwrap();
    answer
}

#[test]
fn a_body_ends_where_its_framing_says() {
    for (method, bytes, body) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcd", "abc"),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            "abc",
        ),
        ("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", ""),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", ""),
    ] {
        let answer = answer(method, bytes).unwrap();
        assert_eq!(answer.body, body.as_bytes(), "{bytes:?}");
    }
}

#[test]
fn incomplete_and_malformed_responses_are_errors() {
    let error = |bytes| answer("GET", bytes).unwrap_err();
    assert!(matches!(error("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"), ClientError::Closed));
    assert!(matches!(error("HTTP/1.1 200 OK\r\n"), ClientError::Closed));
    assert!(matches!(error("SMTP hello, and more\r\n\r\n"), ClientError::Malformed(_)));
    assert!(matches!(
        error("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"),
        ClientError::Malformed(_)
    ));
}

#[test]
fn host_and_content_length_are_added_to_a_request() {
    let encoded = |method: &str, headers: &[(&str, &str)], body: &str| {
        let headers =
            headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let request =
            Request { method: method.into(), path: "/a?b".into(), headers, body: body.into() };
        String::from_utf8(request.encode("127.0.0.1:80")).unwrap()
    };
    assert_eq!(encoded("GET", &[], ""), "GET /a?b HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n");
    assert_eq!(encoded("GET", &[("Host", "a")], ""), "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(encoded("POST", &[], "").contains("\r\ncontent-length: 0\r\n"));
    assert!(encoded("DELETE", &[], "ab").ends_with("\r\ncontent-length: 2\r\n\r\nab"));
}

#[test]
fn what_rfc_9112_forbids_is_refused() {
    for bytes in [
        "HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\na",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\na",
        "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a\r\nb\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n",
    ] {
        let refused = ResponseReader::new(false).read(&mut bytes.as_bytes().to_vec());
        assert!(refused.is_err(), "{bytes:?}: {refused:?}");
    }
}

#[test]
fn the_bytes_of_the_next_response_stay() {
    let mut received =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP".to_vec();
    let response = ResponseReader::new(false).read(&mut received).unwrap().unwrap();
    assert_eq!((&response.body[..], &received[..]), (&b"a"[..], &b"HTTP"[..]));
}
