//! The roster: which guests serve, and which of those that were loaded join them.
//!
//! It decides and does nothing else: no thread, no clock, no file and no compiler. A deployer tells
//! it what was loaded, removed and decided, and asks it to [publish](Roster::publish).
//!
//! # What is guaranteed
//!
//! For any guests and any manifest, publishing removes no guest that serves: it serves on in the
//! version that it has, or in a newer one that was put. If not everything fits into one table
//! ([`Router::check_cost`]), what is new stays out: new mounts first, then new versions. They wait,
//! and each later publishing tries them again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::router::{CompiledRoutes, MountedRoutes, Route, RouteError, Router, VersionId};

/// Guests whose last number is remembered after they are gone.
const NAMES_MAX: usize = 8_192;

/// The mount prefix of each guest that has one, without a slash at its end.
pub type Mounts = BTreeMap<Arc<str>, Arc<str>>;

/// A version of a guest, as far as the roster has to know it.
pub trait Deployable {
    /// Returns the version's id, which differs from that of all other versions that exist.
    fn id(&self) -> VersionId;

    /// Returns the routes as the guest declared them.
    fn declared(&self) -> &[Route];

    /// Returns the same routes, compiled.
    fn compiled(&self) -> &Arc<CompiledRoutes>;

    /// Returns whether the version has trapped in a trial that is not over.
    fn is_doubtful(&self) -> bool {
        false
    }
}

/// The guests that serve, and those that wait to. Changes take effect with [`Roster::publish`].
pub struct Roster<V> {
    /// Guests that serve, by name.
    serving: BTreeMap<Arc<str>, Deployed<V>>,
    /// Versions that were put and do not serve yet, by their guests' names.
    waiting: BTreeMap<Arc<str>, Waiting<V>>,
    /// The mounts of the newest manifest.
    wanted: Mounts,
    /// Whether the log knows already that the newest mounts do not fit.
    mounts_reported: bool,
    /// The last number that a version of each guest got.
    numbers: BTreeMap<Arc<str>, u32>,
    router: Router,
}

/// A guest that serves.
struct Deployed<V> {
    version: Arc<V>,
    /// The version that serves again if `version` fails its trial. `None` once the trial is over.
    before: Option<Arc<V>>,
    mount: Arc<str>,
}

/// A version that is to serve.
struct Waiting<V> {
    version: Arc<V>,
    /// Whether it was tried and reported as a misfit.
    is_reported: bool,
}

/// What a publishing has changed.
pub struct Published<V> {
    /// All versions that serve now, in the order of their guests' names.
    pub versions: Vec<Arc<V>>,
    /// The table of their routes.
    pub router: Router,
    /// The versions that serve from now on, with the names of their guests.
    pub joined: Vec<(Arc<str>, Arc<V>)>,
    /// Versions that do not fit beside the guests that serve. Each is reported once, and again if
    /// the mounts have changed. They go on waiting.
    pub misfits: Vec<Misfit<V>>,
    /// Why the guests that serve keep the mounts that they have. Reported once for each change.
    pub mounts_refused: Option<RouteError>,
}

/// A version that stays out, since its routes do not fit into the table.
pub struct Misfit<V> {
    /// The guest's name.
    pub name: Arc<str>,
    /// The version.
    pub version: Arc<V>,
    /// Why the table has no room for it.
    pub error: RouteError,
}

impl<V: Deployable> Default for Roster<V> {
    fn default() -> Roster<V> {
        Roster {
            serving: BTreeMap::new(),
            waiting: BTreeMap::new(),
            wanted: Mounts::new(),
            mounts_reported: false,
            numbers: BTreeMap::new(),
            router: Router::of(Vec::new(), None),
        }
    }
}

impl<V: Deployable> Roster<V> {
    /// Takes the mounts of a new manifest.
    pub fn set_mounts(&mut self, mounts: Mounts) {
        if mounts != self.wanted {
            self.wanted = mounts;
            self.mounts_reported = false;
            self.waiting.values_mut().for_each(|waiting| waiting.is_reported = false);
        }
    }

    /// Returns the number for the next version of a guest, from 1. No version of the guest has had
    /// it before.
    pub fn next_number(&mut self, name: &str) -> u32 {
        let number = self.numbers.get(name).map_or(1, |last| last + 1);
        if self.numbers.len() >= NAMES_MAX {
            let Roster { numbers, serving, waiting, .. } = self;
            numbers.retain(|name, _| serving.contains_key(name) || waiting.contains_key(name));
        }
        self.numbers.insert(name.into(), number);
        number
    }

    /// Adds a version that was loaded: it serves after the next publishing, if it fits.
    pub fn put(&mut self, name: &str, version: Arc<V>) {
        self.waiting.insert(name.into(), Waiting { version, is_reported: false });
    }

    /// Removes a guest. Returns the version that served, if one did.
    pub fn remove(&mut self, name: &str) -> Option<Arc<V>> {
        self.waiting.remove(name);
        self.serving.remove(name).map(|deployed| deployed.version)
    }

    /// Returns the version of a guest that serves.
    pub fn serving(&self, name: &str) -> Option<&Arc<V>> {
        self.serving.get(name).map(|deployed| &deployed.version)
    }

    /// Returns the ids of all versions that serve, may serve again, or wait to serve.
    pub fn kept(&self) -> Vec<VersionId> {
        let of_guest = |guest: &Deployed<V>| {
            let before = guest.before.as_ref().map(|before| before.id());
            std::iter::once(guest.version.id()).chain(before)
        };
        let waiting = self.waiting.values().map(|waiting| waiting.version.id());
        self.serving.values().flat_map(of_guest).chain(waiting).collect()
    }

    /// Ends the trial of a version that has passed it: the version before it can't serve again.
    pub fn prove(&mut self, version: VersionId) {
        let mut guests = self.serving.values_mut();
        if let Some(guest) = guests.find(|guest| guest.version.id() == version) {
            guest.before = None;
        }
    }

    /// Withdraws a version that has failed its trial: the version before it serves again, after the
    /// next publishing. Returns both. `None` if a newer version has replaced it meanwhile.
    pub fn roll_back(&mut self, version: VersionId) -> Option<(Arc<V>, Arc<V>)> {
        let mut guests = self.serving.values_mut();
        let guest = guests.find(|guest| guest.version.id() == version)?;
        let good = guest.before.take()?;
        let failed = std::mem::replace(&mut guest.version, good.clone());
        Some((failed, good))
    }

    /// Puts everything into force that fits: all of it together, or else what serves, and then one
    /// after another what waits.
    pub fn publish(&mut self) -> Published<V> {
        let (mut misfits, mut mounts_refused) = (Vec::new(), None);
        let waiting: Vec<Arc<str>> = self.waiting.keys().cloned().collect();
        let mut router = self.table(&waiting, true);
        let mut joined = waiting;
        let mut new_mounts = true;
        if router.check_cost().is_err() && (!joined.is_empty() || self.changes_mounts()) {
            joined = Vec::new();
            router = self.table(&joined, true);
            if self.changes_mounts()
                && let Err(error) = router.check_cost()
            {
                new_mounts = false;
                mounts_refused = (!self.mounts_reported).then_some(error);
                self.mounts_reported = true;
                router = self.table(&joined, false);
            }
            for name in self.waiting.keys().cloned().collect::<Vec<_>>() {
                joined.push(name.clone());
                let larger = self.table(&joined, new_mounts);
                match larger.check_cost() {
                    Ok(()) => router = larger,
                    Err(error) => {
                        joined.pop();
                        misfits.extend(self.misfit(&name, error));
                    }
                }
            }
        }
        let joined = self.commit(joined, new_mounts);
        self.router = router.clone();
        let versions = self.serving.values().map(|guest| guest.version.clone()).collect();
        Published { versions, router, joined, misfits, mounts_refused }
    }

    /// Returns whether the manifest has other mounts for guests that serve.
    fn changes_mounts(&self) -> bool {
        self.serving.iter().any(|(name, guest)| guest.mount != self.wanted(name))
    }

    fn wanted(&self, name: &str) -> Arc<str> {
        self.wanted.get(name).cloned().unwrap_or_default()
    }

    /// Returns the table of what serves together with these versions that wait. What serves has the
    /// mounts of the newest manifest, or those that it has now.
    fn table<'a>(&'a self, joining: &[Arc<str>], new_mounts: bool) -> Router {
        let mut guests: BTreeMap<&str, (&'a V, Arc<str>)> = BTreeMap::new();
        for (name, guest) in &self.serving {
            let mount = if new_mounts { self.wanted(name) } else { guest.mount.clone() };
            guests.insert(name, (&guest.version, mount));
        }
        for name in joining {
            if let Some(waiting) = self.waiting.get(name) {
                guests.insert(name, (&waiting.version, self.wanted(name)));
            }
        }
        let mounted = |(version, mount): (&'a V, Arc<str>)| MountedRoutes {
            version: version.id(),
            declared: version.declared(),
            compiled: version.compiled(),
            mount,
        };
        Router::of(guests.into_values().map(mounted).collect(), Some(&self.router))
    }

    fn misfit(&mut self, name: &Arc<str>, error: RouteError) -> Option<Misfit<V>> {
        let waiting = self.waiting.get_mut(name)?;
        let is_new = !std::mem::replace(&mut waiting.is_reported, true);
        is_new.then(|| Misfit { name: name.clone(), version: waiting.version.clone(), error })
    }

    fn commit(&mut self, joined: Vec<Arc<str>>, new_mounts: bool) -> Vec<(Arc<str>, Arc<V>)> {
        if new_mounts {
            let Roster { serving, wanted, .. } = self;
            for (name, guest) in serving {
                guest.mount = wanted.get(name).cloned().unwrap_or_default();
            }
        }
        let join = |name: Arc<str>| {
            let version = self.waiting.remove(&name)?.version;
            let before = self.serving.remove(&name).map(Deployed::good_one);
            let mount = self.wanted(&name);
            let deployed = Deployed { version: version.clone(), before, mount };
            self.serving.insert(name.clone(), deployed);
            Some((name, version))
        };
        joined.into_iter().filter_map(join).collect()
    }
}

impl<V: Deployable> Deployed<V> {
    /// Returns the version that the next one falls back on. A version that has trapped in an
    /// unfinished trial is passed over for the one before it.
    fn good_one(self) -> Arc<V> {
        match self.before {
            Some(before) if self.version.is_doubtful() => before,
            _ => self.version,
        }
    }
}
