//! What became of the files in the guests folder, for those who put them there.

use std::sync::Arc;
use std::time::SystemTime;

use super::deployer::Published;
use crate::deploy::journal::Journal;

/// Tells which version of a guest serves; cheap to clone. It is right for as long as the server runs.
#[derive(Clone)]
pub struct Serving {
    published: Published,
    journal: Arc<Journal>,
}

impl Serving {
    pub(crate) fn new(published: Published, journal: Arc<Journal>) -> Serving {
        Serving { published, journal }
    }

    /// Which version of a guest serves, if one does: the nth since the start. And since when.
    pub fn version(&self, guest: &str) -> Option<(u32, SystemTime)> {
        let deployment = self.published.deployment();
        let version = deployment.versions.iter().find(|version| &*version.guest.name == guest)?;
        Some((version.nth, version.since))
    }

    /// When what is in the guest's file now was tried in vain, if that is so.
    pub fn failed_at(&self, guest: &str) -> Option<SystemTime> {
        self.journal.guests().get(guest)?.failure.as_ref().map(|failure| failure.at)
    }
}
