//! The command line: what it prints, where to, and with which exit code.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};

use crate::harness::{Folder, Server, Setup, program, run, run_to_refusal, serve, source};

#[track_caller]
fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

#[track_caller]
fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("it prints text")
}

#[test]
fn help_says_what_there_is() {
    let help = run(["--help"]);
    assert!(help.status.success());
    for word in ["run", "build", "check", "new", "test", "config", "Example"] {
        assert!(out(&help).contains(word), "{word}");
    }
    let help = run(["run", "--help"]);
    for word in [
        "--listen",
        "--workers",
        "--build",
        "--log",
        "--admin",
        "--strict",
        "--no-watch",
        "127.0.0.1:8080",
        "SIGTERM",
    ] {
        assert!(out(&help).contains(word), "{word}");
    }
    assert!(out(&run(["--version"])).starts_with("snow-host "));
}

#[test]
fn wrong_arguments_are_a_2() {
    for arguments in [
        &[][..],
        &["serve"],
        &["run"],
        &["check"],
        &["build"],
        &["new"],
        &["new", "rust"],
        &["new", "fortran", "a"],
        &["test"],
        &["run", "guests", "--listen", "8080"],
        &["run", "guests", "--listen", "localhost"],
        &["run", "guests", "--listen", "fd:x"],
        &["run", "guests", "--workers", "0"],
        &["run", "guests", "--workers", "many"],
        &["run", "guests", "--log", "xml"],
        &["run", "guests", "--admin", "9090"],
        &["run", "guests", "more"],
        &["config", "--schema", "--json"],
        &["config", "guests", "--listen", "8080"],
        &["run", "guests", "--cache"],
        &["run", "guests", "--cache", "x", "--no-cache"],
        &["run", "guests", "--no-such-option"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn check_describes_a_guest() {
    let file = source("hello").expect("it needs no toolchain");
    let output = run(["check".as_ref(), file.as_os_str()]);
    assert!(output.status.success(), "{}", err(&output));
    for words in ["a guest named hello", "bytes as a component", "GET  /hello", "snow:host/"] {
        assert!(out(&output).contains(words), "{words:?} is not in:\n{}", out(&output));
    }
    let Some(file) = source("snow") else { return };
    let output = run(["check".as_ref(), file.as_os_str()]);
    for words in
        ["a guest named snow", "handle, resume", "/stop-all/", "snow:host/pending-handles@0.1.0"]
    {
        assert!(out(&output).contains(words), "{words:?} is not in:\n{}", out(&output));
    }
    assert!(!out(&output).contains("wasi"), "{}", out(&output));
}

#[test]
fn run_prints_where_it_listens_and_its_routes() {
    let Some(server) = serve(&["hello", "two-step"]) else { return };
    let out = server.out.until(&["/hello ", "/race ", "/race/go "]);
    let first = out.lines().next().expect("a line");
    assert_eq!(first, format!("listening on http://{}", server.address));
    let routes: Vec<Vec<&str>> =
        out.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert!(routes.contains(&vec!["GET", "/hello", "hello"]), "{out}");
    assert!(routes.contains(&vec!["GET", "/race", "two-step"]), "{out}");
    server.get("/hello");
    server.log.until(&["access 127.0.0.1:", "\"GET /hello\" 200", "guest=hello id="]);
}

#[test]
fn run_takes_one_file_too() {
    let Some(folder) = Folder::with(&["hello", "trap"]) else { return };
    let mut command = Command::new(program());
    command.arg("run").arg(folder.path().join("hello.wat")).args(["--listen", "127.0.0.1:0"]);
    let server = Server::spawn(&mut command, folder);
    server.still_serves();
    assert_eq!(server.get("/trap").status, 404);
}

#[test]
fn an_empty_folder_is_served_with_a_warning() {
    let server = Setup::new(Folder::new()).start();
    server.log.until(&["warn", "there is no guest in", "--build"]);
    assert_eq!(server.get("/").status, 404);
}

#[test]
fn what_is_not_there_is_an_error() {
    for command in ["run", "build", "check"] {
        let output = run([command, "/no/such/place"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(
            err(&output).starts_with("error: ") && err(&output).contains("/no/such/place"),
            "{}",
            err(&output)
        );
    }
}

/// A port that anybody else has, by another program or by this one: `SO_REUSEPORT`, which the
/// workers need among themselves, must not let two servers share it unnoticed.
#[test]
fn a_port_that_is_taken_is_an_error() {
    let Some(server) = serve(&["hello"]) else { return };
    let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    for (whose, address) in
        [("another program", other.local_addr().unwrap()), ("snow-host", server.address)]
    {
        let address = address.to_string();
        let folder = server.folder.path().as_os_str();
        let arguments = ["run".as_ref(), folder, "--listen".as_ref(), address.as_ref()];
        let output = run_to_refusal(arguments, Stdio::null());
        assert_eq!(
            output.status.code(),
            Some(1),
            "the port of {whose}: {}{}",
            out(&output),
            err(&output)
        );
        assert!(err(&output).contains(&format!("can't listen on {address}")), "{}", err(&output));
    }
    server.still_serves();
}

#[test]
fn a_listening_socket_can_be_inherited() {
    for workers in ["1", "2"] {
        let Some(folder) = Folder::with(&["hello"]) else { return };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().unwrap();
        // std passes only the first three descriptors on, so a shell moves standard input to 3.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$0" "$@" 3<&0 </dev/null"#])
            .arg(program())
            .arg("run")
            .arg(folder.path());
        command
            .args(["--workers", workers, "--listen", "fd:3"])
            .stdin(Stdio::from(OwnedFd::from(listener)));
        let server = Server::spawn(&mut command, folder);
        // Only the child has the socket now.
        drop(command);
        assert_eq!(server.address, address);
        for _ in 0..20 {
            server.still_serves();
        }
    }
}

#[test]
fn what_is_inherited_must_be_a_listening_socket() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    let bound = |listen: &str, input: Stdio| {
        run_to_refusal(
            ["run".as_ref(), folder.path().as_os_str(), "--listen".as_ref(), listen.as_ref()],
            input,
        )
    };
    let file = File::open(folder.path().join("hello.wat")).expect("it is there");
    for (listen, input) in
        [("fd:77", Stdio::null()), ("fd:0", Stdio::null()), ("fd:0", file.into())]
    {
        let output = bound(listen, input);
        assert_eq!(output.status.code(), Some(1), "{listen}: {}", err(&output));
        assert!(err(&output).contains("is not a listening TCP socket"), "{}", err(&output));
    }
}

#[test]
fn the_log_can_be_json() {
    let Some(setup) = Setup::with(&["hello", "trap"]) else { return };
    let server = setup.arguments(&["--log", "json"]).start();
    let mut client = server.connect();
    client.send("GET /hello?a=\"b HTTP/1.1\r\nhost: a\r\nx-request-id: j-1\r\n\r\n");
    assert_eq!(client.response().text(), "hello world");
    client.send("GET /trap HTTP/1.1\r\nhost: a\r\nx-request-id: j-2\r\n\r\nnonsense\r\n\r\n");
    assert_eq!((client.response().status, client.response().status), (500, 400));
    let log = server.log.until(&["j-1", "the call failed", "malformed request"]);
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert!(line["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
        assert!(
            ["access", "guest", "host"].contains(&line["kind"].as_str().unwrap_or_default()),
            "{line}"
        );
    }
    let access = lines.iter().find(|line| line["id"] == "j-1").expect("an access line");
    assert_eq!((&access["request"], &access["status"]), (&"GET /hello?a=\"b".into(), &200.into()));
    assert_eq!(access["guest"], "hello");
}
