//! The loader: one file becomes a guest. Its code is found in the cache, by how the file looks or
//! else by what it holds, or it is compiled now.

mod compiling;
mod sources;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use snow_config::CompileConfig;
use snow_core::{error_chain, lock};
use snow_runtime::{Level, Log};

use self::sources::EngineCode;
use super::cache::{Cache, InUse, KnownFile, Stamp, Written};
use super::cancel::CancelLoad;
use super::code_key::code_key;
use super::compiler::{Compiler, Urgency};
use super::content_hash::ContentHash;
use super::error::LoadError;
use super::guest::{Compiled, Guest};
use super::precompiled::{self, Unloadable};
use super::source::SourceLanguage;
use crate::contract::host_api::Linkers;
use crate::engine::{EngineError, WasmtimeError};
use crate::runtime::Runtime;

/// Loads guests. Several threads may use it at a time.
///
/// Guarantees that the code of a guest was compiled from the bytes that were read and hashed. A
/// guest that was loaded by its file's looks alone holds what the file held when it last looked so,
/// unless somebody has set the clock back; [`Loader::verify`] finds that out.
pub struct Loader {
    runtime: Runtime,
    linkers: Linkers,
    compiler: Compiler,
    cache: Option<Cache>,
    config: CompileConfig,
    kept: Kept,
    log: Log,
}

/// What a loader hands on to the one that takes its place.
#[derive(Clone, Default)]
struct Kept {
    in_use: InUse,
    unverified: Arc<Mutex<Vec<Unverified>>>,
    /// The engines' code, in the order of their languages.
    engines: [Arc<Mutex<Option<EngineCode>>>; SourceLanguage::ALL.len()],
}

/// How a guest is to be compiled.
struct Compilation<'a> {
    urgency: Urgency,
    cancel: &'a CancelLoad,
}

/// A file that was loaded by its looks, and not read.
struct Unverified {
    file: PathBuf,
    canonical: PathBuf,
    /// The hash of what the file is believed to hold.
    content: ContentHash,
}

/// A file that was read, to be compiled.
struct Source {
    file: PathBuf,
    /// The guest's name.
    name: String,
    bytes: Vec<u8>,
    content: ContentHash,
}

impl Loader {
    /// Makes a loader of guests for this runtime. If the cache's folder can't be used, it logs a
    /// warning and goes on without.
    ///
    /// # Errors
    /// The engine does not accept the functions that the host provides.
    pub fn new(runtime: &Runtime, config: &CompileConfig, log: Log) -> Result<Loader, LoadError> {
        Loader::with(runtime, config, log, Kept::default())
    }

    /// Makes a loader that takes the place of this one, under the limits of another runtime. Code
    /// that guests use stays in the cache, and files that were not read yet will be.
    ///
    /// # Errors
    /// As for [`Loader::new`].
    pub fn under(&self, runtime: &Runtime) -> Result<Loader, LoadError> {
        Loader::with(runtime, &self.config, self.log.clone(), self.kept.clone())
    }

    /// Returns the language that an engine is for, by its file.
    pub fn language_of(&self, engine: &Path) -> Option<SourceLanguage> {
        SourceLanguage::ALL.into_iter().find(|language| {
            self.config.engines.get(language.engine()).is_some_and(|file| file == engine)
        })
    }

    /// Returns whether the engine for this language is installed.
    pub fn has_engine(&self, language: SourceLanguage) -> bool {
        self.config.engines.get(language.engine()).is_some_and(|file| file.is_file())
    }

    fn with(
        runtime: &Runtime,
        config: &CompileConfig,
        log: Log,
        kept: Kept,
    ) -> Result<Loader, LoadError> {
        let (engine, limits) = (runtime.engine.wasmtime(), &runtime.limits);
        let key = code_key(engine);
        let in_use = || kept.in_use.clone();
        let open = |path: &PathBuf| match Cache::open(path, &key, limits.cache_bytes_max, in_use())
        {
            Ok(cache) => Some(cache),
            Err(error) => {
                let folder = path.display();
                log.host(
                    Level::Warn,
                    format!(
                        "the cache folder {folder} is not used, so guests are compiled at each \
                         start: {error}"
                    ),
                );
                None
            }
        };
        let linkers =
            Linkers::new(engine).map_err(|error| EngineError::from(WasmtimeError::from(error)))?;
        Ok(Loader {
            linkers,
            compiler: Compiler::new(config.compiler.as_deref(), engine, &key, limits),
            cache: config.cache.as_ref().and_then(open),
            config: config.clone(),
            kept,
            runtime: runtime.clone(),
            log,
        })
    }

    /// Loads the guest in a file: a component, a core module, either as text, or a source file.
    ///
    /// Takes less than a millisecond if the code is in the cache, and seconds if a large guest has
    /// to be compiled. Not to be called on a worker's thread.
    ///
    /// # Errors
    /// The file can't be read, or does not hold a guest.
    pub fn load(&self, file: &Path, urgency: Urgency) -> Result<Guest, LoadError> {
        self.load_or_cancel(file, urgency, &CancelLoad::default())
    }

    /// Loads the guest in a file like [`Loader::load`], until it is cancelled.
    ///
    /// # Errors
    /// As for [`Loader::load`], and [`CompilerError::Cancelled`](super::compiler::CompilerError).
    pub fn load_or_cancel(
        &self,
        file: &Path,
        urgency: Urgency,
        cancel: &CancelLoad,
    ) -> Result<Guest, LoadError> {
        let compilation = Compilation { urgency, cancel };
        let loaded = self.load_with(file, Some(&compilation))?;
        Ok(loaded.expect("what is not in the cache is compiled"))
    }

    /// Loads the guest in a file if its code is in the cache. Returns `None` if it has to be
    /// compiled.
    ///
    /// # Errors
    /// As for [`Loader::load`].
    pub fn load_cached(&self, file: &Path) -> Result<Option<Guest>, LoadError> {
        self.load_with(file, None)
    }

    fn load_with(
        &self,
        file: &Path,
        compilation: Option<&Compilation<'_>>,
    ) -> Result<Option<Guest>, LoadError> {
        let name = file.file_stem().and_then(|stem| stem.to_str()).ok_or(LoadError::Name)?;
        let found = fs::metadata(file).map_err(LoadError::Read)?;
        // Opening a pipe would wait for its writer, and a device may never end.
        if !found.is_file() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(LoadError::Read(error));
        }
        let bytes_max = self.runtime.limits.guest_file_bytes_max;
        if found.len() > bytes_max {
            return Err(LoadError::TooLarge { bytes_max });
        }
        if let Some(language) = SourceLanguage::of(file) {
            return self.load_source(file, name, language, compilation);
        }
        let compiled = match self.find_by_stamp(file, Stamp::from(&found)) {
            Some(compiled) => Some(compiled),
            None => self.find_or_compile(file, name, compilation)?,
        };
        let guest = |compiled| Guest::new(name, compiled, &self.runtime, &self.linkers.guests);
        compiled.map(guest).transpose()
    }

    /// Whether there are files that [`Loader::verify`] has to read.
    pub fn has_unverified(&self) -> bool {
        !lock(&self.kept.unverified).is_empty()
    }

    /// Reads the files that were loaded by their looks alone since the last call. Returns those
    /// that hold something else than was loaded: they have to be loaded again, and for an
    /// [engine](Loader::language_of) all guests that it evaluates. Takes about a second for each
    /// gigabyte.
    pub fn verify(&self) -> Vec<PathBuf> {
        let is_mistaken = |Unverified { file, canonical, content }: &Unverified| {
            // A file that is gone is noticed by whoever watches the folder.
            let is_file = fs::metadata(canonical).is_ok_and(|found| found.is_file());
            let hash = || File::open(canonical).and_then(ContentHash::of_file);
            let found = if is_file { hash() } else { return false };
            if found.is_err() || found.is_ok_and(|found| found == *content) {
                return false;
            }
            self.note(|cache| cache.forget(canonical));
            if let Some(language) = self.language_of(file) {
                *lock(&self.kept.engines[language as usize]) = None;
            }
            let name = file.display();
            self.log.host(
                Level::Warn,
                format!("{name} is not the file it looks like: it is loaded again"),
            );
            true
        };
        let mut unverified = std::mem::take(&mut *lock(&self.kept.unverified));
        unverified.retain(is_mistaken);
        unverified.into_iter().map(|mistaken| mistaken.file).collect()
    }

    /// Finds the code of a file that looks as it did when it was hashed. The file is not read.
    fn find_by_stamp(&self, file: &Path, stamp: Stamp) -> Option<Compiled> {
        let cache = self.cache.as_ref()?;
        let canonical = file.canonicalize().ok()?;
        let KnownFile { content, written, .. } = cache.recall(&canonical, stamp)?;
        let compiled = self.find_by_content(&content, Some(written))?;
        lock(&self.kept.unverified).push(Unverified { file: file.to_owned(), canonical, content });
        Some(compiled)
    }

    /// Reads a file, and finds the code of what it holds or compiles it, if it may. Remembers how
    /// the file looked.
    fn find_or_compile(
        &self,
        file: &Path,
        name: &str,
        compilation: Option<&Compilation<'_>>,
    ) -> Result<Option<Compiled>, LoadError> {
        let at = SystemTime::now();
        let (bytes, stamp) = self.read(file)?;
        let content = ContentHash::of(&bytes);
        let compiled = match self.find_by_content(&content, None) {
            Some(compiled) => compiled,
            None => {
                let Some(compilation) = compilation else { return Ok(None) };
                let (file, name) = (file.to_owned(), name.to_owned());
                self.compile(&Source { file, name, bytes, content }, compilation)?
            }
        };
        if let (Some(stamp), Some(written), Ok(canonical)) =
            (stamp, compiled.written, file.canonicalize())
        {
            let known = KnownFile { stamp, content, written };
            self.note(|cache| cache.remember(&canonical, known, at));
        }
        Ok(Some(compiled))
    }

    /// Reads a file. Returns its stamp too, unless the file changed meanwhile.
    fn read(&self, path: &Path) -> Result<(Vec<u8>, Option<Stamp>), LoadError> {
        let bytes_max = self.runtime.limits.guest_file_bytes_max;
        let read = || -> io::Result<_> {
            let mut file = File::open(path)?;
            let before = Stamp::from(&file.metadata()?);
            // One byte more than there is, so that the end is found without growing the buffer.
            let mut bytes = Vec::with_capacity(before.len.min(bytes_max) as usize + 1);
            (&mut file).take(bytes_max + 1).read_to_end(&mut bytes)?;
            let after = Stamp::from(&file.metadata()?);
            Ok((bytes, (before == after).then_some(before)))
        };
        let (bytes, stamp) = read().map_err(LoadError::Read)?;
        if bytes.len() as u64 > bytes_max {
            return Err(LoadError::TooLarge { bytes_max });
        }
        Ok((bytes, stamp))
    }

    /// Finds the code of a content in the cache. Code that does not load is removed there.
    fn find_by_content(&self, content: &ContentHash, written: Option<Written>) -> Option<Compiled> {
        let cache = self.cache.as_ref()?;
        let cached = cache.find(content, written)?;
        match precompiled::load(self.runtime.engine.wasmtime(), &cached.code) {
            Ok(component) => Some(Compiled {
                component,
                component_bytes: cached.written.component_bytes,
                content_hash: *content,
                written: Some(cached.written),
                cached_name: Some(cached.name),
                sources: None,
            }),
            Err(error) => {
                // Code that wasmtime refuses asks for more than the limits allow by now, and
                // compiling it anew will say so.
                let level = if matches!(error, Unloadable::Refused(_)) {
                    Level::Debug
                } else {
                    Level::Warn
                };
                let file = cache.folder().path().join(&*cached.name);
                self.log.host(
                    level,
                    format!(
                        "cached code {}; it is compiled anew: {}",
                        error_chain(&error),
                        file.display()
                    ),
                );
                self.note(|cache| cache.discard(&cached));
                None
            }
        }
    }

    /// Writes something down in the cache. A failure is only logged: it costs time later, and
    /// nothing is wrong.
    fn note(&self, note: impl FnOnce(&Cache) -> io::Result<()>) {
        let Some(cache) = &self.cache else { return };
        if let Err(error) = note(cache) {
            let folder = cache.folder().path().display();
            self.log.host(
                Level::Warn,
                format!("the cache folder {folder} can't be written to: {error}"),
            );
        }
    }
}
