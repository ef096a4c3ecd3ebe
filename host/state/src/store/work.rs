//! What the store does later, on a thread of its own or when the simulator's clock moves.

use snow_core::sync::{Arc, lock};

use super::Store;
use crate::disk::{Disk, RETRY_MS};
use crate::entry::Place;
use crate::error::{Limit, StoreError};
use crate::limits::Charge;
use crate::listener::Listener;
use crate::shard::SLICE;
use crate::waiters::Woken;

/// How often values are looked at that have outlived their entries, in milliseconds.
pub(crate) const REPLACED_MS: u64 = 1_000;
/// How often at most it is reported that the store is full, in milliseconds.
const FULL_MS: u64 = 60_000;
/// How many guests such a report names.
const NAMED_MAX: usize = 3;

/// Whether it is to be reported that the store is full.
#[derive(Default)]
pub(crate) struct FullReport {
    /// The limit because of which a guest was refused what another one has.
    due: Option<Limit>,
    /// When the next report may be made.
    next_ms: u64,
}

impl<L: Listener> Store<L> {
    /// Does what is due: brings writes to the disk, removes entries that have expired, and wakes
    /// waiters that a write has left. Returns when to call it next, which may be at once. Call it
    /// earlier if the listener is [told](Listener::work_at).
    ///
    /// It returns when it has dealt with `budget` writes, entries and waiters, or some more. One
    /// thread calls it. Before a store is dropped, it is called until nothing is due any more:
    /// otherwise writes that are still queued are lost, and nobody is told.
    pub fn work(&self, now_ms: u64, budget: usize) -> Option<u64> {
        self.alarm.clear();
        self.report_full();
        let mut used = 0;
        while used < budget {
            let max = (budget - used).min(SLICE);
            let before = used;
            used += match &self.disk {
                Some(disk) => self.work_on_disk(disk, self.expired(now_ms, max), now_ms),
                None => self.expire(now_ms, max),
            };
            used += self.wake_left(max);
            // If the disk fails, whoever submitted a write knows, and what has expired stays.
            if used == before || self.is_failing() {
                break;
            }
        }
        self.ask_for_rest(now_ms);
        self.alarm.at_ms()
    }

    /// Asks for work at the time at which there is some.
    fn ask_for_rest(&self, now_ms: u64) {
        let mut retry_ms = now_ms;
        if self.is_failing() {
            retry_ms += RETRY_MS;
            self.alarm.ask(retry_ms);
        }
        for shard in &self.shards {
            let mut shard = lock(shard);
            if shard.shares.free_replaced(SLICE, &self.totals) {
                self.alarm.ask(now_ms + REPLACED_MS);
            }
            let waves_ms = shard.waiters.has_waves().then_some(now_ms);
            let expiry_ms = shard.next_expiry_ms().map(|at| at.max(retry_ms));
            if let Some(at) = waves_ms.into_iter().chain(expiry_ms).min() {
                self.alarm.ask(at);
            }
        }
        if self.disk.as_ref().is_some_and(|disk| !disk.is_idle()) {
            self.alarm.ask(now_ms);
        }
    }

    /// Returns the places of some entries that have expired.
    fn expired(&self, now_ms: u64, max: usize) -> Vec<Place> {
        let mut places = Vec::new();
        for shard in &self.shards {
            places.extend(lock(shard).expired(now_ms, max - places.len()));
        }
        places
    }

    /// Removes some entries that have expired from the memory. Returns how many.
    fn expire(&self, now_ms: u64, max: usize) -> usize {
        let expired = self.expired(now_ms, max);
        let count = expired.len();
        for place in expired {
            let mut woken = Vec::new();
            let mut shard = self.shard(&place.bucket);
            shard.expire(place, now_ms, &self.totals, &mut woken);
            drop(shard);
            self.wake(&woken);
        }
        count
    }

    /// Wakes some of the waiters that writes have left. Returns how many.
    fn wake_left(&self, max: usize) -> usize {
        let mut count = 0;
        for shard in &self.shards {
            let mut shard = lock(shard);
            let slice = shard.waiters.next_slice(max);
            shard.counts.woken += slice.as_ref().map_or(0, |slice| slice.waiters.len() as u64);
            drop(shard);
            count += self.wake(slice.as_slice());
        }
        count
    }

    /// Notes that a write was refused. If other guests have what it needs, the listener is told of
    /// them by the next [`work`](Store::work).
    pub(crate) fn note_refusal(&self, error: &StoreError, now_ms: u64) {
        let due = match error {
            StoreError::Full { limit, .. } if limit.is_of_all() => Some(*limit),
            _ => return,
        };
        let mut report = lock(&self.full_report);
        if report.due.is_some() || now_ms < report.next_ms {
            return;
        }
        *report = FullReport { due, next_ms: now_ms + FULL_MS };
        drop(report);
        self.ask_for_work(now_ms);
    }

    /// Tells the listener that the store is full, if that was noted, and which guests have the most.
    fn report_full(&self) {
        let Some(limit) = lock(&self.full_report).due.take() else { return };
        let mut guests: Vec<(usize, Arc<str>)> = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            guests.extend(shard.shares.all().map(|(guest, share)| {
                let number = match limit {
                    Limit::Buckets => share.buckets,
                    Limit::Entries => share.usage.entries,
                    _ => share.usage.bytes + share.replaced,
                };
                (number, guest.clone())
            }));
            // Of each shard only those are kept that may be among the first ones of all.
            guests.sort_unstable_by(|a, b| b.cmp(a));
            guests.truncate(NAMED_MAX);
        }
        self.listener.full(limit, &guests);
    }

    fn is_failing(&self) -> bool {
        self.disk.as_ref().is_some_and(Disk::is_failing)
    }

    /// Tells the listener of waiters that were taken off their lists. Returns how many.
    pub(super) fn wake(&self, woken: &[Woken<L::Waiter>]) -> usize {
        let mut count = 0;
        for Woken { change, waiters } in woken {
            count += waiters.len();
            self.listener.changed(waiters, change);
        }
        self.totals.credit(Charge { waiters: count, ..Charge::default() });
        count
    }

    pub(super) fn ask_for_work(&self, at_ms: u64) {
        if self.alarm.ask(at_ms) {
            self.listener.work_at(at_ms);
        }
    }
}
