//! The labels under which requests are counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use snow_core::{cut, lock};
use snow_runtime::Route;

/// Routes that are counted each by itself, unless a limit says otherwise.
const ROUTES_MAX: usize = 10_000;
/// Bytes of the methods in a label. A guest that declares more shares labels.
const METHODS_BYTES_MAX: usize = 128;

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

/// The labels of all workers of a server: a guest's name and a route's methods and pattern each. A
/// guest that comes back, or a new version of it, goes on counting under its old labels.
#[derive(Debug)]
pub struct Labels {
    routes_max: usize,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    ids: BTreeMap<Label, LabelId>,
    labels: Vec<Label>,
}

/// A guest's name, and a route's methods and pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The guest's name.
    pub guest: Arc<str>,
    /// The methods with commas between them, or `*` for all.
    pub methods: Arc<str>,
    /// The pattern, as the guest declares it.
    pub pattern: Arc<str>,
}

impl Label {
    /// Makes the label of a guest's route.
    pub fn new(guest: &Arc<str>, route: &Route) -> Label {
        let Route { methods, pattern } = route;
        // The order means nothing, and a new version may have another.
        let mut sorted: Vec<&str> = methods.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let methods = if methods.is_empty() { "*".to_owned() } else { sorted.join(",") };
        Label {
            guest: guest.clone(),
            methods: cut(&methods, METHODS_BYTES_MAX).into(),
            pattern: pattern.as_str().into(),
        }
    }

    /// Makes a label that is no route's.
    fn of_none(name: &str) -> Label {
        Label { guest: name.into(), methods: name.into(), pattern: name.into() }
    }
}

impl Labels {
    /// The label of requests that reach no guest: `-` in all its parts.
    pub const NOBODY: LabelId = LabelId(0);
    /// The label that all routes beyond the limit share: `*` in all its parts.
    pub const OTHERS: LabelId = LabelId(1);

    /// Creates labels for so many routes. Those that come later share [`Labels::OTHERS`].
    pub fn new(routes_max: usize) -> Labels {
        let labels = ["-", "*"].map(Label::of_none).to_vec();
        Labels { routes_max, known: Mutex::new(Known { ids: BTreeMap::new(), labels }) }
    }

    /// Returns all labels, in the order of their ids.
    pub fn all(&self) -> Vec<Label> {
        lock(&self.known).labels.clone()
    }

    /// Returns the id of a label, which is new if nobody has asked for it before.
    pub(super) fn id(&self, label: Label) -> LabelId {
        let Known { ids, labels } = &mut *lock(&self.known);
        if let Some(id) = ids.get(&label) {
            return *id;
        }
        // The first two are no route's.
        if labels.len() - 2 >= self.routes_max {
            return Labels::OTHERS;
        }
        let id = LabelId(labels.len() as u32);
        labels.push(label.clone());
        ids.insert(label, id);
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
        let id = |guest: &str, pattern| labels.id(label(guest, &[], pattern));
        assert_eq!([id("a", "/x"), id("b", "/x"), id("a", "/x")], [2, 3, 2].map(LabelId));
        assert_eq!(id("a", "/y"), Labels::OTHERS);
        assert_eq!(id("b", "/x"), LabelId(3), "who was known stays so");
        let shown = |Label { guest, methods, pattern }| format!("{guest} {methods} {pattern}");
        let all: Vec<String> = labels.all().into_iter().map(shown).collect();
        assert_eq!(all, ["- - -", "* * *", "a * /x", "b * /x"]);
    }

    #[test]
    fn routes_of_one_pattern_differ_by_their_methods() {
        let get = label("a", &["GET"], "/x");
        assert_ne!(get, label("a", &["POST"], "/x"));
        assert_ne!(get, label("a", &[], "/x"));
        let both = label("a", &["POST", "GET", "POST"], "/x");
        assert_eq!(both, label("a", &["GET", "POST"], "/x"), "in any order");
        assert_eq!(&*both.methods, "GET,POST");
        assert!(label("a", &["X"; 1_000], "/x").methods.len() < 10);
        let many: Vec<String> = (0..1_000).map(|number| format!("M{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(label("a", &many, "/x").methods.len() <= METHODS_BYTES_MAX + "…".len());
    }

    fn label(guest: &str, methods: &[&str], pattern: &str) -> Label {
        let methods = methods.iter().map(|&method| method.to_owned()).collect();
        Label::new(&guest.into(), &Route { methods, pattern: pattern.to_owned() })
    }
}
