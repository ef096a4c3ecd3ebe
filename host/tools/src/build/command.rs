//! A guest's own build command: `[guest.NAME] build = ["make", "NAME.wasm"]` in `snow.toml`.
//!
//! It runs in the folder of the guest's source, without a shell. It has to write the guest to the path in
//! `$SNOW_GUEST_OUT`, or else to leave it as `NAME.wasm` in that folder. If it does both, the first counts.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{env, process};

use anyhow::{Context, Result, ensure};

use super::process::Tools;
use super::{Artifact, Made, environment, say, timed};

/// Where the command finds the path to write to.
const OUT: &str = "SNOW_GUEST_OUT";
/// Names that are tried for a folder.
const NAMES_MAX: usize = 100;

/// Builds the guest of one folder.
pub(super) fn build(folder: &Path, words: &[String], tools: &Tools<'_>, out: &mut dyn Write) -> Made {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    say(out, &format!("building {name} ..."));
    let (result, took) = timed(|| run(folder, &name, words, tools));
    Made { folder: folder.to_owned(), result: result.map(Some), took }
}

fn run(folder: &Path, name: &str, words: &[String], tools: &Tools<'_>) -> Result<Artifact> {
    let shown = || format!("`{}` in {}", words.join(" "), folder.display());
    let (program, arguments) = words.split_first().context("its `build` in snow.toml is empty")?;
    let scratch = Scratch::new().context("there is no place for what is built: the system's temporary folder")?;
    let file = scratch.0.join(format!("{name}.wasm"));
    // With a slash in it, it is meant from there.
    let program = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = environment::tool(&program, folder);
    let status = tools.run(command.args(arguments).env(OUT, &file)).with_context(shown)?;
    ensure!(status.success(), "{} has failed ({status}; what it said is above)", shown());
    let left = folder.join(format!("{name}.wasm"));
    let found = [file, left].into_iter().find(|file| file.is_file());
    let file = found.with_context(|| {
        format!("{} ended well, but wrote neither to ${OUT}, nor {name}.wasm in that folder: it has to", shown())
    })?;
    Ok(Artifact { file, _scratch: Some(scratch) })
}

/// A folder for what is built, out of every watch's sight. Removed with all in it when it goes out of scope.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Scratch> {
        let name = |number| env::temp_dir().join(format!("snow-host-build-{}-{number}", process::id()));
        for folder in (0..NAMES_MAX).map(name) {
            // Nobody else may put anything there. What is there already is not ours.
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Scratch(folder)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over lies where such things are cleared away.
        let _ = fs::remove_dir_all(&self.0);
    }
}
