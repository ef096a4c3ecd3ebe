//! Where the groups of one pattern match, in time that depends on the path's length alone.
//!
//! Most patterns are *one-pass*: each byte leaves one way to go on, so one pass finds the groups.
//! For the others (`/(.*)/edit`: which slash is it?) the path is read twice. The first pass goes
//! from its end to its beginning, with a deterministic automaton, and notes at each byte from which
//! states the rest of the path can still be matched. The second pass goes forward and takes at each
//! byte the first way, in the order of preference of regular expressions, that the first pass found
//! to lead to the end. So it never goes back.

#[cfg(test)]
mod tests;
mod two_pass;

use regex_automata::dfa::onepass;
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};

use self::two_pass::TwoPass;
use super::pattern::Pattern;

/// The largest automaton that finds the groups of one pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The end points of each group, as offsets in the path: two for each group, the first of which is
/// the whole path. `None` for a group that took no part in the match.
pub(super) type Slots = Vec<Option<NonMaxUsize>>;

/// Finds the groups of one pattern.
#[derive(Debug)]
pub(super) struct Captures {
    engine: Engine,
    /// The name of each group but the first, which is the whole path.
    pub names: Vec<Option<String>>,
    slots: usize,
    /// The memory that it takes.
    pub bytes: usize,
}

#[derive(Debug)]
enum Engine {
    OnePass(Box<onepass::DFA>),
    TwoPass(Box<TwoPass>),
}

impl Captures {
    /// Compiles a pattern. The error says what is too large.
    pub fn compile(pattern: &Pattern) -> Result<Captures, &'static str> {
        const LARGE: &str = "its groups need too much memory: repeat less (`{1,255}`), or use \
                             fewer groups";
        let config =
            thompson::Config::new().utf8(false).nfa_size_limit(Some(4 * PATTERN_BYTES_MAX));
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(&pattern.hir);
        let nfa = nfa.map_err(|_| LARGE)?;
        let names = nfa.group_info().pattern_names(regex_automata::PatternID::ZERO).skip(1);
        let names: Vec<_> = names.map(|name| name.map(str::to_owned)).collect();
        let slots = nfa.group_info().slot_len();
        let (engine, bytes) = match one_pass(&nfa) {
            Some(dfa) => {
                let bytes = dfa.memory_usage();
                (Engine::OnePass(Box::new(dfa)), bytes)
            }
            None => {
                let two_pass = TwoPass::compile(&nfa, pattern.longest, PATTERN_BYTES_MAX)?;
                let bytes = two_pass.bytes();
                (Engine::TwoPass(Box::new(two_pass)), bytes)
            }
        };
        Ok(Captures { engine, names, slots, bytes })
    }

    /// Finds the groups in a path that the pattern matches.
    pub fn find(&self, path: &str) -> Option<Slots> {
        match &self.engine {
            Engine::OnePass(dfa) => {
                let mut cache = dfa.create_cache();
                let mut slots = vec![None; self.slots];
                let input = Input::new(path).anchored(Anchored::Yes);
                dfa.try_search_slots(&mut cache, &input, &mut slots).ok()??;
                Some(slots)
            }
            Engine::TwoPass(two_pass) => two_pass.find(path.as_bytes(), self.slots),
        }
    }
}

fn one_pass(nfa: &NFA) -> Option<onepass::DFA> {
    let config = onepass::Config::new().size_limit(Some(PATTERN_BYTES_MAX));
    onepass::Builder::new().configure(config).build_from_nfa(nfa.clone()).ok()
}
