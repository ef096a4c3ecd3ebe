//! Files that are written together.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

use anyhow::Context;

/// Texts by their paths, which are relative to the folder that they are written to.
pub(super) struct Files(pub Vec<(Cow<'static, str>, Cow<'static, str>)>);

impl Files {
    /// Writes all of them into a folder that is not there yet. It appears as a whole or not at all.
    pub fn write_new(&self, folder: &Path) -> anyhow::Result<()> {
        let partial = partial(folder);
        let written = self.write_into(&partial).and_then(|()| fs::rename(&partial, folder));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_dir_all(&partial);
        }
        written.with_context(|| format!("can't write {}", folder.display()))
    }

    /// Whether all of them are in the folder as they are here. There may be others.
    pub fn are_in(&self, folder: &Path) -> bool {
        self.0.iter().all(|(path, text)| fs::read(folder.join(&**path)).is_ok_and(|bytes| bytes == text.as_bytes()))
    }

    fn write_into(&self, folder: &Path) -> io::Result<()> {
        for (path, text) in &self.0 {
            let file = folder.join(&**path);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(file, text.as_bytes())?;
        }
        Ok(())
    }
}

/// Beside the folder, since a rename does not cross file systems; hidden, so that it is nobody's guest.
fn partial(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{}.partial", process::id()))
}
