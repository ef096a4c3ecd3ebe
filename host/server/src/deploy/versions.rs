//! Which versions of guests are there: those that serve, and those that still have requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use snow_guests::Version;
use snow_runtime::VersionId;

/// Knows every version that somebody still needs, and keeps none.
#[derive(Default)]
pub(super) struct Versions {
    known: BTreeMap<VersionId, Weak<Version>>,
    /// Those that were too many.
    excess: BTreeSet<VersionId>,
}

impl Versions {
    /// Returns the lowest id that no version has: workers keep tables by it.
    pub fn free_id(&mut self) -> VersionId {
        self.known.retain(|_, version| version.strong_count() > 0);
        self.excess.retain(|id| self.known.contains_key(id));
        let mut ids = (0..).map(VersionId);
        ids.find(|id| !self.known.contains_key(id)).expect("there are fewer versions than ids")
    }

    pub fn add(&mut self, version: &Arc<Version>) {
        self.known.insert(version.id, Arc::downgrade(version));
    }

    /// Which version the newest of a guest is, of those that are needed; 0 if there is none.
    pub fn newest(&self, name: &str) -> u32 {
        let of_guest = self.alive().into_iter().filter(|version| &*version.guest.name == name);
        of_guest.map(|version| version.nth).max().unwrap_or(0)
    }

    /// All that are needed.
    pub fn alive(&self) -> Vec<Arc<Version>> {
        self.known.values().filter_map(Weak::upgrade).collect()
    }

    /// The same, without keeping them.
    pub fn known(&self) -> Vec<Weak<Version>> {
        self.known.values().cloned().collect()
    }

    /// The oldest ones of each guest that has more than so many, those in `kept` aside. Each is returned once.
    pub fn take_excess(&mut self, versions_max: usize, kept: &[VersionId]) -> Vec<Arc<Version>> {
        let mut of_guests: BTreeMap<Arc<str>, Vec<Arc<Version>>> = BTreeMap::new();
        for version in self.alive() {
            of_guests.entry(version.guest.name.clone()).or_default().push(version);
        }
        let mut taken = Vec::new();
        for mut versions in of_guests.into_values() {
            versions.sort_by_key(|version| version.nth);
            let excess = versions.len().saturating_sub(versions_max);
            taken.extend(versions.into_iter().filter(|version| !kept.contains(&version.id)).take(excess));
        }
        taken.retain(|version| self.excess.insert(version.id));
        taken
    }
}
