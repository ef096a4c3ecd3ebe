//! Guests in JavaScript and TypeScript: plain source files, evaluated by the engine in
//! `guest-sdk/js/engine`. What holds for engines of any language is in `sources`.

use std::collections::HashSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

#[test]
fn an_edit_is_served_at_once_and_a_syntax_error_keeps_the_old_version() {
    let Some(server) = shop("import { route } from 'snow';\nroute('GET', '/a', () => 'one');\n")
    else {
        return;
    };
    assert_eq!(get(&server, "/a"), ok("one"));
    let edited = Instant::now();
    server
        .folder
        .replace("shop.js", b"import { route } from 'snow';\nroute('GET', '/a', () => 'two');\n");
    eventually("the new answer", || (get(&server, "/a") == ok("two")).then_some(()));
    let took = edited.elapsed();
    assert!(took < Duration::from_secs(5), "an edit took {took:?}");

    server
        .folder
        .replace("shop.js", b"import { route } from 'snow';\nroute('GET', '/a', () => );\n");
    server.log.until(&["SyntaxError", "shop.js:2:"]);
    assert_eq!(get(&server, "/a"), ok("two"));
    server.folder.replace("shop.js", b"import { nothing } from 'snow';\n");
    server.log.until(&["Could not find export 'nothing'"]);
    server.folder.replace("shop.js", b"import { x } from './shop/x.js';\n");
    server.log.until(&["can't import './shop/x.js': there is no shop/x.js", "at shop.js:1:"]);
    server.folder.replace("shop.js", b"\nthrow new Error('at the top');\n");
    server.log.until(&["Error: at the top", "shop.js:2:"]);
    server.folder.replace("shop.js", b"await new Promise(() => {});\n");
    server.log.until(&["the file waits for something that nobody will settle"]);
    assert_eq!(get(&server, "/a"), ok("two"));
}

#[test]
fn an_exception_names_its_line_and_nobody_elses_request_fails() {
    let Some(server) = shop(
        "import { route } from 'snow';
        const read = (order) => order.price;
        route('GET', '/null', () => String(read(null)));
        route('GET', '/async', async () => {
          await null;
          throw new RangeError('too late', { cause: new Error('the cause') });
        });
        route('GET', '/deep', () => { const deep = () => deep() + 1; return String(deep()); });
        route('GET', '/caught', () => {
          const deep = () => deep() + 1;
          try { deep(); } catch (error) { return error.name; }
        });
        route('GET', '/thrown', () => { throw { no: 'error' }; });
        route('GET', '/fine', () => 'fine');",
    ) else {
        return;
    };
    for (target, words) in [
        ("/null", &["TypeError: cannot read property 'price' of null", "read (shop.js:2:"][..]),
        ("/async", &["RangeError: too late", "shop.js:6:", "caused by Error: the cause"]),
        ("/deep", &["RangeError: Maximum call stack size exceeded", "shop.js:8:"]),
        ("/thrown", &["thrown: { no: \"error\" }"]),
    ] {
        assert_eq!(server.get(target).status, 500, "{target}");
        server.log.until(words);
        assert_eq!(get(&server, "/fine"), ok("fine"));
    }
    assert_eq!(get(&server, "/caught"), ok("RangeError"));
    assert!(
        !server.log_by_now().contains("snow:"),
        "the engine's own frames are nobody's business"
    );
}

#[test]
fn what_is_no_answer_is_named() {
    let Some(server) = shop(
        "import { route, pending, suspend } from 'snow';
        route('GET', '/nothing', () => {});
        route('GET', '/number', async () => 7);
        route('GET', '/resume', () => suspend(pending(), { resume: function goOn() {} }));
        route('GET', '/never', () => new Promise(() => {}));",
    ) else {
        return;
    };
    for (target, words) in [
        ("/nothing", "the handler of GET /nothing (shop.js:2) returned undefined: return a string"),
        ("/number", "the handler of GET /number (shop.js:3) returned a number"),
        ("/resume", "give it to the route, as in route(…, { resume: goOn })"),
        ("/never", "GET /never (shop.js:5) waits for something that nobody will settle"),
    ] {
        assert_eq!(server.get(target).status, 500, "{target}");
        server.log.until(&[words]);
    }
}

#[test]
fn a_rejection_that_nobody_handles_is_in_the_log() {
    let Some(server) = shop(
        "import { route } from 'snow';
        route('GET', '/lost', () => { Promise.reject(new Error('lost')); return 'fine'; });
        route('GET', '/kept', async () => {
          const rejected = Promise.reject(new Error('kept'));
          await null;
          await rejected.catch(() => {});
          return 'fine';
        });
        route('GET', '/log', () => { console.warn('one', { two: [3] }); return 'fine'; });",
    ) else {
        return;
    };
    for target in ["/kept", "/lost", "/log"] {
        assert_eq!(get(&server, target), ok("fine"), "{target}");
    }
    let log = server.log.until(&["unhandled rejection: Error: lost", "one { two: [3] }"]);
    assert!(log.contains("shop.js:2:") && !log.contains("Error: kept"), "{log}");
}

#[test]
fn a_guest_imports_from_the_folder_beside_it() {
    let files = [
        (
            "shop.js",
            "import { route } from 'snow';
            import { greet } from './shop/greet.js';
            import data from './shop/data.json' with { type: 'json' };
            import half from 'half';
            route('GET', '/greet', () => greet(data.name));
            route('GET', '/half', () => String(half(data.number)));
            route('GET', '/late', async () => (await import('./shop/late.ts')).late('x'));",
        ),
        (
            "shop/greet.js",
            "import { mark } from './lib/mark.ts';\nexport const greet = (who) => `hello ${who}${mark}`;",
        ),
        ("shop/lib/mark.ts", "export const mark: string = '!' as const;"),
        ("shop/late.ts", "export function late<T>(it: T): string { return `late ${it}`; }"),
        ("shop/data.json", "{ \"name\": \"ada\", \"number\": 3 }"),
        (
            "shop/node_modules/half/package.json",
            "{ \"exports\": { \".\": { \"require\": \"./no.cjs\", \"import\": \"./lib/half.mjs\" } } }",
        ),
        ("shop/node_modules/half/lib/half.mjs", "export default (number) => number / 2;"),
    ];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(1);
    assert_eq!(get(&server, "/greet"), ok("hello ada!"));
    assert_eq!(get(&server, "/half"), ok("1.5"));
    assert_eq!(get(&server, "/late"), ok("late x"));
    server.folder.replace("shop/lib/mark.ts", b"export const mark: string = '?';");
    eventually("the new answer", || (get(&server, "/greet") == ok("hello ada?")).then_some(()));
}

#[test]
fn typescript_that_makes_code_is_refused_with_its_line() {
    let Some(stage) = Stage::new("js", &[("shop.ts", "\nenum A { B }\n")]) else { return };
    let checked = stage.run("check", "shop.ts");
    let text = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{text}");
    assert!(text.contains("an enum: write an object") && text.contains("shop.ts:2:1"), "{text}");
}

#[test]
fn handlers_wait_in_place_for_all_and_for_the_first() {
    let Some(server) = shop(
        "import { route, pending, timer, settle, settleAll, waiting } from 'snow';
        let token;
        route('GET', '/both', async () => {
          const [a, b] = await Promise.all([pending('a'), pending('b')]);
          return { a: a.text(), b: b.json() };
        });
        route('GET', '/race', () => Promise.race([
          pending('never').then(() => 'pending'), timer(20).then(() => 'clock'),
        ]));
        route('GET', '/late', async () => String(await pending('never').wait({ timeoutMs: 20 })));
        route('GET', '/failed', () => pending('b').then(() => '', (error) => error.code));
        route('GET', '/waiting', () => `${waiting('a')} ${waiting('b')}`);
        route('POST', '/a', async (request) => String(settleAll('a', await request.bytes())));
        route('POST', '/b', () => String(settleAll('b', { x: 1 })));
        route('POST', '/fail', () => String(settleAll('b', Object.assign(new Error(), { code: 'no' }))));
        route('GET', '/token', () => {
          const one = pending();
          settle(one.token, 'x');
          try { settle(one.token, 'y'); } catch ({ name, code }) { return `${name} ${code}`; }
        });",
    ) else {
        return;
    };
    let is = |text: &str| eventually(text, || (get(&server, "/waiting") == ok(text)).then_some(()));
    let mut both = server.ask("/both");
    is("1 1");
    assert_eq!(server.connect().post("/b", b"").text(), "1");
    both.is_silent();
    assert_eq!(server.connect().post("/a", "ä".as_bytes()).text(), "1");
    assert_eq!(both.response().text(), "{\"a\":\"ä\",\"b\":{\"x\":1}}");
    assert_eq!(get(&server, "/race"), ok("clock"));
    assert_eq!(get(&server, "/late"), ok("null"));
    assert_eq!(get(&server, "/token"), ok("Refusal already-settled"));
    let mut failed = server.ask("/failed");
    is("0 1");
    assert_eq!(server.connect().post("/fail", b"").text(), "1");
    assert_eq!(failed.response().text(), "no");
}

#[test]
fn a_suspension_carries_state_and_goes_on_in_steps() {
    let Some(server) = shop(
        "import { route, pending, suspend, settleNext, waiting } from 'snow';
        route('GET', '/steps/(.*)', (request) => {
          const state = { path: request.params[0], came: [] };
          return suspend([pending('a'), pending('b')], { until: 'any', state, keepRequest: true, resume: one });
        }, { resume: [two, one] });
        function one({ state, index, unsettled, text }) {
          state.came.push(index);
          return suspend(unsettled, { state, resume: two });
        }
        function two(resumed) {
          return { ...resumed.state, last: resumed.text(), kept: resumed.request === null };
        }
        route('GET', '/hold', () => suspend(pending('a'), { timeoutMs: 20, onTimeout: { late: true } }));
        route('POST', '/(a|b)', async (request) => String(settleNext(request.params[0], await request.text())));",
    ) else {
        return;
    };
    let mut client = server.ask("/steps/x%20y");
    client.is_silent();
    for (key, value) in [("/b", "1"), ("/a", "2")] {
        eventually("it waits", || {
            (server.connect().post(key, value.as_bytes()).text() == "true").then_some(())
        });
    }
    let text = client.response().text().to_owned();
    assert_eq!(text, "{\"path\":\"x y\",\"came\":[1],\"last\":\"2\",\"kept\":true}");
    assert_eq!(get(&server, "/hold"), ok("{\"late\":true}"));
}

/// It needs npm, and the network if npm has not cached the packages.
#[test]
fn packages_of_npm_are_bundled_and_used_as_they_are() {
    let Some(stage) = Stage::new("js", &[]) else { return };
    let source = workspace().join("tests/guests/npm");
    for file in ["package.json", "package-lock.json", "src/index.js"] {
        let text = fs::read_to_string(source.join(file)).expect("the source is there");
        // A project of another name than the guest, or its packages would be part of it.
        stage.write(&format!("project/{file}"), &text);
    }
    let folder = stage.folder.path().join("project");
    let built = Command::new("sh")
        .arg("-c")
        .arg(
            "npm ci --ignore-scripts --no-audit --no-fund --silent && npx --no-install esbuild \
             src/index.js --bundle --format=esm --external:snow --log-level=warning --outfile=../npm.js",
        )
        .current_dir(&folder)
        .output()
        .expect("there is a shell");
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr);
        assert!(std::env::var_os("CI").is_none(), "npm can't bundle:\n{why}");
        eprintln!("SKIPPED: npm can't bundle here:\n{why}");
        return;
    }
    let server = stage.serve(1);
    let post = |target: &str, body: &str| {
        let answer = server.connect().post(target, body.as_bytes());
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(
        post("/npm/validate", "{\"id\":1,\"mail\":\"a@b.org\",\"x\":1}"),
        ok("{\"id\":1,\"mail\":\"a@b.org\",\"tags\":[]}")
    );
    assert_eq!(
        post("/npm/validate", "{\"id\":1.5,\"mail\":\"nobody\"}"),
        (422, "[\"id\",\"mail\"]".into())
    );
    assert_eq!(get(&server, "/npm/date"), ok("2024-02-29 is a Thursday"));
    assert_eq!(get(&server, "/npm/router/hello/ada?x=1"), ok("{\"hello\":\"ada\",\"x\":\"1\"}"));
    assert_eq!(post("/npm/router/echo", "[1]"), ok("[1]"));
    assert_eq!(server.get("/npm/router/none").status, 404);
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
    assert!(out.ends_with("10 passed, 0 failed\n"), "{out}");
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
    assert!(out.ends_with("12 passed, 0 failed\n"), "{out}");
}
