//! What guests in Go know of their clients: forms, cookies, what is accepted, signed cookies and
//! sessions, also those of guests in Rust.

use super::{INSTANCES, get, ok, serve};
use crate::harness::{Client, Folder, Response, Server, Setup};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=xyz";

/// Sends a request with these header fields, each with its line end.
fn send(client: &mut Client, line: &str, fields: &str, body: &str) -> Response {
    let length = body.len();
    client.send(format!(
        "{line} HTTP/1.1\r\nhost: a\r\n{fields}content-length: {length}\r\n\r\n{body}"
    ));
    client.response()
}

fn post(server: &Server, target: &str, kind: &str, body: &str) -> Response {
    let fields = format!("content-type: {kind}\r\n");
    send(&mut server.connect(), &format!("POST {target}"), &fields, body)
}

/// The answer to a request with this cookie.
fn asked(server: &Server, line: &str, cookie: &str) -> Response {
    send(&mut server.connect(), line, &format!("cookie: {cookie}\r\n"), "")
}

/// The name and the value of the cookie that an answer sets.
#[track_caller]
fn cookie(answer: &Response) -> String {
    let field = answer.field("set-cookie").expect("it sets a cookie");
    field.split(';').next().expect("it has a value").to_owned()
}

#[test]
fn a_form_is_read_and_what_is_none_is_refused() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    let part = |name: &str, value: &str| {
        format!("--xyz\r\ncontent-disposition: form-data; name={name}\r\n\r\n{value}\r\n")
    };
    let photo = part("photo; filename=\"a.png\"\r\ncontent-type: image/png", "\u{0}png");
    let both = format!("{}{photo}--xyz--", part("name", "ann"));
    let cut = part("name", "ann");
    let malformed = |why: &str| format!("malformed multipart/form-data: {why}");
    let cut_off = malformed("it is cut off: the last boundary is missing");
    let other = malformed("the boundary that `content-type` names is not there");
    let unknown = "the content must be `application/x-www-form-urlencoded` or \
                   `multipart/form-data`, not \"text/plain\"";
    let (fields, parts) = ("&a".repeat(100_000), part("a", "").repeat(10_000));
    let long = format!("name={}", "x".repeat(2_001));
    let named = "name=Ann+%26+B%C3%B6b&age=7&box=1&box=2";
    for (kind, body, status, text) in [
        (URLENCODED, named, 200, "Ann & Böb 7 [\"1\" \"2\"]"),
        (MULTIPART, &both, 200, "ann 0 [] a.png image/png 4"),
        (URLENCODED, "age=7", 400, "`name` is missing in the form"),
        (URLENCODED, "name=a&age=x", 400, "`age`: invalid syntax"),
        (MULTIPART, &cut, 400, &cut_off),
        (MULTIPART, "name=ann", 400, &other),
        ("text/plain", "name=ann", 415, unknown),
        (URLENCODED, &fields, 413, "the form has more than 1000 fields"),
        (MULTIPART, &parts, 413, "the form has more than 1000 fields"),
        (URLENCODED, &long, 413, "`name` has more than 2000 bytes"),
    ] {
        let answer = post(&server, "/clients/form", kind, body);
        assert_eq!((answer.status, answer.text()), (status, text));
    }
}

#[test]
fn cookies_are_read_and_set_and_the_best_type_is_found() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    let mut client = server.connect();
    let fields = "cookie: b=\"2\"; a=1\r\ncookie: c; a=3\r\n";
    let answer = send(&mut client, "GET /clients/cookies", fields, "");
    assert_eq!(answer.text(), "[\"a=1\" \"a=3\" \"b=2\"] \"1\" true");
    let answer = send(&mut client, "POST /clients/cookie", "", "b");
    let wanted = "a=b; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
    assert_eq!(answer.field("set-cookie"), Some(wanted));
    let answer = send(&mut client, "POST /clients/cookie", "", "b; Domain=evil.example");
    assert_eq!((answer.status, answer.field("set-cookie")), (500, None));
    server.log.until(&["the cookie \"a\" can't be set: a value is visible ASCII"]);
    let answer = send(&mut client, "POST /clients/redirect", "", "orders?a=b");
    assert_eq!((answer.status, answer.field("location")), (303, Some("/orders?a=b")));
    let answer = send(&mut client, "POST /clients/redirect", "", "\r\nset-cookie: a=b");
    assert_eq!((answer.status, answer.field("location")), (500, None));
    server.log.until(&["a redirect needs a location"]);
    for (accept, status, text) in [
        ("", 200, "\"json\""),
        ("accept: text/*;q=0.9, */*;q=0.1\r\n", 200, "html"),
        ("accept: image/png\r\n", 406, "neither"),
    ] {
        let answer = send(&mut client, "GET /clients/accepts", accept, "");
        assert_eq!((answer.status, answer.text()), (status, text), "{accept}");
    }
}

#[test]
fn a_user_logs_in_and_out_in_whatever_instance() {
    for instances in INSTANCES {
        let Some(server) = serve(instances) else { return };
        let user = |cookie: &str| asked(&server, "GET /clients/user", cookie).text().to_owned();
        let login = |cookie: &str, token: &str| {
            let fields = format!("content-type: {URLENCODED}\r\ncookie: {cookie}\r\n");
            let body = format!("user=ann&csrf={token}");
            send(&mut server.connect(), "POST /clients/login", &fields, &body)
        };
        assert_eq!(get(&server, "/clients/user"), ok("nobody"));
        let page = server.get("/clients/login");
        let (before, token) = (cookie(&page), page.text().to_owned());
        assert_eq!(login("", &token).status, 403, "the token is of another session");
        assert_eq!(login(&before, "").status, 403);
        let answer = login(&before, &token);
        assert_eq!((answer.status, answer.field("location")), (303, Some("/clients/user")));
        let flags = answer.field("set-cookie").expect("it is a new session");
        assert!(flags.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"), "{flags}");
        let session = cookie(&answer);
        assert_eq!((&*user(&session), &*user(&before)), ("ann", "nobody"));
        // What was changed anywhere is no session, and no error.
        let name = "session=".len();
        for at in (name..session.len()).step_by(7).chain([session.len() - 1]) {
            let mut forged = session.clone().into_bytes();
            forged[at] = if forged[at] == b'7' { b'8' } else { b'7' };
            let forged = String::from_utf8(forged).expect("it is ASCII");
            assert_eq!(user(&forged), "nobody", "{forged}");
        }
        let bye = asked(&server, "POST /clients/logout", &session);
        assert_eq!((bye.text(), &*cookie(&bye)), ("bye", "session="));
        assert_eq!(user(&session), "nobody");
    }
}

#[test]
fn the_cookie_of_a_session_goes_below_the_guests_mount() {
    let Some(folder) = Folder::with(&["gopher"]) else { return };
    folder.add("snow.toml", b"[guest.gopher]\nmount = '/go'\n");
    let server = Setup::new(folder).workers(1).start();
    let page = server.get("/go/clients/login");
    let flags = page.field("set-cookie").expect("it has a token").to_owned();
    assert!(flags.contains("; Path=/go; "), "{flags}");
}

/// The format of signed texts, and of the keys in the bucket, is that of the SDK for Rust.
#[test]
fn what_a_guest_in_rust_has_signed_is_read_in_go() {
    let Some(folder) = Folder::with(&["gopher", "tornado"]) else { return };
    folder.add("snow.toml", b"[guest.gopher]\nbuckets = ['tornado']\n");
    let server = Setup::new(folder).workers(1).start();
    let signed = cookie(&post(&server, "/form", URLENCODED, "name=Ann"));
    let name = |cookie: &str| asked(&server, "GET /clients/name", cookie).text().to_owned();
    assert_eq!(name(&signed), "\"Ann\" true");
    assert_eq!(name(&signed.replace("name=1.1.1", "name=1.1.2")), "\"\" false");
    let signed = cookie(&server.connect().post("/clients/name", "Böb; ".as_bytes()));
    assert_eq!(asked(&server, "GET /cookie", &signed).text(), "you are Böb; ");
}

/// The format of sessions, and their cookie, are those of the SDK for Rust.
#[test]
fn a_session_of_a_guest_in_rust_goes_on_in_go_and_back() {
    let Some(folder) = Folder::with(&["gopher", "notes"]) else { return };
    folder.add("snow.toml", b"[guest.gopher]\nbuckets = ['notes', 'notes/sessions']\n");
    let server = Setup::new(folder).workers(1).start();
    let page = server.get("/notes/sign-up");
    let (before, token) = (cookie(&page), page.text().split("name=\"csrf\" value=\"").nth(1));
    let token = token.and_then(|rest| rest.split('"').next()).expect("there is a form");
    let body = format!("name=ann&password=correct+horse&csrf={token}");
    let fields = format!("content-type: {URLENCODED}\r\ncookie: {before}\r\n");
    let entered = send(&mut server.connect(), "POST /notes/sign-up", &fields, &body);
    assert_eq!(entered.status, 303, "{}", entered.text());
    let session = cookie(&entered);
    assert_eq!(asked(&server, "GET /clients/notes", &session).text(), "ann");
    assert_eq!(asked(&server, "GET /clients/notes", &before).text(), "nobody");
    // What Go writes into it, Rust reads.
    let fields = format!("cookie: {session}\r\n");
    let changed = send(&mut server.connect(), "POST /clients/notes", &fields, "Bob & Co");
    assert_eq!((changed.status, changed.field("set-cookie")), (200, None));
    let rust = |cookie: &str| {
        let answer = asked(&server, "GET /notes/", cookie);
        answer.field("location").unwrap_or_default().to_owned()
    };
    assert_eq!(asked(&server, "GET /clients/notes", &session).text(), "Bob & Co");
    send(&mut server.connect(), "POST /clients/notes", &fields, "bob");
    assert_eq!(rust(&session), "of/bob");
    // And a session that Go begins is one in Rust.
    let begun = server.connect().post("/clients/notes", b"cid");
    let flags = begun.field("set-cookie").expect("it is a new session");
    assert!(flags.ends_with("; Path=/notes; Max-Age=3600; HttpOnly; SameSite=Lax"), "{flags}");
    assert_eq!(rust(&cookie(&begun)), "of/cid");
}
