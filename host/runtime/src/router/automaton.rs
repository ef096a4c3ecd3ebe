//! A deterministic automaton of many patterns. It reads a path once, one step for each byte, and
//! then knows all patterns that match.
//!
//! All of its states are made when it is built. So the cost of a search is known before the first
//! request: it depends on the length of the path alone, whatever the patterns are and whatever
//! clients send. Automata whose states are made while they search (or sets of states that are
//! followed at once) have no such bound: a client who chooses paths well makes each byte cost what
//! the largest pattern does.

use std::collections::HashSet;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

/// The largest automaton before its states are made deterministic.
const NFA_BYTES_MAX: usize = 16 << 20;

/// Finds all patterns that match a whole path.
#[derive(Debug)]
pub(super) struct Automaton {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
    /// The most patterns that one path matches.
    matches_max: usize,
}

impl Automaton {
    /// Builds the automaton of patterns that are anchored at both ends. Returns `None` if it would
    /// take more than `bytes_max`.
    ///
    /// That bounds the time to build it too, since making a state costs in proportion to its size.
    pub fn build(patterns: &[&Hir], bytes_max: usize) -> Option<Automaton> {
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(NFA_BYTES_MAX));
        let mut compiler = thompson::Compiler::new();
        let nfa = compiler.configure(config).build_many_from_hir(patterns).ok()?;
        // Every match ends at the end of the path, so the state there knows all patterns that
        // match.
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .accelerate(false)
            .dfa_size_limit(Some(bytes_max))
            .determinize_size_limit(Some(bytes_max / 2));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        let matches_max = matches_max(&dfa, start);
        Some(Automaton { dfa, start, matches_max })
    }

    /// Returns the memory that it takes.
    pub fn bytes(&self) -> usize {
        self.dfa.memory_usage()
    }

    /// Returns the most patterns that one path matches.
    pub fn matches_max(&self) -> usize {
        self.matches_max
    }

    /// Returns the patterns that match a path, in no order.
    #[inline]
    pub fn matches(&self, path: &[u8]) -> impl Iterator<Item = usize> {
        let state = self.read(path);
        let count = state.map_or(0, |state| self.dfa.match_len(state));
        let pattern = move |state, index| self.dfa.match_pattern(state, index).as_usize();
        state.into_iter().flat_map(move |state| (0..count).map(move |index| pattern(state, index)))
    }

    /// Returns the state at the end of a path, if a pattern matches.
    #[inline]
    fn read(&self, path: &[u8]) -> Option<StateID> {
        let mut state = self.start;
        for byte in path {
            state = self.dfa.next_state(state, *byte);
            // No other special state can come: a match is known only after the last byte.
            if self.dfa.is_special_state(state) && !self.dfa.is_match_state(state) {
                return None;
            }
        }
        let end = self.dfa.next_eoi_state(state);
        self.dfa.is_match_state(end).then_some(end)
    }
}

/// Returns the most patterns that match in one state. Looks at each transition once.
fn matches_max(dfa: &dense::DFA<Vec<u32>>, start: StateID) -> usize {
    let classes: Vec<u8> =
        dfa.byte_classes().representatives(..).filter_map(|unit| unit.as_u8()).collect();
    let (mut seen, mut left) = (HashSet::from([start]), vec![start]);
    let mut most = 0;
    while let Some(state) = left.pop() {
        let end = dfa.next_eoi_state(state);
        if dfa.is_match_state(end) {
            most = most.max(dfa.match_len(end));
        }
        for byte in &classes {
            let next = dfa.next_state(state, *byte);
            if !dfa.is_dead_state(next) && seen.insert(next) {
                left.push(next);
            }
        }
    }
    most
}
