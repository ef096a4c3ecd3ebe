//! Loads guests (placeholder until the cache is merged).
use std::path::Path;

use wasmtime::component::Linker;

use super::host_api::{self, CallContext};
use super::module::Guest;
use super::runtime::Runtime;

/// Loads guests.
pub struct Loader {
    runtime: Runtime,
    linker: Linker<CallContext>,
}

impl Loader {
    /// For guests that run there.
    pub fn new(runtime: &Runtime) -> anyhow::Result<Loader> {
        let linker = host_api::linker(&runtime.engine).map_err(super::module::plain)?;
        Ok(Loader { runtime: runtime.clone(), linker })
    }

    /// Loads one.
    pub fn load(&self, path: &Path) -> anyhow::Result<Guest> {
        Guest::load(path, &self.runtime, &self.linker)
    }
}
