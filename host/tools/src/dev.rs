//! `snow-host dev`: builds guests again as their sources change. A server that watches the guests
//! folder then swaps them.
//!
//! One thread beside the server's builds one thing at a time. A changed folder is built only if the
//! content of its files differs from what was built last, so a build that is triggered by its own
//! output ends there.

mod changes;
mod queue;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::changes::{Changes, Next};
use self::report::Reporter;
use crate::build::{BuildOutcome, BuildRequest, BuildScope, build_guests};
use crate::process::Cancellation;
use snow_config::Config;
use snow_server::{Serving, Watch};

/// How long the thread may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two looks at whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Builds the guests of one folder whenever their sources change.
pub struct Rebuilder {
    changes: Arc<Changes>,
    guests: PathBuf,
    cancellation: Cancellation,
    reporter: Reporter,
    /// A fingerprint of each folder as it was built last. Folders whose build failed are not in it.
    built: BTreeMap<OsString, u64>,
    /// The watches of the sources and of the manifest.
    watches: Vec<Watch>,
}

/// The running thread of a [`Rebuilder`]. Dropping this cancels its build and ends it, unless it
/// prints to where nobody reads: then it is left behind.
pub struct RebuilderThread {
    changes: Arc<Changes>,
    cancellation: Cancellation,
    thread: Option<JoinHandle<()>>,
}

impl Rebuilder {
    /// Starts to watch the sources of the guests, and `snow.toml` for their build commands.
    ///
    /// Reports on `out` what is built and whether it is served. The output of compilers goes to
    /// standard error.
    ///
    /// # Errors
    /// A thread can't be started, or there are too many folders of sources.
    pub fn open(
        config: &Config,
        cancellation: Cancellation,
        out: impl Write + Send + 'static,
    ) -> io::Result<Rebuilder> {
        let guests = config.guests.clone();
        let changes = Arc::new(Changes::new(config));
        let (of_sources, of_manifest) = (changes.clone(), changes.clone());
        let (folder, overrides) = (guests.clone(), config.overrides.clone());
        let watches = vec![
            Watch::sources(&guests, move |names| of_sources.add_sources(names))?,
            Watch::start(&guests, move || of_manifest.read_manifest(&folder, &overrides))?,
        ];
        let reporter = Reporter::new(Box::new(out));
        Ok(Rebuilder { changes, guests, cancellation, reporter, built: BTreeMap::new(), watches })
    }

    /// Builds all guests. A guest that can't be built does not keep the others from being built.
    pub fn build_all(&mut self) {
        let names = snow_server::source_folders(&self.guests);
        let prints: Vec<_> =
            names.into_iter().map(|name| (self.fingerprint(&name), name)).collect();
        if let Some(outcomes) = self.build(BuildScope::All) {
            let prints = prints.into_iter().map(|(print, name)| (name, print));
            self.remember(prints, &outcomes);
            self.reporter.first_builds(&self.guests, outcomes);
        }
    }

    /// Starts a thread that builds what changes, and what has changed since [`Rebuilder::open`].
    ///
    /// # Errors
    /// The thread can't be started.
    pub fn start(mut self, serving: Serving) -> io::Result<RebuilderThread> {
        let (changes, cancellation) = (self.changes.clone(), self.cancellation.clone());
        let thread = thread::Builder::new().name("snow-dev".into()).spawn(move || {
            loop {
                match self.changes.next(self.reporter.is_waiting()) {
                    Next::Build(names) => self.rebuild(names, &serving),
                    Next::Look => {}
                    Next::End => break,
                }
                self.changes.take_echoing().iter().for_each(|name| self.reporter.echoing(name));
                self.reporter.look(&serving);
            }
            self.watches.clear();
        })?;
        Ok(RebuilderThread { changes, cancellation, thread: Some(thread) })
    }

    /// Builds those of the folders whose content differs from what was built.
    fn rebuild(&mut self, mut names: BTreeSet<OsString>, serving: &Serving) {
        let mut prints = BTreeMap::new();
        names.retain(|name| {
            if !self.guests.join(name).is_dir() {
                if self.built.remove(name).is_some() {
                    self.reporter.source_removed(&self.guests, name);
                }
                return false;
            }
            let print = self.fingerprint(name);
            let differs = self.built.get(name) != Some(&print);
            prints.insert(name.clone(), print);
            differs
        });
        if !names.is_empty()
            && let Some(outcomes) = self.build(BuildScope::Changed(&names))
        {
            self.remember(prints, &outcomes);
            self.reporter.rebuilt(outcomes, serving);
        }
        self.changes.build_ended();
    }

    /// Builds guests. Returns `None` if the build was cancelled or the guests folder can't be read.
    fn build(&mut self, scope: BuildScope<'_>) -> Option<Vec<BuildOutcome>> {
        let (configs, build_ms_max) = self.changes.build_config();
        let request = BuildRequest {
            guests: &self.guests,
            configs: &configs,
            build_ms_max,
            cancellation: &self.cancellation,
        };
        let built = build_guests(&request, scope, self.reporter.out());
        if self.cancellation.is_cancelled() {
            return None;
        }
        // The folder may be missing for a moment, while it is replaced.
        built.inspect_err(|error| self.reporter.print_error(error)).ok()
    }

    /// Keeps the fingerprints of the folders that were built, and forgets those whose build failed.
    fn remember(
        &mut self,
        prints: impl IntoIterator<Item = (OsString, u64)>,
        outcomes: &[BuildOutcome],
    ) {
        let failed = |name: &OsStr| {
            outcomes.iter().any(|outcome| outcome.result.is_err() && *outcome.name == *name)
        };
        for (name, print) in prints {
            match failed(&name) {
                true => drop(self.built.remove(&name)),
                false => drop(self.built.insert(name, print)),
            }
        }
    }

    /// Returns a number that changes with the content of a source folder and with its build
    /// command.
    fn fingerprint(&self, name: &OsStr) -> u64 {
        let mut product = name.to_owned();
        product.push(".wasm");
        let contents = snow_server::source_contents(&self.guests.join(name), &product);
        let mut hasher = DefaultHasher::new();
        (contents, self.changes.build_command(name)).hash(&mut hasher);
        hasher.finish()
    }
}

impl Drop for RebuilderThread {
    fn drop(&mut self) {
        self.changes.end();
        self.cancellation.cancel();
        let Some(thread) = self.thread.take() else { return };
        // It ends at once, unless it prints into a pipe that nobody reads.
        let until = Instant::now() + END_PATIENCE;
        while !thread.is_finished() && Instant::now() < until {
            thread::sleep(LOOK_AGAIN);
        }
        if thread.is_finished() {
            // An error means that the thread has panicked; the panic's message was printed then.
            let _ = thread.join();
        }
    }
}
