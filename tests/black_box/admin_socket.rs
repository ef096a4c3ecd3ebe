//! The admin listener on a unix socket, and `snow-host status`.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Output, Stdio};

use socket2::{Domain, Socket, Type};

use crate::admin::watched;
use crate::harness::{Folder, Setup, eventually, run, run_to_refusal, serve};

fn over_unix(socket: &Path, target: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    let request = format!("GET {target} HTTP/1.1\r\nhost: any.name\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers with text");
    answer
}

#[test]
fn a_unix_socket_is_the_owners_alone_and_goes_with_its_server() {
    let Some(folder) = Folder::with(&["hello", "snow"]) else { return };
    let socket = folder.path().join("admin.sock");
    let admin = format!("unix:{}", socket.display());
    let start = |folder: Folder| Setup::new(folder).arguments(&["--admin", &admin]).start();
    let mut server = start(folder);
    server.out.until(&[&format!("admin on {admin}\n")]);
    assert_eq!(fs::metadata(&socket).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert!(over_unix(&socket, "/healthz").ends_with("\r\n\r\nok\n"));
    let held = server.ask("/req/?timeout=60");
    eventually("it is held", || {
        over_unix(&socket, "/pending").contains("\"route\": \"/req/\"").then_some(())
    });

    let status = run(["status", "--admin", &admin]);
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));

    // A second one must not take the place of the first.
    let output = second(&server.folder, &admin);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("can't listen on {admin}")));
    assert!(
        over_unix(&socket, "/healthz").starts_with("HTTP/1.1 200 "),
        "the first one still listens"
    );

    drop(held);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    assert!(!socket.exists(), "it is removed");
}

/// A server that is not to start.
#[track_caller]
fn second(folder: &Folder, admin: &str) -> Output {
    let folder = folder.path().to_str().expect("test folders have plain names");
    run_to_refusal(["run", folder, "--listen", "127.0.0.1:0", "--admin", admin], Stdio::null())
}

/// A server that was killed could not remove its socket.
#[test]
fn a_socket_that_was_left_behind_is_replaced_and_other_files_are_not() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    let socket = folder.path().join("admin.sock");
    let admin = format!("unix:{}", socket.display());
    drop(UnixListener::bind(&socket).expect("the folder can be written"));
    let server = Setup::new(folder).arguments(&["--admin", &admin]).start();
    assert!(over_unix(&socket, "/readyz").starts_with("HTTP/1.1 200 "));

    let file = server.folder.add("a.txt", b"mine");
    let output = second(&server.folder, &format!("unix:{}", file.display()));
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(file).expect("it is there"), b"mine");
}

#[test]
fn status_prints_what_people_want_to_know() {
    let Some((server, admin)) = watched(&["hello", "snow", "broken/regex"]) else { return };
    server.still_serves();
    let _held = [server.ask("/req/"), server.ask("/hold/")];
    admin.wait_until_held(2.0);
    let output = run(["status", "--admin", &admin.address.to_string()]);
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "ready, up ",
        "2 held",
        "GUEST",
        "its file can't be loaded",
        "held, the oldest first",
        "/hold/",
        "requests",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    // By what snow.toml says.
    server.folder.add("snow.toml", format!("[server]\nadmin = '{}'\n", admin.address).as_bytes());
    let output = run(["status".as_ref(), server.folder.path().as_os_str()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let hello = text.lines().find(|line| line.starts_with("hello ")).expect("a line of its own");
    assert_eq!(hello.split_whitespace().nth(1), Some("1"), "its version: {text}");
}

#[test]
fn status_says_if_nobody_is_there() {
    // Bound, so that nobody else gets the port; and it does not listen.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
    let address = nobody
        .local_addr()
        .expect("it is bound")
        .as_socket()
        .expect("it has an address")
        .to_string();
    let output = run(["status", "--admin", &address]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&address) && text.contains("--admin"), "{text}");

    // Somebody else is there: the server's own listener is no admin listener.
    let Some(server) = serve(&["hello"]) else { return };
    let output = run(["status", "--admin", &server.address.to_string()]);
    assert_eq!(output.status.code(), Some(1));
}
