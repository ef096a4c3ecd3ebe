//! Which versions of guests exist: those that serve, and those that still have requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use snow_guests::Version;
use snow_runtime::VersionId;

/// All versions that a worker or the catalog still needs. It keeps none of them alive.
#[derive(Default)]
pub(super) struct Versions {
    known: BTreeMap<VersionId, Weak<Version>>,
    /// Versions that [`Versions::take_excess`] has returned.
    excess: BTreeSet<VersionId>,
}

impl Versions {
    /// Returns the lowest id that no version has. Ids stay small because workers index tables by
    /// them.
    pub fn free_id(&mut self) -> VersionId {
        self.known.retain(|_, version| version.strong_count() > 0);
        self.excess.retain(|id| self.known.contains_key(id));
        let mut ids = (0..).map(VersionId);
        ids.find(|id| !self.known.contains_key(id)).expect("there are fewer versions than ids")
    }

    /// Adds a new version.
    pub fn add(&mut self, version: &Arc<Version>) {
        self.known.insert(version.id, Arc::downgrade(version));
    }

    /// Returns all versions that exist.
    pub fn alive(&self) -> Vec<Arc<Version>> {
        self.known.values().filter_map(Weak::upgrade).collect()
    }

    /// Returns weak references to all versions, which keep none of them alive.
    pub fn known(&self) -> Vec<Weak<Version>> {
        self.known.values().cloned().collect()
    }

    /// Returns the oldest versions of each guest that has more than `versions_max`, but none that
    /// is in `kept`. Each version is returned once.
    pub fn take_excess(&mut self, versions_max: usize, kept: &[VersionId]) -> Vec<Arc<Version>> {
        let mut of_guests: BTreeMap<Arc<str>, Vec<Arc<Version>>> = BTreeMap::new();
        for version in self.alive() {
            of_guests.entry(version.guest.name.clone()).or_default().push(version);
        }
        let mut taken = Vec::new();
        for mut versions in of_guests.into_values() {
            versions.sort_by_key(|version| version.nth);
            let excess = versions.len().saturating_sub(versions_max);
            taken.extend(
                versions.into_iter().filter(|version| !kept.contains(&version.id)).take(excess),
            );
        }
        taken.retain(|version| self.excess.insert(version.id));
        taken
    }
}
