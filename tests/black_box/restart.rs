//! A supervisor keeps the listening socket: one host after another serves on it, and no client
//! notices.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::harness::{Folder, Load, Server, program};

/// A host that serves on the supervisor's socket.
fn successor(socket: &TcpListener, folder: Folder) -> Server {
    let inherited = OwnedFd::from(socket.try_clone().expect("a descriptor can be duplicated"));
    let mut command = Command::new(program());
    command.arg("run").arg(folder.path()).args(["--workers", "2", "--listen", "fd:0"]);
    Server::spawn(command.stdin(Stdio::from(inherited)), folder)
}

#[test]
fn a_restart_under_load_refuses_and_resets_nobody() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    let Some(folder) = Folder::with(&["hello", "snow"]) else { return };
    let mut serving = successor(&socket, folder);
    let load = Load::start(address, 6, "/hello");
    for _ in 0..3 {
        load.more(300);
        let mut held = serving.ask("/req/?timeout=1");
        serving.wait_for_waiting(1);
        let Some(folder) = Folder::with(&["hello", "snow"]) else { return };
        let next = successor(&socket, folder);
        serving.signal("TERM");
        assert_eq!(held.response().status, 504, "who is held waits on in the drain");
        assert_eq!(serving.ended().code(), Some(0));
        serving = next;
    }
    load.more(300);
    load.stop();
}
