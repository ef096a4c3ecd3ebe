//! The log: what workers, guests and the host write for people and programs.
//!
//! Lines go through a queue to a thread that formats and writes them, so that no loop waits for a
//! terminal or a disk. The queue is bounded in lines and in bytes, with those that the thread is
//! writing. When it is full a line is dropped and counted, and the count is logged.
//!
//! All that is written goes through the writer's one place that escapes control characters.

#[cfg(test)]
mod tests;
mod writer;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use snow_config::Limits;
pub use snow_config::LogFormat;
use snow_core::{cut_owned, lock};
use snow_http::RequestId;

/// Bytes of one message of the host. Messages may quote guests, and longer ones are cut.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

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

impl Line {
    /// Returns the memory that the line takes. A guest's name is shared, and not counted.
    fn bytes(&self) -> usize {
        let text = match &self.content {
            Content::Access(access) => access.request.len(),
            Content::Guest { message, .. } | Content::Host { message, .. } => message.capacity(),
            Content::Flush(_) => 0,
        };
        size_of::<Line>() + text
    }
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
    waiting: Mutex<Waiting>,
    lines_max: usize,
    bytes_max: usize,
    dropped: AtomicU64,
    /// True once the last sender is gone.
    closed: AtomicBool,
}

/// Lines that are not written yet.
#[derive(Default)]
struct Waiting {
    /// Those that the writer has not taken.
    lines: Vec<Line>,
    /// All of them: those that the writer is writing are among them.
    unwritten: Size,
}

/// A number of lines, and the memory that they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    lines: usize,
    bytes: usize,
}

impl Size {
    /// Adds a line. A flush is no line: it is never dropped, or its caller would wait in vain. There
    /// are few of them.
    fn add(&mut self, line: &Line) {
        if !matches!(line.content, Content::Flush(_)) {
            self.lines += 1;
            self.bytes += line.bytes();
        }
    }
}

impl Log {
    /// Starts the writer. At most `log_lines_max` lines of `log_bytes_max` bytes wait for it.
    ///
    /// # Errors
    /// The system can't start another thread.
    pub fn start(
        format: LogFormat,
        limits: &Limits,
        to: impl Write + Send + 'static,
    ) -> io::Result<Log> {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            lines_max: limits.log_lines_max,
            bytes_max: limits.log_bytes_max,
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

    /// Writes a message of the host. It may have several lines; of a very long one, only the
    /// beginning is written.
    pub fn host(&self, level: Level, message: impl Into<String>) {
        let message = cut_owned(message.into(), MESSAGE_BYTES_MAX);
        self.send(Content::Host { level, message });
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
        let mut waiting = lock(&queue.waiting);
        let mut with_it = waiting.unwritten;
        with_it.add(&line);
        let is_too_much = with_it.lines > queue.lines_max || with_it.bytes > queue.bytes_max;
        if is_too_much && with_it != waiting.unwritten {
            drop(waiting);
            queue.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.unwritten = with_it;
        waiting.lines.push(line);
        let is_first = waiting.lines.len() == 1;
        drop(waiting);
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
