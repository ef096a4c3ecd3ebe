//! Guest files become guests: all of them when the server starts, and later, each on a thread, those
//! that changed.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use super::catalog::Catalog;
use super::deployer::DeployerMessage;
use super::loads::{Lane, Start};
use crate::folder::{GuestFile, Snapshot};
use snow_core::error_chain;
use snow_guests::{Guest, LoadError, Loader, SourceLanguage, Urgency};

/// How much less a loading thread gets of the processor than a worker: `routes()` runs there.
const NICENESS: i32 = 5;

/// A guest that was left out of what serves.
#[derive(Debug)]
pub struct LeftOut {
    /// The guest's name.
    pub name: String,
    /// The guest's file.
    pub path: PathBuf,
    /// What is wrong with the file, and what to do about it.
    pub error: anyhow::Error,
}

impl LeftOut {
    /// Returns the line for the log. `serves` is the version that keeps serving, if there is one.
    pub(super) fn message(&self, serves: Option<u32>) -> String {
        let consequence = match serves {
            Some(version) => format!("can't replace version {version}, which keeps serving"),
            None => "is left out".to_owned(),
        };
        format!("{} {consequence}: {}", self.path.display(), error_chain(self.error.as_ref()))
    }

    /// Reports a guest with several files: no rule could tell which of them is meant.
    pub(super) fn ambiguous(name: &str, files: &[GuestFile]) -> LeftOut {
        let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        let error = anyhow::anyhow!(
            "several files are the guest `{name}`: {}. Remove all but one",
            paths.join(", ")
        );
        let path = files.first().map(|file| file.path.clone()).unwrap_or_default();
        LeftOut { name: name.to_owned(), path, error }
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
                Err(error) => {
                    LeftOut { name: name.clone(), path: path.clone(), error: error.into() }
                }
            },
            several => LeftOut::ambiguous(name, several),
        };
        catalog.note_failure(&failed);
        left_out.push(failed);
    }
    left_out.append(&mut catalog.publish());
    left_out
}

/// What came of a load.
pub enum Loaded {
    /// The guest, or what is wrong with its file.
    Guest(Result<Box<Guest>, LoadError>),
    /// The guest's code is not in the cache.
    NeedsCompiler {
        /// The size of what is to be compiled, at most.
        file_bytes: u64,
    },
    /// The thread panicked. The reason was printed.
    Panicked,
}

/// Starts a thread for a load. It sends [`DeployerMessage::Loaded`] at its end.
///
/// # Errors
/// The system gives no thread.
pub(super) fn spawn(
    loader: Arc<Loader>,
    start: Start,
    to_deployer: Sender<DeployerMessage>,
) -> io::Result<()> {
    let load = move || {
        let mut report = Report { to_deployer, loaded: Some((start.clone(), Loaded::Panicked)) };
        // If the system refuses, the load is only more in the way.
        let _ = rustix::process::nice(NICENESS);
        report.loaded = Some((start.clone(), load(&loader, &start)));
    };
    thread::Builder::new().name("snow-loader".into()).spawn(load).map(drop)
}

fn load(loader: &Loader, start: &Start) -> Loaded {
    let loaded = match start.lane {
        Lane::Cached => loader.load_cached(&start.path),
        Lane::Small | Lane::Large => {
            loader.load_or_cancel(&start.path, Urgency::Live, &start.cancel).map(Some)
        }
    };
    match loaded.transpose() {
        Some(loaded) => Loaded::Guest(loaded.map(Box::new)),
        None => {
            // For a source file, its language's engine is compiled.
            let file_bytes = match SourceLanguage::of(&start.path) {
                Some(_) => u64::MAX,
                None => fs::metadata(&start.path).map_or(0, |found| found.len()),
            };
            Loaded::NeedsCompiler { file_bytes }
        }
    }
}

/// Sends what came of a load when it is dropped, so the deployer hears of a thread that panics too.
struct Report {
    to_deployer: Sender<DeployerMessage>,
    loaded: Option<(Start, Loaded)>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some((start, loaded)) = self.loaded.take() {
            // It fails if the deployer has ended; then the guest is not needed.
            let _ = self.to_deployer.send(DeployerMessage::Loaded(Box::new(start), loaded));
        }
    }
}

/// Starts a thread that reads the files that the loader recognised by size and time alone. It sends
/// [`DeployerMessage::Verified`] at its end.
///
/// # Errors
/// The system gives no thread.
pub(super) fn verify(loader: Arc<Loader>, to_deployer: Sender<DeployerMessage>) -> io::Result<()> {
    let verify = move || {
        let _ = rustix::process::nice(NICENESS);
        let mistaken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| loader.verify()));
        // It fails if the deployer has ended.
        let _ = to_deployer.send(DeployerMessage::Verified(mistaken.unwrap_or_default()));
    };
    thread::Builder::new().name("snow-verify".into()).spawn(verify).map(drop)
}
