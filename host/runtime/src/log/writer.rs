//! The log's thread: takes lines out of the queue, formats and writes them.
//!
//! The first line of an empty queue wakes the thread. It then lets further lines gather for
//! [`GATHER`] before it writes again: to be woken for each line would cost a loop more than the
//! rest of the line.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, SystemTime};

use humantime::Rfc3339Timestamp;
use serde_json::json;

use super::{Access, Content, Level, Line, Queue};
use snow_config::LogFormat;
use snow_core::{escape_control, lock};

/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(10);
/// How much text is written at once.
const BATCH_BYTES: usize = 64 << 10;

/// Formats and writes until the queue is empty and its senders are gone.
pub(super) fn run(queue: &Queue, format: LogFormat, mut to: impl Write) {
    let (mut text, mut reported) = (String::new(), 0);
    loop {
        // This is read before the lines are: whoever closes the queue has sent all lines before, so
        // an empty queue is then the end.
        let is_closed = queue.closed.load(Ordering::SeqCst);
        let lines = std::mem::take(&mut *lock(&queue.lines));
        if lines.is_empty() {
            if is_closed {
                return;
            }
            // If a line was sent since the queue was looked at, `unpark` came first and this
            // returns at once.
            thread::park();
            continue;
        }
        write_batch(lines, format, &mut text, &mut to);
        let lost = queue.dropped.load(Ordering::Relaxed) - reported;
        if lost > 0 {
            reported += lost;
            let message =
                format!("{lost} log lines were dropped: the log is not written fast enough");
            let line = Line {
                at: SystemTime::now(),
                content: Content::Host { level: Level::Warn, message },
            };
            write_batch(vec![line], format, &mut text, &mut to);
        }
        if !is_closed {
            thread::sleep(GATHER);
        }
    }
}

/// Writes lines, and answers the flushes among them once everything is written. `text` is scratch
/// space.
fn write_batch(lines: Vec<Line>, format: LogFormat, text: &mut String, to: &mut impl Write) {
    let mut flushed = Vec::new();
    let write = |text: &mut String, to: &mut dyn Write| {
        // If the log can't be written, there is no place left to report that.
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        text.clear();
    };
    for line in lines {
        match line.content {
            Content::Flush(done) => flushed.push(done),
            content => write_line(text, format, line.at, &content),
        }
        if text.len() >= BATCH_BYTES {
            write(text, to);
        }
    }
    write(text, to);
    for done in flushed {
        let _ = done.send(());
    }
}

fn write_line(text: &mut String, format: LogFormat, at: SystemTime, content: &Content) {
    let at = humantime::format_rfc3339_millis(at);
    // Writing to a String can't fail.
    let _ = match format {
        LogFormat::Text => write_text(text, &at, content),
        LogFormat::Json => writeln!(text, "{}", to_json(&at.to_string(), content)),
    };
}

fn write_text(text: &mut String, at: &Rfc3339Timestamp, content: &Content) -> fmt::Result {
    match content {
        Content::Access(Access { request_id, client, request, status, guest, took_ms }) => {
            let guest = guest.as_deref().unwrap_or("-");
            let request = request.escape_debug();
            writeln!(
                text,
                "{at} access {client} \"{request}\" {status} {took_ms}ms guest={guest} id={request_id}"
            )
        }
        Content::Guest { level, guest, request_id, message } => {
            let (level, message) = (level.name(), message.escape_debug());
            writeln!(text, "{at} {level:<6} guest={guest} id={request_id} {message}")
        }
        Content::Host { level, message } => {
            writeln!(text, "{at} {:<6} {}", level.name(), indented(message))
        }
        Content::Flush(_) => Ok(()),
    }
}

/// Returns a message of the host with its control characters escaped and its further lines
/// indented. It may quote a guest: a fault's backtrace has several lines, and none of them may pass
/// for an entry of the log.
fn indented(message: &str) -> String {
    // Tabs stay: they indent a backtrace's lines.
    let escaped = |line: &str| line.split('\t').map(escape_control).collect::<Vec<_>>().join("\t");
    let lines = message.trim_end().lines().map(escaped);
    lines.collect::<Vec<_>>().join("\n    ")
}

fn to_json(at: &str, content: &Content) -> serde_json::Value {
    match content {
        Content::Access(Access { request_id, client, request, status, guest, took_ms }) => json!({
            "at": at, "kind": "access", "id": request_id.to_string(), "client": client.to_string(), "request": request,
            "status": status, "guest": guest.as_deref(), "took_ms": took_ms,
        }),
        Content::Guest { level, guest, request_id, message } => json!({
            "at": at, "kind": "guest", "level": level.name(), "guest": **guest, "id": request_id.to_string(),
            "message": message,
        }),
        Content::Host { level, message } => {
            json!({ "at": at, "kind": "host", "level": level.name(), "message": message })
        }
        Content::Flush(_) => serde_json::Value::Null,
    }
}
