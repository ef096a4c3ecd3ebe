//! What all calls share: the engine, the registry of pendings, the limits, and the ways out to
//! workers, log and deployer.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use snow_config::{GuestConfigs, Limits};
use snow_core::{ByteCount, Counter, GateId, Key, Registry, Waiter, WorkerId};
use snow_runtime::{
    Clock, Databases, Delivery, Log, Nowhere, OperationId, Outside, Post, Settled, VersionId,
};
use snow_state::{Store, Ticket};

use crate::contract::grants::Permits;
use crate::contract::state::listener::{GuestStore, StoreListener};
use crate::engine::{Engine, EngineError};
use crate::jobs::Jobs;

/// What all calls of a worker share. Cheap to clone: each worker has a reference count that no
/// other thread touches.
#[derive(Clone)]
pub struct Runtime(Arc<RuntimeParts>);

/// The parts of a [`Runtime`].
#[derive(Clone)]
pub struct RuntimeParts {
    /// The engine that guests run on.
    pub engine: Engine,
    /// The clock of the workers, the store and the guests.
    pub clock: Clock,
    /// The pendings of the whole process.
    pub registry: Arc<Registry<Settled>>,
    /// What guests keep beyond a call.
    pub store: Arc<GuestStore>,
    /// The sender of requests of guests to other servers.
    pub outside: Arc<dyn Outside>,
    /// The jobs of guests.
    pub jobs: Arc<Jobs>,
    /// Where statements of guests are carried out.
    pub databases: Arc<dyn Databases>,
    /// The way by which workers learn of settlements.
    pub post: Arc<dyn Post>,
    /// The log for the lines of guests.
    pub log: Log,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// Calls of one worker that may wait in place without taking a slot of those that run.
    pub worker_calls_parked_max: u32,
    /// What each guest may do.
    pub permits: Arc<Permits>,
    /// Bytes of source files that are kept for guests.
    pub source_bytes: Arc<ByteCount>,
    /// Bytes that engines have kept of guests.
    pub kept_bytes: Arc<ByteCount>,
    /// How many instances this worker has, and had.
    pub instances: Arc<InstanceCounts>,
    /// Takes what workers report to the deployer. May be called on any thread, and must not block.
    pub report: Arc<dyn Fn(Report) + Send + Sync>,
}

/// The numbers of a worker's instances. Written by the worker's thread.
#[derive(Debug, Default)]
pub struct InstanceCounts {
    /// Instances that are alive now.
    pub alive: AtomicUsize,
    /// Instances that were made since the start.
    pub started: Counter,
}

impl Runtime {
    /// Puts the parts together.
    pub fn new(parts: RuntimeParts) -> Runtime {
        Runtime(Arc::new(parts))
    }

    /// Makes a runtime for a program that loads guests and serves nobody, such as `snow-host
    /// check`.
    ///
    /// # Errors
    /// The system has too little memory for an engine, or no thread for its ticker.
    pub fn offline(
        limits: Limits,
        guests: &GuestConfigs,
        log: Log,
    ) -> Result<Runtime, EngineError> {
        // Tokens need no randomness where no pending is ever created.
        let registry = Arc::new(Registry::new(limits.pendings_max, |bytes| bytes.fill(0)));
        let post = Arc::new(NoWorkers);
        let listener = StoreListener {
            registry: registry.clone(),
            post: post.clone(),
            log: log.clone(),
            work_at: Box::new(|_| {}),
        };
        let (clock, store) =
            (Clock::start(), Arc::new(Store::in_memory(limits.store, listener, 0)));
        Ok(Runtime::new(RuntimeParts {
            engine: Engine::start(&limits, 1, 0)?,
            jobs: Jobs::new(0, clock.clone(), log.clone(), store.clone()),
            clock,
            registry,
            store,
            outside: Arc::new(Nowhere),
            databases: Arc::new(Nowhere),
            post,
            log,
            permits: Arc::new(Permits::new(guests, &limits)),
            limits: Arc::new(limits),
            worker_calls_parked_max: 0,
            source_bytes: Arc::default(),
            kept_bytes: Arc::default(),
            instances: Arc::default(),
            report: Arc::new(|_| {}),
        }))
    }

    /// Makes a runtime for one worker, whose instances are counted in `instances`.
    pub fn for_worker(&self, instances: Arc<InstanceCounts>) -> Runtime {
        Runtime(Arc::new(RuntimeParts { instances, ..RuntimeParts::clone(&self.0) }))
    }

    /// Ends an operation behind a pending that was released. The store's are odd numbers, those of
    /// [`databases`](RuntimeParts::databases) multiples of four, and those of what is
    /// [`outside`](RuntimeParts::outside) the other even ones.
    pub(crate) fn cancel(&self, operation: OperationId) {
        match operation.0.get() % 4 {
            0 => self.databases.cancel(operation),
            2 => self.outside.cancel(operation),
            _ => drop(self.store.forget(Ticket::from_number(operation.0))),
        }
    }

    /// Tells how the answer of an operation is wanted. Only those of other servers can come piece by piece.
    pub(crate) fn deliver(&self, operation: OperationId, how: Delivery) {
        if operation.0.get() % 4 == 2 {
            self.outside.deliver(operation, how);
        }
    }

    /// Makes a runtime that differs only in what a manifest says: limits and permits.
    pub fn under(&self, limits: Arc<Limits>, permits: Permits) -> Runtime {
        self.store.set_limits(limits.store);
        Runtime(Arc::new(RuntimeParts {
            limits,
            permits: Arc::new(permits),
            ..RuntimeParts::clone(&self.0)
        }))
    }
}

impl Deref for Runtime {
    type Target = RuntimeParts;

    fn deref(&self) -> &RuntimeParts {
        &self.0
    }
}

/// The post of a program without workers.
struct NoWorkers;

impl Post for NoWorkers {
    fn wake(&self, _: &[Waiter]) {}

    fn gate_opened(&self, _: WorkerId, _: GateId) {}

    fn relay_ready(&self, _: WorkerId, _: Key) {}
}

/// What a worker reports to the deployer.
pub enum Report {
    /// Something to be dropped on the deployer's thread, since freeing it takes longer than a turn
    /// of the loop may.
    Retired(Box<dyn Any + Send>),
    /// A worker has adopted a deployment.
    Adopted,
    /// A version has passed its trial. Reported once.
    TrialPassed {
        /// The version.
        version: VersionId,
    },
    /// A version has failed its trial. Reported once.
    TrialFailed {
        /// The version.
        version: VersionId,
    },
}
