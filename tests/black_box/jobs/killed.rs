//! A server that is killed amid jobs that it has acknowledged.

use std::env;

use crate::harness::{Client, Folder, Server, Setup, eventually};

/// Jobs in each round.
const JOBS: u32 = 50;

fn durable(data: &Folder) -> Option<Server> {
    let path = data.path().display().to_string();
    Some(
        Setup::with(&["works"])?.arguments(&["--data", &path, "--no-access-log"]).watched().start(),
    )
}

/// Each job that was acknowledged runs at least once, however often the server is killed. Some run
/// twice, and the test says how many. `SNOW_KILLS` is how many rounds there are instead of 20.
#[test]
fn each_job_that_was_acknowledged_runs_at_least_once() {
    let rounds = env::var("SNOW_KILLS").map_or(20, |rounds| rounds.parse().expect("a number"));
    let data = Folder::new();
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        let Some(server) = durable(&data) else { return };
        let mut client = server.connect();
        for number in 0..JOBS {
            let number = round * JOBS + number;
            let target = format!("/enqueue/mark/1?payload=$&first={number}");
            if enqueued(&mut client, &target) {
                acknowledged.push(number);
            }
            // At another moment in each round, with answers under way.
            if number % JOBS == (round * 7) % JOBS {
                server.signal("KILL");
                break;
            }
        }
        drop(server);
    }
    let server = durable(&data).expect("it was built");
    let all = rounds * JOBS;
    server.admin().wait_for("snow_jobs_kept", &[], 0.0);
    let count = |number: &u32| server.get(&format!("/count/mark/{number}")).text().to_owned();
    let lost: Vec<&u32> = acknowledged.iter().filter(|number| count(number) == "0").collect();
    assert!(lost.is_empty(), "acknowledged, and not run: {lost:?}");
    let marked = server.get(&format!("/marked/{all}"));
    let (ran, twice) = marked.text().split_once(' ').unwrap();
    eprintln!(
        "{rounds} kills, {} jobs acknowledged: {ran} ran, {twice} of them twice or more often",
        acknowledged.len()
    );
    eventually("nothing is left", || {
        (server.admin().metric("snow_jobs_running", &[]) == 0.0).then_some(())
    });
}

/// A job that takes the server down is not tried for ever. Its first attempt alone is forgotten.
#[test]
fn a_job_that_no_server_survives_fails_for_good() {
    let data = Folder::new();
    for start in 0..3 {
        let Some(server) = durable(&data) else { return };
        if start == 0 {
            assert_eq!(server.get("/enqueue/wait/1?payload=k&attempts=2").text().len(), 32);
        }
        server.admin().wait_for("snow_jobs_waiting", &[], 1.0);
        // What was written before this is on the disk after it.
        assert_eq!(server.get("/count/any").text(), "0");
        server.signal("KILL");
    }
    let server = durable(&data).expect("it was built");
    server.log.until(&[
        "guest=works",
        "it has failed for good: the server ended while it ran, in each of 2 attempts",
    ]);
    assert_eq!(server.admin().metric("snow_jobs_failed", &[]), 1.0);
}

/// Whether the server has acknowledged it. One that is killed does not.
fn enqueued(client: &mut Client, target: &str) -> bool {
    let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
    client.send_perhaps(request.as_bytes())
        && client.is_answered()
        && client.response().text().len() == 32
}
