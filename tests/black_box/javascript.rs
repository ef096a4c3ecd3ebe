//! Guests in JavaScript and TypeScript: plain source files, evaluated by the engine in
//! `guest-sdk/js/engine`. What holds for engines of any language is in `sources`.

mod errors;
mod fetch;
mod files;
mod forms;
mod hostile;
mod store;
mod waiting;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{Server, Stage, eventually, workspace};

/// A server with one guest, `shop.js`.
fn shop(text: &str) -> Option<Server> {
    Some(Stage::new("js", &[("shop.js", text)])?.serve(1))
}

/// A server with the examples in both languages.
fn examples() -> Option<Server> {
    let text = |name: &str| fs::read_to_string(workspace().join("guests").join(name));
    let [js, ts] = ["js.js", "ts.ts"].map(|name| text(name).expect("the examples are there"));
    Some(Stage::new("js", &[("js.js", &js), ("ts.ts", &ts)])?.serve(2))
}

#[track_caller]
fn get(server: &Server, target: &str) -> (u16, String) {
    let answer = server.get(target);
    (answer.status, answer.text().to_owned())
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[test]
fn the_examples_greet_and_echo() {
    let Some(server) = examples() else { return };
    for language in ["js", "ts"] {
        let answer = server.get(&format!("/{language}/hello"));
        assert_eq!((answer.status, answer.text()), (200, &*format!("hello from {language}")));
        assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
        let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let echoed = server.connect().post(&format!("/{language}/echo"), &body);
        assert!(echoed.status == 200 && echoed.body == body, "{}", echoed.status);
        assert_eq!(server.connect().post(&format!("/{language}/echo"), b"").body, b"");
        assert_eq!(server.get(&format!("/{language}/nothing")).status, 404);
    }
}

#[test]
fn requests_of_one_language_are_stopped_by_the_other() {
    let Some(server) = examples() else { return };
    assert_eq!(get(&server, "/js/stop"), (409, "nobody is waiting".into()));
    for (held, stop) in [("js", "ts"), ("ts", "js"), ("js", "js"), ("ts", "ts")] {
        let mut clients: Vec<_> = (0..5).map(|_| server.ask(&format!("/{held}/req"))).collect();
        clients[0].is_silent();
        // The guests have no route that tells how many wait, so they are stopped until five were.
        for index in 0..5 {
            eventually("somebody waits", || {
                let answer = get(&server, &format!("/{stop}/stop?value={index}+%C3%A4"));
                (answer == ok("stop")).then_some(())
            });
        }
        let mut came: Vec<String> =
            clients.iter_mut().map(|client| client.response().text().to_owned()).collect();
        came.sort();
        assert_eq!(came, ["0 ä", "1 ä", "2 ä", "3 ä", "4 ä"], "{held} by {stop}");
    }
    assert_eq!(get(&server, "/ts/stop"), (409, "nobody is waiting".into()));
}

#[test]
fn random_numbers_never_repeat_in_fresh_instances_and_in_reused_ones() {
    let text = "import { route } from 'snow';
        route('GET', '/random', () => [
          Math.random(), Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(2)).join('-'),
        ]);";
    let manifest = "[guest.fresh]\ninstances = 'fresh'\nmount = '/fresh'\n";
    let files = [("reused.js", text), ("fresh.js", text), ("snow.toml", manifest)];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(2);
    let mut seen = HashSet::new();
    for target in ["/random", "/fresh/random"] {
        let mut client = server.connect();
        for _ in 0..1_000 {
            let answer = client.get(target);
            let values: Vec<serde_json::Value> =
                serde_json::from_str(answer.text()).expect("a list");
            assert!((0.0..1.0).contains(&values[0].as_f64().expect("a number")));
            for value in values {
                assert!(seen.insert(value.to_string()), "{target}: {value} came twice");
            }
        }
    }
    assert_eq!(seen.len(), 8_000);
}

#[test]
fn the_time_is_the_hosts_and_goes_on() {
    let Some(server) = shop(
        "import { route, timer } from 'snow';
        const loaded = Date.now();
        route('GET', '/now', () => String(Date.now()));
        route('GET', '/slept', async () => {
          const [start, date] = [performance.now(), Date.now()];
          await timer(30);
          await new Promise((over) => setTimeout(over, 20));
          return String(performance.now() - start >= 50 && Date.now() - date >= 49);
        });",
    ) else {
        return;
    };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    for _ in 0..3 {
        let before = now();
        let told: u128 = server.get("/now").text().parse().expect("a number");
        assert!((before..=now()).contains(&told), "{before} {told}");
    }
    assert_eq!(get(&server, "/slept"), ok("true"));
}

/// As everywhere on the web, a value's bytes are characters up to U+00FF.
#[test]
fn values_of_headers_are_relayed_byte_for_byte() {
    let Some(server) = shop(
        "import { route, setNext, setResult, pending, suspend } from 'snow';
        const relay = ({ headers }) => new Response('', { headers: { 'x-it': headers.get('x-it') } });
        const codes = ({ headers }) => [...headers.get('x-it')].map((each) => each.charCodeAt(0));
        route('GET', '/relay', relay);
        route('GET', '/hold', () => suspend(pending('it')));
        route('GET', '/tell', (request) => String(setNext('it', relay(request))));
        route('GET', '/told', async (request) => {
          const it = pending();
          setResult(it.token, relay(request));
          return (await it).response;
        });
        route('GET', '/codes', codes);
        route('GET', '/wide', () => new Response('', { headers: { 'x-it': 'ż' } }));",
    ) else {
        return;
    };
    let value: Vec<u8> = [b'a', b'\t'].into_iter().chain(0x20..0x7f).chain(0x80..=0xff).collect();
    let ask = |target: &str| {
        let mut stream = TcpStream::connect(server.address).expect("the server accepts");
        let head = format!("GET {target} HTTP/1.0\r\nx-it: ");
        stream.write_all(&[head.as_bytes(), &value, b"\r\n\r\n"].concat()).expect("it is read");
        stream
    };
    let answer = |mut stream: TcpStream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        bytes
    };
    let line = [b"\r\nx-it: ", &*value, b"\r\n"].concat();
    let has_it = |answer: &[u8]| answer.windows(line.len()).any(|part| part == line);
    assert!(has_it(&answer(ask("/relay"))));
    assert!(has_it(&answer(ask("/told"))));
    let held = ask("/hold");
    eventually("it is told", || answer(ask("/tell")).ends_with(b"true").then_some(()));
    assert!(has_it(&answer(held)));
    let codes = answer(ask("/codes"));
    let expected = serde_json::to_string(&value).expect("a list");
    assert!(codes.ends_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&codes));
    assert_eq!(server.get("/wide").status, 500);
    server.log.until(&["\"ż\" can't be a header's value: it has a character above U+00FF"]);
}

#[test]
fn half_a_character_is_replaced_wherever_it_goes() {
    let Some(server) = shop(
        "import { route, pending, setNext, suspend, waiting, Failure } from 'snow';
        const half = 'a\\uD83D';
        route('GET', '/text', () => half);
        route('GET', '/held', () => suspend(pending(half)));
        route('GET', '/tell', () => String(setNext(half, half)));
        route('GET', '/throw', () => { console.log('logged', half); throw new Error(half); });",
    ) else {
        return;
    };
    assert_eq!(get(&server, "/text"), ok("a\u{FFFD}"));
    let mut held = server.ask("/held");
    eventually("it waits", || (get(&server, "/tell") == ok("true")).then_some(()));
    assert_eq!(held.response().text(), "a\u{FFFD}");
    assert_eq!(server.get("/throw").status, 500);
    server.log.until(&["logged a\u{FFFD}", "Error: a\u{FFFD}"]);
}

#[test]
fn a_new_guest_is_served_and_passes_its_own_cases() {
    let Some(stage) = Stage::new("js", &[]) else { return };
    for (language, name) in [("js", "shop"), ("ts", "store")] {
        let made = Stage::command()
            .args(["new", language, name, "--in"])
            .arg(stage.folder.path())
            .output()
            .expect("the program can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let tested = stage.run("test", ".");
    let (out, err) =
        (String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
    assert_eq!(tested.status.code(), Some(0), "{out}{err}");
    assert!(out.ends_with("12 passed, 0 failed\n"), "{out}");
}

#[test]
fn the_examples_pass_their_cases() {
    let Some(stage) = Stage::new("js", &[]) else { return };
    for file in ["js.js", "js.test.toml", "ts.ts", "ts.test.toml"] {
        let text = fs::read_to_string(workspace().join("guests").join(file)).expect("it is there");
        stage.write(file, &text);
    }
    let tested = stage.run("test", ".");
    let out = String::from_utf8_lossy(&tested.stdout);
    assert_eq!(tested.status.code(), Some(0), "{out}");
    assert!(out.ends_with("19 passed, 0 failed\n"), "{out}");
}
