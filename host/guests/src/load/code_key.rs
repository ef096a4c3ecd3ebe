//! The key of an engine: names all that compiled code depends on beside the guest that it was
//! compiled from.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as PREVIEW1_ADAPTER;

use super::content_hash::hex;
use crate::contract::WIT;

/// Returns a short text that differs between two engines if code of the one does not run on the
/// other. It depends on wasmtime's version and settings, on the processor's features, and on this
/// host's version and contract, by which a core module becomes a component.
pub(crate) fn code_key(engine: &wasmtime::Engine) -> String {
    let mut key = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut key);
    env!("CARGO_PKG_VERSION").hash(&mut key);
    WIT.hash(&mut key);
    PREVIEW1_ADAPTER.hash(&mut key);
    hex(&key.0.finalize()[..16])
}

/// Hashes by SHA-256. The standard library's own hashers may change from one version to the next,
/// and with them the key.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is the key.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use snow_config::Limits;

    use super::*;
    use crate::engine::{Engine, code_config, compiling_engine};

    #[test]
    fn code_does_not_depend_on_the_pool() {
        let limits = Limits {
            call_memory_bytes_max: 1 << 20,
            worker_calls_started_max: 1,
            calls_parked_max: 1,
            ..Limits::default()
        };
        let key_of = |limits: &Limits, workers| {
            let engine = Engine::start(limits, workers, 1).unwrap();
            engine.stop();
            code_key(engine.wasmtime())
        };
        let key = code_key(&compiling_engine().unwrap());
        assert_eq!(key_of(&limits, 1), key);
        assert_eq!(key_of(&Limits { call_memory_bytes_max: 2 << 20, ..limits }, 2), key);
        let mut other = code_config();
        other.epoch_interruption(false);
        assert_ne!(code_key(&wasmtime::Engine::new(&other).unwrap()), key);
    }
}
