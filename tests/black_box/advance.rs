//! `advance` of `snow-host test`: hours pass in milliseconds, and everything that is due in them
//! happens at its time.

use std::time::{Duration, Instant};

use snow_config::Limits;
use snow_server::AdvanceError;

use crate::harness::{Folder, Played, run};
use crate::inside::Inside;
use crate::python;

/// A guest that looks at the time whenever it is called, and does what a hostile one would.
const GUEST: &str =
    "import { bucket, pending, route, setNext, suspend, timer, waiting } from 'snow';
const own = bucket();
route('GET', '/beats', () => step({ from: Date.now(), at: [] }), { resume: [beat] });
function step(state) {
  return suspend([timer(600_000)], { state, timeoutMs: 700_000, resume: beat });
}
function beat({ state }) {
  state.at.push(Math.floor((Date.now() - state.from) / 1_000));
  return state.at.length < 6 ? step(state) : state.at;
}
route('GET', '/never', () => suspend([pending('never')], { timeoutMs: 30_000 }));
route('GET', '/waiting', () => String(waiting('never')));
route('GET', '/set', () => { own.set('a', 'x', { expiresMs: 3_600_000 }); return 'set'; });
route('GET', '/get', () => own.get('a')?.text() ?? 'none');

route('GET', '/in-place', async () => {
  const from = Date.now();
  const at = () => Math.floor((Date.now() - from) / 1_000);
  await timer(1_800_000);
  const first = at();
  const came = await pending('in-place').wait({ timeoutMs: 1_800_000 });
  return `${first} ${at()} ${came?.text()}`;
});
const long = { timeoutMs: 3_600_000 };
route('GET', '/wakes', () => suspend([timer(600_000)], long), { resume: () =>
  String(setNext('never', 'woken')) });

route('GET', '/again/(?<ms>[0-9]+)', ({ params }) => again({ state: Number(params.ms) }),
  { resume: [again] });
function again({ state }) {
  return suspend([timer(state)], { state, timeoutMs: 300_000, resume: again });
}
route('GET', '/ping/(?<own>[ab])', ({ params }) => suspend([pending(params.own)],
  { ...long, state: params.own }), { resume: [ping] });
function ping({ state }) {
  const next = pending(state);
  setNext(state === 'a' ? 'b' : 'a', 'on');
  return suspend([next], { ...long, state, resume: ping });
}
route('GET', '/far', () => suspend([timer(4_294_967_295), pending('never')],
  { ...long, until: 'any' }), { resume: (came) => came.timedOut ? 'late' : came.text() });
route('GET', '/kept', () => {
  own.set('a', 'x', { expiresMs: Number.MAX_SAFE_INTEGER });
  return 'set';
});
route('GET', '/compute/(?<ms>[0-9]+)', ({ params }) => suspend([timer(600_000)],
  { ...long, state: Number(params.ms) }), { resume: compute });
function compute({ state }) {
  let turns = 0;
  while (turns < state * 10_000) turns += 1;
  return `computed ${turns}`;
}
route('GET', '/spin', () => suspend([timer(600_000)], long), { resume: () => { for (;;); } });
";

/// Its calls may compute for longer than a test takes.
const LATE: Played =
    Played { name: "late", source: GUEST, manifest: "[limits]\ncall_running_ms_max = 600_000\n" };

#[test]
fn a_timer_that_is_set_again_and_again_is_due_at_each_of_its_times() {
    LATE.passes(
        "[[case.step]]
        held = 'a'
        path = '/beats'
        [[case.step]]
        advance = '1h 1s'
        [[case.step]]
        answer = 'a'
        expect = { body = '[600,1200,1800,2400,3000,3600]' }
        ",
    );
}

#[test]
fn a_deadline_ends_a_wait_at_its_time_and_not_before() {
    LATE.passes(
        "[[case.step]]
        held = 'a'
        path = '/never'
        [[case.step]]
        advance = '20s'
        [[case.step]]
        path = '/waiting'
        expect = { body = '1' }
        [[case.step]]
        advance = '10s'
        [[case.step]]
        path = '/waiting'
        expect = { body = '0' }
        [[case.step]]
        answer = 'a'
        expect = { status = 504 }
        ",
    );
}

#[test]
fn what_the_store_keeps_for_an_hour_is_gone_after_it() {
    let Some(out) = LATE.play(
        "[[case]]
        name = 'an hour'
        [[case.step]]
        path = '/set'
        [[case.step]]
        advance = '59m'
        [[case.step]]
        path = '/get'
        expect = { body = 'x' }
        [[case.step]]
        advance = '1m'
        [[case.step]]
        path = '/get'
        expect = { body = 'none' }

        [[case]]
        name = 'a clock has its limit'
        [[case.step]]
        advance = '100y'
        ",
    ) else {
        return;
    };
    assert!(out.contains("1 passed, 1 failed"), "{out}");
    assert!(out.contains("late.test.toml:18: advance 100years"), "{out}");
    assert!(out.contains("a server's clock can be moved by 30years"), "{out}");
}

#[test]
fn calls_that_wait_in_place_go_on_at_their_time() {
    LATE.passes(
        "[[case.step]]
        held = 'a'
        path = '/in-place'
        [[case.step]]
        advance = '59m 59s'
        [[case.step]]
        path = '/get'
        expect.body = 'none'
        [[case.step]]
        advance = '1s'
        [[case.step]]
        answer = 'a'
        expect.body = '1800 3600 undefined'
        [[case.step]]
        held = 'b'
        path = '/in-place'
        [[case.step]]
        advance = '45m'
        [[case.step]]
        settle = { key = 'in-place', value = 'came' }
        [[case.step]]
        answer = 'b'
        expect.body = '1800 2700 came'
        ",
    );
}

/// One request wakes another one, and both answers lie in their clients' sockets when the clock has
/// been moved.
#[test]
fn answers_come_while_the_clock_is_moved() {
    LATE.passes(
        "[[case.step]]
        held = 'far'
        path = '/far'
        [[case.step]]
        held = 'wakes'
        path = '/wakes'
        [[case.step]]
        advance = '9m'
        [[case.step]]
        path = '/waiting'
        expect.body = '1'
        [[case.step]]
        advance = '1h'
        [[case.step]]
        answer = 'far'
        expect = { body = 'woken', within_ms = 1_000 }
        [[case.step]]
        answer = 'wakes'
        expect = { body = 'true', within_ms = 1_000 }
        ",
    );
}

#[test]
fn a_guest_that_computes_is_waited_for_and_one_that_never_ends_is_not() {
    LATE.passes(
        "[[case.step]]
        held = 'a'
        path = '/compute/100'
        [[case.step]]
        advance = '10m'
        [[case.step]]
        answer = 'a'
        expect = { body = 'computed 1000000', within_ms = 1_000 }
        ",
    );
    let began = Instant::now();
    LATE.fails(
        "[[case.step]]
        held = 'a'
        path = '/spin'
        [[case.step]]
        advance = '1h'
        within_ms = 300
        ",
        &[
            "late.test.toml:6: step 2 of 2: advance 1h\n",
            "within 300ms of real time the clock was moved by 9m 59s ",
            "Does a guest compute for long",
        ],
    );
    let took = began.elapsed();
    assert!(took < Duration::from_secs(300), "the call is not waited for: {took:?}");
}

#[test]
fn guests_that_never_rest_end_the_case() {
    LATE.fails(
        "[[case.step]]
        held = 'a'
        path = '/again/0'
        [[case.step]]
        advance = '1h'
        within_ms = 300
        ",
        &["within 300ms of real time the clock was moved by 0s only: the guests and the store"],
    );
    LATE.fails(
        "[[case.step]]
        held = 'a'
        path = '/ping/a'
        [[case.step]]
        held = 'b'
        path = '/ping/b'
        [[case.step]]
        settle = { key = 'a', value = 'on' }
        [[case.step]]
        advance = '1h'
        within_ms = 300
        ",
        &["within 300ms of real time the clock was moved by 0s only: the guests and the store"],
    );
    LATE.fails(
        "[[case.step]]
        held = 'a'
        path = '/again/1'
        [[case.step]]
        advance = '1h'
        ",
        &["100000 times something was due", "the clock was moved by 1m 40s only"],
    );
}

#[test]
fn what_is_due_in_the_far_future_keeps_nobody() {
    LATE.passes(
        "[[case.step]]
        path = '/kept'
        [[case.step]]
        held = 'a'
        path = '/far'
        [[case.step]]
        advance = '59m'
        [[case.step]]
        path = '/waiting'
        expect.body = '1'
        [[case.step]]
        advance = '20years'
        [[case.step]]
        path = '/waiting'
        expect.body = '0'
        [[case.step]]
        path = '/get'
        expect.body = 'x'
        [[case.step]]
        answer = 'a'
        expect.body = 'late'
        ",
    );
}

#[test]
fn sleeps_of_wasi_end_at_their_time() {
    for guest in ["wasip1", "wasip2"] {
        let Some(folder) = Folder::with(&[guest]) else { return };
        let cases = format!(
            "[[case]]
            name = 'an hour'
            [[case.step]]
            held = 'a'
            path = '/sleep?ms=3600000'
            [[case.step]]
            held = 'b'
            path = '/sleep?ms={}'
            [[case.step]]
            advance = '1h'
            [[case.step]]
            answer = 'a'
            expect.body_matches = '^360000[0-9]$'
            [[case.step]]
            disconnect = 'b'
            ",
            u64::MAX
        );
        folder.add(&format!("{guest}.test.toml"), cases.as_bytes());
        let output = run(["test", folder.path().to_str().expect("a plain name")]);
        assert!(output.status.success(), "{guest}: {output:?}");
    }
}

#[test]
fn a_guest_in_python_sleeps_as_long() {
    let guest = "import asyncio, time
from snow import route

@route('GET', '/both')
async def both(request):
    began, told = time.monotonic(), time.time()
    await asyncio.sleep(1800)
    time.sleep(1800)
    return f'{time.monotonic() - began:.0f} {time.time() - told:.0f}'
";
    let cases = "[[case]]
name = 'an hour'
[[case.step]]
held = 'a'
path = '/both'
[[case.step]]
advance = '1h'
[[case.step]]
answer = 'a'
expect.body = '3600 3600'
";
    let files = [("sleeper.py", guest), ("sleeper.test.toml", cases)];
    let Some(stage) = python::stage(&files) else { return };
    let output = stage.run("test", "sleeper.py");
    assert!(output.status.success(), "{output:?}");
}

/// A case has one worker; whoever has a server in the process may have more.
#[test]
fn the_clock_is_moved_for_all_workers() {
    let Some(inside) = Inside::start(&["probe"], 2, Limits::default()) else { return };
    let mut held: Vec<_> = (0..40).map(|_| inside.ask("/timer?seconds=20")).collect();
    inside.wait_until("all are held", |counts| counts.suspended == 40);
    let within = Duration::from_secs(60);
    inside.server().advance(Duration::from_secs(19), within).expect("it is moved");
    assert_eq!(inside.counts().suspended, 40);
    inside.server().advance(Duration::from_secs(1), within).expect("it is moved");
    assert_eq!(inside.counts().suspended, 0);
    for client in &mut held {
        assert_eq!(client.response().status, 200);
    }
    let too_far = inside.server().advance(Duration::MAX, within);
    assert!(matches!(too_far, Err(AdvanceError::TooFar)), "{too_far:?}");
}
