//! What is thrown, and what is no answer.

use super::{get, ok, shop};

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
