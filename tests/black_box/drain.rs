//! SIGTERM: nothing new is accepted, what has begun is finished, what is held may wait on for 10
//! seconds.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{
    A_MOMENT, Client, Folder, Server, Setup, eventually, keep_in_target, program, serve,
};

/// Tells the server to end, and waits until it no longer accepts.
#[track_caller]
fn drain(server: &Server, signal: &str) {
    server.signal(signal);
    server.log.until(&["draining"]);
    eventually("it accepts nothing more", || {
        TcpStream::connect(server.address).is_err().then_some(())
    });
}

/// Sends something, and waits until the server has read it. Nobody else sends anything meanwhile.
#[track_caller]
fn sends(server: &Server, client: &mut Client, text: &str) {
    let received = || server.admin().metric("snow_received_bytes_total", &[]);
    let before = received();
    client.send(text);
    eventually("it is read", || (received() >= before + text.len() as f64).then_some(()));
}

#[test]
fn an_idle_server_ends_at_once() {
    for signal in ["TERM", "INT"] {
        let Some(mut server) = serve(&["hello"]) else { return };
        let mut idle = server.connect();
        assert_eq!(idle.get("/hello").text(), "hello world");
        let mut silent = server.connect();
        let started = Instant::now();
        drain(&server, signal);
        idle.is_closed();
        silent.is_closed();
        assert_eq!(server.ended().code(), Some(0));
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "it waited for nobody: {:?}",
            started.elapsed()
        );
        server.log.until(&["stopped"]);
    }
}

#[test]
fn what_has_begun_is_finished() {
    let Some(setup) = Setup::with(&["hello", "snow", "tornado"]) else { return };
    let mut server = setup.watched().start();
    let mut timer = server.ask("/async/?seconds=5");
    let mut held = server.ask("/req/");
    server.wait_for_waiting(1);
    // Half of a head, and half of a body. Their bytes must have been read, or they would count as
    // idle.
    let mut stopper = server.connect();
    sends(&server, &mut stopper, "GET /stop/?value=in+time HTTP/1.1\r\nhost: a\r\n");
    let mut echo = server.connect();
    sends(&server, &mut echo, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n01234");
    drain(&server, "TERM");

    echo.send("56789");
    let answer = echo.response();
    assert_eq!((answer.text(), answer.closes()), ("0123456789", true));
    echo.is_closed();

    held.is_silent();
    stopper.send("\r\n");
    let answer = stopper.response();
    assert_eq!((answer.text(), answer.closes()), ("stop", true));
    stopper.is_closed();
    let answer = held.response();
    assert_eq!((answer.status, answer.text(), answer.closes()), (200, "in time", true));
    held.is_closed();

    let answer = timer.response();
    assert_eq!((answer.text(), answer.closes()), ("done", true));
    timer.is_closed();
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn what_is_pipelined_already_is_answered() {
    let Some(setup) = Setup::with(&["hello", "snow"]) else { return };
    let mut server = setup.watched().start();
    let mut client = server.connect();
    let two =
        "GET /async/?seconds=4 HTTP/1.1\r\nhost: a\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    sends(&server, &mut client, two);
    server.admin().wait_until_held(1.0);
    drain(&server, "TERM");
    assert_eq!(client.response().text(), "done");
    let last = client.response();
    assert_eq!((last.text(), last.closes()), ("hello world", true));
    client.is_closed();
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn what_is_held_to_the_end_is_asked_to_come_again() {
    let Some(mut server) = serve(&["hello", "snow"]) else { return };
    let mut held: Vec<_> =
        ["/req/", "/hold/", "/async/?seconds=25"].iter().map(|route| server.ask(route)).collect();
    held.extend((0..300).map(|_| server.ask("/req/")));
    server.wait_for_waiting(302);
    let started = Instant::now();
    drain(&server, "TERM");
    for client in &mut held {
        let answer = client.response();
        assert_eq!((answer.status, answer.closes()), (503, true));
        assert!(answer.field("retry-after").is_some(), "{answer:?}");
        client.is_closed();
    }
    assert!(
        started.elapsed() >= Duration::from_secs(9),
        "they may wait for 10 seconds: {:?}",
        started.elapsed()
    );
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let Some(mut server) = serve(&["hello", "snow"]) else { return };
    let mut held = server.ask("/req/");
    server.wait_for_waiting(1);
    drain(&server, "TERM");
    held.is_silent();
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(130));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// Loading guests may take a while, above all if one of them spins: nobody has to wait for it to
/// give up.
#[test]
fn a_signal_while_it_loads_ends_it() {
    let folder = Folder::with(&["hello", "broken/routes-spin"]).expect("they need no toolchain");
    let mut command = Command::new(program());
    command.arg("run").arg(folder.path()).args(["--listen", "127.0.0.1:0"]);
    let mut loading = keep_in_target(&mut command)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started");
    // It says nothing before it listens. Should it not even have begun to load, it ends all the
    // more.
    std::thread::sleep(4 * A_MOMENT);
    let signalled = Instant::now();
    let sent = Command::new("kill").arg(loading.id().to_string()).status();
    assert!(sent.expect("there is a `kill`").success());
    eventually("it ends", || loading.try_wait().expect("a child can be asked"));
    assert!(
        signalled.elapsed() < Duration::from_secs(5),
        "it first loaded for {:?}",
        signalled.elapsed()
    );
}
