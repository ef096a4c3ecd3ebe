//! What a loader does with a file whose code it does not have yet.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::Component;

use snow_runtime::Level;

use super::super::cache::{Cache, Draft, Folder, Written};
use super::super::error::LoadError;
use super::super::{encode, precompiled};
use super::{Compilation, Compiled, Loader, Source};

impl Loader {
    /// Compiles a file, and keeps the code in the cache if there is one.
    pub(super) fn compile(
        &self,
        source: &Source,
        compilation: &Compilation<'_>,
    ) -> Result<Compiled, LoadError> {
        let started = Instant::now();
        let compiled = match &self.cache {
            None if self.compiler.is_in_process() => self.compile_in_memory(source),
            None => self.compile_once(source, compilation),
            Some(cache) => match self.compile_and_keep(cache, source, compilation) {
                Err(LoadError::Unwritten(reason)) => {
                    self.log.host(
                        Level::Warn,
                        format!("compiled code can't be kept in the cache: {reason}"),
                    );
                    self.compile_once(source, compilation)
                }
                compiled => compiled,
            },
        }?;
        self.log.host(
            Level::Info,
            format!("compiled {} in {} ms", source.name, started.elapsed().as_millis()),
        );
        Ok(compiled)
    }

    fn compile_in_memory(&self, source: &Source) -> Result<Compiled, LoadError> {
        let wasm = encode::component(&source.file, &source.bytes)?;
        let component = Component::new(self.runtime.engine.wasmtime(), &wasm);
        let component = component.map_err(|error| LoadError::Compile(error.into()))?;
        Ok(Compiled {
            component,
            component_bytes: wasm.len(),
            content_hash: source.content,
            written: None,
            cached_name: None,
            sources: None,
        })
    }

    /// Compiles into a temporary folder, which is removed once the code is mapped.
    fn compile_once(
        &self,
        source: &Source,
        compilation: &Compilation<'_>,
    ) -> Result<Compiled, LoadError> {
        let folder = Folder::temporary().map_err(LoadError::NoFolder)?;
        self.compile_in(&folder, source, compilation, |_, _| Ok(None))
    }

    fn compile_and_keep(
        &self,
        cache: &Cache,
        source: &Source,
        compilation: &Compilation<'_>,
    ) -> Result<Compiled, LoadError> {
        self.compile_in(cache.folder(), source, compilation, |draft, written| {
            cache.keep(draft, &source.content, written).map(Some)
        })
    }

    /// Compiles into a draft, loads it, and only then calls `keep`: code that this engine does not
    /// take is never kept.
    fn compile_in<'a, K>(
        &self,
        folder: &'a Folder,
        source: &Source,
        compilation: &Compilation<'_>,
        keep: K,
    ) -> Result<Compiled, LoadError>
    where
        K: FnOnce(Draft<'a>, Written) -> io::Result<Option<Arc<str>>>,
    {
        let Compilation { urgency, cancel } = compilation;
        let draft = folder.draft().map_err(LoadError::unwritten)?;
        let written =
            self.compiler.compile(&source.file, &source.bytes, *urgency, draft.file(), cancel)?;
        let code = draft.code(written.code).map_err(LoadError::unwritten)?;
        let component = precompiled::load(self.runtime.engine.wasmtime(), &code)?;
        let cached_name = keep(draft, written).map_err(LoadError::unwritten)?;
        Ok(Compiled {
            component,
            component_bytes: written.component_bytes,
            content_hash: source.content,
            written: Some(written),
            cached_name,
            sources: None,
        })
    }
}
