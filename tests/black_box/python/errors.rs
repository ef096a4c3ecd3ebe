//! What an author reads when something goes wrong, and what that costs nobody else.

use crate::harness::eventually;

use super::{printed, says, serve, stage};

#[test]
fn an_edit_is_served_and_a_syntax_error_is_not() {
    const ONE: &str = "from snow import route\n@route('GET', '/v')\ndef v():\n    return 'one'\n";
    let Some(server) = serve(&[("shop.py", ONE)]) else { return };
    assert_eq!(says(&server, "/v"), "one");
    server.folder.replace("shop.py", ONE.replace("one", "two").as_bytes());
    eventually("the edit is served", || (server.get("/v").text() == "two").then_some(()));
    server.folder.replace("shop.py", ONE.replace("def v()", "def v(").as_bytes());
    let log = server.log.until(&["shop.py\", line 3", "SyntaxError"]);
    assert!(!log.contains("engine.py") && !log.contains("wasm backtrace"), "{log}");
    assert_eq!(says(&server, "/v"), "two", "the last version serves on");
    server.folder.replace("shop.py", ONE.as_bytes());
    eventually("it is mended", || (server.get("/v").text() == "one").then_some(()));
}

#[test]
fn check_names_what_is_wrong_with_its_file_and_line() {
    for (text, words) in [
        ("def f(:\n    pass\n", &["shop.py\", line 1", "SyntaxError"][..]),
        ("x = 1\n1 / 0\n", &["shop.py\", line 2", "1 / 0", "ZeroDivisionError"]),
        ("import nothere\n", &["No module named 'nothere'", "pip install --target shop nothere"]),
        ("import ssl\n", &["shop.py\", line 1", "no _ssl"]),
        ("import native\n", &["shop/native.so is native code"]),
        (
            "from snow import route\n@route('GET', '/')\ndef f(a, b):\n    pass\n",
            &["f (shop.py, line 2) has the parameters a and b"],
        ),
    ] {
        let files = [("shop.py", text), ("shop/native.so", "\x7fELF")];
        let Some(stage) = stage(&files) else { return };
        let checked = stage.run("check", "shop.py");
        let said = printed(&checked);
        assert!(!checked.status.success(), "{text}: {said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in:\n{said}");
        }
        assert!(!said.contains("engine.py") && !said.contains("wasm"), "{said}");
    }
}

#[test]
fn what_goes_wrong_in_a_call_is_told_in_the_log() {
    const GUEST: &str = r#"
import asyncio
from snow import route
@route("GET", "/boom")
def boom():
    return helper(None)
def helper(x):
    return x.price + 1
@route("GET", "/nothing")
def nothing():
    pass
@route("GET", "/never")
async def never():
    await asyncio.Event().wait()
@route("GET", "/fine")
def fine():
    return "fine"
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    for (target, words) in [
        ("/boom", &["line 6, in boom", "x.price + 1", "AttributeError: "][..]),
        ("/nothing", &["nothing (shop.py, line 9) returned nothing"]),
        ("/never", &["line 14, in never", "this never ends"]),
    ] {
        assert_eq!(server.get(target).status, 500, "{target}");
        let log = server.log.until(words);
        assert!(!log.contains("engine.py") && !log.contains("_routing.py"), "{log}");
    }
    assert_eq!(says(&server, "/fine"), "fine");
}

#[test]
fn print_and_logging_are_lines_of_the_log() {
    const GUEST: &str = r#"
import logging, sys, warnings
from snow import route
@route("GET", "/log")
def log():
    print("printed ö", end="")
    print("to stderr", file=sys.stderr)
    logging.info("an info")
    logging.getLogger("shop").error("an error")
    logging.debug("not shown")
    return "ok"
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    says(&server, "/log");
    let log = server.log.until(&["printed ö", "to stderr", "an info", "an error"]);
    let line = |words: &str| log.lines().find(|line| line.contains(words)).unwrap().to_lowercase();
    assert!(line("to stderr").contains("warn"), "{log}");
    assert!(line("an error").contains("error"), "{log}");
    assert!(line("an info").contains("info") && line("printed").contains("info"), "{log}");
    assert!(!log.contains("not shown"), "{log}");
}

/// One instance serves all: it counts on after whatever a handler raises.
#[test]
fn what_a_handler_raises_costs_no_instance() {
    const GUEST: &str = r#"
import asyncio
from snow import route
class Own(BaseException):
    pass
count = 0
went_on = []
@route("GET", r"/raise/(?P<what>\w+)")
async def raises(what):
    global count
    count += 1
    task = asyncio.create_task(later())
    await asyncio.sleep(0)
    raise {
        "value": ValueError("a secret"),
        "exit": SystemExit("a secret"),
        "interrupt": KeyboardInterrupt("a secret"),
        "own": Own("a secret"),
        "group": ExceptionGroup("a secret", [ValueError("one")]),
    }[what]
async def later():
    await asyncio.sleep(0.001)
    went_on.append(True)
@route("GET", "/deep")
def deep():
    global count
    count += 1
    return again()
def again():
    return again() + "a secret"
@route("GET", "/count")
async def counted():
    await asyncio.sleep(0.005)
    return f"{count} {len(went_on)}"
@route("GET", "/memory")
def memory():
    raise MemoryError
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    let mut client = server.connect();
    let mut count = 0;
    for (target, words) in [
        ("/raise/value", "ValueError: a secret"),
        ("/raise/exit", "SystemExit: a secret"),
        ("/raise/interrupt", "KeyboardInterrupt: a secret"),
        ("/raise/own", "Own: a secret"),
        ("/raise/group", "ExceptionGroup: a secret (1 sub-exception)"),
        ("/deep", "RecursionError: maximum recursion depth exceeded"),
    ] {
        for _ in 0..3 {
            let answer = client.get(target);
            assert_eq!((answer.status, answer.text()), (500, "internal server error"), "{target}");
            count += 1;
        }
        let log = server.log.until(&[words]);
        let line = log.lines().find(|line| line.contains(words)).expect("it is there");
        assert!(line.contains("error") && !log.contains("_routing.py"), "{log}");
        assert_eq!(client.get("/count").text(), format!("{count} 0"), "{target}");
    }
    assert_eq!(client.get("/memory").status, 500);
    assert_eq!(client.get("/count").text(), "0 0", "another instance");
}

#[test]
fn a_route_that_is_named_in_a_call_comes_too_late() {
    const GUEST: &str = r#"
from snow import route
@route("GET", "/early")
def early():
    route("GET", "/late")(lambda: "late")
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    assert_eq!(server.get("/early").status, 500);
    server.log.until(&["line 5, in early", "the route /late comes too late"]);
    assert_eq!(server.get("/late").status, 404);
}

/// The error of a field that can't be sent has its name.
#[test]
fn a_field_is_latin_1_byte_for_byte() {
    const GUEST: &str = r#"
from snow import Response, route
@route("GET", "/euro")
def euro():
    return Response("", headers={"x-price": "5 €"})
@route("GET", "/byte")
def byte(request):
    return request.headers["x-a"].encode("latin-1")
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    assert_eq!(server.get("/euro").status, 500);
    server.log.until(&["the header field x-price", "urllib.parse.quote"]);
    let mut client = server.connect();
    client.send(b"GET /byte HTTP/1.1\r\nhost: a\r\nx-a: \xe2\x82\xac\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status, &*answer.body), (200, &b"\xe2\x82\xac"[..]));
}
