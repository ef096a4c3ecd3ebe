//! Real folders: everything that a deployment may do is reported, and changes of other files are
//! not.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::*;
use crate::folder::tests::Folder;
use crate::folder::{Snapshot, scan};

/// How long a report is waited for: far longer than one takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long without a report is quiet: longer than the rest between two reports.
const QUIET: Duration = Duration::from_millis(250);
/// How long without a report shows that an earlier change was reported completely, even on a busy
/// machine.
const LONG_QUIET: Duration = Duration::from_millis(1_000);

/// A watch, and its reports.
struct Watched<T = ()> {
    watch: Watch,
    told: Receiver<T>,
}

fn watched(path: &Path) -> Watched {
    let (tell, told) = channel();
    let watch = Watch::start(path, move || tell.send(()).unwrap()).unwrap();
    assert_eq!(watch.mode(), WatchMode::Notified);
    Watched { watch, told }
}

impl Watched {
    /// Does something, and waits until it is reported. Returns the number of reports.
    fn tells(&self, what: &str, change: impl FnOnce()) -> usize {
        change();
        self.told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("not told: {what}"));
        1 + self.calm()
    }

    /// Does something that is not reported.
    fn ignores(&self, what: &str, change: impl FnOnce()) {
        // Reports of earlier changes may still arrive.
        while self.told.recv_timeout(LONG_QUIET).is_ok() {}
        change();
        assert_eq!(self.calm(), 0, "told: {what}");
    }

    /// Waits until there are no more reports. Returns their number.
    fn calm(&self) -> usize {
        std::iter::from_fn(|| self.told.recv_timeout(QUIET).ok()).count()
    }
}

fn look(path: &Path) -> Option<Snapshot> {
    scan(path, 10_000).ok()
}

/// For what the kernel reports to nobody, such as a file system that is mounted over a folder.
#[test]
fn a_watch_looks_again_when_it_is_told_to() {
    let folder = Folder::new();
    let watched = watched(folder.path());
    let again = watched.watch.look_again();
    assert!(watched.tells("nothing has changed", || again.look()) > 0);
    watched.tells("and it goes on watching", || drop(folder.write("a.wat", "")));
}

#[test]
fn files_that_are_made_written_renamed_over_and_removed() {
    let folder = Folder::new();
    let (file, path) = (folder.path().join("a.wasm"), folder.path());
    let watched = watched(path);
    watched.tells("made", || fs::write(&file, "1").unwrap());
    watched.tells("written", || fs::write(&file, "22").unwrap());
    watched.ignores("another file", || fs::write(path.join("new"), "333").unwrap());
    watched.tells("renamed over", || fs::rename(path.join("new"), &file).unwrap());
    watched.tells("touched", || {
        fs::File::open(&file).unwrap().set_modified(std::time::SystemTime::now()).unwrap()
    });
    watched.tells("renamed", || fs::rename(&file, path.join("b.wat")).unwrap());
    watched.tells("removed", || fs::remove_file(path.join("b.wat")).unwrap());
    watched.tells("the manifest", || fs::write(path.join("snow.toml"), "").unwrap());
    watched.ignores("looked at", || {
        fs::write(path.join("read-me.txt"), "").unwrap();
        fs::read(path.join("snow.toml")).unwrap();
        look(path).unwrap();
    });
}

#[test]
fn editors_temporary_files_do_not_matter() {
    let folder = Folder::new();
    let path = folder.path();
    folder.write("a.wat", "1");
    let watched = watched(path);
    watched.ignores("vim and others before they write", || {
        for name in
            ["4913", ".a.wat.swp", "a.wat~", "#a.wat#", "a.wat.tmp", ".#a.wat", "a.wasm.77.partial"]
        {
            fs::write(path.join(name), "x").unwrap();
            fs::remove_file(path.join(name)).unwrap();
        }
    });
    watched.tells("vim writes", || {
        fs::rename(path.join("a.wat"), path.join("a.wat~")).unwrap();
        fs::write(path.join("a.wat"), "2").unwrap();
        fs::remove_file(path.join("a.wat~")).unwrap();
    });
}

#[test]
fn a_thousand_events_are_a_few_reports() {
    let folder = Folder::new();
    let watched = watched(folder.path());
    let started = Instant::now();
    let reports = watched.tells("a thousand files", || {
        for nth in 0..1_000 {
            fs::write(folder.path().join(format!("{nth}.wasm")), "x").unwrap();
        }
    });
    let most = started.elapsed().as_millis() as u64 / WatchLimits::DEFAULT.rest_ms + 2;
    assert!((reports as u64) <= most, "{reports} reports, at most {most}");
    assert_eq!(look(folder.path()).unwrap().guests.len(), 1_000);
}

#[test]
fn a_link_to_a_file_is_followed_and_swapped() {
    let folder = Folder::new();
    let guests = folder.folder("guests");
    folder.folder("build/deep");
    let target = folder.write("build/deep/a.wasm", "1");
    folder.link("../build/deep/a.wasm", "guests/a.wasm");
    let watched = watched(&guests);
    watched.tells("the target is written", || fs::write(&target, "22").unwrap());
    watched.tells("the target is renamed over", || {
        fs::rename(folder.write("new", "333"), &target).unwrap()
    });
    watched.ignores("beside the target", || {
        fs::write(folder.path().join("build/deep/b.wasm"), "").unwrap()
    });
    watched.tells("a folder before the target is gone", || {
        fs::rename(folder.path().join("build"), folder.path().join("built")).unwrap();
    });
    assert!(look(&guests).unwrap().guests.is_empty());
    watched.tells("the link is swapped", || {
        symlink("../built/deep/b.wasm", folder.path().join("link")).unwrap();
        fs::rename(folder.path().join("link"), guests.join("a.wasm")).unwrap();
    });
    watched.tells("the new target is written", || {
        fs::write(folder.path().join("built/deep/b.wasm"), "1").unwrap()
    });
    watched.ignores("the old target is written", || {
        fs::write(folder.path().join("built/deep/a.wasm"), "1").unwrap()
    });
}

#[test]
fn a_link_to_the_folder_is_swapped() {
    let folder = Folder::new();
    for version in ["v1", "v2"] {
        folder.folder(version);
        folder.write(&format!("{version}/a.wasm"), version);
    }
    let current = folder.link("v1", "current");
    let watched = watched(&current);
    watched.tells("swapped", || drop(folder.link("v2", "current")));
    watched.tells("written in the new one", || drop(folder.write("v2/b.wasm", "")));
    watched.ignores("written in the old one", || drop(folder.write("v1/b.wasm", "")));
    watched.tells("swapped back", || drop(folder.link("v1", "current")));
    watched.tells("written in the first one", || drop(folder.write("v1/c.wasm", "")));
}

#[test]
fn the_folder_is_removed_and_made_again() {
    let folder = Folder::new();
    let guests = folder.folder("site/guests");
    folder.write("site/guests/a.wasm", "1");
    let watched = watched(&guests);
    for nth in 0..3 {
        watched.tells("removed", || fs::remove_dir_all(folder.path().join("site")).unwrap());
        assert!(look(&guests).is_none());
        watched.tells("made again", || drop(folder.folder("site/guests")));
        watched.tells("filled", || drop(folder.write("site/guests/a.wasm", "1")));
        watched.tells("at once", || {
            fs::remove_dir_all(&guests).unwrap();
            folder.folder("site/guests");
            folder.write("site/guests/b.wasm", "1");
        });
        watched.tells("written after all that", || {
            drop(folder.write("site/guests/b.wasm", &nth.to_string()))
        });
    }
}

#[test]
fn a_parent_is_renamed_and_another_takes_its_place() {
    let folder = Folder::new();
    let guests = folder.folder("site/deep/guests");
    folder.write("site/deep/guests/a.wasm", "1");
    folder.folder("other/deep/guests");
    let watched = watched(&guests);
    let rename = |from, to| fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    watched.tells("renamed", || rename("site", "away"));
    watched.tells("another one", || rename("other", "site"));
    watched.tells("written in it", || drop(folder.write("site/deep/guests/b.wasm", "")));
    watched
        .ignores("written in what is away", || drop(folder.write("away/deep/guests/b.wasm", "")));
    watched.tells("exchanged at once", || {
        rename("site", "third");
        rename("away", "site");
    });
    watched.tells("written in the first one", || drop(folder.write("site/deep/guests/c.wasm", "")));
}

#[test]
fn a_config_map_is_swapped() {
    let folder = Folder::new();
    let guests = folder.folder("guests");
    for version in ["guests/..1", "guests/..2", "guests/..3"] {
        folder.folder(version);
        folder.write(&format!("{version}/a.wasm"), version);
    }
    folder.link("..1", "guests/..data");
    folder.link("..data/a.wasm", "guests/a.wasm");
    let watched = watched(&guests);
    for version in ["..2", "..3", "..1", "..2"] {
        watched.tells("swapped", || drop(folder.link(version, "guests/..data")));
        let expected = fs::metadata(guests.join(version).join("a.wasm")).unwrap();
        assert_eq!(look(&guests).unwrap().guests["a"][0].stamp, (&expected).into());
    }
    watched.tells("the old one is removed and ours written", || {
        fs::remove_dir_all(guests.join("..1")).unwrap();
        folder.write("guests/..2/a.wasm", "again");
    });
    watched.ignores("another name", || drop(folder.write("guests/..2/b.txt", "")));
}

#[test]
fn one_file_and_the_manifest_beside_it() {
    let folder = Folder::new();
    let file = folder.write("a.wasm", "1");
    let watched = watched(&file);
    watched.tells("written", || drop(folder.write("a.wasm", "22")));
    watched.tells("removed", || fs::remove_file(&file).unwrap());
    watched.tells("made again", || drop(folder.write("a.wasm", "1")));
    watched.tells("the manifest", || drop(folder.write("snow.toml", "")));
    watched.ignores("another guest", || drop(folder.write("b.wasm", "")));
}

/// Thousands of events in a directory on the path, for names that are not part of it.
#[test]
fn a_storm_in_a_parent_tells_nothing_and_hides_nothing() {
    let folder = Folder::new();
    let guests = folder.folder("guests");
    let watched = watched(&guests);
    let storm = || {
        for nth in 0..5_000 {
            let file = folder.write(&format!("neighbour-{}.wasm", nth % 7), "x");
            fs::remove_file(file).unwrap();
        }
    };
    watched.ignores("a storm", storm);
    watched.tells("a guest within a storm", || {
        storm();
        folder.write("guests/a.wasm", "");
        storm();
    });
}

/// After many renames, swaps and removals in a row, later changes are still reported.
#[test]
fn after_any_confusion_the_end_is_told() {
    let folder = Folder::new();
    for version in ["v1", "v2"] {
        folder.folder(&format!("{version}/guests"));
        folder.write(&format!("{version}/guests/a.wasm"), version);
    }
    let current = folder.link("v1", "current");
    let guests = current.join("guests");
    let watched = watched(&guests);
    let rename = |from: &str, to: &str| {
        fs::rename(folder.path().join(from), folder.path().join(to)).unwrap()
    };
    for round in 0..40 {
        for nth in 0..10 {
            folder.link(if (round + nth) % 2 == 0 { "v1" } else { "v2" }, "current");
            rename("v1", "away");
            folder.folder("v1/guests");
            fs::remove_dir_all(folder.path().join("v1")).unwrap();
            rename("away", "v1");
        }
        let pause = Duration::from_millis(round % 7 * 9);
        let _ = watched.told.recv_timeout(pause);
    }
    watched.calm();
    watched.tells("the end", || fs::write(guests.join("b.wasm"), "").unwrap());
    watched.tells("the parent", || rename("current", "gone"));
    assert_eq!(watched.watch.mode(), WatchMode::Notified);
}

#[test]
fn a_polled_folder_is_looked_at_each_time() {
    let folder = Folder::new();
    let (tell, told) = channel();
    let guests =
        Guests { folder: folder.path().to_owned(), changed: move || tell.send(()).unwrap() };
    let watch = Watch::begin(Box::new(guests), 5, Some("it was asked for".into())).unwrap();
    assert!(matches!(watch.mode(), WatchMode::Polled { every_ms: 5, .. }));
    for _ in 0..3 {
        told.recv_timeout(PATIENCE).unwrap();
    }
    drop(watch);
    while told.try_recv().is_ok() {}
    assert_eq!(
        told.recv_timeout(PATIENCE),
        Err(RecvTimeoutError::Disconnected),
        "its thread has ended"
    );
}

#[test]
fn a_dropped_watch_ends_at_once() {
    let folder = Folder::new();
    let Watched { watch, told } = watched(folder.path());
    let started = Instant::now();
    drop(watch);
    assert_eq!(told.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn sources_tell_which_guest_has_changed() {
    let folder = Folder::new();
    folder.folder("hello/src/deep");
    folder.folder("hello/target/release");
    folder.folder("other/node_modules");
    folder.folder("guests/plain");
    let guests = folder.path().join("guests");
    folder.link("../hello", "guests/hello");
    folder.link("../other", "guests/other");
    let (tell, told) = channel();
    let watch = Watch::sources(&guests, move |names| tell.send(names.clone()).unwrap()).unwrap();
    assert_eq!(watch.mode(), WatchMode::Notified);
    let watched = Watched { watch, told };
    let tells = |what: &str, expected: &[&str], change: &dyn Fn()| {
        change();
        let mut names = BTreeSet::new();
        while !expected.iter().all(|name| names.contains(&OsString::from(name))) {
            names.extend(
                watched
                    .told
                    .recv_timeout(PATIENCE)
                    .unwrap_or_else(|_| panic!("not told: {what}: {names:?}")),
            );
        }
        names.extend(std::iter::from_fn(|| watched.told.recv_timeout(LONG_QUIET).ok()).flatten());
        assert_eq!(names, expected.iter().map(OsString::from).collect(), "{what}");
    };
    let ignores = |what: &str, change: &dyn Fn()| {
        change();
        assert_eq!(watched.told.recv_timeout(QUIET), Err(RecvTimeoutError::Timeout), "{what}");
    };
    tells("a file", &["hello"], &|| drop(folder.write("hello/src/deep/lib.rs", "1")));
    tells("a file of another", &["other"], &|| drop(folder.write("other/main.js", "1")));
    tells("a new folder's file", &["plain"], &|| {
        folder.folder("guests/plain/new/deep");
        folder.write("guests/plain/new/deep/a.rs", "1");
    });
    tells("written in it later", &["plain"], &|| {
        drop(folder.write("guests/plain/new/deep/a.rs", "22"))
    });
    ignores("what tools make", &|| {
        folder.write("hello/target/release/a.wasm", "1");
        folder.write("other/node_modules/a.js", "1");
        folder.write("hello/src/.lib.rs.swp", "1");
        folder.write("hello/src/lib.rs~", "1");
        folder.write("guests/hello.wasm", "1");
    });
    tells("removed and renamed", &["hello", "plain"], &|| {
        fs::remove_file(folder.path().join("hello/src/deep/lib.rs")).unwrap();
        fs::rename(guests.join("plain/new"), guests.join("plain/newer")).unwrap();
    });
    tells("a new guest", &["third"], &|| drop(folder.folder("guests/third/src")));
    tells("written there", &["third"], &|| drop(folder.write("guests/third/src/a.rs", "")));
    tells("a guest is gone", &["other"], &|| fs::remove_file(guests.join("other")).unwrap());
}
