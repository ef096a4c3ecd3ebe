//! Jobs, asked of each language.

use std::ffi::OsStr;

use super::{TIMES, get, ok, with};
use crate::harness::{Server, run, source};

/// The guests with the routes `/NAME/job`.
const GUESTS: [&str; 3] = ["gopher", "in-c", "in-zig"];

/// What a guest says came of a job that it waits for: without an instance, and in place.
#[track_caller]
fn done(server: &Server, guest: &str, job: &str, payload: &str) -> String {
    let target = format!("/{guest}/job/{job}");
    let suspended = get(server, &format!("{target}?{payload}"));
    let answer = server.connect().post(&target, payload.as_bytes());
    assert_eq!((answer.status, answer.text().to_owned()), suspended, "{guest}, {job}");
    assert_eq!(suspended.0, 200, "{guest}, {job}: {}", suspended.1);
    suspended.1
}

#[test]
fn a_job_does_the_same_in_each_language() {
    for guest in GUESTS {
        with(guest, "", |server| {
            assert_eq!(done(server, guest, "about", ""), "about 1/1 true true", "{guest}");
            let trapped = done(server, guest, "trap", "");
            assert!(trapped.starts_with("failed trapped: "), "{guest}: {trapped}");
            for time in 0..TIMES {
                let payload = format!("payload-{time}");
                assert_eq!(done(server, guest, "echo", &payload), payload, "{guest}");
                let nested = format!("nested {payload}");
                assert_eq!(done(server, guest, "nested", &payload), nested, "{guest}");
                let failed = format!("failed mine: {payload}");
                assert_eq!(done(server, guest, "fail", &payload), failed, "{guest}");
                let unknown = "failed unknown-job: there is no job \"other\"";
                assert_eq!(done(server, guest, "other", ""), unknown, "{guest}");
            }
            let times = (2 * TIMES).to_string();
            assert_eq!(get(server, &format!("/{guest}/count/fail")), ok(&times), "{guest}");
            // Its name need not be UTF-8, nor its failure.
            let bytes = server.connect().post(&format!("/{guest}/job/fail"), b"\xff");
            assert_eq!((bytes.status, bytes.text()), (200, "failed mine: \u{fffd}"), "{guest}");
        });
    }
}

#[test]
fn a_job_is_kept_until_it_succeeds_in_each_language() {
    for guest in GUESTS {
        with(guest, "", |server| {
            let mut client = server.connect();
            let mut enqueue = |job: &str| {
                let id = client.post(&format!("/{guest}/enqueue/{job}"), b"");
                assert_eq!((id.status, id.text().len()), (200, 32), "{guest}: {}", id.text());
            };
            enqueue("flaky");
            server.admin().wait_for("snow_jobs_kept", &[], 0.0);
            assert_eq!(get(server, &format!("/{guest}/count/flaky")), ok("3"), "{guest}");
            enqueue("vain");
            server.log.until(&["give-up: it makes no sense"]);
            assert_eq!(get(server, &format!("/{guest}/count/vain")), ok("1"), "{guest}");
        });
    }
}

#[test]
fn a_job_that_is_not_taken_says_why_in_each_language() {
    for guest in GUESTS {
        with(guest, "[limits]\njob_payload_bytes_max = 10\n", |server| {
            let mut client = server.connect();
            for route in ["job", "enqueue"] {
                let refused =
                    client.post(&format!("/{guest}/{route}/echo"), b"more than ten bytes");
                assert_eq!(refused.status, 503, "{guest}: {}", refused.text());
                let words = refused.text();
                assert!(words.contains("job_payload_bytes_max"), "{guest}: {words}");
            }
            assert_eq!(done(server, guest, "echo", "few"), "few", "{guest}");
        });
    }
}

/// A guest exports `run` if it has jobs.
#[test]
fn a_guest_without_jobs_does_not_export_run() {
    for (guest, has_jobs) in [
        ("c", false),
        ("go", false),
        ("zig", false),
        ("gopher", true),
        ("in-c", true),
        ("in-zig", true),
    ] {
        let Some(file) = source(guest) else { continue };
        let output = run([OsStr::new("check"), file.as_os_str()]);
        let said = String::from_utf8_lossy(&output.stdout);
        let exports = if has_jobs { "handle, resume, run\n" } else { "handle, resume\n" };
        assert!(said.contains(exports), "{guest}: {said}");
        assert!(!said.contains("sql@") || has_jobs, "{guest}: {said}");
    }
}
