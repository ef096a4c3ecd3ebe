//! `snow-host test`: cases beside a guest, what is said of those that fail, and of files that make
//! no sense.

use std::process::Output;

use crate::harness::{Folder, run, source, workspace};

/// Runs `snow-host test` and returns its exit code, and what it printed on standard output and on
/// standard error.
#[track_caller]
fn test(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = run(["test"].iter().chain(arguments));
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (status.code(), text(stdout), text(stderr))
}

/// All of these are in a text, in this order.
#[track_caller]
fn has(text: &str, words: &[&str]) {
    let mut rest = text;
    for word in words {
        let Some(at) = rest.find(word) else { panic!("{word:?} is not in its place in:\n{text}") };
        rest = &rest[at + word.len()..];
    }
}

/// A folder with these guests, and this text as the cases of the first.
fn folder(guests: &[&str], cases: &str) -> Option<(Folder, String)> {
    let folder = Folder::with(guests)?;
    folder.add(&format!("{}.test.toml", guests[0]), cases.as_bytes());
    let path = folder.path().to_str().expect("test folders have plain names").to_owned();
    Some((folder, path))
}

/// The example guests' cases are documentation, so they had better hold.
#[test]
fn the_examples_cases_hold() {
    if source("snow").is_none() {
        return;
    }
    let guests = workspace().join("guests");
    let (code, out, err) = test(&[guests.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{out}{err}");
    has(
        &out,
        &[
            "ok     hello: greets (",
            " ms)\n",
            "ok     snow: ",
            "ok     tornado: ",
            "ok     two-step: ",
        ],
    );
    has(&out, &[" passed, 0 failed\n"]);
    assert_eq!(err, "");

    let (code, out, _) = test(&[guests.to_str().unwrap(), "--filter", "snow: a time"]);
    assert_eq!(code, Some(0), "{out}");
    has(
        &out,
        &["ok     snow: a timer (", "ok     snow: a time that is none", "2 passed, 0 failed\n"],
    );
    let (code, _, err) = test(&[guests.to_str().unwrap(), "--filter", "no such case"]);
    assert_eq!(
        (code, err.as_str()),
        (Some(1), "error: no case has \"no such case\" in its name\n")
    );
}

#[test]
fn a_failed_case_says_what_was_expected_and_what_came() {
    let cases = r#"
[[case]]
name = "wrong status"
path = "/nowhere"
[[case]]
name = "right"
path = "/hello"
[[case]]
name = "wrong answer"
path = "/hello"
[case.expect]
body = "hello World"
body_matches = "^x"
headers = { content-type = { matches = "html" }, etag = "1" }
"#;
    let (_folder, path) = folder(&["hello"], cases).expect("it needs no toolchain");
    let (code, out, err) = test(&[&path]);
    assert_eq!((code, err.as_str()), (Some(1), "error: 2 of 3 cases failed\n"), "{out}");
    has(
        &out,
        &[
            "FAILED hello: wrong status (",
            "hello.test.toml:2: GET /nowhere\n",
            "status: expected 200, got 404\n",
            "body: got \"",
            "the server's log:\n",
            "\"GET /nowhere\" 404",
            "ok     hello: right (",
            "FAILED hello: wrong answer (",
            "header content-type: expected a match of /html/, got \"text/plain\"\n",
            "header etag: expected \"1\", there is none\n",
            "body: expected \"hello World\"\n",
            "      got      \"hello world\"\n",
            "body: expected a match of /^x/\n",
            "1 passed, 2 failed\n",
        ],
    );
}

#[test]
fn a_trap_is_shown_with_its_backtrace() {
    let (folder, path) =
        folder(&["trap"], "[[case]]\nname = 'a'\npath = '/trap'\n").expect("it needs no toolchain");
    let (code, out, _) = test(&[&path]);
    assert_eq!(code, Some(1));
    has(
        &out,
        &[
            "FAILED trap: a (",
            "status: expected 200, got 500\n",
            "the server's log:\n",
            "give_up",
            "look_it_up",
        ],
    );
    // Expected, it is no failure, and nothing is shown of it.
    folder.add(
        "trap.test.toml",
        b"[[case]]\nname = 'a'\npath = '/trap'\nexpect = { status = 500 }\n",
    );
    let (code, out, _) = test(&[&path]);
    assert_eq!(code, Some(0), "{out}");
    assert!(!out.contains("give_up"), "{out}");
}

#[test]
fn steps_that_do_not_come_true_are_told() {
    let cases = r#"
[[case]]
name = "not held"
[[case.step]]
held = "a"
path = "/index/"
[[case]]
name = "nobody waits"
[[case.step]]
settle = { key = "requests", value = "" }
[[case]]
name = "somebody waits"
[[case.step]]
held = "a"
path = "/req/"
[[case.step]]
settle = { key = "requests", value = "" }
expect = "nobody"
[[case]]
name = "one of two"
[[case.step]]
held = "a"
path = "/req-in-place/"
[[case.step]]
settle = { key = "requests", value = "", all = true }
expect = 2
[[case]]
name = "late"
[[case.step]]
held = "a"
path = "/req/"
[[case.step]]
answer = "a"
expect = { within_ms = 50 }
[[case]]
name = "nothing is left of those before"
path = "/waiting/"
expect = { body = "0" }
"#;
    let Some((_folder, path)) = folder(&["snow"], cases) else { return };
    let (code, out, _) = test(&[&path]);
    assert_eq!(code, Some(1), "{out}");
    has(
        &out,
        &[
            "FAILED snow: not held (",
            "snow.test.toml:4: hold GET /index/ as \"a\"\n",
            "expected the request to be held, but it was answered: 200 \"OK\"",
            "FAILED snow: nobody waits (",
            "nobody waited under this key",
            "FAILED snow: somebody waits (",
            "step 2 of 2: settle \"requests\"\n",
            "expected nobody to wait under this key, but 1 did",
            "FAILED snow: one of two (",
            "settle all of \"requests\"\n",
            "expected 2 to wait, but 1 did",
            "FAILED snow: late (",
            "there was no answer within 50 ms",
            "ok     snow: nothing is left of those before (",
            "1 passed, 5 failed\n",
        ],
    );
}

#[test]
fn neighbours_serve_only_where_a_file_names_them() {
    let case = "[[case]]\nname = 'a'\npath = '/hello'\n";
    let Some((folder, path)) = folder(&["trap", "hello"], case) else { return };
    let (code, out, _) = test(&[&path]);
    assert_eq!(code, Some(1), "{out}");
    has(
        &out,
        &["none   hello: there is no ", "hello.test.toml\n", "status: expected 200, got 404"],
    );
    folder.add("trap.test.toml", format!("with = ['hello']\n{case}").as_bytes());
    let (code, out, err) = test(&[&path]);
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn the_manifest_beside_the_guests_is_in_force() {
    let cases =
        "[[case]]\nname = 'a'\npath = '/hello'\nbody = '12345'\nexpect = { status = 413 }\n";
    let Some((folder, path)) = folder(&["hello"], cases) else { return };
    assert_eq!(test(&[&path]).0, Some(1));
    folder.add("snow.toml", b"[limits]\nbody_bytes_max = 4\n");
    let (code, out, _) = test(&[&path]);
    assert_eq!(code, Some(0), "{out}");
    folder.add("snow.toml", b"[limit]\n");
    let (code, _, err) = test(&[&path]);
    assert_eq!(code, Some(1));
    has(&err, &["snow.toml:1:2: ", "did you mean `limits`?"]);
}

#[test]
fn a_file_that_makes_no_sense_is_told_whole_and_nothing_runs() {
    let cases =
        "[[case]]\nname = 'a'\npath = '/'\nexpekt = { status = 200 }\n\n[[case]]\npath = 1\n";
    let (_folder, path) = folder(&["hello"], cases).expect("it needs no toolchain");
    let (code, out, err) = test(&[&path]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    has(
        &err,
        &[
            "hello.test.toml:4:1: ",
            "did you mean `expect`?",
            "hello.test.toml:6:1: a case has a `name`",
            "hello.test.toml:7:8: `path` takes a string; this is of type integer",
        ],
    );
}

#[test]
fn guests_that_are_not_there_or_can_not_serve_are_told() {
    let Some((folder, path)) = folder(&["hello"], "[[case]]\nname = 'a'\npath = '/hello'\n") else {
        return;
    };
    std::fs::remove_file(folder.path().join("hello.wat")).unwrap();
    let (code, _, err) = test(&[&path]);
    assert_eq!(code, Some(1));
    has(&err, &["hello.test.toml has cases for a guest that does not exist", "--build"]);
    folder.add("hello.wat", b"(module)");
    let (code, out, err) = test(&[&path]);
    assert_eq!((code, err.as_str()), (Some(1), "error: 1 of 1 cases failed\n"));
    has(&out, &["FAILED hello: can't be loaded\n", "hello.wat: "]);
    std::fs::remove_file(folder.path().join("hello.test.toml")).unwrap();
    let file = folder.path().join("hello.wat");
    has(
        &test(&[file.to_str().unwrap()]).2,
        &["there are no cases: write some into ", "hello.test.toml"],
    );
    for (path, words) in
        [("/no/such/place", "can't read /no/such/place"), ("Cargo.toml", "is not a guest")]
    {
        let (code, _, err) = test(&[path]);
        assert_eq!(code, Some(1));
        has(&err, &["error: ", words]);
    }
}
