//! How many fetches may be under way, and how many bytes they may hold.
//!
//! Each bound has its sum: a guest's fetches and all of them, a fetch's bytes and those of all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use snow_config::Limits;
use snow_core::lock;

/// The counts of what is under way.
#[derive(Default)]
pub(crate) struct Places {
    all: Arc<AtomicUsize>,
    /// By guest. One without fetches has no count.
    guests: Mutex<BTreeMap<Arc<str>, Weak<AtomicUsize>>>,
    bytes: Arc<AtomicUsize>,
}

/// A fetch's place, until it is dropped.
pub(crate) struct Place {
    _guest: Counted,
    _all: Counted,
}

/// One of a count, or several, until it is dropped.
struct Counted {
    count: Arc<AtomicUsize>,
    number: usize,
}

impl Places {
    /// Takes a place for a fetch of this guest. Else returns the setting that does not allow it.
    pub fn take(&self, guest: &Arc<str>, limits: &Limits) -> Result<Place, &'static str> {
        let mut guests = lock(&self.guests);
        let count = guests.get(guest).and_then(Weak::upgrade).unwrap_or_else(|| {
            guests.retain(|_, count| count.strong_count() > 0);
            let count = Arc::default();
            guests.insert(guest.clone(), Arc::downgrade(&count));
            count
        });
        let guest = Counted::take(&count, 1, limits.guest_fetches_max).ok_or("guest_fetches_max");
        let all = Counted::take(&self.all, 1, limits.fetches_max).ok_or("fetches_max");
        Ok(Place { _guest: guest?, _all: all? })
    }

    /// Returns how many fetches are under way.
    pub fn in_use(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Returns how many bytes they hold.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Begins to count the bytes of a fetch.
    pub fn hold(&self) -> Held {
        Held(Counted { count: self.bytes.clone(), number: 0 })
    }
}

/// The bytes that a fetch holds, until it is dropped.
pub(crate) struct Held(Counted);

impl Held {
    /// Counts more bytes. Returns false, and counts nothing, if all fetches together would hold more
    /// than `all_max`.
    #[must_use]
    pub fn add(&mut self, bytes: usize, all_max: usize) -> bool {
        let Some(mut more) = Counted::take(&self.0.count, bytes, all_max) else { return false };
        self.0.number += std::mem::take(&mut more.number);
        true
    }
}

impl Counted {
    fn take(count: &Arc<AtomicUsize>, number: usize, most: usize) -> Option<Counted> {
        let add = |before: usize| before.checked_add(number).filter(|after| *after <= most);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Counted { count: count.clone(), number })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.fetch_sub(self.number, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_its_places_and_all_have_theirs() {
        let limits = Limits { guest_fetches_max: 2, fetches_max: 3, ..Limits::default() };
        let (places, a, b): (_, Arc<str>, Arc<str>) = (Places::default(), "a".into(), "b".into());
        let own = [places.take(&a, &limits).unwrap(), places.take(&a, &limits).unwrap()];
        assert_eq!(places.take(&a, &limits).err(), Some("guest_fetches_max"));
        let other = places.take(&b, &limits).unwrap();
        assert_eq!(places.take(&b, &limits).err(), Some("fetches_max"));
        assert_eq!(places.in_use(), 3, "what was refused counts nowhere");
        drop(other);
        assert!(places.take(&b, &limits).is_ok());
        drop(own);
        assert_eq!(places.in_use(), 0);
        assert!(places.take(&a, &limits).is_ok());
    }

    #[test]
    fn bytes_have_a_sum() {
        let places = Places::default();
        let (mut one, mut other) = (places.hold(), places.hold());
        assert!(one.add(6, 10) && !other.add(5, 10) && other.add(4, 10));
        assert!(!one.add(usize::MAX, usize::MAX));
        drop(one);
        assert_eq!(places.bytes(), 4);
        assert!(other.add(6, 10));
        drop(other);
        assert_eq!(places.bytes(), 0);
    }
}
