//! Pattern -> (version, route, captures).
//!
//! All routes of a deployment are one table, matched in one pass over the path. First match wins: in the
//! table's order, which is guests by name, then the order that a guest declared.
//!
//! A guest may be mounted below a prefix: its patterns match what follows that, which begins with a slash. The bare
//! prefix is its `/`, as with a slash behind it.
//!
//! The pass is one automaton of all patterns that knows the first of those that match, so that a thousand routes
//! cost about what ten do. Only when that route does not take the method are all that match looked at.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::{Hir, HirKind, Repetition};

use snow_http::headers::is_token;

/// A route as a guest declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Methods it takes; empty for all. `GET` includes `HEAD`.
    pub methods: Vec<String>,
    /// A regular expression for the whole path.
    pub pattern: String,
}

/// Names a version of a guest, on every worker of the process, for as long as the version is in the router or a request
/// holds it; another version may get the id afterwards. Ids are kept low, because workers index tables by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(pub u32);

impl VersionId {
    /// Returns the version's place in a table by version.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names a route within its version, for as long as there is that version: the route's place in the list that the guest
/// declared.
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

/// One line of the table.
#[derive(Clone, Debug)]
pub struct RouteEntry {
    /// The version of a guest.
    pub version: VersionId,
    /// The route of that version.
    pub route: RouteId,
    /// What the guest declared.
    pub declared: Route,
    /// The prefix of its paths, as sent and without a slash at its end; empty for none.
    pub mount: Arc<str>,
}

impl RouteEntry {
    /// The pattern as people read it, with the prefix.
    pub fn pattern(&self) -> String {
        format!("{}{}", self.mount, self.declared.pattern)
    }

    /// A path below the prefix as the guest sees it.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(&*self.mount)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

/// A capture of a route's pattern, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The group's name, if it has one.
    pub name: Option<String>,
    /// Empty for a group that took no part.
    pub value: String,
}

/// A pattern that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// One pattern is wrong by itself; the message of the regex crate shows the place.
    #[error("route {route} has a pattern that is no regular expression: {pattern}\n{reason}")]
    Invalid {
        /// Its place in the guest's list.
        route: usize,
        /// As the guest declared it.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A method that is not a token (RFC 9110, section 9.1).
    #[error("route {route} ({pattern}) has the method {method:?}, which is not a token")]
    Method {
        /// Its place in the guest's list.
        route: usize,
        /// As the guest declared it.
        pattern: String,
        /// The offending method.
        method: String,
    },
    /// Each is fine, but all together are too large to match in one pass.
    #[error("its routes are too large to be matched in one pass: {0}")]
    TooLarge(String),
}

/// What the table says of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Match {
    /// This route takes it.
    Found {
        /// The entry's place in the table.
        entry: usize,
        /// Its captures.
        params: Vec<Param>,
    },
    /// The path is known, the method is not: what goes into `Allow`.
    MethodNotAllowed {
        /// Comma-separated.
        allow: String,
    },
    /// `OPTIONS` for a path whose routes do not take it themselves.
    Options {
        /// Comma-separated.
        allow: String,
    },
    /// A capture is not UTF-8 once it is percent-decoded.
    BadParam,
    /// No route has this path.
    NotFound,
}

/// The table. Cloning gives each worker its own matching scratch space.
#[derive(Clone, Debug)]
pub struct Router {
    /// Which pattern is the first that matches.
    first: meta::Regex,
    /// Which patterns match.
    all: RegexSet,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    entry: RouteEntry,
    /// The pattern alone: for its captures, and where the pass may find too much. None if neither is needed.
    own: Option<Regex>,
}

/// How large the captures' automaton of one pattern may be.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// How large the automaton of one guest's routes may be, and that of all.
const GUEST_BYTES_MAX: usize = 8 << 20;
const TABLE_BYTES_MAX: usize = 64 << 20;
/// What a worker may keep of the one pass, to go faster the next time. Paths can't make it grow beyond that.
const CACHE_BYTES_MAX: usize = 8 << 20;

/// Checks the routes of one guest: each error names the route.
pub fn check_routes(routes: &[Route]) -> Result<(), RouteError> {
    for (index, route) in routes.iter().enumerate() {
        compile(index, route, false)?;
        if let Some(method) = route.methods.iter().find(|method| !is_token(method.as_bytes())) {
            let pattern = route.pattern.clone();
            return Err(RouteError::Method { route: index, pattern, method: method.clone() });
        }
    }
    let patterns = routes.iter().enumerate().map(|(index, route)| anchor(index, route));
    first_of(&patterns.collect::<Result<Vec<_>, _>>()?, GUEST_BYTES_MAX)?;
    Ok(())
}

impl Router {
    /// Builds the table of a deployment, in the order of `entries`.
    pub fn new(entries: Vec<RouteEntry>) -> Result<Router, RouteError> {
        let anchored = |entry: &RouteEntry| anchor_below(&entry.mount, entry.route.index(), &entry.declared);
        let patterns: Vec<String> = entries.iter().map(anchored).collect::<Result<_, _>>()?;
        let first = first_of(&patterns, TABLE_BYTES_MAX)?;
        let all = RegexSetBuilder::new(&patterns)
            .size_limit(TABLE_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .build()
            .map_err(|error| RouteError::TooLarge(error.to_string()))?;
        let lines = entries.into_iter().map(|entry| {
            let own = compile(entry.route.index(), &entry.declared, !entry.mount.is_empty())?;
            Ok(Line { entry, own })
        });
        Ok(Router { first, all, lines: lines.collect::<Result<_, _>>()? })
    }

    /// The entries in their order.
    pub fn entries(&self) -> impl Iterator<Item = &RouteEntry> {
        self.lines.iter().map(|line| &line.entry)
    }

    /// The entry at a place that [`Match::Found`] named.
    pub fn entry(&self, index: usize) -> Option<&RouteEntry> {
        self.lines.get(index).map(|line| &line.entry)
    }

    /// Finds the route of a request. `path` is as sent: not percent-decoded.
    pub fn find(&self, method: &str, path: &str) -> Match {
        let Some(first) = self.first.search_half(&Input::new(path).anchored(Anchored::Yes)) else {
            return Match::NotFound;
        };
        let first = first.pattern().as_usize();
        if self.lines[first].entry.declared.takes(method)
            && let Some(path) = self.lines[first].matched(path)
        {
            return self.found(first, path);
        }
        let matched: Vec<(usize, &str)> =
            self.all.matches(path).iter().filter_map(|index| Some((index, self.lines[index].matched(path)?))).collect();
        if matched.is_empty() {
            return Match::NotFound;
        }
        let taker = matched.iter().find(|(index, _)| self.lines[*index].entry.declared.takes(method));
        if let Some(&(entry, path)) = taker {
            return self.found(entry, path);
        }
        let allow = allow(matched.iter().map(|(index, _)| &self.lines[*index].entry.declared));
        if method == "OPTIONS" { Match::Options { allow } } else { Match::MethodNotAllowed { allow } }
    }

    fn found(&self, entry: usize, path: &str) -> Match {
        self.lines[entry].params(path).map_or(Match::BadParam, |params| Match::Found { entry, params })
    }
}

/// One automaton for all patterns. They are anchored, so of those that match it prefers the first.
fn first_of(patterns: &[String], bytes_max: usize) -> Result<meta::Regex, RouteError> {
    let config = meta::Config::new()
        .which_captures(WhichCaptures::Implicit)
        .nfa_size_limit(Some(bytes_max))
        .hybrid_cache_capacity(CACHE_BYTES_MAX);
    let built = meta::Regex::builder().configure(config).build_many(patterns);
    built.map_err(|error| RouteError::TooLarge(error.to_string()))
}

impl Route {
    /// Whether there is a method that both take.
    pub fn shares_methods(&self, other: &Route) -> bool {
        let any = |route: &Route| route.methods.is_empty();
        any(self) || any(other) || self.methods.iter().any(|method| other.takes(method))
    }

    fn takes(&self, method: &str) -> bool {
        let takes = |wanted: &str| self.methods.iter().any(|method| method == wanted);
        self.methods.is_empty() || takes(method) || (method == "HEAD" && takes("GET"))
    }
}

impl Line {
    /// The path as the guest sees it, of one that the pass has found: below a prefix it finds too much.
    fn matched<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.entry.mount.is_empty() {
            return Some(path);
        }
        let path = self.entry.below(path)?;
        self.own.as_ref().is_none_or(|own| own.is_match(path)).then_some(path)
    }

    fn params(&self, path: &str) -> Option<Vec<Param>> {
        let Some(regex) = &self.own else { return Some(Vec::new()) };
        let captures = regex.captures(path)?;
        let groups = regex.capture_names().enumerate().skip(1);
        let params = groups.map(|(group, name)| {
            let raw = captures.get(group).map_or("", |found| found.as_str());
            let value = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
            Some(Param { name: name.map(str::to_owned), value })
        });
        params.collect()
    }
}

/// `Allow` (RFC 9110, section 10.2.1): every method of the routes that have the path, `HEAD` beside `GET`,
/// and the `OPTIONS` that the host answers.
fn allow<'a>(routes: impl Iterator<Item = &'a Route>) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for method in routes.flat_map(|route| &route.methods) {
        methods.push(method);
        if method == "GET" {
            methods.push("HEAD");
        }
    }
    methods.push("OPTIONS");
    let mut seen = std::collections::BTreeSet::new();
    methods.retain(|method| seen.insert(*method));
    methods.join(", ")
}

/// The route's pattern, anchored at both ends so that the whole path has to match: `a|b` included.
fn anchor(index: usize, route: &Route) -> Result<String, RouteError> {
    let pattern = &route.pattern;
    // The pattern by itself first: its error then shows what the guest wrote, and `a)(b` can't slip through.
    regex_syntax::parse(pattern).map_err(|error| invalid(index, pattern, &error))?;
    let anchored = format!("^(?:{pattern})$");
    // A pattern in verbose mode may end in a comment, which would swallow the closing anchor.
    if regex_syntax::parse(&anchored).is_ok() { Ok(anchored) } else { Ok(format!("^(?:{pattern}\n)$")) }
}

/// The same below a prefix, for the pass: it finds all that it should, and perhaps more. The bare prefix is among it, and
/// where the pattern looks behind itself (`^`, `\b`), which would see the prefix there, it does not look.
fn anchor_below(mount: &str, index: usize, route: &Route) -> Result<String, RouteError> {
    let anchored = anchor(index, route)?;
    if mount.is_empty() {
        return Ok(anchored);
    }
    let parsed = regex_syntax::parse(&anchored).map_err(|error| invalid(index, &route.pattern, &error))?;
    let mount = regex_syntax::escape(mount);
    Ok(format!("^{mount}(?:(?:{})|)$", without_looks(&parsed)))
}

fn without_looks(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_looks(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        // Nobody asks the pass for captures.
        HirKind::Capture(capture) => without_looks(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_looks).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_looks).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    }
}

/// What finds the route's captures: nothing, for a pattern without groups that is not mounted.
fn compile(index: usize, route: &Route, is_mounted: bool) -> Result<Option<Regex>, RouteError> {
    let anchored = anchor(index, route)?;
    let parsed = regex_syntax::parse(&anchored).map_err(|error| invalid(index, &route.pattern, &error))?;
    if parsed.properties().explicit_captures_len() == 0 && !is_mounted {
        return Ok(None);
    }
    let built = RegexBuilder::new(&anchored).size_limit(PATTERN_BYTES_MAX).build();
    built.map(Some).map_err(|error| invalid(index, &route.pattern, &error))
}

fn invalid(route: usize, pattern: &str, reason: &dyn std::fmt::Display) -> RouteError {
    RouteError::Invalid { route, pattern: pattern.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router {
        let entries = routes.iter().enumerate().map(|(n, (methods, pattern))| RouteEntry {
            version: VersionId(0),
            route: RouteId(n as u32),
            declared: route(methods, pattern),
            mount: "".into(),
        });
        Router::new(entries.collect()).unwrap()
    }

    /// Each with its prefix and its pattern, for every method.
    fn mounted(routes: &[(&str, &str)]) -> Router {
        let entries = routes.iter().enumerate().map(|(n, (mount, pattern))| RouteEntry {
            version: VersionId(n as u32),
            route: RouteId(0),
            declared: route("", pattern),
            mount: (*mount).into(),
        });
        Router::new(entries.collect()).unwrap()
    }

    fn route(methods: &str, pattern: &str) -> Route {
        Route { methods: methods.split_whitespace().map(str::to_owned).collect(), pattern: pattern.into() }
    }

    fn found(router: &Router, method: &str, path: &str) -> Option<usize> {
        match router.find(method, path) {
            Match::Found { entry, .. } => Some(entry),
            _ => None,
        }
    }

    #[test]
    fn a_pattern_is_anchored_at_both_ends_even_with_alternatives() {
        let router = router(&[("GET", "/a|/b"), ("GET", "/c")]);
        assert_eq!(found(&router, "GET", "/a"), Some(0));
        assert_eq!(found(&router, "GET", "/b"), Some(0));
        for path in ["/a/", "x/b", "/ab", "/c\n", "//c", "/C"] {
            assert_eq!(router.find("GET", path), Match::NotFound, "{path:?}");
        }
    }

    #[test]
    fn a_comment_in_a_verbose_pattern_does_not_swallow_the_anchor() {
        let router = router(&[("GET", "(?x) /a # the letter a")]);
        assert_eq!(found(&router, "GET", "/a"), Some(0));
        assert_eq!(found(&router, "GET", "/ab"), None);
    }

    #[test]
    fn the_first_that_takes_path_and_method_wins() {
        let router = router(&[("POST", "/x"), ("GET", "/x"), ("", "/.*")]);
        assert_eq!(found(&router, "POST", "/x"), Some(0));
        assert_eq!(found(&router, "GET", "/x"), Some(1));
        assert_eq!(found(&router, "HEAD", "/x"), Some(1));
        assert_eq!(found(&router, "PUT", "/x"), Some(2));
        assert_eq!(found(&router, "get", "/x"), Some(2));
    }

    #[test]
    fn a_known_path_with_another_method_says_what_is_allowed() {
        let router = router(&[("GET", "/x"), ("POST GET", "/x")]);
        assert_eq!(router.find("PUT", "/x"), Match::MethodNotAllowed { allow: "GET, HEAD, POST, OPTIONS".into() });
        assert_eq!(router.find("OPTIONS", "/x"), Match::Options { allow: "GET, HEAD, POST, OPTIONS".into() });
        assert_eq!(router.find("OPTIONS", "/y"), Match::NotFound);
    }

    #[test]
    fn captures_are_decoded_once_and_must_be_utf8() {
        let router = router(&[("GET", "/s/(?P<id>[^/]+)(/x)?/([^/]*)")]);
        let Match::Found { params, .. } = router.find("GET", "/s/a%2520b/%C3%A9") else { panic!("not found") };
        let shown: Vec<_> = params.iter().map(|param| (param.name.as_deref(), param.value.as_str())).collect();
        assert_eq!(shown, [(Some("id"), "a%20b"), (None, ""), (None, "é")]);
        assert_eq!(router.find("GET", "/s/%ff/"), Match::BadParam);
    }

    #[test]
    fn an_error_names_route_and_place() {
        let error = check_routes(&[route("GET", "/ok"), route("GET", "/(oops")]).unwrap_err().to_string();
        assert!(error.contains("route 1") && error.contains("/(oops") && error.contains("unclosed group"), "{error}");
        assert!(check_routes(&[route("GET", "/a)|(/b")]).is_err(), "unbalanced groups must not pass inside the anchor");
        assert!(check_routes(&[route("G T", "/a")]).is_ok(), "two methods");
        let spaced = Route { methods: vec!["G T".into()], pattern: "/".into() };
        assert!(check_routes(&[spaced]).unwrap_err().to_string().contains("not a token"));
        assert!(check_routes(&[route("GET", "(a{1000}){1000}")]).is_err(), "too large");
    }

    #[test]
    fn a_prefix_is_no_part_of_the_pattern() {
        let router = mounted(&[("/shop", "/a|/b"), ("/x.y", "^/(?P<all>.*)$"), ("/shop", ".*"), ("", "/shopping")]);
        for (path, entry) in [
            ("/shop/a", Some(0)),
            ("/shop/b", Some(0)),
            ("/shop/c", Some(2)),
            ("/shop", Some(2)),
            ("/shop/", Some(2)),
            ("/shopping", Some(3)),
            ("/shop/shopping", Some(2)),
            ("/shopa", None),
            ("/a", None),
            ("/x.y/1/2", Some(1)),
            ("/x.y", Some(1)),
            ("/xzy/1", None),
            ("/SHOP/a", None),
            ("/%73hop/a", None),
            ("//shop/a", None),
        ] {
            assert_eq!(found(&router, "GET", path), entry, "{path}");
        }
        let Match::Found { params, .. } = router.find("GET", "/x.y/1/2") else { panic!("not found") };
        assert_eq!(params, [Param { name: Some("all".into()), value: "1/2".into() }]);
        let patterns: Vec<String> = router.entries().map(RouteEntry::pattern).collect();
        assert_eq!(patterns[..2], ["/shop/a|/b", "/x.y^/(?P<all>.*)$"]);
    }

    /// Below a prefix a pattern means what it means without.
    #[test]
    fn what_looks_behind_itself_does_not_see_the_prefix() {
        for pattern in [r"/a", r"^/a", r"\b/a", r"\B/a", r"(?x) /a # x", r"", r"()", r"(?m:^)/a$", r"x*^/a", "(?i)/A"] {
            let (bare, below) = (mounted(&[("", pattern)]), mounted(&[("/m", pattern)]));
            for path in ["/a", "/", "/b", "/a/", "/m/a"] {
                let of = |router, path: &str| found(router, "GET", path);
                assert_eq!(of(&below, &format!("/m{path}")), of(&bare, path), "{pattern} {path}");
            }
            assert_eq!(found(&below, "GET", "/m"), found(&bare, "GET", "/"), "{pattern}");
        }
    }

    #[test]
    fn a_method_is_looked_for_below_prefixes_too() {
        let entry = |n, methods: &str, pattern: &str, mount: &str| RouteEntry {
            version: VersionId(n),
            route: RouteId(0),
            declared: route(methods, pattern),
            mount: mount.into(),
        };
        let router = Router::new(vec![
            entry(0, "POST", ".*", "/shop"),
            entry(1, "GET", "/x", "/shop"),
            entry(2, "PUT", "/.*", ""),
        ])
        .unwrap();
        assert_eq!(found(&router, "GET", "/shop/x"), Some(1));
        assert_eq!(found(&router, "PUT", "/shop/x"), Some(2));
        let allow = |text: &str| Match::MethodNotAllowed { allow: text.into() };
        assert_eq!(router.find("DELETE", "/shop/x"), allow("POST, GET, HEAD, PUT, OPTIONS"));
        assert_eq!(router.find("DELETE", "/shop/y"), allow("POST, PUT, OPTIONS"));
        assert_eq!(router.find("DELETE", "/shopping"), allow("PUT, OPTIONS"), "that is not below the prefix");
    }

    #[test]
    fn an_error_shows_what_the_guest_wrote() {
        let entry = RouteEntry {
            version: VersionId(0),
            route: RouteId(4),
            declared: route("", "/(oops"),
            mount: "/shop".into(),
        };
        let error = Router::new(vec![entry]).unwrap_err().to_string();
        assert!(error.contains("route 4") && error.contains(": /(oops\n") && !error.contains("shop"), "{error}");
    }

    #[test]
    fn no_routes_match_nothing() {
        assert_eq!(router(&[]).find("GET", "/"), Match::NotFound);
    }
}
