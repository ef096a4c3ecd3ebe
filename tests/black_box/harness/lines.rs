//! What a child process says, line by line, read by a thread of its own so that its pipe is never
//! full.

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

    /// Everything so far: whatever comes next may be on its way. For messages; a test waits for a
    /// sign instead.
    pub(super) fn text(&self) -> String {
        self.0.lock().text.clone()
    }

    /// From now on only what comes is looked at.
    pub fn forget(&self) {
        self.0.lock().text.clear();
    }

    /// Waits until it has said all of these, in whatever order, and returns everything so far.
    #[track_caller]
    pub fn until(&self, needles: &[&str]) -> String {
        let missing = |text: &str| {
            needles.iter().filter(|needle| !text.contains(**needle)).copied().collect::<Vec<_>>()
        };
        let found = self.wait(|said| missing(&said.text).is_empty().then(|| said.text.clone()));
        found.unwrap_or_else(|text| panic!("{:?} is not in:\n{text}", missing(&text)))
    }

    /// Waits until `look` finds what it looks for in everything so far.
    #[track_caller]
    pub fn find<T>(&self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        self.wait(|said| look(&said.text)).unwrap_or_else(|text| panic!("{what}: not in:\n{text}"))
    }

    /// Waits until it has ended, and returns all that it has said.
    #[track_caller]
    pub fn to_end(&self) -> String {
        let ended = self.wait(|said| said.ended.then(|| said.text.clone()));
        ended.unwrap_or_else(|text| panic!("it goes on after:\n{text}"))
    }

    /// Waits until `look` finds something, else returns what was said.
    fn wait<T>(&self, look: impl Fn(&Said) -> Option<T>) -> Result<T, String> {
        let until = Instant::now() + PATIENCE;
        let mut said = self.0.lock();
        loop {
            if let Some(found) = look(&said) {
                return Ok(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || said.ended {
                return Err(said.text.clone());
            }
            said =
                self.0.changed.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
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
