//! Numbers that one thread writes and any thread reads.
//!
//! Counting costs a load and a store: no lock, and no cache line that another thread writes to. A
//! reader sees each number as it was a moment ago, and several numbers perhaps as they were at
//! different moments.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number with one writer. With two writers, counts could be lost; nothing worse would happen.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the number. It wraps after 2^64.
    #[inline]
    pub fn add(&self, count: u64) {
        self.set(self.get().wrapping_add(count));
    }

    /// Subtracts from the number.
    #[inline]
    pub fn subtract(&self, count: u64) {
        self.set(self.get().wrapping_sub(count));
    }

    /// Replaces the number.
    #[inline]
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// Returns the number as it is, or was a moment ago.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts values by buckets with fixed bounds, and sums them up. Like [`Counter`], it has one
/// writer.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    /// The largest value of each bucket, ascending.
    bounds: &'static [u64; N],
    /// The number of values in each bucket, without those in the buckets below it.
    counts: [Counter; N],
    /// The number of values above the last bound.
    beyond: Counter,
    /// The sum of all values.
    sum: Counter,
}

impl<const N: usize> Histogram<N> {
    /// Creates an empty histogram. `bounds` are the largest values of the buckets, ascending.
    pub fn new(bounds: &'static [u64; N]) -> Histogram<N> {
        Histogram {
            bounds,
            counts: std::array::from_fn(|_| Counter::default()),
            beyond: Counter::default(),
            sum: Counter::default(),
        }
    }

    /// Adds a value. Low buckets are found fastest.
    pub fn add(&self, value: u64) {
        let bucket = self.bounds.iter().position(|&bound| value <= bound);
        bucket.map_or(&self.beyond, |bucket| &self.counts[bucket]).add(1);
        self.sum.add(value);
    }

    /// Returns the present content of the histogram.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().chain([&self.beyond]).map(Counter::get).collect();
        Distribution { bounds: self.bounds, counts, sum: self.sum.get() }
    }
}

/// The content of a [`Histogram`] at one moment. Those of several threads can be added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The largest value of each bucket, ascending.
    pub bounds: &'static [u64],
    /// The number of values in each bucket, and last the number of values above all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

impl Distribution {
    /// Adds another distribution, which must have the same bounds.
    pub fn add(&mut self, other: &Distribution) {
        debug_assert_eq!(self.bounds, other.bounds);
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }

    /// Returns the number of values.
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
