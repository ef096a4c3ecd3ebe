//! What Python guests know of their clients and of their deployer: forms, cookies, sessions,
//! configuration, links, and the times of a wait.

use std::fs;

use super::{says, serve, stage};
use crate::deployed::names_what_it_cannot_parse;
use crate::harness::{Response, eventually, source};
use crate::web::{URLENCODED, cookie, logs_in_and_out, post, reads_forms, send};

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
    let named = ("name=Ann+%26+B%C3%B6b&age=7", "Ann & Böb 7");
    let age = "`age`: invalid literal for int() with base 10: 'x'";
    reads_forms(&server, "/form", named, "ann 0 a.png image/png 4", age);
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
    logs_in_and_out(&server, "", "ann", "ann");
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
