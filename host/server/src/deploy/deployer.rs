//! Keeps what serves in step with the guests folder: loads what is new there, and puts it in place as a whole.
//!
//! One thread does this, beside the workers: reading, compiling, building the table of routes and freeing what nobody
//! needs any more never keep a loop waiting. A version that can't be loaded changes nothing. One that traps too often in
//! its first calls is withdrawn, and the one before it serves again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::remarks::remarks;
use super::versions::Versions;
use crate::deploy::journal::Journal;
use snow_config::manifest::{self, Manifest, restart_only};
use snow_config::{Limits, Rollback};
use snow_guests::{Conflict, Deployment, Guest, Misfit, Runtime, Share, Successor, Trial, Version};
use snow_runtime::{Level, Log, VersionId};
use snow_worker::{Mailbox, Message};

/// A guest that was left out, and why.
#[derive(Debug)]
pub struct LeftOut {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub error: anyhow::Error,
}

/// How a worker is told of a deployment.
pub struct Link {
    /// Where its orders go.
    pub mailbox: Arc<Mailbox>,
    /// Where its instances are counted.
    pub instances: Arc<AtomicUsize>,
    /// Where it finds its share.
    pub successor: Successor,
}

/// What serves now, for others to look at.
#[derive(Clone)]
pub struct Published(Arc<Mutex<(Arc<Deployment>, Arc<Limits>)>>);

impl Published {
    fn new(deployment: Arc<Deployment>, limits: Arc<Limits>) -> Published {
        Published(Arc::new(Mutex::new((deployment, limits))))
    }

    /// What serves now.
    pub fn deployment(&self) -> Arc<Deployment> {
        self.lock().0.clone()
    }

    /// The limits in force.
    pub fn limits(&self) -> Arc<Limits> {
        self.lock().1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Arc<Deployment>, Arc<Limits>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module's text.
pub struct Deployer {
    runtime: Runtime,
    log: Log,
    /// What takes effect of it.
    manifest: Manifest,
    /// By name.
    guests: BTreeMap<String, Deployed>,
    /// Guests whose newest file can't be loaded.
    left_out: BTreeSet<String>,
    versions: Versions,
    published: Published,
    journal: Arc<Journal>,
    links: Vec<Link>,
    /// What has been said of conflicting patterns.
    conflicts: Vec<Conflict>,
}

/// A guest that serves.
struct Deployed {
    path: PathBuf,
    version: Arc<Version>,
    /// What serves again if that one fails its trial, for as long as that lasts.
    before: Option<Arc<Version>>,
}

impl Deployer {
    /// With no guests yet, and no workers.
    pub fn new(runtime: Runtime, log: Log, manifest: Manifest) -> Deployer {
        let (deployment, _) = Deployment::new(Vec::new(), &runtime.permits);
        let published = Published::new(Arc::new(deployment), runtime.limits.clone());
        Deployer {
            runtime,
            log,
            manifest,
            guests: BTreeMap::new(),
            left_out: BTreeSet::new(),
            versions: Versions::default(),
            published,
            journal: Arc::default(),
            links: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// What serves now, for others to look at.
    pub fn published(&self) -> Published {
        self.published.clone()
    }

    /// What has been done so far, for others to look at.
    pub fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    /// A worker's share of what serves now.
    pub fn share(&self, instances: Arc<AtomicUsize>) -> Share {
        let older = self.versions.alive();
        let runtime = self.runtime.for_worker(instances);
        self.published.deployment().share(runtime, &older, self.manifest.server.access_log)
    }

    /// The workers that are told from now on.
    pub fn connect(&mut self, links: Vec<Link>) {
        self.links = links;
    }

    /// Another manifest counts, once [`Deployer::publish`] is called. What of it can't take effect is said.
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

    /// A guest could not be loaded from this file. Whatever served before serves on.
    pub fn refused(&mut self, name: &str, path: &Path, error: &anyhow::Error) {
        self.left_out.insert(name.to_owned());
        self.journal.failed(name, path, format!("{error:#}"));
    }

    /// A guest was loaded from this file. It serves once [`Deployer::publish`] is called.
    pub fn put(&mut self, name: &str, path: &Path, guest: Guest) {
        let replaced = self.guests.remove(name);
        self.left_out.remove(name);
        self.journal.loaded(name, path, replaced.is_some());
        // The first version has nothing that could take its place.
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
        if !self.links.is_empty() {
            let (nth, file, routes) = (version.nth, path.display(), version.guest.routes.len());
            let message = format!("{name}: version {nth} serves, from {file} with {routes} routes");
            self.log.host(Level::Info, message);
        }
        self.guests.insert(name.to_owned(), Deployed { path: path.to_owned(), version, before });
    }

    fn rollback(&self, name: &str) -> Rollback {
        let own = self.manifest.guests.get(name).and_then(|config| config.rollback);
        own.unwrap_or(self.manifest.rollback)
    }

    /// A guest's file is gone. Which version served, if one did.
    pub fn remove(&mut self, name: &str) -> Option<u32> {
        self.journal.removed(name);
        self.left_out.remove(name);
        self.guests.remove(name).map(|deployed| deployed.version.nth)
    }

    /// What calls share, under the manifest that counts.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.runtime.limits
    }

    /// Whether a guest of this name serves, and which version.
    pub fn serves(&self, name: &str) -> Option<u32> {
        self.guests.get(name).map(|deployed| deployed.version.nth)
    }

    /// What a deployer has perhaps overlooked, for the log. `is_folder`: this is not a single guest's file.
    pub fn remarks(&self, is_folder: bool) -> Vec<(Level, String)> {
        remarks(&self.published.deployment(), &self.manifest.guests, &self.left_out, is_folder)
    }

    /// A version has passed its trial: the one before it is kept for nobody but the requests that it still has.
    pub fn prove(&mut self, version: VersionId) {
        if let Some(deployed) = self.guests.values_mut().find(|deployed| deployed.version.id == version) {
            deployed.before = None;
        }
    }

    /// A version has trapped too often in its first calls: the one before it serves again, until the file changes.
    /// Returns what [`Deployer::publish`] does.
    pub fn roll_back(&mut self, version: VersionId) -> Vec<LeftOut> {
        let found = self.guests.values_mut().find(|deployed| deployed.version.id == version);
        let Some((deployed, before)) = found.and_then(|deployed| deployed.before.take().map(|b| (deployed, b))) else {
            // It was replaced meanwhile.
            return Vec::new();
        };
        let failed = std::mem::replace(&mut deployed.version, before);
        failed.trial.withdraw();
        let (name, traps) = (&failed.guest.name, failed.trial.traps());
        let (bad, good) = (failed.nth, deployed.version.nth);
        let message = format!(
            "{name}: {traps} of the first calls of version {bad} have trapped (above is why); version {good} serves \
             again until {} changes",
            deployed.path.display()
        );
        self.log.host(Level::Error, message);
        self.journal.rolled_back(name, bad);
        self.publish()
    }

    /// Puts what is loaded in place, as a whole, on every worker. Guests whose routes do not fit beside the others' are
    /// left out and returned.
    pub fn publish(&mut self) -> Vec<LeftOut> {
        let versions = self.guests.values().map(|deployed| deployed.version.clone()).collect();
        let (deployment, misfits) = Deployment::new(versions, &self.runtime.permits);
        let rejected = misfits.into_iter().filter_map(|misfit| self.leave_out(misfit)).collect();
        self.report_conflicts(&deployment);
        *self.published.lock() = (Arc::new(deployment), self.runtime.limits.clone());
        self.journal.set_versions(self.versions.known());
        for link in &self.links {
            link.successor.put(self.share(link.instances.clone()));
            link.mailbox.control.send(Message::Adopt);
        }
        self.expel();
        rejected
    }

    fn leave_out(&mut self, Misfit { version, error }: Misfit) -> Option<LeftOut> {
        let deployed = self.guests.remove(&*version.guest.name)?;
        let error = anyhow::Error::from(error).context("does not fit beside the other guests");
        self.journal.failed(&version.guest.name, &deployed.path, format!("{error:#}"));
        Some(LeftOut { path: deployed.path, error })
    }

    /// Each once, for as long as it lasts.
    fn report_conflicts(&mut self, deployment: &Deployment) {
        let conflicts = deployment.conflicts();
        for conflict in conflicts.iter().filter(|conflict| !self.conflicts.contains(conflict)) {
            self.log.host(Level::Warn, conflict.to_string());
        }
        self.conflicts = conflicts;
    }

    /// Versions that are too many: their requests are answered 503.
    fn expel(&mut self) {
        let kept: Vec<VersionId> = self.guests.values().flat_map(Deployed::ids).collect();
        let most = self.runtime.limits.versions_max;
        for version in self.versions.take_excess(most, &kept) {
            let (name, nth) = (&version.guest.name, version.nth);
            let message = format!(
                "{name}: more than {most} versions have requests; those of version {nth} are answered 503 (versions_max)"
            );
            self.log.host(Level::Warn, message);
            for link in &self.links {
                link.mailbox.control.send(Message::Expel { version: version.id });
            }
        }
    }
}

impl Deployed {
    /// What its successor falls back on: a version that has trapped in an unfinished trial is passed over.
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
