//! What serves now and what became of each file, for every thread that is not the deployer's.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::journal::Journal;
use snow_config::Limits;
use snow_core::lock;
use snow_guests::Deployment;

/// Tells which guests serve. Cheap to clone; every clone stays up to date while the server runs.
#[derive(Clone)]
pub struct Serving {
    current: Arc<Mutex<Current>>,
    journal: Arc<Journal>,
}

/// The newest deployment, and the limits that came into force with it.
struct Current {
    deployment: Arc<Deployment>,
    limits: Arc<Limits>,
}

impl Serving {
    pub(crate) fn new(deployment: Arc<Deployment>, limits: Arc<Limits>) -> Serving {
        Serving {
            current: Arc::new(Mutex::new(Current { deployment, limits })),
            journal: Arc::default(),
        }
    }

    /// Replaces what serves.
    pub(super) fn publish(&self, deployment: Arc<Deployment>, limits: Arc<Limits>) {
        *lock(&self.current) = Current { deployment, limits };
    }

    /// Returns what serves now.
    pub(crate) fn deployment(&self) -> Arc<Deployment> {
        lock(&self.current).deployment.clone()
    }

    /// Returns the limits in force.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        lock(&self.current).limits.clone()
    }

    /// Returns what the deployer has done so far.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns the number of the version of a guest that serves, counted from 1 since the start,
    /// and when it was loaded. `None` if no version of the guest serves.
    pub fn version(&self, guest: &str) -> Option<(u32, SystemTime)> {
        let deployment = self.deployment();
        let version = deployment.versions.iter().find(|version| &*version.guest.name == guest)?;
        Some((version.nth, version.since))
    }

    /// Returns when loading the guest's file last failed. `None` if the file was loaded, or has not
    /// been tried.
    pub fn failed_at(&self, guest: &str) -> Option<SystemTime> {
        self.journal.guests().get(guest)?.failure.as_ref().map(|failure| failure.at)
    }
}
