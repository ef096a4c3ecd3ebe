//! Guests in Python: a file in the folder, evaluated by the engine that `snow-host engine install
//! python` makes. It is made once for all tests; without the network or Python 3 they are skipped.

mod clients;
mod errors;
mod fetch;
mod frameworks;
mod refused;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::harness::{Server, Stage, eventually, run, workspace};

/// A folder with these files; `None` if the engine can't be made here.
pub fn stage(files: &[(&str, &str)]) -> Option<Stage> {
    static COMPILED: OnceLock<()> = OnceLock::new();
    let stage = Stage::new("python", files)?;
    // Compiling it takes longer than a server may take to listen; then it is in the cache.
    COMPILED.get_or_init(|| {
        let empty = Stage::new("python", &[("empty.py", "")]);
        drop(empty.map(|empty| empty.run("check", "empty.py")));
    });
    Some(stage)
}

/// A server of these files, with one worker.
fn serve(files: &[(&str, &str)]) -> Option<Server> {
    Some(stage(files)?.serve(1))
}

/// The examples in Python as they are in the repository, with files beside them.
fn examples(files: &[(&str, &str)]) -> Option<Stage> {
    let stage = stage(files)?;
    for name in ["python", "snow_py", "tornado_py"] {
        for ending in ["py", "test.toml"] {
            let name = format!("{name}.{ending}");
            let text = fs::read_to_string(workspace().join("guests").join(&name));
            stage.write(&name, &text.expect("it is there"));
        }
    }
    Some(stage)
}

/// Whether something that a test needs was made. Where `CI` is set it has to be.
fn worked(what: &str, output: &Output) -> bool {
    let why = String::from_utf8_lossy(&output.stderr);
    let success = output.status.success();
    assert!(success || env::var_os("CI").is_none(), "{what} can't be made:\n{why}");
    if !success {
        eprintln!("SKIPPED: a test that needs {what}, which can't be made here:\n{why}");
    }
    success
}

/// What a command has printed.
fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[track_caller]
fn says(server: &Server, target: &str) -> String {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.text().to_owned()
}

/// Waits until so many requests are held under a key, as another guest sees it.
#[track_caller]
fn held(server: &Server, target: &str, count: &str) {
    eventually("they wait", || (server.get(target).text() == count).then_some(()));
}

/// Counts who waits under the examples' keys.
const COUNT: &str = r#"
from snow import route, waiting
@route("GET", r"/count/(?P<key>.+)")
def count(key):
    return str(waiting(key))
"#;

#[test]
fn the_example_answers_as_all_languages_do() {
    let Some(stage) = examples(&[]) else { return };
    let server = stage.serve(2);
    let hello = server.get("/python/hello");
    assert_eq!((hello.status, hello.text()), (200, "hello from python"));
    assert_eq!(hello.field("content-type"), Some("text/plain; charset=utf-8"));
    let mut client = server.connect();
    client.send(
        "POST /python/echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/x-a; b=c\r\ncontent-length: 5\r\n\r\nhello",
    );
    let echo = client.response();
    assert_eq!((echo.status, echo.text()), (200, "hello"));
    assert_eq!(echo.field("content-type"), Some("text/x-a; b=c"));
    assert_eq!(client.post("/python/echo", &[0, 255]).body, [0, 255]);
    assert_eq!(client.get("/python/none").status, 404);
    assert_eq!(client.get("/python/echo").status, 405);
}

#[test]
fn a_request_is_held_and_stopped_in_whatever_instances() {
    let Some(stage) = examples(&[("count.py", COUNT)]) else { return };
    let server = stage.serve(2);
    assert_eq!(server.get("/python/stop").status, 409);
    // More than a worker has instances of a guest: those that are held have none.
    let mut waiting: Vec<_> = (0..200).map(|_| server.ask("/python/req")).collect();
    held(&server, "/count/requests-any", "200");
    waiting[0].is_silent();
    for index in 0..200 {
        assert_eq!(says(&server, &format!("/python/stop?value={index}%20%C3%B6")), "stop");
    }
    let answers: HashSet<String> =
        waiting.iter_mut().map(|client| client.response().text().to_owned()).collect();
    let expected: HashSet<String> = (0..200).map(|index| format!("{index} ö")).collect();
    assert_eq!(answers, expected);
    assert_eq!(server.get("/python/stop").status, 409);
}

/// A thousand numbers of each kind, in new instances and in one that is used again.
#[test]
fn random_numbers_never_repeat() {
    const GUEST: &str = r#"
import os, random, secrets, uuid
from snow import route
@route("GET", "/numbers")
def numbers():
    return f"{random.random()} {secrets.token_hex(8)} {uuid.uuid4()} {os.urandom(8).hex()}"
"#;
    for instances in ["\"fresh\"", "{ reuse = 10000 }"] {
        let settings = format!("[guest.numbers]\ninstances = {instances}\n");
        let files = [("numbers.py", GUEST), ("snow.toml", &settings)];
        let Some(server) = serve(&files) else { return };
        let mut seen = HashSet::new();
        let mut client = server.connect();
        for _ in 0..1_000 {
            let answer = client.get("/numbers");
            seen.extend(answer.text().split(' ').map(str::to_owned));
        }
        assert_eq!(seen.len(), 4_000, "{instances}");
    }
    // A reused instance is seeded anew: what one call sets is not what the next one gets.
    const SEEDED: &str = r#"
import random
from snow import route
@route("GET", "/seeded")
def seeded():
    number = random.random()
    random.seed(1)
    return str(number)
"#;
    let Some(server) = serve(&[("seeded.py", SEEDED)]) else { return };
    let mut client = server.connect();
    let numbers: HashSet<_> = (0..20).map(|_| client.get("/seeded").text().to_owned()).collect();
    assert_eq!(numbers.len(), 20);
}

#[test]
fn the_time_is_the_hosts() {
    let Some(server) = examples(&[]).map(|stage| stage.serve(2)) else { return };
    let (first, second) = (says(&server, "/python/now"), says(&server, "/python/now"));
    for time in [&first, &second] {
        assert!(time.starts_with("20") && time.ends_with("+00:00"), "{time}");
    }
    assert!(first < second, "{first} {second}");
    let date = server.get("/python/now").field("date").expect("it has a date").to_owned();
    assert!(date.contains(&first[..4]), "the same year: {first} {date}");
}

#[test]
fn modules_packages_and_files_lie_in_the_folder_beside() {
    const GUEST: &str = r#"
import json, pathlib
import greet
from lib.dates import today
from .greet import again
from snow import route
@route("GET", "/hello")
def hello():
    data = json.load(open("data/menu.json"))
    text = (pathlib.Path(__file__).parent / "data" / "a.txt").read_text()
    return greet.hello() + today() + again() + data["soup"] + text
@route("GET", "/write")
def write():
    open("data/a.txt", "w")
"#;
    let files = [
        ("shop.py", GUEST),
        ("shop/greet.py", "def hello():\n    return 'hello '\nagain = hello\n"),
        ("shop/lib/dates.py", "import calendar, zipfile\ndef today():\n    return 'today '\n"),
        ("shop/data/menu.json", r#"{"soup": "soup "}"#),
        ("shop/data/a.txt", "text"),
    ];
    let Some(server) = serve(&files) else { return };
    assert_eq!(says(&server, "/hello"), "hello today hello soup text");
    assert_eq!(server.get("/write").status, 500);
    server.log.until(&["t write files", "data/a.txt"]);
    fs::write(
        server.folder.path().join("shop/greet.py"),
        "def hello():\n    return 'hi '\nagain = hello\n",
    )
    .expect("it can be written");
    eventually("a module's edit is served", || {
        (server.get("/hello").text() == "hi today hi soup text").then_some(())
    });
}

#[test]
fn coroutines_wait_in_place_for_several_things_at_once() {
    const GUEST: &str = r#"
import asyncio, time
from snow import Pending, route, set_next, timer
@route("GET", "/timers")
async def timers():
    started = time.monotonic()
    waits = [timer(0.1) for _ in range(20)] + [asyncio.sleep(0.1) for _ in range(20)]
    await asyncio.gather(*waits)
    return str(time.monotonic() - started)
@route("GET", "/both")
async def both():
    one, two = await asyncio.gather(Pending("one"), Pending("two"))
    try:
        await asyncio.wait_for(Pending("never"), 0.01)
    except TimeoutError:
        return f"{one.text} {two.text}"
@route("GET", "/settle/(?P<key>.*)")
def settle(key):
    return str(set_next(key, key.upper()))
@route("GET", "/run")
def run():
    async def main():
        await asyncio.sleep(0.01)
        return "run"
    return asyncio.run(main())
@route("GET", "/sleep")
def sleep():
    time.sleep(0.01)
    return "slept"
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    let started = Instant::now();
    let took: f64 = says(&server, "/timers").parse().expect("a number");
    assert!((0.1..4.0).contains(&took), "they wait at the same time: {took}");
    assert!(started.elapsed() >= Duration::from_millis(100));
    let mut both = server.ask("/both");
    for key in ["two", "one"] {
        eventually("it waits", || {
            (server.get(&format!("/settle/{key}")).text() == "True").then_some(())
        });
    }
    assert_eq!(both.response().text(), "ONE TWO");
    assert_eq!((says(&server, "/run"), says(&server, "/sleep")), ("run".into(), "slept".into()));
}

#[test]
fn a_response_that_came_is_returned_with_a_field_more() {
    const GUEST: &str = r#"
from snow import Pending, Response, route, set_next, suspend
@route("GET", "/relay")
def relay():
    return suspend(Pending("relay"), resume=relayed)
def relayed(resumed):
    resumed.value.headers.add("x-relayed", "python")
    return resumed.value
@route("GET", "/reply")
def reply():
    answer = Response("a reply", 201, {"x-of": "python"})
    return answer if set_next("relay", answer) else ("nobody waits", 409)
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    for _ in 0..3 {
        let mut held = server.ask("/relay");
        let reply = eventually("it waits", || {
            Some(server.get("/reply")).filter(|answer| answer.status != 409)
        });
        assert_eq!((reply.status, reply.text()), (201, "a reply"));
        let relayed = held.response();
        assert_eq!((relayed.status, relayed.text()), (201, "a reply"));
        assert_eq!(relayed.field("x-of"), Some("python"));
        assert_eq!(relayed.field("x-relayed"), Some("python"));
    }
}

#[test]
fn methods_and_queries_are_those_of_the_other_sdks() {
    const GUEST: &str = r#"
from snow import Pending, route, suspend
@route("PUT|M-SEARCH", "/methods")
def methods(request):
    return request.query["a"]
@route("any", "/any")
def every(request):
    return request.method
@route("GET", "/late")
def late():
    return suspend(Pending(), timeout=0.001, on_timeout="late")
"#;
    let Some(server) = serve(&[("shop.py", GUEST)]) else { return };
    let mut client = server.connect();
    let fields = "&b".repeat(1000);
    for (line, status, text) in [
        ("PUT /methods?a=1&a=2", 200, "1"),
        ("M-SEARCH /methods?a=1", 200, "1"),
        ("GET /methods?a=1", 405, ""),
        ("PURGE /any", 200, "PURGE"),
        (&format!("PUT /methods?a=1{fields}"), 400, "there are more than 1000 fields"),
        ("GET /late", 200, "late"),
    ] {
        client.send(format!("{line} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let answer = client.response();
        assert_eq!(answer.status, status, "{line}");
        assert!(status == 405 || answer.text() == text, "{line}: {}", answer.text());
    }
}

#[test]
fn a_new_guest_passes_its_own_cases() {
    let Some(stage) = stage(&[]) else { return };
    let new = ["new", "python", "my-shop", "--in"].map(str::as_ref);
    let made = run(new.into_iter().chain([stage.folder.path().as_os_str()]));
    assert!(made.status.success() && printed(&made).contains("my-shop.py"), "{}", printed(&made));
    let tested = stage.run("test", ".");
    assert!(printed(&tested).contains("6 passed, 0 failed\n"), "{}", printed(&tested));
}

#[test]
fn the_examples_pass_their_cases() {
    let Some(stage) = examples(&[]) else { return };
    let tested = stage.run("test", ".");
    assert!(tested.status.success(), "{}", printed(&tested));
    assert!(printed(&tested).contains("18 passed, 0 failed\n"), "{}", printed(&tested));
}

/// Each block of Python in the pages is a guest, or could be part of one.
#[test]
fn the_code_in_the_pages_loads() {
    let Some(stage) = stage(&[]) else { return };
    let mut blocks = 0;
    for page in ["guest-sdk/python/README.md", "docs/languages.md", "docs/from-other-frameworks.md"]
    {
        let text = fs::read_to_string(workspace().join(page)).expect("the page is there");
        let code =
            text.split("\n```python\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        // Flask is not beside these.
        for code in code.filter(|code| !code.contains("from flask import")) {
            let name = format!("page-{blocks}.py");
            stage.write(&name, code);
            let checked = stage.run("check", &name);
            assert!(checked.status.success(), "{page}: {}", printed(&checked));
            blocks += 1;
        }
    }
    assert!(blocks >= 5, "{blocks} blocks were found");
}

/// The parts of the SDK and of the engine that need no host, under a plain Python.
#[test]
fn the_sdks_own_tests_pass() {
    let sdk = workspace().join("guest-sdk/python");
    let mut tests = Command::new("python3");
    tests.args(["-m", "unittest", "discover", "--start-directory", "tests"]);
    tests.current_dir(&sdk).env("PYTHONPATH", &sdk).env("PYTHONDONTWRITEBYTECODE", "1");
    let Ok(output) = tests.output() else {
        assert!(env::var_os("CI").is_none(), "there is no python3");
        eprintln!("SKIPPED: a test that needs python3");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
