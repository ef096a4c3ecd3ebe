//! The worker's own side of its stats: finds the counters of a call without a lock or a name.

use std::ops::Deref;
use std::sync::Arc;

use snow_runtime::{RouteEntry, VersionId};

use super::{Label, LabelId, Labels, RouteStats, Stats, VersionStats, WaitEnd};
use crate::context::Callee;

/// The place of requests whose client left, behind the five classes of statuses.
const CLASS_LEFT: u16 = 6;

/// Writes a worker's [`Stats`]. Its tables are dense by id, since a call asks them several times.
pub(crate) struct StatsWriter {
    shared: Arc<Stats>,
    by_label: Vec<Option<Arc<RouteStats>>>,
    by_version: Vec<Option<VersionWriter>>,
}

struct VersionWriter {
    stats: Arc<VersionStats>,
    /// By route: the label, and what is counted under it.
    routes: Vec<Option<(LabelId, Arc<RouteStats>)>>,
}

impl Deref for StatsWriter {
    type Target = Stats;

    fn deref(&self) -> &Stats {
        &self.shared
    }
}

impl StatsWriter {
    pub fn new(shared: Arc<Stats>) -> StatsWriter {
        let mut writer = StatsWriter { shared, by_label: Vec::new(), by_version: Vec::new() };
        writer.counters_of(Labels::NOBODY);
        writer
    }

    /// Returns the label of a route, and remembers it until the version is forgotten. `name` is
    /// asked for at the route's first request only.
    pub fn label(&mut self, entry: &RouteEntry, name: impl FnOnce() -> Arc<str>) -> LabelId {
        let known = self
            .version(entry.version)
            .and_then(|version| version.routes.get(entry.route.index())?.as_ref());
        if let Some((label, _)) = known {
            return *label;
        }
        let label = self.shared.labels.id(Label::new(&name(), &entry.declared));
        let counters = self.counters_of(label);
        let version = self.version_or_new(entry.version);
        *slot_of(&mut version.routes, entry.route.index()) = Some((label, counters));
        label
    }

    /// Forgets a version, whose id may name another one from now on.
    pub fn forget(&mut self, version: VersionId) {
        if self.by_version.get_mut(version.index()).and_then(Option::take).is_some() {
            self.shared.versions.remove(version);
        }
    }

    /// Counts one more request of this version.
    pub fn began(&self, version: VersionId) {
        self.version(version).inspect(|version| version.stats.requests.add(1));
    }

    /// Counts one request less of this version.
    pub fn let_go(&self, version: VersionId) {
        self.version(version).inspect(|version| version.stats.requests.subtract(1));
    }

    /// Counts a request that has its answer, or whose client has left (`None`).
    pub fn finished(&self, label: LabelId, status: Option<u16>, took_ms: u64) {
        let Some(Some(route)) = self.by_label.get(label.index()) else { return };
        let class = status.map_or(CLASS_LEFT, |status| status / 100);
        if let Some(answers) = route.answers.get(usize::from(class).wrapping_sub(1)) {
            answers.add(1);
        }
        route.took_ms.add(took_ms);
    }

    /// Counts one more held request.
    pub fn held(&self, callee: Callee) {
        self.route(callee).inspect(|route| route.held.add(1));
        self.version(callee.0).inspect(|version| version.stats.held.add(1));
    }

    /// Counts one held request less, and how its wait ended.
    pub fn wait_ended(&self, callee: Callee, end: WaitEnd) {
        if let Some(route) = self.route(callee) {
            route.held.subtract(1);
            route.ended[end as usize].add(1);
        }
        self.version(callee.0).inspect(|version| version.stats.held.subtract(1));
    }

    /// Returns the counters of a route that has had a request.
    pub fn route(&self, (version, route): Callee) -> Option<&RouteStats> {
        let (_, counters) = self.version(version)?.routes.get(route.index())?.as_ref()?;
        Some(counters)
    }

    fn version(&self, version: VersionId) -> Option<&VersionWriter> {
        self.by_version.get(version.index())?.as_ref()
    }

    fn version_or_new(&mut self, version: VersionId) -> &mut VersionWriter {
        slot_of(&mut self.by_version, version.index()).get_or_insert_with(|| {
            let stats = Arc::new(VersionStats::default());
            self.shared.versions.put(version, stats.clone());
            VersionWriter { stats, routes: Vec::new() }
        })
    }

    /// Returns the counters under a label, which are new if nothing was counted under it here.
    fn counters_of(&mut self, label: LabelId) -> Arc<RouteStats> {
        let counters = slot_of(&mut self.by_label, label.index()).get_or_insert_with(|| {
            let counters = Arc::new(RouteStats::default());
            self.shared.routes.put(label, counters.clone());
            counters
        });
        counters.clone()
    }
}

/// Returns the place of an id in a table, which grows if need be.
fn slot_of<T>(table: &mut Vec<Option<T>>, index: usize) -> &mut Option<T> {
    if table.len() <= index {
        table.resize_with(index + 1, || None);
    }
    &mut table[index]
}

#[cfg(test)]
mod tests {
    use snow_runtime::{Route, RouteId};

    use super::*;

    const OLD: VersionId = VersionId(0);
    const NEW: VersionId = VersionId(1);
    const ROUTE: RouteId = RouteId(0);

    fn entry(version: VersionId, pattern: &str) -> RouteEntry {
        RouteEntry {
            version,
            route: ROUTE,
            declared: Route { methods: Vec::new(), pattern: pattern.to_owned() },
            mount: "".into(),
        }
    }

    #[test]
    fn a_new_version_goes_on_counting_under_the_same_label() {
        let mut writer = StatsWriter::new(Arc::default());
        let label = writer.label(&entry(OLD, "/a"), || "g".into());
        assert_eq!(writer.label(&entry(OLD, "/a"), || panic!("it is known")), label);
        writer.began(OLD);
        writer.held((OLD, ROUTE));
        let next = writer.label(&entry(NEW, "/a"), || "g".into());
        assert_eq!(next, label);
        writer.finished(label, Some(200), 3);
        writer.finished(label, None, 4);
        writer.wait_ended((OLD, ROUTE), WaitEnd::TimedOut);
        writer.let_go(OLD);
        writer.forget(OLD);
        let stats = writer.shared.clone();
        assert!(stats.versions.get(OLD).is_none() && stats.versions.get(NEW).is_some());
        let route = stats.routes.get(label).expect("it is counted");
        assert_eq!((route.answers[1].get(), route.answers[5].get(), route.held.get()), (1, 1, 0));
        assert_eq!(
            (route.ended[WaitEnd::TimedOut as usize].get(), route.took_ms.read().sum),
            (1, 7)
        );
    }
}
