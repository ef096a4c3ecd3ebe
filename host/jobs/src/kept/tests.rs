//! The table by single steps, and by histories that nothing may be lost in.

use proptest::prelude::*;

use super::*;

const NEVER_RANDOM: u64 = 0;

fn failure(code: &str) -> JobFailure {
    JobFailure { code: code.into(), message: String::new() }
}

/// Returns a table with one job that is kept, due at 1,000.
fn with_one(attempts_max: u32) -> (Kept, JobId, JobLimits) {
    let (mut kept, id, limits) = (Kept::default(), JobId(7), JobLimits::default());
    kept.reserve(id, Record::new("a", "mail", attempts_max, 1_000), 10, 0, &limits).unwrap();
    (kept, id, limits)
}

#[test]
fn a_job_is_tried_with_growing_pauses_until_it_succeeds() {
    let (mut kept, id, limits) = with_one(9);
    assert_eq!(kept.pop_due(1_000), None, "it is not written yet");
    assert!(kept.confirm(id));
    assert_eq!((kept.pop_due(999), kept.next_ms()), (None, Some(1_000)));
    let mut now_ms = 1_000;
    for (attempts, pause_ms) in [(1, 1_000), (2, 2_000), (3, 4_000)] {
        assert_eq!(kept.pop_due(now_ms), Some(Due::Queue(id, "a".into())));
        assert_eq!((kept.pop_due(now_ms), kept.next_ms()), (None, None), "it is queued once");
        assert_eq!(kept.begin(id).map(|it| it.record.attempts), Some(attempts - 1));
        assert_eq!(kept.begin(id), None);
        let failed = kept.fail(id, failure("no"), false, (now_ms, NEVER_RANDOM), &limits).unwrap();
        assert_eq!((failed.record.attempts, failed.record.next_ms), (attempts, now_ms + pause_ms));
        now_ms += pause_ms;
    }
    kept.pop_due(now_ms).unwrap();
    kept.begin(id).unwrap();
    assert!(kept.record(id).is_some() && kept.leave(id, now_ms) && kept.record(id).is_none());
    assert_eq!(kept.pop_due(now_ms), None);
    assert_eq!(kept.pop_due(now_ms + REMOVE_AGAIN_MS), Some(Due::Remove(id)), "nobody removed it");
    assert!(kept.remove(id) && kept.is_empty() && kept.next_ms().is_none());
    assert_eq!((kept.bytes(), kept.guests.len()), (0, 0));
}

#[test]
fn the_last_attempt_and_a_final_failure_are_for_good() {
    for (attempts_max, is_final) in [(1, false), (50, true)] {
        let (mut kept, id, limits) = with_one(attempts_max);
        kept.confirm(id);
        kept.pop_due(1_000).unwrap();
        kept.begin(id).unwrap();
        let failed = kept.fail(id, failure("no"), is_final, (1_000, 0), &limits).unwrap();
        assert_eq!((failed.record.failed_ms, kept.failed()), (Some(1_000), 1));
        assert_eq!((kept.pop_due(u64::MAX), kept.next_ms()), (None, None));
        // A person lets it be tried again.
        let record = kept.retry(id, 5_000).unwrap();
        assert_eq!((record.attempts, record.failed_ms, kept.failed()), (0, None, 0));
        assert_eq!(kept.pop_due(5_000), Some(Due::Queue(id, "a".into())));
        assert_eq!(kept.retry(id, 5_000), None, "it is under way");
    }
}

#[test]
fn whoever_leaves_is_on_the_way_out_only_once_and_does_nothing_else() {
    let (mut kept, id, limits) = with_one(1);
    kept.confirm(id);
    kept.pop_due(1_000).unwrap();
    kept.begin(id).unwrap();
    assert!(kept.leave(id, 1_000) && !kept.leave(id, 1_000));
    // Its attempt ends meanwhile, whichever way.
    kept.put_back(id, 1_000);
    assert!(kept.fail(id, failure("no"), false, (1_000, 0), &limits).is_none());
    assert!(kept.retry(id, 1_000).is_none() && kept.confirm(id));
    assert_eq!(kept.pop_due(1_000 + REMOVE_AGAIN_MS), Some(Due::Remove(id)));
}

#[test]
fn the_oldest_of_too_many_failed_ones_are_forgotten() {
    let mut kept = Kept::default();
    let limits = JobLimits { jobs_failed_max: 2, ..JobLimits::default() };
    let mut forgotten = Vec::new();
    for number in 1..=4 {
        let id = JobId(number);
        kept.reserve(id, Record::new("a", "mail", 1, 0), 0, 0, &limits).unwrap();
        kept.confirm(id);
        kept.pop_due(0).unwrap();
        kept.begin(id).unwrap();
        let at = (number as u64, 0);
        forgotten.extend(kept.fail(id, failure("no"), false, at, &limits).unwrap().forgotten);
    }
    assert_eq!(forgotten, [JobId(1), JobId(2)]);
    assert_eq!((kept.len(), kept.failed()), (2, 2));
}

#[test]
fn no_guest_loses_its_failed_jobs_by_those_of_another() {
    let mut kept = Kept::default();
    let limits = JobLimits { jobs_failed_max: 4, ..JobLimits::default() };
    for number in 1..=9 {
        let (id, guest) = (JobId(number), if number <= 2 { "a" } else { "b" });
        kept.reserve(id, Record::new(guest, "mail", 1, 0), 0, 0, &limits).unwrap();
        kept.confirm(id);
        kept.pop_due(0).unwrap();
        kept.begin(id).unwrap();
        kept.fail(id, failure("no"), false, (number as u64, 0), &limits).unwrap();
    }
    let ids: Vec<JobId> = kept.list(None, 9).map(|(id, ..)| id).collect();
    assert_eq!(ids, [1, 2, 8, 9].map(JobId));
}

#[test]
fn a_job_that_ends_the_process_is_not_tried_for_ever() {
    // What is on the disk. A crash leaves it as it was written last.
    let mut on_disk = Record::new("a", "mail", 3, 0);
    let (id, limits) = (JobId(7), JobLimits::default());
    for attempt in 1..=3 {
        let mut kept = Kept::default();
        kept.load(id, on_disk.clone(), 10, 0);
        assert_eq!(kept.pop_due(0), Some(Due::Queue(id, "a".into())));
        let begun = kept.begin(id).unwrap();
        assert_eq!(begun.record.attempts, attempt - 1);
        on_disk = begun.to_write.expect("it was there before the start");
        // An attempt that was stopped does not count, and its next one is not counted beforehand.
        kept.put_back(id, 0);
        assert_eq!(kept.record(id).unwrap().attempts, attempt - 1);
        kept.pop_due(0).unwrap();
        assert_eq!(kept.begin(id).unwrap().to_write, None);
    }
    let mut kept = Kept::default();
    kept.load(id, on_disk, 10, 5_000);
    assert_eq!((kept.failed(), kept.next_ms()), (1, None));
    let record = kept.record(id).unwrap();
    assert_eq!(record.failed_ms, Some(5_000));
    assert_eq!(record.failure.as_ref().map(|it| &*it.code), Some(INTERRUPTED));
    // A new one of this process is written once, when it is enqueued.
    let new = JobId(8);
    kept.reserve(new, Record::new("a", "mail", 3, 0), 0, 0, &limits).unwrap();
    kept.confirm(new);
    kept.pop_due(0).unwrap();
    assert_eq!(kept.begin(new).unwrap().to_write, None);
}

#[test]
fn a_job_that_nobody_has_confirmed_is_looked_for() {
    let (mut kept, id, _) = with_one(1);
    assert_eq!(kept.next_ms(), Some(LOOK_AFTER_MS));
    assert_eq!(kept.pop_due(LOOK_AFTER_MS), Some(Due::Look(id)));
    assert_eq!(kept.pop_due(LOOK_AFTER_MS), None);
    kept.confirm(id);
    assert_eq!(kept.pop_due(LOOK_AFTER_MS), Some(Due::Queue(id, "a".into())));
}

#[test]
fn an_attempt_that_was_stopped_does_not_count() {
    let (mut kept, id, _) = with_one(1);
    kept.confirm(id);
    kept.pop_due(1_000).unwrap();
    kept.begin(id).unwrap();
    kept.put_back(id, 2_000);
    assert_eq!(kept.pop_due(2_000), Some(Due::Queue(id, "a".into())));
    assert_eq!(kept.begin(id).map(|it| it.record.attempts), Some(0));
}

#[test]
fn limits_are_named() {
    let limits = JobLimits {
        guest_jobs_kept_max: 1,
        jobs_kept_max: 3,
        guest_jobs_kept_bytes_max: 510,
        jobs_kept_bytes_max: 1_020,
        ..JobLimits::default()
    };
    let mut kept = Kept::default();
    let mut reserve = |id, guest: &str, bytes| {
        let record = Record::new(guest, "m", 1, 0);
        kept.reserve(JobId(id), record, bytes, 0, &limits).map_err(|it| it.limit)
    };
    // A byte for the name, and 500 for what is known of it.
    assert_eq!(reserve(1, "a", 10), Err("guest_jobs_kept_bytes_max"));
    assert_eq!(reserve(1, "a", 9), Ok(()));
    assert_eq!(reserve(2, "a", 0), Err("guest_jobs_kept_max"));
    assert_eq!(reserve(2, "b", 4), Ok(()));
    assert_eq!(reserve(3, "c", 0), Err("jobs_kept_bytes_max"));
}

#[derive(Clone, Debug)]
enum Step {
    Reserve,
    Confirm,
    Run { succeeds: bool, is_final: bool },
    PutBack,
    Retry,
    Leave,
    Remove,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Reserve),
        3 => Just(Step::Confirm),
        4 => any::<[bool; 2]>()
            .prop_map(|[succeeds, is_final]| Step::Run { succeeds, is_final }),
        1 => Just(Step::PutBack),
        1 => Just(Step::Retry),
        1 => Just(Step::Leave),
        1 => Just(Step::Remove),
        3 => (0..200_000u64).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens: every job that is there and has not failed is due some time or under way,
    /// counts agree with the table, and once time passes all of them come up.
    #[test]
    fn no_job_is_forgotten(steps in prop::collection::vec((0u128..6, step()), 0..120)) {
        let (mut kept, mut now_ms) = (Kept::default(), 0);
        let limits = JobLimits { jobs_failed_max: 3, ..JobLimits::default() };
        for (number, step) in steps {
            let id = JobId(number);
            match step {
                Step::Reserve if !kept.jobs.contains_key(&id) => {
                    let guest = if number % 2 == 0 { "a" } else { "b" };
                    kept.reserve(id, Record::new(guest, "m", 3, now_ms), 5, now_ms, &limits).unwrap();
                }
                Step::Reserve => {}
                Step::Confirm => drop(kept.confirm(id)),
                Step::Run { succeeds, is_final } => {
                    if kept.begin(id).is_some() {
                        match succeeds {
                            true => prop_assert!(kept.leave(id, now_ms)),
                            false => {
                                let at = (now_ms, now_ms);
                                prop_assert!(kept.fail(id, failure("x"), is_final, at, &limits).is_some());
                            }
                        }
                    }
                }
                Step::PutBack => kept.put_back(id, now_ms),
                Step::Retry => drop(kept.retry(id, now_ms)),
                Step::Leave => drop(kept.leave(id, now_ms)),
                Step::Remove => drop(kept.remove(id)),
                Step::Pass(ms) => {
                    now_ms += ms;
                    while kept.pop_due(now_ms).is_some() {}
                }
            }
            for job in kept.jobs.values() {
                let waits = matches!(job.state, KeptState::Written | KeptState::Waits | KeptState::Leaves);
                prop_assert_eq!(job.due_ms.is_some(), waits, "{:?}", job);
                prop_assert_eq!(job.record.failed_ms.is_some(), job.state == KeptState::Failed);
            }
            prop_assert_eq!(kept.due.len(), kept.jobs.values().filter(|job| job.due_ms.is_some()).count());
            let own = kept.guests.values();
            prop_assert_eq!(own.clone().map(|own| own.jobs).sum::<usize>(), kept.len());
            prop_assert_eq!(own.clone().map(|own| own.failed.len()).sum::<usize>(), kept.failed());
            prop_assert_eq!(own.map(|own| own.bytes).sum::<usize>(), kept.bytes());
            prop_assert_eq!(kept.bytes(), kept.len() * 506);
            prop_assert!(kept.failed() <= 3);
        }
    }
}
