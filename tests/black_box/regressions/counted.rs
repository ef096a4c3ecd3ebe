//! Issue 11: what is counted, and the guest in the line of the access log.

use super::load::{guest, said};
use crate::harness::{Folder, Setup, run};

#[test]
fn requests_of_one_pattern_are_counted_by_their_methods() {
    let folder = Folder::with(&["hello"]).expect("it needs no toolchain");
    let routes = [("GET", "/thing"), ("POST", "/thing"), ("", "/any")];
    folder.add("rest.wat", guest(&routes).as_bytes());
    let server = Setup::new(folder).watched().start();
    let admin = server.admin();
    assert_eq!(server.get("/thing").status, 200);
    for _ in 0..2 {
        assert_eq!(server.connect().post("/thing", b"").status, 200);
    }
    assert_eq!(server.get("/any").status, 200);
    for (methods, route, count) in
        [("GET", "/thing", 1.0), ("POST", "/thing", 2.0), ("*", "/any", 1.0)]
    {
        let labels = [format!("methods=\"{methods}\""), format!("route=\"{route}\"")];
        let labels = labels.each_ref().map(String::as_str);
        admin.wait_for("snow_requests_total", &labels, count);
        admin.wait_for("snow_calls_total", &labels, count);
    }
    let rest = admin.guest("rest");
    let counts = rest["routes"].as_array().expect("a list").iter();
    let counts: Vec<_> = counts.map(|route| route["requests_total"].as_u64()).collect();
    assert_eq!(counts, [Some(1), Some(2), Some(1)]);
}

/// OpenMetrics names the family of a counter without its `_total`.
#[test]
fn families_of_metrics_have_different_names() {
    let server = Setup::with(&["hello"]).expect("it needs no toolchain").watched().start();
    server.still_serves();
    let page = server.admin().page("/metrics");
    let mut families: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => name.strip_suffix("_total").expect("a counter's name ends with _total"),
            _ => name,
        })
        .collect();
    assert!(families.len() > 20, "{page}");
    families.sort_unstable();
    let twice: Vec<_> = families.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    // A family's samples may end in these, so none of it may be the name of another.
    for ending in ["_total", "_sum", "_count", "_bucket", "_created", "_info"] {
        let clash = families.iter().find(|name| families.contains(&&*format!("{name}{ending}")));
        assert_eq!(clash, None, "with {ending}");
    }
}

#[test]
fn a_server_without_requests_has_none() {
    let server = Setup::with(&["hello"]).expect("it needs no toolchain").watched().start();
    let status = run(["status", "--admin", &server.admin().address.to_string()]);
    assert!(said(&status).contains(" 0 requests, "), "{}", said(&status));
    assert!(!said(&status).contains("-0"), "{}", said(&status));
}

#[test]
fn a_request_that_a_drain_ends_is_logged_with_its_guest() {
    let folder = Folder::with(&["place", "hello"]).expect("it needs no toolchain");
    folder.add("snow.toml", b"[limits]\ndrain_ms = 0\n");
    let mut server = Setup::new(folder).watched().start();
    let mut held = server.ask("/place");
    server.admin().wait_until_held(1.0);
    server.signal("TERM");
    assert_eq!(held.response().status, 503);
    server.ended();
    let log = server.log.to_end();
    let line = log.lines().find(|line| line.contains("\"GET /place\" 503")).expect("it is logged");
    assert!(line.contains("guest=place "), "{line}");
}
