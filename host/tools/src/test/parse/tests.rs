use std::time::Duration;

use super::*;
use crate::test::cases::{
    Content, ExpectedValue, ExpectedWaiters, Matcher, RequestText, SaveFrom, SettlementText,
};
use crate::test::saved::{JsonText, Text};

fn parsed(text: &str) -> Result<CaseFile, ManifestError> {
    let neighbours = ["pay", "shop"].map(|name| (name.to_owned(), PathBuf::from(name)));
    // The folder of this crate has a file for `body_file`.
    parse(text, "g.test.toml", Path::new(env!("CARGO_MANIFEST_DIR")), &neighbours.into())
}

#[track_caller]
fn good(text: &str) -> CaseFile {
    parsed(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks the problems of a text: each begins with its place, line and column, and contains the
/// words.
#[track_caller]
fn bad(text: &str, expected: &[(&str, &str)]) {
    let problems: Vec<String> =
        parsed(text).expect_err(text).problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, (place, words)) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("g.test.toml:{place}: ")), "{place} of {problem}");
        assert!(problem.contains(words), "{words:?} of {problem}");
    }
}

#[test]
fn a_case_of_one_request_has_defaults() {
    let file = good("with = ['pay']\n\n[[case]]\nname = 'greets'\npath = '/hello?a=1'\n");
    assert_eq!(
        (file.with.as_slice(), file.cases[0].name.as_str()),
        (&["pay".to_owned()][..], "greets")
    );
    let [Step { line: 3, number: Some(1), action: Action::Request { request, expect, .. } }] =
        &file.cases[0].steps[..]
    else {
        panic!("{file:?}")
    };
    assert_eq!((request.method.as_str(), request.path.literal()), ("GET", Some("/hello?a=1")));
    assert!(request.headers.is_empty());
    assert!(matches!(&request.content, Content::Bytes(bytes) if bytes.is_empty()));
    assert!(expect.headers.is_empty() && expect.body.is_empty());
    assert_eq!((expect.status, expect.within), (200, Duration::from_secs(5)));
}

#[test]
fn every_key_of_a_request_is_read() {
    let file = good(concat!(
        "[[case]]\nname = 'a'\nmethod = 'POST'\npath = '/'\nheaders = { a = '1', b = ['2', '3'] }\nbody = 'x'\n",
        "[case.expect]\nstatus = 404\nwithin_ms = 1_000\nbody = ''\nbody_contains = 'c'\nbody_matches = '^m'\n",
        "headers = { d = '4', e = { matches = 'f' } }\n",
    ));
    let Action::Request { request, expect, .. } = &file.cases[0].steps[0].action else {
        panic!("{file:?}")
    };
    let literal = |text: &Text| text.literal().unwrap_or_default().to_owned();
    let fields: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {}", literal(value))).collect();
    assert_eq!(fields, ["a: 1", "b: 2", "b: 3"]);
    assert_eq!(request.method, "POST");
    assert!(matches!(&request.content, Content::Text(body) if literal(body) == "x"));
    assert_eq!((expect.status, expect.within), (404, Duration::from_secs(1)));
    assert!(
        matches!(&expect.body[..], [Matcher::Equals(body), Matcher::Contains(part), Matcher::Matches(_)]
        if literal(body).is_empty() && literal(part) == "c")
    );
    assert!(
        matches!(&expect.headers[..], [(d, Matcher::Equals(_)), (e, Matcher::Matches(_))] if d == "d" && e == "e")
    );

    let file = good("[[case]]\nname = 'a'\npath = '/'\nbody_file = 'Cargo.toml'\n");
    let Action::Request { request, .. } = &file.cases[0].steps[0].action else {
        panic!("{file:?}")
    };
    assert!(
        matches!(&request.content, Content::Bytes(bytes) if bytes.starts_with(b"[package]")),
        "{request:?}"
    );
}

#[test]
fn every_kind_of_step_is_read() {
    let file = good(concat!(
        "[[case]]\nname = 'a'\n",
        "[[case.step]]\nheld = 'x'\npath = '/'\n",
        "[[case.step]]\nheld = 'y'\npath = '/'\n",
        "[[case.step]]\nsettle = { key = 'k', value = 'v' }\n",
        "[[case.step]]\nsettle = { key = 'k', failed = { code = 'c' }, all = true }\nexpect = 2\n",
        "[[case.step]]\nsettle = { key = 'k', response = { status = 404, headers = { a = 'b' }, body = 'c' } }\n",
        "expect = 'nobody'\n",
        "[[case.step]]\nanswer = 'x'\n",
        "[[case.step]]\ndisconnect = 'y'\n",
        // Each case has its own labels.
        "[[case]]\nname = 'b'\n[[case.step]]\nheld = 'x'\npath = '/'\n",
    ));
    let steps = &file.cases[0].steps;
    let shown: Vec<String> =
        steps.iter().map(|step| format!("{}: {}", step.line, step.action)).collect();
    assert_eq!(
        shown,
        [
            "3: hold GET / as \"x\"",
            "6: hold GET / as \"y\"",
            "9: settle \"k\"",
            "11: settle all of \"k\"",
            "14: settle \"k\"",
            "17: the answer of \"x\"",
            "19: disconnect \"y\"",
        ]
    );
    let settlements = steps.iter().filter_map(|step| match &step.action {
        Action::Settle { settlement, expect, .. } => Some((settlement, *expect)),
        _ => None,
    });
    let is = |text: &Text, literal: &str| text.literal() == Some(literal);
    assert!(
        matches!(
            &settlements.collect::<Vec<_>>()[..],
            [
                (SettlementText::Value(value), ExpectedWaiters::AtLeastOne),
                (SettlementText::Failed { code, message }, ExpectedWaiters::Exactly(2)),
                (
                    SettlementText::Response { status: 404, headers, content: Content::Text(body) },
                    ExpectedWaiters::Nobody,
                ),
            ] if is(value, "v") && is(code, "c") && is(message, "") && is(body, "c")
                && headers[0].0 == "a" && is(&headers[0].1, "b")
        ),
        "{steps:?}"
    );
}

#[test]
fn unknown_words_are_reported_with_the_nearest_known_one() {
    bad("[[cases]]\nname = 'a'\n", &[("1:1", "there is no case"), ("1:3", "did you mean `case`?")]);
    bad(
        "[[case]]\nname = 'a'\npth = '/'\n",
        &[("1:1", "a case has a `path`"), ("3:1", "did you mean `path`?")],
    );
    bad(
        "[[case]]\nname = 'a'\npath = '/'\n[case.expect]\nstauts = 200\n",
        &[("5:1", "did you mean `status`?")],
    );
    bad(
        "[[case]]\nname = 'a'\npath = '/'\nexpect = { xyz = 1 }\n",
        &[("4:12", "it has status, headers, ")],
    );
    bad("with = ['pey']\n[[case]]\nname = 'a'\npath = '/'\n", &[("1:9", "did you mean `pay`?")]);
    bad(
        "[[case]]\nname = 'a'\n[[case.step]]\nanswer = 'x'\npath = '/'\n",
        &[
            ("4:10", "an earlier step needs held"),
            ("5:1", "a step that takes an answer has no `path`"),
        ],
    );
    bad(
        "[[case]]\npath = '/'\n[[case]]\nname = 'a'\npath = '/'\n[[case]]\nname = 'a'\npath = '/'\n",
        &[("1:1", "a case has a `name`"), ("6:1", "there is a case \"a\" already")],
    );
    bad("[[case]\n", &[("1:8", "")]);
}

#[test]
fn a_case_without_steps_is_refused() {
    bad("[[case]]\nname = 'a'\nstep = []\n", &[("3:8", "at least one")]);
    bad("case = []\n", &[("1:8", "at least one")]);
}

#[test]
fn labels_are_checked() {
    let case = |steps: &str| format!("[[case]]\nname = 'a'\n{steps}");
    let held = "[[case.step]]\nheld = 'one'\npath = '/'\n";
    bad(&case(&format!("{held}{held}")), &[("7:8", "is called \"one\" already")]);
    bad(
        &case(&format!("{held}[[case.step]]\nanswer = 'ono'\n")),
        &[("7:10", "did you mean \"one\"?")],
    );
    let twice = "[[case.step]]\ndisconnect = 'one'\n[[case.step]]\nanswer = 'one'\n";
    bad(&case(&format!("{held}{twice}")), &[("9:10", "has been answered or disconnected before")]);
}

#[test]
fn values_are_checked() {
    let case = |lines: &str| format!("[[case]]\nname = 'a'\npath = '/'\n{lines}\n");
    for (line, at, words) in [
        ("method = 'GE T'", "4:10", "is not a method"),
        ("method = 1", "4:10", "takes a string; this is of type integer"),
        ("headers = { 'a b' = 'c' }", "4:13", "can't be the name of a header field"),
        ("headers = { a = \"b\\r\\nc: d\" }", "4:17", "control character"),
        ("headers = { Content-Length = '1' }", "4:13", "follows from the body"),
        ("body_file = 'no-such-file'", "4:13", "no-such-file: "),
        ("body = 'a'\nbody_file = 'Cargo.toml'", "5:13", "only one of them"),
        ("expect = 200", "4:10", "takes a table"),
        ("expect = { status = 99 }", "4:21", "`status` may be 200 to 599, not 99"),
        ("expect = { within_ms = 0 }", "4:24", "may be 1 to 600000"),
        ("expect = { body_matches = '(' }", "4:27", "not a regular expression"),
        ("expect = { headers = { a = { is = 'b' } } }", "4:30", "it has matches"),
    ] {
        bad(&case(line), &[(at, words)]);
    }
    bad("[[case]]\nname = 'a'\npath = 'hello'\n", &[("3:8", "begins with `/`")]);
    bad("[[case]]\nname = 'a'\npath = '/a b'\n", &[("3:8", "%20")]);
    let settle = |lines: &str| format!("[[case]]\nname = 'a'\n[[case.step]]\n{lines}\n");
    bad(&settle("settle = { value = 'v' }"), &[("4:10", "`settle` has a `key`")]);
    bad(&settle("settle = { key = 'k' }"), &[("4:10", "one of `value`, `failed` and `response`")]);
    bad(
        &settle("settle = { key = 'k', value = 'v' }\nexpect = 1"),
        &[("5:10", "with `all = true`")],
    );
    bad(
        &settle("settle = { key = 'k', value = 'v' }\nexpect = { status = 200 }"),
        &[("5:10", "\"nobody\"")],
    );
}

#[test]
fn a_step_moves_the_clock() {
    let file = good("[[case]]\nname = 'a'\n[[case.step]]\nadvance = '1h 30m'\n");
    let [Step { line: 3, number: Some(1), action: Action::Advance { by, within } }] =
        &file.cases[0].steps[..]
    else {
        panic!("{file:?}")
    };
    assert_eq!((*by, *within), (Duration::from_secs(5_400), Duration::from_secs(60)));
    bad("[[case]]\nname = 'a'\n[[case.step]]\nadvance = 5\n", &[("4:11", "a time span")]);
    bad("[[case]]\nname = 'a'\n[[case.step]]\nadvance = 'soon'\n", &[("4:11", "\"1h 30m\"")]);
    let text = "[[case]]\nname = 'a'\n[[case.step]]\nadvance = '1h'\npath = '/'\n";
    bad(text, &[("5:1", "a step that moves the clock has no `path`")]);
}

mod values;
