//! What guests in several languages do alike for their clients: the requests of such tests, and the
//! cases of a form and of a session that are the same in each language.

use crate::harness::{Client, Response, Server};

pub const URLENCODED: &str = "application/x-www-form-urlencoded";
pub const MULTIPART: &str = "multipart/form-data; boundary=xyz";

/// Sends a request with these header fields, each with its line end.
pub fn send(client: &mut Client, line: &str, fields: &str, body: &str) -> Response {
    let length = body.len();
    client.send(format!(
        "{line} HTTP/1.1\r\nhost: evil.example\r\n{fields}content-length: {length}\r\n\r\n{body}"
    ));
    client.response()
}

pub fn post(server: &Server, target: &str, kind: &str, body: &str) -> Response {
    let fields = format!("content-type: {kind}\r\n");
    send(&mut server.connect(), &format!("POST {target}"), &fields, body)
}

/// The answer to a request with this cookie.
pub fn asked(server: &Server, line: &str, cookie: &str) -> Response {
    send(&mut server.connect(), line, &format!("cookie: {cookie}\r\n"), "")
}

/// The name and the value of the cookie that an answer sets.
#[track_caller]
pub fn cookie(answer: &Response) -> String {
    let field = answer.field("set-cookie").expect("it sets a cookie");
    field.split(';').next().expect("it has a value").to_owned()
}

/// A part of a form without a file.
pub fn part(name: &str, value: &str) -> String {
    format!("--xyz\r\ncontent-disposition: form-data; name={name}\r\n\r\n{value}\r\n")
}

/// What a part, or a form, is told that ends too early.
pub const CUT_OFF: &str =
    "malformed multipart/form-data: it is cut off: the last boundary is missing";

/// Checks a route that reads a form with a name of 2,000 bytes at most, an age and a photo: what it
/// answers to `named`, to a name and a photo, and to an age that is none; and what all languages
/// refuse in the same words.
#[track_caller]
pub fn reads_forms(
    server: &Server,
    target: &str,
    named: (&str, &str),
    photo_text: &str,
    age_text: &str,
) {
    let photo = part("photo; filename=\"a.png\"\r\ncontent-type: image/png", "\u{0}png");
    let both = format!("{}{photo}--xyz--", part("name", "ann"));
    let cut = part("name", "ann");
    let other =
        "malformed multipart/form-data: the boundary that `content-type` names is not there";
    let unknown = "the content must be `application/x-www-form-urlencoded` or \
                   `multipart/form-data`, not \"text/plain\"";
    let (fields, parts) = ("&a".repeat(100_000), part("a", "").repeat(10_000));
    let long = format!("name={}", "x".repeat(2_001));
    for (kind, body, status, text) in [
        (URLENCODED, named.0, 200, named.1),
        (MULTIPART, &both, 200, photo_text),
        (URLENCODED, "age=7", 400, "`name` is missing in the form"),
        (URLENCODED, "name=a&age=x", 400, age_text),
        (MULTIPART, &cut, 400, CUT_OFF),
        (MULTIPART, "name=ann", 400, other),
        ("text/plain", "name=ann", 415, unknown),
        (URLENCODED, &fields, 413, "the form has more than 1000 fields"),
        (MULTIPART, &parts, 413, "the form has more than 1000 fields"),
        (URLENCODED, &long, 413, "`name` has more than 2000 bytes"),
    ] {
        let answer = post(server, target, kind, body);
        assert_eq!((answer.status, answer.text()), (status, text));
    }
}

/// Checks the routes `/user`, `/login` and `/logout` below a path: a user logs in with the token of
/// the form, a session that was changed anywhere is none, and the user logs out. `form` is the name
/// as a form has it. Returns the answer to the log out.
#[track_caller]
pub fn logs_in_and_out(server: &Server, base: &str, form: &str, name: &str) -> Response {
    let user = |cookie: &str| asked(server, &format!("GET {base}/user"), cookie).text().to_owned();
    let login = |cookie: &str, token: &str| {
        let fields = format!("content-type: {URLENCODED}\r\ncookie: {cookie}\r\n");
        let body = format!("user={form}&csrf={token}");
        send(&mut server.connect(), &format!("POST {base}/login"), &fields, &body)
    };
    let nobody = server.get(&format!("{base}/user"));
    assert_eq!((nobody.status, nobody.text()), (200, "nobody"));
    let page = server.get(&format!("{base}/login"));
    let (before, token) = (cookie(&page), page.text().to_owned());
    assert_eq!(login("", &token).status, 403, "the token is of another session");
    assert_eq!(login(&before, "").status, 403);
    let answer = login(&before, &token);
    let user_page = format!("{base}/user");
    assert_eq!((answer.status, answer.field("location")), (303, Some(&*user_page)));
    let flags = answer.field("set-cookie").expect("it is a new session");
    assert!(flags.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"), "{flags}");
    let session = cookie(&answer);
    assert_eq!((&*user(&session), &*user(&before)), (name, "nobody"));
    // What was changed anywhere is no session, and no error.
    let value_at = "session=".len();
    for at in (value_at..session.len()).step_by(7).chain([session.len() - 1]) {
        let mut forged = session.clone().into_bytes();
        forged[at] = if forged[at] == b'7' { b'8' } else { b'7' };
        let forged = String::from_utf8(forged).expect("it is ASCII");
        assert_eq!(user(&forged), "nobody", "{forged}");
    }
    let bye = asked(server, &format!("POST {base}/logout"), &session);
    assert_eq!(cookie(&bye), "session=");
    assert_eq!(user(&session), "nobody");
    bye
}
