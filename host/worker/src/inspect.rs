//! What is asked about a worker's suspensions: which are the oldest.
//!
//! They lie in no order, and keeping one would cost memory for each. So the slab is looked through over several turns,
//! a bounded part in each, and only the oldest found so far are kept. Nobody is stopped meanwhile, so the answer is of
//! no single moment: who came or left in between may be missing, and who stayed is not.

mod question;

pub use self::question::{HeldPage, HeldRequest, Inspection, Position};

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::suspensions::Suspension;
use crate::worker::{TURN, Worker};
use snow_core::Key;
use snow_runtime::{Guests, World};

/// Keys that are shown of one held request.
const KEYS_SHOWN_MAX: usize = 4;
/// What is gone over for nothing counts less than what is looked at: it lies side by side.
const VACANT_PER_LOOK: u32 = 16;

/// An [`Inspection`] under way.
pub(crate) struct Scan {
    inspection: Inspection,
    /// The next suspension to be looked at, by slot; `None` once all have been.
    next: Option<u32>,
    /// The oldest so far, the youngest of them on top.
    oldest: BinaryHeap<Position>,
    /// Those that are still to be described, the youngest first.
    found: Vec<Position>,
    page: HeldPage,
}

impl Scan {
    fn new(inspection: Inspection) -> Scan {
        Scan { inspection, next: Some(0), oldest: BinaryHeap::new(), found: Vec::new(), page: HeldPage::default() }
    }

    fn consider(&mut self, position: Position) {
        let is_after = self.inspection.after.is_none_or(|after| position.cmp(&after) == Ordering::Greater);
        if !is_after || self.inspection.requests_max == 0 {
            return;
        }
        if self.oldest.len() < self.inspection.requests_max {
            self.oldest.push(position);
        } else if let Some(mut youngest) = self.oldest.peek_mut().filter(|youngest| position < **youngest) {
            *youngest = position;
        }
    }

    /// All suspensions have been looked at.
    fn looked_through(&mut self) {
        self.found = std::mem::take(&mut self.oldest).into_sorted_vec();
        let is_full = self.found.len() == self.inspection.requests_max;
        self.page.more_after = self.found.last().copied().filter(|_| is_full);
        self.found.reverse();
    }
}

impl<W: World, C: Guests> Worker<W, C> {
    /// Somebody has left a question.
    pub(crate) fn inspect(&mut self, inspection: Inspection) {
        self.scans.push_back(Scan::new(inspection));
    }

    /// One turn's share of answering the oldest question.
    pub(crate) fn go_on_inspecting(&mut self) {
        let Some(mut scan) = self.scans.pop_front() else { return };
        if let Some(next) = scan.next {
            scan.next = self.look_through(&mut scan, next);
            if scan.next.is_none() {
                scan.looked_through();
            }
            return self.scans.push_front(scan);
        }
        for _ in 0..TURN.inspected_max {
            let Some(position) = scan.found.pop() else {
                return (scan.inspection.reply)(scan.page);
            };
            scan.page.requests.extend(self.describe(position));
        }
        self.scans.push_front(scan);
    }

    /// Returns where to go on.
    fn look_through(&self, scan: &mut Scan, mut next: u32) -> Option<u32> {
        let mut left = TURN.inspected_max as u32;
        while left > 0 {
            let key = self.suspensions.next_from(next)?;
            left = left.saturating_sub(1 + (key.slot - next) / VACANT_PER_LOOK);
            next = key.slot + 1;
            if let Some(position) = self.suspensions.get(key).and_then(|it| self.position(key, it)) {
                scan.consider(position);
            }
        }
        Some(next)
    }

    fn position(&self, key: Key, suspension: &Suspension) -> Option<Position> {
        let client = self.clients.get(suspension.exchange().client)?;
        let started_ms = client.connection.exchange()?.started_ms;
        Some(Position::new(started_ms, self.id, key))
    }

    /// `None` if it has ended since it was found.
    fn describe(&self, position: Position) -> Option<HeldRequest> {
        let key = position.suspension();
        let suspension = self.suspensions.get(key)?;
        let client = suspension.exchange().client;
        let exchange = self.clients.get(client)?.connection.exchange()?;
        let (version, route) = suspension.call();
        let keys = suspension.pendings().filter_map(|id| self.shared.registry.key(id)).take(KEYS_SHOWN_MAX);
        Some(HeldRequest {
            position,
            id: exchange.id.clone(),
            client: self.peer(client)?,
            version,
            name: self.guests.guest_name(version),
            route,
            deadline_at_ms: suspension.deadline_at_ms(),
            pendings: suspension.pendings().count(),
            keys: keys.collect(),
            in_place: suspension.is_in_place(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_core::WorkerId;

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
        let all: Vec<Position> = [30, 10, 50, 20, 40, 10].iter().zip(0..).map(|(&ms, n)| position(ms, n)).collect();
        let mut sorted = all.clone();
        sorted.sort();
        let first = found(4, None, &all);
        assert_eq!(first, sorted[..4]);
        assert_eq!(found(4, first.last().copied(), &all), sorted[4..]);
        assert_eq!(found(4, sorted.last().copied(), &all), []);
        assert_eq!(found(0, None, &all), []);
    }
}
