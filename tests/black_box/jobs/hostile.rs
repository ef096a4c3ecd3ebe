//! Jobs that spin, pile up, trap and eat; and the end of a server with jobs.

use std::time::{Duration, Instant};

use super::{setup, works};
use crate::harness::{Folder, Setup, eventually};

#[test]
fn eight_jobs_that_spin_keep_a_short_one_waiting_for_no_more_than_its_turns() {
    let Some(server) = works("") else { return };
    assert_eq!(server.get("/pile/spin/8").text(), "8");
    server.admin().wait_for("snow_jobs_running", &[], 8.0);
    let asked = Instant::now();
    assert_eq!(server.get("/job/echo?payload=x").text(), "x");
    assert!(asked.elapsed() < Duration::from_secs(5), "a spinner has ten: {:?}", asked.elapsed());
    server.still_serves();
}

#[test]
fn a_guest_with_ten_thousand_jobs_keeps_no_other_guest_waiting() {
    let Some(folder) = Folder::with(&["works", "executor", "hello"]) else { return };
    let server = Setup::new(folder).watched().start();
    assert_eq!(server.get("/pile/spin/16").text(), "16");
    assert_eq!(server.get("/pile/add/10000?payload=piled").text(), "10000");
    assert!(server.admin().metric("snow_jobs_queued", &["guest=\"works\""]) > 9_000.0);
    let asked = Instant::now();
    assert_eq!(server.get("/fib?n=15").text(), "610");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let mut latencies: Vec<Duration> = (0..200)
        .map(|_| {
            let asked = Instant::now();
            server.still_serves();
            asked.elapsed()
        })
        .collect();
    latencies.sort();
    assert!(latencies[190] < Duration::from_millis(500), "{:?}", &latencies[190..]);
}

#[test]
fn all_jobs_of_a_pile_are_done_and_nothing_is_left() {
    let Some(server) = works("") else { return };
    assert_eq!(server.get("/pile/add/10000?payload=piled").text(), "10000");
    eventually("all are done", || (server.get("/count/piled").text() == "10000").then_some(()));
    let admin = server.admin();
    for gauge in ["snow_jobs_running", "snow_jobs_queued_bytes", "snow_jobs_instances"] {
        admin.wait_for(gauge, &[], 0.0);
    }
    admin.wait_for("snow_pendings", &["guest=\"works\""], 0.0);
    assert_eq!(admin.metric("snow_jobs_ended_total", &["end=\"value\""]), 10_000.0);
}

#[test]
fn what_is_too_much_is_refused_with_the_name_of_the_limit() {
    let manifest = "[limits]\nguest_jobs_queued_max = 5\nguest_jobs_bytes_max = 1000\n\
                    job_payload_bytes_max = 900\njob_name_bytes_max = 10\nexecutor_jobs_running_max = 1\n\
                    executor_jobs_waiting_max = 0\n";
    let Some(setup) = setup(manifest) else { return };
    let server = setup.arguments(&["--executors", "1"]).start();
    assert_eq!(server.get("/pile/spin/1").text(), "1");
    server.admin().wait_for("snow_jobs_running", &[], 1.0);
    let said = server.get("/pile/spin/9");
    assert!(
        said.text().starts_with("5 ") && said.text().contains("guest_jobs_queued_max"),
        "{}",
        said.text()
    );
    let long = "x".repeat(901);
    let said = server.get(&format!("/pile/echo/1?payload={long}"));
    assert!(said.text().contains("job_payload_bytes_max"), "{}", said.text());
    let said = server.get("/pile/longer_than_ten/1");
    assert!(said.text().contains("job_name_bytes_max"), "{}", said.text());
}

#[test]
fn jobs_that_trap_and_eat_harm_nobody() {
    let Some(server) = works("[limits]\ncall_memory_bytes_max = 16777216\n") else { return };
    assert_eq!(server.get("/pile/trap/50").text(), "50");
    assert_eq!(server.get("/pile/eat/50").text(), "50");
    let admin = server.admin();
    admin.wait_for("snow_jobs_ended_total", &["end=\"trapped\""], 100.0);
    server.log.until(&["call_memory_bytes_max"]);
    assert_eq!(server.get("/job/echo?payload=x").text(), "x");
    server.still_serves();
}

#[test]
fn jobs_start_jobs() {
    let Some(server) = works("") else { return };
    assert_eq!(server.get("/job/chain?payload=500").text(), "");
    eventually("the chain ends", || (server.get("/count/chain").text() == "501").then_some(()));
}

#[test]
fn a_guest_whose_jobs_all_wait_leaves_room_for_another() {
    let Some(folder) = Folder::with(&["works", "executor"]) else { return };
    folder.add("snow.toml", b"[guest.works]\njob_ms_max = 60000\n");
    let server = Setup::new(folder).watched().arguments(&["--executors", "1"]).start();
    assert_eq!(server.get("/pile/wait/100?payload=k").text(), "100");
    server.admin().wait_for("snow_jobs_waiting", &[], 24.0);
    assert_eq!(server.get("/fib?n=10").text(), "55");
}

#[test]
fn a_drain_lets_jobs_end_and_stops_those_that_do_not() {
    let Some(setup) = setup("[limits]\ndrain_ms = 3000\n") else { return };
    let mut server = setup.start();
    let mut sleeps = server.ask("/job/sleep?payload=1000");
    let mut waits = server.ask("/relay/wait?payload=k");
    assert_eq!(server.get("/pile/spin/3").text(), "3");
    let admin = server.admin();
    admin.wait_for("snow_jobs_running", &[], 5.0);
    let began = Instant::now();
    server.signal("TERM");
    assert_eq!(sleeps.response().text(), "slept", "it had time for that");
    assert!(
        [502, 503].contains(&waits.response().status),
        "it was stopped, and so was its request"
    );
    server.log.until(&["guest=works: the end of the server has stopped 4 jobs that were started"]);
    assert_eq!(server.ended().code(), Some(0));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2_900) && took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_drain_waits_for_jobs_that_nobody_waits_for() {
    let Some(setup) = setup("") else { return };
    let data = Folder::new();
    let path = data.path().display().to_string();
    let mut server = setup.arguments(&["--data", &path]).start();
    assert_eq!(server.get("/pile/sleep/1?payload=1500").text(), "1");
    server.admin().wait_for("snow_jobs_waiting", &[], 1.0);
    let began = Instant::now();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(9), "and not for the whole drain");
    let Some(setup) = super::setup("") else { return };
    let server = setup.arguments(&["--data", &path]).start();
    assert_eq!(server.get("/count/slept").text(), "1");
}
