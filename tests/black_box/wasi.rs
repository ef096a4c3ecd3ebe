//! WASI, as the standard library of Rust uses it: one source, as a module for preview 1 and as a
//! component for 0.2.

use std::time::{SystemTime, UNIX_EPOCH};

use snow_config::Limits;

use crate::harness::{Folder, Server, Setup};
use crate::inside::Inside;

/// The guests, each mounted under its own name. Instances of the second are used again.
const GUESTS: [&str; 2] = ["wasip1", "wasip2"];
const MANIFEST: &str = "[limits]\ncall_log_bytes_max = 200_000\n\n\
                        [guest.wasip1]\nmount = '/wasip1'\nenvironment = ['MODE=test', 'A=b=c']\n\n\
                        [guest.wasip2]\nmount = '/wasip2'\ninstances = { reuse = 1_000 }\n";

fn serve() -> Option<Server> {
    let folder = Folder::with(&GUESTS)?;
    folder.add("snow.toml", MANIFEST.as_bytes());
    Some(Setup::new(folder).start())
}

#[track_caller]
fn says(server: &Server, target: &str) -> String {
    let response = server.get(target);
    assert_eq!(response.status, 200, "{target}");
    response.text().to_owned()
}

#[test]
fn randomness_is_fresh() {
    let Some(server) = serve() else { return };
    for guest in GUESTS {
        let mut orders: Vec<String> =
            (0..10).map(|_| says(&server, &format!("/{guest}/order"))).collect();
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), 10, "a map of 100 keys has another order in each call of {guest}");
    }
}

#[test]
fn the_time_is_ours() {
    let Some(server) = serve() else { return };
    let now_ms = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    for guest in GUESTS {
        let before = now_ms();
        let told: u128 = says(&server, &format!("/{guest}/now")).parse().expect("a number");
        assert!((before..=now_ms()).contains(&told), "{before} {told}");
    }
}

/// Four of them sleep at a time on the one worker, and others are served meanwhile.
#[test]
fn whoever_sleeps_waits_in_place() {
    for guest in GUESTS {
        let Some(inside) = Inside::start(&[guest], 1, Limits::default()) else { return };
        let mut sleepers: Vec<_> = (0..4).map(|_| inside.ask("/sleep?ms=600")).collect();
        inside.wait_until("four sleep", |counts| counts.suspended == 4);
        assert_eq!(inside.connect().get("/now").status, 200);
        for sleeper in &mut sleepers {
            let slept: u64 = sleeper.response().text().parse().expect("a number");
            assert!(slept >= 600, "{slept}");
        }
        assert_eq!(inside.counts().suspended, 0);
    }
}

#[test]
fn standard_output_is_the_guests_log() {
    let Some(server) = serve() else { return };
    for guest in GUESTS {
        let target = format!("/{guest}/print");
        assert_eq!(says(&server, &target), "printed");
        server.log.until(&[
            &format!("info   guest={guest} id="),
            "one line",
            "and another",
            &format!("warn   guest={guest} id="),
            "something is wrong",
            "the end is missing",
            &target,
        ]);
    }
}

#[test]
fn the_environment_is_what_was_granted() {
    let Some(server) = serve() else { return };
    assert_eq!(says(&server, "/wasip1/environment"), "MODE=test A=b=c\nwasip1\n");
    assert_eq!(says(&server, "/wasip2/environment"), "\nwasip2\n");
}

#[test]
fn there_are_no_files_and_no_sockets() {
    let Some(server) = serve() else { return };
    for guest in GUESTS {
        let outside = says(&server, &format!("/{guest}/outside"));
        assert_eq!(outside, "file true socket true input Ok(0)", "{guest}");
    }
}

#[test]
fn whoever_exits_fails_its_own_request() {
    let Some(server) = serve() else { return };
    for guest in GUESTS {
        assert_eq!(server.get(&format!("/{guest}/exit")).status, 500);
        server.log.until(&[&format!("\"GET /{guest}/exit\""), "the guest has exited"]);
        says(&server, &format!("/{guest}/now"));
    }
}

#[test]
fn a_call_logs_no_more_than_it_may() {
    let Some(server) = serve() else { return };
    assert_eq!(says(&server, "/wasip1/flood"), "written");
    let log = server.log.until(&["call_log_bytes_max", "\"GET /wasip1/flood\""]);
    let lines = log.matches("of very many").count();
    // So few that the log's queue has room for all of them.
    assert!((1_000..4_000).contains(&lines), "{lines} lines");
    // The next call has its own.
    says(&server, "/wasip1/print");
    server.log.until(&["one line"]);
}

/// An instance that is used again keeps what its guest keeps.
#[test]
fn an_instance_is_replaced_before_its_memory_is_full() {
    let Some(server) = serve() else { return };
    for call in 0..150 {
        assert_eq!(server.get("/wasip2/grow").status, 200, "call {call}");
    }
}

#[test]
fn a_line_without_end_is_cut() {
    let Some(folder) = Folder::with(&["greedy"]) else { return };
    let server = Setup::new(folder).start();
    assert_eq!(server.get("/print").status, 200);
    let log = server.log.until(&["guest=greedy id=", "\"GET /print\""]);
    assert!(log.contains("xxxx…") && log.len() < 20_000, "{} bytes", log.len());
}

/// A core module without a library for WASI.
#[test]
fn clocks_and_random_numbers_can_be_imported_by_hand() {
    let Some(folder) = Folder::with(&["freestanding"]) else { return };
    let server = Setup::new(folder).start();
    let numbers: Vec<(u64, u64)> = (0..2)
        .map(|_| {
            let response = server.get("/number");
            let number = |range: std::ops::Range<usize>| {
                u64::from_le_bytes(response.body[range].try_into().expect("16 bytes"))
            };
            (number(0..8), number(8..16))
        })
        .collect();
    assert_ne!(numbers[0].0, numbers[1].0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(server.get("/greedy").status, 500);
    server.log.until(&["asked for 4294967296 random bytes at a time; 1048576 are the most"]);
    assert!(numbers.iter().all(|(_, seconds)| now.abs_diff(*seconds) < 60), "{numbers:?}");
}
