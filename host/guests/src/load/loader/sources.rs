//! How a source file is loaded: with its language's engine, which is compiled once for all guests.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Component;

use snow_core::lock;

use super::super::cache::Stamp;
use super::super::content_hash::ContentHash;
use super::super::error::LoadError;
use super::super::guest::{Compiled, Guest};
use super::super::source::{Bounds, SourceLanguage, Sources};
use super::{Compilation, Loader};
use crate::contract::SOURCE;

/// An engine's code, and how the file looked that it was compiled from.
#[derive(Clone)]
pub(super) struct EngineCode {
    stamp: Stamp,
    component: Component,
    component_bytes: usize,
    content_hash: ContentHash,
    cached_name: Option<Arc<str>>,
}

impl Loader {
    /// Loads a guest that is a source file. Returns `None` if its engine has to be compiled first,
    /// and that may not be done now.
    pub(super) fn load_source(
        &self,
        file: &Path,
        name: &str,
        language: SourceLanguage,
        compilation: Option<&Compilation<'_>>,
    ) -> Result<Option<Guest>, LoadError> {
        let Some(engine) = self.engine(language, compilation)? else { return Ok(None) };
        let limits = &self.runtime.limits;
        let sources = Sources::read(
            file,
            &Bounds {
                guest_bytes_max: limits.guest_file_bytes_max,
                all_bytes_max: limits.sources_bytes_max,
                all_bytes: &self.runtime.source_bytes,
            },
        )?;
        let compiled = Compiled {
            component: engine.component,
            component_bytes: engine.component_bytes,
            content_hash: sources.hash(&engine.content_hash),
            written: None,
            cached_name: engine.cached_name,
            sources: Some(Arc::new(sources)),
        };
        Guest::new(name, compiled, &self.runtime, &self.linkers.engines).map(Some)
    }

    /// Returns an engine's code. If several guests need it at the same time, one of them compiles
    /// it, and the others wait for that.
    fn engine(
        &self,
        language: SourceLanguage,
        compilation: Option<&Compilation<'_>>,
    ) -> Result<Option<EngineCode>, LoadError> {
        let file = self.config.engines.get(language.engine());
        let file = file.ok_or(LoadError::NoEngine { language })?;
        let found = fs::metadata(file).ok().filter(|found| found.is_file());
        let stamp = Stamp::from(&found.ok_or(LoadError::NoEngine { language })?);
        let place = self.kept.engines[language as usize].clone();
        // Whoever may not compile does not wait for a compiler either.
        let mut place = match compilation {
            Some(_) => lock(&place),
            None => match place.try_lock() {
                Ok(place) => place,
                Err(_) => return Ok(None),
            },
        };
        if let Some(engine) = place.as_ref().filter(|engine| engine.stamp == stamp) {
            return Ok(Some(engine.clone()));
        }
        let compiled = match self.find_by_stamp(file, stamp) {
            Some(compiled) => Some(compiled),
            None => {
                let name = format!("the engine for {language}");
                let compiled = self.find_or_compile(file, &name, compilation);
                compiled.map_err(|error| LoadError::Engine { language, error: Box::new(error) })?
            }
        };
        let Some(compiled) = compiled else { return Ok(None) };
        let wasmtime = self.runtime.engine.wasmtime();
        let imported = compiled.component.component_type();
        if !imported.imports(wasmtime).any(|(name, _)| name == SOURCE) {
            return Err(LoadError::Engine { language, error: Box::new(LoadError::NoSource) });
        }
        let engine = EngineCode {
            stamp,
            component: compiled.component,
            component_bytes: compiled.component_bytes,
            content_hash: compiled.content_hash,
            cached_name: compiled.cached_name,
        };
        *place = Some(engine.clone());
        Ok(Some(engine))
    }
}
