//! The file: what is found in it again, and what is said about one that is damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::error::StoreError;
use crate::limits::StoreLimits;
use crate::store::Store;
use crate::testing::{Notes, delete, set, set_until};
use crate::write::Write;

mod properties;

/// A folder that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("snow-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Scratch(folder)
    }

    fn store(&self) -> Store<Notes> {
        let journal = RedbJournal::open(&self.0).unwrap_or_else(|error| panic!("{error}"));
        Store::on_disk(StoreLimits::default(), Notes::default(), Box::new(journal), 0).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }

    /// Opens the folder, which must not succeed, and returns the message. Nothing was changed.
    fn refused(&self) -> String {
        let before = fs::read(self.file()).unwrap();
        let Err(error) = RedbJournal::open(&self.0) else { panic!("it can't be opened") };
        assert!(fs::read(self.file()).unwrap() == before, "it was changed: {error}");
        error.to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_was_written_is_found_again() {
    let scratch = Scratch::new("again");
    let store = scratch.store();
    store.apply(&set("k", "v"), 0).unwrap();
    store.apply(&set_until("expires", 1_000), 0).unwrap();
    store.apply(&set("gone", "v"), 0).unwrap();
    store.apply(&delete("gone"), 0).unwrap();
    store.apply(&Write { bucket: "ß/\0".into(), ..set("", "") }, 0).unwrap();
    let entry = |store: &Store<Notes>, bucket, key| store.get(bucket, key, 0);
    let places = [("b", "k"), ("b", "expires"), ("b", "gone"), ("ß/\0", "")];
    let before = places.map(|(bucket, key)| entry(&store, bucket, key));
    assert!(before[2].is_none() && before[3].is_some());
    let usage = store.stats().usage;
    drop(store);

    let store = scratch.store();
    assert_eq!(places.map(|(bucket, key)| entry(&store, bucket, key)), before);
    assert_eq!((store.stats().usage, store.stats().buckets), (usage, 2));
    store.apply(&set("k", "w"), 0).unwrap();
    assert!(entry(&store, "b", "k").unwrap().version > before[3].as_ref().unwrap().version);
}

/// What is written to a file that nobody finds again is lost, and another server may have the folder
/// that is in its place.
#[test]
fn a_folder_that_was_moved_takes_no_writes_until_it_is_back() {
    let scratch = Scratch::new("moved");
    let away = Scratch::new("away");
    let store = scratch.store();
    store.apply(&set("k", "v"), 0).unwrap();
    let refused = || match store.apply(&set("k", "w"), 0) {
        Err(StoreError::Unavailable(reason)) => reason.to_string(),
        other => panic!("it should be refused: {other:?}"),
    };
    let advice = ", while this server has it: put it back, or start the server again";

    fs::rename(&scratch.0, &away.0).unwrap();
    assert_eq!(refused(), format!("store.lock is gone{advice}"));
    let other = scratch.store();
    assert_eq!(refused(), format!("store.lock is another file by now{advice}"));
    assert_eq!(store.value("k", 0).as_deref(), Some("v"), "it can still be read");
    drop(other);
    fs::remove_dir_all(&scratch.0).unwrap();
    fs::rename(&away.0, &scratch.0).unwrap();
    store.apply(&set("k", "back"), 0).unwrap();

    let backup = fs::read(scratch.file()).unwrap();
    fs::remove_file(scratch.file()).unwrap();
    assert_eq!(refused(), format!("store.redb is gone{advice}"));
    fs::write(scratch.file(), backup).unwrap();
    assert_eq!(refused(), format!("store.redb is another file by now{advice}"));
    drop(store);
    assert_eq!(scratch.store().value("k", 0).as_deref(), Some("back"));
}

#[test]
fn a_folder_has_one_user() {
    let scratch = Scratch::new("one");
    let store = scratch.store();
    let message = RedbJournal::open(&scratch.0).unwrap_err().to_string();
    let expected = format!(
        "the data folder {} is in use by process {}; stop it, or use another folder",
        scratch.0.display(),
        std::process::id()
    );
    assert_eq!(message, expected);
    drop(store);
    scratch.store();
}

#[test]
fn the_folder_and_its_files_are_for_their_owner() {
    let scratch = Scratch::new("owner");
    drop(scratch.store());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.0), 0o700);
    assert_eq!(mode(&scratch.file()), 0o600);
    assert_eq!(mode(&scratch.0.join("store.lock")), 0o600);
    assert!(!scratch.0.join(NEW_FILE).exists());
}

#[test]
fn a_crash_while_the_file_is_made_leaves_nothing_in_the_way() {
    let scratch = Scratch::new("new");
    fs::create_dir_all(&scratch.0).unwrap();
    fs::write(scratch.0.join(NEW_FILE), "half of it").unwrap();
    scratch.store().apply(&set("k", "v"), 0).unwrap();
}

#[test]
fn a_newer_format_is_refused() {
    let scratch = Scratch::new("newer");
    drop(scratch.store());
    let database = builder().open(scratch.file()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(ABOUT).unwrap().insert(ABOUT_FORMAT, FORMAT + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let Err(error) = RedbJournal::open(&scratch.0) else { panic!("it is newer") };
    let expected = format!(
        "the data in {} have format 2, which is newer than the 1 that this program knows; use the \
         version that wrote them, or a later one",
        scratch.file().display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_file_that_is_none_of_ours_is_left_as_it_is() {
    let scratch = Scratch::new("foreign");
    drop(scratch.store());
    let whole = fs::read(scratch.file()).unwrap();
    for content in [&b""[..], b"[package]\nname = \"x\"\n", &[0; 8_192], &whole[..4_096]] {
        fs::write(scratch.file(), content).unwrap();
        let message = scratch.refused();
        let begins = format!("the data in {} are damaged: ", scratch.file().display());
        assert!(message.starts_with(&begins), "{message}");
        assert!(message.contains("put a backup in its place"), "{message}");
    }
    fs::write(scratch.file(), &whole).unwrap();
    scratch.store();
}

/// Bits that have flipped anywhere in what is in use are found when the file is opened. What is not
/// in use may hold anything.
#[test]
fn damage_is_found_when_the_file_is_opened() {
    let scratch = Scratch::new("damage");
    let store = scratch.store();
    for n in 0..200 {
        store.apply(&set(&format!("key {n}"), &"0123456789".repeat(20)), 0).unwrap();
    }
    let count = store.stats().usage.entries;
    drop(store);
    let whole = fs::read(scratch.file()).unwrap();
    let mut found = 0;
    let everywhere = (0..whole.len()).step_by(whole.len() / 100);
    for at in (0..256).step_by(2).chain(everywhere) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(scratch.file(), &damaged).unwrap();
        match RedbJournal::open(&scratch.0) {
            Ok(mut journal) => {
                let mut entries = 0;
                journal.load(&mut |_, _| entries += 1).unwrap();
                assert_eq!(entries, count, "damaged at byte {at}");
            }
            Err(error) => {
                assert!(matches!(error, DataError::Damaged { .. }), "{error}");
                found += 1;
            }
        }
    }
    assert!(found > 0, "a part of the file is in use");
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let scratch = Scratch::new("file");
    fs::write(&scratch.0, "a file").unwrap();
    let Err(error) = RedbJournal::open(&scratch.0) else { panic!("it is a file") };
    assert!(error.to_string().starts_with(&scratch.0.display().to_string()), "{error}");
    fs::remove_file(&scratch.0).unwrap();
}
