//! The worker's own side of what it counts: finds the counters of a call without a lock or a name.

use std::sync::Arc;

use crate::stats::{LabelId, Labels, RouteStats, Stats, VersionStats, WaitEnd};
use snow_runtime::{RouteEntry, RouteId, VersionId};

/// Behind the classes of statuses: the client has left.
const CLASS_LEFT: u16 = 6;

/// See the module's text.
pub(crate) struct Tally {
    pub stats: Arc<Stats>,
    /// By label.
    routes: Vec<Option<Arc<RouteStats>>>,
    /// By version.
    versions: Vec<Option<VersionTally>>,
}

struct VersionTally {
    stats: Arc<VersionStats>,
    /// By route: the label, and what is counted under it.
    routes: Vec<Option<(LabelId, Arc<RouteStats>)>>,
}

impl Tally {
    pub fn new(stats: Arc<Stats>) -> Tally {
        let mut tally = Tally { stats, routes: Vec::new(), versions: Vec::new() };
        tally.under(Labels::NOBODY);
        tally
    }

    /// The label of a route, which is known from now on until its version is forgotten. `name` is asked for the first
    /// request of it only.
    pub fn label(&mut self, entry: &RouteEntry, name: impl FnOnce() -> Arc<str>) -> LabelId {
        let known = self.version(entry.version).and_then(|version| version.routes.get(entry.route.index())?.as_ref());
        if let Some((label, _)) = known {
            return *label;
        }
        let label = self.stats.labels.id(&name(), &entry.declared.pattern);
        let counters = self.under(label);
        let version = self.version_or_new(entry.version);
        let route = entry.route.index();
        if version.routes.len() <= route {
            version.routes.resize_with(route + 1, || None);
        }
        version.routes[route] = Some((label, counters));
        label
    }

    /// A version's id means nothing any more.
    pub fn forget(&mut self, version: VersionId) {
        if let Some(tally) = self.versions.get_mut(version.index())
            && tally.take().is_some()
        {
            self.stats.versions.remove(version);
        }
    }

    /// One more request of this version.
    pub fn began(&self, version: VersionId) {
        self.version(version).inspect(|version| version.stats.requests.add(1));
    }

    /// One less.
    pub fn let_go(&self, version: VersionId) {
        self.version(version).inspect(|version| version.stats.requests.subtract(1));
    }

    /// A request has got its answer, or its client has left (`None`).
    pub fn finished(&self, label: LabelId, status: Option<u16>, took_ms: u64) {
        let Some(Some(route)) = self.routes.get(label.index()) else { return };
        let class = status.map_or(CLASS_LEFT, |status| status / 100);
        if let Some(answers) = route.answers.get(usize::from(class).wrapping_sub(1)) {
            answers.add(1);
        }
        route.took_ms.add(took_ms);
    }

    /// One more is held.
    pub fn held(&self, version: VersionId, route: RouteId) {
        self.route(version, route).inspect(|route| route.held.add(1));
        self.version(version).inspect(|version| version.stats.held.add(1));
    }

    /// One less.
    pub fn wait_ended(&self, version: VersionId, route: RouteId, ended: WaitEnd) {
        if let Some(route) = self.route(version, route) {
            route.held.subtract(1);
            route.ended[ended as usize].add(1);
        }
        self.version(version).inspect(|version| version.stats.held.subtract(1));
    }

    /// The counters of a route that has had a request.
    pub fn route(&self, version: VersionId, route: RouteId) -> Option<&RouteStats> {
        let (_, counters) = self.version(version)?.routes.get(route.index())?.as_ref()?;
        Some(counters)
    }

    fn version(&self, version: VersionId) -> Option<&VersionTally> {
        self.versions.get(version.index())?.as_ref()
    }

    fn version_or_new(&mut self, version: VersionId) -> &mut VersionTally {
        let index = version.index();
        if self.versions.len() <= index {
            self.versions.resize_with(index + 1, || None);
        }
        self.versions[index].get_or_insert_with(|| {
            let stats = Arc::new(VersionStats::default());
            self.stats.versions.put(version, stats.clone());
            VersionTally { stats, routes: Vec::new() }
        })
    }

    fn under(&mut self, label: LabelId) -> Arc<RouteStats> {
        let index = label.index();
        if self.routes.len() <= index {
            self.routes.resize_with(index + 1, || None);
        }
        let counters = self.routes[index].get_or_insert_with(|| {
            let counters = Arc::new(RouteStats::default());
            self.stats.routes.put(label, counters.clone());
            counters
        });
        counters.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_runtime::Route;

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
        let mut tally = Tally::new(Arc::default());
        let label = tally.label(&entry(OLD, "/a"), || "g".into());
        assert_eq!(tally.label(&entry(OLD, "/a"), || panic!("it is known")), label);
        tally.began(OLD);
        tally.held(OLD, ROUTE);
        let next = tally.label(&entry(NEW, "/a"), || "g".into());
        assert_eq!(next, label);
        tally.finished(label, Some(200), 3);
        tally.finished(label, None, 4);
        tally.wait_ended(OLD, ROUTE, WaitEnd::TimedOut);
        tally.let_go(OLD);
        tally.forget(OLD);
        let stats = tally.stats.clone();
        assert!(stats.versions.get(OLD).is_none() && stats.versions.get(NEW).is_some());
        let route = stats.routes.get(label).expect("it is counted");
        assert_eq!((route.answers[1].get(), route.answers[5].get(), route.held.get()), (1, 1, 0));
        assert_eq!((route.ended[WaitEnd::TimedOut as usize].get(), route.took_ms.read().sum), (1, 7));
    }
}
