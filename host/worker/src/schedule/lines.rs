//! The lines before gates: calls of guests whose calls in the process are limited.
//!
//! A gate is either tried, when the first call before it has a place, or it is *full* as far as is
//! known here: then this worker stands in line before it, and will be told when it opens. Whenever
//! it is told so, it owes an answer within the turn: a call that enters, or that it has none.

use std::collections::BTreeMap;

use snow_core::GateId;
use snow_runtime::VersionId;

/// The lines before all gates.
#[derive(Default)]
pub(super) struct Lines {
    /// Only of gates that calls wait before.
    lines: BTreeMap<GateId, Line>,
    /// Gates to which this worker owes an answer.
    told: Vec<GateId>,
}

/// The line before one gate.
#[derive(Default)]
struct Line {
    /// The calls of this worker that want to enter.
    calls: usize,
    /// Whether the gate was full when it was last tried.
    is_full: bool,
    /// Whether this worker stands in line, as far as is known.
    stands: bool,
    /// Guests whose turn came while the gate was full. Versions of one guest have one gate.
    guests: Vec<VersionId>,
}

impl Lines {
    /// Notes that a call waits to enter.
    pub(super) fn joins(&mut self, gate: Option<GateId>) {
        if let Some(gate) = gate {
            self.lines.entry(gate).or_default().calls += 1;
        }
    }

    /// Notes that a call has entered, or does not want to any more. With no other behind it, this
    /// worker gives up its place in line.
    pub(super) fn leaves(&mut self, gate: GateId) {
        self.leave(gate, 1);
    }

    fn leave(&mut self, gate: GateId, calls: usize) {
        let Some(line) = self.lines.get_mut(&gate) else { return };
        line.calls = line.calls.saturating_sub(calls);
        if line.calls > 0 {
            return;
        }
        if line.stands {
            self.told.push(gate);
        }
        self.lines.remove(&gate);
    }

    /// Notes that so many waiting calls have another gate now.
    pub(super) fn moves(&mut self, from: Option<GateId>, to: Option<GateId>, calls: usize) {
        if let Some(from) = from {
            self.leave(from, calls);
        }
        if let Some(to) = to.filter(|_| calls > 0) {
            self.lines.entry(to).or_default().calls += calls;
        }
    }

    /// Returns whether this worker stands in line before a gate.
    pub(super) fn is_full(&self, gate: GateId) -> bool {
        self.lines.get(&gate).is_some_and(|line| line.is_full)
    }

    /// Notes that a gate is full, and that this worker stands in line.
    pub(super) fn fills(&mut self, gate: GateId) {
        let line = self.lines.entry(gate).or_default();
        (line.is_full, line.stands) = (true, true);
    }

    /// Notes that a guest has calls that wait until the gate opens.
    pub(super) fn waits(&mut self, gate: GateId, version: VersionId) {
        let guests = &mut self.lines.entry(gate).or_default().guests;
        if !guests.contains(&version) {
            guests.push(version);
        }
    }

    /// Notes that it is this worker's turn at a gate, or that somebody thought so. Returns the
    /// guests that wait for that.
    pub(super) fn opened(&mut self, gate: GateId) -> Vec<VersionId> {
        self.told.push(gate);
        self.lines.get_mut(&gate).map(Line::open).unwrap_or_default()
    }

    /// Lets all gates be tried. Returns the guests that wait for that.
    pub(super) fn try_all(&mut self) -> Vec<VersionId> {
        self.lines.values_mut().flat_map(Line::open).collect()
    }

    /// Returns the gates to which this worker owes an answer and that nothing could enter.
    pub(super) fn take_unanswered(&mut self) -> Vec<GateId> {
        let mut told = std::mem::take(&mut self.told);
        told.retain(|gate| !self.is_full(*gate));
        told
    }
}

impl Line {
    fn open(&mut self) -> Vec<VersionId> {
        self.is_full = false;
        std::mem::take(&mut self.guests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: GateId = GateId(7);
    const GUEST: VersionId = VersionId(3);

    #[test]
    fn a_worker_that_is_told_answers_within_the_turn() {
        let mut lines = Lines::default();
        assert!(lines.opened(GATE).is_empty());
        assert_eq!(lines.take_unanswered(), [GATE], "nothing waits before it");
        assert!(lines.take_unanswered().is_empty());

        lines.joins(Some(GATE));
        lines.fills(GATE);
        lines.waits(GATE, GUEST);
        lines.waits(GATE, GUEST);
        assert!(lines.is_full(GATE));
        assert_eq!(lines.opened(GATE), [GUEST]);
        assert_eq!(lines.take_unanswered(), [GATE], "it was not tried");
        lines.opened(GATE);
        lines.fills(GATE);
        assert!(lines.take_unanswered().is_empty(), "it was tried, and is waited for");
        lines.leaves(GATE);
        assert_eq!(lines.take_unanswered(), [GATE], "nobody is left who waits");
    }

    #[test]
    fn a_guest_with_another_gate_takes_its_calls_along() {
        let mut lines = Lines::default();
        (0..2).for_each(|_| lines.joins(Some(GATE)));
        lines.fills(GATE);
        lines.waits(GATE, GUEST);
        lines.moves(Some(GATE), None, 2);
        assert!(!lines.is_full(GATE));
        assert_eq!(lines.take_unanswered(), [GATE]);
        lines.moves(None, Some(GATE), 2);
        (0..2).for_each(|_| lines.leaves(GATE));
        assert!(lines.take_unanswered().is_empty(), "it never stood in line");
    }
}
