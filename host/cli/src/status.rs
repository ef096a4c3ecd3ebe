//! `snow-host status`: what a server's admin listener tells, for people.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use snow_config::{AdminListen, Overrides, Settings};
use snow_core::escape_control;

/// Where a server is asked of which nothing is said.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// For each step of asking.
const PATIENCE: Duration = Duration::from_secs(10);
/// A page; more is no page of ours.
const PAGE_BYTES_MAX: u64 = 256 << 20;
/// Held requests that are shown.
const HELD_SHOWN_MAX: usize = 10;
/// Characters of a cell; what is longer is cut.
const CELL_CHARS_MAX: usize = 60;

pub(super) fn status(guests: Option<&Path>, admin: Option<AdminListen>) -> anyhow::Result<()> {
    let overrides = Overrides { admin, ..Overrides::default() };
    let settings = guests.map(|guests| Settings::read(guests, &overrides)).transpose()?;
    let said = settings.map_or(overrides.admin, |settings| settings.manifest.server.admin);
    show(&said.unwrap_or(AdminListen::Address(DEFAULT)))
}

fn show(admin: &AdminListen) -> anyhow::Result<()> {
    let (_, metrics) = fetch(admin, "/metrics")?;
    let (ready, reason) = fetch(admin, "/readyz")?;
    let state = if ready == 200 { "ready" } else { reason.trim() };
    let guests = json(admin, "/guests")?;
    let pending = json(admin, &format!("/pending?limit={HELD_SHOWN_MAX}"))?;
    let mut out = io::stdout().lock();
    writeln!(out, "snow-host at {admin}: {}", summary(state, &metrics))?;
    print(&mut out, &guest_table(&guests))?;
    let held = held_table(&pending);
    if held.len() > 1 {
        let more = if pending["next"].is_null() { "" } else { "; there are more" };
        writeln!(out, "\nheld, the oldest first{more}:")?;
        print(&mut out, &held)?;
    }
    Ok(())
}

fn summary(state: &str, metrics: &str) -> String {
    let sum = |name: &str| sum_of(metrics, name);
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
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

/// All values of a metric together, whatever their labels.
fn sum_of(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let its_own = lines.filter(|rest| rest.starts_with([' ', '{']));
    its_own.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

fn guest_table(guests: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![row(["GUEST", "VERSION", "SINCE", "REQUESTS", "HELD", "CALLS", "TRAPS", ""])];
    for guest in list(&guests["guests"]) {
        let counts = ["requests_total", "held", "calls_total", "traps_total"].map(|name| cell(&guest[name]));
        let mut columns = ["name", "version", "since"].map(|name| cell(&guest[name])).to_vec();
        columns.extend(counts);
        columns.push(remarks(guest));
        rows.push(columns);
    }
    rows
}

fn remarks(guest: &Value) -> String {
    let mut remarks = Vec::new();
    if guest["version"].is_null() {
        remarks.push("does not serve".to_owned());
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
        remarks.push(format!("its file can't be loaded: {}", escape_control(error.lines().next().unwrap_or_default())));
    }
    remarks.join("; ")
}

fn held_table(pending: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![row(["AGE", "DEADLINE", "GUEST", "ROUTE", "KEYS", "CLIENT", "ID"])];
    for held in list(&pending["pending"]) {
        let keys: Vec<&str> = list(&held["keys"]).iter().filter_map(Value::as_str).collect();
        let deadline =
            if held["deadline_ms"].is_null() { "over".to_owned() } else { format!("in {}", ms(&held["deadline_ms"])) };
        let guest = format!("{} v{}", cell(&held["guest"]), cell(&held["version"]));
        let mut columns = vec![ms(&held["age_ms"]), deadline, guest, cell(&held["route"])];
        columns.extend([cell(&Value::from(keys.join(" "))), cell(&held["client"]), cell(&held["id"])]);
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

/// Columns are as wide as their widest cell, but for the last.
fn print(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn json(admin: &AdminListen, path: &str) -> anyhow::Result<Value> {
    let (status, body) = fetch(admin, path)?;
    ensure!(status == 200, "{path} of {admin} is answered {status}: {}", escape_control(body.trim()));
    serde_json::from_str(&body).with_context(|| format!("{path} of {admin} is not the JSON of a snow-host"))
}

/// The status and the body of a page.
fn fetch(admin: &AdminListen, path: &str) -> anyhow::Result<(u16, String)> {
    let hint =
        || format!("nothing answers at {admin}: is it the --admin of a snow-host that runs? Name it with --admin");
    match admin {
        AdminListen::Address(address) => {
            let stream = TcpStream::connect_timeout(address, PATIENCE).with_context(hint)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            ask(stream, &address.to_string(), path)
        }
        AdminListen::Unix(socket) => {
            let stream = UnixStream::connect(socket).with_context(hint)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            ask(stream, "localhost", path)
        }
    }
    .with_context(|| format!("{path} can't be read from {admin}"))
}

fn ask(mut stream: impl Read + Write, host: &str, path: &str) -> anyhow::Result<(u16, String)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(PAGE_BYTES_MAX).read_to_end(&mut answer)?;
    parse(answer)
}

fn parse(answer: Vec<u8>) -> anyhow::Result<(u16, String)> {
    let no_answer = "it is not answered as a snow-host does";
    let answer = String::from_utf8(answer).context(no_answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context(no_answer)?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let is_whole = length.is_some_and(|(_, length)| length.trim().parse() == Ok(body.len()));
    match status {
        Some(status) if is_whole => Ok((status, body.to_owned())),
        _ => bail!(no_answer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_metric_is_added_up_and_told_from_others() {
        let metrics =
            "# HELP snow_a A.\n# TYPE snow_a gauge\nsnow_a{x=\"1 2\"} 3\nsnow_a{x=\"b\"} 4\nsnow_ab 9\nsnow_b 1.5\n";
        assert_eq!((sum_of(metrics, "snow_a"), sum_of(metrics, "snow_b"), sum_of(metrics, "snow_c")), (7.0, 1.5, 0.0));
    }

    #[test]
    fn only_whole_answers_count() {
        let answer = |text: &str| parse(text.as_bytes().to_vec()).ok();
        assert_eq!(answer("HTTP/1.1 503 x\r\ncontent-length: 3\r\n\r\nno\n"), Some((503, "no\n".into())));
        for bad in
            ["", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]
        {
            assert_eq!(answer(bad), None, "{bad}");
        }
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
            !text.contains('\x1b') && lines[1].ends_with("version 1 holds 3; its file can't be loaded: bad"),
            "{text}"
        );
        assert!(lines[2].ends_with("does not serve; version 3 was rolled back"), "{text}");
        let column = lines[0].find("HELD").unwrap();
        assert_eq!(&lines[1][column..=column], "1", "{text}");
    }
}
