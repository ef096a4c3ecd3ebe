//! What guests in Go know of their clients: forms, cookies, what is accepted, signed cookies and
//! sessions, also those of guests in Rust.

use super::{INSTANCES, serve};
use crate::harness::{Folder, Setup};
use crate::web::{URLENCODED, asked, cookie, logs_in_and_out, post, reads_forms, send};

#[test]
fn a_form_is_read_and_what_is_none_is_refused() {
    let Some(server) = serve(INSTANCES[1]) else { return };
    let named = ("name=Ann+%26+B%C3%B6b&age=7&box=1&box=2", "Ann & Böb 7 [\"1\" \"2\"]");
    let photo = "ann 0 [] a.png image/png 4";
    reads_forms(&server, "/clients/form", named, photo, "`age`: invalid syntax");
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
        assert_eq!(logs_in_and_out(&server, "/clients", "ann", "ann").text(), "bye");
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
