//! `advance` of `snow-host test`: hours pass in milliseconds, and everything that is due in them
//! happens at its time.

use crate::harness::Stage;

/// A guest that looks at the time whenever it is called.
const GUEST: &str = "import { bucket, pending, route, suspend, timer, waiting } from 'snow';
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
";

/// Plays cases of the guest. Returns what was printed, or `None` if there is no engine.
fn play(cases: &str) -> Option<String> {
    let stage = Stage::new("js", &[("late.js", GUEST), ("late.test.toml", cases)])?;
    let output = stage.run("test", "late.js");
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Plays one case of these steps, which passes.
#[track_caller]
fn passes(steps: &str) {
    let Some(out) = play(&format!("[[case]]\nname = 'a'\n{steps}")) else { return };
    assert!(out.contains("1 passed, 0 failed"), "{out}");
}

#[test]
fn a_timer_that_is_set_again_and_again_is_due_at_each_of_its_times() {
    passes(
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
    passes(
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
    let Some(out) = play(
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
