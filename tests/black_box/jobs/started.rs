//! Jobs that are started: how they end, what they may do, which version they have.

use std::fs;

use super::works;
use crate::harness::{Folder, Setup, eventually, source};

#[test]
fn what_a_job_returns_settles_its_pending() {
    let Some(server) = works("") else { return };
    assert_eq!(server.get("/job/echo?payload=hello").text(), "hello");
    assert_eq!(server.get("/in-place/echo?payload=hello").text(), "hello");
    let relayed = server.get("/relay/echo?payload=hello");
    assert_eq!((relayed.status, relayed.text()), (200, "hello"));
    assert_eq!(server.get("/job/about").text(), "about 1 true true true");
    assert_eq!(server.get("/job/echo").text(), "", "an empty payload");
}

#[test]
fn each_way_to_fail_has_its_code() {
    let manifest = "[limits]\njob_running_ms_max = 300\nsettlement_bytes_max = 1000\n";
    let Some(server) = works(manifest) else { return };
    assert_eq!(server.get("/job/fail?payload=because").text(), "failed mine: because");
    assert_eq!(
        server.get("/job/nothing").text(),
        "failed unknown-job: there is no job \"nothing\""
    );
    assert_eq!(server.get("/job/error").text(), "failed failed: this is for the log");
    server.log.until(&["this is for the log"]);
    let trapped = "failed trapped: the job trapped: the host's log has the reason";
    assert_eq!(server.get("/job/trap").text(), trapped);
    server.log.until(&["as it was asked to", "guest=works id=", "job=\"trap\": the job failed"]);
    let ran = "failed timeout: ran for more than 300 ms, the limit of a call (job_running_ms_max)";
    assert_eq!(server.get("/job/spin").text(), ran);
    assert!(
        server
            .get("/job/large?payload=1001")
            .text()
            .starts_with("failed too-large: it returned 1001")
    );
    assert_eq!(server.get("/job/large?payload=1000").text(), "1000 bytes");
    assert_eq!(server.get("/relay/fail").status, 502);
    let admin = server.admin();
    for (end, count) in [("trapped", 1.0), ("timeout", 1.0), ("too-large", 1.0), ("failed", 4.0)] {
        let end = format!("end=\"{end}\"");
        assert_eq!(
            admin.metric("snow_jobs_ended_total", &["guest=\"works\"", &end]),
            count,
            "{end}"
        );
    }
    assert_eq!(admin.metric("snow_jobs_begun_total", &["guest=\"works\""]), 8.0);
    server.still_serves();
}

#[test]
fn a_job_waits_in_place_for_another_request_the_clock_and_another_job() {
    let Some(server) = works("") else { return };
    let mut waits = server.ask("/job/wait?payload=news");
    let admin = server.admin();
    admin.wait_for("snow_jobs_waiting", &[], 1.0);
    assert_eq!(server.get("/tell/news/today").text(), "1");
    assert_eq!(waits.response().text(), "today");
    admin.wait_for("snow_jobs_waiting", &[], 0.0);
    assert_eq!(server.get("/job/sleep?payload=30").text(), "slept");
    assert_eq!(server.get("/job/nested?payload=x").text(), "nested x");
}

/// A job that waits keeps its executor from nobody, up to the places that there are.
#[test]
fn more_jobs_wait_than_there_are_executors() {
    let Some(setup) = super::setup("") else { return };
    let server = setup.arguments(&["--executors", "1"]).start();
    let mut waits: Vec<_> = (0..20).map(|_| server.ask("/job/wait?payload=k")).collect();
    server.admin().wait_for("snow_jobs_waiting", &[], 20.0);
    assert_eq!(server.get("/job/echo?payload=x").text(), "x");
    assert_eq!(server.get("/tell/k/v").text(), "20");
    waits.iter_mut().for_each(|waits| assert_eq!(waits.response().text(), "v"));
}

/// With its data on a disk, a job's writes wait in place too.
#[test]
fn a_job_writes_to_a_store_on_disk() {
    let Some(setup) = super::setup("") else { return };
    let data = Folder::new();
    let data = data.path().display().to_string();
    let server = setup.arguments(&["--data", &data]).start();
    assert_eq!(server.get("/job/add?payload=a").text(), "");
    assert_eq!(server.get("/count/a").text(), "1");
}

#[test]
fn a_job_goes_on_when_nobody_waits_any_more() {
    let Some(server) = works("") else { return };
    drop(server.ask("/job/sleep?payload=200"));
    eventually("it has slept", || (server.get("/count/slept").text() == "1").then_some(()));
}

#[test]
fn a_job_has_the_version_that_started_it_and_goes_on_when_its_guest_is_gone() {
    let folder = Folder::with(&["runs", "hello"]).expect("they need no toolchain");
    let one = fs::read_to_string(source("runs").unwrap()).unwrap();
    let server = Setup::new(folder).watched().start();
    let admin = server.admin();
    let mut first = server.ask("/runs/do");
    admin.wait_for("snow_jobs_waiting", &[], 1.0);
    server.folder.replace("runs.wat", one.replace("\"one\"", "\"two\"").as_bytes());
    server.everywhere("/runs/who", "two");
    let mut second = server.ask("/runs/do");
    admin.wait_for("snow_jobs_waiting", &[], 2.0);
    assert_eq!(server.get("/runs/go").status, 200);
    assert_eq!((first.response().text(), second.response().text()), ("one", "two"));

    let mut last = server.ask("/runs/do");
    admin.wait_for("snow_jobs_waiting", &[], 1.0);
    let works = source("works");
    fs::remove_file(server.folder.path().join("runs.wat")).unwrap();
    eventually("it is gone", || (server.get("/runs/who").status == 404).then_some(()));
    // Another guest may settle the key, as there are no grants.
    let Some(works) = works else { return };
    server.folder.replace("works.wasm", &fs::read(works).unwrap());
    eventually("works serves", || (server.get("/count/a").status == 200).then_some(()));
    assert_eq!(server.get("/tell/runs/x").text(), "1");
    assert_eq!(last.response().text(), "two");
    server.still_serves();
}

#[test]
fn a_guest_has_budgets_of_its_own() {
    let manifest = "[guest.works]\njob_running_ms_max = 100\njob_ms_max = 400\n";
    let Some(server) = works(manifest) else { return };
    let said = server.get("/job/spin");
    let ran = "failed timeout: ran for more than 100 ms, the limit of a call (job_running_ms_max of \
               [guest.works])";
    assert_eq!(said.text(), ran);
    let took = "failed timeout: took longer than 400 ms, the limit of a job (job_ms_max of \
                [guest.works])";
    assert_eq!(server.get("/job/wait?payload=k").text(), took);
    assert_eq!(server.get("/tell/k/v").text(), "0", "it waits no more");
}

#[test]
fn nothing_is_started_while_a_guest_is_loaded_and_no_pattern_grants_the_hosts_bucket() {
    let Some(server) = works("[guest.works]\nbuckets = ['*']\n") else { return };
    assert_eq!(server.get("/open/other").text(), "open");
    for bucket in ["snow:jobs", "snow:jobs/x", "snow:"] {
        assert_ne!(server.get(&format!("/open/{bucket}")).text(), "open", "{bucket}");
    }
}

#[test]
fn check_says_that_a_guest_has_jobs_and_names_its_schedules() {
    let Some(folder) = Folder::with(&["works", "hello", "runs"]) else { return };
    let schedule = "[[guest.works.schedule]]\njob = 'add'\ncron = '0 3 * * *'\nzone = 'Europe/Berlin'\n\
                    [[guest.hello.schedule]]\njob = 'x'\nevery = '1m'\n";
    folder.add("snow.toml", schedule.as_bytes());
    let check = |file: &str| {
        let file = folder.path().join(file);
        let output = crate::harness::run(["check".as_ref(), file.as_os_str()]);
        String::from_utf8(output.stdout).unwrap()
    };
    let said = check("works.wasm");
    assert!(said.contains("exports  handle, resume, run\n"), "{said}");
    assert!(said.contains("  schedule add  0 3 * * * Europe/Berlin\n"), "{said}");
    let said = check("runs.wat");
    assert!(said.contains("exports  handle, run (no resume"), "{said}");
    let said = check("hello.wat");
    assert!(said.contains("warning  it has schedules, but no jobs"), "{said}");
}
