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
    guests: Mutex<BTreeMap<Arc<str>, Weak<Own>>>,
    bytes: Arc<AtomicUsize>,
}

/// What is counted of a guest.
#[derive(Default)]
struct Own {
    fetches: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

/// A fetch's place, until it is dropped.
pub(crate) struct Place {
    _guest: Counted,
    _all: Counted,
    _own: Arc<Own>,
}

/// One of a count, or several, until it is dropped.
struct Counted {
    count: Arc<AtomicUsize>,
    number: usize,
}

impl Places {
    /// Takes a place for a fetch of this guest. Else returns the setting that does not allow it.
    pub fn take(&self, guest: &Arc<str>, limits: &Limits) -> Result<Place, &'static str> {
        let own = self.own(guest);
        let count = Counted::take(&own.fetches, 1, limits.guest_fetches_max);
        let guest = count.ok_or("guest_fetches_max");
        let all = Counted::take(&self.all, 1, limits.fetches_max).ok_or("fetches_max");
        Ok(Place { _guest: guest?, _all: all?, _own: own })
    }

    /// Returns what is counted of a guest.
    fn own(&self, guest: &Arc<str>) -> Arc<Own> {
        let mut guests = lock(&self.guests);
        guests.get(guest).and_then(Weak::upgrade).unwrap_or_else(|| {
            guests.retain(|_, own| own.strong_count() > 0);
            let own = Arc::default();
            guests.insert(guest.clone(), Arc::downgrade(&own));
            own
        })
    }

    /// Returns how many fetches are under way.
    pub fn in_use(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Returns how many bytes they hold.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Begins to count bytes.
    pub fn hold(&self) -> Held {
        Held { all: Counted::none_of(&self.bytes), own: None }
    }

    /// Begins to count the bytes of a fetch of this guest.
    pub fn hold_for(&self, guest: &Arc<str>) -> Held {
        let own = self.own(guest);
        let counted = Counted::none_of(&own.bytes);
        Held { all: Counted::none_of(&self.bytes), own: Some((counted, own)) }
    }
}

/// The bytes that a fetch holds, until it is dropped.
pub(crate) struct Held {
    all: Counted,
    /// Those of its guest, whose counts stay as long as it has any.
    own: Option<(Counted, Arc<Own>)>,
}

impl Held {
    /// Counts more bytes. Returns false, and counts nothing, if all together would be more than
    /// `all_max`.
    #[must_use]
    pub fn add(&mut self, bytes: usize, all_max: usize) -> bool {
        self.all.add(bytes, all_max)
    }

    /// Counts some bytes less, which were counted by [`add`](Self::add).
    pub fn give_back(&mut self, bytes: usize) {
        self.all.give_back(bytes);
    }

    /// Counts more bytes of a fetch. Returns false, and counts nothing, if those of its guest or of
    /// all guests would be more than may be.
    #[must_use]
    pub fn add_within(&mut self, bytes: usize, limits: &Limits) -> bool {
        let has_own =
            self.own.as_mut().is_none_or(|(own, _)| own.add(bytes, limits.guest_fetches_bytes_max));
        if has_own && self.all.add(bytes, limits.fetches_bytes_max) {
            return true;
        }
        if has_own && let Some((own, _)) = &mut self.own {
            own.give_back(bytes);
        }
        false
    }
}

impl Counted {
    /// Begins with none.
    fn none_of(count: &Arc<AtomicUsize>) -> Counted {
        Counted { count: count.clone(), number: 0 }
    }

    /// Counts some more, if all of them are no more than `most` then.
    fn add(&mut self, number: usize, most: usize) -> bool {
        let Some(mut more) = Counted::take(&self.count, number, most) else { return false };
        self.number += std::mem::take(&mut more.number);
        true
    }

    /// Counts some less, which were counted before.
    fn give_back(&mut self, number: usize) {
        self.number -= number;
        self.count.fetch_sub(number, Ordering::Relaxed);
    }

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

    #[test]
    fn a_guest_leaves_bytes_to_others() {
        let limits =
            Limits { guest_fetches_bytes_max: 6, fetches_bytes_max: 10, ..Limits::default() };
        let (places, a, b): (_, Arc<str>, Arc<str>) = (Places::default(), "a".into(), "b".into());
        let mut own = [places.hold_for(&a), places.hold_for(&a)];
        assert!(own[0].add_within(4, &limits) && !own[1].add_within(3, &limits));
        assert!(own[1].add_within(2, &limits));
        let mut other = places.hold_for(&b);
        assert!(!other.add_within(5, &limits) && other.add_within(4, &limits));
        drop(own);
        assert!(other.add_within(2, &limits), "what was refused counts nowhere");
        assert_eq!(places.bytes(), 6);
    }
}
