//! The patterns of routes: checked, anchored, put below a mount prefix and compiled.

use std::fmt;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::{Hir, HirKind, Repetition};

use super::route::{Route, RouteEntry};
use snow_http::headers::is_token;

/// The largest automaton that finds the captures of one pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// The largest automaton of the routes of one guest.
const GUEST_BYTES_MAX: usize = 8 << 20;
/// The largest automaton of all routes of a deployment.
pub(super) const TABLE_BYTES_MAX: usize = 64 << 20;
/// The most that a worker keeps of earlier searches, to be faster at the next one. Clients choose
/// the paths, so this must not grow without a limit.
const CACHE_BYTES_MAX: usize = 8 << 20;

/// Why a guest's routes can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// A pattern is wrong by itself. The message of the regex crate shows the place.
    #[error(
        "route {route} has a pattern that is not a usable regular expression: {pattern}\n{reason}"
    )]
    Invalid {
        /// The route's place in the guest's list.
        route: usize,
        /// The pattern as the guest declared it.
        pattern: String,
        /// What is wrong with the pattern.
        reason: String,
    },
    /// A method is not a token (RFC 9110, section 9.1).
    #[error("route {route} ({pattern}) has the method {method:?}, which is not a token")]
    Method {
        /// The route's place in the guest's list.
        route: usize,
        /// The pattern as the guest declared it.
        pattern: String,
        /// The offending method.
        method: String,
    },
    /// Each pattern is fine, but all together are too large to be matched in one pass.
    #[error("its routes are too large together to be matched in one pass: {0}")]
    TooLarge(String),
}

/// Checks the routes of one guest, as declared and in their order.
///
/// # Errors
/// The error names the first route that can't be used.
pub fn check_routes(routes: &[Route]) -> Result<(), RouteError> {
    for (index, route) in routes.iter().enumerate() {
        compile_alone(index, route, false)?;
        if let Some(method) = route.methods.iter().find(|method| !is_token(method.as_bytes())) {
            let pattern = route.pattern.clone();
            return Err(RouteError::Method { route: index, pattern, method: method.clone() });
        }
    }
    let patterns = routes.iter().enumerate().map(|(index, route)| anchor(index, route));
    compile_first(&patterns.collect::<Result<Vec<_>, _>>()?, GUEST_BYTES_MAX)?;
    Ok(())
}

/// Compiles one automaton that finds the first of the patterns that match a path: they are
/// anchored, so all matches begin at the same place, and among those it prefers the first pattern.
pub(super) fn compile_first(
    patterns: &[String],
    bytes_max: usize,
) -> Result<meta::Regex, RouteError> {
    let config = meta::Config::new()
        .which_captures(WhichCaptures::Implicit)
        .nfa_size_limit(Some(bytes_max))
        .hybrid_cache_capacity(CACHE_BYTES_MAX);
    let built = meta::Regex::builder().configure(config).build_many(patterns);
    built.map_err(|error| RouteError::TooLarge(error.to_string()))
}

/// Compiles one automaton that finds all patterns that match a path.
pub(super) fn compile_all(patterns: &[String]) -> Result<RegexSet, RouteError> {
    let built = RegexSetBuilder::new(patterns)
        .size_limit(TABLE_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .build();
    built.map_err(|error| RouteError::TooLarge(error.to_string()))
}

/// Compiles one route's pattern by itself. Returns `None` for a pattern that is not mounted and has
/// no groups: there is nothing that the table's automata do not know already.
pub(super) fn compile_alone(
    index: usize,
    route: &Route,
    is_mounted: bool,
) -> Result<Option<Regex>, RouteError> {
    let anchored = anchor(index, route)?;
    let parsed =
        regex_syntax::parse(&anchored).map_err(|error| invalid(index, &route.pattern, &error))?;
    if parsed.properties().explicit_captures_len() == 0 && !is_mounted {
        return Ok(None);
    }
    let built = RegexBuilder::new(&anchored).size_limit(PATTERN_BYTES_MAX).build();
    built.map(Some).map_err(|error| invalid(index, &route.pattern, &error))
}

/// Returns an entry's pattern for the table's automata, which see the path with its mount prefix.
///
/// Below a prefix the pattern may match too much, and never too little. It matches the bare prefix
/// always. And it ignores assertions that look at the text around them (`^`, `\b`): those would see
/// the prefix where the guest sees nothing.
pub(super) fn anchor_below_mount(entry: &RouteEntry) -> Result<String, RouteError> {
    let (index, route) = (entry.route.index(), &entry.declared);
    let anchored = anchor(index, route)?;
    if entry.mount.is_empty() {
        return Ok(anchored);
    }
    let parsed =
        regex_syntax::parse(&anchored).map_err(|error| invalid(index, &route.pattern, &error))?;
    let mount = regex_syntax::escape(&entry.mount);
    Ok(format!("^{mount}(?:(?:{})|)$", without_looks(&parsed)))
}

/// Returns a route's pattern, anchored at both ends so that it has to match the whole path: also
/// `a|b`.
fn anchor(index: usize, route: &Route) -> Result<String, RouteError> {
    let pattern = &route.pattern;
    // The pattern is parsed by itself first: an error then shows what the guest wrote, and `a)(b`
    // can't slip through by closing the group below.
    regex_syntax::parse(pattern).map_err(|error| invalid(index, pattern, &error))?;
    let anchored = format!("^(?:{pattern})$");
    // A pattern in verbose mode may end in a comment, which would swallow the closing anchor.
    if regex_syntax::parse(&anchored).is_ok() {
        Ok(anchored)
    } else {
        Ok(format!("^(?:{pattern}\n)$"))
    }
}

/// Returns an expression without its assertions (`^`, `$`, `\b` and the like).
fn without_looks(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_looks(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        // The table's automata are never asked for captures.
        HirKind::Capture(capture) => without_looks(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_looks).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_looks).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    }
}

fn invalid(route: usize, pattern: &str, reason: &dyn fmt::Display) -> RouteError {
    RouteError::Invalid { route, pattern: pattern.to_owned(), reason: reason.to_string() }
}
