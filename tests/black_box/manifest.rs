//! `snow.toml`: what a deployer decides is in force, and what makes no sense is said before
//! anything is served.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::harness::{Client, Folder, Server, Setup, eventually, program, run, source};
use crate::pendings::{Asked, wait};

/// `hello`, and `probe` twice: as the guests `a` and `b`, with routes below `/guest-a/` and
/// `/guest-b/`.
fn folder(manifest: &str) -> Option<Folder> {
    let folder = Folder::with(&["hello"])?;
    let a = fs::read(source("probe")?).expect("a guest can be read");
    let mut b = a.clone();
    let places: Vec<usize> =
        b.windows(7).enumerate().filter(|(_, word)| word == b"guest-a").map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the patterns of its routes lie in its data");
    places.iter().for_each(|at| b[at + 6] = b'b');
    folder.add("a.wasm", &a);
    folder.add("b.wasm", &b);
    folder.add("snow.toml", manifest.as_bytes());
    Some(folder)
}

fn serve(manifest: &str) -> Option<Server> {
    Some(Setup::new(folder(manifest)?).start())
}

/// What the guest says; it never waits for this.
#[track_caller]
fn says(server: &Server, target: &str) -> String {
    server.get(target).text().to_owned()
}

const GRANTS: &str = r#"
[guest.a]
keys = ["orders/*", "own"]
settles = ["own"]

[guest.b]
settles = ["orders/*"]
"#;

#[test]
fn without_grants_the_folder_is_one_domain_of_trust() {
    for manifest in ["", "[guest.a]\npendings_max = 5\n"] {
        let Some(server) = serve(manifest) else { return };
        let (mut client, _) = wait(&server, "/guest-a/wait/orders/1");
        assert_eq!(says(&server, "/guest-b/waiting/orders/1"), "1");
        assert_eq!(says(&server, "/guest-b/next/orders/1?status=203&body=b"), "Ok(true)");
        assert_eq!(
            (client.response().status, says(&server, "/guest-b/all/orders/1")),
            (203, "Ok(0)".into())
        );
        let (mut client, token) = wait(&server, "/guest-a/wait");
        assert_eq!(says(&server, &format!("/guest-b/token/{token}?body=b")), "Ok(())");
        assert_eq!(client.response().text(), "b");
    }
}

#[test]
fn a_key_that_was_not_granted_is_denied() {
    let Some(server) = serve(GRANTS) else { return };
    let (mut client, _) = wait(&server, "/guest-a/wait/orders/1/2");
    assert_eq!(says(&server, "/guest-a/wait/users"), "Denied");
    assert_eq!(
        says(&server, "/guest-b/wait/orders/1/2"),
        "Denied",
        "who settles may not wait there"
    );
    for denied in [
        "/guest-a/next/orders/1/2",
        "/guest-a/all/orders/1/2",
        "/guest-b/next/own",
        "/guest-b/all/orders",
    ] {
        assert_eq!(says(&server, &format!("{denied}?given=x")), "Err(Denied)", "{denied}");
    }
    client.is_silent();
    assert_eq!(says(&server, "/guest-b/next/orders/1/2?given=paid"), "Ok(true)");
    assert_eq!(client.response().text(), "paid");

    // Who may wait or settle there may count; nobody else.
    let (_held, _) = wait(&server, "/guest-a/wait/orders/2");
    let (_own, _) = wait(&server, "/guest-a/wait/own");
    for (target, count) in
        [("a/waiting/orders/2", "1"), ("b/waiting/orders/2", "1"), ("b/waiting/own", "0")]
    {
        assert_eq!(says(&server, &format!("/guest-{target}")), count, "{target}");
    }
    // Without a key nothing is needed to wait.
    let (mut client, token) = wait(&server, "/guest-b/wait");
    assert_eq!(
        says(&server, &format!("/guest-a/token/{token}?given=x")),
        "Ok(())",
        "a token is a capability"
    );
    assert_eq!(client.response().text(), "x");
}

/// As soon as anything is granted to anybody.
#[test]
fn a_guest_without_a_table_is_granted_nothing() {
    let Some(server) = serve("[guest.a]\nkeys = ['*']\nsettles = ['*']\n") else { return };
    server.log.until(&["info", "the others may use no key: b, hello"]);
    let (_held, _) = wait(&server, "/guest-a/wait/k");
    assert_eq!(says(&server, "/guest-b/wait/k"), "Denied");
    assert_eq!(says(&server, "/guest-b/next/k?given=x"), "Err(Denied)");
    assert_eq!(says(&server, "/guest-b/waiting/k"), "0");
    server.still_serves();
}

#[test]
fn a_response_to_anothers_client_needs_a_grant() {
    let Some(server) = serve(GRANTS) else { return };
    let (mut client, token) = wait(&server, "/guest-a/wait/orders/1");
    for denied in ["next/orders/1", "all/orders/1", &format!("token/{token}")] {
        assert_eq!(
            says(&server, &format!("/guest-b/{denied}?status=203&body=b")),
            "Err(Denied)",
            "{denied}"
        );
    }
    client.is_silent();
    assert_eq!(
        says(&server, &format!("/guest-a/token/{token}?status=203&body=a")),
        "Ok(())",
        "its own client"
    );
    assert_eq!(client.response().status, 203);
    assert_eq!(
        says(&server, &format!("/guest-b/token/{token}?body=b")),
        "Err(Unknown)",
        "it is over"
    );
    let (mut client, _) = wait(&server, "/guest-a/wait/own");
    assert_eq!(
        says(&server, "/guest-a/next/own?status=203&body=a"),
        "Ok(true)",
        "nobody else waits under that key"
    );
    assert_eq!(client.response().status, 203);

    let Some(server) = serve(&format!("{GRANTS}responds = true\n")) else { return };
    let (mut client, _) = wait(&server, "/guest-a/wait/orders/1");
    assert_eq!(says(&server, "/guest-b/next/orders/1?status=203&body=b"), "Ok(true)");
    assert_eq!(
        (client.response().status, says(&server, "/guest-b/next/own?body=b")),
        (203, "Err(Denied)".into())
    );
    let (mut client, token) = wait(&server, "/guest-a/wait");
    assert_eq!(says(&server, &format!("/guest-b/token/{token}?status=204")), "Ok(())");
    assert_eq!(client.response().status, 204);
}

#[test]
fn each_guest_has_its_own_pendings() {
    let Some(server) = serve("[limits]\nguest_pendings_max = 3\n[guest.a]\npendings_max = 2\n")
    else {
        return;
    };
    let held = [wait(&server, "/guest-a/wait/k"), wait(&server, "/guest-a/wait")];
    assert_eq!(says(&server, "/guest-a/wait"), "Limit");
    let others: Vec<_> = (0..3).map(|_| wait(&server, "/guest-b/wait/k")).collect();
    assert_eq!(says(&server, "/guest-b/wait"), "Limit");

    // Each is counted until it is released: by an answer, or by its client's leaving.
    let [(mut first, _), (second, _)] = held;
    assert_eq!(says(&server, "/guest-b/next/k?given=x"), "Ok(true)");
    assert_eq!(first.response().text(), "x");
    let (_third, _) = wait(&server, "/guest-a/wait");
    assert_eq!(says(&server, "/guest-a/wait"), "Limit");
    drop(second);
    let _fourth = waits_in_the_end(&server, "/guest-a/wait");
    assert_eq!(
        (says(&server, "/guest-a/wait"), says(&server, "/guest-b/wait")),
        ("Limit".into(), "Limit".into())
    );
    drop(others);
}

/// Asks until it is not refused any more: a client's leaving takes a moment to be noticed.
#[track_caller]
fn waits_in_the_end(server: &Server, target: &str) -> Client {
    eventually("there is room", || {
        let mut asked = Asked::new(server, "GET", target);
        // Its token is told before its wait begins, and nothing is told if there is no room.
        let waits = eventually("it waits or is answered", || {
            match asked.tokens(&server.log_by_now()).as_slice() {
                [] => (!asked.client.nothing_yet()).then_some(false),
                _ => Some(true),
            }
        });
        if waits {
            return Some(asked.client);
        }
        assert_eq!(asked.client.response().text(), "Limit");
        None
    })
}

#[test]
fn all_guests_together_have_a_limit() {
    let Some(server) = serve("[limits]\npendings_max = 3\n") else { return };
    let _held = [
        wait(&server, "/guest-a/wait"),
        wait(&server, "/guest-b/wait"),
        wait(&server, "/guest-a/wait"),
    ];
    assert_eq!(
        (says(&server, "/guest-a/wait"), says(&server, "/guest-b/wait/k")),
        ("Limit".into(), "Limit".into())
    );
    server.still_serves();
}

#[test]
fn settlements_have_a_length() {
    let Some(server) = serve("[limits]\nsettlement_bytes_max = 100\n") else { return };
    let (good, long) = ("Ok(()) Ok(true) Ok(0), ", "Err(Limit) Err(Limit) Err(Limit), ");
    // A value, a response's body, one header field, a failure.
    for (bytes, said) in [
        (68, good.repeat(4)),
        (69, [good, good, long, good].concat()),
        (100, [good, good, long, good].concat()),
        (101, long.repeat(4)),
    ] {
        assert_eq!(says(&server, &format!("/guest-a/settlements/{bytes}")), said, "{bytes}");
    }
    let (mut client, token) = wait(&server, "/guest-a/wait");
    assert_eq!(
        says(&server, &format!("/guest-b/token/{token}?given={}", "x".repeat(101))),
        "Err(Limit)"
    );
    client.is_silent();
    assert_eq!(
        says(&server, &format!("/guest-b/token/{token}?given={}", "x".repeat(100))),
        "Ok(())"
    );
    assert_eq!(client.response().body.len(), 100);
}

#[test]
fn settlements_have_a_length_by_default() {
    let Some(server) = serve("") else { return };
    let said = says(&server, "/guest-a/settlements/1048576");
    assert!(
        said.starts_with("Ok(()) Ok(true) Ok(0), Ok(()) Ok(true) Ok(0), Err(Limit) "),
        "{said}"
    );
    assert!(!says(&server, "/guest-a/settlements/1048577").contains("Ok"));
}

#[test]
fn suspended_requests_have_a_limit_and_running_ones_go_on() {
    let Some(folder) = folder("[limits]\nworker_suspensions_max = 2\n") else { return };
    let server = Setup::new(folder).workers(1).start();
    let held = [wait(&server, "/guest-a/wait/k"), wait(&server, "/guest-b/wait")];
    for _ in 0..3 {
        let refused = server.get("/guest-a/wait/k");
        assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")));
        server.still_serves();
    }
    assert_eq!(
        says(&server, "/guest-b/waiting/k"),
        "1",
        "what the refused ones had created is gone"
    );
    let [(mut first, _), (mut second, token)] = held;
    assert_eq!(says(&server, "/guest-b/next/k?given=x"), "Ok(true)");
    assert_eq!(first.response().text(), "x");
    let (_third, _) = wait(&server, "/guest-a/wait/k");
    assert_eq!(says(&server, &format!("/guest-a/token/{token}?given=y")), "Ok(())");
    assert_eq!(second.response().text(), "y");
}

#[test]
fn limits_of_http_and_of_calls_are_set_too() {
    let manifest = "[limits]\nbody_bytes_max = 10\nkey_bytes_max = 3\npendings_per_call_max = 5\nstate_bytes_max = 7\n";
    let Some(server) = serve(manifest) else { return };
    assert_eq!(server.connect().post("/keep", b"0123456789").status, 200);
    assert_eq!(server.connect().post("/keep", b"0123456789a").status, 413);
    assert_eq!(says(&server, "/guest-a/wait/abcd"), "Limit");
    assert_eq!(says(&server, "/guest-a/next/abcd?given="), "Err(Limit)");
    assert_eq!(says(&server, "/many"), "5, then Limit");
    assert_eq!((server.get("/state/7").status, server.get("/state/8").status), (200, 500));
}

#[test]
fn it_counts_for_one_guest_of_the_folder_too() {
    let Some(folder) = folder("[limits]\npendings_per_call_max = 5\n[guest.b]\n") else { return };
    let mut command = Command::new(program());
    command
        .arg("run")
        .arg(folder.path().join("a.wasm"))
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null());
    let server = Server::spawn(&mut command, folder);
    assert_eq!(says(&server, "/many"), "5, then Limit");
    assert!(!server.log_by_now().contains("guest.b"), "its neighbour is not missed");
}

#[test]
fn a_table_of_no_guest_is_a_warning() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    folder.add("broken.wasm", b"noise");
    folder.add("snow.toml", b"[guest.helo]\n[guest.hello-world-service]\n[guest.broken]\n");
    let server = Setup::new(folder).start();
    server.log.until(&["[guest.helo]", "did you mean `hello`?", "[guest.hello-world-service]"]);
    let log = server.log_by_now();
    let warnings = log
        .lines()
        .filter(|line| line.contains("warn") && line.contains("there is no guest of that name"));
    assert_eq!(warnings.count(), 2, "one that can't be loaded is there:\n{log}");
    server.still_serves();
}

#[track_caller]
fn refuses(arguments: &[&std::ffi::OsStr], words: &[&str]) {
    let output: Output = run(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: ") && output.stdout.is_empty(), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_served() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    let (path, file) = (folder.path().as_os_str(), folder.path().join("hello.wat"));
    let run: [&std::ffi::OsStr; 4] =
        ["run".as_ref(), path, "--listen".as_ref(), "127.0.0.1:0".as_ref()];
    for (manifest, words) in [
        ("[limits]\npending_max = 1\n", &["snow.toml:2:1: ", "did you mean `pendings_max`?"][..]),
        ("[limits]\npendings_max = 'x'\n", &["snow.toml:2:16: ", "takes an integer"]),
        ("[limits]\nkey_bytes_max = 0\n", &["snow.toml:2:17: ", "1 to 65536"]),
        ("[guest.a]\nkey = ['x']\n", &["snow.toml:2:1: ", "did you mean `keys`?"]),
        ("[limits\n", &["snow.toml:1:"]),
        ("a = 1\nb = 2\n", &["snow.toml:1:1: ", "snow.toml:2:1: "]),
    ] {
        folder.add("snow.toml", manifest.as_bytes());
        refuses(&run, words);
        refuses(&["check".as_ref(), file.as_os_str()], words);
    }
    folder.add("snow.toml", b"\xff");
    refuses(&run, &["snow.toml can't be read", "UTF-8"]);
    folder.add("snow.toml", &vec![b'#'; (1 << 20) + 1]);
    refuses(&run, &["snow.toml has 1048577 bytes"]);
    // The largest that the ranges allow is started with, too.
    folder.add(
        "snow.toml",
        b"[limits]\nworker_calls_started_max = 1024\ncall_memory_bytes_max = 4294967296\n",
    );
    Setup::new(folder).start().still_serves();
}
