//! Thousands of clients that wait for changes in the store: what each of them costs, and how soon all
//! are answered.
//!
//! As many as the system lets this process and the server open, up to 2,000; with `SNOW_WAITERS=15000`
//! so many, for which both need a few descriptors more.

use std::env;
use std::time::{Duration, Instant};

use crate::harness::{Client, Server, Setup, eventually, open_files_max, user_memory_bytes};

/// The most bytes that a held request may cost.
const EACH_BYTES_MAX: usize = 512;
/// The most bytes if the key that it waits for is nobody else's: the store has a list for the key.
const OF_OWN_KEY_BYTES_MAX: usize = 700;
/// So many ask before the memory is looked at: who comes first pays for what is needed once.
const FIRST: usize = 500;

fn many() -> usize {
    let asked = env::var("SNOW_WAITERS").ok().map(|count| count.parse().expect("it is a number"));
    asked.unwrap_or_else(|| 2_000.min(open_files_max() / 2 - 100))
}

fn serve() -> Option<Server> {
    Some(Setup::with(&["stores", "snow"])?.workers(1).watched().start())
}

/// Lets clients wait, and checks what each of them costs. The target is a function of its number.
fn wait(
    server: &Server,
    what: &str,
    bytes_max: usize,
    target: impl Fn(usize) -> String,
) -> Vec<Client> {
    let admin = server.admin();
    let mut held: Vec<Client> = (0..FIRST).map(|number| server.ask(&target(number))).collect();
    admin.wait_until_held(FIRST as f64);
    let before_bytes = user_memory_bytes(server);
    held.extend((FIRST..many()).map(|number| server.ask(&target(number))));
    admin.wait_until_held(many() as f64);
    // The allocator gives freed memory back over some seconds, while the server does something.
    let each_bytes = eventually(&format!("{what} costs {bytes_max} bytes"), || {
        server.get("/not-there");
        let more_bytes = user_memory_bytes(server).saturating_sub(before_bytes);
        Some(more_bytes / (held.len() - FIRST)).filter(|each_bytes| *each_bytes <= bytes_max)
    });
    println!("{what}: {} wait, {each_bytes} bytes each", held.len());
    held
}

/// Reads the answers of all. Returns how long it was from `began` to the last one.
fn all_are_told(held: &mut [Client], value: impl Fn(usize) -> String, began: Instant) -> Duration {
    for (number, client) in held.iter_mut().enumerate() {
        let response = client.response();
        assert_eq!((response.status, response.text()), (200, &*value(number)), "{number}");
    }
    began.elapsed()
}

#[test]
fn one_write_answers_all_who_wait_for_its_key() {
    let Some(server) = serve() else { return };
    let mut beside = server.connect();
    let mut held =
        wait(&server, "one key", EACH_BYTES_MAX, |_| "/changed/k?seconds=600".to_owned());
    let began = Instant::now();
    assert_ne!(beside.post("/set/k", b"news").text(), "none");
    let by_store = all_are_told(&mut held, |_| "news".to_owned(), began);
    drop(held);
    // For comparison: pendings that have a key, and no store.
    let mut held: Vec<Client> = (0..many()).map(|_| server.ask("/hold/?timeout=600")).collect();
    server.wait_for_waiting(held.len());
    let began = Instant::now();
    assert_eq!(beside.get("/stop-all/?value=news").text(), held.len().to_string());
    let by_keys = all_are_told(&mut held, |_| "news".to_owned(), began);
    println!("the last of {} is told after {by_store:?}, by /stop-all/ {by_keys:?}", held.len());
    assert_eq!(server.admin().metric("snow_store_waiters", &[]), 0.0);
}

#[test]
fn each_of_thousands_is_told_of_a_key_of_its_own() {
    let Some(server) = serve() else { return };
    let mut beside = server.connect();
    let mut held = wait(&server, "a key each", OF_OWN_KEY_BYTES_MAX, |number| {
        format!("/changed/k{number}?seconds=600")
    });
    let began = Instant::now();
    for number in 0..held.len() {
        assert_eq!(
            beside.post(&format!("/set/k{number}"), number.to_string().as_bytes()).status,
            200
        );
    }
    let all = all_are_told(&mut held, |number| number.to_string(), began);
    println!("{} keys are set and all are told after {all:?}", held.len());
    assert_eq!(server.admin().metric("snow_store_waiters", &[]), 0.0);
}
