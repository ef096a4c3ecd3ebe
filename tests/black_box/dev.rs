//! `snow-host dev`: what changes in the sources is built and swapped, and what can't be built
//! disturbs nobody.
//!
//! The guests are text that a script copies, so that a build takes no time.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{
    Admin, Folder, Load, Server, engine, eventually, keep_in_target, program, run, source,
};

/// It says what it does, refuses what is marked so, and counts its runs beside the guests.
const SCRIPT: &str = "echo \"compiling $1\"\n\
    echo run >> ../$1.runs\n\
    if grep -q nonsense guest.wat; then echo \"guest.wat: here is nonsense\" >&2; exit 1; fi\n\
    if [ -f slow ]; then sleep 1000 & echo $! > ../sleeper; wait; fi\n\
    cp guest.wat \"$SNOW_GUEST_OUT\"\n";

fn text(guest: &str) -> String {
    fs::read_to_string(source(guest).expect("it needs no toolchain")).expect("it is there")
}

fn version(word: &str) -> String {
    text("versioned").replace("\"v1\"", &format!("\"{word}\""))
}

fn table(name: &str) -> String {
    format!("[guest.{name}]\nbuild = ['sh', 'build.sh', '{name}']\n")
}

fn add_guest(folder: &Path, name: &str, text: &str) {
    fs::create_dir(folder.join(name)).expect("a guests folder can be written");
    fs::write(folder.join(name).join("build.sh"), SCRIPT).expect("a guests folder can be written");
    fs::write(folder.join(name).join("guest.wat"), text).expect("a guests folder can be written");
}

/// The source of `app`, which says its version, and of `greeter`, which says hello.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.add("snow.toml", (table("app") + &table("greeter")).as_bytes());
    add_guest(folder.path(), "app", &version("v1"));
    add_guest(folder.path(), "greeter", &text("hello"));
    folder
}

fn command(folder: &Folder) -> Command {
    let mut command = Command::new(program());
    command
        .arg("dev")
        .arg(folder.path())
        .args(["--listen", "127.0.0.1:0", "--workers", "2"])
        .args(Admin::ARGUMENTS);
    keep_in_target(&mut command).stdin(Stdio::null());
    command
}

fn dev(folder: Folder) -> Server {
    Server::spawn(&mut command(&folder), folder)
}

/// As editors do it: half of what is written would be built, too.
fn edit(server: &Server, text: &str) {
    server.folder.replace("app/guest.wat", text.as_bytes());
}

/// How often a guest was built.
fn runs(server: &Server, name: &str) -> usize {
    let runs = fs::read_to_string(server.folder.path().join(format!("{name}.runs")));
    runs.map_or(0, |runs| runs.lines().count())
}

#[track_caller]
fn becomes(server: &Server, word: &str) {
    server.everywhere("/who", word);
}

/// Whoever inherits it may still have to bury it.
fn is_gone(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn what_changes_is_built_and_swapped_under_load() {
    let server = dev(folder());
    assert_eq!(server.get("/who").text(), "v1");
    server.log.until(&["building app ...", "compiling app", "built app in ", "built greeter in "]);
    let loads = [Load::start(server.address, 2, "/who"), Load::start(server.address, 1, "/hello")];
    for word in ["v2", "v3", "v4", "v5", "v6"] {
        server.log.forget();
        edit(&server, &version(word));
        becomes(&server, word);
        server.log.until(&["building app ...", "compiling app", "s: it is served now"]);
        loads.iter().for_each(|load| load.more(20));
    }
    loads.into_iter().for_each(Load::stop);
    assert_eq!(
        (runs(&server, "app"), runs(&server, "greeter")),
        (6, 1),
        "only what has changed is built"
    );
    // Written again as it was.
    edit(&server, &version("v6"));
    edit(&server, &version("v7"));
    becomes(&server, "v7");
    assert_eq!(runs(&server, "app"), 7);
}

#[test]
fn what_can_not_be_built_or_served_leaves_the_old_version() {
    let server = dev(folder());
    edit(&server, "nonsense");
    server.log.until(&[
        "guest.wat: here is nonsense",
        "error: `sh build.sh app` in ",
        "exit status: 1",
        "app could not be built: version 1 is still served",
    ]);
    assert_eq!(server.get("/who").text(), "v1");
    edit(&server, &version("v2"));
    becomes(&server, "v2");
    edit(&server, "(this is built)");
    server.log.until(&[
        "s, but it can't be served (see the log): version 2 is still served",
        "can't replace version",
    ]);
    assert_eq!(server.get("/who").text(), "v2");
    edit(&server, &version("v3"));
    becomes(&server, "v3");
    server.still_serves();
}

#[test]
fn it_starts_though_a_guest_can_not_be_built() {
    let folder = folder();
    fs::write(folder.path().join("app/guest.wat"), "nonsense").unwrap();
    let server = dev(folder);
    server.log.until(&[
        "guest.wat: here is nonsense",
        "app could not be built, and is not served until it can be",
    ]);
    server.still_serves();
    assert_eq!(server.get("/who").status, 404);
    edit(&server, &version("v1"));
    server.log.until(&["built app in", "it is served now"]);
    becomes(&server, "v1");
}

#[test]
fn new_guests_new_commands_and_shared_sources_are_noticed() {
    let folder = Folder::new();
    let server = dev(folder);
    server.log.until(&["nothing to build in ", "no guest is served yet"]);
    let folder = server.folder.path();
    server.folder.replace("snow.toml", (table("app") + &table("greeter")).as_bytes());
    add_guest(folder, "app", &version("v1"));
    eventually("it is served", || (server.get("/who").status == 200).then_some(()));
    add_guest(folder, "greeter", &text("hello"));
    eventually("it is served", || (server.get("/hello").status == 200).then_some(()));
    server.log.until(&["built greeter in"]);

    // Another command.
    fs::write(folder.join("app/other.wat"), version("v2")).unwrap();
    let other = "[guest.app]\nbuild = ['cp', 'other.wat', 'app.wasm']\n";
    server.folder.replace("snow.toml", (other.to_owned() + &table("greeter")).as_bytes());
    becomes(&server, "v2");

    // A folder that is no guest's.
    let before = runs(&server, "greeter");
    fs::create_dir(folder.join("shared")).unwrap();
    fs::write(folder.join("shared/notes.txt"), "for all").unwrap();
    eventually("it is built again", || (runs(&server, "greeter") > before).then_some(()));
    server.log.until(&["built greeter in", "it is the same as before"]);

    fs::remove_dir_all(folder.join("app")).unwrap();
    server.log.until(&["the source of app is gone"]);
    assert_eq!(server.get("/who").text(), "v2");
}

/// Each build writes something else beside its sources.
#[test]
fn a_build_that_writes_into_its_own_sources_is_not_repeated_without_a_pause() {
    let folder = folder();
    let script = SCRIPT.to_owned() + "date +%N >> generated\n";
    fs::write(folder.path().join("app/build.sh"), script).unwrap();
    let server = dev(folder);
    server.log.until(&["app changes each time it is built", "$SNOW_GUEST_OUT"]);
    let built = runs(&server, "app");
    assert!((3..=6).contains(&built), "{built}");
    // What somebody writes is built all the same.
    edit(&server, &version("v2"));
    becomes(&server, "v2");
    assert_eq!(runs(&server, "greeter"), 1);
}

#[test]
fn a_signal_ends_a_build_that_is_under_way_and_what_is_held() {
    let mut server = dev(folder());
    let mut held = server.ask("/wait");
    server.admin().wait_until_held(1.0);
    held.is_silent();
    fs::write(server.folder.path().join("app/slow"), "").unwrap();
    let sleeper = server.folder.path().join("sleeper");
    let pid = eventually("it is being built", || {
        fs::read_to_string(&sleeper).ok().filter(|pid| pid.ends_with('\n'))
    });
    assert!(!is_gone(pid.trim()), "it has its process");
    assert_eq!(server.get("/who").text(), "v1", "it serves meanwhile");
    server.signal("INT");
    assert_eq!(held.response().status, 503);
    assert_eq!(server.ended().code(), Some(0));
    eventually("no process is left", || is_gone(pid.trim()).then_some(()));
    let log = server.log.to_end();
    assert!(!log.contains("could not be built"), "{log}");
}

#[test]
fn a_signal_ends_the_first_build() {
    let folder = folder();
    fs::write(folder.path().join("app/slow"), "").unwrap();
    let mut child = command(&folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let sleeper = folder.path().join("sleeper");
    let pid = eventually("it is being built", || {
        fs::read_to_string(&sleeper).ok().filter(|pid| pid.ends_with('\n'))
    });
    let sent = Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
    assert!(sent.expect("there is a `kill`").success());
    let ended = eventually("it ends", || child.try_wait().expect("a child can be asked"));
    assert_eq!(ended.code(), Some(130));
    eventually("no process is left", || is_gone(pid.trim()).then_some(()));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = Folder::new();
    for (arguments, words) in
        [(&["--no-watch"][..], "--no-watch"), (&["--listen", "x"], "--listen")]
    {
        let output = command(&folder).args(arguments).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{said}");
    }
    let nowhere = folder.path().join("nowhere");
    let output = run(["dev".as_ref(), nowhere.as_os_str()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not a folder"), "{output:?}");
}

/// In the place of Python, which makes engines: a script that copies one which is made already.
#[test]
fn an_engine_that_comes_to_be_needed_is_made() {
    let Some(engine) = engine() else { return };
    let (folder, engines, tools) = (folder(), Folder::new(), Folder::new());
    let copy = format!("#!/bin/sh\ncp '{}' \"$2\"\n", engine.display());
    let python = tools.add("python3", copy.as_bytes());
    fs::set_permissions(&python, Permissions::from_mode(0o755)).expect("it is there");
    let mut command = command(&folder);
    let path = std::env::var("PATH").expect("there is one");
    command.env("PATH", format!("{}:{path}", tools.path().display()));
    command.env("SNOW_HOST_ENGINES", engines.path());
    let server = Server::spawn(&mut command, folder);
    becomes(&server, "v1");
    server.folder.add("shop.py", b"/shop say shop\n");
    server.log.until(&["making the engine for Python"]);
    eventually("it is served", || (server.get("/shop").text() == "shop").then_some(()));
}
