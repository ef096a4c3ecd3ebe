//! Which guests are to be tested, and where their cases are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// How a file of cases ends, behind the guest's name.
const CASES_END: &str = ".test.toml";

/// A guest and its cases.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub name: String,
    /// The guest itself.
    pub file: PathBuf,
    /// Perhaps none.
    pub case_files: Vec<PathBuf>,
    /// The other guests of its folder, by name.
    pub neighbours: BTreeMap<String, PathBuf>,
    /// It has a source folder.
    from_source: bool,
}

impl Subject {
    /// Where its cases would be written.
    pub fn case_file_wanted(&self) -> PathBuf {
        let [beside, in_source] = case_files(&folder_of(&self.file), &self.name);
        if self.from_source { in_source } else { beside }
    }
}

/// The guest in a file, or all guests of a folder.
pub(super) fn subjects(guests: &Path) -> anyhow::Result<Vec<Subject>> {
    let found = fs::metadata(guests).with_context(|| format!("{} can't be read", guests.display()))?;
    let folder = if found.is_dir() { guests.to_owned() } else { folder_of(guests) };
    let files = guest_files(&folder)?;
    if !found.is_dir() {
        let name = guest_name(guests).with_context(|| {
            format!("{} is no guest: give a .wasm or .wat file, or a folder of them", guests.display())
        })?;
        return Ok(vec![subject(&folder, name, guests.to_owned(), &files)]);
    }
    unbuilt(&folder, &files)?;
    ensure!(!files.is_empty(), "there is no guest in {}: `snow-host build` makes them", folder.display());
    let subject = |(name, file): (&String, &PathBuf)| subject(&folder, name.clone(), file.clone(), &files);
    Ok(files.iter().map(subject).collect())
}

fn subject(folder: &Path, name: String, file: PathBuf, files: &BTreeMap<String, PathBuf>) -> Subject {
    let case_files = case_files(folder, &name).into_iter().filter(|file| file.is_file()).collect();
    let mut neighbours = files.clone();
    neighbours.remove(&name);
    let from_source = folder.join(&name).is_dir();
    Subject { name, file, case_files, neighbours, from_source }
}

/// Where cases of a guest may be: beside its file, and in its source folder.
fn case_files(folder: &Path, name: &str) -> [PathBuf; 2] {
    let file = format!("{name}{CASES_END}");
    [folder.join(&file), folder.join(name).join(file)]
}

/// The guests of a folder, by name.
fn guest_files(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for path in entries(folder)? {
        let Some(name) = guest_name(&path).filter(|_| path.is_file()) else { continue };
        if let Some(other) = files.insert(name.clone(), path.clone()) {
            let (one, other) = (other.display(), path.display());
            bail!("several files are the guest `{name}`: {one}, {other}. Remove all but one");
        }
    }
    Ok(files)
}

/// Cases whose guest is not there would pass unnoticed.
fn unbuilt(folder: &Path, files: &BTreeMap<String, PathBuf>) -> anyhow::Result<()> {
    let of_cases = |path: &Path| path.file_name()?.to_str()?.strip_suffix(CASES_END).map(str::to_owned);
    for path in entries(folder)? {
        let (name, cases) = match path.is_dir() {
            true => {
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
                (name.to_owned(), path.join(format!("{name}{CASES_END}")))
            }
            false => {
                let Some(name) = of_cases(&path) else { continue };
                (name, path)
            }
        };
        ensure!(
            files.contains_key(&name) || !cases.is_file(),
            "{} has cases for a guest that is not there: build it with `snow-host test --build`, or put {name}.wasm \
             or {name}.wat into {}",
            cases.display(),
            folder.display()
        );
    }
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("can't read the guests folder {}", folder.display());
    let entries = fs::read_dir(folder).with_context(context)?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().with_context(context)?;
    paths.sort();
    Ok(paths)
}

/// The guest's name, if this is how a guest's file is called.
fn guest_name(path: &Path) -> Option<String> {
    let (name, ending) = (path.file_stem()?.to_str()?, path.extension()?);
    ((ending == "wasm" || ending == "wat") && !name.starts_with('.')).then(|| name.to_owned())
}

/// `guest.wasm` lies in the current folder.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
