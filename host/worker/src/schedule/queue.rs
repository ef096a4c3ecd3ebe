//! What one guest has to run.

use std::collections::VecDeque;

use snow_core::{Fifo, GateId, Key};
use snow_runtime::{RouteId, Slot};

use super::paces::Pace;
use super::{Next, Queued};

/// The candidates of one guest, and its calls.
#[derive(Default)]
pub(super) struct Queue {
    /// By pace.
    paces: [Candidates; 2],
    /// The gate that new requests and resumptions have to enter.
    pub gate: Option<GateId>,
    /// Calls that have a slot.
    pub calls: usize,
    /// Of those, calls that wait in place, or for a place to go on after that.
    pub parked: usize,
}

/// The candidates of one guest and one pace.
#[derive(Default)]
pub(super) struct Candidates {
    /// Calls whose time slice is over. All are slow.
    pub yielded: VecDeque<Slot>,
    /// Calls whose wait in place is over.
    pub unparked: VecDeque<Slot>,
    /// Suspensions that are over, with their routes.
    pub resumptions: Fifo<(Key, RouteId)>,
    pub requests: VecDeque<Queued>,
    /// The kind that had its turn last, of those that need a place.
    last: Kind,
    /// Whether that was the last turn of all.
    place_went: bool,
    /// The time that the guest has used at this pace, as its [lane](super::lanes::Lane) counts.
    pub used_us: u64,
    /// Whether the guest is in the lane.
    pub is_listed: bool,
}

/// The kinds of candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Yielded,
    Unparked,
    Resumption,
    #[default]
    Request,
}

/// What is the first of its kind to start.
#[derive(Clone, Copy)]
pub(crate) enum Waiting<'a> {
    Request(&'a Queued),
    Resumption { suspension: Key, route: RouteId },
}

impl Waiting<'_> {
    /// Returns the route that would be called.
    pub(super) fn route(&self) -> RouteId {
        match self {
            Waiting::Request(queued) => queued.route,
            Waiting::Resumption { route, .. } => *route,
        }
    }
}

impl Queue {
    pub(super) fn at(&self, pace: Pace) -> &Candidates {
        &self.paces[pace.index()]
    }

    pub(super) fn at_mut(&mut self, pace: Pace) -> &mut Candidates {
        &mut self.paces[pace.index()]
    }

    /// Returns how many new requests and resumptions wait.
    pub(super) fn starts(&self) -> usize {
        self.paces.iter().map(|at| at.requests.len() + at.resumptions.len()).sum()
    }

    /// Takes the first candidate of a kind.
    pub(super) fn take(&mut self, pace: Pace, kind: Kind) -> Option<Next> {
        let at = self.at_mut(pace);
        at.place_went = kind != Kind::Yielded;
        if at.place_went {
            at.last = kind;
        }
        // Each turn costs something, so that a guest whose candidates all turn out unwanted moves
        // on, too.
        at.used_us += 1;
        match kind {
            Kind::Yielded => at.yielded.pop_front().map(Next::Yielded),
            Kind::Unparked => at.unparked.pop_front().map(Next::Unparked),
            Kind::Resumption => at.resumptions.pop_front().map(|(key, _)| Next::Resumption(key)),
            Kind::Request => at.requests.pop_front().map(Next::Request),
        }
    }

    /// Moves the first quick request or resumption to the slow ones.
    pub(super) fn slow_down(&mut self, kind: Kind) {
        let [quick, slow] = &mut self.paces;
        match kind {
            Kind::Request => slow.requests.extend(quick.requests.pop_front()),
            Kind::Resumption => {
                if let Some(resumption) = quick.resumptions.pop_front() {
                    slow.resumptions.push_back(resumption);
                }
            }
            Kind::Yielded | Kind::Unparked => {}
        }
    }
}

impl Candidates {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds().next().is_none()
    }

    /// Returns the kinds of which there are candidates. Calls that have yielded and those that need
    /// a place take turns, and so do the kinds that need a place: whenever there is one, it is for
    /// the kind that has waited longest for it.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        use Kind::{Request, Resumption, Unparked, Yielded};
        let [first, second, third] = match self.last {
            Unparked => [Resumption, Request, Unparked],
            Resumption => [Request, Unparked, Resumption],
            Request | Yielded => [Unparked, Resumption, Request],
        };
        let order = match self.place_went {
            true => [Yielded, first, second, third],
            false => [first, second, third, Yielded],
        };
        let has = [
            !self.yielded.is_empty(),
            !self.unparked.is_empty(),
            !self.resumptions.is_empty(),
            !self.requests.is_empty(),
        ];
        order.into_iter().filter(move |kind| has[*kind as usize])
    }

    /// Returns the first new request or resumption.
    pub(super) fn first(&self, kind: Kind) -> Option<Waiting<'_>> {
        match kind {
            Kind::Request => self.requests.front().map(Waiting::Request),
            Kind::Resumption => {
                let &(suspension, route) = self.resumptions.front()?;
                Some(Waiting::Resumption { suspension, route })
            }
            Kind::Yielded | Kind::Unparked => None,
        }
    }
}
