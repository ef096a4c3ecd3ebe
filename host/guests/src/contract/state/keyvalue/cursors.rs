//! Numbers that stand for keys.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Numbers of pages that an instance can go on from.
const CURSORS_MAX: usize = 256;

/// The last keys of pages, by numbers: `0.2.0-draft` has a number where a key would do.
///
/// A number is a hash of its key, so one that another instance had is unknown here, instead of
/// standing for some other key.
#[derive(Default)]
pub(crate) struct Cursors(VecDeque<(u64, Arc<str>)>);

impl Cursors {
    /// Returns the number of a key, and remembers the key.
    pub fn number(&mut self, key: Arc<str>) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let number = hasher.finish();
        if self.key(number).is_none() {
            self.0.truncate(CURSORS_MAX - 1);
            self.0.push_front((number, key));
        }
        number
    }

    /// Returns the key of a number.
    pub fn key(&self, number: u64) -> Option<Arc<str>> {
        self.0.iter().find(|(known, _)| *known == number).map(|(_, key)| key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_bounded_and_stand_for_their_keys_alone() {
        let mut cursors = Cursors::default();
        let first = cursors.number("a".into());
        assert_eq!(cursors.number("a".into()), first);
        assert_eq!(cursors.key(first).as_deref(), Some("a"));
        assert_eq!(Cursors::default().key(first), None, "of another instance");
        for number in 0..CURSORS_MAX {
            cursors.number(number.to_string().into());
        }
        assert_eq!((cursors.key(first), cursors.0.len()), (None, CURSORS_MAX));
    }
}
