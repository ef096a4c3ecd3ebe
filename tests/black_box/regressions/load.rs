//! Issue 11: what is loaded, logged and printed.
//!
//! Damage to cached code is in `cache`, and a workspace of new guests in `new_guest`.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use crate::harness::{
    Admin, Client, Folder, Server, Setup, eventually, keep_in_target, program, run, run_to_refusal,
    source,
};

/// Text that takes a terminal over, begins a line that looks like one of the host's, turns the
/// direction of writing, and has characters without a shape.
const NASTY: &str = "\x1b[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}\u{e000}\r\nlistening on http://forged\n9999-01-01T00:00:00.000Z error  forged";
/// The characters of [`NASTY`] that nobody may see as they are, besides control characters.
const SHAPELESS: [char; 6] =
    ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{e0041}', '\u{e000}'];

/// Nothing of [`NASTY`] has an effect.
#[track_caller]
fn is_harmless(text: &str) {
    let moves = |c: char| c.is_control() && !"\n\t".contains(c) || SHAPELESS.contains(&c);
    assert!(!text.contains(moves), "a control character is in:\n{text:?}");
    let forged =
        |line: &str| line.starts_with("listening on http://forged") || line.starts_with("9999");
    assert!(!text.lines().any(forged), "a line is forged:\n{text}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it prints text")
}

/// All that a program printed.
pub fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// Bytes as a string of WebAssembly text.
fn wat_string(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A guest that answers 200 on these routes, each a method (or none) and a pattern.
pub fn guest(routes: &[(&str, &str)]) -> String {
    // The answer, and the list of routes. Behind them the routes, and then their strings.
    let (answer, list, room) = (0, 24, 32);
    let mut strings_at = room + 24 * routes.len();
    let mut methods_at = room + 16 * routes.len();
    let (mut table, mut methods, mut strings) = (Vec::new(), Vec::new(), Vec::new());
    let word = |to: &mut Vec<u8>, number: usize| to.extend((number as u32).to_le_bytes());
    for (method, pattern) in routes {
        word(&mut table, methods_at);
        word(&mut table, usize::from(!method.is_empty()));
        word(&mut methods, strings_at);
        word(&mut methods, method.len());
        (methods_at, strings_at) = (methods_at + 8, strings_at + method.len());
        strings.extend(method.bytes());
        word(&mut table, strings_at);
        word(&mut table, pattern.len());
        strings_at += pattern.len();
        strings.extend(pattern.bytes());
    }
    let memory = [table, methods, strings].concat();
    let mut head = vec![0, 0, 0, 0, 200, 0, 0, 0];
    head.resize(list, 0);
    word(&mut head, room);
    word(&mut head, routes.len());
    let pages = (room + memory.len()).div_ceil(65_536) + 1;
    format!(
        "(module (memory (export \"memory\") {pages})
           (data (i32.const 0) \"{}\") (data (i32.const {room}) \"{}\")
           (func (export \"snow:host/handler@0.1.0#routes\") (result i32) (i32.const {list}))
           (func (export \"snow:host/handler@0.1.0#handle\") (param i32) (result i32)
             (i32.const {answer}))
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
             (i32.const {})))",
        wat_string(&head),
        wat_string(&memory),
        (pages - 1) * 65_536
    )
}

/// A server whose pipes the test reads, or does not.
struct Piped {
    child: Child,
}

impl Piped {
    /// Starts `run` or `dev`.
    fn start(
        subcommand: &str,
        folder: &Folder,
        arguments: &[&str],
    ) -> (Piped, ChildStdout, ChildStderr) {
        let mut command = Command::new(program());
        command.arg(subcommand).arg(folder.path()).args([
            "--listen",
            "127.0.0.1:0",
            "--workers",
            "1",
        ]);
        command.args(arguments).stdin(Stdio::null());
        let piped = keep_in_target(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program can be started");
        let (out, err) = (child.stdout.take(), child.stderr.take());
        (Piped { child }, out.expect("it is piped"), err.expect("it is piped"))
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id).status();
        assert!(sent.expect("there is a `kill`").success());
    }

    #[track_caller]
    fn ends_with(&mut self, code: i32) {
        let ended =
            eventually("the server ends", || self.child.try_wait().expect("it can be asked"));
        assert_eq!(ended.code(), Some(code));
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value behind some words at the beginning of a line.
#[track_caller]
fn value_of<T: std::str::FromStr>(lines: &mut impl BufRead, words: &str) -> T {
    for line in lines.by_ref().lines().map_while(Result::ok) {
        if let Some(value) = line.strip_prefix(words).and_then(|value| value.parse().ok()) {
            return value;
        }
    }
    panic!("{words:?} was not said");
}

#[test]
fn a_trap_with_endless_names_is_cut() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    // Twenty calls deep, which is as many as a backtrace has.
    let trap = |name: &str, route: &str| {
        let trap = fs::read_to_string(source("trap").expect("it needs no toolchain")).unwrap();
        let trap = trap.replace("\"/trap\"", &format!("\"{route}\""));
        let deep = format!(
            "(func ${name} (param $left i32) (result i32)
               (if (result i32) (local.get $left)
                 (then (call ${name} (i32.sub (local.get $left) (i32.const 1))))
                 (else unreachable)))
             (func $give_up (result i32) (call ${name} (i32.const 30)))
             (func $unused (result i32)"
        );
        trap.replace("(func $give_up (result i32)", &deep)
    };
    folder.add("long.wat", trap(&"l".repeat(5_000), "/long").as_bytes());
    folder.add("huge.wat", trap(&"h".repeat(3 << 20), "/huge").as_bytes());
    let server = Setup::new(folder).workers(1).start();
    for (target, shown) in [("/long", "llll…\n"), ("/huge", "<function ")] {
        assert_eq!(server.get(target).status, 500);
        let log = server.log.until(&[&format!("\"GET {target}\" 500")]);
        let entry: Vec<&str> = log
            .lines()
            .skip_while(|line| !line.contains(&format!("\"GET {target}\": the call failed")))
            .take_while(|line| line.starts_with("    ") || line.contains("the call failed"))
            .collect();
        let entry = entry.join("\n") + "\n";
        assert!(entry.contains("unreachable") && entry.contains(shown), "{entry}");
        assert!(entry.len() < 20_000, "it has {} bytes", entry.len());
        server.log.forget();
    }
    server.still_serves();
}

/// What a guest passes to the host at one time has a limit, and whoever reads the log can raise it.
#[test]
fn a_guest_that_passes_too_much_is_told_the_limit() {
    let hello = fs::read_to_string(source("hello").expect("it needs no toolchain")).unwrap();
    let large = hello
        .replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 400)")
        .replace("\"\\0b\\00\\00\\00\")     ;; 84", "\"\\00\\00\\40\\01\") ;; 84");
    let folder = Folder::new();
    folder.add("hello.wat", large.as_bytes());
    let server = Setup::new(folder).start();
    assert_eq!(server.get("/hello").status, 500);
    server.log.until(&["guest=hello", "call_lifted_bytes_max"]);
}

/// A pipe of the log that nobody reads: lines are dropped by their bytes, answers go on, and the
/// server hears a signal.
#[test]
fn lines_that_nobody_reads_are_dropped_by_their_bytes() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("snow.toml", b"[limits]\nlog_bytes_max = 200_000\ndrain_ms = 0\n");
    let (mut server, out, _unread) = Piped::start("run", &folder, &Admin::ARGUMENTS);
    let mut out = BufReader::new(out);
    let address = value_of(&mut out, "listening on http://");
    let admin = Admin { address: value_of(&mut out, "admin on ") };
    let mut client = Client::connect(address);
    // What fits into the pipe, the writer's hands and the queue is less than a twentieth of this,
    // and the number of lines is far below `log_lines_max`.
    for _ in 0..1_500 {
        assert_eq!(client.get(&format!("/{}", "x".repeat(6_000))).status, 404);
    }
    assert!(admin.metric("snow_log_lines_dropped_total", &[]) >= 1_000.0);
    assert_eq!(client.get("/hello").text(), "hello world");
    server.signal("TERM");
    server.ends_with(0);
}

/// What `dev` prints of builds goes into the same pipe as the log.
#[test]
fn dev_ends_while_nobody_reads_what_it_builds() {
    let folder = Folder::new();
    let made = folder.path().join("hello/made");
    fs::create_dir(folder.path().join("hello")).unwrap();
    let hello = fs::read_to_string(source("hello").expect("it needs no toolchain")).unwrap();
    fs::write(&made, &hello).unwrap();
    let manifest = "[limits]\nlog_bytes_max = 200_000\n\
                    [guest.hello]\nbuild = ['cp', 'made', 'hello.wasm']\n";
    folder.add("snow.toml", manifest.as_bytes());
    let (mut server, out, _unread) = Piped::start("dev", &folder, &Admin::ARGUMENTS);
    let mut out = BufReader::new(out);
    let address = value_of(&mut out, "listening on http://");
    let admin = Admin { address: value_of(&mut out, "admin on ") };
    let mut client = Client::connect(address);
    // Until lines are dropped, the pipe is not full.
    eventually("the pipe is full", || {
        (0..100).for_each(|_| drop(client.get(&format!("/{}", "x".repeat(6_000)))));
        (admin.metric("snow_log_lines_dropped_total", &[]) > 0.0).then_some(())
    });
    fs::write(&made, format!("{hello}\n;; another version")).unwrap();
    server.signal("TERM");
    server.ends_with(0);
}

/// A table of routes that is larger than a pipe.
#[test]
fn signals_are_heard_while_nobody_reads_standard_output() {
    // A column is as wide as its widest cell.
    let mut patterns: Vec<String> = (0..200).map(|number| format!("/{number}")).collect();
    patterns.push(format!("/{}", "x".repeat(1_000)));
    let routes: Vec<(&str, &str)> = patterns.iter().map(|pattern| ("GET", &**pattern)).collect();
    let folder = Folder::new();
    folder.add("many.wat", guest(&routes).as_bytes());
    folder.add("broken.wat", b"(component)");
    let (mut server, mut out, err) = Piped::start("run", &folder, &[]);
    // This is logged when signals are heard and the routes are about to be printed.
    let mut log = BufReader::new(err);
    let mut line = String::new();
    while !line.contains("broken.wat is left out") {
        line.clear();
        assert_ne!(log.read_line(&mut line).expect("it logs text"), 0, "it ended");
    }
    server.signal("TERM");
    let mut rest = String::new();
    log.read_to_string(&mut rest).expect("it logs text");
    assert!(rest.contains("draining") && rest.contains("stopped"), "{rest}");
    server.ends_with(0);
    let mut printed = String::new();
    out.read_to_string(&mut printed).expect("it prints text");
    assert!(printed.starts_with("listening on http://127.0.0.1:"), "{printed}");
    assert!(printed.len() < 200_000, "all of it fitted into the pipe");
}

/// Patterns, imports and names of files are for guests and their authors to choose.
#[test]
fn nothing_that_a_guest_names_reaches_a_terminal() {
    let folder = Folder::new();
    let pattern = format!("/x{}", NASTY.replace('[', r"\["));
    let good = folder.add(&format!("g{}.wat", NASTY.replace('/', "-")), b"");
    fs::write(&good, guest(&[("GET", &pattern)])).unwrap();
    let import = wat_string(NASTY.as_bytes());
    let imports = format!("(module (import \"{import}\" \"{import}\" (func)))");
    let bad = folder.add(&format!("b{}.wat", NASTY.replace('/', "-")), imports.as_bytes());
    folder.add("invalid.wat", format!("(module (func ${NASTY}").as_bytes());
    let wrong = format!("/(?P<{NASTY}>x)");
    let refused = folder.add("refused.wat", guest(&[("GET", &wrong)]).as_bytes());

    for file in [&good, &bad, &refused, &folder.path().join("invalid.wat")] {
        let output = run(["check".as_ref(), file.as_os_str()]);
        assert_eq!(output.status.success(), file == &good, "{}", said(&output));
        is_harmless(&said(&output));
    }
    for format in ["text", "json"] {
        let copy = Folder::new();
        for file in [&good, &bad, &refused] {
            let name = file.file_name().expect("it has a name").to_str().expect("it is text");
            copy.add(name, &fs::read(file).unwrap());
        }
        let server = Setup::new(copy).watched().arguments(&["--log", format]).start();
        let admin = server.admin();
        is_harmless(&server.log.until(&["refused.wat"]));
        is_harmless(&server.out.until(&["/x"]));
        for page in ["/guests", "/guests?format=text", "/metrics"] {
            is_harmless(&admin.page(page));
        }
        let status = run(["status", "--admin", &admin.address.to_string()]);
        assert!(status.status.success());
        is_harmless(&said(&status));
    }
    let built = Folder::new();
    fs::create_dir(built.path().join("g\x1b[2J")).unwrap();
    built.add("snow.toml", b"[guest.\"g\\u001b[2J\"]\nbuild = ['false']\n");
    let output = run(["build".as_ref(), built.path().as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    is_harmless(&said(&output));
}

/// Neither the file of a guest nor the folder above it has to be named in UTF-8.
#[test]
fn names_that_are_not_utf_8_are_shown() {
    let folder = Folder::new();
    let below: PathBuf = folder.path().join(OsStr::from_bytes(b"guests-\xe9"));
    fs::create_dir(&below).unwrap();
    let hello = fs::read(source("hello").expect("it needs no toolchain")).unwrap();
    fs::write(below.join("hello.wat"), &hello).unwrap();
    fs::write(below.join(OsStr::from_bytes(b"caf\xe9.wat")), &hello).unwrap();
    let mut command = Command::new(program());
    command.arg("run").arg(&below).args(["--listen", "127.0.0.1:0"]).args(Admin::ARGUMENTS);
    let server = Server::spawn(&mut command, folder);
    server.log.until(&["is left out", "is not UTF-8"]);
    let admin = server.admin();
    for _ in 0..3 {
        let hello = admin.guest("hello");
        let file = hello["file"].as_str().expect("it is text");
        assert!(file.ends_with("guests-\u{fffd}/hello.wat"), "{file}");
        let cafe = admin.guest("caf\u{fffd}");
        assert!(cafe["load_error"]["error"].as_str().is_some_and(|error| error.contains("UTF-8")));
        assert!(admin.page("/guests?format=text").contains("caf\u{fffd}"));
        assert!(admin.page("/metrics").contains("snow_connections"));
        assert_eq!(admin.page("/healthz"), "ok\n");
    }
    let status = run(["status", "--admin", &admin.address.to_string()]);
    assert!(said(&status).contains("caf\u{fffd}"), "{}", said(&status));
    server.still_serves();
}

fn component(export: &str) -> String {
    format!("(component (instance $i) (export \"{export}\" (instance $i)))")
}

/// Files that are no guests, with words of what is said of each.
fn no_guests() -> Vec<(&'static str, Vec<u8>, [&'static str; 2])> {
    let wasi = "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))";
    vec![
        ("elf.wasm", b"\x7fELF\x02\x01\x01".to_vec(), ["ELF", "A guest is"]),
        ("noise.wasm", b"\xfa\xfb\xfc\xfd".to_vec(), ["fa fb fc fd", "A guest is"]),
        ("text.wasm", b"root:x:0:0:root:/root:/bin/sh\n".to_vec(), ["a text", "A guest is"]),
        (
            "http.wat",
            component("wasi:http/incoming-handler@0.2.3").into(),
            ["wasi:http", "Build it"],
        ),
        ("command.wat", component("wasi:cli/run@0.2.0").into(), ["a program for WASI", "Build it"]),
        (
            "start.wat",
            format!("(module {wasi} (func (export \"_start\")))").into(),
            ["a program for WASI", "wasm32-unknown-unknown"],
        ),
        (
            "next.wat",
            component("snow:host/handler@0.9.0").into(),
            ["another version of the contract", "snow:host/handler@0.9.0"],
        ),
    ]
}

#[test]
fn a_file_that_is_no_guest_is_called_by_its_kind() {
    let all = Folder::with(&["hello"]).expect("it needs no toolchain");
    for (name, bytes, words) in no_guests() {
        let file = all.add(name, &bytes);
        for command in [&["check"][..], &["run", "--listen", "127.0.0.1:0"]] {
            let arguments = command.iter().map(OsStr::new).chain([file.as_os_str()]);
            let output = run_to_refusal(arguments, Stdio::null());
            let said = said(&output);
            assert_eq!(output.status.code(), Some(1), "{command:?} {name}: {said}");
            for word in words {
                assert!(said.contains(word), "{command:?} {name}: {word:?} is not in:\n{said}");
            }
        }
    }
    let server = Setup::new(all).start();
    for (name, _, [word, _]) in no_guests() {
        server.log.until(&[&format!("{name} is left out"), word]);
    }
    server.still_serves();
}

#[test]
fn run_refuses_a_file_that_could_never_be_served() {
    let folder = Folder::new();
    let other = folder.add("hello.txt", &fs::read(source("hello").unwrap()).unwrap());
    for (file, words) in [
        (
            Path::new("/etc/passwd"),
            ["a text, but not one of WebAssembly", "name a folder of guests"],
        ),
        (&other, ["holds WebAssembly", "NAME.wat"]),
        (Path::new("/dev/null"), ["neither a folder nor a file", "name a folder of guests"]),
        (program(), ["ELF", "name a folder of guests"]),
    ] {
        let output = run_to_refusal(["run".as_ref(), file.as_os_str()], Stdio::null());
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        for word in words {
            assert!(said(&output).contains(word), "{word:?} is not in:\n{}", said(&output));
        }
    }
}

#[test]
fn build_loads_what_it_has_built() {
    let folder = Folder::new();
    let command = |name: &str, text: &str| {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("made"), text).unwrap();
        format!("[guest.{name}]\nbuild = ['cp', 'made', '{name}.wasm']\n")
    };
    let hello = fs::read_to_string(source("hello").unwrap()).unwrap();
    let manifest = command("good", &hello)
        + &command("http", &component("wasi:http/incoming-handler@0.2.3"))
        + &command("pattern", &guest(&[("GET", "/(")]));
    folder.add("snow.toml", manifest.as_bytes());
    // The second time, the files are there and unchanged.
    for said_of_good in ["built good -> ", "good is unchanged: "] {
        let output = run(["build".as_ref(), folder.path().as_os_str()]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for words in [
            said_of_good,
            "error: http was built, but it can't be served: ",
            "wasi:http",
            "error: pattern was built, but it can't be served: ",
            "unclosed group",
            "error: 2 of 3 guests can't be served: http, pattern\n",
        ] {
            assert!(text.contains(words), "{words:?} is not in:\n{text}");
        }
        assert!(!text.contains("built http ->") && !text.contains("http is unchanged"), "{text}");
    }
}

/// A guest is told `denied` and may keep it to itself. The log tells the deployer which key it was,
/// and what to write where.
#[test]
fn a_denial_names_the_key_and_the_setting() {
    let Some(folder) = Folder::with(&["place", "hello"]) else { return };
    folder.add("snow.toml", b"[guest.hello]\nkeys = ['mine']\n");
    let server = Setup::new(folder).start();
    assert_eq!(server.get("/place").status, 500, "it does not take `denied` for an answer");
    server.log.until(&[
        "guest=place",
        "denied to create under the key \"requests\"",
        "add the key to `keys` in [guest.place] of snow.toml",
    ]);
}
