//! The choice of what gets the loop next.

use snow_core::{GateId, Key};
use snow_runtime::{Slot, VersionId};

use super::lines::Lines;
use super::paces::Pace;
use super::places::Places;
use super::queue::{Kind, Queue, Waiting};
use super::{Queued, Schedule};

/// What gets the loop next.
pub(crate) enum Next {
    /// A new request.
    Request(Queued),
    /// A suspension that is over, for its `resume`. It may have ended otherwise meanwhile.
    Resumption(Key),
    /// A call whose wait in place is over.
    Unparked(Slot),
    /// A call whose time slice was over.
    Yielded(Slot),
}

/// What the scheduler asks before a call starts.
pub(crate) trait Doors {
    /// Returns whether somebody still waits for what this call would do. If not, it needs neither a
    /// place nor to enter its gate.
    fn is_wanted(&self, waiting: Waiting<'_>) -> bool;

    /// Enters a guest's gate for the call that is started next. Returns false if the gate is full:
    /// then this worker stands in line.
    fn enter(&mut self, version: VersionId) -> bool;
}

impl Schedule {
    /// Returns what gets the loop next at this pace; `None` if nothing can run. When a call's slice
    /// is over, its time is to be [counted](Schedule::used).
    pub fn next(&mut self, pace: Pace, doors: &mut impl Doors) -> Option<Next> {
        self.pace = pace;
        loop {
            let (version, listed_us) = self.lanes[pace.index()].pop()?;
            let Some(queue) = self.queues.get_mut(version.index()) else { continue };
            let at = queue.at_mut(pace);
            // The guest was forgotten.
            if !at.is_listed {
                continue;
            }
            if at.used_us > listed_us {
                // It has had slices since it was put there, so others may go first.
                self.lanes[pace.index()].put_back(version, at.used_us);
                continue;
            }
            at.is_listed = false;
            if let Some(next) = self.take(version, pace, doors) {
                self.list(version, pace);
                return Some(next);
            }
        }
    }

    /// Takes the next candidate of a guest that can run now. Kinds take turns. If none can, the
    /// guest is listed again once that may have changed.
    fn take(&mut self, version: VersionId, pace: Pace, doors: &mut impl Doors) -> Option<Next> {
        self.move_slow_ones(version, pace);
        let Schedule { queues, lines, places, .. } = self;
        let queue = queues.get_mut(version.index())?;
        let mut has_no_place = false;
        for kind in queue.at(pace).kinds() {
            let refused = match kind {
                Kind::Yielded => None,
                Kind::Unparked => (!places.may_unpark(queue, pace)).then_some(Refused::Place),
                Kind::Resumption | Kind::Request => {
                    may_start(queue, pace, kind, lines, places, version, doors).err()
                }
            };
            match refused {
                None => {}
                Some(Refused::Gate(gate)) => {
                    lines.waits(gate, version);
                    continue;
                }
                Some(Refused::Place) => {
                    has_no_place = true;
                    continue;
                }
            }
            let next = queue.take(pace, kind)?;
            match &next {
                Next::Request(_) => self.requests -= 1,
                Next::Resumption(_) => self.resumptions -= 1,
                Next::Unparked(slot) => places.unparks(queue, *slot),
                Next::Yielded(_) => {}
            }
            if let (Next::Request(_) | Next::Resumption(_), Some(gate)) = (&next, queue.gate) {
                lines.leaves(gate);
            }
            return Some(next);
        }
        if has_no_place {
            self.placeless.push((version, pace));
        }
        None
    }

    /// Moves requests and resumptions whose route has turned out slow since they were queued, as
    /// far as they come next.
    fn move_slow_ones(&mut self, version: VersionId, pace: Pace) {
        if pace == Pace::Slow || self.paces.are_all_quick() {
            return;
        }
        let Some(queue) = self.queues.get_mut(version.index()) else { return };
        for kind in [Kind::Request, Kind::Resumption] {
            while let Some(first) = queue.at(pace).first(kind)
                && self.paces.of((version, first.route())) == Pace::Slow
            {
                queue.slow_down(kind);
            }
        }
        self.list(version, Pace::Slow);
    }
}

/// Why a candidate can't run now.
enum Refused {
    /// All places are taken that it may have.
    Place,
    /// Its gate is full.
    Gate(GateId),
}

/// Finds out whether the first new request or resumption of a guest may start. If so, it has
/// entered its gate.
fn may_start(
    queue: &Queue,
    pace: Pace,
    kind: Kind,
    lines: &mut Lines,
    places: &Places,
    version: VersionId,
    doors: &mut impl Doors,
) -> Result<(), Refused> {
    let Some(first) = queue.at(pace).first(kind) else { return Ok(()) };
    if !doors.is_wanted(first) {
        return Ok(());
    }
    if let Some(gate) = queue.gate.filter(|gate| lines.is_full(*gate)) {
        return Err(Refused::Gate(gate));
    }
    if !places.may_start(queue, pace) {
        return Err(Refused::Place);
    }
    match queue.gate {
        Some(gate) if !doors.enter(version) => {
            lines.fills(gate);
            Err(Refused::Gate(gate))
        }
        _ => Ok(()),
    }
}
