//! One wasmtime engine for all `snow:host` guests: how they are compiled, how much they may take, and how
//! the loop gets the processor back.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::load::cache::hex;
use crate::load::encode;
use snow_config::Limits;

/// A guest that runs longer gives the loop back.
const TICK: Duration = Duration::from_millis(1);
/// After so many ticks without a call the ticker parks, and the process uses no processor at all.
const IDLE_TICKS_MAX: u32 = 100;
/// Instances beyond those of started calls: for `routes()` while guests are loaded.
const INSTANCES_SPARE: u32 = 2;
/// What one component may consist of. Adapted components have three or four core modules, those of componentize-py 38.
const CORE_INSTANCES_PER_COMPONENT_MAX: u32 = 64;
const MEMORIES_PER_COMPONENT_MAX: u32 = 2;
const TABLES_PER_COMPONENT_MAX: u32 = 16;
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Memory of a slot that stays mapped from one call to the next: resetting it costs less than new pages.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;
const ASYNC_STACK_BYTES: usize = 1 << 20;
const WASM_STACK_BYTES: usize = 512 << 10;

/// Makes the engine. Its pool has an instance for every call that all workers together may have started or parked.
pub fn engine(limits: &Limits, workers: u16) -> wasmtime::Result<Engine> {
    let of_a_worker = limits.worker_calls_started_max + limits.worker_calls_parked_max(workers);
    let instances = of_a_worker * u32::from(workers) + INSTANCES_SPARE;
    let mut config = code_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, instances)));
    Engine::new(&config)
}

/// An engine that compiles for those, and runs nothing: it has no pool, which code does not depend on.
pub fn compiling_engine() -> wasmtime::Result<Engine> {
    Engine::new(&code_config())
}

/// What code depends on, and whatever else needs no pool.
fn code_config() -> Config {
    let mut config = Config::new();
    // Off, an async call is a fiber switch; on, every call would go through the concurrent executor.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(ASYNC_STACK_BYTES);
    config
}

/// Names all that compiled code depends on beside the guest: wasmtime's version and settings, the processor's features,
/// and this host's version and contract, by which a core module becomes a component.
pub fn code_key(engine: &Engine) -> String {
    let mut key = KeyHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut key);
    env!("CARGO_PKG_VERSION").hash(&mut key);
    encode::WIT.hash(&mut key);
    hex(&key.0.finalize()[..16])
}

/// So that the key does not depend on how the standard library hashes in this or that version.
struct KeyHasher(Sha256);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

fn pool(limits: &Limits, instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances * CORE_INSTANCES_PER_COMPONENT_MAX);
    pool.total_memories(instances * MEMORIES_PER_COMPONENT_MAX);
    pool.total_tables(instances * TABLES_PER_COMPONENT_MAX);
    pool.total_stacks(instances);
    pool.max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT_MAX);
    pool.max_memories_per_component(MEMORIES_PER_COMPONENT_MAX);
    pool.max_tables_per_component(TABLES_PER_COMPONENT_MAX);
    pool.max_memory_size(limits.call_memory_bytes_max);
    pool.table_elements(TABLE_ELEMENTS_MAX);
    pool.linear_memory_keep_resident(KEEP_RESIDENT_BYTES);
    pool.table_keep_resident(KEEP_RESIDENT_BYTES);
    // Where the kernel has it, one `ioctl` finds the pages a call has touched.
    pool.pagemap_scan(Enabled::Auto);
    pool
}

/// Advances the engine's epoch each millisecond while guests run.
///
/// Guarantees: a call that [`Ticker::running`] was told of is interrupted within about two milliseconds of
/// running. Does not guarantee a lower bound: a call may be interrupted at once.
#[derive(Clone)]
pub struct Ticker(Arc<Shared>);

struct Shared {
    /// A call has started or gone on since the last tick. Written only when it is not set, so that workers do not
    /// take this line of memory from one another with each call.
    active: AtomicBool,
    parked: AtomicBool,
    stopped: AtomicBool,
    thread: std::sync::OnceLock<Thread>,
}

impl Ticker {
    /// Starts the ticker's thread. It ends when the last clone that stops it does.
    pub fn start(engine: &Engine) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared {
            active: AtomicBool::new(false),
            parked: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            thread: std::sync::OnceLock::new(),
        });
        let (seen, engine) = (shared.clone(), engine.clone());
        let thread = thread::Builder::new().name("snow-ticker".into()).spawn(move || tick(&seen, &engine))?;
        let _ = shared.thread.set(thread.thread().clone());
        Ok(Ticker(shared))
    }

    /// A call starts, or goes on: two loads mostly, and a system call only if the ticker was parked.
    pub fn running(&self) {
        if !self.0.active.load(Ordering::SeqCst) {
            self.0.active.store(true, Ordering::SeqCst);
        }
        if self.0.parked.load(Ordering::SeqCst) {
            self.unpark();
        }
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.unpark();
    }

    fn unpark(&self) {
        if let Some(thread) = self.0.thread.get() {
            thread.unpark();
        }
    }
}

fn tick(shared: &Shared, engine: &Engine) {
    let mut idle = 0;
    while !shared.stopped.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        engine.increment_epoch();
        idle = if shared.active.swap(false, Ordering::SeqCst) { 0 } else { idle + 1 };
        if idle < IDLE_TICKS_MAX {
            continue;
        }
        // A call that starts after this store sees it and unparks; one that started before shows in `active`.
        shared.parked.store(true, Ordering::SeqCst);
        while !shared.active.load(Ordering::SeqCst) && !shared.stopped.load(Ordering::SeqCst) {
            thread::park();
        }
        shared.parked.store(false, Ordering::SeqCst);
        idle = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_does_not_depend_on_the_pool() {
        let limits = Limits {
            call_memory_bytes_max: 1 << 20,
            worker_calls_started_max: 1,
            calls_parked_max: 1,
            ..Limits::default()
        };
        let key = code_key(&compiling_engine().unwrap());
        assert_eq!(code_key(&engine(&limits, 1).unwrap()), key);
        assert_eq!(code_key(&engine(&Limits { call_memory_bytes_max: 2 << 20, ..limits }, 2).unwrap()), key);
        let mut other = code_config();
        other.epoch_interruption(false);
        assert_ne!(code_key(&Engine::new(&other).unwrap()), key);
    }
}
