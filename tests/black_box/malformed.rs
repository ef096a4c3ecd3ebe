//! Malformed, oversized, truncated, smuggled and slow requests: the right status, the connection
//! closed, and nothing else; however the bytes are split.

use std::time::{Duration, Instant};

use crate::harness::{Server, serve};

/// What a smuggler would like to be taken for a request. Nothing may answer it.
const SMUGGLED: &str = "GET /hello HTTP/1.1\r\nhost: smuggled\r\n\r\n";

fn server() -> Option<Server> {
    serve(&["hello", "tornado"])
}

/// Bytes, and the status they are answered with.
struct Sample {
    bytes: Vec<u8>,
    status: u16,
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |status: u16, bytes: Vec<u8>| samples.push(Sample { bytes, status });

    // Request lines.
    for (line, status) in [
        ("GET /hello", 400),
        ("GET", 400),
        ("GET  /hello HTTP/1.1", 400),
        ("GET /hello  HTTP/1.1", 400),
        ("GET /hello HTTP/1.1 ", 400),
        (" GET /hello HTTP/1.1", 400),
        ("GET\t/hello\tHTTP/1.1", 400),
        ("GET /hel lo HTTP/1.1", 400),
        ("GET /hello HTTP/", 400),
        ("GET /hello http/1.1", 400),
        ("GET /hello HTTP 1.1", 400),
        ("G(T /hello HTTP/1.1", 400),
        ("GET hello HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("GET /hello#x HTTP/1.1", 400),
        ("GET /h\u{e9}llo HTTP/1.1", 400),
        ("GET /h\0llo HTTP/1.1", 400),
        ("GET http:///hello HTTP/1.1", 400),
        ("GET http://u:p@a/hello HTTP/1.1", 400),
        ("GET ftp://a/hello HTTP/1.1", 400),
        ("GET https://a/hello HTTP/1.1", 421),
        ("CONNECT a:80 HTTP/1.1", 501),
        ("CONNECT /hello HTTP/1.1", 501),
        ("GET /hello HTTP/1.10", 400),
        ("GET /hello HTTP/2.0", 505),
        ("GET /hello HTTP/0.9", 505),
        ("PRI * HTTP/2.0", 505),
    ] {
        add(status, format!("{line}\r\nhost: a\r\n\r\n").into());
    }
    add(501, format!("{} /hello HTTP/1.1\r\nhost: a\r\n\r\n", "M".repeat(33)).into());
    add(414, format!("GET /hello?{} HTTP/1.1\r\nhost: a\r\n\r\n", "q".repeat(8_192)).into());

    // Field lines.
    for fields in [
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nHost: b\r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: a, b\r\n",
        "host: u@a\r\n",
        "host: a:99999\r\n",
        "host : a\r\n",
        "host: a\r\nx : y\r\n",
        "host: a\r\nx\ty: z\r\n",
        "host: a\r\n: y\r\n",
        "host: a\r\nx\r\n",
        "host: a\r\nx: y\r\n z\r\n",
        "host: a\r\nx: y\r\n\tz\r\n",
        " x: y\r\nhost: a\r\n",
        "host: a\r\nx: y\rz\r\n",
        "host: a\r\nx: y\r\r\n",
        "host: a\r\nx: \0\r\n",
        "host: a\r\nx: \x1b\r\n",
        "host: a\r\nx: \x7f\r\n",
        "host: a\r\nx\u{e9}: y\r\n",
        "host: a\r\nx(y): z\r\n",
        "host: a\nx: y\r\n",
        "host: a\r\nx: y\n",
        "host: a\r\n\n",
    ] {
        add(400, format!("GET /hello HTTP/1.1\r\n{fields}\r\n").into());
    }
    add(400, b"GET /hello HTTP/1.1\nhost: a\n\n".to_vec());
    add(431, format!("GET /hello HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(100)).into());
    add(431, format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "v".repeat(70_000)).into());
    add(
        431,
        format!("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: {}y\r\n\r\n", "x,".repeat(50))
            .into(),
    );

    // The framing of bodies: what one reader ends here and another there.
    for (fields, status) in [
        ("content-length: +5", 400),
        ("content-length: -5", 400),
        ("content-length: 0x5", 400),
        ("content-length: 5 5", 400),
        ("content-length: 5,", 400),
        ("content-length: 5, 6", 400),
        ("content-length: 5;q", 400),
        ("content-length: five", 400),
        ("content-length:", 400),
        ("content-length: 5\r\ncontent-length: 6", 400),
        ("content-length: 5\r\ncontent-length:", 400),
        ("content-length : 5", 400),
        ("content-length: 8388609", 413),
        ("content-length: 18446744073709551615", 413),
        ("content-length: 99999999999999999999999999", 413),
        ("content-length: 5\r\ntransfer-encoding: chunked", 400),
        ("transfer-encoding: chunked\r\ncontent-length: 0", 400),
        ("transfer-encoding: chunked, chunked", 400),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", 400),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity", 400),
        ("transfer-encoding: , chunked", 400),
        ("transfer-encoding: chunked;q=1", 400),
        ("transfer-encoding: \x0bchunked", 400),
        ("transfer-encoding:", 400),
        ("transfer-encoding : chunked", 400),
        ("transfer-encoding\t: chunked", 400),
        ("transfer-encoding: gzip", 501),
        ("transfer-encoding: identity", 501),
        ("transfer-encoding: gzip, chunked", 501),
        ("transfer-encoding: xchunked", 501),
        ("expect: 200-ok", 417),
        ("expect: 100-continue, x", 417),
    ] {
        add(
            status,
            format!("POST /echo HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n0\r\n\r\n{SMUGGLED}").into(),
        );
    }
    add(
        400,
        format!("POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}")
            .into(),
    );

    // Chunks.
    for (chunks, status) in [
        ("\r\n", 400),
        ("g\r\n", 400),
        ("-1\r\n", 400),
        ("+1\r\na\r\n", 400),
        ("0x1\r\na\r\n", 400),
        (" 1\r\na\r\n", 400),
        ("1 \r\na\r\n", 400),
        ("1\na\n0\n\n", 400),
        ("1\r\nab\r\n", 400),
        ("1\r\na0\r\n\r\n", 400),
        ("1\r\na\n0\r\n\r\n", 400),
        ("1;x\ny\r\na\r\n", 400),
        ("1;\0\r\na\r\n", 400),
        ("00000000000000001\r\na\r\n", 400),
        ("ffffffffffffffff0\r\na\r\n", 400),
        ("0\r\n\n", 400),
        ("0\r\n x: y\r\n\r\n", 400),
        ("0\r\nx\r\n\r\n", 400),
        ("0\r\nx : y\r\n\r\n", 400),
        ("800001\r\nx", 413),
        ("ffffffffffffffff\r\nx", 413),
    ] {
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        add(status, format!("{head}{chunks}{SMUGGLED}").into());
    }
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    add(400, format!("{head}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300)).into());
    add(
        400,
        format!("{head}{}0\r\n\r\n", format!("1;{}\r\na\r\n", "x".repeat(200)).repeat(100)).into(),
    );
    add(431, format!("{head}0\r\nx: {}\r\n\r\n", "y".repeat(9_000)).into());

    // What is no HTTP at all.
    add(400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    add(400, vec![0; 100]);
    add(400, vec![0xff; 100]);
    add(400, b"\r\n\r\n\r\n\r\n\r\n\r\n".to_vec());
    add(400, b"\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n".to_vec());
    samples
}

impl Sample {
    fn shown(&self) -> String {
        let start = &self.bytes[..self.bytes.len().min(200)];
        format!("{} ({} bytes)", start.escape_ascii(), self.bytes.len())
    }

    /// Where to split it in two: around every line end, and here and there.
    fn splits(&self) -> Vec<usize> {
        let ends =
            (0..self.bytes.len()).filter(|&at| self.bytes[at] == b'\r' || self.bytes[at] == b'\n');
        let around = ends.flat_map(|at| [at, at + 1]).take(24);
        let here_and_there = (1..6).map(|part| self.bytes.len() * part / 6);
        let mut splits: Vec<usize> =
            around.chain(here_and_there).filter(|&at| 0 < at && at < self.bytes.len()).collect();
        splits.sort_unstable();
        splits.dedup();
        splits
    }

    /// Sent in these pieces on a connection of its own, perhaps behind a good request.
    #[track_caller]
    fn is_refused<'a>(
        &self,
        server: &Server,
        before: &str,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) {
        let mut client = server.connect();
        client.send(before);
        // The answer may come before the last piece is sent.
        for piece in pieces {
            client.send_perhaps(piece);
        }
        if !before.is_empty() {
            assert_eq!(client.response().text(), "hello world");
        }
        let answer = client.response();
        assert_eq!(answer.status, self.status, "{}: {answer:?}", self.shown());
        assert!(answer.closes(), "where the next request begins is in doubt: {}", self.shown());
        client.is_closed();
    }
}

#[test]
fn each_gets_its_status_and_the_connection_closes() {
    let Some(server) = server() else { return };
    for sample in samples() {
        sample.is_refused(&server, "", std::iter::once(&sample.bytes[..]));
        sample.is_refused(
            &server,
            "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n",
            std::iter::once(&sample.bytes[..]),
        );
    }
    server.still_serves();
}

#[test]
fn however_it_is_split() {
    let Some(server) = server() else { return };
    for sample in samples() {
        for at in sample.splits() {
            let (first, second) = sample.bytes.split_at(at);
            sample.is_refused(&server, "", [first, second].into_iter());
        }
        if sample.bytes.len() < 400 {
            sample.is_refused(&server, "", sample.bytes.chunks(1));
        }
    }
    server.still_serves();
}

/// A request that is cut off is not wrong, and gets no answer.
#[test]
fn a_truncated_request_gets_no_answer() {
    let Some(server) = server() else { return };
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n";
    let chunked = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let whole = [
        format!("{head}0123456789"),
        format!("{chunked}3\r\nabc\r\n0\r\nx: y\r\n\r\n"),
        SMUGGLED.to_owned(),
    ];
    for request in &whole {
        for end in 1..request.len() {
            let mut client = server.connect();
            client.send(&request[..end]);
            client.half_close();
            client.is_closed();
        }
    }
    server.still_serves();
}

/// Many clients that say little hold nothing but their connections.
#[test]
fn slow_clients_are_timed_out_and_disturb_nobody() {
    let Some(server) = server() else { return };
    let begin = |index: usize| {
        let mut client = server.connect();
        client.send(
            ["G", "GET /hello HTT", "GET /hello HTTP/1.1\r\nhost: a\r\n", "\r\n\r"][index % 4],
        );
        client
    };
    let started = Instant::now();
    let mut slow: Vec<_> = (0..200).map(begin).collect();
    for _ in 0..50 {
        server.still_serves();
    }
    // `header_timeout_ms` is 10 seconds, and trickling does not prolong it.
    std::thread::sleep(Duration::from_secs(5).saturating_sub(started.elapsed()));
    slow.iter_mut().skip(1).step_by(4).for_each(|client| client.send("P"));
    for client in &mut slow {
        let answer = client.response();
        assert!(answer.status == 408 && answer.closes(), "{answer:?}");
        client.is_closed();
    }
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(30), "{took:?}");
}

/// A client that never reads its answers: what waits for it is bounded, so it is no longer read
/// from.
#[test]
fn a_client_that_does_not_read_is_not_served_for_ever() {
    let Some(server) = server() else { return };
    let mut deaf = server.connect();
    deaf.gives_up_writing_after(Duration::from_secs(2));
    let requests = SMUGGLED.repeat(1_000);
    let mut sent_bytes = 0;
    // The kernel's buffers, of both sides and both directions, take some 10 MB; 200 MB would be
    // everything.
    while sent_bytes < 200 << 20 && deaf.send_perhaps(requests.as_bytes()) {
        sent_bytes += requests.len();
    }
    assert!(
        sent_bytes < 200 << 20,
        "{sent_bytes} bytes of requests were taken from who reads no answer"
    );
    server.still_serves();
}
