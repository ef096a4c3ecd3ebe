//! Fetches from servers of every kind: those that answer, and those that do anything else.
//!
//! Time is real here, since it is tokio's. A test that waits for a limit sets one of a few
//! milliseconds, and asserts what happened, not when.

mod contents;
mod lab;
mod proxy;
mod relay;
mod settings;
mod sharing;
mod tls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;

use flate2::Compression;
use flate2::write::GzEncoder;
use snow_config::Limits;
use snow_runtime::Outside;

use self::lab::{Lab, Server, end_of, ok};

#[test]
fn an_answer_comes_as_it_is_and_connections_are_used_again() {
    let server = Server::saying(
        "HTTP/1.1 404 Nothing\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-A: b\r\n\
         Set-Cookie: c=1\r\nSet-Cookie: d=2\r\ncontent-length: 4\r\n\r\ngone",
    );
    let lab = Lab::local();
    for _ in 0..10 {
        let answer = lab.fetch(&server.url("/x?y=z#fragment")).unwrap();
        let fields: Vec<(&str, &[u8])> =
            answer.headers.iter().map(|field| (&*field.name, &field.value[..])).collect();
        let expected: [(&str, &[u8]); 3] =
            [("x-a", b"b"), ("set-cookie", b"c=1"), ("set-cookie", b"d=2")];
        assert_eq!((answer.status, &answer.body[..]), (404, &b"gone"[..]));
        assert_eq!(fields, expected);
    }
    assert_eq!(server.connections(), 1);
    let head = server.heads.lock().unwrap()[0].to_lowercase();
    assert!(head.starts_with("get /x?y=z http/1.1\r\n"), "{head}");
    for field in ["host: 127.0.0.1:", "x-request-id: id-1\r\n", "user-agent: snow-host/"] {
        assert!(head.contains(field), "{head}");
    }
}

#[test]
fn what_the_rules_do_not_name_is_denied_and_nobody_is_asked() {
    let server = Server::saying(ok("x"));
    let nobody = Lab::new(&[]);
    let (code, message) = nobody.failure(&server.url("/"));
    assert_eq!(code, "denied");
    assert!(message.contains(&format!("outbound = [\"http://{}\"]", server.address)), "{message}");
    // A name that leads into this machine.
    let by_name = Lab::new(&["http://*:*"]);
    let url = format!("http://localhost:{}/", server.address.port());
    assert_eq!(by_name.failure(&url).0, "denied");
    let named = Lab::new(&["http://localhost:*"]);
    assert_eq!(named.fetch(&url).unwrap().body, b"x");
    // Other ways to write an address are that address.
    for host in ["0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", server.address.port());
        assert_eq!(by_name.failure(&url).0, "denied", "{url}");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn names_that_do_not_exist_and_ports_without_a_server() {
    let lab = Lab::new(&["http://*:*", "http://127.0.0.1:*"]);
    assert_eq!(lab.failure("http://no-such-name.invalid/").0, "dns");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(lab.failure(&format!("http://{free}/")).0, "refused");
    assert_eq!(lab.failure("gopher://127.0.0.1/").0, "invalid-url");
}

#[test]
fn a_server_that_never_answers_and_one_that_nobody_reaches() {
    let server = Server::new(|_, _| true);
    let mut lab = Lab::local();
    lab.options.timeout_ms = Some(20);
    let (code, message) = lab.failure(&server.url("/"));
    assert_eq!(code, "timeout", "{message}");
    // The host's most is below what the guest asks for.
    lab.options.timeout_ms = Some(100_000);
    lab.limits.fetch_timeout_ms_max = 20;
    assert_eq!(lab.failure(&server.url("/")).0, "timeout");
    // A port that takes connections and never speaks TLS.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut lab = Lab::new(&["https://127.0.0.1:*"]);
    lab.options.connect_timeout_ms = Some(20);
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let (code, message) = lab.failure(&url);
    assert_eq!(code, "timeout");
    assert!(message.contains("no connection in 20 ms"), "{message}");
}

#[test]
fn answers_that_are_none() {
    let head = "HTTP/1.1 200 OK\r\n";
    let fields = "a: b\r\n".repeat(200);
    for (bytes, codes) in [
        ("garbage\r\n\r\n".to_owned(), &["protocol"][..]),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), &["protocol"]),
        (String::new(), &["reset"]),
        (head.to_owned(), &["reset"]),
        (format!("{head}content-length: 10\r\n\r\nshort"), &["reset"]),
        (format!("{head}content-length: -1\r\n\r\n"), &["protocol"]),
        (format!("{head}content-length: 1\r\ncontent-length: 2\r\n\r\nab"), &["protocol"]),
        (format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n"), &["protocol", "reset"]),
        (format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nab"), &["reset"]),
        (format!("{head}{fields}\r\n"), &["too-large"]),
        (format!("{head}a: {}\r\n\r\n", "x".repeat(1 << 20)), &["too-large"]),
        (format!("{head}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"), &["reset"]),
        (
            format!("{head}content-encoding: gzip\r\ncontent-length: 20\r\n\r\n{}", "x".repeat(20)),
            &["protocol"],
        ),
    ] {
        let shown: String = bytes.chars().take(60).collect();
        let server = Server::new(move |stream, _| {
            let _ = stream.write_all(bytes.as_bytes());
            false
        });
        let (code, message) = Lab::local().failure(&server.url("/"));
        assert!(codes.contains(&code), "{shown:?}: {code} {message}");
        assert!(!message.contains('\n'));
    }
}

#[test]
fn a_content_has_a_length() {
    let endless = Server::new(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 10_000]).is_ok() {}
        false
    });
    let mut lab = Lab::local();
    lab.limits.fetch_response_bytes_max = 100_000;
    assert_eq!(lab.failure(&endless.url("/")).0, "too-large");
    let announced = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n");
    assert_eq!(lab.failure(&announced.url("/")).0, "too-large", "before it has come");
    lab.options.response_bytes_max = Some(4);
    assert_eq!(lab.failure(&Server::saying(ok("12345")).url("/")).0, "too-large");
    assert_eq!(lab.fetch(&Server::saying(ok("1234")).url("/")).unwrap().body, b"1234");

    lab.options.response_bytes_max = None;
    lab.limits.fetches_bytes_max = 50_000;
    let (code, message) = lab.failure(&endless.url("/"));
    assert_eq!(code, "too-large");
    assert!(message.contains("fetches_bytes_max"), "{message}");
    assert_eq!(lab.egress.under_way(), (0, 0), "nothing of it is kept");
}

#[test]
fn compressed_answers_are_decompressed_within_the_limit() {
    let compressed = |length: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b'0'; length]).unwrap();
        let content = encoder.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            content.len()
        );
        Server::saying([head.into_bytes(), content].concat())
    };
    let mut lab = Lab::local();
    let answer = lab.fetch(&compressed(100_000).url("/")).unwrap();
    assert_eq!(answer.body.len(), 100_000);
    assert!(answer.headers.iter().all(|field| field.name != "content-encoding"));
    // It ends in the middle of the compressed data, or of the checksum behind them.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&(0..=255).cycle().take(9_999).collect::<Vec<u8>>()).unwrap();
    let whole = encoder.finish().unwrap();
    for length in [5, whole.len() / 2, whole.len() - 9, whole.len() - 4, whole.len() - 1] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
        );
        let server = Server::saying([head.as_bytes(), &whole[..length]].concat());
        assert_eq!(lab.failure(&server.url("/")).0, "reset", "{length} of {}", whole.len());
    }
    // A bomb: 50 MB in 50 KB.
    lab.limits.fetch_response_bytes_max = 200_000;
    assert_eq!(lab.failure(&compressed(50_000_000).url("/")).0, "too-large");
}

#[test]
fn redirects_are_followed_if_the_guest_says_so_and_the_rules_allow_it() {
    let target = Server::saying(ok("here"));
    let there = target.url("/there");
    let server = Server::new(move |stream, head| {
        let location = match head.split(' ').nth(1) {
            Some("/loop") => "/loop",
            Some("/away") => "http://93.184.216.34/",
            _ => &*there,
        };
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let mut lab = Lab::local();
    assert_eq!(lab.fetch(&server.url("/")).unwrap().status, 302);
    lab.options.redirects_max = Some(3);
    assert_eq!(lab.fetch(&server.url("/")).unwrap().body, b"here");
    let (code, message) = lab.failure(&server.url("/loop"));
    assert_eq!((code, &*message), ("protocol", "there were too many redirects"));
    assert_eq!(lab.failure(&server.url("/away")).0, "denied");
}

#[test]
fn whoever_gives_a_fetch_up_frees_its_place_and_its_connection() {
    let (asked, was_asked) = channel();
    let (left, has_left) = channel();
    let server = Server::new(move |stream, _| {
        asked.send(()).unwrap();
        // The end of the connection.
        let _ = stream.read(&mut [0]);
        left.send(()).unwrap();
        false
    });
    let lab = Lab::local();
    let (operation, ended) = lab.start("guest", &server.url("/"));
    was_asked.recv().unwrap();
    assert_eq!(lab.egress.under_way().0, 1);
    lab.egress.cancel(operation);
    has_left.recv().unwrap();
    assert!(ended.recv().is_err(), "nothing is reported");
    assert_eq!(lab.egress.under_way(), (0, 0));
    lab.egress.cancel(operation);
    assert_eq!(lab.egress.counts().cancelled.get(), 1);
}

#[test]
fn a_guest_that_has_no_place_left_takes_none_from_others() {
    let server = Server::new(|stream, head| match head.contains("/hang") {
        true => true,
        false => stream.write_all(ok("x").as_bytes()).is_ok(),
    });
    let mut lab = Lab::local();
    lab.limits =
        Limits { guest_fetches_max: 2, fetches_max: 3, fetch_queue_ms_max: 20, ..lab.limits };
    let hanging = [lab.start("a", &server.url("/hang")), lab.start("a", &server.url("/hang"))];
    let failure = end_of(&lab.start("a", &server.url("/")).1).unwrap_err();
    assert_eq!(failure.code.name(), "overloaded");
    assert!(failure.message.contains("guest_fetches_max"), "{failure}");
    assert_eq!(end_of(&lab.start("b", &server.url("/")).1).unwrap().body, b"x");
    let more = lab.start("b", &server.url("/hang"));
    let failure = end_of(&lab.start("c", &server.url("/")).1).unwrap_err();
    assert!(failure.message.contains("(fetches_max)"), "{failure}");
    for (operation, _) in hanging.iter().chain([&more]) {
        lab.egress.cancel(*operation);
    }
    // An origin's places are waited for, but not for ever.
    lab.limits.origin_fetches_max = 1;
    let (operation, _) = lab.start("d", &server.url("/hang"));
    let failure = end_of(&lab.start("d", &server.url("/")).1).unwrap_err();
    assert!(failure.message.contains("origin_fetches_max"), "{failure}");
    lab.limits.fetch_queue_ms_max = 10_000;
    let (_, waits) = lab.start("d", &server.url("/"));
    lab.egress.cancel(operation);
    assert_eq!(end_of(&waits).unwrap().body, b"x");
}
