//! The folder of the data: who may use it, and what can be wrong with it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that the process which uses the folder has locked. It holds the process's number.
const LOCK_FILE: &str = "store.lock";

/// The reason why the data of a folder can't be used. Nothing in the folder was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Another process has the folder.
    #[error(
        "the data folder {folder} is in use by {}; stop it, or use another folder",
        pid.as_ref().map_or("another process".to_owned(), |pid| format!("process {pid}")),
        folder = folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The number of the process, if it is known.
        pid: Option<u32>,
    },
    /// The file was damaged, or is not one of the store.
    #[error(
        "the data in {file} are damaged: {reason}. The file was left as it is: put a backup in its \
         place, or move it away to begin with an empty store",
        file = file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file was written by a later version of this program.
    #[error(
        "the data in {file} have format {format}, which is newer than the {known} that this \
         program knows; use the version that wrote them, or a later one",
        file = file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        format: u64,
        /// The newest format that is known.
        known: u64,
    },
    /// The system does not let the folder or a file in it be used.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// The folder, or the file.
        path: PathBuf,
        /// What the system reported.
        error: io::Error,
    },
}

impl DataError {
    /// Returns what is wrong, without the name of the file where that is possible.
    pub(super) fn reason(&self) -> String {
        match self {
            DataError::Damaged { reason, .. } => reason.clone(),
            DataError::Io { error, .. } => error.to_string(),
            other => other.to_string(),
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> DataError {
        |error| DataError::Io { path: path.to_owned(), error }
    }
}

/// A folder that no other process uses. The lock is the system's: it ends with the process, however
/// that ends.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    /// Locked until it is dropped.
    _lock: File,
    /// Which file that is.
    lock_id: FileId,
}

/// Tells a file from every other of the system for as long as it is open, whatever its name becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Returns which file has this name now.
    pub fn at(path: &Path) -> io::Result<FileId> {
        fs::metadata(path).map(FileId::from)
    }
}

impl From<fs::Metadata> for FileId {
    fn from(about: fs::Metadata) -> FileId {
        FileId { device: about.dev(), inode: about.ino() }
    }
}

impl DataFolder {
    /// Makes the folder if there is none, readable for its owner alone, and locks it.
    pub fn open(path: &Path) -> Result<DataFolder, DataError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(DataError::io(path))?;
        let file = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .map_err(DataError::io(&file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Without the number, the message is still right.
                let _ = lock.read_to_string(&mut pid);
                return Err(DataError::InUse {
                    folder: path.to_owned(),
                    pid: pid.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(DataError::Io { path: file, error }),
        }
        note_pid(&mut lock).map_err(DataError::io(&file))?;
        let lock_id = lock.metadata().map_err(DataError::io(&file))?.into();
        Ok(DataFolder { path: path.to_owned(), _lock: lock, lock_id })
    }

    /// Checks that a file of the folder is still the one that it was, and that the lock is too.
    ///
    /// Whoever removes the folder, or puts a backup in its place, leaves the process with files that
    /// nobody will find again, and another process may lock what has the names now. What goes
    /// to such a file would be lost.
    ///
    /// # Errors
    /// What happened, as text for people.
    pub fn check(&self, name: &str, id: FileId) -> Result<(), String> {
        for (name, id) in [(LOCK_FILE, self.lock_id), (name, id)] {
            let path = self.file(name);
            let what = match FileId::at(&path) {
                Ok(now) if now == id => continue,
                Ok(_) => "is another file by now".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => "is gone".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(format!(
                "{name} {what}, while this server has it: put it back, or start the server again"
            ));
        }
        Ok(())
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Gives a file that was written completely its name, for good.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        File::open(&self.path)?.sync_all()
    }
}

/// Writes this process's number in place of the one of an earlier process.
fn note_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}
