//! What is counted, for whoever shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use snow_runtime::{FetchCode, FetchFailure};

/// Counts what happens, on any thread.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds to the count.
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Returns the count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of fetches, since the start.
#[derive(Debug, Default)]
pub struct FetchCounts {
    /// Fetches that were begun.
    pub started: Tally,
    /// Fetches that have waited for an equal one, and are counted nowhere else.
    pub collapsed: Tally,
    /// Answers that came.
    pub answered: Tally,
    /// Failures, in the order of [`FetchCode::ALL`].
    pub failed: [Tally; FetchCode::ALL.len()],
    /// Fetches that were given up since nobody waited any more.
    pub cancelled: Tally,
    /// Redirects that were followed.
    pub redirected: Tally,
    /// Bytes of the contents that were sent.
    pub sent_bytes: Tally,
    /// Bytes of the contents that were received, before they were decompressed.
    pub received_bytes: Tally,
    /// Connections that were opened.
    pub connected: Tally,
    /// Connections that are open now.
    pub(crate) open: Gauge,
    /// Fetches that wait for a place among those to their origin.
    pub(crate) queued: Gauge,
}

impl FetchCounts {
    /// Returns how many connections to other servers are open now, with those that nobody uses.
    pub fn connections(&self) -> usize {
        self.open.get()
    }

    /// Returns how many fetches wait now, because of `origin_fetches_max`.
    pub fn queued(&self) -> usize {
        self.queued.get()
    }

    /// Counts the end of a fetch.
    pub(crate) fn end<T>(&self, result: &Result<T, FetchFailure>) {
        let Err(failure) = result else { return self.answered.add(1) };
        let at = FetchCode::ALL.iter().position(|code| *code == failure.code);
        if let Some(count) = at.and_then(|at| self.failed.get(at)) {
            count.add(1);
        }
    }
}

/// How many there are of something now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<AtomicUsize>);

/// One that a [`Gauge`] counts, until it is dropped.
pub(crate) struct One(Gauge);

impl Gauge {
    /// Counts one.
    pub fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::Relaxed);
        One(self.clone())
    }

    /// Returns how many there are.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted_once_and_in_its_place() {
        let counts = FetchCounts::default();
        counts.end(&Ok(()));
        for code in FetchCode::ALL {
            counts.end::<()>(&Err(FetchFailure { code, message: String::new() }));
        }
        assert_eq!(counts.answered.get(), 1);
        assert!(counts.failed.iter().all(|count| count.get() == 1));
    }

    #[test]
    fn threads_that_count_at_once_lose_nothing() {
        let counts = FetchCounts::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        counts.started.add(1);
                        drop(counts.open.one());
                    }
                });
            }
        });
        assert_eq!((counts.started.get(), counts.connections()), (40_000, 0));
    }
}
