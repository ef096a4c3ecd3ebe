//! `snow-host engine`: makes the engines that evaluate source files. They are made when somebody
//! asks for it, by this command or by one that builds.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context;

use crate::compile::own_folder;
use crate::signals::{CancelOnSignal, exit_if_cancelled};
use crate::{build, terminal};
use snow_core::{error_chain, escape_control, lock};
use snow_guests::SourceLanguage;
use snow_server::Watch;
use snow_tools::{Cancellation, EngineRecipe, engines};

/// The variable that names the folder of engines.
const FOLDER_VARIABLE: &str = "SNOW_HOST_ENGINES";

/// Runs `snow-host engine install`.
pub(crate) fn install(names: &[String], to: Option<PathBuf>) -> anyhow::Result<()> {
    let cancellation = Cancellation::default();
    let _signals = CancelOnSignal::watch(cancellation.clone())?;
    let folder = to.or_else(folder).context(
        "there is no home folder for engines: name one with --to, and set $SNOW_HOST_ENGINES to it",
    )?;
    // The script that makes an engine runs elsewhere.
    let folder = path::absolute(folder)?;
    let wanted = |recipe: &&EngineRecipe| names.iter().any(|name| name == recipe.name);
    for recipe in engines().iter().filter(wanted) {
        let installed = recipe.install(&folder, &cancellation, &mut terminal::err());
        exit_if_cancelled(&cancellation);
        let file = installed?.display().to_string();
        writeln!(terminal::out(), "{}", escape_control(&file))?;
    }
    Ok(())
}

/// Runs `snow-host engine list`.
pub(crate) fn list() -> anyhow::Result<()> {
    let mut out = terminal::out();
    let files = files();
    for recipe in engines() {
        let file = files.get(recipe.name);
        let is_there = file.is_some_and(|file| file.is_file());
        let state = if is_there { "installed" } else { "not installed" };
        let shown = file.map(|file| file.display().to_string()).unwrap_or_default();
        let (name, languages, shown) = (recipe.name, recipe.languages, escape_control(&shown));
        writeln!(out, "{name:<8} {languages:<26} {state:<14} {shown}")?;
    }
    Ok(())
}

/// Makes the engines that the source files in a guests folder need and that are not there yet.
///
/// # Errors
/// An engine can't be made.
pub(crate) fn install_needed(guests: &Path, cancellation: &Cancellation) -> anyhow::Result<()> {
    let installed = install_all(&missing(guests), cancellation);
    exit_if_cancelled(cancellation);
    installed
}

/// Makes engines that a guests folder comes to need, for as long as the watch is kept. One that
/// can't be made is tried again when another one is needed too.
///
/// # Errors
/// The folder can't be watched.
pub(crate) fn watch_needed(guests: &Path, cancellation: Cancellation) -> io::Result<Watch> {
    let (folder, failed) = (guests.to_owned(), Mutex::new(Vec::new()));
    Watch::start(guests, move || {
        let missing = missing(&folder);
        let mut failed = lock(&failed);
        if missing.is_empty() || *failed == missing || cancellation.is_cancelled() {
            return;
        }
        if let Err(error) = install_all(&missing, &cancellation) {
            // Standard error is gone; so is whoever would read why.
            let _ = build::complain(&mut terminal::err(), &error_chain(error.as_ref()));
            *failed = missing;
        }
    })
}

fn install_all(names: &[&str], cancellation: &Cancellation) -> anyhow::Result<()> {
    for recipe in engines().iter().filter(|recipe| names.contains(&recipe.name)) {
        let folder = folder().with_context(|| {
            format!("there is no home folder for engines: set ${FOLDER_VARIABLE} to one")
        })?;
        recipe.install(&folder, cancellation, &mut terminal::err())?;
    }
    Ok(())
}

/// Returns the names of the engines that source files in a folder need and that are not there.
fn missing(guests: &Path) -> Vec<&'static str> {
    let mut names = needed(guests);
    if names.is_empty() {
        return names;
    }
    let files = files();
    names.retain(|name| !files.get(name).is_some_and(|file| file.is_file()));
    names
}

/// Returns the names of the engines that source files in a folder need, or one file.
fn needed(guests: &Path) -> Vec<&'static str> {
    let entries = fs::read_dir(guests).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).chain([guests.to_owned()]);
    let is_served = |file: &PathBuf| snow_server::is_guest(file) && file.is_file();
    let languages = files.filter(is_served).filter_map(|file| SourceLanguage::of(&file));
    let mut names: Vec<_> = languages.map(SourceLanguage::engine).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns where each engine's file is to be, whether or not it is there.
pub(crate) fn files() -> BTreeMap<&'static str, PathBuf> {
    let Some(folder) = folder() else { return BTreeMap::new() };
    engines().iter().map(|recipe| (recipe.name, folder.join(recipe.file_name()))).collect()
}

/// Returns the folder of engines: the one that the environment names, or else the user's own.
fn folder() -> Option<PathBuf> {
    let named = env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty());
    named
        .and_then(|folder| path::absolute(folder).ok())
        .or_else(|| own_folder("XDG_DATA_HOME", ".local/share").map(|own| own.join("engines")))
}
