//! Which calls and routes compute for long.

use std::collections::BTreeMap;

use snow_runtime::{RouteId, VersionId};

use super::places::PlacedCall;
use crate::context::Callee;

/// How long a call may compute, in all its slices, until it is slow: a time slice.
pub(crate) const LONG_US: u64 = 1_000;
/// Long calls in a row that make a route slow. More than one, since the system may have stopped
/// this thread in a call that is quick by itself.
pub(crate) const LONG_CALLS: u8 = 3;

/// How long calls compute, as far as the schedule is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Shorter than a time slice, as far as is known.
    Quick,
    /// Longer.
    Slow,
}

impl Pace {
    /// Returns the pace's place in a table by pace.
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// The routes that are not known as quick.
#[derive(Default)]
pub(super) struct Paces {
    /// How many calls in a row were long. Routes whose last call was not are not here.
    long_calls: BTreeMap<Callee, u8>,
}

impl Paces {
    /// Returns whether no route is slow, nor on the way to it.
    pub(super) fn are_all_quick(&self) -> bool {
        self.long_calls.is_empty()
    }

    /// Returns the pace of a route.
    pub(super) fn of(&self, callee: Callee) -> Pace {
        let is_slow = !self.long_calls.is_empty()
            && self.long_calls.get(&callee).is_some_and(|&calls| calls >= LONG_CALLS);
        if is_slow { Pace::Slow } else { Pace::Quick }
    }

    /// Counts a slice of a call: from all of them together it follows whether the call is long,
    /// whatever it does in between.
    pub(super) fn used(&mut self, call: &mut PlacedCall, used_us: u64) {
        call.used_us += used_us;
        if call.used_us > LONG_US && !call.is_long {
            call.is_long = true;
            let calls = self.long_calls.entry(call.started.callee()).or_default();
            *calls = calls.saturating_add(1);
        }
    }

    /// Notes that a call is over. One that was not long makes its route quick.
    pub(super) fn ended(&mut self, call: &PlacedCall) {
        if !call.is_long && !self.long_calls.is_empty() {
            self.long_calls.remove(&call.started.callee());
        }
    }

    /// Makes a route slow, until one of its calls ends early.
    pub(super) fn make_slow(&mut self, callee: Callee) {
        self.long_calls.insert(callee, LONG_CALLS);
    }

    /// Forgets the routes of a guest.
    pub(super) fn forget(&mut self, version: VersionId) {
        let routes = (version, RouteId(0))..=(version, RouteId(u32::MAX));
        let routes: Vec<_> = self.long_calls.range(routes).map(|(route, _)| *route).collect();
        for route in routes {
            self.long_calls.remove(&route);
        }
    }
}
