//! The worker's own side of what it counts: finds the counters of a call without a lock or a name.

use std::sync::Arc;

use super::stats::{Ended, Labels, RouteStats, Stats, VersionStats};
use snow_runtime::Entry;

/// Behind the classes of statuses: the client has left.
const CLASS_LEFT: u16 = 6;

/// See the module's text.
pub(super) struct Tally {
    pub stats: Arc<Stats>,
    /// By label.
    routes: Vec<Option<Arc<RouteStats>>>,
    /// By the numbers of guests.
    versions: Vec<Option<VersionTally>>,
}

struct VersionTally {
    stats: Arc<VersionStats>,
    /// By route: the label, and what is counted under it.
    routes: Vec<Option<(u32, Arc<RouteStats>)>>,
}

impl Tally {
    pub fn new(stats: Arc<Stats>) -> Tally {
        let mut tally = Tally { stats, routes: Vec::new(), versions: Vec::new() };
        tally.under(Labels::NOBODY);
        tally
    }

    /// The label of a route, which is known from now on until its guest is forgotten. `name` is asked for the first
    /// request of it only.
    pub fn label(&mut self, entry: &Entry, name: impl FnOnce() -> Arc<str>) -> u32 {
        let known = self.version(entry.guest).and_then(|version| version.routes.get(entry.route as usize)?.as_ref());
        if let Some((label, _)) = known {
            return *label;
        }
        let label = self.stats.labels.number(&name(), &entry.declared.pattern);
        let counters = self.under(label);
        let version = self.version_or_new(entry.guest);
        let route = entry.route as usize;
        if version.routes.len() <= route {
            version.routes.resize_with(route + 1, || None);
        }
        version.routes[route] = Some((label, counters));
        label
    }

    /// A guest's number means nothing any more.
    pub fn forget(&mut self, guest: u32) {
        if let Some(version) = self.versions.get_mut(guest as usize)
            && version.take().is_some()
        {
            self.stats.versions.put(guest, None);
        }
    }

    /// One more request of this guest.
    pub fn began(&self, guest: u32) {
        self.version(guest).inspect(|version| version.stats.requests.add(1));
    }

    /// One less.
    pub fn let_go(&self, guest: u32) {
        self.version(guest).inspect(|version| version.stats.requests.subtract(1));
    }

    /// A request has got its answer, or its client has left (`None`).
    pub fn finished(&self, label: u32, status: Option<u16>, took_ms: u64) {
        let Some(Some(route)) = self.routes.get(label as usize) else { return };
        let class = status.map_or(CLASS_LEFT, |status| status / 100);
        if let Some(answers) = route.answers.get(usize::from(class).wrapping_sub(1)) {
            answers.add(1);
        }
        route.took_ms.add(took_ms);
    }

    /// One more is held.
    pub fn held(&self, guest: u32, route: u32) {
        self.route(guest, route).inspect(|route| route.held.add(1));
        self.version(guest).inspect(|version| version.stats.held.add(1));
    }

    /// One less.
    pub fn wait_ended(&self, guest: u32, route: u32, ended: Ended) {
        if let Some(route) = self.route(guest, route) {
            route.held.subtract(1);
            route.ended[ended as usize].add(1);
        }
        self.version(guest).inspect(|version| version.stats.held.subtract(1));
    }

    /// The counters of a route that has had a request.
    pub fn route(&self, guest: u32, route: u32) -> Option<&RouteStats> {
        let (_, counters) = self.version(guest)?.routes.get(route as usize)?.as_ref()?;
        Some(counters)
    }

    fn version(&self, guest: u32) -> Option<&VersionTally> {
        self.versions.get(guest as usize)?.as_ref()
    }

    fn version_or_new(&mut self, guest: u32) -> &mut VersionTally {
        let index = guest as usize;
        if self.versions.len() <= index {
            self.versions.resize_with(index + 1, || None);
        }
        self.versions[index].get_or_insert_with(|| {
            let stats = Arc::new(VersionStats::default());
            self.stats.versions.put(guest, Some(stats.clone()));
            VersionTally { stats, routes: Vec::new() }
        })
    }

    fn under(&mut self, label: u32) -> Arc<RouteStats> {
        let index = label as usize;
        if self.routes.len() <= index {
            self.routes.resize_with(index + 1, || None);
        }
        let counters = self.routes[index].get_or_insert_with(|| {
            let counters = Arc::new(RouteStats::default());
            self.stats.routes.put(label, Some(counters.clone()));
            counters
        });
        counters.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_runtime::Route;

    fn entry(guest: u32, pattern: &str) -> Entry {
        Entry {
            guest,
            route: 0,
            declared: Route { methods: Vec::new(), pattern: pattern.to_owned() },
            mount: "".into(),
        }
    }

    #[test]
    fn a_new_version_goes_on_counting_under_the_same_label() {
        let mut tally = Tally::new(Arc::default());
        let label = tally.label(&entry(0, "/a"), || "g".into());
        assert_eq!(tally.label(&entry(0, "/a"), || panic!("it is known")), label);
        tally.began(0);
        tally.held(0, 0);
        let next = tally.label(&entry(1, "/a"), || "g".into());
        assert_eq!(next, label);
        tally.finished(label, Some(200), 3);
        tally.finished(label, None, 4);
        tally.wait_ended(0, 0, Ended::TimedOut);
        tally.let_go(0);
        tally.forget(0);
        let stats = tally.stats.clone();
        assert!(stats.versions.get(0).is_none() && stats.versions.get(1).is_some());
        let route = stats.routes.get(label).expect("it is counted");
        assert_eq!((route.answers[1].get(), route.answers[5].get(), route.held.get()), (1, 1, 0));
        assert_eq!((route.ended[Ended::TimedOut as usize].get(), route.took_ms.read().sum), (1, 7));
    }
}
