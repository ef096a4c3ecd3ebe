//! `snow-host status`: prints the state of a running server, from the pages of its admin listener.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::admin::Question;
use crate::terminal;
use snow_config::{AdminListen, Overrides, Settings};
use snow_core::{cut, escape_control};

/// The address that is asked if none is given.
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// The longest time that a page may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of held requests that are shown.
const HELD_SHOWN_MAX: usize = 10;
/// Bytes of a load error that are shown.
const ERROR_BYTES_SHOWN: usize = 300;
/// The width of the widest cell; longer texts are cut.
const CELL_CHARS_MAX: usize = 60;

/// Runs `snow-host status`.
pub(crate) fn status(guests: Option<&Path>, admin: Option<AdminListen>) -> anyhow::Result<()> {
    let overrides = Overrides { admin, ..Overrides::default() };
    let settings = guests.map(|guests| Settings::written(guests, &overrides)).transpose()?;
    let admin = settings.map_or(overrides.admin, |settings| settings.manifest.server.admin);
    show(&admin.unwrap_or(AdminListen::Address(DEFAULT_ADMIN)))
}

fn show(admin: &AdminListen) -> anyhow::Result<()> {
    let metrics = page("/metrics", &[]).ask(admin)?.text;
    let ready = page("/readyz", &[]).ask(admin)?;
    let state =
        if ready.status == 200 { "ready".into() } else { escape_control(ready.text.trim()) };
    let guests = page("/guests", &[]).json(admin)?;
    let limit = HELD_SHOWN_MAX.to_string();
    let pending = page("/pending", &[("limit", &limit)]).json(admin)?;
    let mut out = terminal::out();
    writeln!(out, "snow-host at {admin}: {}", summary(&state, &metrics))?;
    writeln!(out, "store: {}", store(&metrics))?;
    print(&mut out, &guest_table(&guests))?;
    let held = held_table(&pending);
    if held.len() > 1 {
        let more = if pending["next"].is_null() { "" } else { "; there are more" };
        writeln!(out, "\nheld, the oldest first{more}:")?;
        print(&mut out, &held)?;
    }
    Ok(())
}

/// Returns the first line, about the server as a whole.
fn summary(state: &str, metrics: &str) -> String {
    let sum = |name: &str| sum_of(metrics, name);
    let now_s =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let up = Duration::from_secs((now_s - sum("process_start_time_seconds")).max(0.0) as u64);
    format!(
        "{state}, up {}, {} connections, {} held, {} requests, {} instances, {:.1} MiB",
        humantime::format_duration(up),
        sum("snow_connections"),
        sum("snow_held_requests"),
        sum("snow_requests_total"),
        sum("snow_instances"),
        sum("process_resident_memory_bytes") / f64::from(1 << 20),
    )
}

/// Returns the line about the store.
fn store(metrics: &str) -> String {
    let sum = |name: &str| sum_of(metrics, name);
    let held = format!(
        "{} keys in {} buckets, {:.1} MiB, {} waits",
        sum("snow_store_entries"),
        sum("snow_store_buckets"),
        sum("snow_store_bytes") / f64::from(1 << 20),
        sum("snow_store_waiters"),
    );
    if !metrics.contains("\nsnow_store_commits_total ") {
        return format!("{held}, in memory");
    }
    let queue = format!("{} writes wait for the disk", sum("snow_store_queue_writes"));
    match sum("snow_store_disk_failing") == 0.0 {
        true => format!("{held}, on disk, {queue}"),
        false => format!("{held}, ON A DISK THAT FAILS: see the log; {queue}"),
    }
}

/// Returns the sum of a metric over all its labels.
fn sum_of(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let of_metric = lines.filter(|rest| rest.starts_with([' ', '{']));
    let values = of_metric.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok());
    // Not `sum`, which is -0 for no values.
    values.fold(0.0, |sum, value| sum + value)
}

/// Returns the rows about guests, the names of the columns first.
fn guest_table(guests: &Value) -> Vec<Vec<String>> {
    let mut rows =
        vec![row(["GUEST", "VERSION", "SINCE", "REQUESTS", "HELD", "CALLS", "TRAPS", ""])];
    for guest in list(&guests["guests"]) {
        let counts =
            ["requests_total", "held", "calls_total", "traps_total"].map(|name| cell(&guest[name]));
        let mut columns = ["name", "version", "since"].map(|name| cell(&guest[name])).to_vec();
        columns.extend(counts);
        columns.push(remarks(guest));
        rows.push(columns);
    }
    rows
}

/// Returns what is unusual about a guest.
fn remarks(guest: &Value) -> String {
    let mut remarks = Vec::new();
    if guest["version"].is_null() {
        remarks.push("is not served".to_owned());
    }
    for version in list(&guest["versions"]).iter().filter(|version| version["serves"] == false) {
        remarks.extend(
            version["held"]
                .as_u64()
                .filter(|held| *held > 0)
                .map(|held| format!("version {} holds {held}", version["version"])),
        );
    }
    if !guest["rolled_back"].is_null() {
        remarks.push(format!("version {} was rolled back", guest["rolled_back"]));
    }
    if let Some(error) = guest["load_error"]["error"].as_str() {
        remarks.push(format!(
            "its file can't be loaded: {}",
            cut(&escape_control(error.lines().next().unwrap_or_default()), ERROR_BYTES_SHOWN)
        ));
    }
    remarks.join("; ")
}

/// Returns the rows about held requests, the names of the columns first.
fn held_table(pending: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![row(["AGE", "DEADLINE", "GUEST", "ROUTE", "KEYS", "CLIENT", "ID"])];
    for held in list(&pending["pending"]) {
        let keys: Vec<&str> = list(&held["keys"]).iter().filter_map(Value::as_str).collect();
        let deadline = if held["deadline_ms"].is_null() {
            "over".to_owned()
        } else {
            format!("in {}", ms(&held["deadline_ms"]))
        };
        let guest = format!("{} v{}", cell(&held["guest"]), cell(&held["version"]));
        let mut columns = vec![ms(&held["age_ms"]), deadline, guest, cell(&held["route"])];
        columns.extend([
            cell(&Value::from(keys.join(" "))),
            cell(&held["client"]),
            cell(&held["id"]),
        ]);
        rows.push(columns);
    }
    rows
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn ms(value: &Value) -> String {
    format!("{:.1}s", value.as_f64().unwrap_or_default() / 1e3)
}

/// Returns a value as the text of a cell, without control characters.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::String(text) => escape_control(text).into_owned(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(CELL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None if text.is_empty() => "-".to_owned(),
        None => text,
    }
}

/// Prints rows in columns that are as wide as their widest cell.
fn print(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Returns the question for a page.
fn page<'q>(path: &'q str, query: &'q [(&'q str, &'q str)]) -> Question<'q> {
    let advice = "name the --admin of a running snow-host with --admin";
    Question { method: "GET", path, query, body: &[], patience: PATIENCE, advice }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_values_of_one_metric_are_added_up() {
        let metrics = "# HELP snow_a A.\n# TYPE snow_a gauge\nsnow_a{x=\"1 2\"} 3\nsnow_a{x=\"b\"} 4\nsnow_ab 9\nsnow_b 1.5\n";
        assert_eq!(
            (sum_of(metrics, "snow_a"), sum_of(metrics, "snow_b"), sum_of(metrics, "snow_c")),
            (7.0, 1.5, 0.0)
        );
        assert_eq!(sum_of(metrics, "snow_c").to_string(), "0", "a minus would be shown");
    }

    #[test]
    fn the_store_has_a_line() {
        let memory = "# TYPE snow_store_entries gauge\nsnow_store_entries 3\nsnow_store_buckets 2\n\
                      snow_store_bytes 1048576\nsnow_store_waiters 7\n";
        assert_eq!(store(memory), "3 keys in 2 buckets, 1.0 MiB, 7 waits, in memory");
        let disk = format!("{memory}snow_store_commits_total 9\nsnow_store_queue_writes 1\n");
        assert!(store(&disk).ends_with("7 waits, on disk, 1 writes wait for the disk"));
        let failing = store(&format!("{disk}snow_store_disk_failing 1\n"));
        assert!(failing.contains("FAILS"), "{failing}");
    }

    #[test]
    fn tables_are_aligned_and_nothing_in_them_can_move_the_cursor() {
        let guests = json!({ "guests": [
            { "name": "a\x1b[2J", "version": 2, "since": "now", "requests_total": 12345, "held": 1, "calls_total": 1, "traps_total": 0,
              "versions": [{ "version": 1, "serves": false, "held": 3 }, { "version": 2, "serves": true, "held": 1 }],
              "rolled_back": null, "load_error": { "error": "bad\nthing", "at": "now" } },
            { "name": "b", "version": null, "rolled_back": 3 },
        ] });
        let mut out = Vec::new();
        print(&mut out, &guest_table(&guests)).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            !text.contains('\x1b')
                && lines[1].ends_with("version 1 holds 3; its file can't be loaded: bad"),
            "{text}"
        );
        assert!(lines[2].ends_with("is not served; version 3 was rolled back"), "{text}");
        let column = lines[0].find("HELD").unwrap();
        assert_eq!(&lines[1][column..=column], "1", "{text}");
    }
}
