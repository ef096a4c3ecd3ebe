//! Which names in which directories decide what a path leads to.
//!
//! A watch on a path alone misses most of what deployers do: a link that is swapped, a parent that is renamed, a folder
//! that is made again. So the path is walked as the kernel would walk it, and each directory on the way is of interest,
//! for the names that are looked up in it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use crate::folder::{is_guest, manifest_path};
use snow_config::manifest;

/// Links in one path; Linux follows as many.
const LINKS_MAX: usize = 40;

/// What there is to watch. Two are equal if the same directories are there, in the same places, for the same names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    /// In the order in which they were found; a directory stands behind its parents.
    pub(super) directories: Vec<Directory>,
    /// A guest file that is a mount of its own: changes of it are not told to its folder.
    pub(super) mounted: Option<PathBuf>,
    /// Places in `directories`.
    by_path: HashMap<PathBuf, usize>,
    /// The same.
    by_id: HashMap<(u64, u64), usize>,
}

/// One directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Without links.
    pub(super) path: PathBuf,
    /// Its file system and its number there.
    pub(super) id: (u64, u64),
    /// What in it matters.
    pub(super) names: Names,
}

/// What in a directory matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    looked_up: BTreeSet<OsString>,
    /// Each file that is a guest by its name, and the manifest.
    guests: bool,
    /// Each file or folder of sources.
    sources: bool,
}

impl Names {
    /// Whether a name matters.
    pub(super) fn contains(&self, name: &OsStr) -> bool {
        self.guests && is_served(name) || self.sources && is_source(name) || self.looked_up.contains(name)
    }

    fn add(&mut self, other: Names) {
        self.looked_up.extend(other.looked_up);
        self.guests |= other.guests;
        self.sources |= other.sources;
    }
}

/// What decides which guests there are: of a folder, or of one file. The path is absolute.
pub(super) fn of_guests(path: &Path) -> Interest {
    let mut interest = Interest::default();
    let Some(real) = interest.follow(path) else { return interest };
    if real.is_dir() {
        interest.add(&real, Names { guests: true, ..Names::default() });
    } else {
        interest.follow(&manifest_path(path, true));
    }
    let entries = if real.is_dir() { fs::read_dir(&real).ok() } else { None };
    for entry in entries.into_iter().flatten().flatten().filter(|entry| is_served(&entry.file_name())) {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => {
                interest.follow_from(real.clone(), Path::new(&entry.file_name()));
            }
            _ => interest.note_mount(&entry.path()),
        }
    }
    interest.note_mount(&real);
    interest
}

/// What a guest or the manifest may be called.
fn is_served(name: &OsStr) -> bool {
    is_guest(Path::new(name)) || name == manifest::FILE_NAME
}

/// Whether a file or folder in a folder of sources is one by its name: not hidden, no editor's backup, not made by tools.
pub(super) fn is_source(name: &OsStr) -> bool {
    const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];
    let bytes = name.as_encoded_bytes();
    !bytes.starts_with(b".") && !bytes.ends_with(b"~") && !MADE.iter().any(|made| name == *made)
}

impl Interest {
    /// Walks an absolute path, links and all. Returns where it leads, if anywhere.
    pub(super) fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        self.follow_from(PathBuf::from("/"), path)
    }

    /// A directory in which every file of sources matters.
    pub(super) fn add_sources(&mut self, directory: &Path) {
        self.add(directory, Names { sources: true, ..Names::default() });
    }

    /// The same from a directory whose own path has no links and was walked before.
    fn follow_from(&mut self, mut real: PathBuf, path: &Path) -> Option<PathBuf> {
        let mut left: Vec<OsString> = Vec::new();
        let mut links = 0;
        push(&mut left, &mut real, path);
        while let Some(name) = left.pop() {
            // There are no links before it, so the parent is what is left of it.
            if name == ".." {
                real.pop();
                continue;
            }
            self.add(&real, Names { looked_up: BTreeSet::from([name.clone()]), ..Names::default() });
            let next = real.join(&name);
            if fs::symlink_metadata(&next).ok()?.is_symlink() {
                links += 1;
                let target = fs::read_link(&next).ok().filter(|_| links <= LINKS_MAX)?;
                push(&mut left, &mut real, &target);
            } else {
                real = next;
            }
        }
        Some(real)
    }

    fn add(&mut self, path: &Path, names: Names) {
        if let Some(place) = self.by_path.get(path) {
            return self.directories[*place].names.add(names);
        }
        // Gone in this moment: that is told where it was looked up.
        let Ok(metadata) = fs::metadata(path) else { return };
        if !metadata.is_dir() {
            return;
        }
        let id = (metadata.dev(), metadata.ino());
        // The same directory may be mounted at two places; it is watched once.
        let place = *self.by_id.entry(id).or_insert(self.directories.len());
        self.by_path.insert(path.to_owned(), place);
        match self.directories.get_mut(place) {
            Some(directory) => directory.names.add(names),
            None => self.directories.push(Directory { path: path.to_owned(), id, names }),
        }
    }

    fn note_mount(&mut self, file: &Path) {
        let mount_of = |path: &Path| {
            let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID).ok()?;
            (found.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)
        };
        if file.is_file() && mount_of(file) != file.parent().and_then(mount_of) {
            self.mounted = Some(file.to_owned());
        }
    }
}

/// Puts a path's names before those that are left, the first on top.
fn push(left: &mut Vec<OsString>, real: &mut PathBuf, path: &Path) {
    if path.has_root() {
        *real = PathBuf::from("/");
    }
    left.extend(path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::tests::Folder;

    /// The names that are looked up in a folder.
    fn looked_up(interest: &Interest, folder: &Path) -> Vec<String> {
        let names = interest.by_path.get(folder).map(|place| &interest.directories[*place].names.looked_up);
        names.into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn every_directory_on_the_way_counts_for_the_names_that_are_looked_up() {
        let folder = Folder::new();
        folder.folder("v1/deep");
        folder.write("v1/deep/b.wasm", "");
        folder.folder("v1/guests");
        folder.link("v1", "current");
        folder.link("../deep/../deep/./b.wasm", "v1/guests/a.wasm");
        let interest = of_guests(&folder.path().join("current/guests"));
        assert_eq!(looked_up(&interest, folder.path()), ["current", "v1"]);
        assert_eq!(looked_up(&interest, &folder.path().join("v1")), ["deep", "guests"]);
        assert_eq!(looked_up(&interest, &folder.path().join("v1/guests")), ["a.wasm"]);
        assert_eq!(looked_up(&interest, &folder.path().join("v1/deep")), ["b.wasm"]);
        assert_eq!(looked_up(&interest, Path::new("/")).len(), 1);
        let guests = &interest.directories[interest.by_path[&folder.path().join("v1/guests")]].names;
        assert!(guests.contains(OsStr::new("new.wat")) && guests.contains(OsStr::new(manifest::FILE_NAME)));
        assert!(!guests.contains(OsStr::new(".a.wasm.swp")) && !guests.contains(OsStr::new("4913")));
        assert_eq!(interest, of_guests(&folder.path().join("current/guests")));
    }

    #[test]
    fn what_is_not_there_counts_where_it_would_be() {
        let folder = Folder::new();
        let interest = of_guests(&folder.path().join("later/guests"));
        assert_eq!(looked_up(&interest, folder.path()), ["later"]);
        folder.link("a", "b");
        folder.link("b", "a");
        let interest = of_guests(&folder.path().join("a"));
        assert_eq!(looked_up(&interest, folder.path()), ["a", "b"]);
    }

    #[test]
    fn one_file_counts_with_the_manifest_beside_it() {
        let folder = Folder::new();
        let file = folder.write("a.wasm", "");
        let interest = of_guests(&file);
        assert_eq!(looked_up(&interest, folder.path()), ["a.wasm", manifest::FILE_NAME]);
        assert_eq!(interest.mounted, None);
    }
}
