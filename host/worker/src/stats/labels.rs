//! The labels under which requests are counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use snow_core::lock;

/// Routes that are counted each by itself, unless a limit says otherwise.
const ROUTES_MAX: usize = 10_000;

/// Names a label under which requests are counted, on all workers of a server and for the life of
/// the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(pub u32);

impl LabelId {
    /// Returns the label's place in [`Labels::all`], and in a table by label.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The labels of all workers of a server: a guest's name and a route's pattern each. A guest that
/// comes back, or a new version of it, goes on counting under its old labels.
#[derive(Debug)]
pub struct Labels {
    routes_max: usize,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// By guest and pattern.
    ids: BTreeMap<Arc<str>, BTreeMap<Arc<str>, LabelId>>,
    labels: Vec<Label>,
}

/// A guest's name and a route's pattern.
pub type Label = (Arc<str>, Arc<str>);

impl Labels {
    /// The label of requests that reach no guest: `-` and `-`.
    pub const NOBODY: LabelId = LabelId(0);
    /// The label that all routes beyond the limit share: `*` and `*`.
    pub const OTHERS: LabelId = LabelId(1);

    /// Creates labels for so many routes. Those that come later share [`Labels::OTHERS`].
    pub fn new(routes_max: usize) -> Labels {
        let labels = ["-", "*"].map(|name| (name.into(), name.into())).to_vec();
        Labels { routes_max, known: Mutex::new(Known { ids: BTreeMap::new(), labels }) }
    }

    /// Returns all labels, in the order of their ids.
    pub fn all(&self) -> Vec<Label> {
        lock(&self.known).labels.clone()
    }

    /// Returns the id of a label, which is new if nobody has asked for it before.
    pub(super) fn id(&self, guest: &Arc<str>, pattern: &str) -> LabelId {
        let Known { ids, labels } = &mut *lock(&self.known);
        if let Some(id) = ids.get(guest).and_then(|patterns| patterns.get(pattern)) {
            return *id;
        }
        // The first two are no route's.
        if labels.len() - 2 >= self.routes_max {
            return Labels::OTHERS;
        }
        let (id, pattern) = (LabelId(labels.len() as u32), Arc::<str>::from(pattern));
        labels.push((guest.clone(), pattern.clone()));
        ids.entry(guest.clone()).or_default().insert(pattern, id);
        id
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::new(ROUTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_ids_and_are_bounded() {
        let labels = Labels::new(2);
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let ids = [labels.id(&a, "/x"), labels.id(&b, "/x"), labels.id(&a, "/x")];
        assert_eq!(ids, [2, 3, 2].map(LabelId));
        assert_eq!(labels.id(&a, "/y"), Labels::OTHERS);
        assert_eq!(labels.id(&b, "/x"), LabelId(3), "who was known stays so");
        let all: Vec<String> =
            labels.all().iter().map(|(guest, pattern)| format!("{guest} {pattern}")).collect();
        assert_eq!(all, ["- -", "* *", "a /x", "b /x"]);
    }
}
