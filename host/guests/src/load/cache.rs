//! Compiled code on disk, in a folder that belongs to this user alone and that several hosts may
//! share.
//!
//! | file | holds |
//! |---|---|
//! | `CONTENT-ENGINE-SIZE-CODE.cwasm` | compiled code |
//! | `PATH.stamp` | how a guest's file looked, and the hash of what it held |
//! | `draft-*` | a file that is being written |
//!
//! CONTENT is the hash of the guest's file, ENGINE the key of the engine that runs the code, SIZE the
//! size of the component, CODE the hash of the code, and PATH the hash of the path of the guest's
//! file. The compiler hashes the code before it writes it, and it is hashed again before it is
//! loaded, so a disk that damages it costs a compilation.
//!
//! Files are written under another name, renamed into place and never written again, so no lock is
//! needed: two hosts that compile one guest at the same time write the same code, and a host that
//! finds a file gone compiles. Each guest's file has a stamp for itself, so a change costs as much
//! in a folder of ten guests as in one of a thousand.
//!
//! The folder is bounded: after each new file the least recently used ones are removed until all
//! are within the limit. Files that this process uses stay. The time of a file's last use is known
//! to the hour.

mod folder;
mod stamp;
#[cfg(test)]
pub(in crate::load) mod tests;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime};

use super::code_hash::CodeHash;
use super::content_hash::{ContentHash, hex};
use snow_core::lock;

pub use self::folder::UnusableFolder;
pub(crate) use self::folder::{Draft, Folder, OwnCode};
pub(crate) use self::stamp::KnownFile;
pub use self::stamp::Stamp;

/// A file's time of use is set at most this often.
const USE_NOTED_EVERY: Duration = Duration::from_secs(3600);
/// Age of a draft whose writer must be gone: no guest compiles for this long.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Size that a stamp takes at most: one block of the disk.
const STAMP_BYTES_MAX: u64 = 4_096;
const CODE_ENDING: &str = ".cwasm";
const STAMP_ENDING: &str = ".stamp";

/// A cache folder, and which of its files this process uses.
pub(crate) struct Cache {
    folder: Folder,
    /// Names the engine in each file's name.
    engine_key: String,
    bytes_max: u64,
    in_use: InUse,
}

/// The names of the files of a cache that this process uses. A name that nobody has any more can't
/// be upgraded. Clones share one list.
#[derive(Clone, Default)]
pub(crate) struct InUse(Arc<Mutex<Vec<Weak<str>>>>);

/// A file of compiled code. While a clone of its name lives, this process does not remove the file
/// to make room.
pub(crate) struct CachedCode {
    /// The code.
    pub code: OwnCode,
    /// The file's name.
    pub name: Arc<str>,
    /// What was compiled, and what came of it.
    pub written: Written,
}

/// Code that was written: the facts about it that its file's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The size of the component that was compiled.
    pub component_bytes: usize,
    /// The hash of the code, taken before it was written.
    pub code: CodeHash,
}

impl Written {
    /// Returns the end of the name of the code's file.
    fn ending(self) -> String {
        let Written { component_bytes, code } = self;
        format!("{component_bytes}-{code}{CODE_ENDING}")
    }

    /// Reads the end of a name back; `None` for anything else.
    fn from_ending(ending: &str) -> Option<Written> {
        let (bytes, code) = ending.strip_suffix(CODE_ENDING)?.split_once('-')?;
        Some(Written { component_bytes: bytes.parse().ok()?, code: CodeHash::parse(code)? })
    }
}

impl Cache {
    /// Opens a folder, or makes it. The cache keeps at most `bytes_max` bytes there, and what is
    /// `in_use`.
    ///
    /// # Errors
    /// Others than this user have access to the folder, or it can't be made or opened.
    pub(crate) fn open(
        path: &Path,
        engine_key: &str,
        bytes_max: u64,
        in_use: InUse,
    ) -> Result<Cache, UnusableFolder> {
        let (folder, engine_key) = (Folder::open(path)?, engine_key.to_owned());
        Ok(Cache { folder, engine_key, bytes_max, in_use })
    }

    /// Returns the folder, in which drafts for [`Cache::keep`] are made.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns what is known of the file with this canonical path, if the file still looks as it
    /// did.
    pub(crate) fn recall(&self, file: &Path, stamp: Stamp) -> Option<KnownFile> {
        let line = self.folder.text(&stamp_name(file), STAMP_BYTES_MAX).ok()?;
        KnownFile::from_line(&line).filter(|known| known.stamp == stamp)
    }

    /// Remembers what the file with this canonical path held. `at` is a time before it was looked
    /// at and read: a file that had changed just before might change once more without looking
    /// different, so such a file is forgotten instead.
    pub(crate) fn remember(&self, file: &Path, known: KnownFile, at: SystemTime) -> io::Result<()> {
        if !known.stamp.is_conclusive_at(at) {
            return self.forget(file);
        }
        self.folder.keep_text(&stamp_name(file), &known.to_line())
    }

    /// Forgets what the file with this canonical path held.
    pub(crate) fn forget(&self, file: &Path) -> io::Result<()> {
        self.folder.remove(&stamp_name(file))
    }

    /// Finds the code that was compiled from this content. A caller who knows what was written saves
    /// a search.
    pub(crate) fn find(
        &self,
        content: &ContentHash,
        written: Option<Written>,
    ) -> Option<CachedCode> {
        let prefix = self.prefix(content);
        let written_in = |name: &str| Written::from_ending(name.strip_prefix(&prefix)?);
        let written = match written {
            Some(written) => written,
            None => self.folder.names().ok()?.iter().find_map(|name| written_in(name))?,
        };
        let name = format!("{prefix}{}", written.ending());
        let code = self.folder.code(&name, written.code).ok()?;
        if code.used().is_ok_and(|used| used.elapsed().is_ok_and(|ago| ago > USE_NOTED_EVERY)) {
            // If the use can't be noted, the file is removed a little earlier.
            let _ = self.folder.touch(&name);
        }
        Some(CachedCode { code, name: self.in_use(name), written })
    }

    /// Keeps a draft as the code that was compiled from this content, and makes room for it.
    /// Returns the file's name, which marks the file as used for as long as it lives.
    pub(crate) fn keep(
        &self,
        draft: Draft<'_>,
        content: &ContentHash,
        written: Written,
    ) -> io::Result<Arc<str>> {
        let name = format!("{}{}", self.prefix(content), written.ending());
        draft.keep(&name)?;
        let name = self.in_use(name);
        self.make_room(SystemTime::now())?;
        Ok(name)
    }

    /// Removes code that can't be used: it is damaged, or not for this engine after all.
    pub(crate) fn discard(&self, cached: &CachedCode) -> io::Result<()> {
        self.folder.remove(&cached.name)
    }

    /// Returns how the name of this content's code begins.
    fn prefix(&self, content: &ContentHash) -> String {
        format!("{content}-{}-", self.engine_key)
    }

    fn in_use(&self, name: String) -> Arc<str> {
        let name: Arc<str> = name.into();
        let mut in_use = lock(&self.in_use.0);
        in_use.retain(|used| used.strong_count() > 0);
        in_use.push(Arc::downgrade(&name));
        name
    }

    /// Removes the least recently used files until the others are within the limit, and drafts
    /// whose writers are gone.
    fn make_room(&self, now: SystemTime) -> io::Result<()> {
        let in_use: Vec<Arc<str>> = lock(&self.in_use.0).iter().filter_map(Weak::upgrade).collect();
        let mut files = self.folder.list()?;
        files.sort_by_key(|file| file.used);
        // A small file takes a block all the same.
        let size = |bytes: u64| bytes.max(STAMP_BYTES_MAX);
        let mut total: u64 = files.iter().map(|file| size(file.bytes)).sum();
        for file in files {
            let is_draft = file.name.starts_with(folder::DRAFT_PREFIX);
            let is_ours =
                is_draft || file.name.ends_with(CODE_ENDING) || file.name.ends_with(STAMP_ENDING);
            let goes = match is_draft {
                true => now.duration_since(file.used).is_ok_and(|age| age > DRAFT_AGE_MAX),
                false => total > self.bytes_max && !in_use.iter().any(|used| **used == *file.name),
            };
            if is_ours && goes {
                self.folder.remove(&file.name)?;
                total -= size(file.bytes);
            }
        }
        Ok(())
    }
}

fn stamp_name(file: &Path) -> String {
    let hash = ContentHash::of(folder::path_bytes(file));
    format!("{}{STAMP_ENDING}", hex(&hash.0[..16]))
}
