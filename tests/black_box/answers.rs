//! What a guest may not answer: 500 to its client, a line in the log that says why, and the
//! connection goes on as if nothing had been.

use crate::harness::serve;

/// `/answer?…` of the guest `probe`, and what the log says of it.
const FORBIDDEN: &[(&str, &str)] = &[
    ("status=99", "the status 99"),
    ("status=0", "the status 0"),
    ("status=100", "the status 100"),
    ("status=101", "the status 101"),
    ("status=199", "the status 199"),
    ("status=600", "the status 600"),
    ("status=65535", "the status 65535"),
    ("status=204&body=x", "status 204 has no body"),
    ("status=205&body=x", "status 205 has no body"),
    ("status=304&body=x", "status 304 has no body"),
    ("name=x-a&value=b%0d%0aset-cookie:+c", "the value of the field \"x-a\""),
    ("name=x-b&value=b%0ac", "the value of the field \"x-b\""),
    ("name=x-c&value=b%0dc", "the value of the field \"x-c\""),
    ("name=x-d&value=b%00c", "the value of the field \"x-d\""),
    ("name=x-e&value=%7f", "the value of the field \"x-e\""),
    ("name=&value=b", "\"\" is not a field name"),
    ("name=a+b&value=c", "\"a b\" is not a field name"),
    ("name=a:&value=c", "\"a:\" is not a field name"),
    ("name=a%0d%0ab&value=c", "is not a field name"),
    ("name=%c3%a9&value=c", "is not a field name"),
    ("name=content-length&value=2&body=x", "the content-length \"2\""),
    ("name=Content-Length&value=0&body=x", "the content-length \"0\""),
    ("name=content-length&value=1,1&body=x", "the content-length \"1,1\""),
    ("name=content-length&value=%2b1&body=x", "the content-length \"+1\""),
    ("name=transfer-encoding&value=chunked", "\"transfer-encoding\" is the host's"),
    ("name=Transfer-Encoding&value=identity", "\"Transfer-Encoding\" is the host's"),
    ("name=connection&value=close", "\"connection\" is the host's"),
    ("name=keep-alive&value=5", "\"keep-alive\" is the host's"),
    ("name=upgrade&value=h2c", "\"upgrade\" is the host's"),
    ("name=trailer&value=x", "\"trailer\" is the host's"),
    ("name=te&value=x", "\"te\" is the host's"),
    ("name=proxy-connection&value=x", "\"proxy-connection\" is the host's"),
];

#[test]
fn what_can_not_be_sent_is_a_500() {
    let Some(server) = serve(&["hello", "probe"]) else { return };
    let mut client = server.connect();
    for (index, (query, why)) in FORBIDDEN.iter().enumerate() {
        let id = format!("forbidden-{index}");
        // The next request is sent with it: whatever went wrong must not be seen in its answer.
        client.send(format!(
            "GET /answer?{query} HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n"
        ));
        let answer = client.response();
        assert_eq!(answer.status, 500, "{query}");
        assert_eq!(answer.fields.len(), 4, "nothing of the guest's is sent: {answer:?}");
        assert_eq!(client.response().text(), "hello world", "{query}");
        let log = server.log.until(&[&format!("id={id} \"GET /answer")]);
        let line = log
            .lines()
            .find(|line| line.contains(&format!("id={id} \"GET /answer")))
            .expect("it was waited for");
        assert!(line.contains("guest=probe") && line.contains(why), "{query}: {line}");
    }
}

#[test]
fn what_can_be_sent_is() {
    let Some(server) = serve(&["hello", "probe"]) else { return };
    let mut client = server.connect();
    for status in [200, 204, 299, 304, 404, 418, 503, 599] {
        let answer = client.get(&format!("/answer?status={status}"));
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
    let answer = client.get("/answer?name=content-length&value=3&body=abc");
    assert_eq!(
        (answer.status, answer.text(), answer.field("content-length")),
        (200, "abc", Some("3"))
    );
    let answer = client.get("/answer?name=Date&value=Thu,+01+Jan+1970+00:00:00+GMT");
    assert_eq!(
        answer.field("date"),
        Some("Thu, 01 Jan 1970 00:00:00 GMT"),
        "a guest's own date stands"
    );
    let answer = client.get("/answer?name=x-a&value=%09tab+and+%22");
    assert_eq!(answer.field("x-a"), Some("tab and \""));
    let answer = client.get("/answer?name=x-request-id&value=forged");
    assert_ne!(answer.field("x-request-id"), Some("forged"), "the id is the one in the log");
    assert_eq!(client.get("/hello").text(), "hello world");
}

#[test]
fn a_head_is_what_a_get_would_have_had() {
    let Some(server) = serve(&["hello", "probe"]) else { return };
    let mut client = server.connect();
    for (query, length) in [
        ("body=four", Some("4")),
        ("", Some("0")),
        // Only of an answer to HEAD may the length be one that nobody can check.
        ("name=content-length&value=1000000", Some("1000000")),
        ("status=204", None),
    ] {
        client.send(format!("HEAD /answer?{query} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let answer = client.response_to_head();
        assert_eq!(answer.field("content-length"), length, "{query}: {answer:?}");
        assert_eq!(client.get("/hello").text(), "hello world", "{query}");
    }
}

#[test]
fn a_body_is_as_large_as_a_call_may_bring_out() {
    let Some(server) = serve(&["hello", "probe"]) else { return };
    let mut client = server.connect();
    let large = client.get("/bytes/8388608");
    assert!(
        large.status == 200
            && large.body.len() == 8 << 20
            && large.body.iter().all(|&byte| byte == b'b')
    );
    assert_eq!(client.get("/bytes/20000000").status, 500, "more than call_lifted_bytes_max");
    assert_eq!(client.get("/hello").text(), "hello world");
}
