//! Waiting: in place, and without an instance.

use super::{get, ok, shop};
use crate::harness::eventually;

#[test]
fn handlers_wait_in_place_for_all_and_for_the_first() {
    let Some(server) = shop(
        "import { route, pending, timer, setAll, setResult, waiting } from 'snow';
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
        route('POST', '/a', async (request) => String(setAll('a', await request.bytes())));
        route('POST', '/b', () => String(setAll('b', { x: 1 })));
        route('POST', '/fail', () => String(setAll('b', Object.assign(new Error(), { code: 'no' }))));
        route('GET', '/token', () => {
          const one = pending();
          setResult(one.token, 'x');
          try { setResult(one.token, 'y'); } catch ({ name, code }) { return `${name} ${code}`; }
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
        "import { route, pending, suspend, setNext, waiting } from 'snow';
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
        route('POST', '/(a|b)', async (request) => String(setNext(request.params[0], await request.text())));",
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

#[test]
fn a_pending_has_its_own_deadline_and_its_own_end() {
    let Some(server) = shop(
        "import { route, pending, timer } from 'snow';
        route('GET', '/busy', async () => {
          const id = setInterval(() => {}, 5);
          const late = await pending('never').wait({ timeoutMs: 100 });
          clearInterval(id);
          return String(late);
        });
        route('GET', '/dropped', async () => {
          const dropped = pending('never');
          const waits = [dropped.wait(), timer(20).wait()];
          dropped.drop();
          const [gone, came] = await Promise.allSettled(waits);
          return `${gone.reason.message} ${came.status}`;
        });
        route('GET', '/many', async () => {
          let ran = 0;
          await new Promise((over) => {
            for (let index = 0; index < 20_000; index += 1) {
              setTimeout(() => { if (++ran === 20_000) over(); }, index % 10);
            }
          });
          return String(ran);
        });",
    ) else {
        return;
    };
    assert_eq!(get(&server, "/busy"), ok("null"));
    let gone = "this pending is gone: it was released, or belongs to an earlier call";
    assert_eq!(get(&server, "/dropped"), ok(&format!("{gone} fulfilled")));
    assert_eq!(get(&server, "/many"), ok("20000"));
}

/// The 65th wait of a call once failed, whatever had become of those before.
#[test]
fn a_call_waits_any_number_of_times() {
    let Some(server) = shop(
        "import { bucket, route, pending, suspend, timer, setNext, waiting } from 'snow';
        const loop = async (wait) => {
          for (let index = 0; index < 200; index += 1) await wait();
          return String(waiting('k'));
        };
        route('GET', '/timer', () => loop(() => timer(1)));
        route('GET', '/wait', () => loop(() => timer(1).wait()));
        route('GET', '/late', () => loop(() => pending('k').wait({ timeoutMs: 1 })));
        route('GET', '/race', () => loop(() => Promise.race([pending('k'), timer(1)])));
        route('GET', '/any', () => loop(() => Promise.any([pending('k'), timer(1)])));
        route('GET', '/unused', () => loop(async () => { pending('k'); }));
        route('GET', '/cycles', () => loop(async () => {
          const cycle = { pending: pending('k') };
          cycle.self = cycle;
        }));
        route('GET', '/again', async () => {
          const one = pending('again');
          setNext('again', 'it');
          return `${await one} ${await one.wait()} ${one.token.length > 10}`;
        });
        route('GET', '/suspended', async () => {
          const one = pending('again');
          setNext('again', new Response('it', { status: 201 }));
          await one;
          return suspend([one]);
        });
        route('GET', '/kept', () => { const kept = []; for (;;) kept.push(pending('kept')); });",
    ) else {
        return;
    };
    for target in ["/timer", "/wait", "/late", "/race", "/any"] {
        assert_eq!(server.get(target).status, 200, "{target}: {}", server.log_by_now());
    }
    for target in ["/late", "/race", "/unused"] {
        let left: u32 = get(&server, target).1.parse().expect("a number");
        assert!(left <= 1, "{target}: {left} still wait for the key");
    }
    assert_eq!(server.get("/cycles").status, 200);
    assert_eq!(get(&server, "/again"), ok("it it true"));
    assert_eq!(get(&server, "/suspended"), (201, "it".to_owned()));
    assert_eq!(server.get("/kept").status, 500);
    server.log.until(&["pendings_per_call_max"]);
}
