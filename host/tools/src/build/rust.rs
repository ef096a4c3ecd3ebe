//! Guests in Rust, by cargo.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use super::environment::tool;
use super::process::{Failure, Tools};
use super::{Artifact, Language, Made, say, timed};

/// Cargo packages with a `cdylib`, built for `wasm32-unknown-unknown`: the result imports nothing but the world
/// it was written for.
pub(super) struct Rust;

const TARGET: &str = "wasm32-unknown-unknown";

impl Language for Rust {
    fn knows(&self, folder: &Path) -> bool {
        folder.join("Cargo.toml").is_file()
    }

    fn build(&self, folders: &[PathBuf], tools: &Tools<'_>, out: &mut dyn Write) -> Vec<Made> {
        let (workspaces, mut made) = workspaces(folders, tools);
        for workspace in workspaces {
            made.append(&mut workspace.build(tools, out));
        }
        made
    }
}

/// The guests that one call of cargo builds.
struct Workspace {
    root: PathBuf,
    guests: Vec<Package>,
}

/// A package that makes a guest.
struct Package {
    /// Cargo's own name for it, unique in a build.
    id: String,
    folder: PathBuf,
}

/// Asks cargo which workspace each folder belongs to. A package without a `cdylib` is not a guest. What is known of folders
/// already is the second part: that they hold no guest, or make no sense.
fn workspaces(folders: &[PathBuf], tools: &Tools<'_>) -> (Vec<Workspace>, Vec<Made>) {
    let (mut unknown, mut known) = (BTreeMap::new(), Vec::new());
    let mut know = |folder, result| known.push(Made { folder, result, took: Duration::ZERO });
    // By the real path of the manifest, which is what cargo tells; ours may go through a link.
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        match fs::canonicalize(&manifest).with_context(|| format!("can't find {}", manifest.display())) {
            Ok(real) => drop(unknown.insert(real, folder.clone())),
            Err(error) => know(folder.clone(), Err(error)),
        }
    }
    let mut workspaces: BTreeMap<PathBuf, Vec<Package>> = BTreeMap::new();
    while let Some((manifest, folder)) = unknown.first_key_value() {
        let (manifest, folder) = (manifest.clone(), folder.clone());
        // One answer of cargo's has all packages of the workspace, so the next folder is of another one.
        let (root, packages) = match metadata(&folder, tools).and_then(|metadata| of_workspace(&metadata)) {
            Ok(workspace) => workspace,
            Err(error) => {
                unknown.remove(&manifest);
                know(folder, Err(error));
                continue;
            }
        };
        for (manifest, id) in packages {
            match (unknown.remove(&manifest), id) {
                (Some(folder), Some(id)) => workspaces.entry(root.clone()).or_default().push(Package { id, folder }),
                (Some(folder), None) => know(folder, Ok(None)),
                (None, _) => {}
            }
        }
        // A workspace without a package of its own is not among its packages.
        if let Some(folder) = unknown.remove(&manifest) {
            know(folder, Ok(None));
        }
    }
    let workspace = |(root, guests)| Workspace { root, guests };
    (workspaces.into_iter().map(workspace).collect(), known)
}

/// The manifests of a workspace's packages, each with the package's id if it is a guest.
type Packages = Vec<(PathBuf, Option<String>)>;

/// The root of a workspace, and its packages.
fn of_workspace(metadata: &Value) -> Result<(PathBuf, Packages)> {
    let root = PathBuf::from(text(&metadata["workspace_root"])?);
    let package = |package: &Value| -> Result<_> {
        let manifest = fs::canonicalize(text(&package["manifest_path"])?)?;
        let is_guest = list(&package["targets"]).any(is_cdylib);
        Ok((manifest, if is_guest { Some(text(&package["id"])?.to_owned()) } else { None }))
    };
    Ok((root, list(&metadata["packages"]).map(package).collect::<Result<_>>()?))
}

/// What cargo knows of the workspace that a folder belongs to.
fn metadata(folder: &Path, tools: &Tools<'_>) -> Result<Value> {
    let mut cargo = tool("cargo", folder);
    let (status, output) =
        tools.output(cargo.args(["metadata", "--no-deps", "--format-version", "1"])).map_err(unfinished)?;
    ensure!(status.success(), "cargo can't use {} (its message is above)", folder.join("Cargo.toml").display());
    serde_json::from_slice(&output).context("cargo's metadata is not JSON")
}

/// Sees to it that the toolchain in use in this folder can build for [`TARGET`]: adds the target if rustup
/// can, says how to get it if not.
fn ensure_target(folder: &Path, tools: &Tools<'_>, out: &mut dyn Write) -> Result<()> {
    let mut rustc = tool("rustc", folder);
    let (status, output) =
        tools.output(rustc.args(["--print", "target-libdir", "--target", TARGET])).map_err(unfinished)?;
    ensure!(status.success(), "rustc does not work in {} (its message is above)", folder.display());
    let libraries = String::from_utf8_lossy(&output);
    if Path::new(libraries.trim_end()).is_dir() {
        return Ok(());
    }
    say(out, &format!("adding the target {TARGET} to the Rust toolchain"));
    match tools.lines(tool("rustup", folder).args(["target", "add", TARGET]), |_| {}) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            bail!("`rustup target add {TARGET}` in {} failed ({status}, its message is above)", folder.display())
        }
        Err(Failure::NotStarted(error)) if error.kind() == ErrorKind::NotFound => bail!(
            "this Rust toolchain can't build for {TARGET}, and there is no rustup to add it: install Rust with \
             rustup (https://rustup.rs), or the target with the package manager that Rust came from"
        ),
        Err(failure) => Err(failure).context("rustup"),
    }
}

impl Workspace {
    fn build(&self, tools: &Tools<'_>, out: &mut dyn Write) -> Vec<Made> {
        let (built, took) = timed(|| self.run(tools, out));
        let result = |folder: &Path| match &built {
            Ok((status, artifacts)) => match artifacts.get(folder) {
                Some(file) => Ok(Some(Artifact { file: file.clone(), _scratch: None })),
                None if status.success() => Err(anyhow!("cargo built {} but made no .wasm of it", folder.display())),
                None => Err(anyhow!("cargo has failed ({status}, its messages are above)")),
            },
            Err(error) => Err(anyhow!("{error:#}")),
        };
        let made = |Package { folder, .. }: &Package| Made { folder: folder.clone(), result: result(folder), took };
        self.guests.iter().map(made).collect()
    }

    /// What was made, by the guests' folders. Of a guest that can't be compiled, nothing; the others are compiled.
    fn run(&self, tools: &Tools<'_>, out: &mut dyn Write) -> Result<(ExitStatus, BTreeMap<PathBuf, PathBuf>)> {
        ensure_target(&self.root, tools, out)?;
        let names = self.guests.iter().filter_map(|guest| guest.folder.file_name()).map(|name| name.to_string_lossy());
        say(out, &format!("building {} ...", names.collect::<Vec<_>>().join(", ")));
        let mut cargo = tool("cargo", &self.root);
        // Messages for us on standard output; what people read stays on standard error, progress included.
        cargo
            .args(["build", "--release", "--lib", "--keep-going", "--target", TARGET])
            .arg("--message-format=json-render-diagnostics");
        for guest in &self.guests {
            cargo.args(["--package", &guest.id]);
        }
        let mut artifacts = BTreeMap::new();
        let status = tools.lines(&mut cargo, |line| {
            // A procedural macro may print anything; a line that is not a message is not for us.
            let message = serde_json::from_slice::<Value>(line).ok();
            artifacts.extend(message.and_then(|message| self.artifact(&message)));
        });
        Ok((status.map_err(unfinished)?, artifacts))
    }

    /// The folder and the file that a message of cargo's is about, if it is about one of our guests.
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

fn unfinished(failure: Failure) -> anyhow::Error {
    let missing = matches!(&failure, Failure::NotStarted(error) if error.kind() == ErrorKind::NotFound);
    anyhow::Error::new(failure).context(match missing {
        true => {
            "guests in Rust are built with cargo and rustc, which were not found: install Rust from \
             https://rustup.rs, open a new terminal and try again"
        }
        false => "cargo or rustc",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guests_cdylib_is_an_artifact() {
        let workspace = Workspace {
            root: "/guests".into(),
            guests: vec![Package { id: "path+file:///guests/snow#0.1.0".into(), folder: "/guests/snow".into() }],
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
