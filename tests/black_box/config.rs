//! How a server is started: what the command line says wins over `snow.toml`, and that over the
//! defaults; and `snow-host config`, which says so.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Client, Folder, Server, program, run, workspace};

fn folder(manifest: &str) -> Folder {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("snow.toml", manifest.as_bytes());
    folder
}

/// Started with these arguments alone.
fn start(folder: Folder, arguments: &[&str]) -> Server {
    let mut command = Command::new(program());
    command.arg("run").arg(folder.path()).args(arguments).stdin(Stdio::null());
    Server::spawn(&mut command, folder)
}

/// What `snow-host config` prints.
#[track_caller]
fn config(folder: &Folder, arguments: &[&str]) -> String {
    let folder = folder.path().to_str().expect("it is text");
    let output = run(["config", folder].iter().chain(arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[track_caller]
fn config_json(folder: &Folder, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&config(folder, &arguments)).expect("it is JSON")
}

/// All addresses that a server has said.
fn addresses(server: &Server, count: usize) -> Vec<SocketAddr> {
    server.out.find("all addresses", |out| {
        let said = out.lines().filter_map(|line| line.strip_prefix("listening on http://"));
        let all: Vec<SocketAddr> =
            said.map(|address| address.parse().expect("an address")).collect();
        (all.len() == count).then_some(all)
    })
}

#[test]
fn a_server_listens_on_each_of_several_addresses() {
    let manifest =
        "[server]\nlisten = ['127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:0']\nworkers = 2\n";
    let mut server = start(folder(manifest), &[]);
    let addresses = addresses(&server, 3);
    // Beside a connection that does not go away, and often enough that each worker has taken some
    // of each.
    let mut kept: Vec<Client> = addresses.iter().map(|address| Client::connect(*address)).collect();
    for _ in 0..20 {
        for address in &addresses {
            assert_eq!(Client::connect(*address).get("/hello").text(), "hello world");
        }
    }
    // All at once, so that several wait for each listener in one turn.
    let mut all: Vec<Client> =
        addresses.iter().cycle().take(60).map(|address| Client::connect(*address)).collect();
    all.iter_mut().for_each(|client| client.ask("/hello"));
    all.iter_mut().for_each(|client| assert_eq!(client.response().status, 200));
    kept.iter_mut().for_each(|client| assert_eq!(client.get("/hello").status, 200));
    server.signal("TERM");
    assert!(server.ended().success());
    for address in addresses {
        TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("{address} is free again: {error}"));
    }
}

#[test]
fn the_command_line_may_give_several_addresses_and_wins() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let folder = folder(&format!("[server]\nlisten = '{}'\n", taken.local_addr().unwrap()));
    let server = start(folder, &["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"]);
    let [first, second] = addresses(&server, 2)[..] else { panic!("two were asked for") };
    assert_eq!([first.ip(), second.ip()].map(|ip| ip.to_string()), ["127.0.0.1", "127.0.0.2"]);
    for address in [first, second] {
        assert_eq!(Client::connect(address).get("/hello").status, 200);
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().unwrap();
    let folder = folder(&format!("[server]\nlisten = ['127.0.0.1:0', '{address}']\n"));
    let output = run(["run".as_ref(), folder.path().as_os_str()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("can't listen on {address}")) && output.stdout.is_empty(),
        "{text}"
    );
}

#[test]
fn the_log_is_as_the_file_says() {
    let manifest = "[server]\nlisten = '127.0.0.1:0'\nlog = 'json'\naccess_log = false\n";
    let mut server = start(folder(manifest), &[]);
    server.still_serves();
    server.signal("TERM");
    server.ended();
    let log = server.log.to_end();
    assert!(log.contains("stopped"), "{log}");
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_ne!(line["kind"], "access", "{line}");
    }
    let server = start(folder(manifest), &["--log", "text"]);
    server.signal("TERM");
    let log = server.log.to_end();
    assert!(log.contains("stopped") && !log.contains('{'), "the flag wins: {log}");
}

#[test]
fn config_says_what_is_in_force_and_where_it_is_from() {
    let folder = folder(
        "[server]\nworkers = 3\nlog = 'json'\n\n[limits]\ndrain_ms = 5\n[guest.hello]\nmount = '/a'\n",
    );
    let all = config_json(
        &folder,
        &["--workers", "5", "--strict", "--no-watch", "--admin", "unix:a.sock"],
    );
    let server =
        |key: &str| (all["server"][key]["value"].clone(), all["server"][key]["source"].clone());
    assert_eq!(server("workers"), (json!(5), json!("--workers")));
    assert_eq!(server("log"), (json!("json"), json!("snow.toml:3")));
    assert_eq!(server("listen"), (json!("127.0.0.1:8080"), json!("default")));
    assert_eq!(server("strict"), (json!(true), json!("--strict")));
    assert_eq!(server("watch"), (json!(false), json!("--no-watch")));
    let (admin, source) = server("admin");
    let admin = admin.as_str().expect("it is text");
    assert!(
        admin.starts_with("unix:/") && admin.ends_with("/a.sock") && source == "--admin",
        "{admin}"
    );
    assert_eq!(all["limits"]["drain_ms"], json!({ "value": 5, "source": "snow.toml:6" }));
    assert_eq!(all["guest"]["hello"]["mount"], json!({ "value": "/a", "source": "snow.toml:8" }));

    let text = config(&folder, &["--no-access-log"]);
    let line = |begin: &str| {
        text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{text}"))
    };
    assert!(line("workers = 3 ").ends_with("# snow.toml:2"));
    assert!(line("access_log = false ").ends_with("# --no-access-log"));
    assert!(line("# pendings_max = 4194304 ").ends_with("# default"));
    // One guest's file has the manifest beside it.
    let file = folder.path().join("hello.wat");
    let of_file = run(["config".as_ref(), file.as_os_str(), "--no-access-log".as_ref()]);
    assert_eq!(String::from_utf8_lossy(&of_file.stdout), text);
}

#[test]
fn what_config_prints_can_be_saved() {
    let first = folder(
        "rollback = { traps = 2, calls = 3 }\n[server]\nlisten = ['127.0.0.1:0', '[::1]:0']\ncache = '/c'\n\
         [guest.\"a b\"]\nkeys = ['x/*']\nbuild = ['make', '-j 2']\ninstances = { reuse = 7 }\n",
    );
    let printed = config(&first, &["--workers", "2"]);
    let second = folder(&printed);
    let [mut of_first, mut of_second] =
        [config_json(&first, &["--workers", "2"]), config_json(&second, &[])];
    for of in [&mut of_first, &mut of_second] {
        strip_sources(of);
    }
    assert_eq!(of_first, of_second, "{printed}");
    let server = start(second, &["--listen", "127.0.0.1:0"]);
    server.still_serves();
}

fn strip_sources(all: &mut Value) {
    for value in all.as_object_mut().into_iter().flatten().map(|(_, value)| value) {
        value.as_object_mut().and_then(|fields| fields.remove("source"));
        strip_sources(value);
    }
}

#[test]
fn config_prints_a_schema_for_editors() {
    let output = run(["config", "--schema"]);
    let schema: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let limits = &schema["properties"]["limits"];
    assert_eq!(
        (&limits["additionalProperties"], &limits["properties"]["drain_ms"]["default"]),
        (&json!(false), &json!(10000))
    );
    let printed = config(&folder("#:schema ./snow.schema.json\n"), &[]);
    for table in ["server", "limits"] {
        for key in schema["properties"][table]["properties"].as_object().expect("keys").keys() {
            assert!(printed.contains(&format!("\n# {key} = ")), "{key} is not in:\n{printed}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_said_by_config_too() {
    let folder = folder("[server]\nworker = 2\nlisten = 'x'\n[guest.hello]\nmount = 'a'\n");
    let output = run(["config".as_ref(), folder.path().as_os_str()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
    for words in [
        "snow.toml:2:1: ",
        "did you mean `workers`?",
        "snow.toml:3:10: ",
        "snow.toml:5:9: ",
        "\"/a\"",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    let nowhere = run(["config".as_ref(), folder.path().join("nowhere").as_os_str()]);
    let text = String::from_utf8_lossy(&nowhere.stderr);
    assert!(nowhere.status.code() == Some(1) && text.contains("does not exist"), "{text}");
}

#[test]
fn the_page_of_settings_is_what_the_program_prints() {
    let output = run(["config", "--markdown"]);
    let page = fs::read_to_string(workspace().join("docs/settings.md")).expect("the page is there");
    let printed = String::from_utf8(output.stdout).expect("it is text");
    assert!(page == printed, "snow-host config --markdown > docs/settings.md writes it anew");
}

/// A table of a guest that is not there would be read by nobody.
#[test]
fn a_table_of_nobody_is_a_warning() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("snow.toml", b"[guest.helo]\nmount = '/x'\n");
    let output = run(["config".as_ref(), folder.path().as_os_str()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("warning: ") && text.contains("helo"), "{text}");
}
