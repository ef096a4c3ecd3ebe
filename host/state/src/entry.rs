//! What a key holds, and the number that tells one content from the next.

use std::fmt;

use snow_core::sync::{Arc, AtomicU64, Ordering};

/// Tells one content of a key from every other, of any key, at any time.
///
/// A key that is deleted and set again has another version than before, and so it does after a
/// restart. A later version of a key is a higher number. Versions are below 2^53, so that JSON and
/// JavaScript hold them exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// What a key holds. Cheap to clone: clones share the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Arc<[u8]>,
    /// The version, which no other content has.
    pub version: Version,
    /// When the entry ends, in milliseconds since 1970. From this time on, it does not exist.
    pub expires_ms: Option<u64>,
}

impl Entry {
    /// Returns whether the entry exists at this time.
    pub fn exists_at(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|at| now_ms < at)
    }
}

/// Where an entry lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The bucket's name.
    pub bucket: Arc<str>,
    /// The key.
    pub key: Arc<str>,
}

/// How many versions a millisecond has room for: the lowest bits of a version count within it.
const BITS_PER_MS: u32 = 10;

/// Gives out versions, each once.
///
/// The first one stands for the time at which the store begins, with room for 1,024 versions in
/// each millisecond that passes. So a store in memory, which remembers nothing, still begins above
/// what it gave out before a restart, unless it wrote a million times a second for all of its life.
/// A store on disk remembers the last one besides, so that a clock which was put back does no harm.
#[derive(Debug)]
pub(crate) struct Versions {
    last: AtomicU64,
}

impl Versions {
    /// Starts at a time, and after the last version that is known to have been given out.
    pub fn new(now_ms: u64, last: Option<Version>) -> Versions {
        let from_time = now_ms << BITS_PER_MS;
        Versions { last: AtomicU64::new(from_time.max(last.map_or(0, |version| version.0))) }
    }

    /// Gives out the next version.
    pub fn next(&self) -> Version {
        Version(self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Returns the last version that was given out.
    pub fn last(&self) -> Version {
        Version(self.last.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_ends_at_its_time_and_not_before() {
        let entry = Entry { value: [][..].into(), version: Version(1), expires_ms: Some(10) };
        assert!(entry.exists_at(9) && !entry.exists_at(10));
        assert!(Entry { expires_ms: None, ..entry }.exists_at(u64::MAX));
    }

    #[test]
    fn versions_go_on_over_a_restart_even_if_the_clock_went_back() {
        let first = Versions::new(1_000, None);
        let last = (0..1_024).map(|_| first.next()).last();
        let later = Versions::new(1_001, None);
        assert!(later.next() > last.unwrap());
        let earlier = Versions::new(5, last);
        assert!(earlier.next() > last.unwrap());
        // The year 2100, in what JSON numbers hold exactly.
        assert!(Versions::new(4_102_444_800_000, None).next().0 < 1 << 53);
    }
}
