//! `snow-host test`: a case answers in the place of other servers.

use std::ffi::OsStr;
use std::time::Duration;

use crate::harness::{Folder, Upstream, run};

const MANIFEST: &str = "[guest.gather]\noutbound = ['https://api.example.com', \
    { url = 'https://secret.example.com', headers = { authorization = { secret = 'hunter2' } } }, \
    'http://127.0.0.1:*']\n";

/// Plays cases of the example `gather`. Returns what was printed; `None` if it can't be built.
fn play(cases: &str) -> Option<String> {
    let folder = Folder::with(&["gather"])?;
    folder.add("snow.toml", MANIFEST.as_bytes());
    folder.add("gather.test.toml", cases.as_bytes());
    let output = run([OsStr::new("test"), folder.path().as_os_str()]);
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[track_caller]
fn passes(cases: &str, count: usize) {
    let Some(out) = play(cases) else { return };
    assert!(out.ends_with(&format!("\n{count} passed, 0 failed\n")), "{out}");
}

#[track_caller]
fn fails(steps: &str, words: &[&str]) {
    let Some(out) = play(&format!("[[case]]\nname = 'a'\n{steps}")) else { return };
    assert!(out.contains("0 passed, 1 failed"), "{out}");
    for words in words {
        assert!(out.contains(words), "{words:?} is not in {out}");
    }
}

#[test]
fn upstreams_answer_and_fail_as_they_say() {
    passes(
        r#"
        [[upstream]]
        url = 'https://api.example.com/*'
        status = 404

        [[case]]
        name = 'answers'
        path = '/proxy?url=https://api.example.com/stock?item=7'
        expect = { status = 201, headers.x-a = 'b', json = { left = 3 } }
        [[case.upstream]]
        url = 'https://api.example.com/stock?item=7'
        method = 'GET'
        status = 201
        headers = { x-a = 'b', connection = 'x-b', x-b = '1' }
        json = { left = 3 }
        times = 1
        expect = { headers.accept-encoding = 'gzip', body = '' }

        [[case]]
        name = 'the one of the file answers what no other one does'
        path = '/proxy?url=https://api.example.com/other'
        expect.status = 404
        [[case.upstream]]
        url = 'https://api.example.com/other'
        method = 'POST'

        [[case]]
        name = 'faults, each by its code'
        path = '/gather?url=https://api.example.com/a&url=https://api.example.com/b&url=https://api.example.com/c&url=https://denied.example/'
        expect.json_at = { '/0/error' = 'dns', '/1/error' = 'tls', '/2/error' = 'timeout', '/3/error' = 'denied' }
        [[case.upstream]]
        url = 'https://api.example.com/a'
        fault = 'dns'
        [[case.upstream]]
        url = 'https://api.example.com/b'
        fault = 'tls'
        [[case.upstream]]
        url = 'https://api.example.com/c'
        fault = 'timeout'

        [[case]]
        name = 'one after another'
        [[case.upstream]]
        url = 'https://api.example.com/a'
        fault = 'reset'
        times = 2
        [[case.upstream]]
        url = 'https://api.example.com/a'
        body = 'third'
        times = 1
        [[case.step]]
        path = '/gather?url=https://api.example.com/a&url=https://api.example.com/a&url=https://api.example.com/a'
        expect.json_at = { '/0/error' = 'reset', '/1/error' = 'reset', '/2/bytes' = 5 }

        [[case]]
        name = 'what the host adds is there, and the guest may not see it'
        path = '/proxy?url=https://secret.example.com/'
        expect.body = 'x'
        [[case.upstream]]
        url = 'https://secret.example.com'
        body = 'x'
        expect.headers.authorization = 'hunter2'

        [[case]]
        name = 'equal requests are one'
        [[case.upstream]]
        url = 'https://api.example.com/shared'
        body = 'for all'
        delay_ms = 5_000
        times = 1
        [[case.step]]
        held = 'a'
        path = '/proxy?share=yes&url=https://api.example.com/shared'
        [[case.step]]
        held = 'b'
        path = '/proxy?share=yes&url=https://api.example.com/shared'
        [[case.step]]
        disconnect = 'a'
        [[case.step]]
        advance = '6s'
        [[case.step]]
        answer = 'b'
        expect.body = 'for all'
        "#,
        6,
    );
}

#[test]
fn delays_and_timeouts_follow_the_clock_of_the_case() {
    passes(
        r#"
        [[upstream]]
        url = 'https://api.example.com/slow'
        body = 'slow'
        delay_ms = 1_800_000
        [[upstream]]
        url = 'https://api.example.com/quick'
        body = 'quick'
        delay_ms = 600_000
        [[upstream]]
        url = 'https://api.example.com/hangs'
        fault = 'hangs'

        [[case]]
        name = 'the quick one is first'
        [[case.step]]
        held = 'a'
        path = '/fastest?timeout=3000&url=https://api.example.com/slow&url=https://api.example.com/quick'
        [[case.step]]
        advance = '10m 1s'
        [[case.step]]
        answer = 'a'
        expect.body = 'quick'

        [[case]]
        name = 'times are those of the clock'
        [[case.step]]
        held = 'a'
        path = '/gather?timeout=3000&url=https://api.example.com/hangs&url=https://api.example.com/quick'
        [[case.step]]
        advance = '50m'
        [[case.step]]
        answer = 'a'
        expect.json_at = { '/0/error' = 'timeout', '/1/status' = 200 }
        expect.body_matches = '"ms":(2999|3000)[0-9]{3},'
        "#,
        2,
    );
}

#[test]
fn a_request_that_nobody_answers_fails_the_case_and_says_what_would() {
    fails(
        "path = '/gather?url=https://api.example.com/a'\nexpect.json_at = { '/0/status' = 200 }\n",
        &[
            "the guest asked GET https://api.example.com/a, and no upstream of the case answers that. Add",
            "[[case.upstream]]",
            "url = \"https://api.example.com/a\"",
        ],
    );
    // The guest may take no notice.
    fails(
        "path = '/gather?url=https://api.example.com/a'\n[[case.upstream]]\nurl = 'https://api.example.com/'\n",
        &["no upstream of the case answers that"],
    );
    fails(
        "path = '/gather?url=https://api.example.com/a&url=https://api.example.com/a'\n\
         [[case.upstream]]\nurl = 'https://api.example.com/a'\ntimes = 1\n",
        &["answers that any more (that of line 4 has `times = 1`)"],
    );
}

#[test]
fn what_is_asked_otherwise_or_not_often_enough_fails_the_case() {
    fails(
        "path = '/gather?url=https://api.example.com/a'\n[[case.upstream]]\n\
         url = 'https://api.example.com/a'\nexpect = { headers.x-key = '1', body = 'a' }\n",
        &[
            "the request GET https://api.example.com/a to the upstream of line 4:",
            "header x-key: expected \"1\", there is none",
            "body: expected \"a\"",
        ],
    );
    fails(
        "path = '/gather?url=https://api.example.com/a'\n[[case.upstream]]\n\
         url = 'https://api.example.com/*'\ntimes = 2\n",
        &[
            "gather.test.toml:4: count the requests to this upstream",
            "https://api.example.com/* was asked once, expected 2 times",
        ],
    );
}

#[test]
fn nothing_is_sent_anywhere() {
    let upstream = Upstream::new();
    fails(
        &format!("path = '/proxy?url={}'\n", upstream.url("/")),
        &["no upstream of the case answers that"],
    );
    assert!(upstream.asked_within(Duration::from_millis(100)).is_none());
}

#[test]
fn what_is_wrong_with_an_upstream_is_told_with_its_place() {
    let Some(out) = play(
        "[[upstream]]\nurl = 'https://a.example'\ntimes = 1\n[[upstream]]\nurl = 'nothing'\n\
         [[upstream]]\nbody = 'x'\n[[case]]\nname = 'a'\npath = '/'\n[[case.upstream]]\n\
         url = 'http://a/*'\nfault = 'denied'\nbody = 'x'\n[[case.upstream]]\nurl = 'http://a/'\n\
         method = 'G T'\nstatus = 99\nbody = '{{x}}'\nurls = 1\n",
    ) else {
        return;
    };
    for words in [
        "gather.test.toml:3:9: `times` belongs into [[case.upstream]]",
        "gather.test.toml:5:7: `url` can't be \"nothing\"",
        "gather.test.toml:6:1: an upstream has a `url`",
        "gather.test.toml:13:9: `fault` takes ",
        "gather.test.toml:14:8: there are `fault` and `body`",
        "gather.test.toml:17:10: \"G T\" is not a method",
        "gather.test.toml:18:10: `status` may be 200 to 599",
        "gather.test.toml:19:8: no earlier step saves `x`",
        "gather.test.toml:20:1: an upstream has no `urls`: did you mean `url`?",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("passed"), "nothing runs: {out}");
}
