//! What Python guests know of their clients and of their deployer: forms, cookies, sessions,
//! configuration, links, and the times of a wait.

use std::fs;

use super::{says, serve, stage};
use crate::deployed::names_what_it_cannot_parse;
use crate::harness::{Client, Response, Server, eventually, source};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=xyz";

/// Sends a request with these header fields, each with its line end.
fn send(client: &mut Client, line: &str, fields: &str, body: &str) -> Response {
    let length = body.len();
    client.send(format!(
        "{line} HTTP/1.1\r\nhost: evil.example\r\n{fields}content-length: {length}\r\n\r\n{body}"
    ));
    client.response()
}

fn post(server: &Server, target: &str, kind: &str, body: &str) -> Response {
    let fields = format!("content-type: {kind}\r\n");
    send(&mut server.connect(), &format!("POST {target}"), &fields, body)
}

/// The name and the value of the cookie that an answer sets.
#[track_caller]
fn cookie(answer: &Response) -> String {
    let field = answer.field("set-cookie").expect("it sets a cookie");
    field.split(';').next().expect("it has a value").to_owned()
}

const FORMS: &str = r#"
from snow import route
@route("POST", "/form")
def form(request):
    form = request.form(value_bytes_max=2000)
    file = form.file("photo")
    sent = "" if file is None else f" {file.name} {file.content_type} {len(file.content)}"
    return f"{form['name']} {form.parsed('age', int, 0)}{sent}"
"#;

#[test]
fn a_form_is_read_and_what_is_none_is_refused() {
    let Some(server) = serve(&[("shop.py", FORMS)]) else { return };
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
    for (kind, body, status, text) in [
        (URLENCODED, "name=Ann+%26+B%C3%B6b&age=7", 200, "Ann & Böb 7"),
        (MULTIPART, &both, 200, "ann 0 a.png image/png 4"),
        (URLENCODED, "age=7", 400, "`name` is missing in the form"),
        (URLENCODED, "name=a&age=x", 400, "`age`: invalid literal for int() with base 10: 'x'"),
        (MULTIPART, &cut, 400, &cut_off),
        (MULTIPART, "name=ann", 400, &other),
        ("text/plain", "name=ann", 415, unknown),
        (URLENCODED, &fields, 413, "the form has more than 1000 fields"),
        (MULTIPART, &parts, 413, "the form has more than 1000 fields"),
        (URLENCODED, &long, 413, "`name` has more than 2000 bytes"),
    ] {
        let answer = post(&server, "/form", kind, body);
        assert_eq!((answer.status, answer.text()), (status, text));
    }
}

const LOGIN: &str = r#"
from snow import Response, Sessions, SigningKeys, route
sessions = Sessions("shop/sessions", keys=SigningKeys.stored, lifetime=3600)
@route("GET", "/user")
def user(request):
    return sessions.of(request).get("user", "nobody")
@route("GET", "/login")
def page(request):
    session = sessions.of(request)
    return session.save(session.csrf_token())
@route("POST", "/login")
def login(request):
    session, form = sessions.of(request), request.form()
    session.check_csrf(form.get("csrf"))
    session.renew()
    session["user"] = form["user"]
    return session.save(Response.redirect(request.path_for("/user")))
@route("POST", "/logout")
def logout(request):
    session = sessions.of(request)
    session.destroy()
    return session.save("bye")
"#;

#[test]
fn a_user_logs_in_and_out_in_whatever_instance() {
    let settings = "[guest.shop]\ninstances = 'fresh'\n";
    let files = [("shop.py", LOGIN), ("snow.toml", settings)];
    let Some(server) = stage(&files).map(|stage| stage.serve(2)) else { return };
    let user = |cookie: &str| {
        let fields = format!("cookie: {cookie}\r\n");
        send(&mut server.connect(), "GET /user", &fields, "").text().to_owned()
    };
    let login = |cookie: &str, token: &str| {
        let fields = format!("content-type: {URLENCODED}\r\ncookie: {cookie}\r\n");
        let body = format!("user=ann&csrf={token}");
        send(&mut server.connect(), "POST /login", &fields, &body)
    };
    assert_eq!(says(&server, "/user"), "nobody");
    let page = server.get("/login");
    let (before, token) = (cookie(&page), page.text().to_owned());
    assert_eq!(login("", &token).status, 403, "the token is of another session");
    assert_eq!(login(&before, "").status, 403);
    let answer = login(&before, &token);
    assert_eq!((answer.status, answer.field("location")), (303, Some("/user")));
    let flags = answer.field("set-cookie").expect("it is a new session").to_owned();
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
    let fields = format!("cookie: {session}\r\n");
    let bye = send(&mut server.connect(), "POST /logout", &fields, "");
    assert_eq!(cookie(&bye), "session=");
    assert_eq!(user(&session), "nobody");
    let log = server.log_by_now();
    assert!(!log.contains("Traceback"), "{log}");
}

/// The format of signed texts, and of the keys in the bucket, is that of the SDK for Rust.
#[test]
fn what_a_guest_in_rust_has_signed_is_read_in_python() {
    const GUEST: &str = r#"
from snow import Bucket, Response, SigningKeys, route
keys = lambda: SigningKeys.stored(Bucket("tornado"))
@route("GET", "/python")
def read(request):
    return str(request.signed_cookie("name", keys(), 3600))
@route("GET", "/sign")
def sign(request):
    response = Response("signed")
    response.set_signed_cookie("name", "Bob", keys())
    return response
"#;
    let settings = "[guest.shop]\nbuckets = ['tornado']\n";
    let Some(stage) = stage(&[("shop.py", GUEST), ("snow.toml", settings)]) else { return };
    let Some(rust) = source("tornado") else { return };
    let rust = fs::read(rust).expect("it was built");
    stage.folder.add("tornado.wasm", &rust);
    let server = stage.serve(1);
    let asked = |target: &str, cookie: &str| {
        let fields = format!("cookie: {cookie}\r\n");
        send(&mut server.connect(), target, &fields, "").text().to_owned()
    };
    let signed = cookie(&post(&server, "/form", URLENCODED, "name=Ann"));
    assert_eq!(asked("GET /python", &signed), "Ann");
    assert_eq!(asked("GET /python", &signed.replace("name=1.1.1", "name=1.1.2")), "None");
    let signed = cookie(&server.get("/sign"));
    assert_eq!(asked("GET /cookie", &signed), "you are Bob");
}

const DEPLOYED: &str = r#"
from snow import Response, config, deployment, route
@route("GET", "/config/(?P<name>.+)")
def value(request, name):
    found = config.get(name), config.secret(name), config.parsed("number", int), dict(config)
    return " ".join(map(str, found))
@route("GET", "/needs")
def needs():
    return config["none"]
@route("GET", "/links")
def links(request):
    links = request.url_for("/orders?a=b"), request.path_for("/orders"), deployment.base_url()
    response = Response(" ".join(map(str, links)))
    response.set_cookie("a", "b", path=deployment.cookie_path())
    return response
"#;

#[test]
fn a_guest_has_its_configuration_and_shows_no_secret() {
    let values =
        "[guest.shop.config]\nword = 'plain'\nhidden = { secret = 's3cret' }\nnumber = '7'\n";
    let files = [("shop.py", DEPLOYED), ("snow.toml", values)];
    let Some(server) = serve(&files) else { return };
    let all = "{'number': '7', 'word': 'plain'}";
    assert_eq!(says(&server, "/config/word"), format!("plain Secret(…) 7 {all}"));
    assert_eq!(says(&server, "/config/hidden"), format!("s3cret Secret(…) 7 {all}"));
    assert_eq!(says(&server, "/config/none"), format!("None None 7 {all}"));
    assert_eq!(server.get("/needs").status, 500);
    server.log.until(&["the guest needs a value of 'none'", "[guest.NAME.config]"]);
    names_what_it_cannot_parse(&server, values, "/config/word");
}

#[test]
fn links_and_cookies_lead_to_where_clients_find_the_guest() {
    let Some(server) = serve(&[("shop.py", DEPLOYED)]) else { return };
    for (public, mount, links, path) in [
        ("", "", "/orders?a=b /orders None", "/"),
        (
            "public_url = 'https://example.org:8443/app'",
            "mount = '/shop'",
            "https://example.org:8443/app/shop/orders?a=b /app/shop/orders \
             https://example.org:8443/app/shop",
            "/app/shop",
        ),
        ("", "mount = '/shop'", "/shop/orders?a=b /shop/orders None", "/shop"),
    ] {
        let manifest = format!("[server]\n{public}\n[guest.shop]\n{mount}\n");
        server.folder.replace("snow.toml", manifest.as_bytes());
        let target = if mount.is_empty() { "/links" } else { "/shop/links" };
        server.everywhere(target, links);
        let field = server.get(target).field("set-cookie").map(str::to_owned);
        assert_eq!(field, Some(format!("a=b; Path={path}")));
    }
}

const WAITS: &str = r#"
from snow import Pending, route, set_next, suspend
@route("GET", "/wait")
def wait(request):
    timeout = float(request.query["s"])
    return suspend(Pending("wait"), resume=waited, state=[1, 0.0], timeout=timeout)
def waited(resumed):
    times, seconds = resumed.state
    seconds += resumed.waited
    if resumed.timed_out or resumed.value.text == "how long":
        return f"{times} {round(seconds * 1000)} {round(resumed.left * 1000)}"
    state = [times + 1, seconds]
    return suspend(
        Pending("wait"), resume=waited, state=state, timeout=600, keep_deadline=True
    )
@route("GET", "/next/(?P<word>.+)")
def next(request, word):
    return str(set_next("wait", word.replace("+", " ")))
"#;

#[test]
fn a_request_knows_how_long_it_waited_and_can_keep_its_deadline() {
    /// The longest that a deadline may be late on a busy machine, in milliseconds.
    const LATE_MS_MAX: u64 = 20_000;
    let Some(server) = serve(&[("shop.py", WAITS)]) else { return };
    let next = |word: &str| {
        let target = format!("/next/{word}");
        eventually("it waits", || (server.get(&target).text() == "True").then_some(()));
    };
    let numbers = |answer: Response| -> [u64; 3] {
        let words = answer.text().split(' ');
        let all: Vec<u64> = words.map(|word| word.parse().expect("a number")).collect();
        all.try_into().expect("three numbers")
    };
    let mut client = server.ask("/wait?s=3000");
    next("how+long");
    let [times, ms, left] = numbers(client.response());
    assert_eq!(times, 1);
    assert!(ms < LATE_MS_MAX && left <= 3_000_001 && ms + left >= 2_999_000, "{ms} {left}");
    let mut client = server.ask("/wait?s=1.5");
    for _ in 0..3 {
        next("again");
    }
    let [times, ms, left] = numbers(client.response());
    assert!((2..=4).contains(&times) && left == 0, "{times} {left}");
    assert!((1_490..1_500 + LATE_MS_MAX).contains(&ms), "{ms}: one deadline for all");
}
