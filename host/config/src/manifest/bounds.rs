//! Settings that can't be above a limit.

use super::key::{Key, Keys};
use super::tables;
use crate::config::Limits;

/// A setting that is above the limit that bounds it.
pub(super) struct Exceeding {
    pub name: &'static str,
    pub value: u64,
    /// The name of the limit.
    pub bound: &'static str,
    /// The value of the limit.
    pub most: u64,
}

/// Returns the settings of a table that are above the limits that bound them.
pub(super) fn exceeding<T>(keys: &Keys<T>, of: &T, limits: &Limits) -> Vec<Exceeding> {
    let exceeding = |(key, bound, most): (&dyn Key<T>, _, _)| {
        let value = key.json(of).as_u64().filter(|value| *value > most)?;
        Some(Exceeding { name: key.about().name, value, bound, most })
    };
    bounded(keys, limits).filter_map(exceeding).collect()
}

/// Lowers the settings of a table to the limits that bound them.
pub(super) fn fit<T>(keys: &Keys<T>, of: &mut T, limits: &Limits) {
    bounded(keys, limits).for_each(|(key, _, most)| key.cut(of, most));
}

/// Returns the keys that have a bound, with its name and value.
fn bounded<'k, T>(
    keys: &'k Keys<T>,
    limits: &Limits,
) -> impl Iterator<Item = (&'k dyn Key<T>, &'static str, u64)> {
    keys.iter().filter_map(|key| {
        let bound = key.about().at_most?;
        let most = tables::limit(bound).json(limits).as_u64()?;
        Some((&**key, bound, most))
    })
}
