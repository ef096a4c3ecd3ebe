//! Decides which source folders are built, and with what.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::BuildScope;
use crate::languages::LANGUAGES;
use snow_config::GuestConfigs;

/// The way in which a folder is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder<'a> {
    /// The guest's own command, from `snow.toml`.
    Command(&'a [String]),
    /// The tools of a language, by its index in [`LANGUAGES`].
    Language(usize),
}

/// Returns the sub-folders of the guests folder, in the order of their names. Hidden folders belong
/// to tools, and are left out.
pub(super) fn source_folders(guests: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("can't read the guests folder {}", guests.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(guests).with_context(context)? {
        let entry = entry.with_context(context)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // `is_dir` follows links: a guest's source may be elsewhere and be linked here.
        if !is_hidden && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// Returns the folders to build, each with its builder.
///
/// A changed folder without a builder may hold sources that any guest uses, so it has all guests
/// built.
pub(super) fn plan<'a>(
    folders: &[PathBuf],
    configs: &'a GuestConfigs,
    scope: BuildScope<'_>,
) -> Vec<(PathBuf, Builder<'a>)> {
    let is_changed = |folder: &PathBuf| match scope {
        BuildScope::All => true,
        BuildScope::Changed(names) => folder.file_name().is_some_and(|name| names.contains(name)),
    };
    let is_shared = |folder: &PathBuf| is_changed(folder) && builder(folder, configs).is_none();
    let builds_all = folders.iter().any(is_shared);
    let chosen = folders.iter().filter(|folder| builds_all || is_changed(folder));
    chosen.filter_map(|folder| Some((folder.clone(), builder(folder, configs)?))).collect()
}

/// Returns the builder of a folder. A command in `snow.toml` comes before any language.
fn builder<'a>(folder: &Path, configs: &'a GuestConfigs) -> Option<Builder<'a>> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let command = name.and_then(|name| configs.get(name)?.build.as_deref());
    let language =
        || LANGUAGES.iter().position(|language| language.recognizes(folder)).map(Builder::Language);
    command.map(Builder::Command).or_else(language)
}

/// Returns the guests that have a build command but no source folder, in the order of their names.
pub(super) fn without_source<'a>(folders: &[PathBuf], configs: &'a GuestConfigs) -> Vec<&'a str> {
    let has_folder =
        |name: &str| folders.iter().any(|folder| folder.file_name().is_some_and(|own| own == name));
    let commanded = configs.iter().filter(|(_, config)| config.build.is_some());
    commanded.map(|(name, _)| name.as_str()).filter(|name| !has_folder(name)).collect()
}
