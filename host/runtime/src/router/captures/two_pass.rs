//! The engine for patterns that are not one-pass: once backward, once forward.

use std::collections::HashMap;

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::{NonMaxUsize, StateID};

use super::Slots;

/// The longest path that patterns without a bound are made for: `target_bytes_max` by default.
const PATH_BYTES: usize = 8_192;
/// The most that finding the groups in one path may cost: ways that are looked at.
const STEPS_MAX: usize = 1 << 19;
/// The most that compiling one pattern may cost: states that are looked at.
const WORK_MAX: usize = 1 << 26;

/// The place of a state that reads a byte, or of the one that matches, in the tables here.
type Place = u32;
/// No state of the backward automaton: the rest of the path can't be matched.
const DEAD: u32 = u32::MAX;

/// Finds the groups of one pattern by two passes over the path.
#[derive(Debug)]
pub(super) struct TwoPass {
    /// The class of each byte: bytes of a class are read by the same states.
    classes: Box<[u8]>,
    /// For each place and class: the ways to go on after such a byte, as an index in `ways`.
    /// `DEAD` if the state does not read it.
    next: Box<[u32]>,
    class_count: usize,
    /// Where states lead without reading a byte, in the order of preference.
    ways: Vec<Ways>,
    /// From the beginning of the path.
    first: Ways,
    /// From the beginning of an empty path.
    empty: Ways,
    backward: Backward,
}

/// The places to which a state leads without reading a byte.
#[derive(Debug, Default)]
struct Ways {
    /// Within the path, in the order of preference.
    within: Vec<Way>,
    /// At the end of the path: the way to the match, if there is one.
    at_end: Option<Way>,
}

/// A way to a place.
#[derive(Clone, Debug)]
struct Way {
    place: Place,
    /// The slots that are set on the way.
    slots: Box<[u32]>,
}

/// The automaton that reads a path from its end. Its states are sets of places.
#[derive(Debug)]
struct Backward {
    /// For each state and class, the state before such a byte.
    before: Vec<u32>,
    /// For each state, one bit for each place from which the rest can be matched.
    members: Vec<u64>,
    words: usize,
}

/// Where an assertion is looked at: at the beginning of a path, at its end, at both or between.
#[derive(Clone, Copy)]
struct At {
    start: bool,
    end: bool,
}

impl TwoPass {
    /// Compiles a pattern of which no match is longer than `longest`. The error says what is too
    /// large.
    pub fn compile(
        nfa: &NFA,
        longest: Option<usize>,
        bytes_max: usize,
    ) -> Result<TwoPass, &'static str> {
        if nfa.look_set_any().contains_word() {
            return Err("it has groups whose ends are not clear from the bytes before, and word \
                        boundaries (\\b, \\B): leave out either");
        }
        let mut compiler = Compiler::new(nfa, bytes_max);
        let mut next = Vec::new();
        let bytes: Vec<u8> =
            nfa.byte_classes().representatives(..).filter_map(|unit| unit.as_u8()).collect();
        // Places are found as they are reached; those behind this one come later.
        let first = compiler.ways(nfa.start_anchored(), At { start: true, end: false })?;
        let empty = compiler.ways(nfa.start_anchored(), At { start: true, end: true })?;
        let mut done = 0;
        while let Some(state) = compiler.states.get(done).copied() {
            done += 1;
            for byte in &bytes {
                next.push(match target(nfa.state(state), *byte) {
                    Some(target) => compiler.ways_of(target)?,
                    None => DEAD,
                });
            }
            if next.len() * size_of::<u32>() > bytes_max {
                return Err(LARGE);
            }
        }
        let widest = compiler.ways.iter().map(|ways| ways.within.len()).max().unwrap_or(0);
        if widest * longest.unwrap_or(PATH_BYTES).min(PATH_BYTES) > STEPS_MAX {
            return Err(
                "its groups can end in too many ways: put groups around fewer optional or \
                        alternative parts",
            );
        }
        let classes: Box<[u8]> = (0..=255).map(|byte| nfa.byte_classes().get(byte)).collect();
        let class_count = bytes.len();
        let Compiler { ways, states, .. } = compiler;
        let backward = Backward::build(&next, &ways, states.len(), class_count, bytes_max)?;
        Ok(TwoPass { classes, next: next.into(), class_count, ways, first, empty, backward })
    }

    /// Returns the memory that it takes, but for constants.
    pub fn bytes(&self) -> usize {
        let ways = self.ways.iter().map(|ways| ways.within.len() * size_of::<Way>());
        let Backward { before, members, .. } = &self.backward;
        size_of_val(&*self.next) + before.len() * 4 + members.len() * 8 + ways.sum::<usize>()
    }

    /// Finds the groups in a path. `None` if the pattern does not match it.
    pub fn find(&self, path: &[u8], slot_count: usize) -> Option<Slots> {
        let mut slots: Slots = vec![None; slot_count];
        let mut set = |way: &Way, at| {
            way.slots.iter().for_each(|slot| slots[*slot as usize] = NonMaxUsize::new(at))
        };
        let Some(last) = path.len().checked_sub(1) else {
            set(self.empty.at_end.as_ref()?, 0);
            return Some(slots);
        };
        // `reachable[at]` is the state of the backward automaton with `path[at..]` read.
        let mut reachable = vec![DEAD; path.len()];
        let mut state = 0;
        for at in (0..=last).rev() {
            state = self.backward.before[state as usize * self.class_count + self.class(path[at])];
            if state == DEAD {
                return None;
            }
            reachable[at] = state;
        }
        let choose = |ways: &Ways, at: usize| {
            ways.within.iter().position(|way| self.backward.has(reachable[at], way.place))
        };
        let mut way = &self.first.within[choose(&self.first, 0)?];
        set(way, 0);
        for (at, byte) in (1..).zip(&path[..last]) {
            let ways = &self.ways[self.next(way.place, *byte)?];
            way = &ways.within[choose(ways, at)?];
            set(way, at);
        }
        set(self.ways[self.next(way.place, path[last])?].at_end.as_ref()?, path.len());
        Some(slots)
    }

    fn class(&self, byte: u8) -> usize {
        usize::from(self.classes[usize::from(byte)])
    }

    fn next(&self, place: Place, byte: u8) -> Option<usize> {
        let next = self.next[place as usize * self.class_count + self.class(byte)];
        (next != DEAD).then_some(next as usize)
    }
}

impl Backward {
    /// Builds the automaton. Its state 0 is the end of the path.
    fn build(
        next: &[u32],
        ways: &[Ways],
        places: usize,
        class_count: usize,
        bytes_max: usize,
    ) -> Result<Backward, &'static str> {
        // At least one, so that there is a first state even if no byte is ever read.
        let words = places.div_ceil(64).max(1);
        let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
        let (mut members, mut before) = (vec![0; words], Vec::new());
        let (mut state, mut work) = (0, 0);
        while state * words < members.len() {
            let set = members[state * words..][..words].to_vec();
            let leads_there = |ways: &Ways| match state {
                0 => ways.at_end.is_some(),
                _ => ways.within.iter().any(|way| has(&set, way.place)),
            };
            let leads_there: Vec<bool> = ways.iter().map(leads_there).collect();
            work += ways.iter().map(|ways| 1 + ways.within.len()).sum::<usize>() + next.len();
            for class in 0..class_count {
                let mut found = vec![0; words];
                for place in 0..places {
                    let way = next[place * class_count + class];
                    if way != DEAD && leads_there[way as usize] {
                        found[place / 64] |= 1 << (place % 64);
                    }
                }
                if found.iter().all(|word| *word == 0) {
                    before.push(DEAD);
                    continue;
                }
                let new = (members.len() / words) as u32;
                let number = *known.entry(found).or_insert_with_key(|found| {
                    members.extend(found);
                    new
                });
                before.push(number);
            }
            if work > WORK_MAX || members.len() * 8 + before.len() * 4 > bytes_max {
                return Err(LARGE);
            }
            state += 1;
        }
        Ok(Backward { before, members, words })
    }

    fn has(&self, state: u32, place: Place) -> bool {
        has(&self.members[state as usize * self.words..][..self.words], place)
    }
}

const LARGE: &str = "its groups need too much memory: repeat less (`{1,255}`), or use fewer groups";

fn has(set: &[u64], place: Place) -> bool {
    set[place as usize / 64] >> (place % 64) & 1 == 1
}

/// Finds the places of a pattern, and the ways between them.
struct Compiler<'a> {
    nfa: &'a NFA,
    /// The state at each place.
    states: Vec<StateID>,
    places: HashMap<StateID, Place>,
    ways: Vec<Ways>,
    /// The index in `ways` for each state that a byte leads to.
    known: HashMap<StateID, u32>,
    /// For each state, the number of the last search that visited it.
    visited: Vec<u32>,
    searches: u32,
    /// Ways that were found, and states that were looked at.
    found: usize,
    work: usize,
    bytes_max: usize,
}

impl<'a> Compiler<'a> {
    fn new(nfa: &'a NFA, bytes_max: usize) -> Compiler<'a> {
        Compiler {
            nfa,
            states: Vec::new(),
            places: HashMap::new(),
            ways: Vec::new(),
            known: HashMap::new(),
            visited: vec![0; nfa.states().len()],
            searches: 0,
            found: 0,
            work: 0,
            bytes_max,
        }
    }

    fn ways_of(&mut self, state: StateID) -> Result<u32, &'static str> {
        if let Some(known) = self.known.get(&state) {
            return Ok(*known);
        }
        let within = self.ways(state, At { start: false, end: false })?.within;
        let at_end = self.ways(state, At { start: false, end: true })?.at_end;
        let number = self.ways.len() as u32;
        self.ways.push(Ways { within, at_end });
        self.known.insert(state, number);
        Ok(number)
    }

    /// Follows a state to all places, without reading a byte, in the order of preference. A state
    /// that was visited is not visited again: what comes first is preferred.
    fn ways(&mut self, from: StateID, at: At) -> Result<Ways, &'static str> {
        let mut found = Ways::default();
        self.searches += 1;
        let mut left: Vec<(StateID, Vec<u32>)> = vec![(from, Vec::new())];
        while let Some((state, mut slots)) = left.pop() {
            let visited = &mut self.visited[state.as_usize()];
            if std::mem::replace(visited, self.searches) == self.searches {
                continue;
            }
            self.work += 1 + slots.len();
            if self.work > WORK_MAX || self.found * size_of::<Way>() > self.bytes_max {
                return Err(LARGE);
            }
            match self.nfa.state(state) {
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => {
                    let way = Way { place: self.place(state), slots: slots.into() };
                    found.within.push(way);
                    self.found += 1;
                }
                State::Match { .. } => {
                    found.at_end.get_or_insert(Way { place: 0, slots: slots.into() });
                }
                State::Look { look, next } => {
                    let holds = match look {
                        Look::Start | Look::StartLF | Look::StartCRLF => at.start,
                        _ => at.end,
                    };
                    if holds {
                        left.push((*next, slots));
                    }
                }
                State::Capture { next, slot, .. } => {
                    slots.push(slot.as_usize() as u32);
                    left.push((*next, slots));
                }
                State::Union { alternates } => {
                    left.extend(alternates.iter().rev().map(|next| (*next, slots.clone())));
                }
                State::BinaryUnion { alt1, alt2 } => {
                    left.push((*alt2, slots.clone()));
                    left.push((*alt1, slots));
                }
                State::Fail => {}
            }
        }
        Ok(found)
    }

    fn place(&mut self, state: StateID) -> Place {
        let new = self.states.len() as Place;
        *self.places.entry(state).or_insert_with(|| {
            self.states.push(state);
            new
        })
    }
}

/// Returns the state to which a byte leads.
fn target(state: &State, byte: u8) -> Option<StateID> {
    match state {
        State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
        State::Sparse(sparse) => sparse.matches_byte(byte),
        State::Dense(dense) => dense.matches_byte(byte),
        _ => None,
    }
}
