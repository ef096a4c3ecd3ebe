//! The patterns of routes: parsed for paths, which are ASCII, and anchored at both ends.

use std::fmt;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look};

use super::route::Route;

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
    /// A route lists too many methods.
    #[error(
        "route {route} ({pattern}) lists {methods} methods; at most {methods_max} are allowed: \
         list none to take all"
    )]
    Methods {
        /// The route's place in the guest's list.
        route: usize,
        /// The pattern as the guest declared it.
        pattern: String,
        /// The number of its methods.
        methods: usize,
        /// The number that it may list.
        methods_max: usize,
    },
    /// A pattern is valid, but costs more memory or time than a route may. Or the routes up to this
    /// one do so together.
    #[error("route {route} has a pattern that is too large: {pattern}\n{reason}")]
    TooLarge {
        /// The first route that does not fit.
        route: usize,
        /// The pattern as the guest declared it.
        pattern: String,
        /// What is too large, and what to change.
        reason: String,
    },
    /// The table of all routes would cost the loop too much for one path.
    #[error(
        "its routes are too large beside those of the other guests: a path would be read \
         {walks} times (at most {walks_max}; a large guest counts 8 times) and be compared with {matches} routes (at most \
         {matches_max}). Bound or simplify the patterns of the largest guests, or mount guests \
         beside one another and not below"
    )]
    Table {
        /// How often one path is read at worst.
        walks: usize,
        /// The most that is allowed.
        walks_max: usize,
        /// How many routes have one path at worst.
        matches: usize,
        /// The most that is allowed.
        matches_max: usize,
    },
}

/// A route's pattern, ready to be compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The expression, anchored at both ends so that it has to match the whole path: also `a|b`.
    pub hir: Hir,
    /// Whether it has groups, which are captured.
    pub has_groups: bool,
    /// The only path that it matches, if it is plain text.
    pub literal: Option<String>,
    /// The length of the longest path that it matches; `None` if there is none.
    pub longest: Option<usize>,
}

impl Pattern {
    /// Parses the pattern of the route at this place of a guest's list.
    ///
    /// Paths are matched as they are sent, percent-encoded, so they are ASCII. Without Unicode `\w`
    /// is a class of 63 bytes, and not an automaton of hundreds of states.
    pub fn parse(index: usize, route: &Route) -> Result<Pattern, RouteError> {
        let pattern = &route.pattern;
        let parse = |unicode| {
            let parsed = ParserBuilder::new().unicode(unicode).utf8(false).build().parse(pattern);
            parsed.map_err(|error| error.to_string())
        };
        let inner = match parse(false) {
            Ok(inner) => inner,
            Err(error) if parse(true).is_ok() => {
                let hint = "paths are matched as they are sent, percent-encoded, so they are \
                            ASCII: use classes of ASCII characters";
                return Err(invalid(index, pattern, &format!("{error}\n{hint}")));
            }
            Err(error) => return Err(invalid(index, pattern, &error)),
        };
        let properties = inner.properties();
        if properties.look_set().contains_word_unicode() {
            let reason = "it has a Unicode word boundary, and paths are ASCII: write (?-u:\\b)";
            return Err(invalid(index, pattern, &reason));
        }
        let (has_groups, longest) =
            (properties.explicit_captures_len() > 0, properties.maximum_len());
        let literal = match inner.kind() {
            HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
            _ => None,
        };
        let hir = Hir::concat(vec![Hir::look(Look::Start), inner, Hir::look(Look::End)]);
        Ok(Pattern { hir, has_groups, literal, longest })
    }
}

pub(super) fn invalid(route: usize, pattern: &str, reason: &dyn fmt::Display) -> RouteError {
    RouteError::Invalid { route, pattern: pattern.to_owned(), reason: reason.to_string() }
}
