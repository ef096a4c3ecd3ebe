//! What all calls share, and how long one has been running.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use crate::contract::grants::Permits;
use crate::contract::parking::Parking;
use crate::engine::{Ticker, engine};
use crate::load::guest::plain;
use snow_config::{GuestConfigs, Limits};
use snow_core::{GateId, Registry, Waiter, WorkerId};
use snow_runtime::{Log, Post, Settled, VersionId};

/// What all calls of a worker share: a count of references of its own, which no other thread touches, to what all
/// calls of the process share.
#[derive(Clone)]
pub struct Runtime(Arc<RuntimeParts>);

/// The parts of a [`Runtime`].
#[derive(Clone)]
pub struct RuntimeParts {
    /// Where guests run.
    pub engine: Engine,
    /// Preempts them.
    pub ticker: Ticker,
    /// Who waits.
    pub registry: Arc<Registry<Settled>>,
    /// How settlements reach the workers.
    pub post: Arc<dyn Post>,
    /// Where guests' lines go.
    pub log: Log,
    /// The limits.
    pub limits: Arc<Limits>,
    /// Guests of a worker that may wait in place beside those that run.
    pub worker_calls_parked_max: u32,
    /// What each guest may do.
    pub permits: Arc<Permits>,
    /// Instances that are alive now, of this worker.
    pub instances: Arc<AtomicUsize>,
    /// Where workers say what concerns whoever deploys.
    pub report: Arc<dyn Fn(Report) + Send + Sync>,
}

impl Runtime {
    /// Puts the parts together.
    pub fn new(shared: RuntimeParts) -> Runtime {
        Runtime(Arc::new(shared))
    }

    /// Returns the runtime of a program that loads guests and serves nobody: no worker is told of anything.
    ///
    /// # Errors
    /// The system has not the memory for an engine, or no thread for its ticker.
    pub fn offline(limits: Limits, guests: &GuestConfigs, log: Log) -> anyhow::Result<Runtime> {
        let engine = engine(&limits, 1).map_err(plain)?;
        Ok(Runtime::new(RuntimeParts {
            ticker: Ticker::start(&engine)?,
            engine,
            registry: Arc::new(Registry::new(limits.pendings_max, |bytes| bytes.fill(0))),
            post: Arc::new(Nobody),
            log,
            permits: Arc::new(Permits::new(guests, &limits)),
            limits: Arc::new(limits),
            worker_calls_parked_max: 0,
            instances: Arc::default(),
            report: Arc::new(|_| {}),
        }))
    }

    /// The same for one worker, which counts its instances there.
    pub fn for_worker(&self, instances: Arc<AtomicUsize>) -> Runtime {
        Runtime(Arc::new(RuntimeParts { instances, ..RuntimeParts::clone(&self.0) }))
    }

    /// The same under another manifest.
    pub fn under(&self, limits: Arc<Limits>, permits: Permits) -> Runtime {
        Runtime(Arc::new(RuntimeParts { limits, permits: Arc::new(permits), ..RuntimeParts::clone(&self.0) }))
    }
}

impl Deref for Runtime {
    type Target = RuntimeParts;

    fn deref(&self) -> &RuntimeParts {
        &self.0
    }
}

/// The post of a program without workers.
struct Nobody;

impl Post for Nobody {
    fn wake(&self, _: &[Waiter]) {}

    fn gate_opened(&self, _: WorkerId, _: GateId) {}
}

/// What workers tell whoever deploys.
pub enum Report {
    /// Something that takes long to be freed, to be freed elsewhere.
    Retired(Box<dyn Any + Send>),
    /// A version has passed its trial. Said once.
    Proven {
        /// That version.
        version: VersionId,
    },
    /// A version has failed its trial. Said once.
    Troubled {
        /// That version.
        version: VersionId,
    },
}

/// What a slot's calls have, one after another: made once for the slot, not for each call.
#[derive(Default)]
pub struct Seat {
    /// How long the call has been running.
    pub slice: Arc<Slice>,
    /// Where it waits in place.
    pub parking: Arc<Parking>,
}

/// How long a call has been running, over all its time slices. Written by the worker, read in the callback.
pub struct Slice {
    base: Instant,
    call_started_ns: AtomicU64,
    slice_started_ns: AtomicU64,
}

impl Slice {
    /// Starts the clock of a slot.
    pub fn new() -> Slice {
        Slice { base: Instant::now(), call_started_ns: AtomicU64::new(0), slice_started_ns: AtomicU64::new(0) }
    }

    fn now_ns(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// A call starts.
    pub fn start_call(&self) {
        let now = self.now_ns();
        self.call_started_ns.store(now, Ordering::Relaxed);
        self.slice_started_ns.store(now, Ordering::Relaxed);
    }

    /// A time slice of it starts.
    pub fn start_slice(&self) {
        self.slice_started_ns.store(self.now_ns(), Ordering::Relaxed);
    }

    /// Since this slice started.
    pub fn running(&self) -> Duration {
        Duration::from_nanos(self.now_ns().saturating_sub(self.slice_started_ns.load(Ordering::Relaxed)))
    }

    /// Since the call started, the time when others ran included; rounded up.
    pub fn elapsed_ms(&self) -> u64 {
        self.now_ns().saturating_sub(self.call_started_ns.load(Ordering::Relaxed)).div_ceil(1_000_000)
    }
}

impl Default for Slice {
    fn default() -> Self {
        Slice::new()
    }
}
