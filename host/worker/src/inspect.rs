//! Questions about the requests that a worker holds: which are the oldest.
//!
//! A question comes as a [message](crate::Message::Inspect), and its answer is given to the closure
//! that it brings. Suspensions lie in no order, and keeping one would cost memory for each. So the
//! slab is looked through over several turns, a bounded part in each, and only the oldest found so
//! far are kept. The worker goes on meanwhile, and so the answer shows no single moment: requests
//! that came or ended in between may be missing, and those that stayed are not.

mod question;

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use snow_core::{Key, Registry, Walk, WorkerId};
use snow_runtime::{Guests, Settled};

pub use self::question::{HeldPage, HeldRequest, Inspection, Position};
use crate::clients::ClientTable;
use crate::context::TURN;
use crate::suspensions::SuspensionTable;

/// Keys that are shown of one held request.
const KEYS_SHOWN_MAX: usize = 4;

/// The questions that are not answered yet.
#[derive(Default)]
pub(crate) struct Inspections {
    scans: VecDeque<Scan>,
}

/// Everything that an answer is read from.
pub(crate) struct Held<'a, S, C> {
    pub worker: WorkerId,
    pub suspensions: &'a SuspensionTable,
    pub clients: &'a ClientTable<S>,
    pub guests: &'a C,
    pub registry: &'a Registry<Settled>,
}

/// A question under way.
struct Scan {
    inspection: Inspection,
    /// The slot of the next suspension to be looked at; `None` once all have been.
    next: Option<u32>,
    /// The oldest so far, the youngest of them on top.
    oldest: BinaryHeap<Position>,
    /// Those that are still to be described, the youngest first.
    found: Vec<Position>,
    page: HeldPage,
}

impl Inspections {
    /// Takes a question.
    pub fn ask(&mut self, inspection: Inspection) {
        self.scans.push_back(Scan::new(inspection));
    }

    /// Returns whether no question is under way.
    pub fn is_empty(&self) -> bool {
        self.scans.is_empty()
    }

    /// Does one turn's share of answering the oldest question.
    pub fn go_on<S, C: Guests>(&mut self, held: &Held<'_, S, C>) {
        let Some(scan) = self.scans.front_mut() else { return };
        if let Some(next) = scan.next {
            return scan.look_through(held, next);
        }
        for _ in 0..TURN.inspected_max {
            let Some(position) = scan.found.pop() else {
                if let Some(Scan { inspection, page, .. }) = self.scans.pop_front() {
                    (inspection.reply)(page);
                }
                return;
            };
            scan.page.requests.extend(held.describe(position));
        }
    }
}

impl Scan {
    fn new(inspection: Inspection) -> Scan {
        Scan {
            inspection,
            next: Some(0),
            oldest: BinaryHeap::new(),
            found: Vec::new(),
            page: HeldPage::default(),
        }
    }

    /// Looks at some suspensions from a slot on.
    fn look_through<S, C: Guests>(&mut self, held: &Held<'_, S, C>, from: u32) {
        let mut walk = Walk::from_slot(from, TURN.inspected_max);
        while let Some(key) = held.suspensions.next_of(&mut walk) {
            if let Some(position) = held.position(key) {
                self.consider(position);
            }
        }
        self.next = walk.rest();
        if self.next.is_none() {
            self.looked_through();
        }
    }

    fn consider(&mut self, position: Position) {
        let is_after =
            self.inspection.after.is_none_or(|after| position.cmp(&after) == Ordering::Greater);
        if !is_after || self.inspection.requests_max == 0 {
            return;
        }
        if self.oldest.len() < self.inspection.requests_max {
            self.oldest.push(position);
        } else if let Some(mut youngest) =
            self.oldest.peek_mut().filter(|youngest| position < **youngest)
        {
            *youngest = position;
        }
    }

    /// All suspensions have been looked at: the oldest are described from now on.
    fn looked_through(&mut self) {
        self.found = std::mem::take(&mut self.oldest).into_sorted_vec();
        let is_full = self.found.len() == self.inspection.requests_max;
        self.page.more_after = self.found.last().copied().filter(|_| is_full);
        self.found.reverse();
    }
}

impl<S, C: Guests> Held<'_, S, C> {
    fn position(&self, suspension: Key) -> Option<Position> {
        let exchange = self.suspensions.get(suspension)?.exchange();
        let started_ms = self.clients.exchange(exchange)?.started_ms;
        Some(Position::new(started_ms, self.worker, suspension))
    }

    /// Describes a held request; `None` if it has ended since it was found.
    fn describe(&self, position: Position) -> Option<HeldRequest> {
        let suspension = self.suspensions.get(position.suspension())?;
        let exchange = self.clients.exchange(suspension.exchange())?;
        let (version, route) = suspension.callee();
        let keys = suspension
            .handles()
            .filter_map(|handle| self.registry.key(handle.id))
            .take(KEYS_SHOWN_MAX);
        Some(HeldRequest {
            position,
            id: exchange.id.clone(),
            client: self.clients.peer(suspension.exchange().client)?,
            version,
            name: self.guests.guest_name(version),
            route,
            deadline_at_ms: suspension.deadline_at_ms(),
            pendings: suspension.handles().count(),
            keys: keys.collect(),
            in_place: suspension.is_in_place(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(started_ms: u64, slot: u32) -> Position {
        Position { started_ms, worker: WorkerId(0), slot, generation: 0 }
    }

    fn found(requests_max: usize, after: Option<Position>, all: &[Position]) -> Vec<Position> {
        let mut scan = Scan::new(Inspection { requests_max, after, reply: Box::new(|_| {}) });
        all.iter().for_each(|&position| scan.consider(position));
        scan.oldest.into_sorted_vec()
    }

    #[test]
    fn the_oldest_are_kept_and_pages_follow_one_another() {
        let all: Vec<Position> =
            [30, 10, 50, 20, 40, 10].iter().zip(0..).map(|(&ms, n)| position(ms, n)).collect();
        let mut sorted = all.clone();
        sorted.sort();
        let first = found(4, None, &all);
        assert_eq!(first, sorted[..4]);
        assert_eq!(found(4, first.last().copied(), &all), sorted[4..]);
        assert_eq!(found(4, sorted.last().copied(), &all), []);
        assert_eq!(found(0, None, &all), []);
    }
}
