//! The log: lines go through a bounded queue to a thread that formats and writes them, so that no loop waits
//! for a terminal or a disk. When the queue is full a line is dropped and counted, and the count is logged.
//!
//! The thread is woken for the first line and gathers others for `GATHER` before it writes: waking it for
//! each would cost a loop more than the rest of the line.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use serde_json::json;

pub use snow_config::LogFormat;
use snow_core::escape_control;
use snow_http::RequestId;

/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(10);
/// How much text is written at once.
const BATCH_BYTES: usize = 64 << 10;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Finest.
    Trace,
    /// For developers.
    Debug,
    /// For deployers.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// One answered request.
#[derive(Debug)]
pub struct Access {
    /// Its id.
    pub request_id: RequestId,
    /// The client's address.
    pub client: std::net::SocketAddr,
    /// Method and target, as sent.
    pub request: Box<str>,
    /// The answer's status; 499 if the client left before there was one.
    pub status: u16,
    /// The guest that answered, if one did.
    pub guest: Option<Arc<str>>,
    /// From the request's first byte to its answer's encoding.
    pub took_ms: u64,
}

enum Content {
    Access(Access),
    Guest {
        level: Level,
        guest: Arc<str>,
        request_id: RequestId,
        message: String,
    },
    Host {
        level: Level,
        message: String,
    },
    /// Says that all lines before it are written.
    Flush(mpsc::Sender<()>),
}

struct Line {
    at: SystemTime,
    content: Content,
}

/// The sender's side; cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Sender>);

struct Sender {
    queue: Arc<Queue>,
    writer: Thread,
}

struct Queue {
    lines: Mutex<Vec<Line>>,
    lines_max: usize,
    dropped: AtomicU64,
    /// Nobody will send any more.
    closed: AtomicBool,
}

impl Log {
    /// Starts the writer. At most `lines_max` lines wait for it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(format: LogFormat, lines_max: usize, to: impl Write + Send + 'static) -> io::Result<Log> {
        let queue = Arc::new(Queue {
            lines: Mutex::new(Vec::new()),
            lines_max: lines_max.max(1),
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let taken = queue.clone();
        let writer = thread::Builder::new().name("snow-log".into()).spawn(move || write_lines(&taken, format, to))?;
        Ok(Log(Arc::new(Sender { queue, writer: writer.thread().clone() })))
    }

    /// An answered request.
    pub fn access(&self, access: Access) {
        self.send(Content::Access(access));
    }

    /// What a guest says.
    pub fn guest(&self, level: Level, guest: &Arc<str>, request_id: &RequestId, message: String) {
        self.send(Content::Guest { level, guest: guest.clone(), request_id: request_id.clone(), message });
    }

    /// What the host says.
    pub fn host(&self, level: Level, message: impl Into<String>) {
        self.send(Content::Host { level, message: message.into() });
    }

    /// Lines that were dropped so far, since too many waited.
    pub fn dropped(&self) -> u64 {
        self.0.queue.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was logged before is written, but not longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let (done, written) = mpsc::channel();
        self.send(Content::Flush(done));
        let _ = written.recv_timeout(patience);
    }

    fn send(&self, content: Content) {
        let queue = &self.0.queue;
        let line = Line { at: SystemTime::now(), content };
        let mut lines = queue.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for a flush is not to be turned away: there are few of them.
        if lines.len() >= queue.lines_max && !matches!(line.content, Content::Flush(_)) {
            queue.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.push(line);
        let first = lines.len() == 1;
        drop(lines);
        if first {
            self.0.writer.unpark();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.queue.closed.store(true, Ordering::SeqCst);
        self.writer.unpark();
    }
}

/// Formats and writes until all senders are gone.
fn write_lines(queue: &Queue, format: LogFormat, mut to: impl Write) {
    let (mut text, mut reported) = (String::new(), 0);
    loop {
        let closed = queue.closed.load(Ordering::SeqCst);
        let lines = std::mem::take(&mut *queue.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            if closed {
                return;
            }
            // Unparked by the first line of an empty queue; a line that came before this is not missed.
            thread::park();
            continue;
        }
        write_batch(lines, format, &mut text, &mut to);
        let lost = queue.dropped.load(Ordering::Relaxed) - reported;
        if lost > 0 {
            reported += lost;
            let message = format!("{lost} log lines were dropped: the log is not written fast enough");
            let line = Line { at: SystemTime::now(), content: Content::Host { level: Level::Warn, message } };
            write_batch(vec![line], format, &mut text, &mut to);
        }
        if !closed {
            thread::sleep(GATHER);
        }
    }
}

fn write_batch(lines: Vec<Line>, format: LogFormat, text: &mut String, to: &mut impl Write) {
    let mut flushed = Vec::new();
    let write = |text: &mut String, to: &mut dyn Write| {
        // There is nowhere left to say that the log can't be written.
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

fn write_text(text: &mut String, at: &humantime::Rfc3339Timestamp, content: &Content) -> std::fmt::Result {
    match content {
        Content::Access(Access { request_id, client, request, status, guest, took_ms }) => {
            let guest = guest.as_deref().unwrap_or("-");
            let request = request.escape_debug();
            writeln!(text, "{at} access {client} \"{request}\" {status} {took_ms}ms guest={guest} id={request_id}")
        }
        Content::Guest { level, guest, request_id, message } => {
            let (level, message) = (level.name(), message.escape_debug());
            writeln!(text, "{at} {level:<6} guest={guest} id={request_id} {message}")
        }
        // A fault's backtrace has lines of its own; they are indented, so that none can pass for another entry.
        Content::Host { level, message } => {
            writeln!(text, "{at} {:<6} {}", level.name(), indented(message))
        }
        Content::Flush(_) => Ok(()),
    }
}

/// Control characters escaped, further lines indented.
fn indented(message: &str) -> String {
    // Tabs may stay: they indent a backtrace's lines.
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
            "at": at, "kind": "guest", "level": level.name(), "guest": **guest, "id": request_id.to_string(), "message": message,
        }),
        Content::Host { level, message } => {
            json!({ "at": at, "kind": "host", "level": level.name(), "message": message })
        }
        Content::Flush(_) => serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, say: impl FnOnce(&Log)) -> String {
        let sink = Sink::default();
        let log = Log::start(format, 100, sink.clone()).unwrap();
        say(&log);
        log.flush(Duration::from_secs(10));
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn nothing_a_guest_says_can_forge_a_line() {
        let text = logged(LogFormat::Text, |log| {
            log.guest(Level::Info, &"g".into(), &RequestId::made(1), "a\nerror forged\x1b[31m".into());
            log.host(Level::Error, "trap\nerror forged\r");
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].ends_with(r"a\nerror forged\u{1b}[31m"), "{text}");
        assert!(lines[2].starts_with("    error forged"), "{text}");
    }

    #[test]
    fn json_lines_are_json() {
        let text = logged(LogFormat::Json, |log| {
            log.access(Access {
                request_id: RequestId::Given("r1".into()),
                client: "127.0.0.1:9".parse().unwrap(),
                request: "GET /\"x".into(),
                status: 200,
                guest: Some("hello".into()),
                took_ms: 3,
            });
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((&line["status"], &line["request"]), (&json!(200), &json!("GET /\"x")));
    }

    #[test]
    fn a_full_queue_drops_and_says_so() {
        struct Slow(mpsc::Receiver<()>, Sink);
        impl Write for Slow {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                self.1.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (go, gate) = mpsc::channel();
        let sink = Sink::default();
        let log = Log::start(LogFormat::Text, 2, Slow(gate, sink.clone())).unwrap();
        for n in 0..100 {
            log.host(Level::Info, format!("line {n}"));
        }
        drop(go);
        assert!(log.0.queue.dropped.load(Ordering::Relaxed) >= 96);
        log.flush(Duration::from_secs(10));
        log.host(Level::Info, "after");
        log.flush(Duration::from_secs(10));
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("lines were dropped"), "{text}");
    }
}
