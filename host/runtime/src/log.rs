//! The log: what workers, guests and the host write for people and programs.
//!
//! Lines go through a bounded queue to a thread that formats and writes them, so that no loop waits
//! for a terminal or a disk. When the queue is full a line is dropped and counted, and the count is
//! logged.

mod writer;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

pub use snow_config::LogFormat;
use snow_core::lock;
use snow_http::RequestId;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The finest detail.
    Trace,
    /// Detail for developers.
    Debug,
    /// News for deployers.
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
    /// The request's id.
    pub request_id: RequestId,
    /// The client's address.
    pub client: SocketAddr,
    /// The method and the target, as sent.
    pub request: Box<str>,
    /// The answer's status; 499 if the client left before it was written one.
    pub status: u16,
    /// The guest that answered, if one did.
    pub guest: Option<Arc<str>>,
    /// The time from the request's first byte until its answer was encoded.
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
    /// Not a line: the writer answers once all lines before it are written.
    Flush(mpsc::Sender<()>),
}

struct Line {
    at: SystemTime,
    content: Content,
}

/// The senders' side of the log; cheap to clone. The writer ends after the last clone is dropped
/// and all lines are written.
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
    /// True once the last sender is gone.
    closed: AtomicBool,
}

impl Log {
    /// Starts the writer. At most `lines_max` lines wait for it.
    ///
    /// # Errors
    /// The system can't start another thread.
    pub fn start(
        format: LogFormat,
        lines_max: usize,
        to: impl Write + Send + 'static,
    ) -> io::Result<Log> {
        let queue = Arc::new(Queue {
            lines: Mutex::new(Vec::new()),
            lines_max: lines_max.max(1),
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let taken = queue.clone();
        let writer = thread::Builder::new()
            .name("snow-log".into())
            .spawn(move || writer::run(&taken, format, to))?;
        Ok(Log(Arc::new(Sender { queue, writer: writer.thread().clone() })))
    }

    /// Writes a line about an answered request.
    pub fn access(&self, access: Access) {
        self.send(Content::Access(access));
    }

    /// Writes a guest's message.
    pub fn guest(&self, level: Level, guest: &Arc<str>, request_id: &RequestId, message: String) {
        self.send(Content::Guest {
            level,
            guest: guest.clone(),
            request_id: request_id.clone(),
            message,
        });
    }

    /// Writes a message of the host.
    pub fn host(&self, level: Level, message: impl Into<String>) {
        self.send(Content::Host { level, message: message.into() });
    }

    /// Returns how many lines have been dropped so far because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.0.queue.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything logged before is written, but not longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let (done, written) = mpsc::channel();
        self.send(Content::Flush(done));
        let _ = written.recv_timeout(patience);
    }

    fn send(&self, content: Content) {
        let queue = &self.0.queue;
        let line = Line { at: SystemTime::now(), content };
        let mut lines = lock(&queue.lines);
        // A flush is never dropped, or its caller would wait in vain. There are few of them.
        if lines.len() >= queue.lines_max && !matches!(line.content, Content::Flush(_)) {
            queue.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.push(line);
        let is_first = lines.len() == 1;
        drop(lines);
        // The writer sleeps only while the queue is empty, so only the first line has to wake it.
        if is_first {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            log.guest(
                Level::Info,
                &"g".into(),
                &RequestId::made(1),
                "a\nerror forged\x1b[31m".into(),
            );
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
