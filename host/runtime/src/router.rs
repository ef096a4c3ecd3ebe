//! The router: from a method and a path to a version, a route and its captures.
//!
//! All routes of a deployment are one table. Routes of guests with longer mount prefixes come
//! first, then those of guests by name, then as each guest declared them. The first entry that has
//! the path and the method wins.
//!
//! A guest may be mounted below a prefix. Its patterns then match the rest of the path, which
//! begins with a slash; the bare prefix is the path `/` to the guest.
//!
//! # What a search costs
//!
//! A path is read once for each automaton whose routes it may have ([`table`]): in most folders,
//! once. Each byte is one step. The captures of the route that is found are another pass or two
//! over the path ([`captures`]). So a search costs in proportion to the path, by a factor that
//! [`Router::check_cost`] knows before anything is served.

mod automaton;
mod captures;
mod compiled;
mod pattern;
mod route;
mod shadowed;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

pub use self::compiled::CompiledRoutes;
use self::compiled::MATCHES_MAX;
pub use self::pattern::RouteError;
pub use self::route::{MountedRoutes, Route, RouteEntry, RouteId, VersionId};
pub use self::shadowed::Shadowed;
use self::table::{Group, Member};

/// How often one path is read at worst, since its routes may be in several automata. 8 KiB, which
/// are a target's most by default, are then read in less than a millisecond.
const WALKS_MAX: usize = 32;
/// Distinct methods that an `Allow` field lists.
const ALLOWED_METHODS_MAX: usize = 64;

/// A capture of a route's pattern, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The group's name, if it has one.
    pub name: Option<String>,
    /// The captured text; empty for a group that took no part in the match.
    pub value: String,
}

/// What the table has for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Match {
    /// A route that takes the request.
    Found {
        /// The entry's place in the table, for [`Router::entry`].
        entry: usize,
        /// The captures of the route's pattern.
        params: Vec<Param>,
    },
    /// Routes that have the path, none of which takes the method.
    MethodNotAllowed {
        /// The value for the `Allow` field.
        allow: String,
    },
    /// Routes that have the path, for the method `OPTIONS`, which none of them takes itself.
    Options {
        /// The value for the `Allow` field.
        allow: String,
    },
    /// A route that takes the request, but with a capture that is not UTF-8 once it is
    /// percent-decoded.
    BadParam,
    /// No route has the path.
    NotFound,
}

/// The table of all routes of a deployment. It never changes, and searching needs no scratch
/// memory that could be shared, so clones share one table.
#[derive(Clone)]
pub struct Router(Arc<Table>);

impl Router {
    /// Builds the table of entries. Within a mount their order is the order of precedence, and
    /// longer mounts come first. The routes of one version stand together.
    ///
    /// # Errors
    /// A route can't be used: see [`CompiledRoutes::new`].
    pub fn new(entries: Vec<RouteEntry>) -> Result<Router, RouteError> {
        let same_guest =
            |a: &RouteEntry, b: &RouteEntry| a.version == b.version && a.mount == b.mount;
        let guests = entries.chunk_by(same_guest).map(|entries| {
            let routes: Vec<Route> = entries.iter().map(|entry| entry.declared.clone()).collect();
            Ok((entries.to_vec(), Arc::new(CompiledRoutes::new(&routes)?)))
        });
        Ok(Router::build(guests.collect::<Result<_, _>>()?, None))
    }

    /// Builds the table of guests whose routes are compiled. Within a mount their order is the
    /// order of precedence, and longer mounts come first. `before` is an earlier table, whose
    /// automata are used again for guests that have not changed.
    pub fn of(guests: Vec<MountedRoutes<'_>>, before: Option<&Router>) -> Router {
        let guests = guests.into_iter().map(|guest| (guest.entries(), guest.compiled.clone()));
        Router::build(guests.collect(), before)
    }

    fn build(
        mut guests: Vec<(Vec<RouteEntry>, Arc<CompiledRoutes>)>,
        before: Option<&Router>,
    ) -> Router {
        let mount = |entries: &[RouteEntry]| entries.first().map(|entry| entry.mount.clone());
        guests.sort_by_key(|(entries, _)| Reverse(mount(entries).map_or(0, |mount| mount.len())));
        let mut members: BTreeMap<Arc<str>, Vec<Member>> = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for (entries, compiled) in guests {
            let Some(mount) = mount(&entries) else { continue };
            let member = Member { compiled: compiled.clone(), first_row: rows.len() };
            members.entry(mount).or_default().push(member);
            let row = |(place, entry)| Row { entry, guest: compiled.clone(), place };
            rows.extend(entries.into_iter().enumerate().map(row));
        }
        let mut mounts: Vec<Mount> = Vec::with_capacity(members.len());
        for (prefix, members) in members {
            let known = before.and_then(|router| router.0.mount(&prefix));
            let groups = table::group(members, known.map_or(&[], |mount| &mount.groups));
            mounts.push(Mount { prefix, groups });
        }
        let lengths: BTreeSet<usize> = mounts.iter().map(|mount| mount.prefix.len()).collect();
        let prefix_lengths = lengths.into_iter().rev().collect();
        Router(Arc::new(Table { rows, mounts, prefix_lengths }))
    }

    /// Checks what a search costs at worst.
    ///
    /// # Errors
    /// [`RouteError::Table`]: it would keep a loop for too long.
    pub fn check_cost(&self) -> Result<(), RouteError> {
        let table = &self.0;
        let (mut walks, mut matches) = (0, 0);
        for mount in &table.mounts {
            // A path below this mount may be below others, which are shorter.
            let groups = || table.below(&mount.prefix).flat_map(|(mount, _)| &mount.groups);
            walks = walks.max(groups().map(Group::walks).sum());
            matches = matches.max(groups().map(Group::matches_max).sum());
        }
        let (walks_max, matches_max) = (WALKS_MAX, MATCHES_MAX);
        match walks > walks_max || matches > matches_max {
            true => Err(RouteError::Table { walks, walks_max, matches, matches_max }),
            false => Ok(()),
        }
    }

    /// Returns the entries in the order of precedence.
    pub fn entries(&self) -> impl Iterator<Item = &RouteEntry> {
        self.0.rows.iter().map(|row| &row.entry)
    }

    /// Returns the entry at a place that [`Match::Found`] named.
    #[inline]
    pub fn entry(&self, index: usize) -> Option<&RouteEntry> {
        self.0.rows.get(index).map(|row| &row.entry)
    }

    /// Finds the route of a request. `path` is as sent: not percent-decoded, and with the mount
    /// prefix.
    pub fn find(&self, method: &str, path: &str) -> Match {
        // Rows that have the path and do not take the method.
        let mut others = Vec::new();
        for (mount, path) in self.0.below(path) {
            let mut first: Option<usize> = None;
            for row in mount.groups.iter().flat_map(|group| group.rows(path)) {
                if first.is_some_and(|first| first < row) {
                    continue;
                }
                match self.0.rows[row].entry.declared.takes(method) {
                    true => first = Some(row),
                    false => others.push(row),
                }
            }
            if let Some(row) = first {
                let params = self.0.rows[row].params(path);
                return params
                    .map_or(Match::BadParam, |params| Match::Found { entry: row, params });
            }
        }
        if others.is_empty() {
            return Match::NotFound;
        }
        // The path is known, the method is not.
        others.sort_unstable();
        let allow = allow(others.iter().map(|row| &self.0.rows[*row].entry.declared));
        match method {
            "OPTIONS" => Match::Options { allow },
            _ => Match::MethodNotAllowed { allow },
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.entries().map(RouteEntry::pattern)).finish()
    }
}

/// All that a router and its clones share.
struct Table {
    /// In the order of precedence.
    rows: Vec<Row>,
    /// Sorted by prefix.
    mounts: Vec<Mount>,
    /// The lengths of the prefixes, each once, the longest first.
    prefix_lengths: Vec<usize>,
}

struct Row {
    entry: RouteEntry,
    /// The routes of its guest, compiled.
    guest: Arc<CompiledRoutes>,
    /// The route's place among them.
    place: usize,
}

/// The guests at one mount.
struct Mount {
    prefix: Arc<str>,
    groups: Vec<Group>,
}

impl Table {
    fn mount(&self, prefix: &str) -> Option<&Mount> {
        let place = self.mounts.binary_search_by(|mount| (*mount.prefix).cmp(prefix)).ok()?;
        Some(&self.mounts[place])
    }

    /// Returns the mounts that a path is below, the longest first, each with the path as its guests
    /// see it.
    fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Mount, &'a str)> {
        self.prefix_lengths.iter().filter_map(move |length| {
            let (prefix, rest) = path.split_at_checked(*length)?;
            let rest = match rest {
                "" if !prefix.is_empty() => "/",
                rest if prefix.is_empty() || rest.starts_with('/') => rest,
                _ => return None,
            };
            Some((self.mount(prefix)?, rest))
        })
    }
}

impl Row {
    /// Returns the captures of a path that the route has; `None` if one is not UTF-8.
    fn params(&self, path: &str) -> Option<Vec<Param>> {
        let route = &self.guest.routes[self.place];
        let Some(captures) = &route.captures else { return Some(Vec::new()) };
        let slots = captures.find(path)?;
        let params =
            captures.names.iter().zip(slots.chunks_exact(2).skip(1)).map(|(name, ends)| {
                let raw = match ends {
                    [Some(from), Some(to)] => path.get(from.get()..to.get()).unwrap_or_default(),
                    _ => "",
                };
                let value = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
                Some(Param { name: name.clone(), value })
            });
        params.collect()
    }
}

/// Returns the value of `Allow` (RFC 9110, section 10.2.1): the methods of the routes that have the
/// path, `HEAD` beside `GET`, and the `OPTIONS` that the host answers.
fn allow<'a>(routes: impl Iterator<Item = &'a Route>) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for method in routes.flat_map(|route| &route.methods) {
        if methods.len() >= ALLOWED_METHODS_MAX {
            break;
        }
        for method in [method.as_str(), "HEAD"].into_iter().take(1 + usize::from(method == "GET")) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    if !methods.contains(&"OPTIONS") {
        methods.push("OPTIONS");
    }
    methods.join(", ")
}
