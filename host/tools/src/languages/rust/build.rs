//! Builds guests with cargo, one call for each workspace.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::languages::{Artifact, FolderBuild, MissingTool, announce, timed};
use crate::process::{RunError, Runner, command_in};

/// The compiler's target for guests.
const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the packages in these folders.
pub(super) fn build(
    folders: &[PathBuf],
    runner: &Runner<'_>,
    out: &mut dyn Write,
) -> Vec<FolderBuild> {
    let (workspaces, mut built) = workspaces(folders, runner);
    for workspace in workspaces {
        built.append(&mut workspace.build(runner, out));
    }
    built
}

/// The guests that one call of cargo builds.
struct Workspace {
    root: PathBuf,
    guests: Vec<Package>,
}

/// A package that makes a guest.
struct Package {
    /// Cargo's id of the package, unique in a build.
    id: String,
    folder: PathBuf,
}

/// Asks cargo which workspace each folder belongs to. Returns the workspaces with their guests, and
/// the results of the folders that have nothing to build: libraries, and packages that cargo can't
/// read.
fn workspaces(folders: &[PathBuf], runner: &Runner<'_>) -> (Vec<Workspace>, Vec<FolderBuild>) {
    let (mut unknown, mut finished) = (BTreeMap::new(), Vec::new());
    let mut finish =
        |folder, result| finished.push(FolderBuild { folder, result, took: Duration::ZERO });
    // The key is the manifest's real path, as cargo reports it; the folder's own path may have a
    // link in it.
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        match fs::canonicalize(&manifest)
            .with_context(|| format!("can't find {}", manifest.display()))
        {
            Ok(real) => drop(unknown.insert(real, folder.clone())),
            Err(error) => finish(folder.clone(), Err(error)),
        }
    }
    let mut workspaces: BTreeMap<PathBuf, Vec<Package>> = BTreeMap::new();
    while let Some((manifest, folder)) = unknown.first_key_value() {
        let (manifest, folder) = (manifest.clone(), folder.clone());
        let (root, packages) =
            match metadata(&folder, runner).and_then(|metadata| packages(&metadata)) {
                Ok(workspace) => workspace,
                Err(error) => {
                    unknown.remove(&manifest);
                    finish(folder, Err(error));
                    continue;
                }
            };
        // Cargo's answer has all packages of the workspace, so one question settles all their
        // folders, and the next unknown folder belongs to another workspace.
        for (manifest, id) in packages {
            match (unknown.remove(&manifest), id) {
                (Some(folder), Some(id)) => {
                    workspaces.entry(root.clone()).or_default().push(Package { id, folder })
                }
                (Some(folder), None) => finish(folder, Ok(None)),
                (None, _) => {}
            }
        }
        // The manifest of a workspace that is no package itself is not among the packages.
        if let Some(folder) = unknown.remove(&manifest) {
            finish(folder, Ok(None));
        }
    }
    let workspace = |(root, guests)| Workspace { root, guests };
    (workspaces.into_iter().map(workspace).collect(), finished)
}

/// The manifests of a workspace's packages, each with the package's id if it makes a guest.
type Packages = Vec<(PathBuf, Option<String>)>;

/// Returns the root of a workspace and its packages. A package without a `cdylib` is not a guest.
fn packages(metadata: &Value) -> Result<(PathBuf, Packages)> {
    let root = PathBuf::from(text(&metadata["workspace_root"])?);
    let package = |package: &Value| -> Result<_> {
        let manifest = fs::canonicalize(text(&package["manifest_path"])?)?;
        let is_guest = list(&package["targets"]).any(is_cdylib);
        Ok((manifest, if is_guest { Some(text(&package["id"])?.to_owned()) } else { None }))
    };
    Ok((root, list(&metadata["packages"]).map(package).collect::<Result<_>>()?))
}

/// Returns cargo's metadata of the workspace that a folder belongs to.
fn metadata(folder: &Path, runner: &Runner<'_>) -> Result<Value> {
    let mut cargo = command_in(folder, "cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let (status, output) = runner.run_output(&mut cargo).map_err(toolchain_error)?;
    ensure!(
        status.success(),
        "cargo can't use {} (its message is above)",
        folder.join("Cargo.toml").display()
    );
    serde_json::from_slice(&output).context("cargo's metadata is not JSON")
}

/// Makes sure that the toolchain for this folder can build for [`TARGET`]: has rustup add the
/// target, or reports how to get it.
fn ensure_target(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> Result<()> {
    let mut rustc = command_in(folder, "rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let (status, output) = runner.run_output(&mut rustc).map_err(toolchain_error)?;
    ensure!(status.success(), "rustc does not work in {} (its message is above)", folder.display());
    let libraries = String::from_utf8_lossy(&output);
    if Path::new(libraries.trim_end()).is_dir() {
        return Ok(());
    }
    announce(out, &format!("adding the target {TARGET} to the Rust toolchain"));
    match runner.run_lines(command_in(folder, "rustup").args(["target", "add", TARGET]), |_| {}) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            bail!(
                "`rustup target add {TARGET}` in {} failed ({status}; its message is above)",
                folder.display()
            )
        }
        Err(RunError::NotStarted(error)) if error.kind() == ErrorKind::NotFound => bail!(
            "this Rust toolchain can't build for {TARGET}, and rustup, which could add it, was not found: install \
             Rust with rustup (https://rustup.rs), or the target with the package manager that Rust came from"
        ),
        Err(error) => Err(error).context("rustup"),
    }
}

impl Workspace {
    /// Builds all guests of the workspace. All of them get the time of the one call of cargo.
    fn build(&self, runner: &Runner<'_>, out: &mut dyn Write) -> Vec<FolderBuild> {
        let (built, took) = timed(|| self.run_cargo(runner, out));
        let result = |folder: &Path| match &built {
            Ok((status, files)) => match files.get(folder) {
                Some(file) => Ok(Some(Artifact { file: file.clone(), _scratch: None })),
                None if status.success() => {
                    Err(anyhow!("cargo built {}, but made no .wasm file", folder.display()))
                }
                None => Err(anyhow!("cargo failed ({status}; its messages are above)")),
            },
            Err(error) => Err(anyhow!("{error:#}")),
        };
        let folder_build = |guest: &Package| FolderBuild {
            folder: guest.folder.clone(),
            result: result(&guest.folder),
            took,
        };
        self.guests.iter().map(folder_build).collect()
    }

    /// Runs `cargo build`, and returns the files that it made, by the guests' folders. A guest that
    /// does not compile has no file; the others have theirs.
    fn run_cargo(
        &self,
        runner: &Runner<'_>,
        out: &mut dyn Write,
    ) -> Result<(ExitStatus, BTreeMap<PathBuf, PathBuf>)> {
        ensure_target(&self.root, runner, out)?;
        let names = self
            .guests
            .iter()
            .filter_map(|guest| guest.folder.file_name())
            .map(|name| name.to_string_lossy());
        announce(out, &format!("building {} ...", names.collect::<Vec<_>>().join(", ")));
        let mut cargo = command_in(&self.root, "cargo");
        // Cargo writes JSON for us to standard output, and messages for people to standard error.
        cargo
            .args(["build", "--release", "--lib", "--keep-going", "--target", TARGET])
            .arg("--message-format=json-render-diagnostics");
        for guest in &self.guests {
            cargo.args(["--package", &guest.id]);
        }
        let mut files = BTreeMap::new();
        let status = runner.run_lines(&mut cargo, |line| {
            // A procedural macro may print other lines in between; they are skipped.
            let message = serde_json::from_slice::<Value>(line).ok();
            files.extend(message.and_then(|message| self.artifact(&message)));
        });
        Ok((status.map_err(toolchain_error)?, files))
    }

    /// Returns the folder and the file of the guest that a message of cargo reports as built.
    fn artifact(&self, message: &Value) -> Option<(PathBuf, PathBuf)> {
        if message["reason"] != "compiler-artifact" || !is_cdylib(&message["target"]) {
            return None;
        }
        let mut guests = self.guests.iter();
        let guest = guests.find(|guest| message["package_id"] == *guest.id)?;
        let mut files = list(&message["filenames"]).filter_map(Value::as_str);
        let file = files.find(|file| file.ends_with(".wasm"))?;
        Some((guest.folder.clone(), file.into()))
    }
}

fn is_cdylib(target: &Value) -> bool {
    list(&target["crate_types"]).any(|kind| kind == "cdylib")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo's metadata lacks a field")
}

/// Describes why cargo or rustc did not run, and how to get them if they are not installed.
fn toolchain_error(error: RunError) -> anyhow::Error {
    match error {
        RunError::NotStarted(error) if error.kind() == ErrorKind::NotFound => MissingTool(
            "guests in Rust are built with cargo and rustc, which were not found: install Rust \
             from https://rustup.rs, open a new terminal and try again"
                .to_owned(),
        )
        .into(),
        error => anyhow::Error::new(error).context("cargo or rustc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guests_cdylib_is_an_artifact() {
        let workspace = Workspace {
            root: "/guests".into(),
            guests: vec![Package {
                id: "path+file:///guests/snow#0.1.0".into(),
                folder: "/guests/snow".into(),
            }],
        };
        let message = |id: &str, kind: &str, file: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "package_id": id,
                "target": { "crate_types": [kind] },
                "filenames": ["/target/libsnow.rlib", file],
            })
        };
        let snow = "path+file:///guests/snow#0.1.0";
        let found = workspace.artifact(&message(snow, "cdylib", "/target/snow.wasm"));
        assert_eq!(found.unwrap(), ("/guests/snow".into(), "/target/snow.wasm".into()));
        for other in [
            message("path+file:///sdk#0.1.0", "cdylib", "/target/snow.wasm"),
            message(snow, "lib", "/target/snow.wasm"),
            message(snow, "cdylib", "/target/libsnow.so"),
            serde_json::json!({ "reason": "build-finished", "success": true }),
        ] {
            assert!(workspace.artifact(&other).is_none(), "{other}");
        }
    }
}
