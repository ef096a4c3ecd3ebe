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

use super::{Access, Content, Level, Line, Queue, Size};
use snow_config::LogFormat;
use snow_core::{EscapeStyle, Escaped, lock};

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
        let lines = std::mem::take(&mut lock(&queue.waiting).lines);
        if lines.is_empty() {
            if is_closed {
                return;
            }
            // If a line was sent since the queue was looked at, `unpark` came first and this
            // returns at once.
            thread::park();
            continue;
        }
        write_batch(lines, format, &mut text, &mut to, |written| queue.is_written(written));
        let lost = queue.dropped.load(Ordering::Relaxed) - reported;
        if lost > 0 {
            reported += lost;
            let message =
                format!("{lost} log lines were dropped: the log is not written fast enough");
            let line = Line {
                at: SystemTime::now(),
                content: Content::Host { level: Level::Warn, message },
            };
            // It was never in the queue.
            write_batch(vec![line], format, &mut text, &mut to, |_| {});
        }
        if !is_closed {
            thread::sleep(GATHER);
        }
    }
}

impl Queue {
    /// Makes room for as many lines as were written.
    fn is_written(&self, written: Size) {
        let mut waiting = lock(&self.waiting);
        waiting.unwritten.lines -= written.lines;
        waiting.unwritten.bytes -= written.bytes;
    }
}

/// Writes lines, and answers the flushes among them once everything is written. Tells `is_written`
/// how much that was, part by part. `text` is scratch space.
fn write_batch(
    lines: Vec<Line>,
    format: LogFormat,
    text: &mut String,
    to: &mut impl Write,
    is_written: impl Fn(Size),
) {
    let (mut flushed, mut size) = (Vec::new(), Size::default());
    let mut write = |text: &mut String, size: &mut Size| {
        // If the log can't be written, there is no place left to report that.
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        text.clear();
        is_written(std::mem::take(size));
    };
    for line in lines {
        size.add(&line);
        match line.content {
            Content::Flush(done) => flushed.push(done),
            content => write_line(text, format, line.at, &content),
        }
        if text.len() >= BATCH_BYTES {
            write(text, &mut size);
        }
    }
    write(text, &mut size);
    for done in flushed {
        let _ = done.send(());
    }
}

/// Formats a line. This is the one place through which all text goes to the log, and it escapes:
/// nothing that was said by guests or clients, or that is the name of a file, gets past it.
fn write_line(text: &mut String, format: LogFormat, at: SystemTime, content: &Content) {
    let at = humantime::format_rfc3339_millis(at);
    let style = match (format, content) {
        (LogFormat::Json, _) => EscapeStyle::Json,
        // A message of the host may have several lines, such as the backtrace of a fault.
        (LogFormat::Text, Content::Host { .. }) => EscapeStyle::Lines,
        (LogFormat::Text, _) => EscapeStyle::Line,
    };
    let mut line = Escaped::new(text, style);
    // Writing to a String can't fail.
    let _ = match format {
        LogFormat::Text => write_text(&mut line, &at, content),
        LogFormat::Json => write!(line, "{}", to_json(&at.to_string(), content)),
    };
    text.push('\n');
}

fn write_text(line: &mut Escaped<'_>, at: &Rfc3339Timestamp, content: &Content) -> fmt::Result {
    match content {
        Content::Access(Access { request_id, client, request, status, guest, took_ms }) => {
            let guest = guest.as_deref().unwrap_or("-");
            let request = request.escape_debug();
            write!(
                line,
                "{at} access {client} \"{request}\" {status} {took_ms}ms guest={guest} id={request_id}"
            )
        }
        Content::Guest { level, guest, request_id, message } => {
            let level = level.name();
            write!(line, "{at} {level:<6} guest={guest} id={request_id} {message}")
        }
        Content::Host { level, message } => {
            write!(line, "{at} {:<6} {}", level.name(), message.trim_end())
        }
        Content::Flush(_) => Ok(()),
    }
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
