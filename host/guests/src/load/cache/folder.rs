//! A folder that is this user's alone. Everything in it is named relative to the folder that was checked, so that nobody
//! who can rename what lies above it can put another in its place.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{self, AtFlags, Dir, Mode, OFlags};

/// What names unfinished files, so that they can be swept up.
pub(super) const DRAFT_PREFIX: &str = "draft-";

/// Why a folder can't be used. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is a link.
    #[error("it is a symbolic link, which could be pointed elsewhere: give the folder itself with --cache")]
    Link,
    /// It is another user's.
    #[error(
        "it belongs to user {owner}, and this program runs as user {own}: code in it would be run as this user. \
         Choose another with --cache"
    )]
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who this process is.
        own: u32,
    },
    /// Others may look into it or write there.
    #[error("others may read or write it (mode {mode:o}): `chmod 700` it, if all that is in it is yours")]
    Mode {
        /// Its permissions.
        mode: u32,
    },
    /// It can't be made or opened.
    #[error("it can't be opened: {0}")]
    Io(#[from] io::Error),
}

/// A private folder, held open.
pub struct Folder {
    open: File,
    /// For messages; and to remove it, if it is only for once.
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    /// Opens a folder, or makes it with all that leads there. Only its owner, who is this process's user, may
    /// have any right to it.
    pub fn open(path: &Path) -> Result<Folder, Refused> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).or_else(existing)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = match fs::open(path, flags, Mode::empty()) {
            Err(_) if path.is_symlink() => return Err(Refused::Link),
            opened => File::from(opened.map_err(io::Error::from)?),
        };
        let found = open.metadata()?;
        let own = own_user();
        if found.uid() != own {
            return Err(Refused::Owner { owner: found.uid(), own });
        }
        if found.mode() & 0o077 != 0 {
            return Err(Refused::Mode { mode: found.mode() & 0o7777 });
        }
        Ok(Folder { open, path: path.to_owned(), temporary: false })
    }

    /// A new one among the system's temporary files, removed with what is in it when it goes out of scope.
    pub fn temporary() -> Result<Folder, Refused> {
        let path = std::env::temp_dir().join(format!("snow-host-{}", random_name()));
        // Not one that is there already, whoever made it.
        DirBuilder::new().mode(0o700).create(&path)?;
        let mut folder = Folder::open(&path)?;
        folder.temporary = true;
        Ok(folder)
    }

    /// For messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file to be written, which has no name of its own yet.
    pub fn draft(&self) -> io::Result<Draft<'_>> {
        let name = format!("{DRAFT_PREFIX}{}", random_name());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.open, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Draft { folder: self, name, file: File::from(file), kept: false })
    }

    /// Compiled code that was kept there.
    ///
    /// # Errors
    /// It is not there, or it is no plain file that only this user can write.
    pub fn code(&self, name: &str) -> io::Result<OwnCode> {
        let file = self.file(name)?;
        is_own(&file.metadata()?)?;
        Ok(OwnCode(file))
    }

    /// A short text that was kept there: of at most so many bytes.
    pub fn text(&self, name: &str, bytes_max: u64) -> io::Result<String> {
        let mut text = String::new();
        self.file(name)?.take(bytes_max).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Keeps a short text: whole or not at all.
    pub fn keep_text(&self, name: &str, text: &str) -> io::Result<()> {
        let draft = self.draft()?;
        draft.file().write_all(text.as_bytes())?;
        draft.rename(name)
    }

    /// Removes a file. That it is gone already is no error.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.open, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The files there. What vanishes meanwhile is left out.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.open)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let Ok(found) = fs::statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if !name.starts_with('.') {
                let (seconds, nanoseconds) = (found.st_mtime.max(0) as u64, found.st_mtime_nsec as u32);
                let used = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
                files.push(Listed { name: name.to_owned(), bytes: found.st_size.max(0) as u64, used });
            }
        }
        Ok(files)
    }

    /// The names there, without asking for more.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = Dir::read_from(&self.open)?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned())).collect())
    }

    /// When it was last used is now.
    pub fn touch(&self, name: &str) -> io::Result<()> {
        self.file(name)?.set_modified(SystemTime::now())
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(fs::openat(&self.open, name, flags, Mode::empty())?))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What is left over is small, and in a place that systems clean.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// A file of a folder.
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last used, to the hour.
    pub used: SystemTime,
}

/// A file that is being written. It vanishes unless it is kept.
pub struct Draft<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
    kept: bool,
}

impl Draft<'_> {
    /// Where to write.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What was written, as code. Whoever wrote it has ended, or is this process and writes no more.
    pub fn code(&self) -> io::Result<OwnCode> {
        self.folder.code(&self.name)
    }

    /// Gives it its name, when all of it has reached the disk; from now on it is only read. A file that had this name
    /// lives on for those who have it open.
    pub fn keep(self, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        self.file.set_permissions(Permissions::from_mode(0o400))?;
        self.rename(name)
    }

    fn rename(mut self, name: &str) -> io::Result<()> {
        fs::renameat(&self.folder.open, &self.name, &self.folder.open, name)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // Those that stay, since the process ended, are swept up with what is old.
            let _ = self.folder.remove(&self.name);
        }
    }
}

/// Compiled code of this program's own: an open file of a private folder. Made in this file alone.
pub struct OwnCode(File);

impl OwnCode {
    /// A name for this very file, whatever has become of the one it was found by. Valid while `self` is.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// All of it.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.0.metadata()?.len() as usize];
        std::os::unix::fs::FileExt::read_exact_at(&self.0, &mut bytes, 0)?;
        Ok(bytes)
    }

    /// When it was last used, to the hour.
    pub fn used(&self) -> io::Result<SystemTime> {
        self.0.metadata()?.modified()
    }
}

fn is_own(file: &Metadata) -> io::Result<()> {
    if file.is_file() && file.uid() == own_user() && file.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a plain file that only this user can write"))
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A link where the folder should be is found, and told of, when it is opened.
fn existing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

fn random_name() -> String {
    let mut bytes = [0; 8];
    // Without a source of randomness the process's number has to do: a name that is taken is an error, not a danger.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_ne_bytes());
    }
    super::hex(&bytes)
}

/// Bytes of a path, for what is made of it.
pub(super) fn path_bytes(path: &Path) -> &[u8] {
    OsStr::as_bytes(path.as_os_str())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::tests::scratch;
    use super::*;

    #[test]
    fn it_is_made_private() {
        let scratch = scratch();
        let path = scratch.path().join("a/b");
        Folder::open(&path).unwrap();
        for folder in ["a", "a/b"] {
            assert_eq!(std::fs::metadata(scratch.path().join(folder)).unwrap().mode() & 0o777, 0o700);
        }
        assert!(Folder::open(&path).is_ok(), "and found again");
    }

    #[test]
    fn a_folder_that_is_not_private_is_refused() {
        let scratch = scratch();
        let folder = scratch.path().join("folder");
        Folder::open(&folder).unwrap();
        for mode in [0o777, 0o750, 0o701, 0o720, 0o1777] {
            std::fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            let refused = Folder::open(&folder).err().unwrap();
            assert!(matches!(refused, Refused::Mode { mode: found } if found == mode), "{refused}");
            assert!(refused.to_string().contains("chmod 700"), "{refused}");
        }
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();

        let link = scratch.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(matches!(Folder::open(&link), Err(Refused::Link)));
        symlink(scratch.path().join("nowhere"), scratch.path().join("dangling")).unwrap();
        assert!(matches!(Folder::open(&scratch.path().join("dangling")), Err(Refused::Link)));

        std::fs::write(scratch.path().join("file"), "").unwrap();
        assert!(matches!(Folder::open(&scratch.path().join("file")), Err(Refused::Io(_))));
        assert!(matches!(Folder::open(&scratch.path().join("file/below")), Err(Refused::Io(_))));
    }

    #[test]
    fn another_users_folder_is_refused() {
        let scratch = scratch();
        let folder = scratch.path().join("folder");
        Folder::open(&folder).unwrap();
        // Only root can give a folder away; and whoever is not has `/` to look at, which is root's.
        let other = if std::os::unix::fs::chown(&folder, Some(12_345), None).is_ok() { folder } else { "/".into() };
        let refused = Folder::open(&other).err().unwrap();
        assert!(matches!(refused, Refused::Owner { .. }), "{refused}");
    }

    #[test]
    fn only_own_plain_files_are_code() {
        let scratch = scratch();
        let folder = Folder::open(&scratch.path().join("folder")).unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("code"), "code").unwrap();
        assert_eq!(folder.code("code").unwrap().read().unwrap(), b"code");
        std::fs::set_permissions(at("code"), Permissions::from_mode(0o620)).unwrap();
        assert!(folder.code("code").is_err(), "its group may write it");
        std::fs::set_permissions(at("code"), Permissions::from_mode(0o600)).unwrap();
        symlink(at("code"), at("link")).unwrap();
        assert!(folder.code("link").is_err());
        std::fs::create_dir(at("below")).unwrap();
        assert!(folder.code("below").is_err());
        assert!(folder.code("nothing").is_err());
    }

    /// The folder is the one that was checked, not whichever has its name now.
    #[test]
    fn a_folder_put_in_its_place_is_not_looked_at() {
        let scratch = scratch();
        let (path, aside) = (scratch.path().join("folder"), scratch.path().join("aside"));
        let folder = Folder::open(&path).unwrap();
        folder.keep_text("note", "mine").unwrap();
        std::fs::rename(&path, &aside).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("note"), "forged").unwrap();
        assert_eq!(folder.text("note", 100).unwrap(), "mine");
        folder.keep_text("other", "mine").unwrap();
        assert!(aside.join("other").exists() && !path.join("other").exists());
    }

    #[test]
    fn a_draft_is_kept_whole_or_vanishes() {
        let scratch = scratch();
        let folder = Folder::open(&scratch.path().join("folder")).unwrap();
        drop(folder.draft().unwrap());
        assert!(folder.list().unwrap().is_empty());

        let first = folder.draft().unwrap();
        first.file().write_all(b"first").unwrap();
        first.keep("code").unwrap();
        let mapped = folder.code("code").unwrap();
        let second = folder.draft().unwrap();
        second.file().write_all(b"second").unwrap();
        second.keep("code").unwrap();
        assert_eq!(mapped.read().unwrap(), b"first", "who has the old file keeps it");
        assert_eq!(folder.code("code").unwrap().read().unwrap(), b"second");
        assert_eq!(std::fs::metadata(folder.path().join("code")).unwrap().mode() & 0o777, 0o400);
        assert_eq!(folder.list().unwrap().len(), 1);
    }

    #[test]
    fn a_temporary_folder_leaves_nothing() {
        let folder = Folder::temporary().unwrap();
        let path = folder.path().to_owned();
        folder.keep_text("note", "x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }
}
