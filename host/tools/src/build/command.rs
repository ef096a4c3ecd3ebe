//! Guests with a build command: `[guest.NAME] build = ["make", "NAME.wasm"]` in `snow.toml`.
//!
//! The command runs in the folder of the guest's source, without a shell. It writes the guest to
//! the path in `$SNOW_GUEST_OUT`, or leaves it as `NAME.wasm` in that folder. If both files exist,
//! the first is taken.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::languages::{Artifact, FolderBuild, Scratch, announce, timed};
use crate::process::{Runner, command_in};

/// The variable that tells the command which file to write.
const OUT: &str = "SNOW_GUEST_OUT";

/// Builds the guest in a folder with the given command.
pub(super) fn build(
    folder: &Path,
    words: &[String],
    runner: &Runner<'_>,
    out: &mut dyn Write,
) -> FolderBuild {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    announce(out, &format!("building {name} ..."));
    let (result, took) = timed(|| run(folder, &name, words, runner));
    FolderBuild { folder: folder.to_owned(), result: result.map(Some), took }
}

fn run(folder: &Path, name: &str, words: &[String], runner: &Runner<'_>) -> Result<Artifact> {
    let shown = || format!("`{}` in {}", words.join(" "), folder.display());
    let (program, arguments) = words.split_first().context("its `build` in snow.toml is empty")?;
    let scratch = Scratch::new().context("can't make a temporary folder for the guest")?;
    let file = scratch.path().join(format!("{name}.wasm"));
    // A path is relative to the folder of the source; a bare name is looked up in $PATH.
    let program = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = command_in(folder, &program);
    let status = runner.run(command.args(arguments).env(OUT, &file)).with_context(shown)?;
    ensure!(status.success(), "{} failed ({status}; its output is above)", shown());
    let left = folder.join(format!("{name}.wasm"));
    let found = [file, left].into_iter().find(|file| file.is_file());
    let file = found.with_context(|| {
        format!(
            "{} succeeded but made no guest: it must write {name}.wasm in that folder, or ${OUT}",
            shown()
        )
    })?;
    Ok(Artifact { file, _scratch: Some(scratch) })
}
