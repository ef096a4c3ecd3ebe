//! Single cases in tables, and random histories that are compared with a model.

use proptest::prelude::*;

use super::*;

const LIMITS: WatchLimits = WatchLimits::DEFAULT;

fn files(version: u64) -> Vec<GuestFile> {
    let stamp = Stamp { len: version, modified_ns: 0, changed_ns: 0, inode: 1, device: 1 };
    vec![GuestFile { path: "a.wasm".into(), stamp, beside: 0 }]
}

/// Returns a snapshot of the folder with this number and these guests, by name and version.
fn folder(inode: u64, guests: &[(&str, u64)]) -> Snapshot {
    let guests = guests.iter().map(|(name, version)| (name.to_string(), files(*version))).collect();
    Snapshot {
        folder: Some(FolderId { inode, device: 1, created_ns: None }),
        guests,
        ..Snapshot::default()
    }
}

fn written(name: &str, version: u64) -> Change {
    Change::Written { name: name.into(), files: files(version) }
}

fn removed(name: &str) -> Change {
    Change::Removed { name: name.into() }
}

/// Returns a debounce for a folder in which guest `a`, version 1, was loaded at time 0.
fn serving_one() -> Debounce {
    Debounce::serving(LIMITS, folder(1, &[("a", 1)]), 0)
}

/// Looks at these times, and returns the changes with their times.
fn looks(debounce: &mut Debounce, looks: &[(u64, Snapshot)]) -> Vec<(u64, Change)> {
    let look = |(now_ms, snapshot): &(u64, Snapshot)| {
        let changed = debounce.observe(snapshot.clone(), *now_ms).guests;
        changed.into_iter().map(|change| (*now_ms, change)).collect::<Vec<_>>()
    };
    looks.iter().flat_map(look).collect()
}

#[test]
fn a_new_file_is_offered_once_when_it_has_been_the_same_for_long_enough() {
    let mut debounce = Debounce::new(LIMITS);
    let at = |now_ms| (now_ms, folder(1, &[("a", 1)]));
    assert_eq!(looks(&mut debounce, &[at(1_000), at(1_099)]), []);
    assert_eq!(debounce.next_look_ms(), Some(1_100));
    assert_eq!(
        looks(&mut debounce, &[at(1_100), at(1_101), at(9_000)]),
        [(1_100, written("a", 1))]
    );
    assert_eq!(debounce.next_look_ms(), None);
}

#[test]
fn a_guest_is_offered_again_if_that_is_asked_for() {
    let mut debounce = serving_one();
    let at = |now_ms| (now_ms, folder(1, &[("a", 1)]));
    debounce.try_again("a");
    debounce.try_again("b");
    assert_eq!(debounce.next_look_ms(), Some(LIMITS.report_after_ms));
    assert_eq!(looks(&mut debounce, &[at(10), at(5_000), at(9_000)]), [(5_000, written("a", 1))]);
    assert_eq!(debounce.failed("a"), AfterFailure::Report);
    // A removal comes first.
    debounce.try_again("a");
    let gone = |now_ms| (now_ms, folder(1, &[]));
    assert_eq!(looks(&mut debounce, &[gone(9_001), gone(9_500)]), [(9_500, removed("a"))]);
}

#[test]
fn a_file_that_grows_is_not_offered_for_as_long_as_it_grows() {
    let mut debounce = serving_one();
    let mut slow: Vec<_> = (1..=100).map(|nth| (nth * 90, folder(1, &[("a", 1 + nth)]))).collect();
    slow.push((9_099, folder(1, &[("a", 101)])));
    assert_eq!(looks(&mut debounce, &slow), []);
    assert_eq!(
        looks(&mut debounce, &[(9_100, folder(1, &[("a", 101)]))]),
        [(9_100, written("a", 101))]
    );
}

#[test]
fn what_changes_and_is_as_before_when_it_settles_is_not_offered() {
    let mut debounce = serving_one();
    let history =
        [(10, folder(1, &[])), (60, folder(1, &[("a", 2)])), (90, folder(1, &[("a", 1)]))];
    assert_eq!(looks(&mut debounce, &history), []);
    assert_eq!(debounce.next_look_ms(), None);
}

#[test]
fn removed_and_then_written_is_a_change_and_removed_for_good_a_removal() {
    let mut debounce = serving_one();
    let history = [(10, folder(1, &[])), (109, folder(1, &[])), (109, folder(1, &[("a", 2)]))];
    assert_eq!(looks(&mut debounce, &history), []);
    assert_eq!(looks(&mut debounce, &[(209, folder(1, &[("a", 2)]))]), [(209, written("a", 2))]);
    let history = [(300, folder(1, &[])), (400, folder(1, &[])), (500, folder(1, &[]))];
    assert_eq!(looks(&mut debounce, &history), [(400, removed("a"))]);
}

#[test]
fn a_removal_waits_for_other_files_but_not_for_ever() {
    let mut debounce = serving_one();
    let copying = |range: std::ops::Range<u64>| {
        range.map(|nth| (nth * 50, folder(1, &[("b", nth)]))).collect::<Vec<_>>()
    };
    assert_eq!(looks(&mut debounce, &copying(1..9)), []);
    assert_eq!(looks(&mut debounce, &copying(9..20)), [(50 + LIMITS.removal_ms_max, removed("a"))]);
}

#[test]
fn a_folder_that_is_made_again_is_filled_before_anything_is_removed() {
    let mut debounce = Debounce::serving(LIMITS, folder(1, &[("a", 1), ("b", 1), ("c", 1)]), 0);
    // `b` is copied for ten seconds, and `a` only then.
    let mut history: Vec<_> =
        (1..=200).map(|nth| (nth * 50, folder(2, &[("b", 1 + nth)]))).collect();
    history.push((10_050, folder(2, &[("a", 2), ("b", 201)])));
    assert_eq!(looks(&mut debounce, &history), []);
    assert_eq!(debounce.next_look_ms(), Some(10_100));
    let last = |now_ms| (now_ms, folder(2, &[("a", 2), ("b", 201)]));
    let expected = [(10_100, written("b", 201)), (10_150, written("a", 2)), (11_050, removed("c"))];
    let history = [last(10_100), last(10_150), last(11_049), last(11_050)];
    assert_eq!(looks(&mut debounce, &history), expected);
}

/// A folder that was filled slower than a file every 50 ms once lost the guests that were not there
/// yet.
#[test]
fn a_folder_that_is_filled_slowly_loses_no_guest_and_serves_what_is_there() {
    let before = folder(1, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let mut debounce = Debounce::serving(LIMITS, before, 0);
    let mut there = Vec::new();
    // Each guest comes 900 ms after the one before it, and is looked at when the watch reports it
    // and when the debounce asks for it.
    for (nth, name) in ["a", "b", "c"].into_iter().enumerate() {
        let copied_ms = 1_000 + nth as u64 * 900;
        there.push((name, 2));
        let mut looked = looks(&mut debounce, &[(copied_ms, folder(2, &there))]);
        while let Some(due_ms) = debounce.next_look_ms().filter(|due| *due < copied_ms + 900) {
            looked.extend(looks(&mut debounce, &[(due_ms, folder(2, &there))]));
        }
        assert_eq!(looked, [(copied_ms + LIMITS.quiet_ms, written(name, 2))]);
    }
    let filled_ms = 2_800 + LIMITS.filled_after_ms;
    assert_eq!(debounce.next_look_ms(), Some(filled_ms));
    let filled = [(filled_ms, folder(2, &there))];
    assert_eq!(looks(&mut debounce, &filled), [(filled_ms, removed("d"))]);
    // From now on the folder is as any other.
    assert_eq!(debounce.next_look_ms(), None);
    let gone = |now_ms| (now_ms, folder(2, &there[1..]));
    assert_eq!(looks(&mut debounce, &[gone(9_000), gone(9_100)]), [(9_100, removed("a"))]);
}

#[test]
fn a_guest_that_is_copied_under_another_name_first_is_waited_for() {
    let mut debounce = serving_one();
    let copied = |now_ms, others| (now_ms, Snapshot { others, ..folder(2, &[]) });
    let copying: Vec<_> = (1..20).map(|nth| copied(nth * 1_000, nth)).collect();
    assert_eq!(looks(&mut debounce, &copying), []);
    let renamed = |now_ms| (now_ms, folder(2, &[("a", 2)]));
    let history = [renamed(19_900), renamed(20_000), renamed(20_900)];
    assert_eq!(looks(&mut debounce, &history), [(20_000, written("a", 2))]);
    // In a folder that stays, other files are nobody's business.
    let gone = |now_ms| copied(now_ms, now_ms);
    assert_eq!(looks(&mut debounce, &[gone(30_000), gone(30_100)]), [(30_100, removed("a"))]);
}

#[test]
fn a_folder_that_can_not_be_seen_removes_nothing_and_is_looked_for() {
    let mut debounce = serving_one();
    assert_eq!(looks(&mut debounce, &[(10, folder(1, &[]))]), []);
    for now_ms in [50, 500, 5_000] {
        debounce.unseen(now_ms);
        assert_eq!(debounce.next_look_ms(), Some(now_ms + LIMITS.poll_ms));
    }
    // It is back, with its old number, and still empty: it is about to be filled.
    assert_eq!(
        looks(&mut debounce, &[(6_000, folder(1, &[])), (6_999, folder(1, &[("a", 1)]))]),
        []
    );
    assert_eq!(debounce.next_look_ms(), Some(6_999 + LIMITS.filled_after_ms));
    assert_eq!(looks(&mut debounce, &[(8_000, folder(1, &[("a", 1)]))]), []);
    assert_eq!(debounce.next_look_ms(), None);
}

#[test]
fn a_failure_is_reported_when_the_file_has_been_the_same_for_a_second() {
    let mut debounce = serving_one();
    let half = |now_ms| (now_ms, folder(1, &[("a", 2)]));
    assert_eq!(looks(&mut debounce, &[half(10), half(110)]), [(110, written("a", 2))]);
    assert_eq!(debounce.failed("a"), AfterFailure::Retry);
    assert_eq!(debounce.next_look_ms(), Some(1_010));
    assert_eq!(looks(&mut debounce, &[half(1_009), half(1_010)]), [(1_010, written("a", 2))]);
    assert_eq!(debounce.failed("a"), AfterFailure::Report);
    assert_eq!((debounce.next_look_ms(), looks(&mut debounce, &[half(9_000)])), (None, vec![]));
    // Fixed, and looked at so late that it has been complete for long: it is offered at once.
    let fixed = |now_ms| (now_ms, folder(1, &[("a", 3)]));
    assert_eq!(looks(&mut debounce, &[fixed(9_100), fixed(10_200)]), [(10_200, written("a", 3))]);
    assert_eq!(debounce.failed("a"), AfterFailure::Report);
    assert_eq!(debounce.failed("nobody"), AfterFailure::Report);
}

#[test]
fn a_copy_that_stalls_and_goes_on_is_offered_again_without_a_report() {
    let mut debounce = serving_one();
    let half = [(10, folder(1, &[("a", 2)])), (110, folder(1, &[("a", 2)]))];
    assert_eq!(looks(&mut debounce, &half).len(), 1);
    assert_eq!(debounce.failed("a"), AfterFailure::Retry);
    let whole = [
        (900, folder(1, &[("a", 3)])),
        (1_000, folder(1, &[("a", 3)])),
        (5_000, folder(1, &[("a", 3)])),
    ];
    assert_eq!(looks(&mut debounce, &whole), [(1_000, written("a", 3))]);
}

/// A failure that was not reported is not forgotten because the file was away for a moment.
#[test]
fn a_file_on_trial_that_was_away_is_tried_again() {
    let mut debounce = serving_one();
    let half = |now_ms| (now_ms, folder(1, &[("a", 2)]));
    looks(&mut debounce, &[half(10), half(110)]);
    assert_eq!(debounce.failed("a"), AfterFailure::Retry);
    let history = [(200, folder(1, &[])), half(250), half(1_249), half(1_250)];
    assert_eq!(looks(&mut debounce, &history), [(1_250, written("a", 2))]);
}

#[test]
fn the_manifest_settles_as_guests_do() {
    let mut debounce = serving_one();
    let with = |stamp: Option<u64>| {
        let manifest = stamp.map(|version| files(version)[0].stamp);
        Snapshot { manifest, ..folder(1, &[("a", 1)]) }
    };
    let mut changed = |now_ms, stamp| debounce.observe(with(stamp), now_ms).manifest;
    assert!(
        !changed(0, Some(1))
            && !changed(99, Some(1))
            && changed(100, Some(1))
            && !changed(101, Some(1))
    );
    assert!(!changed(200, None) && changed(300, None));
    assert!(!changed(400, Some(2)) && changed(500, Some(2)));
    assert_eq!(debounce.manifest_failed(), AfterFailure::Retry);
    assert_eq!(debounce.next_look_ms(), Some(1_400));
    assert!(debounce.observe(with(Some(2)), 1_400).manifest);
    assert_eq!(debounce.manifest_failed(), AfterFailure::Report);
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Write(usize),
    /// Writes the guest with the stamp that it had when it was offered last.
    Restore(usize),
    Remove(usize),
    Exchange,
    Unseen,
    Look,
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn step() -> impl Strategy<Value = Step> {
    let guest = 0..NAMES.len();
    prop_oneof![
        4 => (0..150_u64).prop_map(Step::Wait),
        1 => (0..2_000_u64).prop_map(Step::Wait),
        3 => guest.clone().prop_map(Step::Write),
        1 => guest.clone().prop_map(Step::Restore),
        2 => guest.prop_map(Step::Remove),
        1 => Just(Step::Exchange),
        1 => Just(Step::Unseen),
        8 => Just(Step::Look),
    ]
}

/// What the folder holds, when a look saw it change, and what was offered.
#[derive(Default)]
struct Model {
    now_ms: u64,
    version: u64,
    inode: u64,
    there: BTreeMap<&'static str, u64>,
    seen: BTreeMap<&'static str, u64>,
    seen_since_ms: BTreeMap<&'static str, u64>,
    still_since_ms: u64,
    /// The folder is another one than at the last look, or could not be read since.
    is_another: bool,
    /// The folder may still be filled: removals wait for longer.
    filling: bool,
    offered: BTreeMap<&'static str, u64>,
}

impl Model {
    fn look(&mut self, debounce: &mut Debounce) -> Result<(), TestCaseError> {
        for name in NAMES {
            if self.there.get(name) != self.seen.get(name) {
                self.seen_since_ms.insert(name, self.now_ms);
                self.still_since_ms = self.now_ms;
            }
        }
        if std::mem::take(&mut self.is_another) {
            (self.filling, self.still_since_ms) = (true, self.now_ms);
        }
        self.filling &= self.now_ms - self.still_since_ms < LIMITS.filled_after_ms;
        self.seen = self.there.clone();
        let guests: Vec<_> = self.there.iter().map(|(name, version)| (*name, *version)).collect();
        let due = debounce.next_look_ms();
        let changes = debounce.observe(folder(self.inode, &guests), self.now_ms);
        prop_assert!(
            changes.guests.is_empty() || due.is_some(),
            "a look that nobody would have taken"
        );
        for change in changes.guests {
            self.offer(change)?;
        }
        Ok(())
    }

    fn offer(&mut self, change: Change) -> Result<(), TestCaseError> {
        let (name, version) = match &change {
            Change::Written { name, files } => (name, Some(files[0].stamp.len)),
            Change::Removed { name } => (name, None),
        };
        let name = NAMES.into_iter().find(|each| each == name).expect("it was there");
        prop_assert_eq!(self.there.get(name).copied(), version, "as it is there");
        prop_assert_ne!(self.offered.get(name).copied(), version, "once");
        let same_ms = self.now_ms - self.seen_since_ms[name];
        prop_assert!(same_ms >= LIMITS.quiet_ms, "{name} was the same for {same_ms} ms");
        let still_ms = self.now_ms - self.still_since_ms;
        let waited = version.is_some()
            || !self.filling && (still_ms >= LIMITS.quiet_ms || same_ms >= LIMITS.removal_ms_max);
        prop_assert!(waited, "{name} was removed {still_ms} ms after a change");
        match version {
            Some(version) => self.offered.insert(name, version),
            None => self.offered.remove(name),
        };
        Ok(())
    }

    fn take(&mut self, step: &Step, debounce: &mut Debounce) -> Result<(), TestCaseError> {
        match step {
            Step::Wait(ms) => self.now_ms += ms,
            Step::Write(guest) => {
                self.version += 1;
                self.there.insert(NAMES[*guest], self.version);
            }
            Step::Restore(guest) => {
                let offered = self.offered.get(NAMES[*guest]).copied();
                self.there.extend(offered.map(|version| (NAMES[*guest], version)));
            }
            Step::Remove(guest) => {
                self.there.remove(NAMES[*guest]);
            }
            Step::Exchange => (self.inode, self.is_another) = (self.inode + 1, true),
            Step::Unseen => {
                self.is_another = true;
                debounce.unseen(self.now_ms);
            }
            Step::Look => self.look(debounce)?,
        }
        Ok(())
    }
}

/// A folder that is another one and was unreadable in between starts to fill once, not twice.
#[test]
fn a_folder_that_comes_back_as_another_one_settles_too() {
    let mut debounce = serving_one();
    debounce.unseen(10);
    assert_eq!(
        looks(&mut debounce, &[(20, folder(2, &[])), (1_020, folder(2, &[]))]),
        [(1_020, removed("a"))]
    );
    assert_eq!(debounce.next_look_ms(), None);
}

proptest! {
    #[test]
    fn each_state_that_stays_is_offered_once_and_none_before_it_has_settled(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let (mut model, mut debounce) = (Model::default(), Debounce::new(LIMITS));
        for step in &steps {
            model.take(step, &mut debounce)?;
        }

        model.look(&mut debounce)?;
        model.now_ms += LIMITS.filled_after_ms;
        model.look(&mut debounce)?;
        prop_assert_eq!(&model.offered, &model.there);
        prop_assert_eq!(debounce.next_look_ms(), None);
    }
}

#[test]
fn a_file_that_the_manifest_names_is_as_good_as_the_manifest() {
    let mut debounce = serving_one();
    let named = |named| Snapshot { named, ..folder(1, &[("a", 1)]) };
    assert!(!debounce.observe(named(7), 10).manifest, "it may be half written");
    assert!(debounce.observe(named(7), 200).manifest);
    // The new manifest names others, and these looked so when they were read.
    debounce.read_named(9);
    assert!(!debounce.observe(named(9), 1_000).manifest);
    assert!(!debounce.observe(named(7), 2_000).manifest);
    assert!(debounce.observe(named(7), 3_000).manifest);
}
