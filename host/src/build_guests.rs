//! Turns guests in source form into the `.wasm` files that are served: `snow-host build`.
//!
//! Each folder in the guests folder that a `Language` knows is built with that language's own tools, and what
//! comes out is put beside it: `guests/snow/` becomes `guests/snow.wasm`. A folder that no language knows is
//! left alone.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

/// A guest that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The guest's name: its folder's, and its file's stem.
    pub name: String,
    /// The file that is served.
    pub file: PathBuf,
    /// The size of that file.
    pub bytes: u64,
    /// Whether the file is another than before.
    pub changed: bool,
}

/// A language that guests are written in. Another one is a type that implements this and a place in
/// [`LANGUAGES`].
trait Language {
    /// Whether this folder holds a guest's source in this language.
    fn knows(&self, folder: &Path) -> bool;

    /// Builds the guests of these folders, of which there is at least one. A folder that holds something else
    /// (a library) has no artifact. The tools' own messages go to standard error.
    fn build(&self, folders: &[PathBuf], out: &mut dyn Write) -> Result<Vec<Artifact>>;
}

/// In the order they are asked.
const LANGUAGES: &[&dyn Language] = &[&Rust];

/// What a language's tools made of a folder.
struct Artifact {
    folder: PathBuf,
    file: PathBuf,
}

/// Builds every guest in `guests` and says on `out` what it did.
///
/// A served file changes only when its bytes do, and then at once, so that a host which watches the folder
/// never reads half a guest, nor reloads one for nothing.
pub fn build(guests: &Path, out: &mut dyn Write) -> Result<Vec<Built>> {
    let folders = folders(guests)?;
    let mut built = Vec::new();
    for (index, language) in LANGUAGES.iter().enumerate() {
        // A folder belongs to the first language that knows it.
        let language_of = |folder: &Path| LANGUAGES.iter().position(|each| each.knows(folder));
        let mine = folders.iter().filter(|folder| language_of(folder) == Some(index));
        let mine: Vec<PathBuf> = mine.cloned().collect();
        if mine.is_empty() {
            continue;
        }
        for artifact in language.build(&mine, out)? {
            let guest = install(guests, &artifact)?;
            let (name, file) = (&guest.name, guest.file.display());
            let kilobytes = guest.bytes.div_ceil(1000);
            match guest.changed {
                true => writeln!(out, "built {name} -> {file} ({kilobytes} KB)")?,
                false => writeln!(out, "{name} is unchanged: {file} ({kilobytes} KB)")?,
            }
            built.push(guest);
        }
    }
    if built.is_empty() {
        writeln!(out, "nothing to build in {}", guests.display())?;
    }
    Ok(built)
}

/// The folders in the guests folder, by name. Hidden ones are tools' own.
fn folders(guests: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("can't read the guests folder {}", guests.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(guests).with_context(context)? {
        let entry = entry.with_context(context)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // `is_dir` follows links: a guest may live elsewhere and be linked here.
        if !hidden && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// Puts an artifact where it is served.
fn install(guests: &Path, artifact: &Artifact) -> Result<Built> {
    let name = artifact.folder.file_name().unwrap_or_default();
    let name = name.to_str().with_context(|| format!("{} is no name for a guest: not UTF-8", name.display()))?;
    let file = guests.join(format!("{name}.wasm"));
    let bytes =
        fs::read(&artifact.file).with_context(|| format!("can't read what was built, {}", artifact.file.display()))?;
    let changed = fs::read(&file).ok().as_deref() != Some(&bytes);
    if changed {
        replace(&file, &bytes).with_context(|| format!("can't write {}", file.display()))?;
    }
    Ok(Built { name: name.to_owned(), file, bytes: bytes.len() as u64, changed })
}

/// Writes a file so that a reader sees all of the old or all of the new.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // In the same folder, since a rename does not cross file systems; and with an ending that is no guest's.
    let partial = file.with_extension(format!("wasm.{}.partial", process::id()));
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Cargo packages with a `cdylib`, built for `wasm32-unknown-unknown`: the result imports nothing but the world
/// it was written for.
struct Rust;

const TARGET: &str = "wasm32-unknown-unknown";

impl Language for Rust {
    fn knows(&self, folder: &Path) -> bool {
        folder.join("Cargo.toml").is_file()
    }

    fn build(&self, folders: &[PathBuf], out: &mut dyn Write) -> Result<Vec<Artifact>> {
        let mut artifacts = Vec::new();
        for workspace in workspaces(folders)? {
            ensure_target(&workspace.root, out)?;
            artifacts.append(&mut workspace.build()?);
        }
        // Cargo tells them in the order they were done.
        artifacts.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(artifacts)
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

/// Asks cargo which workspace each folder belongs to. A package without a `cdylib` is not a guest.
fn workspaces(folders: &[PathBuf]) -> Result<Vec<Workspace>> {
    // By the real path of the manifest, which is what cargo tells; ours may go through a link.
    let mut unknown = BTreeMap::new();
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        let real = fs::canonicalize(&manifest).with_context(|| format!("can't find {}", manifest.display()))?;
        unknown.insert(real, folder.clone());
    }
    let mut workspaces: BTreeMap<PathBuf, Vec<Package>> = BTreeMap::new();
    while let Some((manifest, folder)) = unknown.first_key_value() {
        let (manifest, metadata) = (manifest.clone(), metadata(folder)?);
        let root = PathBuf::from(text(&metadata["workspace_root"])?);
        // One answer of cargo's has all packages of the workspace, so the next folder is of another one.
        for package in list(&metadata["packages"]) {
            let manifest = fs::canonicalize(text(&package["manifest_path"])?)?;
            let Some(folder) = unknown.remove(&manifest) else {
                continue;
            };
            if list(&package["targets"]).any(is_cdylib) {
                let id = text(&package["id"])?.to_owned();
                let guests = workspaces.entry(root.clone()).or_default();
                guests.push(Package { id, folder });
            }
        }
        // A workspace without a package of its own is not among its packages.
        unknown.remove(&manifest);
    }
    let workspace = |(root, guests)| Workspace { root, guests };
    Ok(workspaces.into_iter().map(workspace).collect())
}

/// What cargo knows of the workspace that a folder belongs to.
fn metadata(folder: &Path) -> Result<Value> {
    let output = tool("cargo", folder)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(not_started)?;
    ensure!(output.status.success(), "cargo can't use {} (its message is above)", folder.join("Cargo.toml").display());
    serde_json::from_slice(&output.stdout).context("cargo's metadata is not JSON")
}

/// Sees to it that the toolchain in use in this folder can build for [`TARGET`]: adds the target if rustup
/// can, says how to get it if not.
fn ensure_target(folder: &Path, out: &mut dyn Write) -> Result<()> {
    let output = tool("rustc", folder)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::inherit())
        .output()
        .map_err(not_started)?;
    ensure!(output.status.success(), "rustc does not work in {} (its message is above)", folder.display());
    let libraries = String::from_utf8_lossy(&output.stdout);
    if Path::new(libraries.trim_end()).is_dir() {
        return Ok(());
    }
    let started = tool("rustup", folder).args(["target", "add", TARGET]).stdout(Stdio::null()).spawn();
    let added = started.and_then(|mut rustup| {
        writeln!(out, "adding the target {TARGET} to the Rust toolchain")?;
        out.flush()?;
        rustup.wait()
    });
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            bail!("`rustup target add {TARGET}` in {} failed ({status}, its message is above)", folder.display())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "this Rust toolchain can't build for {TARGET}, and there is no rustup to add it: install Rust with \
             rustup (https://rustup.rs), or the target with the package manager that Rust came from"
        ),
        Err(error) => Err(error).context("can't run rustup"),
    }
}

impl Workspace {
    fn build(&self) -> Result<Vec<Artifact>> {
        let mut cargo = tool("cargo", &self.root);
        // Messages for us on standard output; what people read stays on standard error, progress included.
        cargo
            .args(["build", "--release", "--lib", "--target", TARGET])
            .arg("--message-format=json-render-diagnostics")
            .stdout(Stdio::piped());
        for guest in &self.guests {
            cargo.args(["--package", &guest.id]);
        }
        let mut child = cargo.spawn().map_err(not_started)?;
        let messages = child.stdout.take().context("cargo has no output")?;
        let mut artifacts = Vec::new();
        for line in BufReader::new(messages).split(b'\n') {
            // A procedural macro may print anything; a line that is not a message is not for us.
            let Ok(message) = serde_json::from_slice::<Value>(&line?) else {
                continue;
            };
            artifacts.extend(self.artifact(&message));
        }
        let status = child.wait()?;
        ensure!(
            status.success(),
            "cargo could not build the guests in {} ({status}, its messages are above)",
            self.root.display()
        );
        for guest in &self.guests {
            ensure!(
                artifacts.iter().any(|artifact| artifact.folder == guest.folder),
                "cargo built {} but made no .wasm of it",
                guest.folder.display()
            );
        }
        Ok(artifacts)
    }

    /// The artifact that a message of cargo's is about, if it is about one of our guests.
    fn artifact(&self, message: &Value) -> Option<Artifact> {
        if message["reason"] != "compiler-artifact" || !is_cdylib(&message["target"]) {
            return None;
        }
        let mut guests = self.guests.iter();
        let guest = guests.find(|guest| message["package_id"] == *guest.id)?;
        let mut files = list(&message["filenames"]).filter_map(Value::as_str);
        let file = files.find(|file| file.ends_with(".wasm"))?;
        Some(Artifact { folder: guest.folder.clone(), file: file.into() })
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

fn not_started(error: std::io::Error) -> anyhow::Error {
    let missing = error.kind() == ErrorKind::NotFound;
    anyhow::Error::new(error).context(match missing {
        true => {
            "guests in Rust are built with cargo and rustc, which were not found: install Rust from \
             https://rustup.rs, open a new terminal and try again"
        }
        false => "can't run cargo or rustc",
    })
}

/// A tool of the Rust toolchain that is in use in `folder`.
///
/// We may ourselves have been started by `cargo run`, which leaves its own build's settings in the
/// environment. They were meant for the host: flags for the native linker or a shared target folder would
/// break a guest's build or end in the wrong place, so they do not pass.
fn tool(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    let toolchain_is_chosen = toolchain_is_chosen();
    for (name, _) in env::vars_os() {
        let passes = match name.to_str() {
            Some("RUSTUP_TOOLCHAIN") => toolchain_is_chosen,
            Some(name) => passes(name),
            None => true,
        };
        if !passes {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether a person chose the toolchain that `RUSTUP_TOOLCHAIN` names.
///
/// Rustup sets the variable for everything that it starts. If it took the toolchain from a file or from its
/// default, then it chose for the folder that `cargo run` was called in, and must choose anew for the guests'.
/// If somebody said `cargo +nightly` or set the variable, that stays. Rustup says which in a second variable;
/// versions before it are taken to have chosen by themselves.
fn toolchain_is_chosen() -> bool {
    match env::var("RUSTUP_TOOLCHAIN_SOURCE") {
        Ok(source) => source == "cli" || source == "env",
        Err(_) => env::var_os("CARGO").is_none(),
    }
}

/// Whether a variable may reach a guest's build: what says where cargo lives and how it reaches the network and
/// the terminal may, and what is said for the guests' target; what shapes the build of the host may not.
fn passes(name: &str) -> bool {
    const SHAPES_A_BUILD: &[&str] = &["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN_"];
    const PASSES_YET: &[&str] = &[
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_",
    ];
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    !begins(SHAPES_A_BUILD) || begins(PASSES_YET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_build_settings_do_not_reach_the_guests() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
        ] {
            assert!(!passes(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "CARGO_HTTP_PROXY",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            "CARGO_TERM_COLOR",
        ] {
            assert!(passes(name), "{name}");
        }
    }

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
        assert_eq!(found.unwrap().file, Path::new("/target/snow.wasm"));
        for other in [
            message("path+file:///sdk#0.1.0", "cdylib", "/target/snow.wasm"),
            message(snow, "lib", "/target/snow.wasm"),
            message(snow, "cdylib", "/target/libsnow.so"),
            serde_json::json!({ "reason": "build-finished", "success": true }),
        ] {
            assert!(workspace.artifact(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_guest_is_replaced_only_when_it_changes() {
        let guests = env::temp_dir().join(format!("snow-host-install-{}", process::id()));
        fs::create_dir_all(&guests).unwrap();
        let file = guests.join("built");
        let artifact = Artifact { folder: guests.join("two-step"), file: file.clone() };
        for (bytes, changed) in [("1", true), ("1", false), ("22", true)] {
            fs::write(&file, bytes).unwrap();
            let built = install(&guests, &artifact).unwrap();
            assert_eq!((built.changed, built.bytes), (changed, bytes.len() as u64));
            assert_eq!(built.name, "two-step");
            assert_eq!(fs::read(guests.join("two-step.wasm")).unwrap(), bytes.as_bytes());
        }
        assert_eq!(fs::read_dir(&guests).unwrap().count(), 2, "nothing else is left there");
        fs::remove_dir_all(&guests).unwrap();
    }

    #[test]
    fn a_folder_without_sources_has_nothing_to_build() {
        let guests = env::temp_dir().join(format!("snow-host-empty-{}", process::id()));
        fs::create_dir_all(guests.join("data")).unwrap();
        let mut said = Vec::new();
        assert_eq!(build(&guests, &mut said).unwrap(), []);
        assert!(String::from_utf8(said).unwrap().starts_with("nothing to build in "));
        fs::remove_dir_all(&guests).unwrap();
        assert!(build(&guests, &mut Vec::new()).is_err(), "there is no such folder");
    }
}
