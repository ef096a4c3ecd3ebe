//! Finds the guests to test, and their case files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use snow_server::is_guest;

/// The ending of a case file, after the guest's name.
const CASE_FILE_ENDING: &str = ".test.toml";

/// A guest to test, and its case files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GuestUnderTest {
    pub name: String,
    /// The guest's file.
    pub file: PathBuf,
    /// The case files that exist.
    pub case_files: Vec<PathBuf>,
    /// The other guests in its folder, by name.
    pub neighbours: BTreeMap<String, PathBuf>,
    /// Whether it has a source folder.
    has_source: bool,
}

impl GuestUnderTest {
    /// Returns the path of the case file to write if there is none.
    pub fn suggested_case_file(&self) -> PathBuf {
        let [beside, in_source] = case_files(&folder_of(&self.file), &self.name);
        if self.has_source { in_source } else { beside }
    }
}

/// Returns the guest in a file, or all guests in a folder.
///
/// # Errors
/// There is no guest, a name is taken twice, or cases lie there for a guest that is not there.
pub(super) fn find(guests: &Path) -> anyhow::Result<Vec<GuestUnderTest>> {
    let found = fs::metadata(guests).with_context(|| format!("can't read {}", guests.display()))?;
    let folder = if found.is_dir() { guests.to_owned() } else { folder_of(guests) };
    let files = guest_files(&folder)?;
    if !found.is_dir() {
        let name = guest_name(guests).with_context(|| {
            format!(
                "{} is not a guest: name a .wasm, .wat, .js, .ts or .py file, or a folder of them",
                guests.display()
            )
        })?;
        return Ok(vec![guest(&folder, name, guests.to_owned(), &files)]);
    }
    check_for_missing_guests(&folder, &files)?;
    ensure!(
        !files.is_empty(),
        "there is no guest in {}: `snow-host build` makes guests of their sources",
        folder.display()
    );
    let guest =
        |(name, file): (&String, &PathBuf)| guest(&folder, name.clone(), file.clone(), &files);
    Ok(files.iter().map(guest).collect())
}

fn guest(
    folder: &Path,
    name: String,
    file: PathBuf,
    files: &BTreeMap<String, PathBuf>,
) -> GuestUnderTest {
    let case_files = case_files(folder, &name).into_iter().filter(|file| file.is_file()).collect();
    let mut neighbours = files.clone();
    neighbours.remove(&name);
    let has_source = folder.join(&name).is_dir();
    GuestUnderTest { name, file, case_files, neighbours, has_source }
}

/// Returns the two places for a guest's case file: beside its file, and in its source folder.
fn case_files(folder: &Path, name: &str) -> [PathBuf; 2] {
    let file = format!("{name}{CASE_FILE_ENDING}");
    [folder.join(&file), folder.join(name).join(file)]
}

/// Returns the guests' files in a folder, by name.
fn guest_files(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for path in entries(folder)? {
        let Some(name) = guest_name(&path).filter(|_| path.is_file()) else { continue };
        if let Some(other) = files.insert(name.clone(), path.clone()) {
            let (one, other) = (other.display(), path.display());
            bail!("two files are the guest `{name}`: {one} and {other}. Remove one of them");
        }
    }
    Ok(files)
}

/// Refuses a folder with cases for a guest that was not built: they would be skipped unnoticed.
fn check_for_missing_guests(
    folder: &Path,
    files: &BTreeMap<String, PathBuf>,
) -> anyhow::Result<()> {
    let tested_name =
        |path: &Path| path.file_name()?.to_str()?.strip_suffix(CASE_FILE_ENDING).map(str::to_owned);
    for path in entries(folder)? {
        let (name, cases) = match path.is_dir() {
            true => {
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
                (name.to_owned(), path.join(format!("{name}{CASE_FILE_ENDING}")))
            }
            false => {
                let Some(name) = tested_name(&path) else { continue };
                (name, path)
            }
        };
        ensure!(
            files.contains_key(&name) || !cases.is_file(),
            "{} has cases for a guest that does not exist: build it with `snow-host test --build`, or \
             put its file ({name}.wasm, .wat, .js, .ts or .py) into {}",
            cases.display(),
            folder.display()
        );
    }
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("can't read the guests folder {}", folder.display());
    let entries = fs::read_dir(folder).with_context(context)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(context)?;
    paths.sort();
    Ok(paths)
}

/// Returns the name of the guest in a file, or `None` if the file's name is not a guest's.
fn guest_name(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    is_guest(path).then(|| name.to_owned())
}

/// Returns the folder of a file; `.` for a bare file name.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
