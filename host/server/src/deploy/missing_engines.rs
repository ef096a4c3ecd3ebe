//! Engines that are not installed yet: the guests that need one are loaded once it is there.

use super::catalog::Catalog;
use snow_guests::Loader;

/// How often a missing engine is looked for.
const LOOK_MS: u64 = 1_000;

/// Looks for engines that guests lack, and for none if no guest lacks one.
#[derive(Default)]
pub(super) struct MissingEngines {
    /// When they were last looked for.
    looked_ms: u64,
}

impl MissingEngines {
    /// Returns when to look for them again.
    pub fn next_look_ms(&self, catalog: &Catalog) -> Option<u64> {
        catalog.lacks_engines().then_some(self.looked_ms + LOOK_MS)
    }

    /// Returns the guests whose engine has been installed, if it is time to look for that.
    pub fn look(&mut self, catalog: &mut Catalog, loader: &Loader, now_ms: u64) -> Vec<String> {
        if self.next_look_ms(catalog).is_none_or(|due_ms| now_ms < due_ms) {
            return Vec::new();
        }
        self.looked_ms = now_ms;
        catalog.take_equipped(|language| loader.has_engine(language))
    }
}
