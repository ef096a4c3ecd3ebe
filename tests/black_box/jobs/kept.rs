//! Jobs that are kept until they have succeeded, and `snow-host jobs`.

use std::ffi::OsStr;
use std::fs;

use serde_json::Value;

use super::{setup, works};
use crate::harness::{Folder, Server, eventually, run, source};

/// What `snow-host jobs` says with these arguments, and whether it succeeded.
fn jobs(arguments: &[&str]) -> (String, bool) {
    let arguments = ["jobs"].iter().chain(arguments).map(OsStr::new);
    let output = run(arguments);
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.success())
}

/// A server with a data folder and an admin listener on a unix socket, and the arguments for each.
fn durable(data: &Folder) -> Option<(Server, String)> {
    let folder = Folder::with(&["works", "hello"])?;
    let socket = data.path().join("admin.sock").display().to_string();
    let admin = format!("unix:{socket}");
    let path = data.path().join("data").display().to_string();
    let setup = crate::harness::Setup::new(folder).arguments(&["--admin", &admin, "--data", &path]);
    Some((setup.start(), admin))
}

#[test]
fn a_job_is_tried_until_it_succeeds_and_is_gone_then() {
    let Some(server) = works("") else { return };
    let id = server.get("/enqueue/flaky/1?payload=3");
    assert_eq!(id.text().len(), 32, "{}", id.text());
    let admin = server.admin();
    assert_eq!(admin.metric("snow_jobs_kept", &[]), 1.0);
    server.log.until(&["attempt 1 of 20 failed: flaky: attempt 1. It is tried again in "]);
    server.log.until(&["attempt 2 of 20 failed: flaky: attempt 2. It is tried again in "]);
    admin.wait_for("snow_jobs_kept", &[], 0.0);
    assert_eq!(server.get("/count/flaky").text(), "3");
    assert_eq!(admin.metric("snow_jobs_kept_bytes", &[]), 0.0);
    assert_eq!(admin.metric("snow_store_entries", &[]), 1.0, "the count alone");
}

#[test]
fn a_job_is_due_after_its_delay() {
    let Some(server) = works("") else { return };
    server.get("/enqueue/add/1?payload=now");
    server.get("/enqueue/add/1?payload=soon&after=1500");
    eventually("the one is done", || (server.get("/count/now").text() == "1").then_some(()));
    assert_eq!(server.get("/count/soon").text(), "0");
    eventually("the other too", || (server.get("/count/soon").text() == "1").then_some(()));
}

#[test]
fn what_has_failed_for_good_is_shown_retried_and_removed() {
    let data = Folder::new();
    let Some((mut server, admin)) = durable(&data) else { return };
    let gives_up = server.get("/enqueue/gives_up/1").text().to_owned();
    let traps = server.get("/enqueue/trap/1?attempts=1").text().to_owned();
    let waits = server.get("/enqueue/add/1?payload=later&after=3600000").text().to_owned();
    let listed = eventually("both have failed", || {
        let (said, ok) = jobs(&["--admin", &admin]);
        assert!(ok, "{said}");
        (said.matches("\tfailed\t").count() == 2).then_some(said)
    });
    let line = |id: &str| listed.lines().find(|line| line.starts_with(id)).expect(id).to_owned();
    assert!(line(&gives_up).contains("works\tgives_up\tfailed\t1 of 20 attempts\tsince 2"));
    assert!(line(&gives_up).ends_with("\tgive-up: it makes no sense"));
    assert!(line(&traps).contains("\ttrapped: "), "{}", line(&traps));
    assert!(line(&waits).contains("\twaiting\t0 of 20 attempts\tdue 2"), "{}", line(&waits));
    server.log.until(&["it has failed for good, in attempt 1 of 20", "`snow-host jobs` shows it"]);

    // One is tried again, and fails again; one is done before its time; one is removed.
    assert!(jobs(&["--admin", &admin, "--retry", &gives_up]).1);
    eventually("it failed a second time", || {
        (server.log_by_now().matches("it has failed for good, in attempt 1 of 20").count() == 2)
            .then_some(())
    });
    assert!(jobs(&["--admin", &admin, "--retry", &waits]).1);
    eventually("it is done", || (server.get("/count/later").text() == "1").then_some(()));
    assert!(jobs(&["--admin", &admin, "--remove", &traps]).1);
    let (said, ok) = jobs(&["--admin", &admin, "--remove", &traps]);
    assert!(!ok && said.contains("there is no job"), "{said}");

    // The same by the folder, once the server has ended.
    server.signal("TERM");
    server.ended();
    let path = data.path().join("data").display().to_string();
    let (said, _) = jobs(&["--data", &path]);
    assert!(said.starts_with(&gives_up) && said.lines().count() == 1, "{said}");
    let (said, _) = jobs(&["--data", &path, "--json"]);
    let job: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&job["state"], &job["failure"]["code"]), (&"failed".into(), &"give-up".into()));
    assert!(jobs(&["--data", &path, "--retry", &gives_up]).1);
    let Some((server, admin)) = durable(&data) else { return };
    server.log.until(&["it has failed for good"]);
    let (said, _) = jobs(&["--admin", &admin, "--remove", "nonsense"]);
    assert!(said.contains("is no job"), "{said}");
}

/// Whoever may see jobs need not know what guests know.
#[test]
fn a_secret_in_a_failure_is_not_shown() {
    let data = Folder::new();
    let Some(folder) = Folder::with(&["works", "hello"]) else { return };
    let manifest = b"[guest.works.config]\ntoken = { secret = 'hunter2-of-works' }\n";
    folder.add("snow.toml", manifest);
    let admin = format!("unix:{}", data.path().join("admin.sock").display());
    let path = data.path().join("data").display().to_string();
    // The access log has what the client has sent.
    let arguments = ["--admin", &*admin, "--data", &path, "--no-access-log"];
    let mut server = crate::harness::Setup::new(folder).arguments(&arguments).start();
    server.get("/enqueue/fail/1?attempts=1&payload=it+echoed+hunter2-of-works");
    let log = server.log.until(&["it has failed for good", "mine: it echoed [secret token]"]);
    assert!(!log.contains("hunter2"), "{log}");
    for arguments in [&["--admin", &*admin] as &[&str], &["--admin", &*admin, "--json"]] {
        let (said, _) = jobs(arguments);
        assert!(said.contains("[secret token]") && !said.contains("hunter2"), "{said}");
    }
    server.signal("TERM");
    server.ended();
    let (said, _) = jobs(&["--data", &path, "--json"]);
    assert!(said.contains("[secret token]") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_job_that_runs_is_removed_and_goes_on() {
    let data = Folder::new();
    let Some((server, admin)) = durable(&data) else { return };
    let id = server.get("/enqueue/wait/1?payload=go").text().to_owned();
    eventually("it runs", || jobs(&["--admin", &admin]).0.contains("\trunning\t").then_some(()));
    // Behind its back it can't be changed.
    let delete = ["store", "delete", "snow:jobs", &id, "--admin", &admin];
    let refused = run(delete.map(OsStr::new));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("snow-host jobs"), "{said}");
    let (said, ok) = jobs(&["--admin", &admin, "--remove", &id]);
    assert!(ok && said.contains("goes on to its end"), "{said}");
    eventually("it is gone", || jobs(&["--admin", &admin]).0.is_empty().then_some(()));
    eventually("it waits still", || (server.get("/tell/go/on").text() == "1").then_some(()));
}

#[test]
fn a_job_whose_guest_is_gone_waits_and_is_shown() {
    let data = Folder::new();
    let Some((server, admin)) = durable(&data) else { return };
    server.get("/enqueue/add/1?payload=back&after=2500");
    fs::remove_file(server.folder.path().join("works.wasm")).unwrap();
    server.log.until(&["guest=works: 1 jobs of it are kept, and no such guest serves"]);
    eventually("it is shown", || {
        jobs(&["--admin", &admin]).0.contains("\twithout its guest\t").then_some(())
    });
    let works = source("works").expect("it was built");
    server.folder.replace("works.wasm", &fs::read(works).unwrap());
    eventually("it is done", || (server.get("/count/back").text() == "1").then_some(()));
}

#[test]
fn kept_jobs_survive_a_restart() {
    let data = Folder::new();
    let Some((mut server, _)) = durable(&data) else { return };
    server.get("/enqueue/mark/50?payload=$&after=2000");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    let Some((server, admin)) = durable(&data) else { return };
    eventually("all are done", || (server.get("/marked/50").text() == "50 0").then_some(()));
    eventually("none is left", || jobs(&["--admin", &admin]).0.is_empty().then_some(()));
}

#[test]
fn a_drain_does_not_count_an_attempt_that_it_stops() {
    let data = Folder::new();
    let Some((mut server, admin)) = durable(&data) else { return };
    server.get("/enqueue/wait/1?payload=k&attempts=1");
    eventually("it runs", || jobs(&["--admin", &admin]).0.contains("\trunning\t").then_some(()));
    server.folder.replace("snow.toml", b"[limits]\ndrain_ms = 100\n");
    server.log.until(&["snow.toml is in force"]);
    server.signal("TERM");
    server.ended();
    let Some((server, _)) = durable(&data) else { return };
    eventually("it waits again", || (server.get("/tell/k/v").text() == "1").then_some(()));
}

#[test]
fn limits_of_what_is_kept_are_named() {
    let manifest = "[limits]\nguest_jobs_kept_max = 3\njob_attempts_max = 2\n";
    let Some(server) = works(manifest) else { return };
    let said = server.get("/enqueue/add/5?payload=x&after=3600000");
    assert!(
        said.text().starts_with("3 ") && said.text().contains("guest_jobs_kept_max"),
        "{}",
        said.text()
    );
    let Some(setup) = setup("[limits]\njobs_failed_max = 2\n") else { return };
    let server = setup.start();
    server.get("/enqueue/gives_up/5");
    let admin = server.admin();
    admin.wait_for("snow_jobs_ended_total", &["end=\"failed\""], 5.0);
    admin.wait_for("snow_jobs_failed", &[], 2.0);
    admin.wait_for("snow_jobs_kept", &[], 2.0);
    admin.wait_for("snow_store_entries", &[], 2.0);
}
