//! A disk that is really full: nothing is lost, and writes go on as soon as there is room.
//!
//! The disk is a small file system in memory, which only root can mount. Where that is not possible
//! this test passes with a message, and the tests of `disk` with a journal that fails remain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use snow_state::{Action, Condition, RedbJournal, Store, StoreError, StoreLimits, Write};

/// A file system of a few megabytes. It is gone at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = env::temp_dir().join(format!("snow-state-full-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("it can be made");
        let disk = SmallDisk(folder);
        disk.run("mount", &["-t", "tmpfs", "-o", "size=3m", "snow-state"]).then_some(disk)
    }

    fn grow(&self) {
        assert!(self.run("mount", &["-o", "remount,size=20m"]), "it is mounted");
    }

    fn run(&self, command: &str, arguments: &[&str]) -> bool {
        let output = Command::new(command).args(arguments).arg(&self.0).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.run("umount", &[]);
        let _ = fs::remove_dir(&self.0);
    }
}

fn open(folder: &Path) -> Store<()> {
    let journal = RedbJournal::open(folder).unwrap_or_else(|error| panic!("{error}"));
    Store::on_disk(StoreLimits::default(), (), Box::new(journal), 0).expect("it can be read")
}

fn set(store: &Store<()>, number: usize) -> Result<(), StoreError> {
    let action = Action::Set {
        key: format!("key {number}").into(),
        value: vec![b'x'; 20_000].into(),
        expires_ms: None,
        only: Condition::Absent,
    };
    store.apply(&Write { bucket: "b".into(), action }, 0).map(drop)
}

#[test]
fn a_disk_that_is_really_full_loses_nothing_and_heals() {
    let Some(disk) = SmallDisk::mount() else {
        println!("SKIPPED: mounting a small file system needs root");
        return;
    };
    let folder = disk.0.join("data");
    let store = open(&folder);
    let mut count = 0;
    let error = loop {
        match set(&store, count) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, StoreError::Unavailable(reason) if reason.contains("No space left")));
    assert!(count > 10);
    assert!(set(&store, count).is_err(), "it is still full");
    assert_eq!(store.stats().usage.entries, count);

    disk.grow();
    assert_eq!(store.work(0, 100), None);
    assert_eq!(store.stats().disk.expect("it is on disk").failing, None);
    assert_eq!(set(&store, count), Ok(()));
    drop(store);
    assert_eq!(open(&folder).stats().usage.entries, count + 1);
}
