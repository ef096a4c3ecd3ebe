//! Deploying: what is changed takes effect, and nothing else does (issue 11).

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::harness::{Folder, Server, Setup, eventually, run, run_to_refusal, source};

/// A guest with this pattern as its only route.
fn guest(pattern: &str) -> Vec<u8> {
    let text = fs::read_to_string(source("routes").expect("it needs no toolchain"));
    let escape =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let length = (pattern.len() as u32).to_le_bytes();
    let text = text.expect("it can be read").replace("(;length;)", &escape(&length));
    text.replace("(;pattern;)", &escape(pattern.as_bytes())).into_bytes()
}

/// A guest that answers `/who` with a word of two letters.
fn who(word: &str) -> Vec<u8> {
    let text = fs::read_to_string(source("versioned").expect("it needs no toolchain"));
    text.expect("it can be read").replace("\"v1\"", &format!("\"{word}\"")).into_bytes()
}

fn server(guests: &[(&str, Vec<u8>)]) -> Server {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    guests.iter().for_each(|(name, bytes)| drop(folder.add(name, bytes)));
    Setup::new(folder).watched().start()
}

/// Waits until the guest of [`guest`] gets this path, or does not any more.
#[track_caller]
fn eventually_takes(server: &Server, target: &str, takes: bool) {
    let status = if takes { 500 } else { 404 };
    eventually(target, || (server.get(target).status == status).then_some(()));
}

/// One guest too many once stopped all deploying, for good: no other edit, removal or manifest took
/// effect any more.
#[test]
fn a_guest_too_many_is_left_out_alone() {
    let server = server(&[("app.wat", who("v1"))]);
    server.folder.replace("snow.toml", b"[limits]\nguests_max = 2\n");
    server.log.until(&["snow.toml is in force"]);
    server.folder.replace("zoo.wat", &guest("/zoo"));
    server.log.until(&["holds 3 guests; at most 2 are allowed (guests_max): zoo left out"]);
    server.folder.replace("app.wat", &who("v2"));
    server.everywhere("/who", "v2");
    server.folder.replace("snow.toml", b"[limits]\nguests_max = 3\n");
    eventually_takes(&server, "/zoo", true);
    fs::remove_file(server.folder.path().join("app.wat")).unwrap();
    eventually("it is removed", || (server.get("/who").status == 404).then_some(()));
}

#[test]
fn a_mount_takes_no_guest_away() {
    let server = server(&[("big.wat", guest(r"/\w{40}")), ("app.wat", who("v1"))]);
    let path = format!("/{}", "a".repeat(40));
    eventually_takes(&server, &path, true);
    server.folder.replace("snow.toml", b"[guest.big]\nmount = '/big'\n");
    server.log.until(&["snow.toml is in force"]);
    eventually_takes(&server, &format!("/big{path}"), true);
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(server.get("/who").text(), "v1");
    server.still_serves();
    fs::remove_file(server.folder.path().join("snow.toml")).unwrap();
    eventually_takes(&server, &path, true);
    assert!(!server.log_by_now().contains("left out"), "{}", server.log_by_now());
}

#[test]
fn a_pattern_that_would_cost_too_much_is_refused_by_name() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    let ordinary = "/[^/]{1,255}".repeat(30);
    folder.add("ordinary.wat", &guest(&ordinary));
    folder.add("word.wat", &guest(r"/w/\w{1,64}"));
    folder.add("costly.wat", &guest("/(?:[ab]?){3000}[ab]*c"));
    folder.add("costlier.wat", &guest("/((?:[ab]?){900})([ab]*)c"));
    let server = Setup::new(folder).start();
    for name in ["costly", "costlier"] {
        let told = server.log.until(&[&format!("{name}.wat is left out")]);
        assert!(told.contains("too large") && told.contains("route 0"), "{told}");
    }
    assert_eq!(server.get(&"/x".repeat(30)).status, 500, "it traps");
    assert_eq!(server.get("/w/under_score").status, 500);
    server.still_serves();
}

#[test]
fn what_was_left_out_is_tried_again_when_the_manifest_changes() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("app.wat", &who("v1"));
    folder.add("snow.toml", b"[limits]\nguest_routes_max = 2\n");
    let server = Setup::new(folder).watched().start();
    server.log.until(&["app.wat is left out", "has 3 routes"]);
    assert_eq!(server.get("/who").status, 404);
    server.folder.replace("snow.toml", b"[limits]\nguest_routes_max = 3\n");
    server.everywhere("/who", "v1");
    server.still_serves();
}

/// The compiler is stopped, so nothing here depends on how fast it is.
#[test]
fn edits_removals_and_manifests_do_not_wait_for_a_compiler() {
    let server = server(&[("app.wat", who("v1")), ("gone.wat", guest("/gone"))]);
    // So many functions take a moment to compile.
    let many =
        "(func (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))".repeat(40_000);
    let large = String::from_utf8(guest("/large")).unwrap();
    let large = large.replace("(memory", &format!("{many}\n(memory"));
    server.folder.add("large.wat", large.as_bytes());
    let compiler = eventually("it is compiled", || compiler(&server));
    signal(&compiler, "STOP");

    server.folder.add("app.wat", &who("v2"));
    server.everywhere("/who", "v2");
    fs::remove_file(server.folder.path().join("gone.wat")).unwrap();
    eventually_takes(&server, "/gone", false);
    server.folder.replace("snow.toml", b"[guest.app]\nmount = '/app'\n");
    server.everywhere("/app/who", "v2");
    server.log.until(&["snow.toml is in force"]);
    assert!(!server.log_by_now().contains("large: version"), "it is not compiled yet");

    // A newer edit takes its place.
    server.folder.replace("large.wat", &guest("/small"));
    eventually_takes(&server, "/small", true);
    eventually("the first compiler is ended", || {
        (!fs::exists(format!("/proc/{compiler}")).unwrap()).then_some(())
    });
    assert!(!server.log_by_now().contains("large.wat can't"), "{}", server.log_by_now());
}

#[test]
fn edits_do_not_wait_for_a_guest_that_never_says_its_routes() {
    let server = server(&[
        ("app.wat", who("v1")),
        ("snow.toml", b"[limits]\ncall_running_ms_max = 600000\n".into()),
    ]);
    let spins = String::from_utf8(guest("/spins")).unwrap();
    let spins = spins.replace("(nop (; routes ;))", "(loop $spin (br $spin))");
    // No earlier run has left it in the cache, so it is told when its `routes` is next.
    let spins = format!("{spins}\n;; {} {:?}", std::process::id(), std::time::SystemTime::now());
    server.folder.add("spins.wat", spins.as_bytes());
    server.log.until(&["compiled spins in"]);
    for word in ["v2", "v3"] {
        server.folder.add("app.wat", &who(word));
        server.everywhere("/who", word);
    }
    fs::remove_file(server.folder.path().join("app.wat")).unwrap();
    eventually("it is gone", || (server.get("/who").status == 404).then_some(()));
    server.folder.replace("spins.wat", &guest("/spins"));
    eventually_takes(&server, "/spins", true);
}

/// The process that compiles a guest for this server.
fn compiler(server: &Server) -> Option<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).ok()?;
    let children =
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let compiles = |child: &&str| {
        let command = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("compile-guest")
    };
    let children = children.collect::<String>();
    children.split_whitespace().find(compiles).map(str::to_owned)
}

fn signal(process: &str, name: &str) {
    let sent = Command::new("kill").args(["-s", name, process]).status();
    assert!(sent.expect("there is `kill`").success());
}

#[test]
fn longer_mounts_come_first() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("all.wat", &guest("/.*"));
    folder.add("app.wat", &who("v1"));
    folder.add("snow.toml", b"[guest.all]\nmount = '/shop'\n[guest.app]\nmount = '/shop/app'\n");
    let server = Setup::new(folder).watched().start();
    assert_eq!(server.get("/shop/app/who").text(), "v1");
    assert_eq!(server.get("/shop/app/other").status, 500, "that one takes the rest");
}

#[test]
fn a_route_that_can_never_be_reached_is_a_warning_that_names_both() {
    let server = server(&[("all.wat", guest("/w.*")), ("app.wat", who("v1"))]);
    let told = server.log.until(&[
        "the route /who of app can never be reached: its requests go to all, by the route /w.*",
        "the route /wait of app can never be reached",
    ]);
    assert!(!told.contains("/free"), "{told}");
    assert!(told.contains("warn"), "{told}");
    // A guest's own routes are for `check`.
    let own = String::from_utf8(who("v1")).unwrap().replace("\"/who\"", "\"/w.*\"");
    let other = Folder::new();
    let guest = other.add("own.wat", own.as_bytes());
    let checked = run(["check".as_ref(), guest.as_os_str()]);
    let told = String::from_utf8_lossy(&checked.stdout);
    assert!(told.contains("warning  the route /wait of own can never be reached"), "{told}");
}

#[test]
fn what_is_said_to_be_in_force_is_in_force() {
    let server = server(&[("app.wat", who("v1"))]);
    for round in 0..10 {
        let mount = if round % 2 == 0 { "/a" } else { "/b" };
        server.log.forget();
        let manifest = format!("[guest.app]\nmount = '{mount}'\n");
        server.folder.replace("snow.toml", manifest.as_bytes());
        server.log.until(&["snow.toml is in force"]);
        // Each is on a connection of its own, so on any worker.
        for _ in 0..10 {
            assert_eq!(server.get(&format!("{mount}/who")).text(), "v1");
        }
    }
}

#[test]
fn a_manifest_that_is_no_file_is_an_error_and_the_settings_stay() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    let manifest = folder.path().join("snow.toml");
    let pipe = |path: &std::path::Path| {
        assert!(Command::new("mkfifo").arg(path).status().expect("there is `mkfifo`").success());
    };
    let refused = || {
        let path = folder.path().to_str().expect("test folders have plain names");
        let output = run_to_refusal(["run", path, "--listen", "127.0.0.1:0"], Stdio::null());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("snow.toml is not a regular file"), "{told}");
    };
    pipe(&manifest);
    refused();
    fs::remove_file(&manifest).unwrap();
    symlink("/dev/zero", &manifest).unwrap();
    refused();
    fs::remove_file(&manifest).unwrap();

    let server = Setup::new(folder).watched().start();
    pipe(&manifest);
    server.log.until(&["the settings in force stay", "is not a regular file"]);
    // A guest's file, too.
    let guest_pipe = server.folder.path().join("pipe.wat");
    pipe(&guest_pipe);
    server.log.until(&["pipe.wat is left out", "it is not a regular file"]);
    server.folder.add("app.wat", &who("v1"));
    server.everywhere("/who", "v1");
    fs::remove_file(&manifest).unwrap();
    server.folder.replace("snow.toml", b"[guest.app]\nmount = '/app'\n");
    server.everywhere("/app/who", "v1");
    let checked = run(["check".as_ref(), guest_pipe.as_os_str()]);
    let told = String::from_utf8_lossy(&checked.stderr);
    assert!(told.contains("it is not a regular file"), "{told}");
}

#[test]
fn a_number_of_a_version_is_not_used_again() {
    let server = server(&[("app.wat", who("v1"))]);
    let traps = String::from_utf8(who("v2")).unwrap().replace("(nop (; handle ;))", "unreachable");
    server.folder.add("app.wat", traps.as_bytes());
    server.log.until(&["app: version 2 serves"]);
    eventually("it is rolled back", || {
        server.get("/who");
        server.log_by_now().contains("version 1 serves again").then_some(())
    });
    server.folder.add("app.wat", &who("v3"));
    server.log.until(&["app: version 3 serves"]);
    fs::remove_file(server.folder.path().join("app.wat")).unwrap();
    server.log.until(&["app was removed; version 3"]);
    server.folder.add("app.wat", &who("v4"));
    server.log.until(&["app: version 4 serves"]);
}
