//! On whose account pendings are counted, and who made one.

use super::Refusal;
use crate::sync::{AtomicUsize, Ordering};

/// How many owners are told apart, [`Owner::ANONYMOUS`] included.
pub const OWNERS_MAX: usize = 4_096;

/// Who makes pendings: a guest, by a number that its name keeps for the life of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner(u16);

impl Owner {
    /// Nobody in particular.
    pub const ANONYMOUS: Owner = Owner(0);

    /// The owner with this number, from 1 to below [`OWNERS_MAX`]; `None` for others.
    pub fn new(number: usize) -> Option<Owner> {
        if (1..OWNERS_MAX).contains(&number) { u16::try_from(number).ok().map(Owner) } else { None }
    }
}

/// An owner, and how much it may own.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Who.
    pub owner: Owner,
    /// Pendings of this owner that may exist at one time.
    pub pendings_max: usize,
}

impl Account {
    /// Nobody's, without a limit of its own.
    pub const ANONYMOUS: Account = Account { owner: Owner::ANONYMOUS, pendings_max: usize::MAX };
}

/// How many pendings each owner has. Numbers only; that each is counted once and discounted once is the registry's.
pub(super) struct Owners(Box<[AtomicUsize]>);

impl Owners {
    pub fn new() -> Owners {
        Owners((0..OWNERS_MAX).map(|_| AtomicUsize::new(0)).collect())
    }

    /// Counts one more, unless the account is full.
    pub fn add(&self, account: Account) -> Result<(), Refusal> {
        let count = self.of(account.owner);
        if count.fetch_add(1, Ordering::Relaxed) >= account.pendings_max {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Limit);
        }
        Ok(())
    }

    /// Counts one less.
    pub fn remove(&self, owner: Owner) {
        self.of(owner).fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are now.
    pub fn count(&self, owner: Owner) -> usize {
        self.of(owner).load(Ordering::Relaxed)
    }

    fn of(&self, owner: Owner) -> &AtomicUsize {
        &self.0[usize::from(owner.0)]
    }
}
