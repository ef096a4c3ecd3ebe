//! One file becomes a guest. Its compiled code is found in the cache, by what its file looks like or else by what it
//! holds, or it is compiled now.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, Linker};

use crate::contract::context::CallContext;
use crate::contract::host_api;
use crate::engine;
use crate::load::cache::{Cache, ContentHash, Draft, Entry, Folder, Remembered, Stamp, content_hash};
pub use crate::load::compiler::Urgency;
use crate::load::compiler::{Compiler, Unwritten};
use crate::load::guest::{Compiled, Guest, plain};
use crate::load::{encode, precompiled};
use crate::runtime::Runtime;
use snow_config::CompileConfig;
use snow_runtime::{Level, Log};

/// Loads guests, one at a time.
///
/// Guarantees: what is compiled is what was read and hashed. A guest that was loaded by its file's looks alone is the one
/// that the file held when it last looked so, unless somebody set the clock back; [`Loader::verify`] finds that.
pub struct Loader {
    runtime: Runtime,
    linker: Linker<CallContext>,
    compiler: Compiler,
    cache: Option<Cache>,
    unverified: RefCell<Vec<Believed>>,
    log: Log,
}

/// A file that was not read.
struct Believed {
    file: PathBuf,
    canonical: PathBuf,
    content: ContentHash,
}

/// A file that was read.
struct Source {
    file: PathBuf,
    name: String,
    bytes: Vec<u8>,
    content: ContentHash,
}

impl Loader {
    /// For guests that this runtime is to run. A cache folder that can't be used is warned of, and done without.
    ///
    /// # Errors
    /// The engine does not take the host's functions.
    pub fn new(runtime: &Runtime, config: &CompileConfig, log: Log) -> anyhow::Result<Loader> {
        let (engine, limits) = (&runtime.engine, &runtime.limits);
        let key = engine::code_key(engine);
        let open = |path: &PathBuf| match Cache::open(path, &key, limits.cache_bytes_max) {
            Ok(cache) => Some(cache),
            Err(refused) => {
                let folder = path.display();
                log.host(
                    Level::Warn,
                    format!("the cache folder {folder} is not used, so guests are compiled at each start: {refused}"),
                );
                None
            }
        };
        Ok(Loader {
            linker: host_api::linker(engine).map_err(plain)?,
            compiler: Compiler::new(config.compiler.as_deref(), engine, &key, limits),
            cache: config.cache.as_ref().and_then(open),
            unverified: RefCell::default(),
            runtime: runtime.clone(),
            log,
        })
    }

    /// Loads the guest in a file: a component, a core module, or either in text.
    ///
    /// Takes under a millisecond if its code is in the cache, else seconds for large guests: never on a worker.
    ///
    /// # Errors
    /// The file can't be read, or what it holds is no guest: the text says what is wrong with it and what to do.
    pub fn load(&self, file: &Path, urgency: Urgency) -> anyhow::Result<Guest> {
        let name = file.file_stem().and_then(|stem| stem.to_str()).context("the file's name is not UTF-8")?;
        let found = fs::metadata(file).context("can't be read")?;
        let (size, size_max) = (found.len(), self.runtime.limits.guest_file_bytes_max);
        ensure!(size <= size_max, "the file has {size} bytes; at most {size_max} are allowed (guest_file_bytes_max)");
        let compiled = match self.by_looks(file, Stamp::from(&found)) {
            Some(compiled) => compiled,
            None => self.by_content(file, name, urgency)?,
        };
        Guest::new(name, compiled, &self.runtime, &self.linker)
    }

    /// Whether [`Loader::verify`] has something to read.
    pub fn has_unverified(&self) -> bool {
        !self.unverified.borrow().is_empty()
    }

    /// Reads the files that were loaded by their looks alone since the last call, and says which of them hold something
    /// else than what was loaded: those are to be loaded again. Takes about a second for each gigabyte.
    pub fn verify(&self) -> Vec<PathBuf> {
        let believed = self.unverified.take();
        believed
            .into_iter()
            .filter_map(|Believed { file, canonical, content }| {
                // A file that is gone is not this one's concern, but whoever watches the folder's.
                let found = File::open(&canonical).and_then(hash).ok()?;
                if found == content {
                    return None;
                }
                self.note(|cache| cache.forget(&canonical));
                let name = file.display();
                self.log.host(Level::Warn, format!("{name} is not the file it looks like: it is loaded again"));
                Some(file)
            })
            .collect()
    }

    fn by_looks(&self, file: &Path, stamp: Stamp) -> Option<Compiled> {
        let cache = self.cache.as_ref()?;
        let canonical = file.canonicalize().ok()?;
        let Remembered { content, component_bytes, .. } = cache.remembered(&canonical, stamp)?;
        let compiled = self.by_hash(&content, Some(component_bytes))?;
        self.unverified.borrow_mut().push(Believed { file: file.to_owned(), canonical, content });
        Some(compiled)
    }

    fn by_content(&self, file: &Path, name: &str, urgency: Urgency) -> anyhow::Result<Compiled> {
        let at = SystemTime::now();
        let (bytes, stamp) = self.read(file)?;
        let content = content_hash(&bytes);
        let compiled = match self.by_hash(&content, None) {
            Some(compiled) => compiled,
            None => self.compile(&Source { file: file.to_owned(), name: name.to_owned(), bytes, content }, urgency)?,
        };
        if let (Some(stamp), Ok(canonical)) = (stamp, file.canonicalize()) {
            let remembered = Remembered { stamp, content, component_bytes: compiled.component_bytes };
            self.note(|cache| cache.remember(&canonical, remembered, at));
        }
        Ok(compiled)
    }

    /// What the file holds, and what it looked like if that was the same before and after.
    fn read(&self, path: &Path) -> anyhow::Result<(Vec<u8>, Option<Stamp>)> {
        let mut file = File::open(path).context("can't be read")?;
        let before = Stamp::from(&file.metadata().context("can't be read")?);
        let size_max = self.runtime.limits.guest_file_bytes_max;
        // One more, so that the end is found without growing.
        let mut bytes = Vec::with_capacity(before.len.min(size_max) as usize + 1);
        (&mut file).take(size_max + 1).read_to_end(&mut bytes).context("can't be read")?;
        ensure!(bytes.len() as u64 <= size_max, "has more than {size_max} bytes (guest_file_bytes_max)");
        let after = Stamp::from(&file.metadata().context("can't be read")?);
        Ok((bytes, (before == after).then_some(before)))
    }

    fn by_hash(&self, content: &ContentHash, component_bytes: Option<usize>) -> Option<Compiled> {
        let cache = self.cache.as_ref()?;
        let entry = cache.find(content, component_bytes)?;
        match precompiled::load(&self.runtime.engine, &entry.code) {
            Ok(component) => {
                let Entry { name, component_bytes, .. } = entry;
                Some(Compiled { component, component_bytes, content_hash: *content, code: Some(name) })
            }
            Err(error) => {
                // Damaged; or it asks for more than the limits allow by now, and compiling it anew says so.
                let name = &entry.name;
                self.log.host(Level::Debug, format!("cached code is compiled anew: {name}: {error:#}"));
                self.note(|cache| cache.discard(&entry));
                None
            }
        }
    }

    fn compile(&self, source: &Source, urgency: Urgency) -> anyhow::Result<Compiled> {
        let started = Instant::now();
        let compiled = match &self.cache {
            None if self.compiler.is_in_process() => self.compile_in_memory(source),
            None => self.compile_once(source, urgency),
            Some(cache) => match self.compile_and_keep(cache, source, urgency) {
                Err(error) if error.is::<Unwritten>() => {
                    self.log.host(Level::Warn, format!("nothing can be kept in the cache: {error:#}"));
                    self.compile_once(source, urgency)
                }
                compiled => compiled,
            },
        }?;
        self.log.host(Level::Info, format!("compiled {} in {} ms", source.name, started.elapsed().as_millis()));
        Ok(compiled)
    }

    fn compile_in_memory(&self, source: &Source) -> anyhow::Result<Compiled> {
        let wasm = encode::component(&source.file, &source.bytes)?;
        let component = Component::new(&self.runtime.engine, &wasm).map_err(plain).context("can't be compiled")?;
        Ok(Compiled { component, component_bytes: wasm.len(), content_hash: source.content, code: None })
    }

    fn compile_once(&self, source: &Source, urgency: Urgency) -> anyhow::Result<Compiled> {
        let folder = Folder::temporary().context("no temporary folder can be had")?;
        self.compile_in(&folder, source, urgency, |_, _| Ok(None))
    }

    fn compile_and_keep(&self, cache: &Cache, source: &Source, urgency: Urgency) -> anyhow::Result<Compiled> {
        self.compile_in(cache.folder(), source, urgency, |draft, bytes| {
            cache.keep(draft, &source.content, bytes).map(Some)
        })
    }

    /// Only code that this engine takes is kept.
    fn compile_in<'a, K>(
        &self,
        folder: &'a Folder,
        source: &Source,
        urgency: Urgency,
        keep: K,
    ) -> anyhow::Result<Compiled>
    where
        K: FnOnce(Draft<'a>, usize) -> io::Result<Option<Arc<str>>>,
    {
        let draft = folder.draft().map_err(Unwritten::from)?;
        let component_bytes = self.compiler.compile(&source.file, &source.bytes, urgency, draft.file())?;
        let code = draft.code().map_err(Unwritten::from)?;
        let component = precompiled::load(&self.runtime.engine, &code).map_err(plain).context("can't be compiled")?;
        let code = keep(draft, component_bytes).map_err(Unwritten::from)?;
        Ok(Compiled { component, component_bytes, content_hash: source.content, code })
    }

    /// Without its notes the cache costs time, but nothing is wrong.
    fn note(&self, note: impl FnOnce(&Cache) -> io::Result<()>) {
        let Some(cache) = &self.cache else { return };
        if let Err(error) = note(cache) {
            let folder = cache.folder().path().display();
            self.log.host(Level::Warn, format!("nothing can be noted in the cache folder {folder}: {error}"));
        }
    }
}

fn hash(mut file: File) -> io::Result<ContentHash> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}
