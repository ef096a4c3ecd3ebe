//! Owners of pendings: how many each has, and how many it may have.

use super::Refusal;
use crate::sync::{AtomicUsize, Ordering};

/// The number of owners that are told apart, [`Owner::ANONYMOUS`] included.
pub const OWNERS_MAX: usize = 4_096;

/// The maker of pendings: a guest, by a number that its name keeps for as long as the guest exists
/// or owns a pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner(u16);

impl Owner {
    /// The owner of pendings whose maker has no number.
    pub const ANONYMOUS: Owner = Owner(0);

    /// Returns the owner with this number, from 1 to below [`OWNERS_MAX`]. `None` for other
    /// numbers.
    pub fn new(number: usize) -> Option<Owner> {
        if (1..OWNERS_MAX).contains(&number) { u16::try_from(number).ok().map(Owner) } else { None }
    }
}

/// An owner, and how many pendings it may have.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// The owner.
    pub owner: Owner,
    /// The most pendings that this owner may have at a time.
    pub pendings_max: usize,
}

impl Account {
    /// The account of [`Owner::ANONYMOUS`]. Only the registry's own limit applies to it.
    pub const ANONYMOUS: Account = Account { owner: Owner::ANONYMOUS, pendings_max: usize::MAX };
}

/// How many pendings each owner has.
///
/// These are only numbers: the registry sees to it that each pending is added once and removed
/// once.
pub(super) struct OwnerCounts(Box<[AtomicUsize]>);

impl OwnerCounts {
    pub fn new() -> OwnerCounts {
        OwnerCounts((0..OWNERS_MAX).map(|_| AtomicUsize::new(0)).collect())
    }

    /// Adds a pending, unless the account is full.
    #[inline]
    pub fn add(&self, account: Account) -> Result<(), Refusal> {
        let count = self.of(account.owner);
        // Count first, then look: two threads that race for the last place can't both get it.
        if count.fetch_add(1, Ordering::Relaxed) >= account.pendings_max {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Limit);
        }
        Ok(())
    }

    /// Removes a pending.
    #[inline]
    pub fn remove(&self, owner: Owner) {
        self.of(owner).fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns how many pendings an owner has now.
    #[inline]
    pub fn count(&self, owner: Owner) -> usize {
        self.of(owner).load(Ordering::Relaxed)
    }

    fn of(&self, owner: Owner) -> &AtomicUsize {
        &self.0[usize::from(owner.0)]
    }
}
