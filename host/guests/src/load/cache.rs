//! Compiled code on disk, in a folder that is this user's alone and that several hosts may share.
//!
//! | file | holds |
//! |---|---|
//! | `CONTENT-ENGINE-SIZE.cwasm` | compiled code: of a guest's file with this hash, for engines with that one, and the component's size |
//! | `PATH.stamp` | what a guest's file looked like, and the hash of what it held |
//! | `draft-*` | what is being written |
//!
//! Files are made under another name, renamed into place and never rewritten, so no lock is needed: two hosts that
//! compile the same guest at once write the same, and one that finds a file gone compiles. Each guest's file has its own
//! stamp, so a change costs the same whether there are ten guests or a thousand.
//!
//! Bounded: after each new file the least recently used go, until all are within the limit; those that this process uses
//! stay. What was last used is known to the hour.

mod folder;
mod stamp;

use std::cell::RefCell;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

pub use self::folder::{Draft, Folder, OwnCode, Refused};
use self::stamp::is_settled;
pub use self::stamp::{Remembered, Stamp};

/// SHA-256 of what a guest's file holds.
pub type ContentHash = [u8; 32];

/// A use is written down at most this often.
const USE_NOTED: Duration = Duration::from_secs(3600);
/// Longer than any guest is compiled: a draft of that age has lost its writer.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A stamp takes less, and a block on the disk.
const STAMP_BYTES_MAX: u64 = 4_096;
const CODE_ENDING: &str = ".cwasm";
const STAMP_ENDING: &str = ".stamp";

/// A cache folder, and what of it is in use.
pub struct Cache {
    folder: Folder,
    /// Names the engine's settings in each file's name.
    engine_key: String,
    bytes_max: u64,
    in_use: RefCell<Vec<Weak<str>>>,
}

/// A file of compiled code. While a clone of its name lives, this process never removes it to make room.
pub struct Entry {
    /// The code.
    pub code: OwnCode,
    /// The file's name.
    pub name: Arc<str>,
    /// The size of the component that it was.
    pub component_bytes: usize,
}

impl Cache {
    /// Opens the folder, or makes it. It keeps at most so many bytes.
    ///
    /// # Errors
    /// The folder is not this user's alone, or can't be had.
    pub fn open(path: &Path, engine_key: &str, bytes_max: u64) -> Result<Cache, Refused> {
        let (folder, engine_key) = (Folder::open(path)?, engine_key.to_owned());
        Ok(Cache { folder, engine_key, bytes_max, in_use: RefCell::default() })
    }

    /// Where drafts for [`Cache::keep`] are made.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What is remembered of a file by its canonical path, if it still looks the same.
    pub fn remembered(&self, file: &Path, stamp: Stamp) -> Option<Remembered> {
        let name = stamp_name(file);
        let remembered = Remembered::from_line(&self.folder.text(&name, STAMP_BYTES_MAX).ok()?)?;
        (remembered.stamp == stamp).then_some(remembered)
    }

    /// Remembers a file by its canonical path. `at` is a time before it was looked at and read: a file that had changed
    /// just before may have changed once more without looking different, so that one is not remembered.
    pub fn remember(&self, file: &Path, remembered: Remembered, at: SystemTime) -> io::Result<()> {
        if !is_settled(&remembered.stamp, at) {
            return self.forget(file);
        }
        self.folder.keep_text(&stamp_name(file), &remembered.to_line())
    }

    /// Forgets what a file looked like.
    pub fn forget(&self, file: &Path) -> io::Result<()> {
        self.folder.remove(&stamp_name(file))
    }

    /// The compiled code for a content. Whoever knows the component's size as well spares the search.
    pub fn find(&self, content: &ContentHash, component_bytes: Option<usize>) -> Option<Entry> {
        let prefix = format!("{}-{}-", hex(content), self.engine_key);
        let size_in = |name: &str| name.strip_prefix(&prefix)?.strip_suffix(CODE_ENDING)?.parse::<usize>().ok();
        let component_bytes = match component_bytes {
            Some(bytes) => bytes,
            None => self.folder.names().ok()?.iter().find_map(|name| size_in(name))?,
        };
        let name = format!("{prefix}{component_bytes}{CODE_ENDING}");
        let code = self.folder.code(&name).ok()?;
        if code.used().is_ok_and(|used| used.elapsed().is_ok_and(|ago| ago > USE_NOTED)) {
            // If it can't be noted, it goes a little earlier.
            let _ = self.folder.touch(&name);
        }
        Some(Entry { code, name: self.in_use(name), component_bytes })
    }

    /// Keeps what was written, as the compiled code of a content, and makes room for it. The name says that it is in use.
    pub fn keep(&self, draft: Draft<'_>, content: &ContentHash, component_bytes: usize) -> io::Result<Arc<str>> {
        let name = format!("{}-{}-{component_bytes}{CODE_ENDING}", hex(content), self.engine_key);
        draft.keep(&name)?;
        let name = self.in_use(name);
        self.make_room(SystemTime::now())?;
        Ok(name)
    }

    /// Removes compiled code that is of no use: damaged, or not for this engine after all.
    pub fn discard(&self, entry: &Entry) -> io::Result<()> {
        self.folder.remove(&entry.name)
    }

    fn in_use(&self, name: String) -> Arc<str> {
        let name: Arc<str> = name.into();
        let mut in_use = self.in_use.borrow_mut();
        in_use.retain(|used| used.strong_count() > 0);
        in_use.push(Arc::downgrade(&name));
        name
    }

    /// Removes the least recently used until the rest is within the limit, and drafts whose writers are gone.
    fn make_room(&self, now: SystemTime) -> io::Result<()> {
        let in_use: Vec<Arc<str>> = self.in_use.borrow().iter().filter_map(Weak::upgrade).collect();
        let mut files = self.folder.list()?;
        files.sort_by_key(|file| file.used);
        let size = |bytes: u64| bytes.max(STAMP_BYTES_MAX);
        let mut total: u64 = files.iter().map(|file| size(file.bytes)).sum();
        for file in files {
            let is_draft = file.name.starts_with(folder::DRAFT_PREFIX);
            let is_ours = is_draft || file.name.ends_with(CODE_ENDING) || file.name.ends_with(STAMP_ENDING);
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

/// The hash of some bytes.
pub fn content_hash(bytes: &[u8]) -> ContentHash {
    Sha256::digest(bytes).into()
}

fn stamp_name(file: &Path) -> String {
    let hash = content_hash(folder::path_bytes(file));
    format!("{}{STAMP_ENDING}", hex(&hash[..16]))
}

/// Bytes as digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<ContentHash> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
