//! Which guests are loaded now, and which next.
//!
//! Nothing here starts a thread or reads a file: [`Loads`] is told what is wanted and what has
//! ended, and says what to start.
//!
//! Loads go on side by side, in *lanes*, each of which has room for a few. A load begins in the
//! lane of those whose code is in the cache. If it turns out that the guest has to be compiled, it
//! goes on in one of two others, by the size of its file. So one that takes a minute is in nobody's
//! way but that of others like it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use snow_guests::{CancelLoad, LOADS_MAX};

/// A file larger than this may take seconds to compile.
const SMALL_BYTES_MAX: u64 = 1 << 20;

/// Loads that do not get in the way of those in other lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The code of the guest is perhaps in the cache.
    Cached,
    /// A small guest is compiled.
    Small,
    /// A large guest is compiled.
    Large,
}

impl Lane {
    /// Returns how many loads the lane has room for.
    fn room(self) -> u32 {
        match self {
            Lane::Cached => LOADS_MAX / 2,
            Lane::Small | Lane::Large => LOADS_MAX / 4,
        }
    }
}

/// A load to be started.
#[derive(Clone)]
pub struct Start {
    /// Names this load of the guest.
    pub number: u64,
    /// The guest's name.
    pub name: String,
    /// The guest's file.
    pub path: PathBuf,
    /// What to do: look into the cache, or compile.
    pub lane: Lane,
    /// Cancels the load.
    pub cancel: CancelLoad,
}

/// The loads that are wanted.
#[derive(Default)]
pub struct Loads {
    /// By number, so the oldest is the first.
    wanted: BTreeMap<u64, Wanted>,
    /// Loads that are going on in each lane, those that are not wanted any more included.
    running: BTreeMap<u8, u32>,
    next: u64,
}

struct Wanted {
    start: Start,
    is_running: bool,
    /// Those of one look at the folder are of one batch.
    batch: u64,
}

impl Loads {
    /// Adds a load of a guest. It takes the place of an older one, which is cancelled.
    pub fn want(&mut self, name: String, path: PathBuf, batch: u64) {
        self.forget(&name);
        self.next += 1;
        let (number, lane, cancel) = (self.next, Lane::Cached, CancelLoad::default());
        let start = Start { number, name, path, lane, cancel };
        self.wanted.insert(number, Wanted { start, is_running: false, batch });
    }

    /// Cancels the load of a guest, if there is one.
    pub fn forget(&mut self, name: &str) {
        self.wanted.retain(|_, wanted| {
            let stays = wanted.start.name != name;
            if !stays {
                wanted.start.cancel.cancel();
            }
            stays
        });
    }

    /// Cancels all loads.
    pub fn forget_all(&mut self) {
        self.wanted.values().for_each(|wanted| wanted.start.cancel.cancel());
        self.wanted.clear();
    }

    /// Returns the next load to be started, if a lane has room for it.
    pub fn next(&mut self) -> Option<Start> {
        let Loads { wanted, running, .. } = self;
        let has_room = |lane: Lane| running.get(&(lane as u8)).copied().unwrap_or(0) < lane.room();
        let next =
            wanted.values_mut().find(|wanted| !wanted.is_running && has_room(wanted.start.lane))?;
        next.is_running = true;
        *running.entry(next.start.lane as u8).or_default() += 1;
        Some(next.start.clone())
    }

    /// Notes that a load was not started after all, and will not be.
    pub fn failed_to_start(&mut self, start: &Start) {
        self.leave(start.lane);
        self.wanted.remove(&start.number);
    }

    /// Notes that a guest has to be compiled: its load ends in the first lane and goes on in
    /// another one.
    pub fn compile(&mut self, start: &Start, file_bytes: u64) {
        self.leave(start.lane);
        if let Some(wanted) = self.wanted.get_mut(&start.number) {
            wanted.is_running = false;
            wanted.start.lane =
                if file_bytes > SMALL_BYTES_MAX { Lane::Large } else { Lane::Small };
        }
    }

    /// Notes that a load has ended. Returns its batch, or `None` if it is not wanted any more.
    pub fn ended(&mut self, start: &Start) -> Option<u64> {
        self.leave(start.lane);
        self.wanted.remove(&start.number).map(|wanted| wanted.batch)
    }

    /// Returns whether a load may end soon: it needs no compiler, as far as is known.
    pub fn has_quick(&self) -> bool {
        self.wanted.values().any(|wanted| wanted.start.lane == Lane::Cached)
    }

    /// Returns whether all loads of a batch have ended.
    pub fn is_done(&self, batch: u64) -> bool {
        self.wanted.values().all(|wanted| wanted.batch != batch)
    }

    fn leave(&mut self, lane: Lane) {
        if let Some(running) = self.running.get_mut(&(lane as u8)) {
            *running -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(loads: &mut Loads) -> Vec<Start> {
        std::iter::from_fn(|| loads.next()).collect()
    }

    fn want(loads: &mut Loads, names: &[&str]) {
        names.iter().for_each(|name| loads.want((*name).into(), PathBuf::new(), 1));
    }

    #[test]
    fn compiling_is_in_nobodys_way() {
        let mut loads = Loads::default();
        want(&mut loads, &["a", "b", "c", "d", "e"]);
        let started = names(&mut loads);
        assert_eq!(started.len(), 4, "the lane has room for so many");
        started.iter().for_each(|start| loads.compile(start, 18 << 20));
        // Two of them are compiled; the fifth is looked for in the cache.
        let lanes: Vec<_> = names(&mut loads).iter().map(|s| (s.name.clone(), s.lane)).collect();
        assert_eq!(
            lanes,
            [("a", Lane::Large), ("b", Lane::Large), ("e", Lane::Cached)]
                .map(|(name, lane)| (name.to_owned(), lane))
        );
        want(&mut loads, &["small", "cached"]);
        let started = names(&mut loads);
        loads.compile(&started[0], 1_000);
        assert_eq!(loads.next().unwrap().lane, Lane::Small);
        assert_eq!(loads.ended(&started[1]), Some(1));
    }

    #[test]
    fn a_newer_edit_cancels_the_load_before_it() {
        let mut loads = Loads::default();
        want(&mut loads, &["a"]);
        let first = loads.next().unwrap();
        loads.compile(&first, 18 << 20);
        let first = loads.next().unwrap();
        want(&mut loads, &["a"]);
        assert!(first.cancel.is_cancelled());
        let second = loads.next().unwrap();
        assert_eq!((second.name.as_str(), second.lane), ("a", Lane::Cached));
        assert_eq!(loads.ended(&first), None, "whatever came of it");
        assert_eq!(loads.ended(&second), Some(1));
        assert!(loads.is_done(1) && !loads.has_quick());
    }

    #[test]
    fn a_cancelled_load_has_its_place_until_it_ends() {
        let mut loads = Loads::default();
        want(&mut loads, &["a", "b", "c", "d"]);
        let started = names(&mut loads);
        loads.forget_all();
        want(&mut loads, &["e"]);
        assert!(loads.next().is_none());
        assert_eq!(loads.ended(&started[2]), None);
        assert_eq!(loads.next().unwrap().name, "e");
    }

    #[test]
    fn a_batch_is_done_with_its_last_load() {
        let mut loads = Loads::default();
        want(&mut loads, &["a", "b"]);
        loads.want("c".into(), PathBuf::new(), 2);
        let started = names(&mut loads);
        assert_eq!(loads.ended(&started[0]), Some(1));
        loads.compile(&started[1], 1);
        assert!(!loads.is_done(1) && loads.has_quick());
        loads.forget("b");
        assert!(loads.is_done(1) && !loads.is_done(2));
    }
}
