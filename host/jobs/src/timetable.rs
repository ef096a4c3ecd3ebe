//! The schedules of all guests, and which of them are due.

use std::collections::{BTreeMap, BTreeSet};

use crate::schedule::Schedule;
use snow_core::sync::Arc;

/// Names an entry of a [`Timetable`] for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleId(u64);

/// The schedules of all guests.
///
/// A schedule never overlaps itself: what is due while its last run is under way is skipped. And it
/// never catches up: of several times that have passed, it runs once.
///
/// ```
/// use snow_jobs::{Happening, Schedule, Times, Timetable};
///
/// let times = Times::every("10s").unwrap();
/// let sweep = Schedule { job: "sweep".into(), times, payload: String::new() };
/// let mut table = Timetable::default();
/// table.set([("shop".into(), sweep)], 0);
/// assert_eq!(table.next_ms(), Some(10_000));
///
/// let happened = table.pop_due(10_000, |_| true);
/// let Some(Happening::Run { id, missed: 0, .. }) = happened else { panic!("{happened:?}") };
/// assert!(matches!(table.pop_due(20_000, |_| true), Some(Happening::Skipped { .. })));
/// assert_eq!(table.ended(id), 1, "one was skipped");
/// assert!(matches!(table.pop_due(55_000, |_| true), Some(Happening::Run { missed: 2, .. })));
/// assert_eq!(table.next_ms(), Some(60_000));
/// ```
#[derive(Debug, Default)]
pub struct Timetable {
    entries: BTreeMap<ScheduleId, Entry>,
    due: BTreeSet<(u64, ScheduleId)>,
    last_id: u64,
}

#[derive(Debug)]
struct Entry {
    guest: Arc<str>,
    schedule: Schedule,
    start_ms: u64,
    next_ms: Option<u64>,
    run: Run,
    /// Runs that were skipped since the one that is under way was due.
    skipped: u64,
    /// Whether it is no schedule any more: it stays until its run has ended, so that the next one of
    /// this job does not overlap it.
    is_gone: bool,
}

/// What the last run of a schedule is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Ended,
    /// It waits for an executor.
    Queued,
    Begun,
}

/// What happens at a time of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The job runs.
    Run {
        /// The schedule. Until it is said to have [ended](Timetable::ended), it does not run again.
        id: ScheduleId,
        /// The guest.
        guest: Arc<str>,
        /// The job, with its payload.
        schedule: Schedule,
        /// When it was due.
        due_ms: u64,
        /// How many times after that have passed already. They are skipped.
        missed: u64,
    },
    /// The run before is still under way, so this one is skipped. Told once for each run.
    Skipped {
        /// The guest.
        guest: Arc<str>,
        /// The job's name.
        job: String,
        /// Whether the run before has begun. Otherwise it waits for an executor.
        has_begun: bool,
    },
}

impl Timetable {
    /// Replaces all schedules. One that was there already goes on as it is; others begin now. If a
    /// run of such a job is still under way, by a schedule that is changed or gone, the first run of
    /// the new one waits for its end.
    pub fn set(&mut self, schedules: impl IntoIterator<Item = (Arc<str>, Schedule)>, now_ms: u64) {
        let mut before = std::mem::take(&mut self.entries);
        let mut changed = Vec::new();
        for (guest, schedule) in schedules {
            let is_same = |it: &Entry| !it.is_gone && it.guest == guest && it.schedule == schedule;
            match take(&mut before, is_same) {
                Some((id, same)) => drop(self.entries.insert(id, same)),
                None => changed.push((guest, schedule)),
            }
        }
        // Only when each has found itself: what is left over has changed.
        for (guest, schedule) in changed {
            let is_under_way = |it: &Entry| {
                it.run != Run::Ended && it.guest == guest && it.schedule.job == schedule.job
            };
            let (id, run, skipped) = match take(&mut before, is_under_way) {
                Some((id, it)) => (id, it.run, it.skipped),
                None => {
                    self.last_id += 1;
                    (ScheduleId(self.last_id), Run::Ended, 0)
                }
            };
            let next_ms = schedule.times.next_ms(now_ms, now_ms);
            let (start_ms, is_gone) = (now_ms, false);
            let entry = Entry { guest, schedule, start_ms, next_ms, run, skipped, is_gone };
            self.entries.insert(id, entry);
        }
        let gone = before.into_iter().filter(|(_, it)| it.run != Run::Ended);
        self.entries
            .extend(gone.map(|(id, it)| (id, Entry { next_ms: None, is_gone: true, ..it })));
        let due = self.entries.iter().filter_map(|(id, entry)| Some((entry.next_ms?, *id)));
        self.due = due.collect();
    }

    /// Returns when something is due next, in milliseconds since 1970.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(at_ms, _)| *at_ms)
    }

    /// Returns what happens by now, one schedule at a time. A guest that is not there has no runs,
    /// and its times pass without a word.
    pub fn pop_due(
        &mut self,
        now_ms: u64,
        mut is_there: impl FnMut(&str) -> bool,
    ) -> Option<Happening> {
        loop {
            let (due_ms, id) = *self.due.first()?;
            if due_ms > now_ms {
                return None;
            }
            self.due.pop_first();
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let times = &entry.schedule.times;
            entry.next_ms = times.next_ms(entry.start_ms, now_ms);
            self.due.extend(entry.next_ms.map(|next_ms| (next_ms, id)));
            if !is_there(&entry.guest) {
                continue;
            }
            // Counted up to a bound, since a clock may be moved by years.
            let mut missed = 0;
            let mut last_ms = due_ms;
            while missed < MISSED_MAX
                && let Some(next_ms) = times.next_ms(entry.start_ms, last_ms)
                && next_ms <= now_ms
            {
                (missed, last_ms) = (missed + 1, next_ms);
            }
            if entry.run != Run::Ended {
                entry.skipped += 1 + missed;
                if entry.skipped == 1 + missed {
                    let (guest, job) = (entry.guest.clone(), entry.schedule.job.clone());
                    let has_begun = entry.run == Run::Begun;
                    return Some(Happening::Skipped { guest, job, has_begun });
                }
                continue;
            }
            entry.run = Run::Queued;
            let (guest, schedule) = (entry.guest.clone(), entry.schedule.clone());
            return Some(Happening::Run { id, guest, schedule, due_ms, missed });
        }
    }

    /// Notes that a run has begun.
    pub fn begun(&mut self, id: ScheduleId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.run = Run::Begun;
        }
    }

    /// Notes that a run has ended. Returns how many were skipped meanwhile.
    pub fn ended(&mut self, id: ScheduleId) -> u64 {
        let Some(entry) = self.entries.get_mut(&id) else { return 0 };
        entry.run = Run::Ended;
        let skipped = std::mem::take(&mut entry.skipped);
        if entry.is_gone {
            self.entries.remove(&id);
        }
        skipped
    }

    /// Returns all schedules: the guest, the schedule, when it is due next, and whether a run of it
    /// is under way.
    pub fn list(&self) -> impl Iterator<Item = (&Arc<str>, &Schedule, Option<u64>, bool)> {
        let entries = self.entries.values().filter(|it| !it.is_gone);
        entries.map(|it| (&it.guest, &it.schedule, it.next_ms, it.run != Run::Ended))
    }
}

/// Takes the first entry that is such a one.
fn take(
    entries: &mut BTreeMap<ScheduleId, Entry>,
    is_one: impl Fn(&Entry) -> bool,
) -> Option<(ScheduleId, Entry)> {
    let id = entries.iter().find(|(_, entry)| is_one(entry)).map(|(id, _)| *id)?;
    entries.remove_entry(&id)
}

/// The most times that are counted of those that have passed: each is searched for.
const MISSED_MAX: u64 = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::Times;

    fn every(guest: &str, job: &str, every: &str) -> (Arc<str>, Schedule) {
        let times = Times::every(every).unwrap();
        (guest.into(), Schedule { job: job.into(), times, payload: "p".into() })
    }

    /// Returns the names of the jobs that are due.
    fn due(table: &mut Timetable, now_ms: u64) -> Vec<(String, ScheduleId)> {
        let mut names = Vec::new();
        while let Some(happening) = table.pop_due(now_ms, |guest| guest != "gone") {
            if let Happening::Run { id, schedule, .. } = happening {
                names.push((schedule.job, id));
            }
        }
        names
    }

    #[test]
    fn a_new_manifest_leaves_alone_what_did_not_change() {
        let mut table = Timetable::default();
        table.set([every("a", "x", "10s"), every("a", "y", "10s")], 0);
        let running = due(&mut table, 10_000);
        assert_eq!(running.len(), 2);
        table.set([every("a", "y", "10s"), every("a", "x", "20s"), every("b", "x", "10s")], 15_000);
        let names =
            |due: Vec<(String, ScheduleId)>| due.into_iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(
            names(due(&mut table, 20_000)),
            [""; 0],
            "y is still under way, and keeps its grid"
        );
        assert_eq!(table.ended(running[1].1), 1);
        assert_eq!(table.ended(running[0].1), 0, "its times are others now");
        assert_eq!(names(due(&mut table, 25_000)), ["x"], "that of b");
        assert_eq!(names(due(&mut table, 30_000)), ["y"]);
        assert_eq!(names(due(&mut table, 35_000)), ["x"], "of a; that of b runs");
    }

    #[test]
    fn a_schedule_that_is_changed_or_comes_again_does_not_overlap_its_last_run() {
        let mut table = Timetable::default();
        table.set([every("a", "x", "10s")], 0);
        let [(_, running)] = due(&mut table, 10_000)[..] else { panic!("it is due") };
        table.begun(running);
        table.set([every("a", "x", "5s")], 10_000);
        let skipped =
            |has_begun| Some(Happening::Skipped { guest: "a".into(), job: "x".into(), has_begun });
        assert_eq!(table.pop_due(15_000, |_| true), skipped(true));
        table.set([], 15_000);
        assert_eq!((table.list().count(), table.next_ms()), (0, None));
        table.set([every("a", "x", "5s")], 15_000);
        assert_eq!(due(&mut table, 20_000), []);
        assert_eq!(table.ended(running), 2);
        let [(_, again)] = due(&mut table, 25_000)[..] else { panic!("it is due") };
        assert_eq!(
            table.pop_due(30_000, |_| true),
            skipped(false),
            "nobody has said that it began"
        );
        table.set([], 30_000);
        table.ended(again);
        assert!(table.entries.is_empty());
    }

    #[test]
    fn the_times_of_a_guest_that_is_not_there_pass() {
        let mut table = Timetable::default();
        table.set([every("gone", "x", "10s")], 0);
        assert_eq!((due(&mut table, 25_000).len(), table.next_ms()), (0, Some(30_000)));
    }

    #[test]
    fn a_clock_that_is_moved_by_years_costs_a_bounded_time() {
        let mut table = Timetable::default();
        table.set([every("a", "x", "1s")], 0);
        let happened = table.pop_due(1 << 50, |_| true);
        assert!(
            matches!(happened, Some(Happening::Run { missed: MISSED_MAX, .. })),
            "{happened:?}"
        );
        assert!(table.next_ms().is_some_and(|next_ms| next_ms > 1 << 50));
    }

    proptest! {
        /// Never two runs of a schedule at a time, and each run lies on a point of the grid.
        #[test]
        fn runs_do_not_overlap(steps in prop::collection::vec((0..30_000u64, any::<bool>()), 0..100)) {
            let mut table = Timetable::default();
            table.set([every("a", "x", "10s")], 0);
            let (mut now_ms, mut running, mut ran, mut skipped) = (0, None, 0, 0);
            for (pass_ms, ends) in steps {
                now_ms += pass_ms;
                while let Some(happening) = table.pop_due(now_ms, |_| true) {
                    if let Happening::Run { id, due_ms, missed, .. } = happening {
                        prop_assert!(running.replace(id).is_none());
                        prop_assert_eq!(due_ms % 10_000, 0);
                        ran += 1;
                        skipped += missed;
                    }
                }
                if ends && let Some(id) = running.take() {
                    skipped += table.ended(id);
                }
            }
            skipped += running.map_or(0, |id| table.ended(id));
            prop_assert_eq!(ran + skipped, now_ms / 10_000, "each time was run or skipped");
        }
    }
}
