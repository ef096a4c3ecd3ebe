//! The guests that are loaded, and how they become what serves.
//!
//! A version that can't be loaded changes nothing. One that traps too often in its first calls is
//! withdrawn, and the version before it serves again. All work here is the deployer's: building the
//! table of routes and freeing old versions keep no worker's loop waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

use super::loading::LeftOut;
use super::serving::Serving;
use super::versions::Versions;
use crate::workers::WorkerHandle;
use snow_config::manifest::{self, Manifest, restart_only};
use snow_config::{GuestConfig, Limits, Rollback};
use snow_guests::{Conflict, Deployment, Guest, Misfit, Runtime, Share, Successor, Trial, Version};
use snow_runtime::{Level, Log, VersionId};
use snow_worker::Message;

/// Where a worker gets its share of a deployment.
pub struct WorkerLink {
    /// The worker.
    pub worker: WorkerHandle,
    /// The place where it finds its share when it is told to adopt.
    pub successor: Successor,
}

/// All guests that are loaded, each with the version that serves. Changes take effect with
/// [`Catalog::publish`].
pub struct Catalog {
    runtime: Runtime,
    log: Log,
    /// The manifest in force: settings that need a restart are those of the start.
    manifest: Manifest,
    /// Guests that serve, by name.
    guests: BTreeMap<String, Deployed>,
    /// Names of guests whose newest file can't be loaded.
    left_out: BTreeSet<String>,
    versions: Versions,
    serving: Serving,
    /// The workers. Empty until [`Catalog::connect`].
    links: Vec<WorkerLink>,
    /// Conflicts between patterns that the log has reported and that still exist.
    conflicts: Vec<Conflict>,
}

/// A guest that serves.
struct Deployed {
    path: PathBuf,
    version: Arc<Version>,
    /// The version that serves again if `version` fails its trial. `None` once the trial is over.
    before: Option<Arc<Version>>,
}

impl Catalog {
    /// Returns a catalog without guests and without workers.
    pub fn new(runtime: Runtime, log: Log, manifest: Manifest) -> Catalog {
        let (deployment, _) = Deployment::new(Vec::new(), &runtime.permits);
        let serving = Serving::new(Arc::new(deployment), runtime.limits.clone());
        Catalog {
            runtime,
            log,
            manifest,
            guests: BTreeMap::new(),
            left_out: BTreeSet::new(),
            versions: Versions::default(),
            serving,
            links: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// Returns the view of what serves that other threads keep.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Returns the share of what serves now for the worker with this counter of instances.
    pub fn share(&self, instances: Arc<AtomicUsize>) -> Share {
        let older = self.versions.alive();
        let runtime = self.runtime.for_worker(instances);
        self.serving.deployment().share(runtime, &older, self.manifest.server.access_log)
    }

    /// Sends every later deployment to these workers.
    pub fn connect(&mut self, links: Vec<WorkerLink>) {
        self.links = links;
    }

    /// Takes a new manifest, which is in force after the next [`Catalog::publish`]. Settings that
    /// can't change while the server runs are named in the log.
    pub fn take_manifest(&mut self, manifest: &Manifest) {
        for line in restart_only(&self.manifest, manifest) {
            self.log.host(Level::Warn, line);
        }
        self.manifest = manifest.live(&self.manifest);
        let limits = Arc::new(self.manifest.limits.clone());
        let permits = self.runtime.permits.under(&self.manifest.guests, &limits);
        self.runtime = self.runtime.under(limits, permits);
        self.log.host(Level::Info, format!("{} is in force", manifest::FILE_NAME));
    }

    /// Notes that a guest could not be loaded from this file. The version that served before keeps
    /// serving.
    pub fn note_failure(&mut self, name: &str, path: &Path, error: &anyhow::Error) {
        self.left_out.insert(name.to_owned());
        self.serving.journal().failed(name, path, format!("{error:#}"));
    }

    /// Adds a guest that was loaded from this file, or a new version of it.
    pub fn put(&mut self, name: &str, path: &Path, guest: Guest) {
        let replaced = self.guests.remove(name);
        self.left_out.remove(name);
        self.serving.journal().loaded(name, path, replaced.is_some());
        // A guest's first version is not tried: no other could serve in its place.
        let rollback = replaced.as_ref().map_or(Rollback::Never, |_| self.rollback(name));
        let version = Arc::new(Version {
            guest,
            id: self.versions.free_id(),
            nth: self.versions.newest(name) + 1,
            since: SystemTime::now(),
            trial: Trial::new(rollback),
        });
        self.versions.add(&version);
        let before = replaced.and_then(Deployed::good_one);
        // At the start there are no workers yet, and the table of routes is printed instead.
        if !self.links.is_empty() {
            let (nth, file, routes) = (version.nth, path.display(), version.guest.routes.len());
            let message =
                format!("{name}: version {nth} serves, loaded from {file} with {routes} routes");
            self.log.host(Level::Info, message);
        }
        self.guests.insert(name.to_owned(), Deployed { path: path.to_owned(), version, before });
    }

    fn rollback(&self, name: &str) -> Rollback {
        let own = self.manifest.guests.get(name).and_then(|config| config.rollback);
        own.unwrap_or(self.manifest.rollback)
    }

    /// Removes a guest whose file is gone. Returns the number of the version that served, if one
    /// did.
    pub fn remove(&mut self, name: &str) -> Option<u32> {
        self.serving.journal().removed(name);
        self.left_out.remove(name);
        self.guests.remove(name).map(|deployed| deployed.version.nth)
    }

    /// Returns what all calls share, under the manifest in force.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> &Limits {
        &self.runtime.limits
    }

    /// Returns the number of the version of a guest that serves, if one does.
    pub fn serves(&self, name: &str) -> Option<u32> {
        self.guests.get(name).map(|deployed| deployed.version.nth)
    }

    /// Ends the trial of a version that has passed it: the version before it can't serve again.
    pub fn prove(&mut self, version: VersionId) {
        if let Some(deployed) =
            self.guests.values_mut().find(|deployed| deployed.version.id == version)
        {
            deployed.before = None;
        }
    }

    /// Withdraws a version that trapped too often in its first calls: the version before it serves
    /// again, until the file changes. Publishes, and returns the same as [`Catalog::publish`].
    pub fn roll_back(&mut self, version: VersionId) -> Vec<LeftOut> {
        let found = self.guests.values_mut().find(|deployed| deployed.version.id == version);
        let Some((deployed, before)) =
            found.and_then(|deployed| deployed.before.take().map(|b| (deployed, b)))
        else {
            // A newer version has replaced it since the worker reported it.
            return Vec::new();
        };
        let failed = std::mem::replace(&mut deployed.version, before);
        failed.trial.withdraw();
        let (name, traps) = (&failed.guest.name, failed.trial.traps());
        let (bad, good) = (failed.nth, deployed.version.nth);
        let message = format!(
            "{name}: {traps} of the first calls of version {bad} trapped (the lines above \
             have the reasons); version {good} serves again until {} changes",
            deployed.path.display()
        );
        self.log.host(Level::Error, message);
        self.serving.journal().rolled_back(name, bad);
        self.publish()
    }

    /// Makes a deployment of all guests and sends every worker its share. Guests whose routes do
    /// not fit beside those of the others are left out and returned.
    pub fn publish(&mut self) -> Vec<LeftOut> {
        let versions = self.guests.values().map(|deployed| deployed.version.clone()).collect();
        let (deployment, misfits) = Deployment::new(versions, &self.runtime.permits);
        let left_out = misfits.into_iter().filter_map(|misfit| self.leave_out(misfit)).collect();
        self.report_conflicts(&deployment);
        self.serving.publish(Arc::new(deployment), self.runtime.limits.clone());
        self.serving.journal().set_versions(self.versions.known());
        for link in &self.links {
            link.successor.put(self.share(link.worker.instances.clone()));
            link.worker.mailbox.send(Message::Adopt);
        }
        self.expel();
        left_out
    }

    fn leave_out(&mut self, Misfit { version, error }: Misfit) -> Option<LeftOut> {
        let deployed = self.guests.remove(&*version.guest.name)?;
        let error = anyhow::Error::from(error)
            .context("its routes do not fit beside those of the other guests");
        self.serving.journal().failed(&version.guest.name, &deployed.path, format!("{error:#}"));
        Some(LeftOut { path: deployed.path, error })
    }

    /// Logs each conflict once for as long as it lasts.
    fn report_conflicts(&mut self, deployment: &Deployment) {
        let conflicts = deployment.conflicts();
        for conflict in conflicts.iter().filter(|conflict| !self.conflicts.contains(conflict)) {
            self.log.host(Level::Warn, conflict.to_string());
        }
        self.conflicts = conflicts;
    }

    /// Tells the workers to answer 503 to what the oldest versions hold, of guests that have too
    /// many versions.
    fn expel(&mut self) {
        let kept: Vec<VersionId> = self.guests.values().flat_map(Deployed::ids).collect();
        let most = self.runtime.limits.versions_max;
        for version in self.versions.take_excess(most, &kept) {
            let (name, nth) = (&version.guest.name, version.nth);
            let message = format!(
                "{name}: more than {most} versions have requests (versions_max); the \
                 requests of version {nth} are answered 503"
            );
            self.log.host(Level::Warn, message);
            for link in &self.links {
                link.worker.mailbox.send(Message::Expel { version: version.id });
            }
        }
    }

    /// Returns hints for the log: tables of `snow.toml` that no guest has, and guests that may use
    /// no key. If a single guest's file is served (`is_folder` is false), the tables may be those
    /// of its neighbours.
    pub fn remarks(&self, is_folder: bool) -> Vec<(Level, String)> {
        let (tables, file) = (&self.manifest.guests, manifest::FILE_NAME);
        let deployment = self.serving.deployment();
        let guest_names = || deployment.versions.iter().map(|version| &*version.guest.name);
        let exists =
            |name: &str| guest_names().any(|guest| guest == name) || self.left_out.contains(name);
        let mut remarks = Vec::new();
        for name in tables.keys().filter(|name| is_folder && !exists(name)) {
            let near = manifest::suggestion(
                name,
                guest_names().filter(|guest| !tables.contains_key(*guest)),
            );
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            let message = format!(
                "{file} has a table [guest.{name}], but there is no guest of that name{near}"
            );
            remarks.push((Level::Warn, message));
        }
        let granted = |name: &str| tables.get(name).is_some_and(GuestConfig::has_grants);
        let without: Vec<&str> = guest_names().filter(|name| !granted(name)).collect();
        if tables.values().any(GuestConfig::has_grants) && !without.is_empty() {
            let names = without.join(", ");
            let message =
                format!("{file} has grants for some guests, so the others may use no key: {names}");
            remarks.push((Level::Info, message));
        }
        remarks
    }
}

impl Deployed {
    /// Returns the version that the next one falls back on. A version that has trapped in an
    /// unfinished trial is passed over for the one before it.
    fn good_one(self) -> Option<Arc<Version>> {
        let is_doubtful = !self.version.trial.is_over() && self.version.trial.traps() > 0;
        match self.before {
            Some(before) if is_doubtful => Some(before),
            _ => Some(self.version),
        }
    }

    fn ids(&self) -> impl Iterator<Item = VersionId> {
        std::iter::once(&self.version).chain(&self.before).map(|version| version.id)
    }
}
