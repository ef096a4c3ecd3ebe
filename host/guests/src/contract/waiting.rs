//! `pending-handles.wait`: a call that waits in place, on its own fiber, while its worker goes on with others.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use crate::contract::context::{CallContext, of_earlier_call};
use crate::contract::types::{self, Pending, Settlement};
use snow_core::Refusal;
use snow_runtime::{Handle, Join, Wait};

type Waited = Result<Vec<Option<Settlement>>, types::Refusal>;

/// Provides `wait`.
pub(crate) fn add_wait(handles: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
    handles.func_wrap_async(
        "wait",
        |store: StoreContextMut<'_, CallContext>,
         (handles, until, timeout_ms): (Vec<Resource<Pending>>, types::Join, Option<u32>)| {
            Box::new(async move { Ok((wait(store, &handles, until.into(), timeout_ms).await?,)) })
        },
    )
}

async fn wait(
    mut store: StoreContextMut<'_, CallContext>,
    handles: &[Resource<Pending>],
    until: Join,
    timeout_ms: Option<u32>,
) -> wasmtime::Result<Waited> {
    let waits_for = match store.data().begin_wait(handles) {
        Ok(waits_for) => waits_for,
        Err(Unable::Refused(refusal)) => return Ok(Err(refusal.into())),
        Err(Unable::Stale) => return Err(of_earlier_call()),
    };
    // If there is nothing to wait for, the call keeps its time slice.
    if !store.data().registry().is_over(until, waits_for.iter().map(|handle| handle.id)) {
        let parking = store.data().parking.clone();
        match parking.park(Wait { handles: waits_for, until, timeout_ms }).await {
            Ok(handles) => store.data_mut().take_back(&handles),
            Err(cancelled) => {
                store.data_mut().take_back(&cancelled.0);
                return Err(wasmtime::Error::msg("the request was over while its call waited in place"));
            }
        }
    }
    let context = store.data();
    Ok(Ok(handles.iter().map(|handle| context.arrived(handle)).collect()))
}

/// Why a call can't wait.
enum Unable {
    /// It is told.
    Refused(Refusal),
    /// It has a resource of an earlier call: it is ended.
    Stale,
}

impl CallContext {
    /// What a wait is for, each once.
    fn begin_wait(&self, handles: &[Resource<Pending>]) -> Result<Vec<Handle>, Unable> {
        if !self.has_request() {
            return Err(Unable::Refused(Refusal::Denied));
        }
        if handles.len() > self.own_pendings_max() {
            return Err(Unable::Refused(Refusal::Limit));
        }
        let mut indices: Vec<u32> = handles.iter().map(Resource::rep).collect();
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().map(|index| self.handle(index).ok_or(Unable::Stale)).collect()
    }

    fn arrived(&self, handle: &Resource<Pending>) -> Option<Settlement> {
        let settled = self.registry().collect(self.handle(handle.rep())?.id)?;
        Some(Settlement::from(&*settled))
    }
}
