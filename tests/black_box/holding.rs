//! Requests that are held: what they cost others, and what happens when their clients leave.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{
    Client, Folder, Server, Setup, eventually, open_files_max, program, serve, user_memory_bytes,
};

/// How many connections a test may open: 2,000 where the system lets it. The tests' own process and
/// the server each need a descriptor for one, and other tests run beside it.
fn many() -> usize {
    2_000.min(open_files_max() / 2 - 100)
}

fn server() -> Option<Server> {
    serve(&["hello", "snow"])
}

#[test]
fn thousands_are_held_while_others_are_served() {
    let Some(server) = server() else { return };
    let mut beside = server.connect();
    // What the first requests cost once (instances, buffers, the threads' heaps) is not what each
    // one costs.
    let mut first: Vec<Client> = (0..100).map(|_| server.ask("/req/")).collect();
    server.wait_for_waiting(first.len());
    assert_eq!(server.get("/stop-all/").text(), "100");
    first.iter_mut().for_each(|client| assert_eq!(client.response().status, 200));
    drop(first);
    let before_bytes = user_memory_bytes(&server);

    let mut held: Vec<Client> = (0..many()).map(|_| server.ask("/req/")).collect();
    server.wait_for_waiting(held.len());
    let each_bytes = user_memory_bytes(&server).saturating_sub(before_bytes) / held.len();
    assert!(each_bytes <= 2048, "a held request costs {each_bytes} bytes");
    for _ in 0..100 {
        assert_eq!(beside.get("/hello").text(), "hello world");
    }
    assert_eq!(beside.get("/stop-all/?value=now").text(), held.len().to_string());
    for client in &mut held {
        assert_eq!(client.response().text(), "now");
    }
    assert_eq!(beside.get("/waiting/").text(), "0");
}

/// The example of each language holds thousands. Whatever its language, no instance of it exists
/// meanwhile, and a request costs no more than in any other.
#[test]
fn thousands_are_held_at_the_same_bytes_in_every_language() {
    // So few at a time that none is refused while an instance is made.
    const AT_A_TIME: usize = 100;
    for name in ["c", "go", "js", "python", "rust", "ts"] {
        let Some(folder) = Folder::with(&[name]) else { continue };
        let manifest = format!(
            "[limits]\ninstance_idle_ms_max = 50\n[guest.{name}]\ninstances = {{ reuse = 10_000 }}\n"
        );
        folder.add("snow.toml", manifest.as_bytes());
        let server = Setup::new(folder).workers(1).watched().start();
        let admin = server.admin();
        let without_instances_bytes = || {
            admin.wait_for("snow_instances", &[], 0.0);
            user_memory_bytes(&server)
        };
        let (mut held, mut before_bytes) = (Vec::new(), 0);
        for _ in 0..many() / AT_A_TIME {
            held.extend((0..AT_A_TIME).map(|_| server.ask(&format!("/{name}/req"))));
            admin.wait_until_held(held.len() as f64);
            if held.len() == AT_A_TIME {
                // Who comes first pays for what is needed once.
                before_bytes = without_instances_bytes();
            }
        }
        // The allocator gives freed memory back over some seconds, while the server does something.
        let each_bytes = eventually(&format!("{name} holds a request in 512 bytes"), || {
            server.get("/not-there");
            let more_bytes = without_instances_bytes().saturating_sub(before_bytes);
            Some(more_bytes / (held.len() - AT_A_TIME)).filter(|each_bytes| *each_bytes <= 512)
        });
        println!("{name}: {} held, {each_bytes} bytes each", held.len());
    }
}

#[test]
fn a_connection_is_as_good_as_new_after_a_held_answer() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    for round in 0..5 {
        client.ask("/req/");
        server.wait_for_waiting(1);
        assert_eq!(server.get(&format!("/stop/?value={round}")).text(), "stop");
        assert_eq!(client.response().text(), round.to_string());
        assert_eq!(client.get("/hello").text(), "hello world");
    }
}

#[test]
fn what_is_pipelined_behind_a_held_request_is_answered_after_it() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n");
    client
        .send([get("/index/"), get("/req/"), get("/home/"), get("/hold/"), get("/hello")].concat());
    assert_eq!(client.response().text(), "OK");
    for (value, next) in [("first", "home"), ("second", "hello world")] {
        server.wait_for_waiting(1);
        client.is_silent();
        assert_eq!(server.get(&format!("/stop/?value={value}")).text(), "stop");
        assert_eq!(client.response().text(), value);
        assert_eq!(client.response().text(), next);
    }
}

/// Each way to leave, and what the client had sent before.
#[test]
fn a_client_that_leaves_no_longer_waits() {
    let Some(server) = server() else { return };
    // Who has half closed still reads, but can't be told from one that is gone. It is kept until
    // the end.
    let mut half_closed = Vec::new();
    let more: [(&str, String); 4] = [
        ("nothing", String::new()),
        ("a pipelined request", "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n".into()),
        ("half a request", "GET /hello HTT".into()),
        ("100 KB of requests", "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3_000)),
    ];
    let mut who_stays = server.ask("/req/");
    server.wait_for_waiting(1);
    for how in ["close", "reset", "half-close"] {
        for (what, bytes) in &more {
            let mut client = server.ask("/req/");
            server.wait_for_waiting(2);
            client.send(bytes);
            match how {
                "close" => drop(client),
                "reset" => client.reset(),
                _ => {
                    client.half_close();
                    half_closed.push(client);
                }
            }
            eventually(&format!("it is noticed: {how} behind {what}"), || {
                (server.get("/waiting/").text() == "1").then_some(())
            });
        }
    }
    server.log.until(&["\"GET /req/\" 499", "guest=snow"]);
    assert_eq!(server.get("/stop/?value=still+here").text(), "stop");
    assert_eq!(who_stays.response().text(), "still here");
}

/// More is pipelined than the server keeps and the kernel takes for it: then the FIN is stuck
/// behind bytes that nobody reads, and the kernel can't report it.
#[test]
fn a_client_that_leaves_behind_a_full_window_no_longer_waits() {
    let Some(server) = server() else { return };
    let mut client = server.ask("/req/?timeout=60");
    server.wait_for_waiting(1);
    client.gives_up_writing_after(Duration::from_secs(1));
    client.send_perhaps("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n".repeat(30_000).as_bytes());
    drop(client);
    let left = Instant::now();
    while server.get("/waiting/").text() != "0" {
        assert!(left.elapsed() < Duration::from_secs(15), "its request is held until its deadline");
    }
}

/// Whether the kernel takes a client to be there still, at the server's end of its connection.
fn is_connected(server: &Server, client_port: u16) -> bool {
    let (server_port, client_port) =
        (format!(":{:04X}", server.address.port()), format!(":{client_port:04X}"));
    let sockets = fs::read_to_string("/proc/net/tcp").expect("Linux tells it");
    sockets.lines().any(|socket| {
        let words: Vec<&str> = socket.split_whitespace().take(4).collect();
        // Its number, both addresses, and its state: 01 is established.
        matches!(&words[..], [_, own, peer, "01"] if own.ends_with(&server_port) && peer.ends_with(&client_port))
    })
}

/// With one worker there is an order: it learns that a client has left before it is asked to stop
/// anybody. It is made to learn both at once, and the kernel is waited for in between: on a busy
/// machine it may deliver what was sent on one connection before what was sent earlier on another.
#[test]
fn a_value_goes_to_somebody_who_is_still_there() {
    let Some(setup) = Setup::with(&["hello", "snow"]) else { return };
    let server = setup.workers(1).start();
    for (round, route) in ["/req/", "/hold/"].iter().cycle().take(20).enumerate() {
        let leaves = server.ask(route);
        server.wait_for_waiting(1);
        let mut stays = server.ask(route);
        server.wait_for_waiting(2);
        let mut stopper = server.connect();
        assert_eq!(stopper.get("/waiting/").text(), "2");
        let port = leaves.port();
        server.signal("STOP");
        if round % 2 == 0 {
            drop(leaves)
        } else {
            leaves.reset()
        }
        eventually("the kernel knows that it left", || {
            (!is_connected(&server, port)).then_some(())
        });
        stopper.ask(&format!("/stop/?value={round}"));
        server.signal("CONT");
        assert_eq!(stopper.response().text(), "stop");
        assert_eq!(stays.response().text(), round.to_string());
        assert_eq!(stopper.get("/waiting/").text(), "0");
    }
}

#[test]
fn hundreds_leave_at_once() {
    let Some(server) = server() else { return };
    let mut held: Vec<Client> = (0..300).map(|_| server.ask("/req/")).collect();
    server.wait_for_waiting(300);
    let mut stay: Vec<Client> = held.split_off(200);
    drop(held);
    server.wait_for_waiting(100);
    assert_eq!(server.get("/stop-all/").text(), "100");
    stay.iter_mut().for_each(|client| assert_eq!(client.response().text(), "done"));
    server.still_serves();
}

/// What was received before a FIN is answered, unless it waits.
#[test]
fn a_half_closed_connection_still_gets_its_answers() {
    let Some(server) = server() else { return };
    let mut client = server.connect();
    client.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3));
    client.half_close();
    for _ in 0..3 {
        assert_eq!(client.response().text(), "hello world");
    }
    client.is_closed();
}

/// A process may have so many files open and no more. Who comes then has to wait, and nobody else
/// is harmed.
#[test]
fn a_server_without_descriptors_accepts_again_when_it_has_some() {
    let Some(folder) = Folder::with(&["hello", "snow"]) else { return };
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -n 64 && exec "$0" "$@""#])
        .arg(program())
        .arg("run")
        .arg(folder.path());
    let server = Server::spawn(command.args(["--listen", "127.0.0.1:0", "--workers", "1"]), folder);
    let mut held = server.ask("/req/");
    server.wait_for_waiting(1);
    let mut served = server.connect();
    assert_eq!(served.get("/hello").text(), "hello world");

    let crowd: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    server.log.until(&["cannot accept connections"]);
    assert_eq!(served.get("/hello").text(), "hello world", "who is there is served");
    assert_eq!(served.get("/stop/?value=x").text(), "stop");
    assert_eq!(held.response().text(), "x");

    // In the queue of the kernel, behind the crowd.
    let mut late = server.ask("/hello");
    drop(crowd);
    assert_eq!(late.response().text(), "hello world");
}
