//! The deployer of a run: guests appear, change and vanish, and manifests mount them elsewhere, as
//! the seed says. What serves then is decided by the host's own roster.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use snow_runtime::{CompiledRoutes, Deployable, Mounts, Roster, Route, Router, VersionId};

use crate::rng::Rng;
use crate::versions::QUICK;

/// The guest that follows scripts.
const APP: &str = "app";
/// Guests that are in the table and are asked for nothing.
const OTHERS: usize = 10;
/// The ids of those begin here, above all that the scripted guest gets.
const OTHER_IDS: u32 = 1_000_000;

/// The guests of a run, as the host's deployer knows them.
pub struct Deployer {
    roster: Roster<Deployed>,
    last_id: u32,
    last_other: u32,
    /// The table that workers adopt next.
    pub router: Router,
}

/// A version of one of the guests.
struct Deployed {
    id: VersionId,
    kind: Kind,
}

/// What routes a guest has.
#[derive(Clone, Copy)]
enum Kind {
    App,
    Quick,
    Small,
    /// Routes that fill a table, four such guests together.
    Large,
}

impl Deployable for Deployed {
    fn id(&self) -> VersionId {
        self.id
    }

    fn declared(&self) -> &[Route] {
        &kinds()[self.kind as usize].0
    }

    fn compiled(&self) -> &Arc<CompiledRoutes> {
        &kinds()[self.kind as usize].1
    }
}

fn kinds() -> &'static [(Vec<Route>, Arc<CompiledRoutes>)] {
    static KINDS: OnceLock<Vec<(Vec<Route>, Arc<CompiledRoutes>)>> = OnceLock::new();
    KINDS.get_or_init(|| {
        ["/r/([0-9]+)", "/q/([0-9]+)", "/other/(.*)x", "/(?:[a-y][^/]{1,255}/){80}"]
            .map(|pattern| vec![Route { methods: Vec::new(), pattern: pattern.into() }])
            .map(|routes| {
                let compiled = CompiledRoutes::new(&routes).expect("the patterns are fine");
                (routes, Arc::new(compiled))
            })
            .into()
    })
}

impl Deployer {
    /// Deploys the first guests. In some runs they nearly fill the table.
    pub fn new(rng: &mut Rng) -> Deployer {
        let mut roster = Roster::default();
        roster.put(APP, Arc::new(Deployed { id: VersionId(1), kind: Kind::App }));
        roster.put("quick", Arc::new(Deployed { id: QUICK, kind: Kind::Quick }));
        let router = roster.publish().router;
        let mut deployer = Deployer { roster, last_id: 1, last_other: 0, router };
        if rng.percent(5) {
            (0..3).for_each(|other| deployer.put_other(other, Kind::Large));
            deployer.publish();
        }
        deployer
    }

    /// Returns the version of the scripted guest that serves.
    pub fn serving(&self) -> VersionId {
        self.roster.serving(APP).expect("it serves for the whole run").id
    }

    /// Lets something change, and puts it into force.
    pub fn change(&mut self, rng: &mut Rng) {
        for _ in 0..=rng.below(3) {
            match rng.below(100) {
                0..40 => {
                    self.last_id += 1;
                    let id = VersionId(self.last_id);
                    self.roster.put(APP, Arc::new(Deployed { id, kind: Kind::App }));
                }
                40..60 => {
                    let kind = if rng.percent(60) { Kind::Large } else { Kind::Small };
                    self.put_other(rng.below(OTHERS), kind);
                }
                60..75 => drop(self.roster.remove(&other(rng.below(OTHERS)))),
                75..90 => self.roster.set_mounts(mounts(rng)),
                90..95 => self.roster.prove(self.serving()),
                _ => drop(self.roster.roll_back(self.serving())),
            }
        }
        self.publish();
    }

    fn put_other(&mut self, number: usize, kind: Kind) {
        self.last_other += 1;
        let id = VersionId(OTHER_IDS + self.last_other);
        self.roster.put(&other(number), Arc::new(Deployed { id, kind }));
    }

    /// Publishes. Whoever has served still does: in the same version, or in one that was put.
    fn publish(&mut self) {
        let names = (0..OTHERS).map(other).chain([APP.to_owned(), "quick".to_owned()]);
        let before: BTreeMap<String, VersionId> = names
            .filter_map(|name| Some((self.roster.serving(&name)?.id, name)))
            .map(|(id, name)| (name, id))
            .collect();
        let published = self.roster.publish();
        for (name, id) in before {
            let now = self.roster.serving(&name).map(|version| version.id);
            let joined = published.joined.iter().find(|(joined, _)| **joined == *name);
            let expected = joined.map_or(id, |(_, version)| version.id);
            assert_eq!(now, Some(expected), "{name} has served and did not change");
        }
        published.router.check_cost().expect("what was published is within the limit");
        self.router = published.router;
    }
}

fn other(number: usize) -> String {
    format!("other-{number}")
}

/// Mounts for some of the others. Those of the two guests that are asked stay as they are.
fn mounts(rng: &mut Rng) -> Mounts {
    let mount = |rng: &mut Rng| rng.pick(&["/a", "/b", "/a/b"]).into();
    let mounted: Vec<usize> = (0..OTHERS).filter(|_| rng.percent(30)).collect();
    mounted.into_iter().map(|number| (other(number).as_str().into(), mount(rng))).collect()
}
