//! The pendings of a call. JavaScript has numbers in their place, because it keeps values longer
//! than a call lasts.

use std::cell::RefCell;

use crate::snow::host::pending_handles::Pending;

thread_local! {
    static PENDINGS: RefCell<Pendings> =
        const { RefCell::new(Pendings { first: 0, list: Vec::new() }) };
}

struct Pendings {
    /// The number of the first pending of this call. Numbers are not used twice.
    first: u32,
    /// The pendings of this call; none in the place of one that was given away or released.
    list: Vec<Option<Pending>>,
}

/// Keeps a pending, and returns its number.
pub fn keep(pending: Pending) -> u32 {
    PENDINGS.with_borrow_mut(|pendings| {
        let id = pendings.first.wrapping_add(pendings.list.len() as u32);
        pendings.list.push(Some(pending));
        id
    })
}

/// Hands the pendings with these numbers to a function.
///
/// # Errors
/// One of them is gone.
pub fn with<T>(ids: &[u32], look: impl FnOnce(&[&Pending]) -> T) -> Result<T, Gone> {
    PENDINGS.with_borrow(|pendings| {
        let find = |id: &u32| pendings.list.get(id.wrapping_sub(pendings.first) as usize)?.as_ref();
        let found: Option<Vec<&Pending>> = ids.iter().map(find).collect();
        found.map(|found| look(&found)).ok_or(Gone)
    })
}

/// Takes a pending out, to release it or to give it away.
///
/// # Errors
/// It is gone.
pub fn take(id: u32) -> Result<Pending, Gone> {
    PENDINGS.with_borrow_mut(|pendings| {
        let index = id.wrapping_sub(pendings.first) as usize;
        pendings.list.get_mut(index).and_then(Option::take).ok_or(Gone)
    })
}

/// Releases all that are left at the end of a call.
pub fn end_of_call() {
    let left = PENDINGS.with_borrow_mut(|pendings| {
        pendings.first = pendings.first.wrapping_add(pendings.list.len() as u32);
        std::mem::take(&mut pendings.list)
    });
    drop(left);
}

/// A pending was released, was given to a suspension, or belongs to an earlier call.
pub struct Gone;
