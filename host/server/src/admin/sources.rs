//! Where the pages read what they show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::deploy::Serving;
use crate::workers::WorkerHandle;
use snow_core::Distribution;
use snow_guests::{InstanceCounts, Runtime};
use snow_outside::{Egress, Sql};
use snow_runtime::VersionId;
use snow_worker::{LabelId, Labels, RouteStats};

/// Everything that the pages show, or a way to it.
pub struct PageSources {
    /// The workers, by their ids.
    pub workers: Vec<WorkerHandle>,
    /// The labels under which the workers count.
    pub labels: Arc<Labels>,
    /// How many instances each executor has, and had.
    pub executors: Vec<Arc<InstanceCounts>>,
    /// What guests share: the registry, the permits, the log.
    pub runtime: Runtime,
    /// The sender of requests of guests to other servers.
    pub egress: Arc<Egress>,
    /// Where statements of guests are carried out.
    pub sql: Arc<Sql>,
    /// What serves now, and what was deployed so far.
    pub serving: Serving,
    /// When the server started.
    pub started_at: SystemTime,
    /// Whether the server is ending.
    pub draining: Draining,
}

impl PageSources {
    /// Adds up over all workers what is counted under each label.
    pub fn totals_by_label(&self) -> BTreeMap<LabelId, RouteTotals> {
        let mut all: BTreeMap<LabelId, RouteTotals> = BTreeMap::new();
        for (label, stats) in self.workers.iter().flat_map(|worker| worker.stats.routes.all()) {
            let of_worker = RouteTotals::of(&stats);
            all.entry(label).and_modify(|sum| sum.add(&of_worker)).or_insert(of_worker);
        }
        all
    }

    /// Returns the number of requests that a version has now, and how many of them are held.
    pub fn requests_of(&self, version: VersionId) -> (u64, u64) {
        let counted = self.workers.iter().filter_map(|worker| worker.stats.versions.get(version));
        counted.fold((0, 0), |(requests, held), stats| {
            (requests + stats.requests.get(), held + stats.held.get())
        })
    }
}

/// What all workers have counted under one label.
#[derive(Clone, Debug)]
pub struct RouteTotals {
    /// Answers by the class of their status, 1xx first. Last, requests whose clients left before an
    /// answer.
    pub answers: [u64; 6],
    /// How long requests took, in milliseconds.
    pub took_ms: Distribution,
    /// Calls that were started.
    pub calls: u64,
    /// Calls that trapped, ran too long or used too much memory.
    pub traps: u64,
    /// Calls that could not be started.
    pub start_failures: u64,
    /// Requests that are held now.
    pub held: u64,
    /// Waits that have ended, in the order of [`WaitEnd`](snow_worker::WaitEnd).
    pub ended: [u64; 4],
}

impl RouteTotals {
    fn of(stats: &RouteStats) -> RouteTotals {
        RouteTotals {
            answers: stats.answers.each_ref().map(|counter| counter.get()),
            took_ms: stats.took_ms.read(),
            calls: stats.calls.get(),
            traps: stats.traps.get(),
            start_failures: stats.start_failures.get(),
            held: stats.held.get(),
            ended: stats.ended.each_ref().map(|counter| counter.get()),
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

    /// Returns the number of requests that have ended.
    pub fn requests(&self) -> u64 {
        self.answers.iter().sum()
    }
}

/// A flag that is set when the server begins to drain. Its clones share it.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// Sets the flag.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the flag is set.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
