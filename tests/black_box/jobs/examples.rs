//! The example `executor`: what Tornado's examples with threads and callbacks do.

use std::time::{Duration, Instant};

use crate::harness::{Server, Setup, eventually};

fn executor() -> Option<Server> {
    Some(Setup::with(&["executor", "hello"])?.watched().start())
}

/// `ThreadPoolExecutor` with `run_on_executor`: the loop goes on while another thread computes.
#[test]
fn run_on_executor_with_a_thread_pool_executor_computes_while_the_loop_serves() {
    let Some(server) = executor() else { return };
    assert_eq!(server.get("/fib?n=20").text(), "6765");
    let mut slow = server.ask("/fib?n=38");
    for _ in 0..20 {
        server.still_serves();
    }
    assert_eq!(slow.response().text(), "39088169");
    assert_eq!(server.get("/fib?n=61").status, 400);
}

#[test]
fn a_request_that_waits_for_a_job_has_no_instance() {
    let Some(server) = executor() else { return };
    let mut slow = server.ask("/fib?n=40");
    let admin = server.admin();
    admin.wait_until_held(1.0);
    assert_eq!(admin.metric("snow_instances", &[]), 0.0, "no worker has one");
    assert_eq!(slow.response().text(), "102334155");
    admin.wait_for("snow_jobs_instances", &[], 0.0);
}

/// `add_callback` and then `finish`: the client has its answer before the rest is done.
#[test]
fn add_callback_and_finish_answers_at_once_and_does_the_rest_later() {
    let Some(server) = executor() else { return };
    assert_eq!(server.get("/later/count").text(), "0");
    let asked = Instant::now();
    assert_eq!(server.get("/later?ms=1500").text(), "It works");
    assert!(asked.elapsed() < Duration::from_millis(1_400), "{:?}", asked.elapsed());
    assert_eq!(server.get("/later/count").text(), "0");
    eventually("the job has done it", || (server.get("/later/count").text() == "1").then_some(()));
    assert!(asked.elapsed() >= Duration::from_millis(1_500));
}

/// `gen.with_timeout`: the request ends at its deadline, whatever the job does.
#[test]
fn gen_with_timeout_answers_504_when_the_deadline_passes() {
    let Some(server) = executor() else { return };
    assert_eq!(server.get("/within?ms=20000&n=20").text(), "6765");
    let asked = Instant::now();
    let answer = server.get("/within?ms=100&n=60");
    assert_eq!((answer.status, answer.text()), (504, "no number in time"));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    server.still_serves();
}
