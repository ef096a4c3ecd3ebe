//! Guest files become guests: all of them when the server starts, and later, on a thread of their
//! own, those that changed.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;

use super::catalog::Catalog;
use super::deployer::DeployerMessage;
use crate::folder::{GuestFile, Snapshot};
use snow_core::lock;
use snow_guests::{Guest, LoadError, Loader, Urgency};

/// A guest that was left out of what serves.
#[derive(Debug)]
pub struct LeftOut {
    /// The guest's file.
    pub path: PathBuf,
    /// What is wrong with the file, and what to do about it.
    pub error: anyhow::Error,
}

impl LeftOut {
    /// Reports a guest with several files: no rule could tell which of them is meant.
    pub(super) fn ambiguous(name: &str, files: &[GuestFile]) -> LeftOut {
        let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        let error = anyhow::anyhow!(
            "several files are the guest `{name}`: {}. Remove all but one",
            paths.join(", ")
        );
        LeftOut { path: files.first().map(|file| file.path.clone()).unwrap_or_default(), error }
    }
}

/// Loads every guest in the folder and publishes the first deployment. Guests that can't be loaded,
/// or whose routes do not fit beside the others', are left out and returned.
pub fn load_all(catalog: &mut Catalog, loader: &Loader, found: &Snapshot) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    for (name, files) in &found.guests {
        let failed = match files.as_slice() {
            [GuestFile { path, .. }] => match loader.load(path, Urgency::Start) {
                Ok(guest) => {
                    catalog.put(name, path, guest);
                    continue;
                }
                Err(error) => LeftOut { path: path.clone(), error: error.into() },
            },
            several => LeftOut::ambiguous(name, several),
        };
        catalog.note_failure(name, &failed.path, &failed.error);
        left_out.push(failed);
    }
    left_out.append(&mut catalog.publish());
    left_out
}

/// One guest file that was loaded, or could not be.
pub struct Loaded {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) guest: Result<Guest, LoadError>,
}

/// The guests that a loading thread has loaded so far. Dropping the batch sends them to the
/// deployer, so the deployer, which waits for them, hears of a thread that panics too.
pub(super) struct Batch {
    loaded: Vec<Loaded>,
    to_deployer: Sender<DeployerMessage>,
}

impl Batch {
    /// Loads one guest file.
    pub fn load(&mut self, loader: &Loader, name: String, path: PathBuf) {
        let guest = loader.load(&path, Urgency::Live);
        self.loaded.push(Loaded { name, path, guest });
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // It fails if the deployer has ended; then the guests are not needed.
        let _ = self.to_deployer.send(DeployerMessage::Loaded(std::mem::take(&mut self.loaded)));
    }
}

/// Starts a thread that loads what `work` puts into the batch.
pub(super) fn spawn(
    loader: Arc<Mutex<Loader>>,
    to_deployer: Sender<DeployerMessage>,
    work: impl FnOnce(&Loader, &mut Batch) + Send + 'static,
) -> io::Result<()> {
    let load = move || {
        let mut batch = Batch { loaded: Vec::new(), to_deployer };
        work(&lock(&loader), &mut batch);
    };
    thread::Builder::new().name("snow-loader".into()).spawn(load).map(drop)
}
