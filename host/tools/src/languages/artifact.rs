//! Results of a build: one for each folder, with the file that was built.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, process};

use anyhow::Result;

/// The number of names that are tried for a temporary folder.
const NAMES_MAX: usize = 100;

/// The result of building one folder.
pub(crate) struct FolderBuild {
    pub folder: PathBuf,
    /// The guest that was built. `None` if the folder has no guest but a library.
    pub result: Result<Option<Artifact>>,
    /// The time of the program that built it, which may have built other folders too.
    pub took: Duration,
}

/// A guest's file where the compiler left it.
pub(crate) struct Artifact {
    pub file: PathBuf,
    /// The temporary folder of the file, if it has one.
    pub _scratch: Option<Scratch>,
}

/// A temporary folder for a build's output, where no watch looks. It is removed with its content
/// when this value is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new folder in the system's folder for temporary files.
    pub fn new() -> io::Result<Scratch> {
        let name =
            |number| env::temp_dir().join(format!("snow-host-build-{}-{number}", process::id()));
        for folder in (0..NAMES_MAX).map(name) {
            // Only this user may write there. A folder that exists already may be another user's.
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Scratch(folder)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If this fails, the system clears its folder for temporary files sooner or later.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Does some work, and returns its result and the time that it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (work(), started.elapsed())
}
