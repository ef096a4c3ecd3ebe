//! `guests/standard`: a guest that is written against `wasi:keyvalue` and `wasi:config` alone and
//! built by cargo and `wit-bindgen`, once for the versions of wasmtime and once for those of Spin.

use std::process::Command;

use crate::harness::{Folder, Server, Setup, program, source};

const FORMS: [&str; 2] = ["standard-wasmtime", "standard-spin"];

/// Serves both forms, each mounted under its name, with these lines for each of them.
fn serve(lines: &str, arguments: &[&str]) -> Option<Server> {
    let folder = Folder::with(&FORMS)?;
    let manifest = FORMS.map(|form| format!("[guest.{form}]\nmount = '/{form}'\n{lines}\n"));
    folder.add("snow.toml", manifest.concat().as_bytes());
    Some(Setup::new(folder).arguments(arguments).start())
}

/// Asks one form. Returns the status and the text.
fn ask(server: &Server, form: &str, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut client = server.connect();
    let length = body.len();
    client.send(format!(
        "{method} /{form}{target} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
    ));
    let response = client.response();
    (response.status, response.text().to_owned())
}

/// Plays a list of requests, each with the answer that it must get.
#[track_caller]
fn plays(server: &Server, form: &str, steps: &[(&str, &str, &str, (u16, &str))]) {
    for (method, target, body, (status, text)) in steps {
        let answer = ask(server, form, method, target, body);
        assert_eq!(answer, (*status, (*text).to_owned()), "{form}: {method} {target}");
    }
}

#[test]
fn it_imports_the_standard_and_of_ours_only_the_types_of_its_export() {
    for form in FORMS {
        let Some(file) = source(form) else { return };
        let output = Command::new(program()).arg("check").arg(file).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let imports = text.lines().find_map(|line| line.trim().strip_prefix("imports  "));
        let imports: Vec<&str> = imports.expect("it is shown").split(", ").collect();
        let of = |begins: &str| -> Vec<&str> {
            imports.iter().copied().filter(|name| name.starts_with(begins)).collect()
        };
        let versions = match form {
            "standard-wasmtime" => ("0.2.0-draft", "0.2.0-rc.1"),
            _ => ("0.2.0-draft2", "0.2.0-draft-2024-09-27"),
        };
        let keyvalue = ["store", "atomics", "batch"];
        assert_eq!(
            of("wasi:keyvalue/"),
            keyvalue.map(|name| format!("wasi:keyvalue/{name}@{}", versions.0))
        );
        assert_eq!(of("wasi:config/"), [format!("wasi:config/store@{}", versions.1)]);
        assert_eq!(of("snow:host/"), ["snow:host/http@0.1.0", "snow:host/pending-handles@0.1.0"]);
        // All else is what Rust's standard library imports for wasm32-wasip2.
        let known = ["wasi:keyvalue/", "wasi:config/", "snow:host/", "wasi:io/", "wasi:cli/"];
        let count: usize = known.iter().map(|begins| of(begins).len()).sum();
        assert_eq!(count, imports.len(), "{form}: {imports:?}");
    }
}

#[test]
fn a_guest_book_is_kept_by_both_forms() {
    let Some(server) = serve("", &[]) else { return };
    for form in FORMS {
        plays(
            &server,
            form,
            &[
                ("GET", "/pages/ann", "", (404, "")),
                ("PUT", "/pages/ann", "it was", (200, "new")),
                ("PUT", "/pages/ann", "a fine day", (200, "replaced")),
                ("POST", "/pages/ann", ", truly", (200, "a fine day, truly")),
                ("GET", "/pages/ann", "", (200, "a fine day, truly")),
                ("POST", "/visits/ann", "", (200, "1")),
                ("POST", "/visits/ann", "", (200, "2")),
                ("PUT", "/pages", "bob=hello zoe=goodbye", (200, "2")),
                ("DELETE", "/pages/bob", "", (200, "torn out")),
                ("GET", "/pages", "", (200, "ann=a fine day, truly visits.ann=2 zoe=goodbye")),
                ("DELETE", "/pages", "", (200, "3")),
                ("GET", "/pages", "", (200, "")),
            ],
        );
    }
}

#[test]
fn what_one_form_keeps_the_other_finds_where_the_deployer_lets_both() {
    let lines = "buckets = ['shared']\nconfig = { bucket = 'shared', greeting = 'hello' }";
    let Some(server) = serve(lines, &[]) else { return };
    for (writes, reads) in [(FORMS[0], FORMS[1]), (FORMS[1], FORMS[0])] {
        plays(&server, writes, &[("PUT", "/pages", "a=1 b=2", (200, "2"))]);
        plays(&server, writes, &[("GET", "/settings", "", (200, "bucket=shared greeting=hello"))]);
        plays(&server, reads, &[("GET", "/pages", "", (200, "a=1 b=2"))]);
        plays(&server, reads, &[("DELETE", "/pages", "", (200, "2"))]);
    }
    // The grant, and not the setting, decides.
    let Some(server) = serve("config = { bucket = 'shared' }", &[]) else { return };
    for form in FORMS {
        plays(&server, form, &[("GET", "/pages", "", (503, "Error::AccessDenied"))]);
    }
}

#[test]
fn of_two_at_a_time_both_are_kept_by_a_compare_and_swap() {
    let Some(server) = serve("", &[]) else { return };
    let add = |_| drop(ask(&server, FORMS[1], "POST", "/pages/all", "x"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(add));
        }
    });
    plays(&server, FORMS[1], &[("GET", "/pages/all", "", (200, &"x".repeat(200)))]);
}

#[test]
fn what_it_was_told_is_kept_is_on_the_disk() {
    let data = Folder::new();
    let arguments = ["--data", data.path().to_str().expect("a path of ours is text")];
    let Some(mut server) = serve("", &arguments) else { return };
    for form in FORMS {
        plays(&server, form, &[("PUT", "/pages/ann", form, (200, "new"))]);
        plays(&server, form, &[("POST", "/visits/ann", "", (200, "1"))]);
    }
    server.signal("KILL");
    server.ended();
    let server = serve("", &arguments).expect("it was built before");
    for form in FORMS {
        let all = format!("ann={form} visits.ann=1");
        plays(&server, form, &[("GET", "/pages", "", (200, &all))]);
    }
}
