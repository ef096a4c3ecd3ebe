//! Guests that are source files: in which languages, what belongs to one, and how it is read.
//!
//! A source file has no code of its own. Its language's *engine*, a component, is compiled once for
//! all of them, and evaluates the text in each instance.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use snow_core::{ByteCount, Charge};

use super::content_hash::ContentHash;
use super::kept::Kept;

/// Files of one guest, beside its own.
const FILES_MAX: usize = 10_000;
/// Folders below the one that a guest has, one in another.
const DEPTH_MAX: usize = 32;
/// Folders below the one that a guest has, in all.
const FOLDERS_MAX: usize = 10_000;

/// A language whose source files are guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceLanguage {
    /// JavaScript and TypeScript: `.js`, `.mjs` and `.ts`.
    JavaScript,
    /// Python: `.py`.
    Python,
}

impl SourceLanguage {
    /// All of them.
    pub const ALL: [SourceLanguage; 2] = [SourceLanguage::JavaScript, SourceLanguage::Python];

    /// Returns the language of a file, by its name; `None` if it is no guest's source file. A name
    /// with a dot in its stem is none: `snow.d.ts` and `shop.test.js` lie beside guests.
    pub fn of(file: &Path) -> Option<SourceLanguage> {
        let has_dot = file.file_stem()?.as_encoded_bytes().contains(&b'.');
        match file.extension().and_then(OsStr::to_str)? {
            _ if has_dot => None,
            "js" | "mjs" | "ts" => Some(SourceLanguage::JavaScript),
            "py" => Some(SourceLanguage::Python),
            _ => None,
        }
    }

    /// Returns the name of the engine: in commands, and of its file.
    pub fn engine(self) -> &'static str {
        match self {
            SourceLanguage::JavaScript => "js",
            SourceLanguage::Python => "python",
        }
    }
}

impl std::fmt::Display for SourceLanguage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            SourceLanguage::JavaScript => "JavaScript",
            SourceLanguage::Python => "Python",
        })
    }
}

/// What a guest's source files held when it was loaded. It stays as it is for as long as a version
/// of the guest needs it.
#[derive(Debug)]
pub(crate) struct Sources {
    /// The name of the guest's own file.
    pub name: String,
    /// The text of the guest's own file.
    pub text: Vec<u8>,
    /// The files in the folder that has the guest's name, by their paths from there.
    pub others: BTreeMap<String, Vec<u8>>,
    /// What the engine has kept of the files while the guest was loaded; nothing before.
    pub kept: OnceLock<Kept>,
    /// Count the bytes for as long as they are kept.
    _charges: Vec<Charge>,
}

/// How much may be read.
pub(super) struct Bounds<'a> {
    /// Bytes of one guest's files together.
    pub guest_bytes_max: u64,
    /// Bytes of all guests' source files that are kept.
    pub all_bytes_max: usize,
    pub all_bytes: &'a Arc<ByteCount>,
}

/// Why source files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder can't be read.
    #[error("{0} can't be read")]
    Read(String, #[source] io::Error),
    /// The files have too many bytes together.
    #[error(
        "has more than {0} bytes, with the files in the folder beside it: the most that a guest's \
         files may have (guest_file_bytes_max)"
    )]
    TooLarge(u64),
    /// There are too many files.
    #[error("has more than {FILES_MAX} files in the folder beside it")]
    TooMany,
    /// There are too many folders.
    #[error("has more than {FOLDERS_MAX} folders in the folder beside it")]
    TooManyFolders,
    /// A folder lies too deep.
    #[error("can't have the folder {0}: there may be {DEPTH_MAX}, one in another")]
    TooDeep(String),
    /// All guests' files together have too many bytes.
    #[error("does not fit: the source files of all guests may have {0} bytes (sources_bytes_max)")]
    Full(usize),
}

impl Sources {
    /// Reads a guest's own file and all files in the folder beside it that has the guest's name.
    /// Hidden files are left out, and so is what Python keeps there (`__pycache__`). Below that
    /// folder, links to folders are not followed, and links to files only if these are in it.
    pub(super) fn read(file: &Path, bounds: &Bounds<'_>) -> Result<Sources, SourceError> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = file.with_extension("").canonicalize().ok().filter(|top| top.is_dir());
        let mut reader = Reader {
            bounds,
            top: folder.unwrap_or_default(),
            own_bytes: Arc::default(),
            folders: 0,
            charges: Vec::new(),
            others: BTreeMap::new(),
        };
        let text = reader.file(file, &name)?;
        if reader.top.is_dir() {
            reader.folder(&reader.top.clone(), "", 0)?;
        }
        Ok(Sources {
            name,
            text,
            others: reader.others,
            kept: OnceLock::new(),
            _charges: reader.charges,
        })
    }

    /// Returns a hash of all that the guest is made of: its files and its engine.
    pub(super) fn hash(&self, engine: &ContentHash) -> ContentHash {
        let mut hash = Sha256::new();
        hash.update(engine.0);
        let own = (&self.name, &self.text);
        for (name, bytes) in [own].into_iter().chain(&self.others) {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        ContentHash(hash.finalize().into())
    }
}

/// Reads files until there are too many of them.
struct Reader<'a> {
    bounds: &'a Bounds<'a>,
    /// The folder beside, without links; empty if there is none.
    top: PathBuf,
    own_bytes: Arc<ByteCount>,
    folders: usize,
    charges: Vec<Charge>,
    others: BTreeMap<String, Vec<u8>>,
}

impl Reader<'_> {
    fn file(&mut self, file: &Path, name: &str) -> Result<Vec<u8>, SourceError> {
        let failed = |error| SourceError::Read(name.to_owned(), error);
        let opened = File::open(file).map_err(failed)?;
        // Counted before it is read: several guests are loaded at a time.
        let length = opened.metadata().map_err(failed)?.len();
        self.count(length)?;
        let mut bytes = Vec::new();
        // A file that grows meanwhile is read as it was; its change makes another version.
        opened.take(length).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    fn count(&mut self, bytes: u64) -> Result<(), SourceError> {
        let Bounds { guest_bytes_max, all_bytes_max, all_bytes } = *self.bounds;
        if (self.own_bytes.get() as u64).saturating_add(bytes) > guest_bytes_max {
            return Err(SourceError::TooLarge(guest_bytes_max));
        }
        let (own, all) = ((&self.own_bytes, usize::MAX), (all_bytes, all_bytes_max));
        let charge = Charge::new(bytes as usize, own, all);
        self.charges.push(charge.ok_or(SourceError::Full(all_bytes_max))?);
        Ok(())
    }

    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), SourceError> {
        let failed = |error| SourceError::Read(folder.display().to_string(), error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            // A name that is not UTF-8 can't be imported.
            let Some(name) = name.to_str().filter(|name| is_of_guest(name)) else { continue };
            let name = format!("{prefix}{name}");
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            // A link that leads nowhere, and what has just vanished, are no files.
            let Ok(found) = fs::metadata(entry.path()) else { continue };
            let is_inside =
                || entry.path().canonicalize().is_ok_and(|target| target.starts_with(&self.top));
            if found.is_dir() && !is_link {
                self.folders += 1;
                if self.folders > FOLDERS_MAX {
                    return Err(SourceError::TooManyFolders);
                }
                if depth == DEPTH_MAX {
                    return Err(SourceError::TooDeep(name));
                }
                self.folder(&entry.path(), &format!("{name}/"), depth + 1)?;
            } else if found.is_file() && (!is_link || is_inside()) {
                let bytes = self.file(&entry.path(), &name)?;
                self.others.insert(name, bytes);
                if self.others.len() > FILES_MAX {
                    return Err(SourceError::TooMany);
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a file or folder beside a guest is part of it, by its name.
pub fn is_of_guest(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with('~') && name != "__pycache__"
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    fn read(folder: &Path, guest_bytes_max: u64, all: &Arc<ByteCount>) -> Result<Sources, String> {
        let bounds = Bounds { guest_bytes_max, all_bytes_max: 1_000, all_bytes: all };
        Sources::read(&folder.join("shop.py"), &bounds).map_err(|error| error.to_string())
    }

    #[test]
    fn a_guests_files_are_its_own_and_those_of_its_folder() {
        let folder = env::temp_dir().join(format!("snow-host-sources-{}", process::id()));
        fs::create_dir_all(folder.join("shop/lib/__pycache__")).unwrap();
        for (name, text) in [
            ("shop.py", "own"),
            ("other.py", "no"),
            ("shop/util.py", "util"),
            ("shop/.hidden", "no"),
            ("shop/lib/dates.py", "dates"),
            ("shop/lib/__pycache__/dates.pyc", "no"),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        let all = Arc::default();
        let sources = read(&folder, 100, &all).unwrap();
        assert_eq!((&*sources.name, &*sources.text), ("shop.py", &b"own"[..]));
        let names: Vec<&String> = sources.others.keys().collect();
        assert_eq!(names, ["lib/dates.py", "util.py"]);
        assert_eq!(all.get(), 12);

        let hash = |sources: &Sources| sources.hash(&ContentHash::of(b"engine"));
        let first = hash(&sources);
        assert_ne!(sources.hash(&ContentHash::of(b"another")), first);
        fs::write(folder.join("shop/util.py"), "dates").unwrap();
        assert_ne!(hash(&read(&folder, 100, &all).unwrap()), first);
        drop(sources);
        assert_eq!(all.get(), 0);

        // Links to folders lead nowhere, and links to files only within the folder.
        for (target, link) in [
            ("/etc", "outside"),
            ("..", "up"),
            ("/etc/passwd", "lib/no"),
            ("../util.py", "lib/yes"),
        ] {
            std::os::unix::fs::symlink(target, folder.join("shop").join(link)).unwrap();
        }
        let names: Vec<String> = read(&folder, 100, &all).unwrap().others.into_keys().collect();
        assert_eq!(names, ["lib/dates.py", "lib/yes", "util.py"]);

        let deep = format!("shop/{}", "d/".repeat(DEPTH_MAX));
        fs::create_dir_all(folder.join(&deep)).unwrap();
        assert!(read(&folder, 100, &all).is_ok(), "as deep as may be");
        fs::create_dir_all(folder.join(&deep).join("e")).unwrap();
        assert!(read(&folder, 100, &all).unwrap_err().contains("/e: there may be 32"));
        fs::remove_dir_all(folder.join("shop/d")).unwrap();

        assert!(read(&folder, 12, &all).unwrap_err().contains("guest_file_bytes_max"));
        let _other = Charge::new(990, (&Arc::default(), 990), (&all, 1_000)).unwrap();
        assert!(read(&folder, 100, &all).unwrap_err().contains("sources_bytes_max"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_source_file_is_known_by_its_name() {
        let of = |name: &str| SourceLanguage::of(Path::new(name)).map(SourceLanguage::engine);
        for (name, engine) in
            [("a.js", "js"), ("a.mjs", "js"), ("a.ts", "js"), ("g/a-b.py", "python")]
        {
            assert_eq!(of(name), Some(engine), "{name}");
        }
        for name in ["a.wasm", "a.d.ts", "a.test.js", "a.py~", "py", "a.pyc", ".py"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
