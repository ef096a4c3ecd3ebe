//! An instance of a guest: for one call, or for several, one after another.
//!
//! Between two calls everything of the first is gone but what the guest itself keeps in its memory: pendings that it did
//! not return are released, their resources name nothing any more, and time and limits begin anew.

use wasmtime::Store;
use wasmtime::component::{self, Resource};

use crate::contract::context::CallContext;
use crate::contract::store::{self, Alive};
use crate::contract::types::{self, ArrivalRef, Pending, RequestRef, SettlementRef};
use crate::load::guest::{Guest, HandleFunc, ResumeFunc};
use crate::runtime::Runtime;
use snow_runtime::{Arrival, Cause, RouteId};

/// See the module's text.
pub struct Instance {
    store: Store<CallContext>,
    /// Made by the first call.
    instance: Option<component::Instance>,
    /// The exports that were called already: no later call looks them up and checks their types.
    handle: Option<HandleFunc<'static>>,
    resume: Option<ResumeFunc<'static>>,
    /// That were begun.
    calls: u32,
    /// Behind the store: it counts until that is gone.
    _alive: Alive,
}

/// What `resume` is called with, beside the request.
pub(crate) struct Resumed<'a> {
    pub cause: Cause,
    pub state: &'a [u8],
    pub arrivals: &'a [Arrival],
}

impl Instance {
    /// For a first call.
    pub(crate) fn new(runtime: &Runtime, context: CallContext) -> Instance {
        let alive = Alive::new(runtime);
        let store = store::store(runtime, context);
        Instance { store, instance: None, handle: None, resume: None, calls: 1, _alive: alive }
    }

    /// The one that was kept, if it can serve another call of those that an instance serves, else a fresh one.
    pub(crate) fn next(kept: Option<Instance>, runtime: &Runtime, context: CallContext) -> Instance {
        let calls_max = context.permit().quota.instance_calls_max;
        // One that can't is dropped here already, so that there is room in the pool for the other.
        let kept = kept.filter(|kept| kept.calls < calls_max && kept.context().can_go_on(&context));
        let Some(mut kept) = kept else { return Instance::new(runtime, context) };
        kept.calls += 1;
        kept.context_mut().go_on(context);
        store::begin(runtime, &mut kept.store);
        kept
    }

    /// Whether it may be kept, now that a call has returned: that was not its last one, and it was not refused memory, of
    /// which the next one would have too little as well.
    pub(crate) fn is_good(&self) -> bool {
        let context = self.context();
        self.calls < context.permit().quota.instance_calls_max && !context.memory.refused
    }

    pub(crate) fn context(&self) -> &CallContext {
        self.store.data()
    }

    pub(crate) fn context_mut(&mut self) -> &mut CallContext {
        self.store.data_mut()
    }

    /// Guests `handler.handle`.
    pub(crate) async fn handle(
        &mut self,
        guest: &Guest,
        route: RouteId,
        request: RequestRef<'_>,
    ) -> wasmtime::Result<types::Outcome> {
        let instance = self.instance(guest).await?;
        let handle = match self.handle {
            Some(handle) => handle,
            None => crate::load::guest::typed(&instance, &mut self.store, &guest.exports.handle)?,
        };
        self.handle = Some(handle);
        let handle: HandleFunc<'_> = handle;
        Ok(handle.call_async(&mut self.store, (route.0, request)).await?.0)
    }

    /// Guests `resumer.resume`. The arrivals' handles are the call's own, in this order.
    pub(crate) async fn resume(
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
                let export = guest.exports.resume.as_ref().ok_or_else(|| wasmtime::Error::msg("no `resume`"))?;
                crate::load::guest::typed(&instance, &mut self.store, export)?
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
        Ok(resume.call_async(&mut self.store, (route.0, cause.into(), request, state, arrivals)).await?.0)
    }

    async fn instance(&mut self, guest: &Guest) -> wasmtime::Result<component::Instance> {
        if let Some(instance) = self.instance {
            return Ok(instance);
        }
        let instance = guest.pre.instantiate_async(&mut self.store).await?;
        self.instance = Some(instance);
        Ok(instance)
    }
}
