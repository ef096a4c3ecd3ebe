//! The names, and the directories that hold them, on which the meaning of a path depends.
//!
//! A watch on a path alone misses most of what deployments do: a link that is swapped, a parent
//! that is renamed, a folder that is made again. So the path is walked as the kernel would walk it.
//! Each directory on the way is of interest for the names that are looked up in it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::sources;
use crate::folder::{is_guest, manifest_path};
use snow_config::{WatchLimits, manifest};
use snow_guests::SourceLanguage;

/// Links that are followed in one path: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// The directories to watch. Two interests are equal if they have the same directories at the same
/// paths, for the same names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    /// In the order in which they were found; each directory comes after its parents.
    pub(super) directories: Vec<Directory>,
    /// A guest file that is mounted separately: the events of its folder do not include changes of
    /// it.
    pub(super) mounted: Option<PathBuf>,
    /// Indices in `directories`, by path.
    by_path: HashMap<PathBuf, usize>,
    /// Indices in `directories`, by file system and number.
    by_id: HashMap<(u64, u64), usize>,
}

/// One directory to watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Its path, which has no links.
    pub(super) path: PathBuf,
    /// Its file system and its number there.
    pub(super) id: (u64, u64),
    /// The names in it that matter.
    pub(super) names: Names,
}

/// The names in a directory that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    looked_up: BTreeSet<OsString>,
    /// Whether guests, by their names, and the manifest matter.
    guests: bool,
    /// Whether files and folders of sources matter.
    sources: bool,
}

impl Names {
    /// Returns whether a name matters.
    pub(super) fn contains(&self, name: &OsStr) -> bool {
        self.guests && is_served(name)
            || self.sources && is_source(name)
            || self.looked_up.contains(name)
    }

    fn add(&mut self, other: Names) {
        self.looked_up.extend(other.looked_up);
        self.guests |= other.guests;
        self.sources |= other.sources;
    }
}

/// Returns the directories that decide which guests there are in a folder, or what one guest's file
/// is. The path is absolute.
pub(super) fn of_guests(path: &Path) -> Interest {
    let mut interest = Interest::default();
    let Some(real) = interest.follow(path) else { return interest };
    if real.is_dir() {
        interest.add(&real, Names { guests: true, ..Names::default() });
    } else {
        interest.follow(&manifest_path(path, true));
    }
    let mut left = WatchLimits::DEFAULT.source_folders_max;
    let mut beside = |interest: &mut Interest, file: &Path| {
        if let (Some(folder), Some(stem)) = (file.parent(), file.file_stem())
            && SourceLanguage::of(file).is_some()
        {
            sources::add_beside(interest, folder, stem, &mut left);
        }
    };
    beside(&mut interest, &real);
    let entries = if real.is_dir() { fs::read_dir(&real).ok() } else { None };
    for entry in
        entries.into_iter().flatten().flatten().filter(|entry| is_served(&entry.file_name()))
    {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => {
                interest.follow_from(real.clone(), Path::new(&entry.file_name()));
            }
            _ => interest.note_mount(&entry.path()),
        }
        beside(&mut interest, &entry.path());
    }
    interest.note_mount(&real);
    interest
}

/// Returns whether a guest or the manifest may have this name.
fn is_served(name: &OsStr) -> bool {
    is_guest(Path::new(name)) || name == manifest::FILE_NAME
}

/// Returns whether a file or folder among the sources is one of them by its name: not hidden, not
/// an editor's backup, not written by tools.
pub(super) fn is_source(name: &OsStr) -> bool {
    const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];
    let bytes = name.as_encoded_bytes();
    !bytes.starts_with(b".") && !bytes.ends_with(b"~") && !MADE.iter().any(|made| name == *made)
}

impl Interest {
    /// Walks an absolute path and follows its links. Returns the path without links, if it leads
    /// anywhere.
    pub(super) fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        self.follow_from(PathBuf::from("/"), path)
    }

    /// Adds a directory in which every source file matters.
    pub(super) fn add_sources(&mut self, directory: &Path) {
        self.add(directory, Names { sources: true, ..Names::default() });
    }

    /// Walks a path that begins in `real`, a directory whose path has no links and was walked
    /// before.
    fn follow_from(&mut self, mut real: PathBuf, path: &Path) -> Option<PathBuf> {
        let mut left: Vec<OsString> = Vec::new();
        let mut links = 0;
        push(&mut left, &mut real, path);
        while let Some(name) = left.pop() {
            // `real` has no links, so its parent is its path without the last name.
            if name == ".." {
                real.pop();
                continue;
            }
            self.add(
                &real,
                Names { looked_up: BTreeSet::from([name.clone()]), ..Names::default() },
            );
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
        // It was removed just now: the directory in which it was looked up reports that.
        let Ok(metadata) = fs::metadata(path) else { return };
        if !metadata.is_dir() {
            return;
        }
        let id = (metadata.dev(), metadata.ino());
        // One directory may be mounted at two places. It is watched once.
        let place = *self.by_id.entry(id).or_insert(self.directories.len());
        self.by_path.insert(path.to_owned(), place);
        match self.directories.get_mut(place) {
            Some(directory) => directory.names.add(names),
            None => self.directories.push(Directory { path: path.to_owned(), id, names }),
        }
    }

    /// Takes note of a guest file that is mounted separately from its folder.
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

/// Pushes a path's names on the stack of those that are left, the first on top.
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

    /// Returns the names that are looked up in a folder.
    fn looked_up(interest: &Interest, folder: &Path) -> Vec<String> {
        let names =
            interest.by_path.get(folder).map(|place| &interest.directories[*place].names.looked_up);
        names.into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn every_directory_on_the_way_matters_for_the_names_that_are_looked_up() {
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
        let guests =
            &interest.directories[interest.by_path[&folder.path().join("v1/guests")]].names;
        assert!(
            guests.contains(OsStr::new("new.wat"))
                && guests.contains(OsStr::new(manifest::FILE_NAME))
        );
        assert!(
            !guests.contains(OsStr::new(".a.wasm.swp")) && !guests.contains(OsStr::new("4913"))
        );
        assert_eq!(interest, of_guests(&folder.path().join("current/guests")));
    }

    #[test]
    fn a_missing_path_matters_where_it_would_be() {
        let folder = Folder::new();
        let interest = of_guests(&folder.path().join("later/guests"));
        assert_eq!(looked_up(&interest, folder.path()), ["later"]);
        folder.link("a", "b");
        folder.link("b", "a");
        let interest = of_guests(&folder.path().join("a"));
        assert_eq!(looked_up(&interest, folder.path()), ["a", "b"]);
    }

    #[test]
    fn one_file_matters_with_the_manifest_beside_it() {
        let folder = Folder::new();
        let file = folder.write("a.wasm", "");
        let interest = of_guests(&file);
        assert_eq!(looked_up(&interest, folder.path()), ["a.wasm", manifest::FILE_NAME]);
        assert_eq!(interest.mounted, None);
    }
}
