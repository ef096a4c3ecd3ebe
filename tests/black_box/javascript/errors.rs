//! What is thrown: errors, and answers; and what is no answer.

use super::{get, ok, shop};
use crate::harness::Stage;

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

/// A route that came with a request was once kept, for nobody, by the instance that served it.
#[test]
fn a_route_that_a_handler_makes_comes_too_late() {
    let Some(server) = shop(
        "import { route } from 'snow';
        route('GET', '/make', () => { route('GET', '/made', () => 'made'); return 'made'; });",
    ) else {
        return;
    };
    for _ in 0..2 {
        assert_eq!(server.get("/make").status, 500);
    }
    server.log.until(&[
        "Error: the route /made comes too late: routes are made while the file is evaluated",
        "shop.js:2:",
    ]);
    assert_eq!(server.get("/made").status, 404);
}

/// An instance that was lost with each exception once made 223 requests a second of 11,100.
#[test]
fn an_exception_costs_its_call_and_not_the_instance() {
    let Some(server) = shop(
        "import { route, pending, timer, waiting } from 'snow';
        let [served, leaked] = [0, 0];
        const leak = () => { leaked += 1; };
        route('GET', '/count', () => `${++served} ${leaked} ${waiting('key')}`);
        route('GET', '/sync', () => {
          pending('key').then(leak);
          setTimeout(leak, 1);
          timer(1).then(leak);
          Promise.resolve().then(() => Promise.resolve()).then(() => setTimeout(leak));
          throw new Error('sync');
        });
        route('GET', '/async', async () => { pending('key'); await timer(1); null.x; });
        route('GET', '/timer', () => new Promise(() => setTimeout(() => null.x)));
        route('GET', '/deep', () => { const deep = () => deep() + 1; return deep(); });
        route('GET', '/stuck', () => new Promise(() => {}));
        route('GET', '/number', () => 7);
        route('GET', '/rejected', () => {
          Promise.reject({ get x() { throw new Error(); } });
          throw { get x() { throw new Error(); } };
        });",
    ) else {
        return;
    };
    let targets = ["/sync", "/async", "/timer", "/deep", "/stuck", "/number", "/rejected"];
    for (index, target) in targets.into_iter().enumerate() {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.text()), (500, "internal server error"), "{target}");
        assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(get(&server, "/count"), ok(&format!("{} 0 0", index + 1)), "{target}");
    }
    let log = server.log.until(&["TypeError: cannot read property 'x' of null"]);
    let line = log.lines().find(|line| line.contains("Error: sync")).expect("it is logged");
    assert!(line.to_lowercase().contains("error") && line.contains("shop"), "{line}");
}

/// An engine without memory is given up, since nobody knows what it could still do.
#[test]
fn an_instance_without_memory_is_replaced() {
    let text = "import { route } from 'snow';
        let served = 0;
        const kept = [];
        route('GET', '/count', () => String(++served));
        route('GET', '/eat', () => { for (;;) kept.push(new Array(10_000).fill('x')); });";
    let manifest = "[guest.shop]\nmemory_bytes_max = 16_777_216\n";
    let Some(stage) = Stage::new("js", &[("shop.js", text), ("snow.toml", manifest)]) else {
        return;
    };
    let server = stage.serve(1);
    assert_eq!(get(&server, "/count"), ok("1"));
    assert_eq!(server.get("/eat").status, 500);
    server.log.until(&["InternalError: out of memory"]);
    assert_eq!(get(&server, "/count"), ok("1"));
}

#[test]
fn answers_are_thrown_and_are_no_errors() {
    let Some(server) = shop(
        "import { route, pending, setNext, suspend, Failure, HTTPError } from 'snow';
        const find = (number) => { if (number !== '7') throw new HTTPError(404, `no order ${number}`); };
        route('GET', '/orders/(.*)', ({ params }) => { find(params[0]); return 'found'; });
        route('GET', '/later/(.*)', async ({ params }) => { await null; find(params[0]); return 'found'; });
        route('GET', '/login', () => { throw Response.redirect('/there'); });
        route('POST', '/json', async (request) => (await request.json()).name);
        route('GET', '/held', () => suspend(pending('held')), { resume: (came) => {
          if (came.failure?.code === 'sold-out') throw new HTTPError(409, came.failure.message);
          return 'came';
        } });
        route('GET', '/fail', () => String(setNext('held', new Failure('sold-out', 'nothing is left'))));
        route('GET', '/end', () => { console.log('the end'); return ''; });",
    ) else {
        return;
    };
    let answer = |status: u16, text: &str| (status, text.to_owned());
    for target in ["/orders/", "/later/"] {
        assert_eq!(get(&server, &format!("{target}7")), ok("found"));
        assert_eq!(get(&server, &format!("{target}8")), answer(404, "no order 8"));
    }
    let login = server.get("/login");
    assert_eq!((login.status, login.field("location")), (302, Some("/there")));
    let post = |body: &str| {
        let answer = server.connect().post("/json", body.as_bytes());
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(post("{\"name\": \"ada\"}"), ok("ada"));
    assert_eq!(post(""), answer(400, "the request's body is not JSON: it is empty"));
    // The last would use up the stack of wasm, which is a trap, and is blamed on the version.
    for body in ["{\"name\": \n", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)] {
        let (status, text) = post(body);
        assert!(status == 400 && text.starts_with("the request's body is not JSON: "), "{text}");
    }
    let mut held = server.ask("/held");
    held.is_silent();
    assert_eq!(get(&server, "/fail"), ok("true"));
    let held = held.response();
    assert_eq!((held.status, held.text()), (409, "nothing is left"));
    server.get("/end");
    let log = server.log.until(&["the end"]);
    assert!(!log.contains("HTTPError") && !log.to_lowercase().contains(" error "), "{log}");
}
