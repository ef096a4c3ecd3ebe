//! Generates the bindings of the SDKs for C and Go from the contract.
//!
//! `cargo run` writes them; `cargo run -- --check` says which are not those of the contract, and
//! fails if there are any. They are committed, so that a guest can be built without this program.

mod c;
mod go;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_bindgen_core::{Files, WorldGenerator};

/// The world that all guests with an SDK are in.
const WORLD: &str = "resuming-guest";

/// The world of guests that have jobs too.
const WORKING_WORLD: &str = "working-guest";

/// Texts by their paths from the repository's root.
type Generated = BTreeMap<PathBuf, String>;

fn main() -> Result<()> {
    let is_check = match env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("unknown argument {other}; the only one is --check"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no root")?;
    let mut generated = c::generate(root)?;
    generated.append(&mut go::generate(root)?);
    let mut stale = Vec::new();
    for (path, text) in &generated {
        let file = root.join(path);
        if fs::read_to_string(&file).is_ok_and(|found| found == *text) {
            continue;
        }
        if is_check {
            stale.push(path.display().to_string());
            continue;
        }
        fs::create_dir_all(file.parent().context("a file has a folder")?)?;
        fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))?;
        println!("wrote {}", path.display());
    }
    ensure!(
        stale.is_empty(),
        "not the bindings of wit/snow.wit: {}; run `cargo run` in guest-sdk/bindings",
        stale.join(", ")
    );
    Ok(())
}

/// Reads the contract.
fn contract(root: &Path) -> Result<(Resolve, WorldId)> {
    let file = root.join("wit/snow.wit");
    let text =
        fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("snow.wit", &text)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    Ok((resolve, world))
}

/// Reads the contract. The world exports only what guests with jobs have, and others do not.
fn contract_of_jobs(root: &Path) -> Result<(Resolve, WorldId)> {
    let (mut resolve, world) = contract(root)?;
    let package = resolve.worlds[world].package.context("a world is in a package")?;
    let working = resolve.select_world(&[package], Some(WORKING_WORLD))?;
    let of_all = resolve.worlds[world].exports.clone();
    resolve.worlds[working].exports.retain(|key, _| !of_all.contains_key(key));
    Ok((resolve, working))
}

/// Runs a generator. Returns the files that it makes, by their names.
fn run(
    (mut resolve, world): (Resolve, WorldId),
    mut generator: Box<dyn WorldGenerator>,
) -> Result<Vec<(String, String)>> {
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    let text =
        |(name, bytes): (&str, &[u8])| Ok((name.to_owned(), String::from_utf8(bytes.to_vec())?));
    files.iter().map(text).collect()
}
