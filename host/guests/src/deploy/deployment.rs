//! Guests become a deployment: one table of all their routes, and a share of it for each worker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contract::grants::{Permit, Permits};
use crate::deploy::version::Version;
use crate::runtime::Runtime;
use snow_runtime::{RouteEntry, RouteError, RouteId, Router, VersionId};

/// Guests and routes that serve together. It never changes: a new one takes its place.
pub struct Deployment {
    /// By the names of their guests.
    pub versions: Vec<Arc<Version>>,
    /// All their routes; first match wins, in the order of guests, then of declaration.
    pub router: Router,
}

/// A version that was left out, since its routes do not fit beside the others'.
pub struct Misfit {
    /// The version.
    pub version: Arc<Version>,
    /// What does not fit.
    pub error: RouteError,
}

/// Two guests have the same pattern. The first one's route wins for the methods that both take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// As both declare it, with their mount prefixes.
    pub pattern: String,
    /// The guest that gets the requests.
    pub first: Arc<str>,
    /// The guest that does not.
    pub second: Arc<str>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { pattern, first, second } = self;
        write!(out, "{first} and {second} both have the route {pattern}: {first} gets its requests")
    }
}

impl Deployment {
    /// Of versions of different guests, mounted where their permits say. If their routes are too large all together,
    /// whoever has most is left out.
    pub fn new(mut versions: Vec<Arc<Version>>, permits: &Permits) -> (Deployment, Vec<Misfit>) {
        versions.sort_by(|a, b| a.guest.name.cmp(&b.guest.name));
        let mut misfits = Vec::new();
        loop {
            let error = match Router::new(entries(&versions, permits)) {
                Ok(router) => return (Deployment { versions, router }, misfits),
                Err(error) => error,
            };
            let largest = versions.iter().enumerate().max_by_key(|(_, version)| version.guest.routes.len());
            let (index, _) = largest.expect("a table without routes fits");
            misfits.push(Misfit { version: versions.remove(index), error });
        }
    }

    /// The name of the guest behind an entry of the router.
    pub fn name_of(&self, entry: &RouteEntry) -> &str {
        let version = self.versions.iter().find(|version| version.id == entry.version);
        version.map_or("-", |version| &version.guest.name)
    }

    /// Patterns that several guests have, for methods that several take: in order.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let names: BTreeMap<VersionId, &Arc<str>> =
            self.versions.iter().map(|version| (version.id, &version.guest.name)).collect();
        let mut seen: BTreeMap<String, Vec<&RouteEntry>> = BTreeMap::new();
        let mut conflicts = Vec::new();
        for entry in self.router.entries() {
            let earlier = seen.entry(entry.pattern()).or_default();
            let rival =
                |first: &&&RouteEntry| first.version != entry.version && first.declared.shares_methods(&entry.declared);
            if let Some(first) = earlier.iter().find(rival) {
                let (first, second) = (names[&first.version].clone(), names[&entry.version].clone());
                conflicts.push(Conflict { pattern: entry.pattern(), first, second });
            }
            earlier.push(entry);
        }
        conflicts
    }

    /// One worker's share. `older` are versions that it may still hold requests for.
    pub fn share(&self, runtime: Runtime, older: &[Arc<Version>], access_log: bool) -> Share {
        let member = |version: &Arc<Version>| Member {
            permit: Arc::new(runtime.permits.of(&version.guest.name)),
            version: version.clone(),
        };
        let current = self.versions.iter().map(member).collect();
        let older = older.iter().map(member).collect();
        Share { router: self.router.clone(), current, older, access_log, runtime }
    }
}

fn entries(versions: &[Arc<Version>], permits: &Permits) -> Vec<RouteEntry> {
    let of_version = |version: &Arc<Version>| {
        let (id, routes, mount) = (version.id, version.guest.routes.clone(), permits.mount(&version.guest.name));
        let entry = move |(route, declared)| RouteEntry { version: id, route, declared, mount: mount.clone() };
        (0..).map(RouteId).zip(routes).map(entry).collect::<Vec<_>>()
    };
    versions.iter().flat_map(of_version).collect()
}

/// A version with what it may do.
pub struct Member {
    /// Under the newest manifest.
    pub permit: Arc<Permit>,
    /// The version.
    pub version: Arc<Version>,
}

/// What one worker needs of a deployment, all its own: made by whoever deploys, so that taking it up is quick.
pub struct Share {
    pub(crate) runtime: Runtime,
    pub(crate) router: Router,
    pub(crate) current: Vec<Member>,
    pub(crate) older: Vec<Member>,
    pub(crate) access_log: bool,
}

/// Where a worker finds its share of the next deployment.
#[derive(Clone, Default)]
pub struct Successor(Arc<Mutex<Option<Box<Share>>>>);

impl Successor {
    /// Puts a share there. One that was not taken up is forgotten.
    pub fn put(&self, share: Share) {
        let _unused = self.lock().replace(Box::new(share));
    }

    pub(crate) fn take(&self) -> Option<Share> {
        self.lock().take().map(|share| *share)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<Share>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
