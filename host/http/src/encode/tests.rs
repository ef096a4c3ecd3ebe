use super::*;

const DATE: &str = "Sat, 21 Nov 2026 12:00:00 GMT";

fn response(status: u16, fields: &[(&str, &str)], body: &str) -> Response {
    let response = Response { status, headers: Vec::new(), body: body.into() };
    fields.iter().fold(response, |response, (name, value)| response.with_field(name, value))
}

const ENVELOPE: Envelope<'static> = Envelope {
    version: Version::Http11,
    head_only: false,
    keep_alive: true,
    date: DATE,
    request_id: Some(&"id-1"),
};

fn encoded(response: &Response, envelope: Envelope<'_>) -> String {
    assert_eq!(check_response(response, envelope.head_only), Ok(()));
    let mut out = Vec::new();
    encode_response(response, &envelope, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_whole_response() {
    let response = response(200, &[("Content-Type", "text/plain"), ("X-A", "1")], "hello");
    assert_eq!(
        encoded(&response, ENVELOPE),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: 1\r\ndate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
         content-length: 5\r\nx-request-id: id-1\r\n\r\nhello"
    );
}

#[test]
fn the_connection_field_is_sent_where_the_client_cannot_know() {
    let connection = |version, keep_alive| {
        let envelope = Envelope { version, keep_alive, ..ENVELOPE };
        let text = encoded(&response(200, &[], ""), envelope);
        let value =
            text.split("connection: ").nth(1).map(|rest| rest.split("\r\n").next().unwrap());
        value.map(str::to_owned)
    };
    assert_eq!(connection(Version::Http11, true), None);
    assert_eq!(connection(Version::Http11, false).as_deref(), Some("close"));
    assert_eq!(connection(Version::Http10, true).as_deref(), Some("keep-alive"));
    assert_eq!(connection(Version::Http10, false).as_deref(), Some("close"));
}

#[test]
fn a_guest_may_set_date_and_server_and_a_right_length() {
    let fields = [("Date", "x"), ("server", "y"), ("Content-Length", "2"), ("X-Request-ID", "z")];
    let text = encoded(&response(200, &fields, "ab"), ENVELOPE);
    assert_eq!(text.to_lowercase().matches("date: ").count(), 1);
    assert_eq!(text.to_lowercase().matches("content-length: 2\r\n").count(), 1);
    assert_eq!(text.to_lowercase().matches("x-request-id: ").count(), 1);
    assert!(text.contains("server: y\r\n") && text.contains("x-request-id: id-1\r\n"), "{text}");
}

#[test]
fn responses_without_a_body() {
    let head = Envelope { head_only: true, ..ENVELOPE };
    let text = encoded(&response(200, &[], "hello"), head);
    assert!(text.ends_with("\r\n\r\n") && text.contains("content-length: 5\r\n"), "{text}");
    let text = encoded(&response(200, &[("content-length", "99")], ""), head);
    assert!(text.contains("content-length: 99\r\n"), "{text}");
    let text = encoded(&response(204, &[("content-length", "0")], ""), ENVELOPE);
    assert!(!text.contains("content-length"), "{text}");
    let text = encoded(&response(205, &[], ""), ENVELOPE);
    assert!(text.contains("content-length: 0\r\n"), "{text}");
    assert!(!encoded(&response(304, &[], ""), ENVELOPE).contains("content-length"));
    let text = encoded(&response(304, &[("content-length", "7")], ""), ENVELOPE);
    assert!(text.contains("content-length: 7\r\n"), "{text}");
}

#[test]
fn faults_of_a_response() {
    use ResponseFault as Fault;
    let fault = |status, fields: &[(&str, &str)], body: &str| {
        check_response(&response(status, fields, body), false).unwrap_err()
    };
    for status in [0, 99, 100, 101, 199, 600, 999, 65_535] {
        assert_eq!(fault(status, &[], ""), Fault::BadStatus(status));
    }
    for status in [204, 205, 304] {
        assert_eq!(fault(status, &[], "x"), Fault::BodyNotAllowed(status));
    }
    for name in ["", " ", "a b", "a:", "a\r\n", "\u{e4}", "a\0"] {
        assert_eq!(fault(200, &[(name, "")], ""), Fault::BadFieldName(name.into()));
    }
    for value in ["a\r\nb: c", "\n", "\r", "\0", "\u{7f}", "\u{1b}[0m"] {
        assert_eq!(fault(200, &[("a", value)], ""), Fault::BadFieldValue { name: "a".into() });
    }
    for name in [
        "Connection",
        "keep-alive",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "UPGRADE",
        "proxy-connection",
    ] {
        assert_eq!(fault(200, &[(name, "x")], ""), Fault::ForbiddenField { name: name.into() });
    }
    for value in ["4", "", "5, 5", "+5", " 5", "x"] {
        assert!(matches!(
            fault(200, &[("content-length", value)], "hello"),
            Fault::ContentLengthMismatch { .. }
        ));
    }
    let repeated = [("content-length", "5"), ("Content-Length", "6")];
    assert!(matches!(fault(200, &repeated, "hello"), Fault::ContentLengthMismatch { .. }));
    assert!(check_response(&response(200, &[("content-length", "x")], ""), true).is_err());
    assert!(check_response(&response(200, &[("content-length", "4")], "hello"), true).is_err());
    assert_eq!(check_response(&response(200, &[("a", "\u{e4}\t b")], ""), false), Ok(()));
}

#[test]
fn the_text_of_a_fault_is_safe_in_a_log_line() {
    let long = "x\r\n\u{1b}".repeat(1000);
    let text = ResponseFault::BadFieldName(long).to_string();
    assert!(text.len() < 500 && !text.contains(['\r', '\n', '\u{1b}']), "{text}");
}

#[test]
fn the_head_of_a_streamed_response_tells_how_its_body_ends() {
    let framing = |length, version| {
        let mut out = Vec::new();
        let envelope = Envelope { version, ..ENVELOPE };
        encode_head(&response(200, &[], ""), BodyEnd::of(length, version), &envelope, &mut out);
        let text = String::from_utf8(out).unwrap();
        (text.contains("content-length: 9\r\n"), text.contains("transfer-encoding: chunked\r\n"))
    };
    assert_eq!(framing(Some(9), Version::Http11), (true, false));
    assert_eq!(framing(Some(9), Version::Http10), (true, false));
    assert_eq!(framing(None, Version::Http11), (false, true));
    assert_eq!(framing(None, Version::Http10), (false, false));
}

#[test]
fn streamed_responses_keep_the_same_rules() {
    let streamed = |status, fields: &[(&str, &str)], length, head_only| {
        check_streamed(&response(status, fields, ""), length, head_only).is_ok()
    };
    assert!(streamed(200, &[("content-length", "5")], Some(5), false));
    assert!(!streamed(200, &[("content-length", "5")], Some(6), false));
    assert!(!streamed(200, &[("content-length", "5")], None, false));
    assert!(streamed(200, &[("content-length", "5")], None, true));
    assert!(streamed(204, &[], Some(0), false));
    assert!(!streamed(204, &[], Some(1), false));
    assert!(!streamed(200, &[("connection", "close")], None, false));
    assert!(!streamed(100, &[], None, false));
}
