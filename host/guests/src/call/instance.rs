//! An instance of a guest, for one call or for several, one after another.
//!
//! Between two calls all that belongs to the first is released, except for what the guest keeps in
//! its memory: pendings that it did not return are released, their resources name nothing any more,
//! and time and limits begin anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::Store;
use wasmtime::component::{self, Resource};

use snow_runtime::{Arrival, Cause, RouteId};

use crate::contract::context::CallContext;
use crate::contract::store;
use crate::contract::types::{self, ArrivalRef, JobRef, Pending, RequestRef, SettlementRef};
use crate::load::guest::{Guest, HandleFunc, ResumeFunc, RunFunc, typed};
use crate::runtime::{InstanceCounts, Runtime};

/// An instance of a guest, with its store.
pub(super) struct Instance {
    store: Store<CallContext>,
    /// The instance itself. The first call makes it, so that making it is part of that call's
    /// running time.
    instance: Option<component::Instance>,
    /// `handle`, once it was called: later calls do not look it up and check its type again.
    handle: Option<HandleFunc<'static>>,
    /// `resume`, once it was called.
    resume: Option<ResumeFunc<'static>>,
    /// Calls that have begun.
    calls: u32,
    /// Counts this instance. After the store in the order of fields, so that it is dropped when the
    /// store is gone.
    _alive: Alive,
}

/// What `resume` is called with, beside the request.
pub(super) struct Resumed<'a> {
    pub cause: Cause,
    pub state: &'a [u8],
    pub arrivals: &'a [Arrival],
}

impl Instance {
    /// Makes an instance for a first call.
    pub(super) fn new(runtime: &Runtime, context: CallContext) -> Instance {
        let alive = Alive::new(runtime);
        let store = store::store(runtime, context);
        Instance { store, instance: None, handle: None, resume: None, calls: 1, _alive: alive }
    }

    /// Returns the instance that was kept, if it can serve this call, or else a fresh one.
    pub(super) fn next(
        kept: Option<Instance>,
        runtime: &Runtime,
        context: CallContext,
    ) -> Instance {
        let calls_max = context.permit().quota.instance_calls_max;
        // If it can't, it is dropped here already, so that the pool has room for the fresh one.
        let kept = kept.filter(|kept| kept.calls < calls_max && kept.context().can_go_on(&context));
        let Some(mut kept) = kept else { return Instance::new(runtime, context) };
        kept.calls += 1;
        kept.context_mut().go_on(context);
        store::begin(runtime, &mut kept.store);
        kept
    }

    /// Whether this instance may be kept after a call: if that was not its last call, and if it
    /// leaves enough memory for the next one.
    pub(super) fn is_reusable(&self) -> bool {
        let context = self.context();
        self.calls < context.permit().quota.instance_calls_max
            && !context.memory.was_refused
            && !context.memory.is_almost_full()
    }

    pub(super) fn context(&self) -> &CallContext {
        self.store.data()
    }

    pub(super) fn context_mut(&mut self) -> &mut CallContext {
        self.store.data_mut()
    }

    /// Calls `handler.handle`.
    pub(super) async fn handle(
        &mut self,
        guest: &Guest,
        route: RouteId,
        request: RequestRef<'_>,
    ) -> wasmtime::Result<types::Outcome> {
        let instance = self.instance(guest).await?;
        let handle = match self.handle {
            Some(handle) => handle,
            None => typed(&instance, &mut self.store, &guest.exports.handle)?,
        };
        self.handle = Some(handle);
        let handle: HandleFunc<'_> = handle;
        Ok(handle.call_async(&mut self.store, (route.0, request)).await?.0)
    }

    /// Calls `resumer.resume`. The arrivals are those of the handles that the call owned from the
    /// start, in their order.
    pub(super) async fn resume(
        &mut self,
        guest: &Guest,
        route: RouteId,
        request: Option<RequestRef<'_>>,
        resumed: Resumed<'_>,
    ) -> wasmtime::Result<types::Outcome> {
        let instance = self.instance(guest).await?;
        let resume = match self.resume {
            Some(resume) => resume,
            None => {
                let export = guest
                    .exports
                    .resume
                    .as_ref()
                    .ok_or_else(|| wasmtime::Error::msg("no `resume`"))?;
                typed(&instance, &mut self.store, export)?
            }
        };
        self.resume = Some(resume);
        let Resumed { cause, state, arrivals } = resumed;
        let resource = |index| -> Resource<Pending> { self.store.data().resource(index) };
        let arrivals = arrivals.iter().enumerate().map(|(index, arrival)| ArrivalRef {
            handle: resource(index),
            settlement: arrival.settlement.as_deref().map(SettlementRef::new),
        });
        let arrivals = arrivals.collect();
        let resume: ResumeFunc<'_> = resume;
        Ok(resume
            .call_async(&mut self.store, (route.0, cause.into(), request, state, arrivals))
            .await?
            .0)
    }

    /// Calls `job-runner.run`.
    pub(super) async fn run(
        &mut self,
        guest: &Guest,
        job: JobRef<'_>,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Failure>> {
        let instance = self.instance(guest).await?;
        let export = guest.exports.run.as_ref().ok_or_else(|| wasmtime::Error::msg("no `run`"))?;
        let run: RunFunc<'_> = typed(&instance, &mut self.store, export)?;
        Ok(run.call_async(&mut self.store, (job,)).await?.0)
    }

    async fn instance(&mut self, guest: &Guest) -> wasmtime::Result<component::Instance> {
        if let Some(instance) = self.instance {
            return Ok(instance);
        }
        self.context_mut().sources = guest.sources.clone();
        let instance = guest.pre.instantiate_async(&mut self.store).await?;
        self.instance = Some(instance);
        Ok(instance)
    }
}

/// Counts an instance for as long as it exists.
struct Alive(Arc<InstanceCounts>);

impl Alive {
    fn new(runtime: &Runtime) -> Alive {
        runtime.instances.alive.fetch_add(1, Ordering::Relaxed);
        runtime.instances.started.add(1);
        Alive(runtime.instances.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}
