use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

use super::*;

/// A temporary folder, different for each test. Dropping it removes it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("snow-host-folder-{}-{nth}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a folder.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        fs::create_dir_all(self.0.join(name)).unwrap();
        self.0.join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.0.join(name), text).unwrap();
        self.0.join(name)
    }

    /// Makes a link, or replaces one atomically, as deployment scripts do.
    pub(crate) fn link(&self, target: &str, name: &str) -> PathBuf {
        let (link, new) = (self.0.join(name), self.0.join(format!("{name}.new-link")));
        symlink(target, &new).unwrap();
        fs::rename(&new, &link).unwrap();
        link
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    scan(folder, 10).unwrap().guests.into_keys().collect()
}

#[test]
fn guests_are_files_with_two_endings_and_not_hidden() {
    let folder = Folder::new();
    for name in [
        "b.wasm",
        "a.wat",
        "c.txt",
        ".d.wasm",
        ".wasm",
        "e.wasm~",
        "4913",
        ".a.wat.swp",
        "wasm",
        "f.wasm.1",
    ] {
        folder.write(name, "");
    }
    folder.folder("g.wasm");
    folder.link("nowhere", "h.wasm");
    folder.link("c.txt", "i.wasm");
    assert_eq!(names(folder.path()), ["a", "b", "i"]);
}

#[test]
fn several_files_of_a_name_are_all_kept_in_order() {
    let folder = Folder::new();
    let expected = [folder.write("a.wasm", ""), folder.write("a.wat", "")];
    let guests = scan(folder.path(), 1).unwrap().guests;
    let paths: Vec<&PathBuf> = guests["a"].iter().map(|found| &found.path).collect();
    assert_eq!(paths, expected.each_ref());
}

#[test]
fn one_file_is_a_guest_with_the_manifest_beside_it() {
    let folder = Folder::new();
    let file = folder.write("a.wasm", "");
    folder.write("b.wasm", "");
    assert_eq!(scan(&file, 1).unwrap().manifest, None);
    folder.write(manifest::FILE_NAME, "");
    let snapshot = scan(&file, 1).unwrap();
    assert_eq!(snapshot.guests.into_keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        (snapshot.folder, snapshot.manifest),
        (None, scan(folder.path(), 2).unwrap().manifest)
    );
    assert!(snapshot.manifest.is_some());
}

#[test]
fn each_kind_of_writing_makes_another_stamp_and_a_link_has_its_targets() {
    let folder = Folder::new();
    let file = folder.write("a.wasm", "1");
    folder.link("a.wasm", "b.wasm");
    let stamps = || {
        let guests = scan(folder.path(), 2).unwrap().guests;
        assert_eq!(guests["a"][0].stamp, guests["b"][0].stamp);
        guests["a"][0].stamp
    };
    let first = stamps();
    folder.write("a.wasm", "22");
    let longer = stamps();
    fs::rename(folder.write("new", "22"), &file).unwrap();
    let other = stamps();
    assert!(first != longer && longer != other && first != other);
    assert_eq!(stamps(), other);
}

#[test]
fn a_copy_under_another_name_changes_the_fingerprint_of_the_others() {
    let folder = Folder::new();
    let others = || find(folder.path()).unwrap().others;
    folder.write("a.wasm", "1");
    let none = others();
    folder.write(".b.wasm.Xy12", "1");
    let begun = others();
    folder.write(".b.wasm.Xy12", "22");
    let grown = others();
    assert!(none != begun && begun != grown);
    folder.write("a.wasm", "22");
    assert_eq!(others(), grown);
    fs::rename(folder.path().join(".b.wasm.Xy12"), folder.path().join("b.wasm")).unwrap();
    assert_eq!(others(), none);
}

#[test]
fn what_can_not_be_served_is_an_error_of_its_kind() {
    let folder = Folder::new();
    assert!(matches!(scan(&folder.path().join("gone"), 1), Err(ScanError::Missing(_))));
    let in_its_place = folder.write("other", "");
    assert!(matches!(scan(&in_its_place, 1), Err(ScanError::Missing(_))));
    let loops = folder.link("loop", "loop");
    assert!(matches!(scan(&loops, 1), Err(ScanError::Unreadable { .. })));
    folder.write("a.wasm", "");
    folder.write("b.wasm", "");
    let error = scan(folder.path(), 1).unwrap_err();
    assert!(
        error.to_string().ends_with("holds 2 guests; at most 1 are allowed (guests_max)"),
        "{error}"
    );
}

#[test]
fn who_serves_is_not_left_out() {
    let folder = Folder::new();
    for name in ["a", "b", "c", "d"] {
        folder.write(&format!("{name}.wasm"), "");
    }
    let left_out = |guests_max, serve: &[&str]| {
        let mut snapshot = find(folder.path()).unwrap();
        let left_out = snapshot.leave_out(guests_max, |name| serve.contains(&name));
        assert_eq!(snapshot.guests.len() + left_out.len(), 4);
        left_out
    };
    assert!(left_out(4, &[]).is_empty());
    assert_eq!(left_out(3, &["c", "d"]), ["b"]);
    assert_eq!(left_out(1, &["c", "d"]), ["a", "b"]);
}

#[test]
fn a_folder_made_again_is_another_one() {
    let folder = Folder::new();
    let guests = folder.folder("guests");
    let first = scan(&guests, 1).unwrap().folder;
    assert_eq!(scan(&guests, 1).unwrap().folder, first);
    let other = folder.folder("other");
    fs::remove_dir(&guests).unwrap();
    fs::rename(other, &guests).unwrap();
    assert_ne!(scan(&guests, 1).unwrap().folder, first);
}
