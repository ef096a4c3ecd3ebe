//! Numbers that one thread writes and others read: what a worker counts.
//!
//! Whoever counts pays a load and a store, with no lock and no line of memory that another thread writes to. Readers
//! see each number as it was a moment ago, and several numbers perhaps of different moments.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number with one writer. With two, counts would be lost; nothing else would happen.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// More. Wraps after 2^64.
    pub fn add(&self, count: u64) {
        self.set(self.get().wrapping_add(count));
    }

    /// Less.
    pub fn subtract(&self, count: u64) {
        self.set(self.get().wrapping_sub(count));
    }

    /// Another.
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// As it is now, or was a moment ago.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many values lie between fixed bounds, and their sum.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    /// Ascending: each the largest value of its bucket.
    bounds: &'static [u64; N],
    /// Of one bucket each, not of all below it.
    counts: [Counter; N],
    /// Beyond the last bound.
    beyond: Counter,
    sum: Counter,
}

impl<const N: usize> Histogram<N> {
    /// An empty one.
    pub fn new(bounds: &'static [u64; N]) -> Histogram<N> {
        Histogram {
            bounds,
            counts: std::array::from_fn(|_| Counter::default()),
            beyond: Counter::default(),
            sum: Counter::default(),
        }
    }

    /// One more value. Low buckets are found first.
    pub fn add(&self, value: u64) {
        let bucket = self.bounds.iter().position(|&bound| value <= bound);
        bucket.map_or(&self.beyond, |bucket| &self.counts[bucket]).add(1);
        self.sum.add(value);
    }

    /// What it holds now.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().chain([&self.beyond]).map(Counter::get).collect();
        Distribution { bounds: self.bounds, counts, sum: self.sum.get() }
    }
}

/// What a [`Histogram`] held at one moment; those of several threads can be put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Ascending: each the largest value of its bucket.
    pub bounds: &'static [u64],
    /// Values of each bucket, and last those beyond all bounds.
    pub counts: Vec<u64>,
    /// Of all values.
    pub sum: u64,
}

impl Distribution {
    /// Adds another with the same bounds.
    pub fn add(&mut self, other: &Distribution) {
        debug_assert_eq!(self.bounds, other.bounds);
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BOUNDS: [u64; 3] = [1, 10, 100];

    #[test]
    fn a_counter_counts() {
        let counter = Counter::default();
        counter.add(5);
        counter.subtract(2);
        assert_eq!(counter.get(), 3);
    }

    #[test]
    fn values_lie_in_the_bucket_whose_bound_they_do_not_exceed() {
        let histogram = Histogram::new(&BOUNDS);
        for value in [0, 1, 2, 10, 11, 100, 101, 5_000] {
            histogram.add(value);
        }
        let read = histogram.read();
        assert_eq!((&read.counts[..], read.sum, read.count()), (&[2, 2, 2, 2][..], 5_225, 8));
    }

    #[test]
    fn distributions_of_several_threads_add_up() {
        let (first, second) = (Histogram::new(&BOUNDS), Histogram::new(&BOUNDS));
        first.add(1);
        second.add(1);
        second.add(1_000);
        let mut all = first.read();
        all.add(&second.read());
        assert_eq!((&all.counts[..], all.sum), (&[2, 0, 0, 1][..], 1_002));
    }
}
