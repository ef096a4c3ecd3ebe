//! A folder that belongs to this user alone. It is checked once and then held open, and every file
//! is opened relative to it: whoever can rename the folders above can't put another folder in its
//! place.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{self, AtFlags, Dir, Mode, OFlags};

use crate::load::code_hash::CodeHash;
use crate::load::content_hash::hex;

/// How the names of unfinished files begin, so that they can be found and removed.
pub(crate) const DRAFT_PREFIX: &str = "draft-";

/// Why a folder can't be used for compiled code. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum UnusableFolder {
    /// The folder is a symbolic link.
    #[error(
        "it is a symbolic link, which could be pointed elsewhere: give the folder itself with \
         --cache"
    )]
    Link,
    /// The folder belongs to another user.
    #[error(
        "it belongs to user {owner}, and this program runs as user {own}: code in it would be run \
         as this user. Choose another with --cache"
    )]
    Owner {
        /// The user it belongs to.
        owner: u32,
        /// The user this process runs as.
        own: u32,
    },
    /// Other users may read the folder or write to it.
    #[error(
        "others may read or write it (mode {mode:o}): `chmod 700` it, if everything in it is yours"
    )]
    Mode {
        /// The folder's permissions.
        mode: u32,
    },
    /// The folder can't be made or opened.
    #[error("it can't be opened: {0}")]
    Io(#[from] io::Error),
}

/// A private folder, held open.
pub(crate) struct Folder {
    open: File,
    /// Where it was opened: for messages, and to remove a temporary folder.
    path: PathBuf,
    /// Whether it is removed when it goes out of scope.
    is_temporary: bool,
}

impl Folder {
    /// Opens a folder, or makes it and the folders above it.
    ///
    /// # Errors
    /// The folder is a link, belongs to another user, gives any right to others, or can't be made
    /// or opened.
    pub(crate) fn open(path: &Path) -> Result<Folder, UnusableFolder> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).or_else(existing)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = match fs::open(path, flags, Mode::empty()) {
            Err(_) if path.is_symlink() => return Err(UnusableFolder::Link),
            opened => File::from(opened.map_err(io::Error::from)?),
        };
        let found = open.metadata()?;
        let own = own_user();
        if found.uid() != own {
            return Err(UnusableFolder::Owner { owner: found.uid(), own });
        }
        if found.mode() & 0o077 != 0 {
            return Err(UnusableFolder::Mode { mode: found.mode() & 0o7777 });
        }
        Ok(Folder { open, path: path.to_owned(), is_temporary: false })
    }

    /// Makes a folder among the system's temporary files. It is removed with all its files when it
    /// goes out of scope.
    pub(crate) fn temporary() -> Result<Folder, UnusableFolder> {
        let path = std::env::temp_dir().join(format!("snow-host-{}", random_name()));
        // Not recursive, so that a folder of this name that somebody has made already is an error.
        DirBuilder::new().mode(0o700).create(&path)?;
        let mut folder = Folder::open(&path)?;
        folder.is_temporary = true;
        Ok(folder)
    }

    /// Returns where the folder was opened, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a file to be written, under a name that nobody looks up.
    pub(crate) fn draft(&self) -> io::Result<Draft<'_>> {
        let name = format!("{DRAFT_PREFIX}{}", random_name());
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.open, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Draft { folder: self, name, file: File::from(file), is_kept: false })
    }

    /// Opens compiled code, which had this hash when it was compiled.
    ///
    /// # Errors
    /// There is no such file, or it is not a plain file that only this user can write.
    pub(crate) fn code(&self, name: &str, hash: CodeHash) -> io::Result<OwnCode> {
        let file = self.file(name)?;
        is_own(&file.metadata()?)?;
        Ok(OwnCode { file, hash })
    }

    /// Reads a short text; of a longer one, only `bytes_max` bytes.
    pub(crate) fn text(&self, name: &str, bytes_max: u64) -> io::Result<String> {
        let mut text = String::new();
        self.file(name)?.take(bytes_max).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Keeps a short text: the whole of it or nothing.
    pub(crate) fn keep_text(&self, name: &str, text: &str) -> io::Result<()> {
        let draft = self.draft()?;
        draft.file().write_all(text.as_bytes())?;
        draft.rename(name)
    }

    /// Removes a file. A file that is gone already is no error.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.open, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists the files, with their sizes. Those that vanish meanwhile are left out.
    pub(crate) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.open)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let Ok(found) = fs::statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if !name.starts_with('.') {
                let (seconds, nanoseconds) =
                    (found.st_mtime.max(0) as u64, found.st_mtime_nsec as u32);
                let used = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
                files.push(Listed {
                    name: name.to_owned(),
                    bytes: found.st_size.max(0) as u64,
                    used,
                });
            }
        }
        Ok(files)
    }

    /// Lists the names of the files, without a system call for each.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = Dir::read_from(&self.open)?;
        Ok(entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned()))
            .collect())
    }

    /// Notes that a file is used now.
    pub(crate) fn touch(&self, name: &str) -> io::Result<()> {
        self.file(name)?.set_modified(SystemTime::now())
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(fs::openat(&self.open, name, flags, Mode::empty())?))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // If it can't be removed, what is left is small, and systems clean their temporary
            // folders.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// A file of a folder, as the file system lists it.
pub(crate) struct Listed {
    /// The name.
    pub name: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The time of the last use, to the hour.
    pub used: SystemTime,
}

/// A file that is being written. It is removed when it goes out of scope, unless it was kept.
pub(crate) struct Draft<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
    is_kept: bool,
}

impl Draft<'_> {
    /// Returns the file to write to.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Opens what was written as code with this hash. The writer must have ended, or be this process
    /// and write no more.
    pub(crate) fn code(&self, hash: CodeHash) -> io::Result<OwnCode> {
        self.folder.code(&self.name, hash)
    }

    /// Gives the file its name once all of it has reached the disk. From now on it is only read. A
    /// file that had this name before stays readable for those who have it open.
    pub(crate) fn keep(self, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        self.file.set_permissions(Permissions::from_mode(0o400))?;
        self.rename(name)
    }

    fn rename(mut self, name: &str) -> io::Result<()> {
        fs::renameat(&self.folder.open, &self.name, &self.folder.open, name)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            // Drafts that a process leaves behind when it ends early are removed with the old
            // files.
            let _ = self.folder.remove(&self.name);
        }
    }
}

/// Compiled code that this program wrote: an open file of a private folder, and the hash that the
/// code had when it was compiled. Only this module can make one.
pub(crate) struct OwnCode {
    file: File,
    hash: CodeHash,
}

impl OwnCode {
    /// Returns a path of this very file, even if its name has been given to another. Valid for as
    /// long as `self` is.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Reads the whole file, and returns whether it still holds the code that was compiled.
    pub(crate) fn is_intact(&self) -> io::Result<bool> {
        Ok(CodeHash::of_file(&self.file)? == self.hash)
    }

    /// Reads the whole file.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.file.metadata()?.len() as usize];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, 0)?;
        Ok(bytes)
    }

    /// Returns the time of the last use, to the hour.
    pub(crate) fn used(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }
}

fn is_own(file: &Metadata) -> io::Result<()> {
    if file.is_file() && file.uid() == own_user() && file.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it is not a plain file that only this user can write",
    ))
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Turns "it exists already" into success. Whether it is a folder or a link is found out when it is
/// opened.
fn existing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

fn random_name() -> String {
    let mut bytes = [0; 8];
    // Without a source of randomness, the process's number is used: a name that is taken is an
    // error, not a danger.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_ne_bytes());
    }
    hex(&bytes)
}

/// Returns the bytes of a path, for a hash of it.
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    OsStr::as_bytes(path.as_os_str())
}
