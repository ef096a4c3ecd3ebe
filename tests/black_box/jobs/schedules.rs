//! Schedules: jobs that come again, by the clock that a test can move.

use std::time::{Duration, Instant};

use super::works;
use crate::harness::{Folder, eventually, run};

#[test]
fn a_job_comes_every_so_often() {
    let manifest = "[[guest.works.schedule]]\njob = 'add'\nevery = '1s'\npayload = 'ticks'\n";
    let Some(server) = works(manifest) else { return };
    let began = Instant::now();
    eventually("three times", || {
        (server.get("/count/ticks").text().parse::<u32>().unwrap() >= 3).then_some(())
    });
    assert!(began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());
}

#[test]
fn runs_do_not_overlap_and_the_log_says_so() {
    let manifest = "[[guest.works.schedule]]\njob = 'slow'\nevery = '1s'\npayload = '3500'\n";
    let Some(server) = works(manifest) else { return };
    server.log.until(&["job=\"slow\": it is due again, and its last run is still under way"]);
    server.log.until(&["runs of its schedule were skipped meanwhile"]);
    assert_eq!(server.admin().metric("snow_jobs_waiting", &[]).max(1.0), 1.0);
}

#[test]
fn a_manifest_that_changes_takes_a_schedule_up_and_away() {
    let Some(server) = works("") else { return };
    let schedule = "[[guest.works.schedule]]\njob = 'add'\nevery = '1s'\npayload = 'ticks'\n";
    server.folder.replace("snow.toml", schedule.as_bytes());
    eventually("it comes", || (server.get("/count/ticks").text() != "0").then_some(()));
    server.folder.replace("snow.toml", b"");
    server.log.until(&["snow.toml is in force"]);
    eventually("it is gone", || {
        let before = server.get("/count/ticks").text().to_owned();
        std::thread::sleep(Duration::from_millis(2_200));
        (server.get("/count/ticks").text() == before).then_some(())
    });
}

/// The clock of a case moves schedules, retries and delays, each to its time.
#[test]
fn advance_moves_schedules_attempts_and_delays() {
    let Some(folder) = Folder::with(&["works"]) else { return };
    let manifest = "[[guest.works.schedule]]\njob = 'add'\nevery = '1h'\npayload = 'hourly'\n\
                    [[guest.works.schedule]]\njob = 'add'\ncron = '30 * * * *'\npayload = 'cron'\n";
    folder.add("snow.toml", manifest.as_bytes());
    let step = |step: &str| format!("[[case.step]]\n{step}\n");
    let count = |key: &str, times: u32| {
        step(&format!("path = '/count/{key}'\nexpect = {{ body = '{times}' }}"))
    };
    let cases = [
        "[[case]]\nname = 'hours pass'\n".to_owned(),
        step("path = '/enqueue/flaky/1?payload=12'"),
        step("path = '/enqueue/add/1?payload=delayed&after=7200000'"),
        count("hourly", 0),
        step("advance = '61m'"),
        count("hourly", 1),
        count("cron", 1),
        // A second, two, four and so on: half an hour is the tenth pause, and the eleventh attempt.
        count("flaky", 12),
        count("delayed", 0),
        step("advance = '4h'"),
        count("hourly", 5),
        count("cron", 5),
        count("delayed", 1),
    ];
    passes(&folder, &cases.concat());
}

/// An executor without room for another job rests, even if one is due.
#[test]
fn executors_whose_places_are_taken_by_jobs_that_wait_are_at_rest() {
    let Some(folder) = Folder::with(&["works"]) else { return };
    let manifest = "[limits]\nexecutor_jobs_running_max = 1\nexecutor_jobs_waiting_max = 0\n\
                    suspension_default_ms = 3600000\njob_ms_max = 7200000\n\
                    [[guest.works.schedule]]\njob = 'add'\nevery = '30m'\npayload = 'ticks'\n";
    folder.add("snow.toml", manifest.as_bytes());
    let cases = "[[case]]\nname = 'a run waits for a place'\n\
                 [[case.step]]\npath = '/pile/sleep/64?payload=2400000'\n\
                 [[case.step]]\nadvance = '35m'\n\
                 [[case.step]]\npath = '/count/ticks'\nexpect = { body = '0' }\n\
                 [[case.step]]\nadvance = '10m'\n\
                 [[case.step]]\npath = '/count/slept'\nexpect = { body_matches = '^[1-9]' }\n";
    passes(&folder, cases);
}

/// Runs cases of the guest `works`.
fn passes(folder: &Folder, cases: &str) {
    folder.add("works.test.toml", cases.as_bytes());
    let output = run(["test".as_ref(), folder.path().as_os_str()]);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("1 passed, 0 failed"), "{said}");
}

#[test]
fn a_schedule_of_a_guest_without_jobs_is_remarked() {
    let Some(server) = works("[[guest.hello.schedule]]\njob = 'x'\nevery = '1s'\n") else { return };
    server
        .log
        .until(&["guest=hello: it has no jobs, so the schedule of the job \"x\" does nothing"]);
    server.still_serves();
}

#[test]
fn a_schedule_that_is_none_is_refused_with_its_place_and_with_what_to_write() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    for (schedule, words) in [
        ("every = 'often'", "write \"10s\""),
        ("every = '10s'\ncron = '0 3 * * *'", "write one of every"),
        ("cron = '0 3 * *'", "as in \"0 3 * * *\""),
        ("cron = '0 3 31 2 *'", "never comes"),
        ("cron = '0 3 * * *'\nzone = 'Berlin'", "\"Europe/Berlin\""),
        ("evry = '10s'", "did you mean `every`?"),
    ] {
        let manifest = format!("[[guest.hello.schedule]]\njob = 'x'\n{schedule}\n");
        folder.replace("snow.toml", manifest.as_bytes());
        let output = run(["check".as_ref(), folder.path().as_os_str()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("snow.toml:") && said.contains(words), "{schedule}: {said}");
    }
}
