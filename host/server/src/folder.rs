//! What lies in the guests folder: which of its files are guests, and which versions of them.
//! [`watch`] reports that it may have changed.

pub mod watch;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use snow_config::manifest;
use snow_guests::{SourceLanguage, Stamp};

/// One guest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFile {
    /// The path at which it was found: links are not followed.
    pub path: PathBuf,
    /// The stamp that tells this version of the file from others.
    pub stamp: Stamp,
    /// For a source file, a fingerprint of the files in the folder beside it that has its name; 0
    /// if there is none.
    pub beside: u64,
}

/// The identity of a folder, which tells it from another that takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderId {
    /// Its number in its file system.
    pub inode: u64,
    /// Its file system.
    pub device: u64,
    /// When it was made, since 1970, where the file system records it. Needed because inode numbers
    /// are used again.
    pub created_ns: Option<u128>,
}

/// What a guests folder holds at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder. `None` if a single guest's file is served.
    pub folder: Option<FolderId>,
    /// The guest files by the name of the guest, each list sorted and not empty. More than one file
    /// of a name is for the caller to report.
    pub guests: BTreeMap<String, Vec<GuestFile>>,
    /// The manifest, if there is one.
    pub manifest: Option<Stamp>,
    /// A fingerprint of the files that the manifest names, which may lie anywhere. The caller adds
    /// it.
    pub named: u64,
    /// A fingerprint of all other files: a guest that is copied under another name first is on its
    /// way.
    pub others: u64,
}

/// Why a folder could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Nothing is at this path. The folder may be about to be replaced, or its volume may not be
    /// mounted.
    #[error("the guests folder {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The folder exists and can't be read.
    #[error("the guests folder {} can't be read: {error}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The folder holds more guests than the limits allow.
    #[error(
        "the guests folder {} holds {guests} guests; at most {guests_max} are allowed (guests_max)",
        path.display()
    )]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The number of guests that it holds.
        guests: usize,
        /// The number that it may hold.
        guests_max: usize,
    },
}

/// Looks at a folder of guests, or at one guest's file.
///
/// A guest is a file, or a link to one, whose name ends in `.wasm`, `.wat` or as a [source
/// file](SourceLanguage::of)'s does, and does not begin with a dot; one that is not regular is for
/// the loader to refuse. Folders, files that vanish meanwhile
/// and links that lead nowhere are passed over. The manifest lies in the folder, or beside the one
/// file. No file is read; each costs one system call.
///
/// # Errors
/// The folder does not exist, can't be read, or holds more than `guests_max` guests.
pub fn scan(path: &Path, guests_max: usize) -> Result<Snapshot, ScanError> {
    let snapshot = find(path)?;
    let guests = snapshot.guests.len();
    if guests > guests_max {
        return Err(ScanError::TooMany { path: path.to_owned(), guests, guests_max });
    }
    Ok(snapshot)
}

/// Looks at a folder as [`scan`] does, however many guests it holds.
///
/// # Errors
/// The folder does not exist or can't be read.
pub fn find(path: &Path) -> Result<Snapshot, ScanError> {
    let unusable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => ScanError::Missing(path.to_owned()),
        _ => ScanError::Unreadable { path: path.to_owned(), error },
    };
    let metadata = fs::metadata(path).map_err(unusable)?;
    let mut snapshot =
        Snapshot { manifest: manifest_stamp(path, &metadata), ..Snapshot::default() };
    // A file that is no guest by its name lies in the place of a folder, which is away.
    if !metadata.is_dir() && !is_guest(path) {
        return Err(ScanError::Missing(path.to_owned()));
    }
    if metadata.is_file() {
        add(&mut snapshot, path.to_owned(), &metadata);
        return Ok(snapshot);
    }
    snapshot.folder = Some(folder_id(&metadata));
    for entry in fs::read_dir(path).map_err(unusable)? {
        let file = entry.map_err(unusable)?.path();
        // `metadata` follows links: it fails for a file that has just vanished and for a link that
        // leads nowhere.
        let Ok(metadata) = fs::metadata(&file) else { continue };
        match is_guest(&file) {
            true => add(&mut snapshot, file, &metadata),
            // The files come in any order, so the sum of all must not depend on it.
            false => snapshot.others = snapshot.others.wrapping_add(fingerprint(&file, &metadata)),
        }
    }
    for files in snapshot.guests.values_mut() {
        files.sort_by(|a, b| a.path.cmp(&b.path));
    }
    Ok(snapshot)
}

/// Returns the names of the guests in a folder, whether they can be loaded or not.
///
/// # Errors
/// The folder does not exist or can't be read.
pub fn guest_names(folder: &Path) -> Result<Vec<String>, ScanError> {
    find(folder).map(|snapshot| snapshot.guests.into_keys().collect())
}

impl Snapshot {
    /// Leaves out guests beyond `guests_max`. Those that serve stay; of the others, the first by
    /// their names. Returns the names of those that are left out.
    pub fn leave_out(&mut self, guests_max: usize, serves: impl Fn(&str) -> bool) -> Vec<String> {
        let serving = self.guests.keys().filter(|name| serves(name)).count();
        let mut room = guests_max.saturating_sub(serving);
        let mut left_out = Vec::new();
        self.guests.retain(|name, _| {
            let stays = serves(name) || room > 0;
            if !stays {
                left_out.push(name.clone());
            } else if !serves(name) {
                room -= 1;
            }
            stays
        });
        left_out
    }
}

/// Returns whether a file is a guest by its name.
pub fn is_guest(path: &Path) -> bool {
    let hidden = path.file_stem().is_none_or(|stem| stem.as_encoded_bytes().starts_with(b"."));
    let ending = path.extension().and_then(OsStr::to_str);
    !hidden && (matches!(ending, Some("wasm" | "wat")) || SourceLanguage::of(path).is_some())
}

/// Returns the path of the manifest for a folder of guests, or for one guest's file.
pub fn manifest_path(path: &Path, is_file: bool) -> PathBuf {
    let folder = if is_file { path.parent().unwrap_or(path) } else { path };
    folder.join(manifest::FILE_NAME)
}

fn add(snapshot: &mut Snapshot, path: PathBuf, metadata: &Metadata) {
    if is_guest(&path)
        && !metadata.is_dir()
        && let Some(stem) = path.file_stem()
    {
        let files = snapshot.guests.entry(stem.to_string_lossy().into_owned()).or_default();
        let beside = SourceLanguage::of(&path).map_or(0, |_| watch::print_beside(&path));
        files.push(GuestFile { path, stamp: metadata.into(), beside });
    }
}

fn fingerprint(file: &Path, metadata: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    let at = (metadata.mtime(), metadata.mtime_nsec());
    (file.file_name(), metadata.ino(), metadata.len(), at).hash(&mut hasher);
    hasher.finish()
}

fn manifest_stamp(path: &Path, metadata: &Metadata) -> Option<Stamp> {
    let manifest = fs::metadata(manifest_path(path, metadata.is_file())).ok()?;
    Some(Stamp::from(&manifest))
}

fn folder_id(metadata: &Metadata) -> FolderId {
    let created =
        metadata.created().ok().and_then(|created| created.duration_since(UNIX_EPOCH).ok());
    FolderId {
        inode: metadata.ino(),
        device: metadata.dev(),
        created_ns: created.map(|since| since.as_nanos()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
