//! The sources of guests: the sub-folders of the guests folder with everything below them, except
//! what tools write there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::interest::{Interest, is_source};
use snow_guests::Stamp;

/// Files up to this size are read to tell whether they changed.
const READ_BYTES_MAX: u64 = 1 << 20;

/// One sub-folder of the guests folder.
pub(super) struct Tree {
    /// The sub-folder and all folders below it; each comes after its parent.
    folders: Vec<PathBuf>,
    /// A fingerprint that changes when a file is written, made, renamed or removed, but not when
    /// its attributes change.
    pub(super) print: u64,
}

/// Returns the directories to watch for the sources in a guests folder.
pub(super) fn interest(folder: &Path, folders_max: usize) -> Interest {
    let mut interest = Interest::default();
    let Some(real) = interest.follow(folder) else { return interest };
    interest.add_sources(&real);
    for (name, tree) in trees(&real, folders_max) {
        // A guest's folder may be a link. Below it, links to folders are not followed.
        if let Some(own) = interest.follow(&real.join(&name)) {
            let folders =
                tree.folders.iter().filter_map(|folder| folder.strip_prefix(real.join(&name)).ok());
            folders
                .for_each(|folder| interest.add_sources(own.join(folder).components().as_path()));
        }
    }
    interest
}

/// Adds the directories to watch for what lies beside a guest that is a source file: in the folder
/// `name` of the directory `real`, which may not be there yet. `left`: how many more folders may be
/// watched.
pub(super) fn add_beside(interest: &mut Interest, real: &Path, name: &OsStr, left: &mut usize) {
    let Some(own) = interest.follow(&real.join(name)).filter(|own| own.is_dir()) else { return };
    let tree = tree(own, left, &|_| 0);
    tree.folders.iter().for_each(|folder| interest.add_sources(folder));
}

/// Returns a fingerprint of what is in a folder; 0 if it is no folder.
pub(super) fn print_of(folder: &Path, mut folders_max: usize) -> u64 {
    match folder.is_dir() {
        true => tree(folder.to_owned(), &mut folders_max, &print).print,
        false => 0,
    }
}

/// Returns the sub-folders by name; none if the folder can't be read.
pub(super) fn trees(folder: &Path, folders_max: usize) -> BTreeMap<OsString, Tree> {
    let mut left = folders_max;
    names(folder)
        .into_iter()
        .map(|name| (name.clone(), tree(folder.join(name), &mut left, &print)))
        .collect()
}

/// Returns the sub-folders' names, in order.
pub(super) fn names(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| is_source(&entry.file_name()) && entry.path().is_dir());
    let mut names: Vec<OsString> = folders.map(|entry| entry.file_name()).collect();
    names.sort();
    names
}

/// Returns a hash of what is in one sub-folder, ignoring the file `but` in it.
pub(super) fn contents(folder: &Path, but: &OsStr, mut folders_max: usize) -> u64 {
    let but = folder.join(but);
    let print = |file: &Path| if *file == *but { 0 } else { content(file) };
    tree(folder.to_owned(), &mut folders_max, &print).print
}

/// Returns the number of folders in all trees.
pub(super) fn count(trees: &BTreeMap<OsString, Tree>) -> usize {
    trees.values().map(|tree| tree.folders.len()).sum()
}

/// Walks one sub-folder. `left`: how many more folders may be walked; further ones are skipped.
fn tree(top: PathBuf, left: &mut usize, print: &dyn Fn(&Path) -> u64) -> Tree {
    let mut tree = Tree { folders: Vec::new(), print: 0 };
    let mut walk = vec![top];
    while let Some(folder) = walk.pop() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                _ if !is_source(&entry.file_name()) => {}
                Ok(kind) if kind.is_dir() => walk.push(entry.path()),
                _ => tree.print = tree.print.wrapping_add(print(&entry.path())),
            }
        }
        tree.folders.push(folder);
    }
    tree
}

/// Returns a fingerprint of a file's name, size, time and number. Those of all files in a tree are
/// added up, because a folder lists its files in no fixed order.
fn print(file: &Path) -> u64 {
    let stamp = fs::metadata(file).ok().map(|metadata| Stamp::from(&metadata));
    let mut hasher = DefaultHasher::new();
    (file, stamp.map(|stamp| (stamp.len, stamp.modified_ns, stamp.inode))).hash(&mut hasher);
    hasher.finish()
}

/// Returns a hash of a file's content. If it can't be read or is too large, returns its fingerprint
/// instead.
fn content(file: &Path) -> u64 {
    let is_small = fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= READ_BYTES_MAX);
    let Some(bytes) = is_small.then(|| fs::read(file).ok()).flatten() else { return print(file) };
    let mut hasher = DefaultHasher::new();
    (file, bytes).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::tests::Folder;

    #[test]
    fn contents_are_told_apart_by_what_is_in_the_files() {
        let folder = Folder::new();
        let contents = || contents(folder.path(), OsStr::new("a.wasm"), 100);
        let empty = contents();
        folder.write("main.c", "one");
        let one = contents();
        for same in ["a.wasm", ".hidden", "main.c~"] {
            folder.write(same, "something");
            assert_eq!(contents(), one, "{same}");
        }
        folder.write("main.c", "two");
        let two = contents();
        folder.write("main.c", "one");
        assert_eq!(contents(), one, "it was written, but not changed");
        folder.folder("deep");
        folder.write("deep/a.wasm", "one");
        assert_eq!([empty, two, contents()].iter().filter(|print| **print == one).count(), 0);
        assert!(empty != two && two != contents());
    }
}
