//! Keeps what serves in step with the guests folder: loads what is new there, and puts it in place as a whole.
//!
//! One thread does this, beside the workers: reading, compiling, building the table of routes and freeing what nobody
//! needs any more never keep a loop waiting. A version that can't be loaded changes nothing. One that traps too often in
//! its first calls is withdrawn, and the one before it serves again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::versions::Versions;
use crate::config::Rollback;
use crate::guest::deploy::{Conflict, Deployment, Misfit, Share, Successor};
use crate::guest::loader::Loader;
use crate::guest::runtime::Runtime;
use crate::guest::version::{Trial, Version};
use crate::log::{Level, Log};
use crate::worker::{Mailbox, Message};

/// A guest that was left out, and why.
#[derive(Debug)]
pub struct Rejected {
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
pub struct Published(Arc<Mutex<Arc<Deployment>>>);

impl Published {
    /// What serves now.
    pub fn get(&self) -> Arc<Deployment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, deployment: Arc<Deployment>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deployment;
    }
}

/// See the module's text.
pub struct Deployer {
    runtime: Runtime,
    loader: Loader,
    log: Log,
    access_log: bool,
    /// By name.
    guests: BTreeMap<String, Deployed>,
    versions: Versions,
    published: Published,
    links: Vec<Link>,
    /// What has been said of conflicting patterns.
    conflicts: Vec<Conflict>,
}

/// A guest that serves.
struct Deployed {
    path: PathBuf,
    version: Arc<Version>,
    /// What serves again if that one fails its trial.
    before: Option<Arc<Version>>,
}

impl Deployer {
    /// With no guests yet, and no workers.
    pub fn new(runtime: Runtime, loader: Loader, log: Log, access_log: bool) -> Deployer {
        let (deployment, _) = Deployment::new(Vec::new(), &runtime.permits);
        let published = Published(Arc::new(Mutex::new(Arc::new(deployment))));
        let versions = Versions::new(runtime.limits.versions_max);
        Deployer {
            runtime,
            loader,
            log,
            access_log,
            guests: BTreeMap::new(),
            versions,
            published,
            links: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// What serves now, for others to look at.
    pub fn published(&self) -> Published {
        self.published.clone()
    }

    /// A worker's share of what serves now.
    pub fn share(&self, instances: Arc<AtomicUsize>) -> Share {
        let older = self.versions.alive();
        self.published.get().share(self.runtime.for_worker(instances), &older, self.access_log)
    }

    /// The workers that are told from now on.
    pub fn connect(&mut self, links: Vec<Link>) {
        self.links = links;
    }

    /// Loads a guest's file. It serves once [`Deployer::publish`] is called.
    ///
    /// # Errors
    /// What is wrong with the file. Whatever served before serves on.
    pub fn load(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let guest = self.loader.load(path)?;
        let replaced = self.guests.remove(name);
        // The first version has nothing that could take its place.
        let rollback = replaced.as_ref().map(|_| Rollback::default());
        let version = Arc::new(Version {
            guest,
            number: self.versions.free_number(),
            nth: self.versions.newest(name) + 1,
            since: SystemTime::now(),
            trial: Trial::new(rollback),
        });
        self.versions.add(&version);
        let before = replaced.and_then(Deployed::good_one);
        self.guests.insert(name.to_owned(), Deployed { path: path.to_owned(), version, before });
        Ok(())
    }

    /// A guest's file is gone. True if it served.
    pub fn remove(&mut self, name: &str) -> bool {
        self.guests.remove(name).is_some()
    }

    /// Whether a guest of this name serves, and which version.
    pub fn serves(&self, name: &str) -> Option<u32> {
        self.guests.get(name).map(|deployed| deployed.version.nth)
    }

    /// A version has trapped too often in its first calls: the one before it serves again, until the file changes.
    pub fn roll_back(&mut self, number: u32) {
        let found = self.guests.values_mut().find(|deployed| deployed.version.number == number);
        let Some((deployed, before)) = found.and_then(|deployed| deployed.before.take().map(|b| (deployed, b))) else {
            // It was replaced meanwhile.
            return;
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
        self.publish();
    }

    /// Puts what is loaded in place, as a whole, on every worker. Guests whose routes do not fit beside the others' are
    /// left out and returned.
    pub fn publish(&mut self) -> Vec<Rejected> {
        let versions = self.guests.values().map(|deployed| deployed.version.clone()).collect();
        let (deployment, misfits) = Deployment::new(versions, &self.runtime.permits);
        let rejected = misfits.into_iter().filter_map(|misfit| self.leave_out(misfit)).collect();
        self.report_conflicts(&deployment);
        self.published.set(Arc::new(deployment));
        for link in &self.links {
            link.successor.put(self.share(link.instances.clone()));
            link.mailbox.control.send(Message::Redeploy);
        }
        self.expel();
        rejected
    }

    fn leave_out(&mut self, Misfit { version, error }: Misfit) -> Option<Rejected> {
        let deployed = self.guests.remove(&*version.guest.name)?;
        let error = anyhow::Error::from(error).context("does not fit beside the other guests");
        Some(Rejected { path: deployed.path, error })
    }

    /// Each once, for as long as it lasts.
    fn report_conflicts(&mut self, deployment: &Deployment) {
        let conflicts = deployment.conflicts();
        for conflict in conflicts.iter().filter(|conflict| !self.conflicts.contains(conflict)) {
            let Conflict { pattern, first, second } = conflict;
            let message = format!("{first} and {second} both have the route {pattern}: {first} gets its requests");
            self.log.host(Level::Warn, message);
        }
        self.conflicts = conflicts;
    }

    /// Versions that are too many: their requests are answered 503.
    fn expel(&mut self) {
        let kept: Vec<u32> = self.guests.values().flat_map(Deployed::numbers).collect();
        for version in self.versions.take_excess(&kept) {
            let (name, nth) = (&version.guest.name, version.nth);
            let most = self.runtime.limits.versions_max;
            let message = format!(
                "{name}: more than {most} versions have requests; those of version {nth} are answered 503 (versions_max)"
            );
            self.log.host(Level::Warn, message);
            for link in &self.links {
                link.mailbox.control.send(Message::Expel { guest: version.number });
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

    fn numbers(&self) -> impl Iterator<Item = u32> {
        std::iter::once(&self.version).chain(&self.before).map(|version| version.number)
    }
}
