//! A deployment: guests that serve together, with one table of all their routes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use snow_runtime::{MountedRoutes, RouteEntry, Router, Shadowed, VersionId};

use super::share::{Member, Share};
use super::version::Version;
use crate::load::guest::Guest;
use crate::runtime::Runtime;

/// Guests that serve together, and the table of their routes. It never changes; a new deployment
/// takes its place.
pub struct Deployment {
    /// The versions that serve, in the order of their guests' names.
    pub versions: Vec<Arc<Version>>,
    /// The table of all routes.
    pub router: Router,
    /// The deployment's number among those of the process.
    pub number: u64,
}

/// A route that another one comes before, so it gets fewer requests than it looks, or none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The route's pattern, with the mount prefix of its guest.
    pub pattern: String,
    /// The guest that gets the requests.
    pub first: Arc<str>,
    /// The pattern by which it gets them, with its mount prefix.
    pub first_pattern: String,
    /// The guest that does not.
    pub second: Arc<str>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { pattern, first, first_pattern, second } = self;
        if pattern == first_pattern && first != second {
            return write!(
                out,
                "{first} and {second} both have the route {pattern}: {first} gets its requests"
            );
        }
        write!(
            out,
            "the route {pattern} of {second} can never be reached: its requests go to {first}, by \
             the route {first_pattern}"
        )
    }
}

impl Deployment {
    /// Makes a deployment of versions of different guests, in the order of their names, and of the
    /// table of their routes.
    pub fn new(versions: Vec<Arc<Version>>, router: Router, number: u64) -> Deployment {
        Deployment { versions, router, number }
    }

    /// Returns the name of the guest that an entry of the router belongs to.
    pub fn name_of(&self, entry: &RouteEntry) -> &str {
        let version = self.versions.iter().find(|version| version.id == entry.version);
        version.map_or("-", |version| &version.guest.name)
    }

    /// Returns the routes of guests that routes of other guests come before, in the order of the
    /// table.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let names: BTreeMap<VersionId, &Arc<str>> =
            self.versions.iter().map(|version| (version.id, &version.guest.name)).collect();
        let mut found = conflicts(&self.router, |version| names[&version].clone());
        found.retain(|conflict| conflict.first != conflict.second);
        found
    }

    /// Returns a version with what its guest may do.
    pub(crate) fn member(&self, runtime: &Runtime, version: &Arc<Version>) -> Member {
        let permit = Arc::new(runtime.permits.of_guest(&version.guest));
        Member { permit, version: version.clone() }
    }

    /// Makes one worker's share. `older` are versions for which that worker may still hold
    /// requests.
    pub fn share(&self, runtime: Runtime, older: &[Arc<Version>], access_log: bool) -> Share {
        let member = |version| self.member(&runtime, version);
        let current = self.versions.iter().map(member).collect();
        let older = older.iter().map(member).collect();
        let (router, number) = (self.router.clone(), self.number);
        Share { router, current, older, access_log, runtime, number }
    }
}

impl Guest {
    /// Returns the guest's routes that other routes of the same guest come before.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let (version, mount) = (VersionId(0), "".into());
        let (declared, compiled) = (&*self.routes, &self.compiled);
        let routes = MountedRoutes { version, declared, compiled, mount };
        conflicts(&Router::of(vec![routes], None), |_| self.name.clone())
    }
}

fn conflicts(router: &Router, name: impl Fn(VersionId) -> Arc<str>) -> Vec<Conflict> {
    let conflict = |shadowed: Shadowed| {
        let (second, first) = (router.entry(shadowed.entry)?, router.entry(shadowed.by)?);
        Some(Conflict {
            pattern: second.pattern(),
            first: name(first.version),
            first_pattern: first.pattern(),
            second: name(second.version),
        })
    };
    router.shadowed().into_iter().filter_map(conflict).collect()
}
