//! What each guest has of the store, and values that outlive their entries.
//!
//! A guest that could take the room of all would end the others. So beside the limits of the whole
//! store, what lies in one guest's buckets is counted and bounded by itself.

use std::collections::{BTreeMap, VecDeque};

use snow_core::sync::Arc;

use crate::error::{Limit, StoreError};
use crate::limits::{Charge, StoreLimits, Totals, Usage};

/// Returns the name of the guest to which a bucket belongs: what stands before the first slash. For
/// a bucket that guests share this is no guest, but it has a share of the store like one.
pub(crate) fn guest_of(bucket: &str) -> &str {
    bucket.split_once('/').map_or(bucket, |(guest, _)| guest)
}

/// Changes what is counted of one guest, in a map that has no guest of whom nothing is counted.
pub(crate) fn change<T: Default + PartialEq>(
    guests: &mut BTreeMap<Arc<str>, T>,
    guest: &str,
    change: impl FnOnce(&mut T),
) {
    match guests.get_mut(guest) {
        Some(counted) => {
            change(counted);
            if *counted == T::default() {
                guests.remove(guest);
            }
        }
        // Only a guest that is not in the map yet costs a copy of its name.
        None => {
            let mut counted = T::default();
            change(&mut counted);
            if counted != T::default() {
                guests.insert(guest.into(), counted);
            }
        }
    }
}

/// What one guest has of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// The number of its buckets.
    pub buckets: usize,
    /// The entries in its buckets.
    pub usage: Usage,
    /// The bytes of values that were replaced or deleted, and that somebody still has.
    pub replaced: usize,
}

impl Share {
    /// Checks that the guest may have this in addition.
    ///
    /// # Errors
    /// [`StoreError::Full`]. Only a number that grows is held to its limit.
    pub fn check(&self, more: Charge, limits: &StoreLimits) -> Result<(), StoreError> {
        let Charge { usage, buckets, .. } = more;
        let bytes = self.usage.bytes + self.replaced;
        let numbers = [
            (self.buckets, buckets, Limit::GuestBuckets, limits.guest_store_buckets_max),
            (
                self.usage.entries,
                usage.entries,
                Limit::GuestEntries,
                limits.guest_store_entries_max,
            ),
            (bytes, usage.bytes, Limit::GuestBytes, limits.guest_store_bytes_max),
        ];
        let passed = numbers.iter().find(|(held, more, _, max)| *more > 0 && held + more > *max);
        passed.map_or(Ok(()), |&(_, _, limit, max)| Err(StoreError::Full { limit, max }))
    }

    /// Checks that a value may be set where another one was, although that adds nothing: the other
    /// one may outlive its entry. So whoever makes others wait for values, and replaces these before
    /// anybody takes them, comes to an end.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn check_replaced(&self, limits: &StoreLimits, totals: &Totals) -> Result<(), StoreError> {
        if self.replaced == 0 {
            return Ok(());
        }
        let max = limits.guest_store_bytes_max;
        if self.usage.bytes + self.replaced > max {
            return Err(StoreError::Full { limit: Limit::GuestBytes, max });
        }
        let max = limits.store_bytes_max;
        if totals.now().usage.bytes + totals.replaced_bytes() > max {
            return Err(StoreError::Full { limit: Limit::Bytes, max });
        }
        Ok(())
    }
}

/// The shares of guests, and the values that have outlived their entries.
#[derive(Default)]
pub(crate) struct Shares {
    /// By guest. One that has nothing is not in it.
    guests: BTreeMap<Arc<str>, Share>,
    /// Values that were replaced or deleted while somebody had them, with their guests. They are
    /// counted until this is the last to have them.
    replaced: VecDeque<(Arc<str>, Arc<[u8]>)>,
}

impl Shares {
    /// Returns what a guest has.
    pub fn of(&self, guest: &str) -> Share {
        self.guests.get(guest).copied().unwrap_or_default()
    }

    /// Returns what each guest has.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<str>, &Share)> {
        self.guests.iter()
    }

    /// Changes what a guest has.
    pub fn change(&mut self, guest: &str, by: impl FnOnce(&mut Share)) {
        change(&mut self.guests, guest, by);
    }

    /// Takes a value that is no entry's any more. It is counted if somebody still has it.
    pub fn replace(&mut self, guest: &str, value: Arc<[u8]>, totals: &Totals) {
        if Arc::strong_count(&value) == 1 || value.is_empty() {
            return;
        }
        totals.add_replaced(value.len());
        self.change(guest, |share| share.replaced += value.len());
        let name = self.guests.get_key_value(guest).map(|(name, _)| name.clone());
        self.replaced.push_back((name.expect("it has this value"), value));
    }

    /// Returns whether there are values that have outlived their entries.
    pub fn has_replaced(&self) -> bool {
        !self.replaced.is_empty()
    }

    /// Looks at some values that have outlived their entries, and frees those that nobody has any
    /// more. Returns whether some are left.
    ///
    /// They are looked at in turns. So each look is of constant cost, however many there are.
    pub fn free_replaced(&mut self, looks_max: usize, totals: &Totals) -> bool {
        for _ in 0..looks_max.min(self.replaced.len()) {
            let (guest, value) = self.replaced.pop_front().expect("there are so many");
            // Nobody else has it, and nobody can get it from here: so it stays so.
            if Arc::strong_count(&value) == 1 {
                totals.credit_replaced(value.len());
                self.change(&guest, |share| share.replaced -= value.len());
            } else {
                self.replaced.push_back((guest, value));
            }
        }
        !self.replaced.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_belongs_to_what_stands_before_its_first_slash() {
        assert_eq!(["shop", "shop/a/b", "/x", ""].map(guest_of), ["shop", "shop", "", ""]);
    }

    #[test]
    fn a_value_counts_until_nobody_has_it() {
        let (mut shares, totals) = (Shares::default(), Totals::default());
        let held: Arc<[u8]> = [1; 10][..].into();
        shares.replace("shop", held.clone(), &totals);
        shares.replace("shop", [1; 99][..].into(), &totals);
        assert_eq!((shares.of("shop").replaced, totals.replaced_bytes()), (10, 10));
        assert!(shares.free_replaced(9, &totals), "somebody has it");
        drop(held);
        assert!(!shares.free_replaced(9, &totals));
        assert_eq!((shares.of("shop"), totals.replaced_bytes()), (Share::default(), 0));
        assert_eq!(shares.all().count(), 0);
    }

    #[test]
    fn values_that_outlive_their_entries_leave_no_room_for_more_of_them() {
        let limits = StoreLimits {
            guest_store_bytes_max: 10,
            store_bytes_max: 100,
            ..StoreLimits::default()
        };
        let share =
            |bytes, replaced| Share { buckets: 1, usage: Usage { entries: 1, bytes }, replaced };
        let full = Err(StoreError::Full { limit: Limit::GuestBytes, max: 10 });
        let totals = Totals::default();
        assert_eq!(share(11, 0).check_replaced(&limits, &totals), Ok(()), "the limit was lowered");
        assert_eq!(share(5, 5).check_replaced(&limits, &totals), Ok(()));
        assert_eq!(share(5, 6).check_replaced(&limits, &totals), full);
        totals.add_replaced(101);
        let full = Err(StoreError::Full { limit: Limit::Bytes, max: 100 });
        assert_eq!(share(5, 5).check_replaced(&limits, &totals), full);
        assert_eq!(share(5, 0).check_replaced(&limits, &totals), Ok(()), "it is not this guest's");
    }
}
