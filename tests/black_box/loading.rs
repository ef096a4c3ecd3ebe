//! Files in the guests folder that are no guests: each is left out with a reason, and the others
//! serve.

use std::fs;
use std::process::Output;

use crate::harness::{Folder, Setup, run, source};

/// `guests/broken/NAME.wat`, and words of the reason.
const BROKEN: &[(&str, &[&str])] = &[
    ("routes-trap", &["unreachable", "ask_me_nothing"]),
    ("regex", &["route 1", "/b/(", "unclosed group"]),
    ("method", &["route 0", "GE T", "token"]),
    ("signature", &["handle", "type mismatch"]),
    ("type", &["handler.routes", "expected `list` found `u32`"]),
    ("missing", &["handle"]),
    ("nothing", &["does not export `routes`", "wit/snow.wit"]),
    ("wasi", &["wasi:http/outgoing-handler@0.2.0", "WASI 0.2"]),
    ("wasi-module", &["wasi_snapshot_preview1", "wasm32-unknown-unknown"]),
    ("future", &["foresee", "wit/snow.wit"]),
    ("sleeps", &["sleeps while it is loaded"]),
    ("huge", &["memory", "exceeds the limit"]),
    ("wide", &["route 0", "too large: /.*a.{30}", "repeat less"]),
];

#[track_caller]
fn says(output: &Output, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: "), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn check_says_what_is_wrong() {
    for (name, words) in BROKEN {
        let file = source(&format!("broken/{name}")).expect("it needs no toolchain");
        let output = run(["check".as_ref(), file.as_os_str()]);
        says(&output, words);
        says(&output, &[&format!("{name}.wat")]);
    }
}

/// What is not even WebAssembly: by its name and its bytes.
fn garbage() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let hello = fs::read(source("hello").expect("it is there")).expect("it can be read");
    let module = b"\0asm\x01\0\0\0".to_vec();
    let component = b"\0asm\x0d\0\x01\0".to_vec();
    let truncated = [&component[..], b"\x07\x20\x01"].concat();
    vec![
        ("empty.wasm", Vec::new(), "WebAssembly"),
        ("noise.wasm", (0..=255).collect(), "WebAssembly"),
        ("text.wat", b"(module (func".to_vec(), "WebAssembly text"),
        ("half.wat", hello[..hello.len() / 2].to_vec(), "WebAssembly text"),
        ("magic.wasm", b"\0asm".to_vec(), "WebAssembly"),
        ("version.wasm", b"\0asm\x07\0\0\0".to_vec(), "WebAssembly"),
        ("bare-module.wasm", module, "wit/snow.wit"),
        ("bare-component.wasm", component, "does not export `routes`"),
        ("truncated.wasm", truncated, "can't be compiled"),
    ]
}

#[test]
fn check_says_that_garbage_is_garbage() {
    let folder = Folder::new();
    for (name, bytes, words) in garbage() {
        let file = folder.add(name, &bytes);
        let output = run(["check".as_ref(), file.as_os_str()]);
        says(&output, &[words, name]);
    }
    says(&run(["check", "/no/such/file.wasm"]), &["/no/such/file.wasm", "can't be read"]);
}

/// A real guest of which a part is missing, wherever it was cut.
#[test]
fn a_truncated_guest_is_refused() {
    let Some(file) = source("snow") else { return };
    let whole = fs::read(file).expect("it can be read");
    let folder = Folder::new();
    for part in 1..12 {
        let file = folder.add("cut.wasm", &whole[..whole.len() * part / 12]);
        says(&run(["check".as_ref(), file.as_os_str()]), &["cut.wasm"]);
    }
}

/// It takes its whole budget of running time, 10 seconds, before it is given up.
#[test]
fn what_spins_while_it_is_loaded_is_given_up() {
    let file = source("broken/routes-spin").expect("it needs no toolchain");
    says(&run(["check".as_ref(), file.as_os_str()]), &["routes-spin.wat", "call_running_ms_max"]);
}

#[test]
fn run_leaves_them_out_and_serves_the_others() {
    let Some(folder) = Folder::with(&["hello"]) else { return };
    let mut names = Vec::new();
    for (name, _) in BROKEN {
        let file = source(&format!("broken/{name}")).expect("it needs no toolchain");
        folder.add(&format!("{name}.wat"), &fs::read(file).expect("it can be read"));
        names.push(format!("{name}.wat is left out"));
    }
    for (name, bytes, _) in garbage() {
        folder.add(name, &bytes);
        names.push(format!("{name} is left out"));
    }
    // Two files of one name are no guest either: which one would it be?
    folder.add("double.wat", b"(component)");
    folder.add("double.wasm", b"\0asm\x0d\0\x01\0");
    names.push("several files are the guest `double`".into());
    // And these were never meant to be any.
    folder.add("notes.txt", b"buy milk");
    folder.add(".hidden.wasm", b"x");

    let server = Setup::new(folder).start();
    server.still_serves();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    server.log.until(&names);
    let log = server.log_by_now();
    assert!(!log.contains("notes") && !log.contains("hidden"), "{log}");
    server.out.until(&["/hello"]);
}

#[test]
fn run_ends_if_nothing_can_be_served() {
    let folder = Folder::new();
    folder.add("noise.wasm", b"noise");
    folder.add("more.wat", b"(module");
    let output = run([
        "run".as_ref(),
        folder.path().as_os_str(),
        "--listen".as_ref(),
        "127.0.0.1:0".as_ref(),
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("noise.wasm is left out") && text.contains("more.wat is left out"),
        "{text}"
    );
    assert!(text.contains("error: no guest in"), "{text}");
    assert!(output.stdout.is_empty(), "it never listened");
}

#[test]
fn nothing_waits_before_there_is_a_request() {
    let file = source("early").expect("it needs no toolchain");
    let output = run(["check".as_ref(), file.as_os_str()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("/denied"), "it was not told `denied`:\n{text}");
}
