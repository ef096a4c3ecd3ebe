//! Properties that hold for all bytes from outside: no reader of a client's words panics, holds more
//! than it was sent, or takes long; and what is written is read again.

use crate::form::FormLimits;
use crate::session::record;
use crate::signed::SigningKeys;
use crate::{Cookie, Request, Response, query};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The pieces of random input. With these, more of it gets further than its first byte.
const PIECES: [&str; 44] = [
    "--xyz",
    "\r\n--xyz",
    "\r\n--xyz--",
    "--xyz\r\n",
    "\r\n\r\n",
    "\r\n",
    "\r",
    "\n",
    "--",
    " ",
    "content-disposition: form-data; name=a\r\n\r\n",
    "Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n",
    "content-disposition",
    "content-type: text/plain",
    "content-transfer-encoding: binary",
    ": ",
    "form-data",
    "; name=",
    "; filename=",
    "\"",
    "\\",
    "\\\"",
    ";",
    "=",
    "&",
    "+",
    "%",
    "%2",
    "%22",
    "%0D%0A",
    "%ff",
    "%C3%BC",
    "a",
    "name",
    "1",
    ".",
    "1.1.1000.YW5u",
    "=\"two\"",
    "; ",
    ",",
    "ü",
    "€",
    "\0",
    "_",
];

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => (0..PIECES.len()).prop_map(|at| PIECES[at].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn some_text() -> impl Strategy<Value = String> {
    some_bytes().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn limits() -> FormLimits {
    FormLimits { parts_max: 6, value_bytes_max: 40, file_bytes_max: 60 }
}

fn posted(kind: &str, body: Vec<u8>) -> Request {
    Request::new("POST", "/").with_header("content-type", kind).with_body(body)
}

/// A `content-type`: mostly one of a form.
fn some_kind() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("multipart/form-data; boundary=xyz".to_owned()),
        4 => Just("application/x-www-form-urlencoded".to_owned()),
        1 => some_text().prop_map(|text| format!("multipart/form-data; boundary={text}")),
        1 => some_text(),
    ]
}

/// A name in a form. A literal `%22` and a backslash before a quote are left out: by the way that
/// browsers write names, nobody can tell these from a quote.
fn some_name() -> impl Strategy<Value = String> {
    some_text().prop_map(|name| name.replace(['%', '\\'], "-"))
}

/// Content of a part, which never has the boundary in it.
fn some_content() -> impl Strategy<Value = Vec<u8>> {
    let is_free = |bytes: &Vec<u8>| {
        let framed = [b"\r\n", &**bytes, b"\r\n--xy"].concat();
        !framed.windows(5).any(|window| window == b"--xyz")
    };
    some_bytes().prop_filter("it has the boundary", is_free)
}

/// A part of a form: a field, or a file with its name.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    file_name: Option<String>,
    content: Vec<u8>,
}

fn some_part() -> impl Strategy<Value = Part> {
    let file_name = proptest::option::of(some_name());
    (some_name(), file_name, some_content()).prop_map(|(name, file_name, content)| Part {
        name,
        file_name,
        content,
    })
}

/// Writes a form as browsers do.
fn multipart(parts: &[Part]) -> Vec<u8> {
    let quoted = |name: &str| {
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        format!("\"{name}\"")
    };
    let mut body = Vec::new();
    for Part { name, file_name, content } in parts {
        let file_name = file_name.as_deref().map(|name| format!("; filename={}", quoted(name)));
        let disposition =
            format!("form-data; name={}{}", quoted(name), file_name.unwrap_or_default());
        body.extend(format!("--xyz\r\nContent-Disposition: {disposition}\r\n\r\n").into_bytes());
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--xyz--\r\n");
    body
}

/// Reads a form and checks that it holds no more than was sent. Returns the status.
fn read(request: &Request, sent: usize) -> u16 {
    let form = match request.form_within(limits()) {
        Ok(form) => form,
        Err(error) => return Response::from(error).code(),
    };
    let fields: Vec<(&str, &str)> = form.fields().collect();
    assert!(fields.len() + form.files().len() <= limits().parts_max);
    let mut bytes = 0;
    for (name, value) in fields {
        // A byte that is not UTF-8 becomes a character of three.
        assert!(value.len() <= 3 * limits().value_bytes_max);
        bytes += name.len() + value.len().div_ceil(3);
    }
    let body = request.body().as_ptr_range();
    for file in form.files() {
        assert!(file.bytes.len() <= limits().file_bytes_max);
        assert!(file.bytes.is_empty() || body.contains(&file.bytes.as_ptr()), "nobody copies it");
        let kind = file.content_type.as_ref().map_or(0, String::len);
        bytes += file.field.len() + file.name.len() + kind + file.bytes.len();
    }
    assert!(bytes <= sent, "{bytes} bytes of {sent}");
    200
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn keys(version: u32) -> SigningKeys {
    SigningKeys::new(version, [version as u8; 32]).expect("it is long enough")
}

/// A change of a text: which byte, whether that goes, and what stands there instead.
fn changed(text: &str, place: usize, goes: bool, instead: &str) -> String {
    let place = place % (text.len() + 1);
    let after = (place + usize::from(goes)).min(text.len());
    format!("{}{instead}{}", &text[..place], &text[after..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_form_is_more_than_was_sent(kind in some_kind(), body in some_bytes()) {
        let sent = body.len();
        prop_assume!(kind.bytes().all(|byte| byte >= b' ' || byte == b'\t'));
        let status = read(&posted(&kind, body), sent);
        prop_assert!([200, 400, 413, 415].contains(&status), "{status}");
    }

    #[test]
    fn no_form_is_more_than_its_limits(pairs in "[a=&%2]{0,60}", parts in vec(some_part(), 0..9)) {
        read(&posted("application/x-www-form-urlencoded", pairs.clone().into_bytes()), pairs.len());
        let body = multipart(&parts);
        let sent = body.len();
        read(&posted("multipart/form-data; boundary=xyz", body), sent);
    }

    #[test]
    fn what_is_sent_as_a_form_is_read(fields in vec((some_text(), some_text()), 0..8)) {
        let pairs = fields.iter().map(|(name, value)| {
            format!("{}={}", query::encode(name), query::encode(value))
        });
        let body = pairs.collect::<Vec<_>>().join("&");
        let request = posted("application/x-www-form-urlencoded", body.into_bytes());
        let form = request.form().expect("it is well-formed");
        let read: Vec<_> = form.fields().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        prop_assert_eq!(read, fields);
    }

    #[test]
    fn what_is_sent_in_parts_is_read(parts in vec(some_part(), 0..6)) {
        let request = posted("multipart/form-data; boundary=\"xyz\"", multipart(&parts));
        let form = request.form().expect("it is well-formed");
        let read: Vec<_> = form.fields().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        let fields = parts.iter().filter(|part| part.file_name.is_none()).map(|part| {
            (part.name.clone(), String::from_utf8_lossy(&part.content).into_owned())
        });
        prop_assert_eq!(read, fields.collect::<Vec<_>>());
        let read: Vec<_> = form.files().iter().map(|file| {
            (file.field.clone(), file.name.clone(), file.bytes.to_vec())
        }).collect();
        let files = parts.iter().filter_map(|part| {
            Some((part.name.clone(), part.file_name.clone()?, part.content.clone()))
        });
        prop_assert_eq!(read, files.collect::<Vec<_>>());
    }

    #[test]
    fn no_cookie_is_more_than_was_sent(fields in vec(some_bytes(), 0..4)) {
        let request = fields.iter().fold(Request::new("GET", "/"), |request, field| {
            request.with_header("cookie", field.clone())
        });
        let bytes: usize = request.cookies().map(|(a, b)| a.len() + b.len()).sum();
        prop_assert!(bytes <= fields.iter().map(Vec::len).sum());
        prop_assert!(request.cookies().all(|(name, value)| !(name.to_owned() + value).contains(';')));
        let _ = request.signed_cookie("a", &keys(1), Duration::MAX);
    }

    #[test]
    fn a_cookie_that_is_set_is_sent_back_and_sets_nothing_else(
        name in prop_oneof![9 => "[a-z_-]{1,6}", 1 => some_text()],
        value in prop_oneof![9 => "[!-~]{0,4}", 1 => "[\\x00-\\x7fü]{0,4}"],
        path in prop_oneof![9 => "[a-z=/;]{0,4}", 1 => some_text()],
        domain in proptest::option::of(prop_oneof![9 => "[a-z.;]{0,4}", 1 => some_text()]),
    ) {
        let mut cookie = Cookie::new(&name, &value).path(format!("/{path}")).http_only();
        if let Some(domain) = &domain {
            cookie = cookie.domain(domain);
        }
        let Ok(field) = cookie.field() else { return Ok(()) };
        prop_assert!(field.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{field:?}");
        let parts: Vec<&str> = field.split(';').map(str::trim_ascii).collect();
        prop_assert_eq!(parts.len(), 3 + usize::from(domain.is_some()), "{}", field);
        prop_assert_eq!(parts[parts.len() - 1], "HttpOnly");
        let request = Request::new("GET", "/").with_header("cookie", parts[0]);
        prop_assert_eq!(request.cookies().collect::<Vec<_>>(), [(&*name, &*value)]);
    }

    #[test]
    fn what_is_signed_is_read_and_nothing_else_is(
        (name, value) in (some_text(), some_text()),
        (place, goes, instead) in (any::<usize>(), any::<bool>(), "[a-zA-Z0-9._=+ -]{0,2}"),
        (signed_s, passed_s) in (0..1_u64 << 40, prop_oneof![0..7_200_u64, 3_599..3_602_u64]),
    ) {
        let hour = Duration::from_secs(3_600);
        let text = keys(1).sign_at(&name, &value, at(signed_s));
        let now = at(signed_s + passed_s);
        let read = keys(1).verify_at(&name, &text, hour, now);
        prop_assert_eq!(read.as_ref().ok(), (passed_s <= 3_600).then_some(&value));
        let other = changed(&text, place, goes, &instead);
        if other != text {
            prop_assert!(keys(1).verify_at(&name, &other, Duration::MAX, now).is_err(), "{other}");
        }
        for other in [format!("{name}x"), "x".repeat(name.len())] {
            let is_taken = keys(1).verify_at(&other, &text, Duration::MAX, now).is_ok();
            prop_assert_eq!(is_taken, other == name);
        }
        prop_assert!(keys(2).verify_at(&name, &text, Duration::MAX, now).is_err());
    }

    #[test]
    fn no_text_is_taken_that_was_not_signed(
        text in prop_oneof![some_text(), "1\\.1\\.[0-9]{1,21}\\.[a-zA-Z0-9_-]{0,9}\\.[a-zA-Z0-9_-]{43}"],
        now in 0..1_u64 << 40,
    ) {
        prop_assert!(keys(1).verify_at("user", &text, Duration::MAX, at(now)).is_err());
        let _ = SigningKeys::parse(&text);
    }

    #[test]
    fn a_session_that_was_written_is_read(
        text in some_text(),
        written in any::<u64>(),
        fields in proptest::collection::btree_map(some_text(), some_text(), 0..6),
    ) {
        let pairs = fields.iter().map(|(name, value)| {
            format!("{}={}", query::encode(name), query::encode(value))
        });
        let line = format!("{written} {}", pairs.collect::<Vec<_>>().join("&"));
        prop_assert_eq!(record(&line).unwrap(), (written, fields, line));
        if let Ok((written, fields, again)) = record(&text) {
            prop_assert_eq!(record(&again).unwrap(), (written, fields, again));
        }
    }
}

/// Bytes of the inputs that a reader with steps in the square of them would not come to the end of:
/// that would be 10^13 steps, and hours.
const MANY_BYTES: usize = 4 << 20;

fn many(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(MANY_BYTES).collect()
}

#[test]
fn the_steps_of_a_form_are_in_proportion_to_its_bytes() {
    let limits = FormLimits {
        parts_max: usize::MAX,
        value_bytes_max: usize::MAX,
        file_bytes_max: usize::MAX,
    };
    let part = "--xyz\r\ncontent-disposition: form-data; name=a\r\n\r\n";
    let pieces =
        ["\r", "\r\n", "\r\n--xy", "\r\n--xyz", "-", "\"", "\\\"", ";", "%", "&", "=", "%f"];
    for piece in pieces {
        let text = String::from_utf8(many(piece)).expect("it is ASCII");
        for body in [text.clone(), format!("{part}{text}"), format!("{part}{text}\r\n--xyz--")] {
            let request = posted("multipart/form-data; boundary=xyz", body.into_bytes());
            let _ = request.form_within(limits);
        }
        let request = posted("application/x-www-form-urlencoded", text.into_bytes());
        let _ = request.form_within(limits);
    }
    for part in ["\r\n--xyz\r\ncontent-disposition: form-data; name=a\r\n\r\n", "\r\n--xyz\r\n"] {
        let request = posted("multipart/form-data; boundary=xyz", many(part));
        let _ = request.form_within(limits);
    }
}

#[test]
fn the_steps_of_a_head_are_in_proportion_to_its_bytes() {
    for piece in ["\"", "\\", "\\\"", ";", "=", "; a=b", ";\"", "a=\"", ",", ".", "é"] {
        let text = String::from_utf8_lossy(&many(piece)).into_owned();
        let request = Request::new("POST", "/")
            .with_header("cookie", text.as_str())
            .with_header("accept", text.as_str())
            .with_header("content-type", format!("multipart/form-data; boundary={text}"));
        let _ = (request.cookies().count(), request.accepts(&["a/b"]), request.form().is_ok());
        let _ = (keys(1).verify("a", &text, Duration::MAX).is_ok(), SigningKeys::parse(&text));
        let _: Option<(u64, BTreeMap<String, String>, String)> = record(&text).ok();
    }
}
