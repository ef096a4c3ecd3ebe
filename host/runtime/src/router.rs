//! The router: from a method and a path to a version, a route and its captures.
//!
//! All routes of a deployment are one table. The first entry that has the path and the method wins;
//! the entries are ordered by their guests' names, then as each guest declared its routes.
//!
//! A guest may be mounted below a prefix. Its patterns then match the rest of the path, which
//! begins with a slash; the bare prefix is the path `/` to the guest.

mod pattern;
mod route;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use regex::{Regex, RegexSet};
use regex_automata::{Anchored, Input, meta};

pub use self::pattern::{RouteError, check_routes};
pub use self::route::{Route, RouteEntry, RouteId, VersionId};

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

/// The table of all routes of a deployment.
///
/// Matching needs scratch memory. Each clone has its own, so that workers do not contend for it.
#[derive(Clone, Debug)]
pub struct Router {
    /// Finds the first pattern that matches.
    first: meta::Regex,
    /// Finds all patterns that match.
    all: RegexSet,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    entry: RouteEntry,
    /// The pattern alone: finds the captures, and confirms a match below a mount prefix. `None` if
    /// the row needs neither.
    alone: Option<Regex>,
}

impl Router {
    /// Builds the table of a deployment. The order of `entries` is the order of precedence.
    ///
    /// # Errors
    /// A pattern can't be used, or all patterns together are too large. [`check_routes`] finds the
    /// former earlier.
    pub fn new(entries: Vec<RouteEntry>) -> Result<Router, RouteError> {
        let patterns: Vec<String> =
            entries.iter().map(pattern::anchor_below_mount).collect::<Result<_, _>>()?;
        let first = pattern::compile_first(&patterns, pattern::TABLE_BYTES_MAX)?;
        let all = pattern::compile_all(&patterns)?;
        let rows = entries.into_iter().map(|entry| {
            let alone = pattern::compile_alone(
                entry.route.index(),
                &entry.declared,
                !entry.mount.is_empty(),
            )?;
            Ok(Row { entry, alone })
        });
        Ok(Router { first, all, rows: rows.collect::<Result<_, _>>()? })
    }

    /// Returns the entries in their order.
    pub fn entries(&self) -> impl Iterator<Item = &RouteEntry> {
        self.rows.iter().map(|row| &row.entry)
    }

    /// Returns the entry at a place that [`Match::Found`] named.
    #[inline]
    pub fn entry(&self, index: usize) -> Option<&RouteEntry> {
        self.rows.get(index).map(|row| &row.entry)
    }

    /// Finds the route of a request. `path` is as sent: not percent-decoded, and with the mount
    /// prefix.
    pub fn find(&self, method: &str, path: &str) -> Match {
        // One automaton of all patterns reads the path once and knows the first pattern that
        // matches. A thousand routes cost about what ten do.
        let Some(first) = self.first.search_half(&Input::new(path).anchored(Anchored::Yes)) else {
            // The automaton may find too much, never too little: so nothing matches.
            return Match::NotFound;
        };
        // For nearly every request, the first pattern's route is the one: it takes the method, and
        // if it is mounted, its pattern alone confirms the match.
        let first = first.pattern().as_usize();
        if self.rows[first].entry.declared.takes(method)
            && let Some(path) = self.rows[first].confirm(path)
        {
            return self.found(first, path);
        }
        // Otherwise a later pattern may match as well. Only now all of them are looked for, because
        // that costs a second search, and a confirmation for each mounted route that it finds.
        let matches: Vec<(usize, &str)> = self
            .all
            .matches(path)
            .iter()
            .filter_map(|index| Some((index, self.rows[index].confirm(path)?)))
            .collect();
        if matches.is_empty() {
            return Match::NotFound;
        }
        let taker =
            matches.iter().find(|(index, _)| self.rows[*index].entry.declared.takes(method));
        if let Some(&(entry, path)) = taker {
            return self.found(entry, path);
        }
        // The path is known, the method is not.
        let allow = allow(matches.iter().map(|(index, _)| &self.rows[*index].entry.declared));
        if method == "OPTIONS" {
            Match::Options { allow }
        } else {
            Match::MethodNotAllowed { allow }
        }
    }

    fn found(&self, entry: usize, path: &str) -> Match {
        self.rows[entry]
            .params(path)
            .map_or(Match::BadParam, |params| Match::Found { entry, params })
    }
}

impl Row {
    /// Confirms a match of the table's automata, which may find too much below a mount prefix.
    /// Returns the path as the guest sees it, or `None` if the route does not have the path.
    fn confirm<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.entry.mount.is_empty() {
            return Some(path);
        }
        let path = self.entry.below(path)?;
        self.alone.as_ref().is_none_or(|alone| alone.is_match(path)).then_some(path)
    }

    /// Returns the captures of a path that has been confirmed; `None` if one is not UTF-8.
    fn params(&self, path: &str) -> Option<Vec<Param>> {
        let Some(regex) = &self.alone else { return Some(Vec::new()) };
        let captures = regex.captures(path)?;
        // Group 0 is the whole path.
        let groups = regex.capture_names().enumerate().skip(1);
        let params = groups.map(|(group, name)| {
            let raw = captures.get(group).map_or("", |found| found.as_str());
            let value = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
            Some(Param { name: name.map(str::to_owned), value })
        });
        params.collect()
    }
}

/// Returns the value of `Allow` (RFC 9110, section 10.2.1): every method of the routes that have
/// the path, `HEAD` beside `GET`, and the `OPTIONS` that the host answers.
fn allow<'a>(routes: impl Iterator<Item = &'a Route>) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for method in routes.flat_map(|route| &route.methods) {
        methods.push(method);
        if method == "GET" {
            methods.push("HEAD");
        }
    }
    methods.push("OPTIONS");
    let mut seen = BTreeSet::new();
    methods.retain(|method| seen.insert(*method));
    methods.join(", ")
}
