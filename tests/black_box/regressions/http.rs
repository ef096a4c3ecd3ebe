//! HTTP, sockets and clients (issue 11).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{Admin, Client, Folder, Server, eventually, program, run};

/// A server with these guests and this `snow.toml`, which listens where it or the arguments say.
fn serve(guests: &[&str], manifest: &str, arguments: &[&str]) -> Option<Server> {
    let folder = Folder::with(guests)?;
    folder.add("snow.toml", manifest.as_bytes());
    let mut command = Command::new(program());
    command.arg("run").arg(folder.path()).args(arguments).stdin(Stdio::null());
    Some(Server::spawn(&mut command, folder))
}

const ANY: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// The client reads only when it has sent everything.
#[test]
fn a_refusal_of_a_large_body_is_not_lost() {
    let manifest = "[guest.tornado]\nbody_bytes_max = 1_000\n";
    let Some(server) = serve(&["hello", "tornado"], manifest, &ANY) else { return };
    let body = vec![b'x'; 6_000_000];
    for (path, status) in [("/nothing", 404), ("/hello", 405), ("/echo", 413)] {
        let answer = server.connect().post(path, &body);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.closes(), "{path}: where the next request begins is unknown");
    }
    server.still_serves();
}

#[test]
fn empty_expectations_are_ignored_and_a_higher_minor_version_is_read() {
    let Some(server) = serve(&["hello"], "", &ANY) else { return };
    for line in ["GET /hello HTTP/1.2\r\nhost: a", "GET /hello HTTP/1.1\r\nhost: a\r\nexpect: ,"] {
        let mut client = server.connect();
        client.send(format!("{line}\r\n\r\n"));
        assert_eq!(client.response().text(), "hello world", "{line}");
        assert_eq!(client.get("/hello").status, 200, "the connection stays open");
    }
    let mut client = server.connect();
    client.send("GET /hello HTTP/1.1\r\nhost: a\r\nexpect: x,\r\n\r\n");
    assert_eq!(client.response().status, 417);
}

#[test]
fn unfinished_bodies_have_a_total() {
    let manifest = "[limits]\nworker_input_bytes_max = 100_000\n";
    let arguments = [&ANY[..], &Admin::ARGUMENTS, &["--workers", "1"]].concat();
    let Some(server) = serve(&["hello", "tornado"], manifest, &arguments) else { return };
    let half = |server: &Server| {
        let mut client = server.connect();
        client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 90001\r\n\r\n");
        client.send(vec![b'x'; 90_000]);
        client
    };
    let mut first = half(&server);
    server.admin().wait_for("snow_input_bytes", &[], 90_000.0);
    let answer = half(&server).response();
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    assert!(answer.closes());
    server.admin().wait_for("snow_input_refused_total", &[], 1.0);
    server.still_serves();
    first.send("x");
    assert_eq!(first.response().body.len(), 90_001, "who came first is served");
    server.admin().wait_for("snow_input_bytes", &[], 0.0);
}

#[test]
fn a_half_close_can_mean_that_the_client_waits() {
    let Some(server) = serve(&["hello", "snow"], "", &ANY) else { return };
    let mut left = server.ask("/req/");
    server.wait_for_waiting(1);
    left.half_close();
    server.wait_for_waiting(0);
    left.is_closed();
    // It takes effect while the server runs.
    server.folder.replace("snow.toml", b"[limits]\nhalf_close = 'waits'\n");
    eventually("the setting is in force", || {
        let mut waits = server.ask("/req/");
        server.wait_for_waiting(1);
        waits.half_close();
        let is_held = waits.nothing_yet() && server.get("/waiting/").text() == "1";
        let told = server.get("/stop/?value=told").text() == "stop";
        (is_held && told && waits.response().text() == "told").then_some(())
    });
}

#[test]
fn clients_of_ipv4_are_shown_as_such() {
    let Some(server) = serve(&["hello"], "", &["--listen", "[::]:0"]) else { return };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address.port()));
    let mut client = Client::connect(address);
    assert_eq!(client.get("/hello").status, 200);
    server.log.until(&[&format!("access 127.0.0.1:{} \"GET /hello\"", client.port())]);
}

#[test]
fn all_addresses_of_ipv6_stand_beside_those_of_ipv4() {
    let free = TcpListener::bind("0.0.0.0:0").expect("a port is free");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    for first in [0, 1] {
        let mut listen = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        listen.rotate_left(first);
        let arguments = ["--listen", &listen[0], "--listen", &listen[1], "--workers", "2"];
        let Some(server) = serve(&["hello"], "", &arguments) else { return };
        for address in ["127.0.0.1", "[::1]"] {
            let address = format!("{address}:{port}").parse().expect("it is an address");
            assert_eq!(Client::connect(address).get("/hello").status, 200, "{address}");
        }
        drop(server);
    }
}

#[test]
fn an_address_of_another_machine_is_told_from_one_that_is_taken() {
    let Some(folder) = Folder::with(&["hello"]) else { return };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = taken.local_addr().map(|address| (taken, address)).expect("it is bound");
    // The second is of TEST-NET-1, which no machine has.
    let causes = [
        (taken.1.to_string(), "another program listens there"),
        ("192.0.2.1:0".to_owned(), "this machine has no such address"),
    ];
    for (address, advice) in &causes {
        for flag in ["--listen", "--admin"] {
            let output = run(["run".as_ref(), folder.path().as_os_str()]
                .into_iter()
                .chain([flag, address, "--listen", "127.0.0.1:0"].map(AsRef::as_ref)));
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.contains(advice) && text.contains(flag), "{text}");
        }
    }
}

#[test]
fn tokens_are_cut_out_of_the_log() {
    let Some(server) = serve(&["hello"], "", &ANY) else { return };
    let token = "0123456789abc".repeat(4);
    for target in [format!("/hello?by={token}&x=1"), format!("/settle/{token}")] {
        server.get(&target);
    }
    let log = server.log_by_now();
    assert!(log.contains("\"GET /hello?by=[token]&x=1\" 200"), "{log}");
    assert!(log.contains("\"GET /settle/[token]\" 404"), "{log}");
    assert!(!log.contains(&token), "{log}");
}

#[test]
fn the_soft_limit_of_descriptors_is_raised() {
    let Some(folder) = Folder::with(&["hello"]) else { return };
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -S -n 64 && exec "$0" "$@""#])
        .arg(program())
        .arg("run")
        .arg(folder.path());
    let server = Server::spawn(command.args(ANY).args(["--workers", "1"]), folder);
    let mut crowd: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    crowd.iter_mut().for_each(|client| assert_eq!(client.get("/hello").status, 200));
}

/// How often the threads that serve have gone to sleep.
fn sleeps(server: &Server) -> u64 {
    let threads = fs::read_dir(format!("/proc/{}/task", server.id())).expect("it runs");
    let count = |thread: PathBuf| {
        let text = |name| fs::read_to_string(thread.join(name)).unwrap_or_default();
        let (name, status) = (text("comm"), text("status"));
        let mut counts = status.lines().filter_map(|line| line.strip_prefix("voluntary_ctxt_"));
        let count = counts.next().filter(|_| name.starts_with("snow-worker"))?;
        count.rsplit('\t').next()?.parse::<u64>().ok()
    };
    threads.filter_map(|thread| count(thread.ok()?.path())).sum()
}

/// All workers share an inherited socket.
#[test]
fn a_connection_to_an_inherited_socket_wakes_one_worker_each_in_its_turn() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let Some(folder) = Folder::with(&["hello"]) else { return };
    let mut command = Command::new(program());
    command
        .arg("run")
        .arg(folder.path())
        .args(["--listen", "fd:0", "--workers", "16"])
        .args(Admin::ARGUMENTS)
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone().expect("it can be duplicated"))));
    let server = Server::spawn(&mut command, folder);
    let admin = server.admin();
    let before = sleeps(&server);
    let mut clients = Vec::new();
    for count in 1..=64 {
        clients.push(server.connect());
        admin.wait_for("snow_connections", &[], f64::from(count));
    }
    // One or two each, and a worker that is busy when it is told may have another told as well.
    // Were all woken, it would be 16 each.
    let slept = sleeps(&server) - before;
    assert!(slept <= 64 * 6, "16 workers slept {slept} times for 64 connections");
    let of = |worker: usize| admin.metric("snow_connections", &[&format!("worker=\"{worker}\"")]);
    let most = (0..16).map(of).fold(0.0, f64::max);
    assert!(most <= 32.0, "one worker has {most} of 64 connections");
}
