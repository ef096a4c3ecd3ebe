//! Engines: components that evaluate guests which are source files, one for each such language.
//!
//! No registry has them. This program contains how each is made: source files and a script,
//! `make.py`, that gets pinned tools from their registries into a folder of its own and builds the
//! engine there. It is made once, when somebody asks for it. If the script gives a core module, that
//! is started once here, and each instance begins with the memory that this has left.

mod recipes;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::languages::{Files, hash_of_files};
use crate::process::{Cancellation, Runner};
use snow_core::escape_control;
use snow_guests::{SNAPSHOT_CODE, snapshot};

/// How long an engine may take to be made, the downloads included: an hour.
const MAKE_MS_MAX: u32 = 3_600_000;

/// How an engine is made.
pub struct EngineRecipe {
    /// The engine's name: in commands, and of its file.
    pub name: &'static str,
    /// The languages that it evaluates, for people.
    pub languages: &'static str,
    /// Paths and texts of the source files.
    files: &'static [(&'static str, &'static str)],
    /// Whether the script gives a core module that is to be started. componentize-py has started what
    /// it makes.
    is_to_be_started: bool,
}

/// Returns the engines that this program can make.
pub fn engines() -> &'static [EngineRecipe] {
    recipes::ALL
}

impl EngineRecipe {
    /// Returns the name of the engine's file. It has a hash of all that the engine is made by, so
    /// another version of this program does not take this one's engine for its own.
    pub fn file_name(&self) -> String {
        let mut files = self.files.to_vec();
        if self.is_to_be_started {
            files.push(("snapshot", SNAPSHOT_CODE));
        }
        format!("{}-{:016x}.wasm", self.name, hash_of_files(&files))
    }

    /// Makes the engine, unless it is in the folder already, and says on `out` what it does. Returns
    /// the engine's file, which appears when it is whole.
    ///
    /// # Errors
    /// A tool is missing or fails, the folder can't be written, or the making was cancelled.
    pub fn install(
        &self,
        folder: &Path,
        cancellation: &Cancellation,
        out: &mut dyn Write,
    ) -> anyhow::Result<PathBuf> {
        let (file, languages) = (folder.join(self.file_name()), self.languages);
        let shown = escape_control(&file.display().to_string()).into_owned();
        if file.is_file() {
            writeln!(out, "the engine for {languages} is there: {shown}")?;
            return Ok(file);
        }
        writeln!(out, "making the engine for {languages}: once, in {shown}")?;
        // Tools and their downloads stay here, so the next version is made sooner.
        let work = folder.join(format!(".{}", self.name));
        fs::create_dir_all(&work).with_context(|| format!("can't make {}", work.display()))?;
        // Two that make it at a time would get in each other's way; the second finds it made.
        let lock = File::create(work.join("lock")).and_then(|lock| lock.lock().map(|()| lock));
        let _lock = lock.with_context(|| format!("can't lock {}", work.display()))?;
        if !file.is_file() {
            self.make(&work, &file, cancellation)?;
        }
        Ok(file)
    }

    fn make(&self, work: &Path, file: &Path, cancellation: &Cancellation) -> anyhow::Result<()> {
        let source = work.join("source");
        // In the place of those of another version.
        if source.exists() {
            fs::remove_dir_all(&source)
                .with_context(|| format!("can't remove {}", source.display()))?;
        }
        Files::embedded(self.files).write_new(&source)?;
        let made = work.join("made.wasm");
        let _ = fs::remove_file(&made);
        let mut command = crate::process::command_in(&source, "python3");
        command.arg("make.py").arg(&made).arg("--work").arg(work.join("tools"));
        let runner = Runner { ms_max: MAKE_MS_MAX, cancellation };
        let _running = cancellation.begin_build();
        let status = runner.run(&mut command).map_err(|error| {
            anyhow::anyhow!("can't run python3, which makes the engine: {error}")
        })?;
        let languages = self.languages;
        ensure!(
            status.success(),
            "the engine for {languages} could not be made: the reason is above"
        );
        if !made.is_file() {
            bail!("{} was not made", made.display());
        }
        if self.is_to_be_started {
            let module = fs::read(&made).with_context(|| format!("can't read {}", made.display()));
            fs::write(&made, snapshot(&module?)?)
                .with_context(|| format!("can't write {}", made.display()))?;
        }
        fs::rename(&made, file).with_context(|| format!("can't write {}", file.display()))
    }
}
