//! Text files that are written together.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

use anyhow::Context;

/// A list of paths and texts. The paths are relative to the folder that the files are written to.
pub(crate) struct Files(pub Vec<(Cow<'static, str>, Cow<'static, str>)>);

impl Files {
    /// Returns the files that this program contains, as paths and texts.
    pub fn embedded(files: &'static [(&'static str, &'static str)]) -> Files {
        Files(files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect())
    }

    /// Writes the files into a folder that does not exist yet. The folder appears with all files,
    /// or not at all.
    pub fn write_new(&self, folder: &Path) -> anyhow::Result<()> {
        let partial = partial(folder);
        let written = self.write_into(&partial).and_then(|()| fs::rename(&partial, folder));
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_dir_all(&partial);
        }
        written.with_context(|| format!("can't write {}", folder.display()))
    }

    /// Writes the files into a folder that may have others, in their order. None replaces a file.
    pub fn write_beside(&self, folder: &Path) -> anyhow::Result<()> {
        for (path, text) in &self.0 {
            let file = folder.join(&**path);
            fs::File::create_new(&file)
                .and_then(|mut new| new.write_all(text.as_bytes()))
                .with_context(|| format!("can't write {}", file.display()))?;
        }
        Ok(())
    }

    /// Returns whether a folder has all these files with these texts. It may have others too.
    pub fn are_in(&self, folder: &Path) -> bool {
        self.0.iter().all(|(path, text)| {
            fs::read(folder.join(&**path)).is_ok_and(|bytes| bytes == text.as_bytes())
        })
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

/// Returns the folder that files are written to before it gets its name. It lies beside that one,
/// because a rename does not cross file systems, and it is hidden, so that it is not taken for a
/// guest's source.
fn partial(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{}.partial", process::id()))
}
