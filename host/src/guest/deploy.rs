//! A folder becomes a deployment: its guests by name, and one table of all their routes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};

use super::loader::{Loader, Urgency};
use super::module::Guest;
use super::runtime::Runtime;
use crate::router::{Entry, Router};

/// Guests and routes that serve together. It never changes: a new one takes its place.
pub struct Deployment {
    /// By name.
    pub guests: Vec<Arc<Guest>>,
    /// All their routes; first match wins, in the order of guests, then of declaration.
    pub router: Router,
}

/// A guest that was left out, and why.
#[derive(Debug)]
pub struct Rejected {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub error: anyhow::Error,
}

impl Deployment {
    /// Loads every guest of a folder (or the one in a file). A guest that can't be loaded is left out and
    /// reported; the others serve. Fails only if the folder itself can't be read.
    pub fn load(
        folder: &Path,
        runtime: &Runtime,
        loader: &Loader,
        urgency: Urgency,
    ) -> anyhow::Result<(Deployment, Vec<Rejected>)> {
        let (mut guests, mut rejected) = (Vec::new(), Vec::new());
        for (name, paths) in guest_files(folder, runtime.limits.guests_max)? {
            let [path] = paths.as_slice() else {
                rejected.push(ambiguous(&name, &paths));
                continue;
            };
            match loader.load(path, urgency) {
                Ok(guest) => guests.push(Arc::new(guest)),
                Err(error) => rejected.push(Rejected { path: path.clone(), error }),
            }
        }
        let router = loop {
            match Router::new(entries(&guests)) {
                Ok(router) => break router,
                // Each guest's routes are fine by themselves, but all together are too many: whoever has most goes.
                Err(error) => {
                    let most = guests.iter().enumerate().max_by_key(|(_, guest)| guest.routes.len());
                    let Some((index, _)) = most else { return Err(error.into()) };
                    let guest = guests.remove(index);
                    let error = anyhow::Error::from(error).context("does not fit beside the other guests");
                    rejected.push(Rejected { path: PathBuf::from(&*guest.name), error });
                }
            }
        };
        Ok((Deployment { guests, router }, rejected))
    }
}

fn entries(guests: &[Arc<Guest>]) -> Vec<Entry> {
    let of_guest = |(index, guest): (usize, &Arc<Guest>)| {
        let routes = guest.routes.clone().into_iter().enumerate();
        let entries = routes.map(move |(route, declared)| Entry { guest: index as u32, route: route as u32, declared });
        entries.collect::<Vec<_>>()
    };
    guests.iter().enumerate().flat_map(of_guest).collect()
}

fn ambiguous(name: &str, paths: &[PathBuf]) -> Rejected {
    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let error = anyhow::anyhow!("several files are the guest `{name}`: {}. Remove all but one", files.join(", "));
    Rejected { path: paths[0].clone(), error }
}

/// The guest files of a folder, by the name of the guest. Hidden files and other endings are not guests.
fn guest_files(folder: &Path, most: usize) -> anyhow::Result<BTreeMap<String, Vec<PathBuf>>> {
    let missing = || format!("the guests folder {} can't be read", folder.display());
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut add = |path: PathBuf| {
        let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else { return };
        if (ending == "wasm" || ending == "wat") && !stem.to_string_lossy().starts_with('.') {
            files.entry(stem.to_string_lossy().into_owned()).or_default().push(path);
        }
    };
    if std::fs::metadata(folder).with_context(missing)?.is_file() {
        add(folder.to_owned());
    } else {
        for entry in std::fs::read_dir(folder).with_context(missing)? {
            let path = entry.with_context(missing)?.path();
            if path.is_file() {
                add(path);
            }
        }
    }
    ensure!(files.len() <= most, "{} holds {} guests; at most {most} are allowed", folder.display(), files.len());
    for paths in files.values_mut() {
        paths.sort();
    }
    Ok(files)
}
