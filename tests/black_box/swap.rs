//! The folder is the deployment: what changes there takes effect while the server runs, and nobody
//! is disturbed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{
    A_MOMENT, Admin, Client, Folder, Load, Server, Setup, eventually, program, run_to_refusal,
    source,
};

/// The text of the guest that there are versions of, and what is to be another in this one.
fn version(word: &str, replacements: &[(&str, &str)]) -> Vec<u8> {
    let text = fs::read_to_string(source("versioned").expect("it needs no toolchain"))
        .expect("it is there");
    let replace = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from:?} is there to be replaced");
        text.replace(from, to)
    };
    [("\"v1\"", format!("\"{word}\"").as_str())]
        .iter()
        .chain(replacements)
        .fold(text, replace)
        .into_bytes()
}

const TRAPS: (&str, &str) = ("(nop (; handle ;))", "unreachable");
const RESUME_TRAPS: (&str, &str) = ("(nop (; resume ;))", "unreachable");

fn server() -> Server {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("app.wat", &version("v1", &[]));
    Setup::new(folder).watched().start()
}

/// Asks until this version answers, on connections that are not closed meanwhile.
#[track_caller]
fn becomes(server: &Server, word: &str) {
    server.everywhere("/who", word);
}

/// How many requests a version of a guest holds: the one of which this is true. None if it is not
/// there.
#[track_caller]
fn held_by(server: &Server, guest: &str, is_it: impl Fn(&Value) -> bool) -> u64 {
    let guest = server.admin().guest(guest);
    let version =
        guest["versions"].as_array().expect("a list").iter().find(|version| is_it(version));
    version.map_or(0, |version| version["held"].as_u64().expect("a number"))
}

fn serves(version: &Value) -> bool {
    version["serves"] == true
}

/// A request that this guest holds. All workers have the same version of it.
#[track_caller]
fn held(server: &Server, guest: &str) -> Client {
    let before = held_by(server, guest, serves);
    let mut held = server.ask("/wait");
    eventually("it is held", || (held_by(server, guest, serves) == before + 1).then_some(()));
    held.is_silent();
    held
}

#[test]
fn a_guest_appears_changes_and_vanishes() {
    let server = server();
    assert_eq!(server.get("/who").text(), "v1");
    server.folder.add("app.wat", &version("v2", &[]));
    becomes(&server, "v2");
    server.log.until(&["app: version 2 serves"]);

    // Renamed over, as editors and deployers do, beside what they leave behind for a moment.
    let hidden = server.folder.add(".app.wat.swp", b"not a guest");
    fs::rename(
        server.folder.add("app.wat~", &version("v3", &[])),
        server.folder.path().join("app.wat"),
    )
    .unwrap();
    fs::remove_file(hidden).unwrap();
    becomes(&server, "v3");

    assert_eq!(server.get("/trap").status, 404);
    server.folder.add("trap.wat", &fs::read(source("trap").unwrap()).unwrap());
    eventually("the new one is there", || (server.get("/trap").status == 500).then_some(()));
    fs::remove_file(server.folder.path().join("trap.wat")).unwrap();
    eventually("it is gone", || (server.get("/trap").status == 404).then_some(()));
    server.log.until(&["trap was removed"]);
    server.still_serves();
}

#[test]
fn what_is_held_is_resumed_by_the_version_that_suspended_it() {
    let server = server();
    let mut of_first = held(&server, "app");
    server.folder.add("app.wat", &version("v2", &[]));
    becomes(&server, "v2");
    let mut of_second = held(&server, "app");
    fs::remove_file(server.folder.path().join("app.wat")).unwrap();
    eventually("it is gone", || (server.get("/who").status == 404).then_some(()));
    // Another guest's file, the same key.
    server.folder.add("other.wat", &version("v3", &[]));
    becomes(&server, "v3");
    let mut of_third = held(&server, "other");
    assert_eq!(server.get("/free").text(), "v3");
    let answers = [&mut of_first, &mut of_second, &mut of_third]
        .map(|client| client.response().text().to_owned());
    assert_eq!(answers, ["v1", "v2", "v3"]);
}

/// `versions_max` is 4.
#[test]
fn too_many_versions_are_not_kept() {
    let server = server();
    let mut clients: Vec<Client> = Vec::new();
    for nth in 1..=6 {
        clients.push(held(&server, "app"));
        let word = format!("v{}", nth + 1);
        server.folder.add("app.wat", &version(&word, &[]));
        becomes(&server, &word);
    }
    for client in &mut clients[..2] {
        let answer = client.response();
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    }
    server.log.until(&["versions_max"]);
    assert_eq!(server.get("/free").text(), "v7");
    let last: Vec<String> =
        clients[3..].iter_mut().map(|client| client.response().text().to_owned()).collect();
    assert_eq!(last, ["v4", "v5", "v6"]);
}

#[test]
fn a_bad_version_never_replaces_a_good_one() {
    let server = server();
    let whole = version("v2", &[]);
    let broken = |name: &str| fs::read(source(&format!("broken/{name}")).unwrap()).unwrap();
    let file = server.folder.path().join("app.wat").display().to_string();
    for (bad, reason) in [
        (b"\x01\x02 garbage".to_vec(), "not valid WebAssembly text"),
        (whole[..whole.len() / 2].to_vec(), "not valid WebAssembly text"),
        (broken("wasi"), "wasi:http/outgoing-handler"),
        (broken("regex"), "unclosed group"),
        (broken("routes-trap"), "can't say its routes"),
        (Vec::new(), "is empty"),
    ] {
        server.folder.add("app.wat", &bad);
        server.log.until(&[&file, "can't replace version", reason]);
        assert_eq!(server.get("/who").text(), "v1");
        server.log.forget();
    }
    std::thread::sleep(4 * A_MOMENT);
    assert!(!server.log_by_now().contains("can't replace"), "it is said once");
    server.folder.add("app.wat", &whole);
    becomes(&server, "v2");
}

#[test]
fn two_files_of_a_name_are_refused_and_the_one_that_served_serves_on() {
    let server = server();
    let second = server.folder.add("app.wasm", &version("v2", &[]));
    server.log.until(&["several files are the guest `app`", "app.wasm"]);
    assert_eq!(server.get("/who").text(), "v1");
    fs::remove_file(second).unwrap();
    server.folder.add("app.wat", &version("v3", &[]));
    becomes(&server, "v3");
}

/// Asks until so many calls have trapped, one after another. A worker may have the version that
/// traps a moment after it is said to serve; until then the one before it answers.
#[track_caller]
fn traps(server: &Server, count: usize) {
    let mut trapped = 0;
    eventually(&format!("{count} calls trap"), || {
        let status = server.get("/who").status;
        assert!(matches!(status, 200 | 500), "{status}");
        trapped += usize::from(status == 500);
        (trapped == count).then_some(())
    });
}

#[test]
fn a_version_that_traps_is_rolled_back() {
    let server = server();
    server.folder.add("app.wat", &version("v2", &[TRAPS]));
    server.log.until(&["app: version 2 serves"]);
    traps(&server, 5);
    server.log.until(&["5 of the first calls of version 2 trapped", "version 1 serves again"]);
    becomes(&server, "v1");
    let statuses: Vec<u16> = (0..30).map(|_| server.get("/who").status).collect();
    assert!(statuses.iter().all(|&status| status == 200), "{statuses:?}");
    // The same file, written again, is tried again.
    server.folder.add("app.wat", &version("v3", &[]));
    becomes(&server, "v3");
}

#[test]
fn what_a_withdrawn_version_holds_may_come_again() {
    let server = server();
    server.folder.add("app.wat", &version("v2", &[TRAPS, RESUME_TRAPS]));
    server.log.until(&["app: version 2 serves"]);
    // A worker that does not have it yet lets the first version hold some. Each call of the second
    // one counts for its trial, so it is not asked whether it is there.
    let mut asked: Vec<Client> = Vec::new();
    let mut holds = eventually("the second version holds one", || {
        let client = server.ask("/wait");
        let held = asked.len() as u64 + 1;
        eventually("it is held", || (server.admin().guest("app")["held"] == held).then_some(()));
        match held_by(&server, "app", |version| version["version"] == 2) {
            1 => Some(client),
            _ => {
                asked.push(client);
                None
            }
        }
    });
    traps(&server, 5);
    server.log.until(&["version 1 serves again"]);
    becomes(&server, "v1");
    assert_eq!(server.get("/free").text(), "v1");
    let answer = holds.response();
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
}

#[test]
fn conflicting_patterns_are_reported_and_the_first_wins() {
    let server = server();
    server.folder.add("zoo.wat", &version("zz", &[]));
    server.log.until(&["app and zoo both have the route /who: app gets its requests"]);
    server.everywhere("/who", "v1");
    assert_eq!(server.get("/who").text(), "v1");
    fs::remove_file(server.folder.path().join("app.wat")).unwrap();
    becomes(&server, "zz");
}

#[test]
fn nobody_notices_swaps_under_load() {
    let server = server();
    let loads = [Load::start(server.address, 3, "/who"), Load::start(server.address, 2, "/hello")];
    let mut clients: Vec<(Client, String)> = Vec::new();
    for nth in 1..=12 {
        let word = format!("{:02}", nth % 3);
        server.folder.add("app.wat", &version(&word, &[]));
        becomes(&server, &word);
        // What each of four versions holds is freed before there is a fifth.
        if nth % 3 == 0 {
            assert_eq!(server.get("/free").status, 200);
            clients
                .drain(..)
                .for_each(|(mut client, word)| assert_eq!(client.response().text(), word));
        }
        clients.extend((0..10).map(|_| (server.ask("/wait"), word.clone())));
        eventually("all are held", || (held_by(&server, "app", serves) == 10).then_some(()));
        clients.last_mut().expect("there are some").0.is_silent();
        loads.iter().for_each(|load| load.more(20));
    }
    loads.into_iter().for_each(Load::stop);
}

/// Serves a path that leads to the folder of guests.
fn serve_path(path: &Path, folder: Folder) -> Server {
    let mut command = Command::new(program());
    command
        .arg("run")
        .arg(path)
        .args(["--listen", "127.0.0.1:0", "--workers", "1"])
        .args(Admin::ARGUMENTS);
    Server::spawn(command.stdin(Stdio::null()), folder)
}

fn release(folder: &Folder, name: &str, word: &str) -> PathBuf {
    let release = folder.path().join(name);
    fs::create_dir(&release).unwrap();
    fs::write(release.join("app.wat"), version(word, &[])).unwrap();
    release
}

#[test]
fn a_folder_that_is_a_link_can_be_swapped() {
    let folder = Folder::new();
    let current = folder.path().join("current");
    release(&folder, "one", "v1");
    release(&folder, "two", "v2");
    symlink("one", &current).unwrap();
    let server = serve_path(&current, folder);
    assert_eq!(server.get("/who").text(), "v1");
    let next = server.folder.path().join("next");
    symlink("two", &next).unwrap();
    fs::rename(&next, &current).unwrap();
    becomes(&server, "v2");
}

#[test]
fn a_folder_may_be_removed_and_made_again() {
    let folder = Folder::new();
    let guests = release(&folder, "guests", "v1");
    let server = serve_path(&guests, folder);
    let mut holds = held(&server, "app");
    fs::remove_dir_all(&guests).unwrap();
    server.log.until(&["the guests that serve keep serving"]);
    assert_eq!(
        server.get("/who").text(),
        "v1",
        "nothing is unloaded while nobody knows what is to come"
    );
    release(&server.folder, "guests", "v2");
    becomes(&server, "v2");
    assert_eq!(server.get("/free").text(), "v2");
    assert_eq!(holds.response().text(), "v1");
}

#[test]
fn the_manifest_takes_effect_while_it_serves() {
    let server = server();
    assert_eq!(server.get("/who").text(), "v1");
    let mut held = held(&server, "app");
    server.folder.replace(
        "snow.toml",
        b"[guest.app]\nmount = '/app'\n\n[server]\nworkers = 7\n\n[guest.helo]\n",
    );
    server.everywhere("/app/who", "v1");
    assert_eq!(server.get("/who").status, 404);
    server.log.until(&["snow.toml is in force", "[guest.helo]", "did you mean `hello`"]);
    assert_eq!(server.get("/app/free").text(), "v1");
    assert_eq!(held.response().text(), "v1", "whoever waited before is found by its key");

    server.log.forget();
    server.folder.replace("snow.toml", b"[guest.app]\nmount = 'app'\n");
    server.log.until(&["the settings in force stay", "snow.toml:2:9", "mount"]);
    assert_eq!(server.get("/app/who").text(), "v1");

    server.folder.replace("snow.toml", b"[limits]\npendings_max = 7\n");
    server.log.until(&["`pendings_max` is 7 in snow.toml and takes effect at the next start"]);
    eventually("it is not mounted any more", || (server.get("/who").text() == "v1").then_some(()));
    fs::remove_file(server.folder.path().join("snow.toml")).unwrap();
    server.still_serves();
}

#[test]
fn with_strict_nothing_is_left_out() {
    let folder = Folder::with(&["hello", "trap"]).expect("they need no toolchain");
    folder.add("broken.wat", b"(module");
    let strict = |folder: &Folder| {
        let path = folder.path().to_str().expect("test folders have plain names");
        let output =
            run_to_refusal(["run", path, "--listen", "127.0.0.1:0", "--strict"], Stdio::null());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = strict(&folder);
    assert!(
        code == Some(1) && told.contains("broken.wat") && told.contains("--strict"),
        "{code:?} {told}"
    );
    fs::remove_file(folder.path().join("broken.wat")).unwrap();
    folder.add("again.wat", &fs::read(source("hello").unwrap()).unwrap());
    let (code, told) = strict(&folder);
    assert!(
        code == Some(1) && told.contains("again and hello both have the route /hello"),
        "{code:?} {told}"
    );
}
