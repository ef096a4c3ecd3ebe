//! Who gets the loop (issue 11): a quick call starts soon, whatever other guests do.
//!
//! None of these tests measures a time. Each lets hostile calls compute for longer than it takes,
//! and sees that others are answered while all of them still do.

use crate::harness::{Client, Server, Setup, eventually};

/// One worker that serves these guests with an admin listener, and lets a call run for so long.
fn one_worker(guests: &[&str], running_ms_max: u32) -> Option<Server> {
    let setup = Setup::with(guests)?.workers(1).watched();
    let manifest = format!("[limits]\ncall_running_ms_max = {running_ms_max}\n");
    setup.folder().add("snow.toml", manifest.as_bytes());
    Some(setup.start())
}

/// Waits until so many calls of guests have started.
#[track_caller]
fn calls_have_started(server: &Server, calls: f64) {
    let admin = server.admin();
    eventually(&format!("{calls} calls have started"), || {
        (admin.metric("snow_calls_total", &[]) >= calls).then_some(())
    });
}

/// Asks for something quick, again and again, and checks that these are not answered meanwhile.
#[track_caller]
fn quick_calls_are_answered_before(server: &Server, hostile: &mut [Client]) {
    let mut client = server.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/hello").text(), "hello world");
    }
    for client in hostile {
        assert!(client.nothing_yet(), "a quick call waits for one that computes");
    }
}

/// Calls whose wait in place is over once took places unasked, sixteen of eight.
#[test]
fn calls_that_wait_and_then_compute_hold_nobody_up() {
    let Some(server) = one_worker(&["hello", "late"], 4_000) else { return };
    let mut late: Vec<Client> = (0..16).map(|_| server.ask("/late")).collect();
    calls_have_started(&server, 16.0);
    server.admin().wait_until_held(0.0);
    quick_calls_are_answered_before(&server, &mut late);
}

/// A call that computed and then waited was never found to be slow.
#[test]
fn calls_that_compute_and_then_wait_hold_nobody_up() {
    let Some(server) = one_worker(&["hello", "late"], 60_000) else { return };
    let mut busy: Vec<Client> = (0..16).map(|_| server.ask("/busy")).collect();
    calls_have_started(&server, 16.0);
    quick_calls_are_answered_before(&server, &mut busy);
}

/// Resumptions were one queue, whose first kept all others waiting.
#[test]
fn resumptions_that_compute_hold_up_no_other_guest() {
    let Some(server) = one_worker(&["hello", "snow", "late"], 4_000) else { return };
    let mut hostile: Vec<Client> = (0..12).map(|_| server.ask("/hold")).collect();
    let mut held = server.ask("/req/");
    server.admin().wait_until_held(13.0);
    assert_eq!(server.get("/free").status, 200);
    // Those, the one that freed them, and some of their resumptions.
    calls_have_started(&server, 17.0);
    assert_eq!(server.get("/stop/").text(), "stop");
    assert_eq!(held.response().status, 200, "another guest's is resumed");
    quick_calls_are_answered_before(&server, &mut hostile);
}

/// Only slices that ended by the clock were counted: a guest that waits in place before that could
/// compute for ever.
#[test]
fn a_call_that_waits_before_each_slice_is_over_has_a_budget_too() {
    let Some(server) = one_worker(&["hello", "late"], 50) else { return };
    assert_eq!(server.get("/sips").status, 500);
    server.log.until(&["guest=late", "ran for more than 50 ms", "call_running_ms_max"]);
    server.still_serves();
}

/// Clients that left such calls once counted as traps of the version.
#[test]
fn clients_that_leave_calls_waiting_in_place_say_nothing_about_the_version() {
    let Some(server) = one_worker(&["hello", "place"], 1_000) else { return };
    let place = std::fs::read_to_string(crate::harness::source("place").unwrap()).unwrap();
    server.folder.replace("place.wat", format!("{place};; changed\n").as_bytes());
    server.log.until(&["place: version 2 serves"]);
    let admin = server.admin();
    // More than a version may trap in its trial.
    let clients: Vec<Client> = (0..8).map(|_| server.ask("/place")).collect();
    admin.wait_until_held(8.0);
    clients.into_iter().for_each(Client::reset);
    admin.wait_until_held(0.0);
    assert!(!server.log_by_now().contains("rolled back"));
    assert_eq!(admin.guest("place")["version"].as_f64(), Some(2.0));
}
