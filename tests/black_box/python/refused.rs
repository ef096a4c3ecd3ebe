//! What the host can't be given: an exception with the author's file and line, and no trap. A trap
//! costs the instance, and five of them roll a new version back, which no client may bring about.

use super::{says, serve, stage};

/// Asks each of these with a body five times. Whatever comes of it, the instance is kept.
#[track_caller]
fn ask_each(guest: &str, body: &str, expected: &[(&str, u16, &[&str])]) {
    let settings = "[guest.shop]\ninstances = { reuse = 1000000 }\n";
    let Some(server) = serve(&[("shop.py", guest), ("snow.toml", settings)]) else { return };
    let mut client = server.connect();
    let mut count = 0;
    for (target, status, words) in expected {
        for _ in 0..5 {
            let answer = client.post(target, body.as_bytes());
            assert_eq!(answer.status, *status, "{target}: {}", answer.text());
            count += 1;
        }
        let log = server.log.until(words);
        assert!(!log.contains("trap") && !log.contains("panicked"), "{target}: {log}");
    }
    assert_eq!(says(&server, "/count"), count.to_string(), "one instance served them all");
}

/// `"\ud800"` in JSON is half of a surrogate pair. In lines of the log it is shown; a key or a token
/// that has it names nothing.
#[test]
fn half_a_surrogate_pair_is_no_trap() {
    const GUEST: &str = r#"
import logging, sys, warnings
from snow import Bucket, Failed, HTTPError, Pending, Response, route, set_next, set_result, suspend, waiting
count = 0
@route("POST", r"/(?P<what>\w+)")
def each(request, what):
    global count
    count += 1
    n = request.json()["name"]
    return globals()[what](n)
@route("GET", "/count")
def counted():
    return str(count)
def log(n):
    logging.warning("logged %s", n)
    print(f"printed {n}")
    print(f"to stderr {n}", file=sys.stderr)
    warnings.warn(f"warned {n}")
    return "ok"
def raised(n):
    raise ValueError(f"raised {n}")
def noted(n):
    error = ValueError("with a note")
    error.add_note(f"noted {n}")
    raise error
def key(n):
    return suspend(Pending("k/" + n))
def wait(n):
    return str(waiting("k/" + n))
def token(n):
    set_result(n)
def settled(n):
    set_next("k/" + n)
def value(n):
    set_next("k", n)
def failed(n):
    set_next("k", Failed("bad", n))
    return "ok"
def field(n):
    return Response("", headers={n: "x"})
def text(n):
    return f"hello {n}"
def error(n):
    raise HTTPError(404, f"no {n}")
def stored(n):
    Bucket().get(n)
"#;
    ask_each(
        GUEST,
        r#"{"name": "\ud800"}"#,
        &[
            ("/log", 200, &["logged \\ud800", "printed \\ud800", "to stderr \\ud800", "warned"]),
            ("/raised", 500, &["line 21, in raised", "ValueError: raised \\ud800"]),
            ("/noted", 500, &["line 25, in noted", "noted \\ud800"]),
            ("/key", 500, &["line 27, in key", "the key has '\\ud800', half of a surrogate pair"]),
            ("/wait", 500, &["line 29, in wait"]),
            ("/token", 500, &["line 31, in token", "the token has '\\ud800'"]),
            ("/settled", 500, &["line 33, in settled"]),
            ("/value", 500, &["line 35, in value", "the value has '\\ud800'"]),
            ("/failed", 200, &[]),
            ("/field", 500, &["a header field's name has", "each (shop.py, line 5) has returned"]),
            ("/text", 500, &["the text has '\\ud800'"]),
            ("/error", 500, &["line 44, in error", "the text of an HTTPError has"]),
            ("/stored", 500, &["line 46, in stored"]),
        ],
    );
}

#[test]
fn numbers_and_types_that_do_not_fit_are_no_traps() {
    const GUEST: &str = r#"
import snow
from snow import Failed, HTTPError, Pending, Response, route, set_next, set_result, suspend, timer
count = 0
kept = None
@route("POST", r"/(?P<what>\w+)")
def each(request, what):
    global count
    count += 1
    return globals()[what](request)
@route("GET", "/count")
def counted():
    return str(count)
def large(request):
    return "", 70000
def negative(request):
    return "", -1
def late(request):
    return suspend(Pending(), on_timeout=("x", 99999))
def response(request):
    set_next("k", Response(status=70000))
def changed(request):
    answer = Response("x")
    answer.status = "x"
    return answer
def token(request):
    set_result(request.json()["token"])
def no_key(request):
    set_next(None)
def bytes_key(request):
    Pending(b"x")
def error(request):
    raise HTTPError("x", "y")
def failed(request):
    set_next("k", Failed(5, 6))
def twice(request):
    pending = Pending("k")
    return suspend(pending, pending)
def suspended(request):
    global kept
    if kept is None:
        kept = suspend(Pending("k"))
        return "kept"
    return kept
def pending(request):
    global kept
    if not isinstance(kept, Pending):
        kept = Pending("k")
        return "kept"
    return kept.token
def when(request):
    timer("x")
def flag(request):
    return suspend(timer(0), keep_request=5, resume=flagged)
def flagged(resumed):
    return resumed.request.method
def application(environ, start_response):
    global count
    count += 1
    start_response("99999999 x", [])
    return []
snow.wsgi(application, "/wsgi/app")
"#;
    ask_each(
        GUEST,
        r#"{"token": 5}"#,
        &[
            ("/large", 500, &["the status is 70000: it must be in 200 to 599", "each (shop.py"]),
            ("/negative", 500, &["the status is -1"]),
            ("/late", 500, &["line 19, in late", "the status is 99999"]),
            ("/response", 500, &["line 21, in response"]),
            ("/changed", 500, &["the status is a whole number, not str"]),
            ("/token", 500, &["line 27, in token", "the token is str, not int"]),
            ("/no_key", 500, &["line 29, in no_key", "the key is str, not NoneType"]),
            ("/bytes_key", 500, &["line 31, in bytes_key", "the key is str, not bytes"]),
            ("/error", 500, &["line 33, in error"]),
            ("/failed", 500, &["line 35, in failed"]),
            ("/twice", 500, &["line 38, in twice", "one Pending twice"]),
            ("/when", 500, &["line 52, in when", "a time is a number of seconds, not str"]),
            ("/flag", 200, &[]),
            ("/wsgi/app", 500, &["line 60, in application", "the status '99999999 x'"]),
        ],
    );
}

/// What an earlier call has made is gone, and what is made in this one is not touched by that.
#[test]
fn what_an_earlier_call_has_made_is_refused() {
    const GUEST: &str = r#"
from snow import Pending, route, suspend
kept = None
@route("POST", "/suspension")
def suspension():
    global kept
    before, kept = kept, kept or suspend(Pending("k"))
    return before or "made"
@route("POST", "/pending")
def pending():
    global kept
    before, kept = kept, Pending("k")
    return before.token if before else "made"
@route("POST", "/waited")
async def waited():
    await kept
"#;
    let settings = "[guest.shop]\ninstances = { reuse = 1000000 }\n";
    for (target, place) in
        [("/suspension", "suspension (shop.py, line 4)"), ("/pending", "line 13, in pending")]
    {
        let Some(server) = serve(&[("shop.py", GUEST), ("snow.toml", settings)]) else { return };
        let mut client = server.connect();
        assert_eq!(client.post(target, b"").text(), "made");
        for _ in 0..5 {
            assert_eq!(client.post(target, b"").status, 500);
        }
        if target == "/pending" {
            assert_eq!(client.post("/waited", b"").status, 500);
            server.log.until(&["line 16, in waited"]);
        }
        let log = server.log.until(&["this Pending was made by an earlier call", place]);
        assert!(!log.contains("trap") && !log.contains("panicked"), "{log}");
    }
}

/// The answer does not wait for what its handler has left.
#[test]
fn a_task_that_does_not_end_is_dropped() {
    const GUEST: &str = r#"
import asyncio
from snow import route
count = 0
async def forever():
    while True:
        try:
            await asyncio.sleep(0.05)
        except:
            pass
@route("GET", r"/left/(?P<what>\w+)")
async def left(what):
    global count
    count += 1
    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    if what == "raises":
        raise ValueError("raised")
    return f"{count}"
@route("GET", "/fine")
async def fine():
    await asyncio.sleep(0.001)
    return f"{len(asyncio.all_tasks())}"
"#;
    let settings = "[guest.shop]\ninstances = { reuse = 1000000 }\n";
    let Some(server) = serve(&[("shop.py", GUEST), ("snow.toml", settings)]) else { return };
    assert_eq!(says(&server, "/left/answers"), "1");
    server.log.until(&["does not end when it is cancelled", "forever (shop.py, line 8)"]);
    assert_eq!(server.get("/left/raises").status, 500);
    assert_eq!(says(&server, "/left/answers"), "3", "the instance is kept");
    assert_eq!(says(&server, "/fine"), "1", "none of them goes on");
}

/// The engine has modules of these names too.
#[test]
fn a_guests_modules_may_have_any_name() {
    const NAMES: [&str; 8] =
        ["engine", "failure", "folder", "fresh_random", "guest", "kept_code", "library", "output"];
    let imports = NAMES.map(|name| format!("import {name}\n")).concat();
    let named = NAMES.map(|name| format!("{name}.NAME")).join(", ");
    let guest = format!(
        "from snow import route\n{imports}@route('GET', '/names')\ndef names():\n    return [{named}]\n"
    );
    let Some(stage) = stage(&[("shop.py", &guest)]) else { return };
    for name in NAMES {
        stage.write(&format!("shop/{name}.py"), &format!("NAME = '{name}'\n"));
    }
    let server = stage.serve(1);
    let expected = NAMES.map(|name| format!("\"{name}\"")).join(", ");
    assert_eq!(says(&server, "/names"), format!("[{expected}]"));
}
