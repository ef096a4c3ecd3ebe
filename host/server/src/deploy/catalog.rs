//! The guests that are loaded, and how they become what serves.
//!
//! What serves is decided by the [`Roster`]: a version that can't be loaded, or does not fit,
//! changes nothing. One that traps too often in its first calls is withdrawn, and the version before
//! it serves again. The catalog numbers versions, sends each worker its share, and tells the log and
//! the journal what is in force. All work here is the deployer's: building the table of routes and
//! freeing old versions keep no worker's loop waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use super::loading::LeftOut;
use super::serving::Serving;
use super::versions::Versions;
use crate::workers::WorkerHandle;
use snow_config::manifest::{self, Manifest, restart_only};
use snow_config::{GuestConfig, Limits, Rollback, Secret};
use snow_core::error_chain;
use snow_guests::{
    Conflict, Deployment, Guest, InstanceCounts, LoadError, Loader, Runtime, Share, SourceLanguage,
    Successor, Trial, Version,
};
use snow_runtime::{Level, Log, Misfit, Published, Roster, VersionId};
use snow_worker::Message;

/// Where a worker gets its share of a deployment.
pub struct WorkerLink {
    /// The worker.
    pub worker: WorkerHandle,
    /// The place where it finds its share when it is told to adopt.
    pub successor: Successor,
}

/// Values for one guest to read by `wasi:config`, from somebody who has the server in the process.
pub struct NewValues {
    /// The guest's name.
    pub guest: String,
    /// The values by their names.
    pub values: Vec<(String, Secret)>,
    /// Told when every worker's calls read them.
    pub in_force: Sender<()>,
}

/// All guests that are loaded, each with the version that serves. Changes take effect with
/// [`Catalog::publish`].
pub struct Catalog {
    runtime: Runtime,
    log: Log,
    /// The manifest in force: settings that need a restart are those of the start.
    manifest: Manifest,
    roster: Roster<Version>,
    /// The file of each guest that serves or waits to, by name.
    files: BTreeMap<String, PathBuf>,
    /// Names of guests whose newest file can't be loaded, with the engine that is missing for it, if
    /// that is why.
    left_out: BTreeMap<String, Option<SourceLanguage>>,
    versions: Versions,
    serving: Serving,
    /// The workers. Empty until [`Catalog::connect`].
    links: Vec<WorkerLink>,
    /// Conflicts between patterns that the log has reported and that still exist.
    conflicts: Vec<Conflict>,
    /// The number of the last deployment.
    number: u64,
    /// What the log is told once all workers have adopted the deployment of that number.
    announcements: Vec<(u64, Level, String)>,
    /// Those who wait until all workers have adopted a deployment, with its number.
    waiting: Vec<(u64, Sender<()>)>,
}

impl Catalog {
    /// Returns a catalog without guests and without workers.
    pub fn new(runtime: Runtime, log: Log, manifest: Manifest) -> Catalog {
        let mut roster = Roster::default();
        roster.set_mounts(runtime.permits.mounts());
        let Published { versions, router, .. } = roster.publish();
        let deployment = Deployment::new(versions, router, 0);
        let serving = Serving::new(Arc::new(deployment), runtime.limits.clone());
        Catalog {
            runtime,
            log,
            manifest,
            roster,
            files: BTreeMap::new(),
            left_out: BTreeMap::new(),
            versions: Versions::default(),
            serving,
            links: Vec::new(),
            conflicts: Vec::new(),
            number: 0,
            announcements: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Returns the view of what serves that other threads keep.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Returns the share of what serves now for the worker with these counts of instances.
    pub fn share(&self, instances: Arc<InstanceCounts>) -> Share {
        let older = self.versions.alive();
        let runtime = self.runtime.for_worker(instances);
        self.serving.deployment().share(runtime, &older, self.manifest.server.access_log)
    }

    /// Sends every later deployment to these workers.
    pub fn connect(&mut self, links: Vec<WorkerLink>) {
        self.links = links;
        self.announcements.clear();
    }

    /// Takes a new manifest, which is in force after the next [`Catalog::publish`]. Settings that
    /// can't change while the server runs are named in the log.
    pub fn take_manifest(&mut self, manifest: &Manifest) {
        for line in restart_only(&self.manifest, manifest) {
            self.log.host(Level::Warn, line);
        }
        self.manifest = manifest.live(&self.manifest);
        self.renew_runtime();
        self.roster.set_mounts(self.runtime.permits.mounts());
        self.announce(Level::Info, format!("{} is in force", manifest::FILE_NAME));
    }

    /// Takes values for a guest, which are in force after the next [`Catalog::publish`] and until
    /// `snow.toml` changes.
    pub fn take_values(&mut self, NewValues { guest, values, in_force }: NewValues) {
        let config = self.manifest.guests.entry(guest).or_default();
        let config = config.config.get_or_insert_default();
        values.iter().for_each(|(name, text)| config.set(name, text));
        self.renew_runtime();
        self.waiting.push((self.number + 1, in_force));
    }

    /// Makes what calls share anew, of the manifest.
    fn renew_runtime(&mut self) {
        let limits = Arc::new(self.manifest.limits.clone());
        let permits = self.runtime.permits.under(&self.manifest.guests, &limits);
        let permits = permits.with_server(&self.manifest.server);
        let permits = permits.with_databases(&self.manifest.databases);
        self.runtime = self.runtime.under(limits, permits);
    }

    /// Notes that a guest could not be loaded from this file. The version that served before keeps
    /// serving.
    pub fn note_failure(&mut self, LeftOut { name, path, error }: &LeftOut) {
        let missing = match error.downcast_ref() {
            Some(LoadError::NoEngine { language }) => Some(*language),
            _ => None,
        };
        self.left_out.insert(name.clone(), missing);
        self.serving.journal().failed(name, path, format!("{error:#}"));
    }

    /// Returns the names of guests whose newest file can't be loaded.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        self.left_out.keys().map(String::as_str)
    }

    /// Returns the name and the file of each guest that is made of this file: its own, or its
    /// engine's.
    pub fn made_of(&self, file: &Path, loader: &Loader) -> Vec<(String, PathBuf)> {
        let language = loader.language_of(file);
        let is_evaluated = |own| language.is_some() && SourceLanguage::of(own) == language;
        let guests = self.files.iter().filter(|(_, own)| *own == file || is_evaluated(own));
        guests.map(|(name, own)| (name.clone(), own.clone())).collect()
    }

    /// Returns whether a guest can't be loaded because an engine is missing.
    pub fn lacks_engines(&self) -> bool {
        self.left_out.values().any(Option::is_some)
    }

    /// Returns the guests that lacked an engine that is there now. None is returned twice.
    pub fn take_equipped(&mut self, is_there: impl Fn(SourceLanguage) -> bool) -> Vec<String> {
        let missing = self.left_out.iter_mut();
        let equipped = missing.filter_map(|(name, missing)| {
            missing.take_if(|language| is_there(*language)).map(|_| name.clone())
        });
        equipped.collect()
    }

    /// Adds a guest that was loaded from this file, or a new version of it.
    pub fn put(&mut self, name: &str, path: &Path, guest: Guest) {
        self.left_out.remove(name);
        self.files.insert(name.to_owned(), path.to_owned());
        // A guest's first version is not tried: no other could serve in its place.
        let rollback = self.roster.serving(name).map_or(Rollback::Never, |_| self.rollback(name));
        let version = Arc::new(Version {
            guest,
            id: self.versions.free_id(),
            nth: self.roster.next_number(name),
            since: SystemTime::now(),
            trial: Trial::new(rollback),
        });
        self.versions.add(&version);
        self.roster.put(name, version);
    }

    fn rollback(&self, name: &str) -> Rollback {
        let own = self.manifest.guests.get(name).and_then(|config| config.rollback);
        own.unwrap_or(self.manifest.rollback)
    }

    /// Removes a guest whose file is gone. Returns whether one served.
    pub fn remove(&mut self, name: &str) -> bool {
        self.serving.journal().removed(name);
        self.left_out.remove(name);
        self.files.remove(name);
        let Some(version) = self.roster.remove(name) else { return false };
        let message = format!(
            "{name} was removed; version {} stays until the requests that it holds are answered",
            version.nth
        );
        self.announce(Level::Info, message);
        true
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
        self.roster.serving(name).map(|version| version.nth)
    }

    /// Ends the trial of a version that has passed it: the version before it can't serve again.
    pub fn prove(&mut self, version: VersionId) {
        self.roster.prove(version);
    }

    /// Withdraws a version that trapped too often in its first calls: the version before it serves
    /// again, until the file changes. Publishes, and returns the same as [`Catalog::publish`].
    pub fn roll_back(&mut self, version: VersionId) -> Vec<LeftOut> {
        // If there is none, a newer version has replaced it since the worker reported it.
        let Some((failed, good)) = self.roster.roll_back(version) else { return Vec::new() };
        failed.trial.withdraw();
        let (name, traps) = (&*failed.guest.name, failed.trial.traps());
        let (bad, good) = (failed.nth, good.nth);
        let file = self.files.get(name).map(|file| file.display().to_string()).unwrap_or_default();
        let message = format!(
            "{name}: {traps} of the first calls of version {bad} trapped (the lines above have the \
             reasons); version {good} serves again until {file} changes"
        );
        self.announce(Level::Error, message);
        self.serving.journal().rolled_back(name, bad);
        self.publish()
    }

    /// Makes a deployment of all guests that fit and sends every worker its share. Guests whose
    /// routes do not fit beside those of the others are returned: they are tried again with each
    /// later deployment.
    pub fn publish(&mut self) -> Vec<LeftOut> {
        let served: BTreeSet<Arc<str>> =
            self.serving.deployment().versions.iter().map(|v| v.guest.name.clone()).collect();
        let Published { versions, router, joined, misfits, mounts_refused } = self.roster.publish();
        self.number += 1;
        let deployment = Deployment::new(versions, router, self.number);
        for (name, version) in &joined {
            self.note_joined(name, version, served.contains(name));
        }
        if let Some(error) = mounts_refused {
            let message = format!(
                "the mounts in {} do not fit, so guests that serve keep theirs: {}",
                manifest::FILE_NAME,
                error_chain(&error)
            );
            self.log.host(Level::Error, message);
        }
        let left_out = misfits.into_iter().map(|misfit| self.note_misfit(misfit)).collect();
        self.report_conflicts(&deployment);
        self.runtime.jobs.publish(&self.runtime, &deployment);
        self.serving.publish(Arc::new(deployment), self.runtime.limits.clone());
        self.serving.journal().set_versions(self.versions.known());
        for link in &self.links {
            link.successor.put(self.share(link.worker.instances.clone()));
            link.worker.mailbox.send(Message::Adopt);
        }
        self.expel();
        self.retire_owners();
        left_out
    }

    fn note_joined(&mut self, name: &str, version: &Version, replaces: bool) {
        let file = self.files.get(name).cloned().unwrap_or_default();
        self.serving.journal().loaded(name, &file, replaces);
        let (nth, file, routes) = (version.nth, file.display(), version.guest.routes.len());
        let message =
            format!("{name}: version {nth} serves, loaded from {file} with {routes} routes");
        // Of this deployment already, and not of the next.
        self.announcements.push((self.number, Level::Info, message));
    }

    fn note_misfit(&mut self, Misfit { name, error, .. }: Misfit<Version>) -> LeftOut {
        let path = self.files.get(&*name).cloned().unwrap_or_default();
        let error = anyhow::Error::from(error);
        self.serving.journal().failed(&name, &path, format!("{error:#}"));
        LeftOut { name: name.to_string(), path, error }
    }

    /// Logs each conflict once for as long as it lasts.
    fn report_conflicts(&mut self, deployment: &Deployment) {
        let conflicts = deployment.conflicts();
        for conflict in conflicts.iter().filter(|conflict| !self.conflicts.contains(conflict)) {
            self.log.host(Level::Warn, conflict.to_string());
        }
        self.conflicts = conflicts;
    }

    /// Tells the log something once it is in force on all workers, by the next deployment.
    fn announce(&mut self, level: Level, message: String) {
        self.announcements.push((self.number + 1, level, message));
    }

    /// Tells the log, and whoever waits for it, what all workers have adopted.
    pub fn tell_adopted(&mut self) {
        let adopted = self.links.iter().map(|link| link.successor.adopted()).min().unwrap_or(0);
        self.announcements.retain(|(number, level, message)| {
            let is_adopted = *number <= adopted;
            if is_adopted {
                self.log.host(*level, message.as_str());
            }
            !is_adopted
        });
        for (_, in_force) in self.waiting.extract_if(.., |(number, _)| *number <= adopted) {
            // It fails if nobody waits any more.
            let _ = in_force.send(());
        }
    }

    /// Tells the workers to answer 503 to what the oldest versions hold, of guests that have too
    /// many versions.
    fn expel(&mut self) {
        let kept = self.roster.kept();
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

    /// Lets other guests have the numbers by which the pendings of guests that are gone were known.
    fn retire_owners(&self) {
        let alive = self.versions.alive();
        let names: BTreeSet<&str> = alive.iter().map(|version| &*version.guest.name).collect();
        self.runtime.permits.retire_owners(|name| names.contains(name), &self.runtime.registry);
    }

    /// Returns hints for the log: tables of `snow.toml` that no guest has, and guests that may use
    /// no key. If a single guest's file is served (`is_folder` is false), the tables may be those
    /// of its neighbours.
    pub fn remarks(&self, is_folder: bool) -> Vec<(Level, String)> {
        let (tables, file) = (&self.manifest.guests, manifest::FILE_NAME);
        let deployment = self.serving.deployment();
        let guest_names = || deployment.versions.iter().map(|version| &*version.guest.name);
        let mut remarks = Vec::new();
        if is_folder {
            let exist = guest_names().chain(self.left_out()).collect();
            let warnings = manifest::tables_of_nobody(tables, &exist);
            remarks.extend(warnings.into_iter().map(|warning| (Level::Warn, warning)));
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
