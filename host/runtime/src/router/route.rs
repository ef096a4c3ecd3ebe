//! What the table is made of: routes as guests declare them, and where they are mounted.

use std::fmt;
use std::sync::Arc;

use super::compiled::CompiledRoutes;

/// A route as a guest declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The methods that the route takes; empty for all. `GET` includes `HEAD`.
    pub methods: Vec<String>,
    /// A regular expression for the whole path.
    pub pattern: String,
}

impl Route {
    /// Returns whether there is a method that both routes take.
    pub fn shares_methods(&self, other: &Route) -> bool {
        let any = |route: &Route| route.methods.is_empty();
        any(self) || any(other) || self.methods.iter().any(|method| other.takes(method))
    }

    /// Returns whether the route takes a method. Methods are case-sensitive (RFC 9110, section
    /// 9.1).
    pub(super) fn takes(&self, method: &str) -> bool {
        let takes = |wanted: &str| self.methods.iter().any(|method| method == wanted);
        self.methods.is_empty() || takes(method) || (method == "HEAD" && takes("GET"))
    }
}

/// Names a version of a guest, on every worker of the process, for as long as the version is in the
/// router or a request holds it. Another version may get the id afterwards. Ids are kept low,
/// because workers index tables by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(pub u32);

impl VersionId {
    /// Returns the version's place in a table by version.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names a route within its version, for as long as the version exists: its place in the list that
/// the guest declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

impl RouteId {
    /// Returns the route's place in its guest's list.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for RouteId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// An entry of the table: one route of one version, where it is mounted.
#[derive(Clone, Debug)]
pub struct RouteEntry {
    /// The version of a guest.
    pub version: VersionId,
    /// The route of that version.
    pub route: RouteId,
    /// The route as the guest declared it.
    pub declared: Route,
    /// The prefix of the guest's paths, as sent and without a slash at its end; empty for none.
    pub mount: Arc<str>,
}

impl RouteEntry {
    /// Returns the pattern as people read it, with the mount prefix.
    pub fn pattern(&self) -> String {
        format!("{}{}", self.mount, self.declared.pattern)
    }
}

/// The routes of one version of a guest, and where they are mounted.
pub struct MountedRoutes<'a> {
    /// The version.
    pub version: VersionId,
    /// The routes as the guest declared them.
    pub declared: &'a [Route],
    /// The routes, compiled.
    pub compiled: &'a Arc<CompiledRoutes>,
    /// The prefix of the guest's paths, as sent and without a slash at its end; empty for none.
    pub mount: Arc<str>,
}

impl MountedRoutes<'_> {
    /// Returns the entries of the table, in the order of declaration.
    pub(super) fn entries(&self) -> Vec<RouteEntry> {
        let entry = |(route, declared): (RouteId, &Route)| RouteEntry {
            version: self.version,
            route,
            declared: declared.clone(),
            mount: self.mount.clone(),
        };
        (0..).map(RouteId).zip(self.declared).map(entry).collect()
    }
}
