//! Properties that hold for every file: what was written is found again, and a file that somebody
//! damaged is refused or holds what one of its commits left, never a part of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

type Content = BTreeMap<(String, String), (Vec<u8>, u64, Option<u64>)>;

/// Returns everything in the file, and the last version that was given out.
fn content(journal: &mut RedbJournal) -> (Content, Option<Version>) {
    let mut found = Content::new();
    let last = journal.load(&mut |Place { bucket, key }, entry| {
        let Entry { value, version, expires_ms } = entry;
        found
            .insert((bucket.to_string(), key.to_string()), (value.to_vec(), version.0, expires_ms));
    });
    (found, last.expect("it was checked when it was opened"))
}

/// What a commit changes: what each key shall hold.
type Batch = BTreeMap<(String, String), Option<(Vec<u8>, u64, Option<u64>)>>;

fn changes(batch: &Batch, last: u64) -> Changes {
    let mut changes = Changes { last_version: Some(Version(last)), ..Changes::default() };
    for ((bucket, key), entry) in batch {
        let entry = entry.clone().map(|(value, version, expires_ms)| Entry {
            value: value.into(),
            version: Version(version),
            expires_ms,
        });
        let of_bucket = changes.entries.entry(bucket.as_str().into()).or_default();
        of_bucket.insert(key.as_str().into(), entry);
    }
    changes
}

fn some_batch() -> impl Strategy<Value = Batch> {
    let place = ("[ab/ß\\x00]{0,2}", prop_oneof!["[a-d]", any::<String>()]);
    let entry = (vec(any::<u8>(), 0..300), any::<u64>(), any::<Option<u64>>());
    btree_map(place, proptest::option::weighted(0.8, entry), 0..12)
}

/// What happens to a file behind the program's back.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Vec<(usize, u8)>),
    Overwrite(usize, Vec<u8>),
    Blank(usize, usize),
    CutOff(usize),
    Append(Vec<u8>),
    /// A page is written to the place of another one, as a disk does that loses its way.
    Misplace(usize, usize),
}

const PAGE_BYTES: usize = 4_096;

fn some_damage() -> impl Strategy<Value = Damage> {
    // The beginning of the file and of its pages says how all else is read.
    let at =
        prop_oneof![0..700_usize, any::<usize>(), (0..40_usize).prop_map(|page| page * PAGE_BYTES)];
    let at = at.boxed();
    prop_oneof![
        vec((at.clone(), 1_u8..), 1..6).prop_map(Damage::Flip),
        (at.clone(), vec(any::<u8>(), 1..64)).prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
        (at.clone(), 1..9_000_usize).prop_map(|(at, count)| Damage::Blank(at, count)),
        at.prop_map(Damage::CutOff),
        vec(any::<u8>(), 1..5_000).prop_map(Damage::Append),
        (0..40_usize, 0..40_usize).prop_map(|(from, to)| Damage::Misplace(from, to)),
    ]
}

fn damaged(whole: &[u8], damage: &Damage) -> Vec<u8> {
    let (mut bytes, length) = (whole.to_vec(), whole.len());
    let mut put = |at: usize, with: &[u8]| {
        let end = (at + with.len()).min(length);
        bytes[at..end].copy_from_slice(&with[..end - at]);
    };
    match damage {
        Damage::Flip(places) => {
            places.iter().for_each(|(at, mask)| bytes[at % length] ^= mask);
        }
        Damage::Overwrite(at, with) => put(at % length, with),
        Damage::Blank(at, count) => put(at % length, &vec![0; *count]),
        Damage::CutOff(at) => bytes.truncate(at % length),
        Damage::Append(more) => bytes.extend(more),
        Damage::Misplace(from, to) => {
            let from = from * PAGE_BYTES % length;
            put(to * PAGE_BYTES % length, &whole[from..(from + PAGE_BYTES).min(length)]);
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_was_committed_is_found_again(batches in vec(some_batch(), 1..6)) {
        let scratch = Scratch::new("committed");
        let mut model = Content::new();
        for (number, batch) in (1..).zip(&batches) {
            let mut journal = RedbJournal::open(&scratch.0).expect("it is whole");
            journal.commit(&changes(batch, number)).expect("there is room");
            for (place, entry) in batch {
                match entry {
                    Some(entry) => drop(model.insert(place.clone(), entry.clone())),
                    None => drop(model.remove(place)),
                }
            }
            prop_assert_eq!(content(&mut journal), (model.clone(), Some(Version(number))));
        }
        let mut journal = RedbJournal::open(&scratch.0).expect("it is whole");
        prop_assert_eq!(content(&mut journal), (model, Some(Version(batches.len() as u64))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_is_refused_or_is_what_a_commit_left(damage in some_damage()) {
        let scratch = Scratch::new("any-damage");
        let (whole, states) = written(&scratch);
        let bytes = damaged(&whole, &damage);
        fs::write(scratch.file(), &bytes).expect("there is room");
        let opened = catch_unwind(AssertUnwindSafe(|| {
            RedbJournal::open(&scratch.0).map(|mut journal| content(&mut journal))
        }));
        match opened.expect("nothing in a file ends the program") {
            Ok(found) => prop_assert!(states.contains(&found), "{found:?}"),
            Err(error) => {
                prop_assert!(matches!(error, DataError::Damaged { .. }), "{error}");
                let now = fs::read(scratch.file()).expect("it is there");
                prop_assert!(now == bytes, "it was changed: {error}");
            }
        }
    }
}

/// Writes a file by four commits. Returns its bytes, and what it held after each of them.
fn written(scratch: &Scratch) -> (Vec<u8>, Vec<(Content, Option<Version>)>) {
    let mut journal = RedbJournal::open(&scratch.0).expect("it can be made");
    let mut states = vec![content(&mut journal)];
    for number in 1..5_u64 {
        let key = |n: u64| ("b".to_owned(), format!("key {}", (n * number) % 60));
        let value = |n: u64| (vec![number as u8; (n * 7 % 90) as usize], n, Some(n));
        let set = (0..40).map(|n| (key(n), Some(value(n))));
        let batch: Batch = set.chain((0..number * 2).map(|n| (key(n), None))).collect();
        journal.commit(&changes(&batch, number)).expect("there is room");
        states.push(content(&mut journal));
    }
    drop(journal);
    (fs::read(scratch.file()).expect("it is there"), states)
}
