//! What a child process says, line by line, read by a thread of its own so that its pipe is never full.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::PATIENCE;

#[derive(Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    text: String,
    ended: bool,
}

impl Lines {
    pub fn of(stream: impl Read + Send + 'static) -> Lines {
        let lines = Lines(Arc::default());
        let shared = lines.0.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                shared.add(&String::from_utf8_lossy(&line));
            }
            shared.lock().ended = true;
            shared.changed.notify_all();
        });
        lines
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.0.lock().text.clone()
    }

    /// From now on only what comes is looked at.
    pub fn forget(&self) {
        self.0.lock().text.clear();
    }

    /// Waits until it has said all of these, in whatever order, and returns everything so far.
    #[track_caller]
    pub fn until(&self, needles: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        let mut said = self.0.lock();
        loop {
            let missing: Vec<_> = needles.iter().filter(|needle| !said.text.contains(**needle)).collect();
            if missing.is_empty() {
                return said.text.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !said.ended, "{missing:?} is not in:\n{}", said.text);
            said = self.0.changed.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    /// A test that fails while it looks must not keep others from telling what was said.
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &str) {
        let mut said = self.lock();
        said.text += line;
        said.text.push('\n');
        self.changed.notify_all();
    }
}
