//! A deployment: guests that serve together, with one table of all their routes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use snow_runtime::{RouteEntry, RouteError, RouteId, Router, VersionId};

use super::share::{Member, Share};
use super::version::Version;
use crate::contract::grants::Permits;
use crate::runtime::Runtime;

/// Guests that serve together, and the table of their routes. It never changes; a new deployment
/// takes its place.
pub struct Deployment {
    /// The versions that serve, in the order of their guests' names.
    pub versions: Vec<Arc<Version>>,
    /// The table of all routes. The first match wins, in the order of the guests and then of
    /// declaration.
    pub router: Router,
}

/// A version that was left out of a deployment, since its routes do not fit into the table.
pub struct Misfit {
    /// The version.
    pub version: Arc<Version>,
    /// Why the table could not be built with it.
    pub error: RouteError,
}

/// Two guests that have a route with the same pattern. For methods that both take, the first one
/// gets the requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The pattern, with the mount prefix of the guests.
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
    /// Makes a deployment of versions of different guests, mounted where `permits` says. While
    /// their routes are too large for one table, the guest with the most routes is left out.
    pub fn new(mut versions: Vec<Arc<Version>>, permits: &Permits) -> (Deployment, Vec<Misfit>) {
        versions.sort_by(|a, b| a.guest.name.cmp(&b.guest.name));
        let mut misfits = Vec::new();
        loop {
            let error = match Router::new(entries(&versions, permits)) {
                Ok(router) => return (Deployment { versions, router }, misfits),
                Err(error) => error,
            };
            // The table's own error does not say who makes it too large.
            let largest =
                versions.iter().enumerate().max_by_key(|(_, version)| version.guest.routes.len());
            let (index, _) = largest.expect("a table without routes fits");
            misfits.push(Misfit { version: versions.remove(index), error });
        }
    }

    /// Returns the name of the guest that an entry of the router belongs to.
    pub fn name_of(&self, entry: &RouteEntry) -> &str {
        let version = self.versions.iter().find(|version| version.id == entry.version);
        version.map_or("-", |version| &version.guest.name)
    }

    /// Returns the patterns that several guests have for the same method, in the order of the
    /// table.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let names: BTreeMap<VersionId, &Arc<str>> =
            self.versions.iter().map(|version| (version.id, &version.guest.name)).collect();
        let mut seen: BTreeMap<String, Vec<&RouteEntry>> = BTreeMap::new();
        let mut conflicts = Vec::new();
        for entry in self.router.entries() {
            let earlier = seen.entry(entry.pattern()).or_default();
            let rival = |first: &&&RouteEntry| {
                first.version != entry.version && first.declared.shares_methods(&entry.declared)
            };
            if let Some(first) = earlier.iter().find(rival) {
                let (first, second) =
                    (names[&first.version].clone(), names[&entry.version].clone());
                conflicts.push(Conflict { pattern: entry.pattern(), first, second });
            }
            earlier.push(entry);
        }
        conflicts
    }

    /// Makes one worker's share. `older` are versions for which that worker may still hold
    /// requests.
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

/// Returns the entries of the table: all routes of all versions, in order.
fn entries(versions: &[Arc<Version>], permits: &Permits) -> Vec<RouteEntry> {
    let of_version = |version: &Arc<Version>| {
        let (id, routes, mount) =
            (version.id, version.guest.routes.clone(), permits.mount(&version.guest.name));
        let entry = move |(route, declared)| RouteEntry {
            version: id,
            route,
            declared,
            mount: mount.clone(),
        };
        (0..).map(RouteId).zip(routes).map(entry).collect::<Vec<_>>()
    };
    versions.iter().flat_map(of_version).collect()
}
