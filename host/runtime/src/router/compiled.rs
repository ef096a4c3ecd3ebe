//! The routes of one guest, checked and compiled as they will be used.

use std::sync::Arc;

use super::automaton::Automaton;
use super::captures::Captures;
use super::pattern::{Pattern, RouteError};
use super::route::Route;
use snow_http::headers::is_token;

/// The largest automaton of one guest's routes. A path is read at the same speed by a large one
/// and by a small one; the limit is for memory, and for the time to build it.
const GUEST_BYTES_MAX: usize = 16 << 20;
/// The most memory that finding the captures of all routes of one guest may need.
const CAPTURES_BYTES_MAX: usize = 64 << 20;
/// The most methods that one route may list.
const METHODS_MAX: usize = 64;
/// The most routes that may have one path: each is looked at if none takes the method.
pub(super) const MATCHES_MAX: usize = 4_096;

/// The routes of one guest, checked and compiled. A mount prefix changes nothing about them: it is
/// taken off a path before the path is matched.
#[derive(Debug)]
pub struct CompiledRoutes {
    pub(super) routes: Vec<CompiledRoute>,
    /// The automaton of all the routes; `None` if there are none.
    pub(super) automaton: Option<Arc<Automaton>>,
}

/// One route, with what its pattern was compiled to beside the automaton.
#[derive(Debug)]
pub(super) struct CompiledRoute {
    pub pattern: Pattern,
    /// Finds the captures; `None` if the pattern has no groups.
    pub captures: Option<Captures>,
}

impl CompiledRoutes {
    /// Checks and compiles the routes of one guest, as declared and in their order.
    ///
    /// It may take about a second for patterns at the limits, so it is not for a loop's thread.
    ///
    /// # Errors
    /// The error names the first route that can't be used.
    pub fn new(routes: &[Route]) -> Result<CompiledRoutes, RouteError> {
        let mut compiled = Vec::with_capacity(routes.len());
        let mut captures_bytes = 0;
        for (index, route) in routes.iter().enumerate() {
            check_methods(index, route)?;
            let pattern = Pattern::parse(index, route)?;
            let captures = match pattern.has_groups {
                true => Some(Captures::compile(&pattern)),
                false => None,
            };
            let captures =
                captures.transpose().map_err(|reason| too_large(index, route, reason))?;
            captures_bytes += captures.as_ref().map_or(0, |captures| captures.bytes);
            if captures_bytes > CAPTURES_BYTES_MAX {
                let reason = "the groups of this guest's routes need too much memory together: \
                              leave out those that it does not use (`(?:...)` is no group)";
                return Err(too_large(index, route, reason));
            }
            compiled.push(CompiledRoute { pattern, captures });
        }
        let automaton = match compiled.is_empty() {
            true => None,
            false => Some(Arc::new(compile(routes, &compiled)?)),
        };
        Ok(CompiledRoutes { routes: compiled, automaton })
    }

    /// Returns the number of routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Returns whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Returns the memory that the automaton takes.
    pub(super) fn bytes(&self) -> usize {
        self.automaton.as_ref().map_or(0, |automaton| automaton.bytes())
    }
}

fn check_methods(index: usize, route: &Route) -> Result<(), RouteError> {
    let (pattern, methods) = (route.pattern.clone(), route.methods.len());
    if methods > METHODS_MAX {
        let methods_max = METHODS_MAX;
        return Err(RouteError::Methods { route: index, pattern, methods, methods_max });
    }
    match route.methods.iter().find(|method| !is_token(method.as_bytes())) {
        Some(method) => Err(RouteError::Method { route: index, pattern, method: method.clone() }),
        None => Ok(()),
    }
}

/// Compiles one automaton of all routes.
fn compile(routes: &[Route], compiled: &[CompiledRoute]) -> Result<Automaton, RouteError> {
    let first = |count: usize| -> Option<Automaton> {
        let patterns: Vec<_> = compiled[..count].iter().map(|route| &route.pattern.hir).collect();
        let automaton = Automaton::build(&patterns, GUEST_BYTES_MAX)?;
        (automaton.matches_max() <= MATCHES_MAX).then_some(automaton)
    };
    if let Some(automaton) = first(compiled.len()) {
        return Ok(automaton);
    }
    // The first route with which it is too large, found by halving.
    let (mut fits, mut fails) = (0, compiled.len());
    while fails - fits > 1 {
        let middle = fits.midpoint(fails);
        match first(middle) {
            Some(_) => fits = middle,
            None => fails = middle,
        }
    }
    let index = fails - 1;
    let alone = Automaton::build(&[&compiled[index].pattern.hir], GUEST_BYTES_MAX);
    let reason = match alone {
        None => {
            "matching it needs too much memory: repeat less (`{1,255}`), avoid `.*` before \
             something that is repeated, and spell out alternatives"
        }
        Some(_) => {
            "it is fine alone, but not together with the routes before it: let their patterns \
             differ earlier in the path, repeat less, or have fewer routes"
        }
    };
    Err(too_large(index, &routes[index], reason))
}

fn too_large(route: usize, declared: &Route, reason: &str) -> RouteError {
    let pattern = declared.pattern.clone();
    RouteError::TooLarge { route, pattern, reason: reason.to_owned() }
}
