//! What all workers have counted, added up.

use std::collections::BTreeMap;

use super::sources::Sources;
use snow_core::Distribution;
use snow_runtime::VersionId;
use snow_worker::{LabelId, RouteStats};

/// What is counted under one label.
#[derive(Clone, Debug)]
pub struct RouteTotals {
    /// Answers of each class, 1xx first; and last those whose client left before.
    pub answers: [u64; 6],
    /// In milliseconds.
    pub took_ms: Distribution,
    pub calls: u64,
    pub traps: u64,
    pub start_failures: u64,
    pub held: u64,
    /// By [`WaitEnd`](snow_worker::WaitEnd).
    pub ended: [u64; 4],
}

impl RouteTotals {
    fn of(stats: &RouteStats) -> RouteTotals {
        RouteTotals {
            answers: stats.answers.each_ref().map(|count| count.get()),
            took_ms: stats.took_ms.read(),
            calls: stats.calls.get(),
            traps: stats.traps.get(),
            start_failures: stats.start_failures.get(),
            held: stats.held.get(),
            ended: stats.ended.each_ref().map(|count| count.get()),
        }
    }

    fn add(&mut self, other: &RouteTotals) {
        self.answers.iter_mut().zip(other.answers).for_each(|(sum, more)| *sum += more);
        self.ended.iter_mut().zip(other.ended).for_each(|(sum, more)| *sum += more);
        self.took_ms.add(&other.took_ms);
        self.calls += other.calls;
        self.traps += other.traps;
        self.start_failures += other.start_failures;
        self.held += other.held;
    }

    /// Requests that are over.
    pub fn requests(&self) -> u64 {
        self.answers.iter().sum()
    }
}

/// Returns what is counted under each label.
pub fn by_label(sources: &Sources) -> BTreeMap<LabelId, RouteTotals> {
    let mut all: BTreeMap<LabelId, RouteTotals> = BTreeMap::new();
    for (label, stats) in sources.workers.iter().flat_map(|worker| worker.stats.routes.all()) {
        let of_worker = RouteTotals::of(&stats);
        all.entry(label).and_modify(|sum| sum.add(&of_worker)).or_insert(of_worker);
    }
    all
}

/// Requests that a version has now, and how many of them are held.
pub fn of_version(sources: &Sources, version: VersionId) -> (u64, u64) {
    let counted = sources.workers.iter().filter_map(|worker| worker.stats.versions.get(version));
    counted.fold((0, 0), |(requests, held), counts| (requests + counts.requests.get(), held + counts.held.get()))
}
