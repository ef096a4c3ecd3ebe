//! How the routes of many guests become few automata.
//!
//! Guests at one mount are put together, as many as an automaton has room for, so that a path is
//! read once and not once for each guest. Automata of an earlier table are used again where their
//! guests have not changed.

use std::sync::Arc;

use super::automaton::Automaton;
use super::compiled::CompiledRoutes;

/// An automaton larger than this is not put together with others.
const SMALL_BYTES_MAX: usize = 512 << 10;
/// How many times as long it takes to read a path by an automaton of more than that, of which a
/// path may choose to touch what no cache holds.
const LARGE_WALKS: usize = 8;
/// The most that the automata of guests may take before they are put together.
const PARTS_BYTES_MAX: usize = 4 << 20;
/// The most that they may take afterwards. What takes more is parted again.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// One guest of a table.
#[derive(Clone)]
pub(super) struct Member {
    pub compiled: Arc<CompiledRoutes>,
    /// The row of its first route.
    pub first_row: usize,
}

/// Guests whose routes one automaton finds.
pub(super) struct Group {
    automaton: Arc<Automaton>,
    members: Vec<Member>,
    /// The row of each pattern of the automaton.
    rows: Vec<usize>,
}

impl Group {
    fn new(automaton: Arc<Automaton>, members: Vec<Member>) -> Group {
        let rows_of = |member: &Member| member.first_row..member.first_row + member.compiled.len();
        let rows = members.iter().flat_map(rows_of).collect();
        Group { automaton, members, rows }
    }

    /// Returns the rows whose pattern matches a path, in no order.
    #[inline]
    pub fn rows(&self, path: &str) -> impl Iterator<Item = usize> {
        self.automaton.matches(path.as_bytes()).map(|pattern| self.rows[pattern])
    }

    /// Returns how often a path could be read by a small automaton in the time that this one takes.
    pub fn walks(&self) -> usize {
        if self.automaton.bytes() > SMALL_BYTES_MAX { LARGE_WALKS } else { 1 }
    }

    /// Returns how many rows have one path at most.
    pub fn matches_max(&self) -> usize {
        self.automaton.matches_max()
    }

    fn is_of(&self, members: &[Member]) -> bool {
        let is_same =
            |(own, other): (&Member, &Member)| Arc::ptr_eq(&own.compiled, &other.compiled);
        self.members.len() == members.len() && self.members.iter().zip(members).all(is_same)
    }
}

/// Groups guests. `before` are the groups of an earlier table.
pub(super) fn group(guests: Vec<Member>, before: &[Group]) -> Vec<Group> {
    let mut groups = Vec::new();
    let (mut together, mut bytes) = (Vec::new(), 0);
    for guest in guests {
        match guest.compiled.bytes() {
            // It has no routes.
            0 => {}
            large if large > SMALL_BYTES_MAX => merge(vec![guest], before, &mut groups),
            small => {
                if bytes + small > PARTS_BYTES_MAX {
                    merge(std::mem::take(&mut together), before, &mut groups);
                    bytes = 0;
                }
                bytes += small;
                together.push(guest);
            }
        }
    }
    merge(together, before, &mut groups);
    groups
}

/// Puts guests together into one automaton, or into several if that is too large.
fn merge(members: Vec<Member>, before: &[Group], groups: &mut Vec<Group>) {
    let known = || before.iter().find(|group| group.is_of(&members));
    let automaton = match members.as_slice() {
        [] => return,
        [alone] => alone.compiled.automaton.clone(),
        several => known().map(|group| group.automaton.clone()).or_else(|| {
            let routes = several.iter().flat_map(|member| &member.compiled.routes);
            let patterns: Vec<_> = routes.map(|route| &route.pattern.hir).collect();
            Automaton::build(&patterns, GROUP_BYTES_MAX).map(Arc::new)
        }),
    };
    match automaton {
        Some(automaton) => groups.push(Group::new(automaton, members)),
        None => {
            let mut first = members;
            let second = first.split_off(first.len() / 2);
            merge(first, before, groups);
            merge(second, before, groups);
        }
    }
}
