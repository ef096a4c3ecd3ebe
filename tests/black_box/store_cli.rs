//! `snow-host store`: what people read and write, in a running server and in a folder, and what the
//! admin listener shows of the store.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::admin::watched;
use crate::harness::{Folder, Server, Setup, program, run};

/// A server with the guest `stores` and an admin listener on a unix socket.
fn on_socket(arguments: &[&str]) -> Option<(Server, PathBuf)> {
    let setup = Setup::with(&["stores"])?;
    let socket = setup.folder().path().join("admin.sock");
    let admin = format!("unix:{}", socket.display());
    let arguments = [&["--admin", &admin, "--no-watch"], arguments].concat();
    Some((setup.arguments(&arguments).start(), socket))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it prints text")
}

/// Runs `snow-host store` at a place, and returns what it prints.
#[track_caller]
fn store(place: &[String], arguments: &[&str]) -> String {
    let output = attempt(place, arguments, b"");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs `snow-host store` with this input.
#[track_caller]
fn attempt(place: &[String], arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program());
    command.arg("store").args(place).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    // It may end without having read it.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("it ends")
}

#[track_caller]
fn refusal(place: &[String], arguments: &[&str], input: &[u8]) -> String {
    let output = attempt(place, arguments, input);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    text(&output.stderr)
}

fn at_server(socket: &Path) -> Vec<String> {
    vec!["--admin".to_owned(), format!("unix:{}", socket.display())]
}

fn at_folder(data: &Path) -> Vec<String> {
    vec!["--data".to_owned(), data.display().to_string()]
}

/// What must hold at either place.
fn commands_agree(place: &[String]) {
    store(place, &["set", "stores", "a", "one"]);
    store(place, &["set", "stores", "ü/b c", "two"]);
    store(place, &["set", "stores", "raw", "AAH/", "--base64"]);
    store(place, &["set", "other", "soon", "x", "--expires", "12h"]);
    assert_eq!(store(place, &["get", "stores", "a"]), "one", "no byte more or less");
    assert_eq!(store(place, &["get", "stores", "ü/b c"]), "two");
    assert_eq!(attempt(place, &["get", "stores", "raw"], b"").stdout, [0, 1, 255]);
    assert_eq!(store(place, &["get", "stores", "raw", "--base64"]), "AAH/\n");
    assert_eq!(store(place, &["list", "stores"]), "a\nraw\nü/b c\n");
    assert_eq!(store(place, &["list", "stores", "r"]), "raw\n");
    assert_eq!(store(place, &["list"]), "other\t1 keys\t5 bytes\nstores\t3 keys\t19 bytes\n");

    let lines = store(place, &["export"]);
    assert_eq!(lines.lines().count(), 4, "{lines}");
    assert!(lines.contains(r#""base64":"AAH/""#) && lines.contains("expires_ms"), "{lines}");
    assert_eq!(store(place, &["export", "other"]).lines().count(), 1);
    store(place, &["delete", "stores", "a"]);
    let said = refusal(place, &["delete", "stores", "a"], b"");
    assert!(said.contains(r#"the bucket "stores" has no key "a""#), "{said}");
    let said = refusal(place, &["get", "stores", "a"], b"");
    assert!(said.contains("`snow-host store list stores` shows its keys"), "{said}");
    let output = attempt(place, &["import"], lines.as_bytes());
    assert!(output.status.success() && text(&output.stderr).contains("4 keys were set"));
    assert_eq!(store(place, &["get", "stores", "a"]), "one");

    let wrong = format!("{}\n{{\"bucket\":\"b\"}}\n", lines.lines().next().expect("a line"));
    let said = refusal(place, &["import"], wrong.as_bytes());
    assert!(said.contains("standard input, line 2: it has no `key`"), "{said}");
    let said = refusal(place, &["set", "b", &"k".repeat(1_025), "v"], b"");
    assert!(said.contains("the key is too large: 1025 of at most 1024"), "{said}");
    let output = attempt(place, &["set", "stores", "piped"], b"from standard input");
    assert!(output.status.success());
    assert_eq!(store(place, &["get", "stores", "piped"]), "from standard input");
}

#[test]
fn a_running_server_is_asked_by_its_socket() {
    let Some((server, socket)) = on_socket(&[]) else { return };
    let place = at_server(&socket);
    commands_agree(&place);
    assert!(server.get("/get/a").text().ends_with(" one"), "guests see it");
    let mut held = server.ask("/changed/a");
    server.connect().post("/set/ready", b"");
    crate::harness::eventually("it waits", || {
        let state = json(&over_unix(&socket, "GET", "/store", ""));
        (state["waiters"] == 1).then_some(())
    });
    store(&place, &["set", "stores", "a", "news"]);
    assert_eq!(held.response().text(), "news", "it wakes who waits");
    server.log.until(&["the admin listener set 1 keys"]);
}

#[test]
fn a_server_on_disk_keeps_what_people_set() {
    let data = Folder::new();
    let argument = data.path().display().to_string();
    let Some((mut server, socket)) = on_socket(&["--data", &argument]) else { return };
    commands_agree(&at_server(&socket));
    // While it runs, the folder is its own.
    let said = refusal(&at_folder(data.path()), &["list"], b"");
    assert!(said.contains("is in use by process") && said.contains("--admin unix:PATH"), "{said}");
    server.signal("KILL");
    server.ended();
    assert_eq!(store(&at_folder(data.path()), &["get", "stores", "a"]), "one");
}

#[test]
fn a_folder_is_read_and_written_without_a_server() {
    let data = Folder::new();
    let place = at_folder(data.path());
    let said = refusal(&place, &["list"], b"");
    assert!(said.contains("has no store: name the folder that a server has"), "{said}");
    commands_agree(&place);
}

#[test]
fn many_keys_are_exported_and_imported_over_pages() {
    let Some((_server, socket)) = on_socket(&[]) else { return };
    let (place, value) = (at_server(&socket), "v".repeat(2_000));
    let line = |number| {
        format!(
            "{{\"bucket\":\"b{}\",\"key\":\"{number:05}\",\"value\":\"{value}\"}}\n",
            number % 3
        )
    };
    let lines: String = (0..3_000).map(line).collect();
    let output = attempt(&place, &["import"], lines.as_bytes());
    assert!(text(&output.stderr).contains("3000 keys were set"), "{}", text(&output.stderr));
    let exported = store(&place, &["export"]);
    assert_eq!(exported.lines().count(), 3_000);
    let mut keys: Vec<String> = exported
        .lines()
        .map(|line| json(line)["key"].as_str().expect("a key").to_owned())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3_000, "each once");
    assert_eq!(store(&place, &["list", "b1"]).lines().count(), 1_000);
    // The line is counted over all parts of an import.
    let wrong = lines + "nonsense\n";
    let said = refusal(&place, &["import"], wrong.as_bytes());
    assert!(said.contains("line 3001: not JSON"), "{said}");
}

/// The answer of a request over the socket, without its head.
fn over_unix(socket: &Path, method: &str, target: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\
         \r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers with text");
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn entries_are_for_the_sockets_owner_and_writes_are_posts() {
    let Some((server, admin)) = watched(&["stores"]) else { return };
    server.connect().post("/set/secret", b"session");
    for target in ["/store/entry?bucket=stores&key=secret", "/store/export", "/store/keys?bucket=b"]
    {
        let answer = admin.ask(target).response();
        assert_eq!(answer.status, 403, "{target}");
        assert!(answer.text().contains("--admin unix:") && !answer.text().contains("session"));
    }
    let mut client = admin.connect();
    client.send("POST /store/delete?bucket=stores&key=secret HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(client.response().status, 403);
    let mut client = admin.connect();
    client.send("GET /store/delete?bucket=stores&key=secret HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(client.response().status, 405);
    assert!(server.get("/get/secret").text().ends_with(" session"));
    let said = refusal(&["--admin".into(), admin.address.to_string()], &["export"], b"");
    assert!(
        said.contains("/store/export with 403: the store's entries are shown on a unix socket"),
        "{said}"
    );
}

#[test]
fn the_store_is_told_in_numbers() {
    let data = Folder::new();
    let argument = data.path().display().to_string();
    let Some(setup) = Setup::with(&["stores"]) else { return };
    setup.folder().add("snow.toml", b"[limits]\nmetrics_buckets_max = 1\n");
    let server = setup.watched().arguments(&["--data", &argument]).start();
    let admin = server.admin();
    // The host looks for jobs that it has kept.
    let lists = admin.metric("snow_store_operations_total", &["kind=\"list\""]);
    for key in ["a", "b"] {
        server.connect().post(&format!("/set/{key}"), b"12x45");
    }
    server.connect().post("/set/a?bucket=stores/x", b"1");
    server.connect().post("/set/a?only=absent", b"");
    server.connect().post("/increment/a", b"");
    server.get("/keys/");
    let _held = server.ask("/changed/a");
    admin.wait_for("snow_store_waiters", &[], 1.0);
    let metric = |name: &str, labels: &[&str]| admin.metric(name, labels);
    assert_eq!(metric("snow_store_entries", &[]), 3.0);
    assert_eq!(metric("snow_store_bytes", &[]), 14.0);
    assert_eq!(metric("snow_store_buckets", &[]), 2.0);
    assert_eq!(metric("snow_store_bucket_entries", &[]), 2.0, "of one bucket, the first");
    assert_eq!(metric("snow_store_bucket_bytes", &["bucket=\"stores\""]), 12.0);
    assert_eq!(metric("snow_store_operations_total", &["kind=\"write\""]), 3.0);
    assert_eq!(metric("snow_store_operations_total", &["kind=\"list\""]), lists + 1.0);
    assert_eq!(metric("snow_store_operations_total", &["kind=\"wait\""]), 1.0);
    assert_eq!(metric("snow_store_conflicts_total", &[]), 1.0);
    assert_eq!(metric("snow_store_refused_total", &[]), 1.0);
    assert_eq!(metric("snow_store_committed_writes_total", &[]), 3.0);
    assert_eq!(metric("snow_store_disk_failing", &[]), 0.0);
    let state = admin.json("/store?limit=1");
    assert_eq!((&state["entries"], &state["bucket_count"]), (&3.into(), &2.into()));
    assert_eq!(
        (&state["buckets"][0]["name"], &state["next"]),
        (&"stores".into(), &"stores".into())
    );
    assert_eq!(state["disk"]["failing"], Value::Null);
    let next = admin.json("/store?limit=1&after=stores");
    assert_eq!(next["buckets"][0]["name"], "stores/x");
    assert_eq!(admin.ask("/store?limit=0").response().status, 400);
    let status = run(["status", "--admin", &admin.address.to_string()]);
    let said = text(&status.stdout);
    assert!(said.contains("store: 3 keys in 2 buckets, 0.0 MiB, 1 waits, on disk"), "{said}");
}

#[test]
fn it_says_where_to_look() {
    let said = refusal(&[], &["list"], b"");
    assert!(said.contains("--admin unix:PATH") && said.contains("--data DIR"), "{said}");
    let said = refusal(&["--admin".into(), "unix:/nowhere.sock".into()], &["list"], b"");
    assert!(said.contains("no server answers at unix:/nowhere.sock"), "{said}");
    let folder = Folder::new();
    folder.add("snow.toml", b"[server]\nadmin = 'unix:/nowhere.sock'\n");
    let said = refusal(&["--guests".into(), folder.path().display().to_string()], &["list"], b"");
    assert!(said.contains("no server answers at unix:/nowhere.sock"), "{said}");
    let file = folder.add("value", b"in a file");
    let data = Folder::new();
    let place = at_folder(data.path());
    store(&place, &["set", "b", "k", "--file", file.to_str().expect("a path of ours is text")]);
    assert_eq!(store(&place, &["get", "b", "k"]), "in a file");
    fs::remove_file(&file).expect("it is there");
    let said = refusal(&place, &["set", "b", "k", "--file", &file.display().to_string()], b"");
    assert!(said.contains("can't read") && said.contains("value"), "{said}");
    let said = refusal(&place, &["set", "b", "k", "*", "--base64"], b"");
    assert!(said.contains("is not Base64"), "{said}");
}
