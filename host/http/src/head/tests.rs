use super::*;

fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, Reject> {
    let mut reader = HeadReader::default();
    let blank = reader.skip_blank_lines(bytes);
    let read = reader.read(&bytes[blank..], &HttpLimits::default());
    read.map(|read| read.map(|(head, length)| (head, blank + length)))
}

/// Reads a head as `read` does, but with one byte more in each call.
fn read_slowly(bytes: &[u8]) -> Result<Option<(Head, usize)>, Reject> {
    let mut reader = HeadReader::default();
    let mut blank = 0;
    for end in 1..=bytes.len() {
        blank += reader.skip_blank_lines(&bytes[blank..end]);
        if let Some((head, length)) = reader.read(&bytes[blank..end], &HttpLimits::default())? {
            return Ok(Some((head, blank + length)));
        }
    }
    Ok(None)
}

fn head(text: &str) -> Head {
    let (head, length) = read(text.as_bytes()).unwrap().unwrap();
    assert_eq!(length, text.len());
    head
}

fn reject(bytes: &[u8]) -> Reject {
    let fast = read(bytes).map(|_| ()).unwrap_err();
    let slow = read_slowly(bytes).map(|_| ()).unwrap_err();
    assert_eq!(fast, slow, "{:?}", String::from_utf8_lossy(bytes));
    fast
}

#[test]
fn a_head_has_its_parts() {
    let head = head(
        "PUT /a/b?c=d&e HTTP/1.1\r\nHost: a.b:80\r\nX-One:  1\t \r\nx-Two:\r\nX-ONE: \u{fc}\r\n\r\n",
    );
    assert_eq!(head.method(), "PUT");
    assert_eq!(head.version(), Version::Http11);
    assert_eq!(head.target(), "/a/b?c=d&e");
    assert_eq!((head.path(), head.query()), ("/a/b", Some("c=d&e")));
    assert_eq!(head.authority(), "a.b:80");
    let fields: Vec<_> = head.fields().collect();
    let expected: [(&str, &[u8]); 4] =
        [("host", b"a.b:80"), ("x-one", b"1"), ("x-two", b""), ("x-one", b"\xc3\xbc")];
    assert_eq!(fields, expected);
    assert_eq!(head.field("x-one"), Some(&b"1"[..]));
    assert_eq!(head.field("x-three"), None);
    assert_eq!(head.fields_named("x-one").count(), 2);
}

/// RFC 9110, section 2.5.
#[test]
fn a_higher_minor_version_is_read_as_the_highest_known() {
    for minor in 1..=9 {
        let head = head(&format!("GET /a HTTP/1.{minor}\r\nHost: a\r\nX: HTTP/1.9\r\n\r\n"));
        assert_eq!((head.version(), head.path()), (Version::Http11, "/a"));
        assert_eq!(head.field("x"), Some(&b"HTTP/1.9"[..]));
    }
    assert_eq!(reject(b"GET / HTTP/1.2\r\n\r\n"), Reject::Host);
}

#[test]
fn paths_and_authorities_of_every_form() {
    let parts = |line: &str| {
        let head = head(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
        [head.path(), head.query().unwrap_or("-"), head.authority()].map(str::to_owned)
    };
    assert_eq!(parts("GET /"), ["/", "-", "h"]);
    assert_eq!(parts("GET /?"), ["/", "", "h"]);
    assert_eq!(parts("OPTIONS *"), ["*", "-", "h"]);
    assert_eq!(parts("GET http://a"), ["/", "-", "a"]);
    assert_eq!(parts("GET http://a?q"), ["/", "q", "a"]);
    assert_eq!(parts("GET http://a:1/p?q?"), ["/p", "q?", "a:1"]);
    assert_eq!(head("GET / HTTP/1.0\r\n\r\n").authority(), "");
    assert_eq!(head("GET / HTTP/1.1\r\nHost:\r\n\r\n").authority(), "");
}

#[test]
fn guests_do_not_see_the_connection() {
    let head = head(
        "GET http://real/ HTTP/1.1\r\nHost: other\r\nConnection: close, X-Hop\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
         Upgrade: h2c\r\nExpect: 100-continue\r\nProxy-Connection: a\r\nTrailer: b\r\nx-hop: 1\r\nX-Kept: 2\r\n\r\n",
    );
    let seen: Vec<_> = head.guest_fields().collect();
    let expected: [(&str, &[u8]); 2] = [("host", b"real"), ("x-kept", b"2")];
    assert_eq!(seen, expected);
    assert_eq!(head.fields().count(), 10);
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let head = head("GET /a HTTP/1.1\r\nHost: b\r\nCookie: secret\r\n\r\n");
    let text = format!("{head:?}");
    assert!(text.contains("cookie") && text.contains("/a"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn the_end_of_a_head_is_found_however_it_arrives() {
    let bytes = b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET /next";
    let (fast, length) = read(bytes).unwrap().unwrap();
    assert_eq!(&bytes[length..], b"GET /next");
    let (slow, slow_length) = read_slowly(bytes).unwrap().unwrap();
    assert_eq!((slow.raw, slow_length), (fast.raw, length));
    for cut in 0..length {
        assert!(read(&bytes[..cut]).unwrap().is_none(), "cut at {cut}");
    }
}

#[test]
fn malformed_heads_are_refused() {
    for (bytes, why) in [
        // Request lines.
        (&b" GET / HTTP/1.1\r\n\r\n"[..], Reject::RequestLine),
        (b"\x16\x03\x01\x02\x00\x01", Reject::RequestLine),
        (b"G@T / HTTP/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET  / HTTP/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET /  HTTP/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET / HTTP/1.1 \r\n\r\n", Reject::RequestLine),
        (b"GET\t/\tHTTP/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET /\r\n\r\n", Reject::RequestLine),
        (b"GET\r\n\r\n", Reject::RequestLine),
        (b"GET / a HTTP/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET / http/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET / HTTX/1.1\r\n\r\n", Reject::RequestLine),
        (b"GET / HTTP/\r\n\r\n", Reject::RequestLine),
        (b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n", Reject::RequestLine),
        (b"\rGET / HTTP/1.0\r\n\r\n", Reject::RequestLine),
        (b"\nGET / HTTP/1.0\r\n\r\n", Reject::RequestLine),
        // Versions.
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reject::Version),
        (b"GET / HTTP/1.10\r\n\r\n", Reject::RequestLine),
        (b"GET / HTTP/2.1\r\n\r\n", Reject::Version),
        (b"GET / HTTP/0.9\r\n\r\n", Reject::Version),
        (b"GET / HTTP/3\r\n\r\n", Reject::Version),
        // Methods and targets.
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", Reject::Method),
        (b"GETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.0\r\n\r\n", Reject::Method),
        (b"GET * HTTP/1.0\r\n\r\n", Reject::Target),
        (b"GET a:80 HTTP/1.0\r\n\r\n", Reject::Target),
        (b"GET /\xc3\xa4 HTTP/1.0\r\n\r\n", Reject::Target),
        (b"GET /a#b HTTP/1.0\r\n\r\n", Reject::Target),
        (b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::Misdirected),
        // Hosts.
        (b"GET / HTTP/1.1\r\n\r\n", Reject::Host),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", Reject::Host),
        (b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Reject::Host),
        (b"GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", Reject::Host),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reject::Host),
        (b"GET / HTTP/1.1\r\nHost: a, b/c\r\n\r\n", Reject::Host),
        (b"GET / HTTP/1.0\r\nHost: a@b\r\n\r\n", Reject::Host),
        // Fields.
        (b"GET / HTTP/1.0\r\nA : b\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\n A: b\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\nA: b\r\n c\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\nA: b\r\n\tc: d\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\nA\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\n: b\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\nA(: b\r\n\r\n", Reject::Field),
        (b"GET / HTTP/1.0\r\n\xc3\xa4: b\r\n\r\n", Reject::Field),
    ] {
        assert_eq!(reject(bytes), why, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn every_line_end_is_crlf_and_nothing_else() {
    let good = b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    for at in 0..good.len() {
        // Leaving out a CR makes a bare LF; leaving out an LF makes a bare CR, or no end at all.
        let mut bytes = good.to_vec();
        match good[at] {
            b'\r' => {
                bytes.remove(at);
                assert_eq!(reject(&bytes), Reject::LineEnd, "at {at}");
            }
            b'\n' => {
                bytes.remove(at);
                assert!(matches!(read(&bytes), Ok(None) | Err(Reject::LineEnd)), "at {at}");
            }
            _ => {}
        }
        // A CR or an LF in any other place is refused, too.
        for byte in [b'\r', b'\n'] {
            let mut bytes = good.to_vec();
            bytes.insert(at, byte);
            // Except an LF before the last one: it ends the head, and the last one is behind the
            // head.
            let whole = at == good.len() - 1 && byte == b'\n';
            assert_eq!(read(&bytes).is_ok(), whole, "{byte:?} at {at}");
        }
    }
}

#[test]
fn control_bytes_are_refused_everywhere() {
    for byte in (0..32).chain([127]).filter(|byte| !b"\t\r\n".contains(byte)) {
        for (before, after) in [
            ("GET /", " HTTP/1.0\r\n\r\n"),
            ("GET / HTTP/1.0\r\nA: b", "\r\n\r\n"),
            ("GET / HTTP/1.0\r\nA", ": b\r\n\r\n"),
        ] {
            let bytes = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            assert_eq!(reject(&bytes), Reject::ControlByte, "{byte:#x} after {before:?}");
        }
    }
}

#[test]
fn a_line_or_a_head_that_is_too_long_is_refused_before_its_end() {
    let limits = HttpLimits::default();
    let with_target = |length: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(length - 1));
    assert!(read(with_target(limits.target_bytes_max).as_bytes()).unwrap().is_some());
    assert_eq!(reject(with_target(limits.target_bytes_max + 1).as_bytes()), Reject::TargetTooLong);
    assert_eq!(reject(with_target(60_000).as_bytes()), Reject::TargetTooLong);
    assert_eq!(reject(format!("GET /{}", "a".repeat(9_000)).as_bytes()), Reject::TargetTooLong);
    assert_eq!(reject("A".repeat(9_000).as_bytes()), Reject::Method);

    let with_head = |length: usize| {
        let rest = "GET / HTTP/1.0\r\nA: \r\n\r\n".len();
        format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", "b".repeat(length - rest))
    };
    let (longest, length) = read(with_head(65_536).as_bytes()).unwrap().unwrap();
    assert_eq!((length, longest.field("a").unwrap().len()), (65_536, 65_536 - 23));
    assert_eq!(reject(with_head(65_537).as_bytes()), Reject::HeadTooLarge);
    assert_eq!(reject(&with_head(90_000).as_bytes()[..65_536]), Reject::HeadTooLarge);
}

#[test]
fn fields_and_connection_options_are_counted() {
    let with_fields = |count| format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
    for count in [0, 31, 32, 33, 100] {
        assert_eq!(head(&with_fields(count)).fields().count(), count);
    }
    assert_eq!(reject(with_fields(101).as_bytes()), Reject::TooManyFields);
    assert_eq!(reject(&with_fields(200).as_bytes()[..700]), Reject::TooManyFields);
    let with_options =
        |count: usize| format!("GET / HTTP/1.0\r\nConnection: a{}\r\n\r\n", ",a".repeat(count - 1));
    assert!(read(with_options(32).as_bytes()).unwrap().is_some());
    assert_eq!(reject(with_options(33).as_bytes()), Reject::TooManyFields);
}

/// A head of 64 KiB that arrives byte by byte is searched once. If each call searched it again,
/// that would be 2 GiB of work, and this test would take minutes.
#[test]
fn reading_slowly_is_not_quadratic() {
    let fields = format!("A: {}\r\n", "b".repeat(640)).repeat(100);
    let text = format!("GET / HTTP/1.0\r\n{fields}\r\n");
    let mut reader = HeadReader::default();
    let mut searched = 0;
    for end in 1..text.len() {
        let before = reader.searched;
        let read = reader.read(&text.as_bytes()[..end], &HttpLimits::default());
        assert!(read.unwrap().is_none());
        searched += reader.searched - before;
    }
    assert_eq!(searched as usize, text.len() - 1);
    assert!(read_slowly(text.as_bytes()).unwrap().is_some());
}

#[test]
fn a_reader_that_is_passed_other_bytes_does_not_panic() {
    let limits = HttpLimits::default();
    let samples: [&[u8]; 5] =
        [b"GET / HTTP/1.0\r\nA: b\r\n\r\n", b"GET / HTTP/1.0\r\nA", b"", b"\r\n\r\n", b"GET\r\n\n"];
    for first in samples {
        for second in samples {
            let mut reader = HeadReader::default();
            let _ = reader.read(first, &limits);
            reader.skip_blank_lines(second);
            let _ = reader.read(second, &limits);
            let _ = reader.read(first, &limits);
        }
    }
}
