//! The engine: one wasmtime engine for all guests of a process. Decides how guests are compiled,
//! how much memory their instances may have together, and how the loop gets the processor back from
//! a guest that computes.

mod describe;
mod ticker;

use std::io;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use snow_config::Limits;

pub(crate) use self::describe::describe;
use self::ticker::Ticker;

/// Guests that may be loaded at one time. The pool has an instance for the `routes()` of each,
/// beside those of calls.
pub const LOADS_MAX: u32 = 8;
/// Core modules that one component may consist of. Adapted components have three or four, those of
/// componentize-py 38.
const CORE_INSTANCES_PER_COMPONENT_MAX: u32 = 64;
const MEMORIES_PER_COMPONENT_MAX: u32 = 4;
/// Memories of the pool for each instance. A guest has one, or two if it was adapted; some tools make
/// guests with more. Each reserves 4 GiB of addresses, which a process has no more than 128 TiB of.
/// So if more than half of all instances belong to guests with four memories, a call may find none,
/// and its client is asked to come again.
const MEMORIES_PER_INSTANCE: u32 = 2;
const TABLES_PER_COMPONENT_MAX: u32 = 16;
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Memory of a pool's slot that stays mapped from one call to the next: resetting it costs less
/// than mapping new pages.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;
const ASYNC_STACK_BYTES: usize = 1 << 20;
const WASM_STACK_BYTES: usize = 512 << 10;

/// Compiles and runs guests: a wasmtime engine with a pool of instances, and the ticker that ends
/// time slices.
///
/// Clones share one engine. Its thread ends when [`Engine::stop`] is called on any of them.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    ticker: Ticker,
}

/// Why no engine could be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused; usually the system has too little memory to reserve for the pool.
    #[error("the WebAssembly engine can't be started")]
    Wasmtime(#[from] WasmtimeError),
    /// The system gives no thread.
    #[error("the thread that ends time slices can't be started")]
    Ticker(#[from] io::Error),
}

/// An error of wasmtime as text for people: with its causes and, after a trap, the backtrace of the
/// guest. Some kilobytes at most.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WasmtimeError(String);

impl From<wasmtime::Error> for WasmtimeError {
    fn from(error: wasmtime::Error) -> WasmtimeError {
        WasmtimeError(describe(&error))
    }
}

impl Engine {
    /// Starts an engine. Its pool has an instance for every call that so many workers may have
    /// started or parked at one time, and for every job that so many executors may have under way,
    /// so a thread that keeps to its limits never finds the pool empty.
    ///
    /// # Errors
    /// The system has too little memory for the pool, or no thread for the ticker.
    pub fn start(limits: &Limits, workers: u16, executors: u16) -> Result<Engine, EngineError> {
        let per_worker = limits.worker_calls_started_max + limits.worker_calls_parked_max(workers);
        let per_executor =
            limits.jobs.executor_jobs_running_max + limits.jobs.executor_jobs_waiting_max;
        let instances =
            per_worker * u32::from(workers) + per_executor * u32::from(executors) + LOADS_MAX;
        let mut config = code_config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, instances)));
        let wasmtime = wasmtime::Engine::new(&config).map_err(WasmtimeError::from)?;
        let ticker = Ticker::start(&wasmtime)?;
        Ok(Engine { wasmtime, ticker })
    }

    /// Ends the ticker's thread. A guest that runs afterwards is not interrupted any more.
    pub fn stop(&self) {
        self.ticker.stop();
    }

    /// Calls `died` if the thread that ends time slices dies: guests that compute are not
    /// interrupted any more. Only the first such function is called.
    pub fn on_death(&self, died: impl Fn() + Send + Sync + 'static) {
        self.ticker.on_death(Box::new(died));
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    /// Tells the ticker that a call runs. To be called before each time slice.
    pub(crate) fn runs(&self) {
        self.ticker.runs();
    }
}

/// Makes an engine that compiles for the engines of [`Engine::start`] and runs nothing. It has no
/// pool, which compiled code does not depend on.
pub(crate) fn compiling_engine() -> Result<wasmtime::Engine, EngineError> {
    Ok(wasmtime::Engine::new(&code_config()).map_err(WasmtimeError::from)?)
}

/// Returns the settings that compiled code depends on, and all others that need no pool.
pub(crate) fn code_config() -> Config {
    let mut config = Config::new();
    // Off: an async call is one fiber switch. On: every call would go through wasmtime's concurrent
    // executor.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(ASYNC_STACK_BYTES);
    config
}

fn pool(limits: &Limits, instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances * CORE_INSTANCES_PER_COMPONENT_MAX);
    pool.total_memories((instances * MEMORIES_PER_INSTANCE).max(MEMORIES_PER_COMPONENT_MAX));
    pool.total_tables(instances * TABLES_PER_COMPONENT_MAX);
    pool.total_stacks(instances);
    pool.max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT_MAX);
    pool.max_memories_per_component(MEMORIES_PER_COMPONENT_MAX);
    pool.max_tables_per_component(TABLES_PER_COMPONENT_MAX);
    pool.max_memory_size(limits.call_memory_bytes_max);
    pool.table_elements(TABLE_ELEMENTS_MAX);
    pool.linear_memory_keep_resident(KEEP_RESIDENT_BYTES);
    pool.table_keep_resident(KEEP_RESIDENT_BYTES);
    // Where the kernel supports it, one `ioctl` finds the pages that a call has written to.
    pool.pagemap_scan(Enabled::Auto);
    pool
}
