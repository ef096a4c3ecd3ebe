//! Bytes that are kept, counted for whoever keeps them and for all together.

use crate::sync::{Arc, AtomicUsize, Ordering};

/// How many bytes are kept, by one or by all. Any thread may count.
#[derive(Debug, Default)]
pub struct ByteCount(AtomicUsize);

impl ByteCount {
    /// Returns how many bytes are kept now.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds bytes, unless there would be more than `bytes_max`. Returns whether it did.
    fn add(&self, bytes: usize, bytes_max: usize) -> bool {
        // Counted first, then looked at: two threads that race for the last room can't both get it.
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.checked_add(bytes).is_some_and(|sum| sum <= bytes_max);
        if !fits {
            self.remove(bytes);
        }
        fits
    }

    fn remove(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Something that is kept and counted: its bytes are given back when this is dropped.
///
/// ```
/// use std::sync::Arc;
/// use snow_core::{ByteCount, Charge};
///
/// let (own, all) = (Arc::new(ByteCount::default()), Arc::new(ByteCount::default()));
/// let charge = Charge::new(80, (&own, 100), (&all, 1_000)).expect("there is room");
/// assert!(Charge::new(80, (&own, 100), (&all, 1_000)).is_none());
/// drop(charge);
/// assert_eq!((own.get(), all.get()), (0, 0));
/// ```
#[derive(Debug)]
pub struct Charge {
    bytes: usize,
    own: Arc<ByteCount>,
    all: Arc<ByteCount>,
}

impl Charge {
    /// Counts bytes in two counts, each with the most bytes that it may have. Returns `None`, and
    /// counts nothing, if that is too many for one of them. Close to a limit, bytes may be refused
    /// although they would fit, while another thread's are being refused.
    pub fn new(
        bytes: usize,
        (own, own_max): (&Arc<ByteCount>, usize),
        (all, all_max): (&Arc<ByteCount>, usize),
    ) -> Option<Charge> {
        if !own.add(bytes, own_max) {
            return None;
        }
        if !all.add(bytes, all_max) {
            own.remove(bytes);
            return None;
        }
        Some(Charge { bytes, own: own.clone(), all: all.clone() })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.own.remove(self.bytes);
        self.all.remove(self.bytes);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_by_one_count_is_not_in_the_other() {
        let (own, all) = (Arc::new(ByteCount::default()), Arc::new(ByteCount::default()));
        let other = Arc::new(ByteCount::default());
        let kept = Charge::new(60, (&other, 100), (&all, 100));
        assert!(kept.is_some());
        assert!(Charge::new(41, (&own, 100), (&all, 100)).is_none());
        assert_eq!((own.get(), other.get(), all.get()), (0, 60, 60));
        assert!(Charge::new(usize::MAX, (&own, usize::MAX), (&all, 100)).is_none());
        assert_eq!((own.get(), all.get()), (0, 60));
        assert!(Charge::new(40, (&own, 40), (&all, 100)).is_some());
        drop(kept);
        assert_eq!(all.get(), 0);
    }
}
