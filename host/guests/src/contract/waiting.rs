//! `pending-handles.wait`: a call waits in place, on its own fiber, while its worker goes on with
//! others.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use snow_core::Refusal;
use snow_runtime::{Handle, Join, Wait};

use super::context::{CallContext, stale_pending};
use super::types::{self, Pending, Settlement};

/// What `wait` returns to the guest.
type Waited = Result<Vec<Option<Settlement>>, types::Refusal>;

/// Adds `wait` to the functions of `pending-handles`.
pub(super) fn add_wait(handles: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
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
    pendings: &[Resource<Pending>],
    until: Join,
    timeout_ms: Option<u32>,
) -> wasmtime::Result<Waited> {
    let handles = match store.data().begin_wait(pendings) {
        Ok(handles) => handles,
        Err(CannotWait::Refused(refusal)) => return Ok(Err(refusal.into())),
        Err(CannotWait::Stale) => return Err(stale_pending()),
    };
    // A wait that is over already costs the call nothing of its time slice.
    if !store.data().registry().is_over(until, handles.iter().map(|handle| handle.id)) {
        let parking = store.data().parking.clone();
        let handles = parking.park(Wait { handles, until, timeout_ms }).await;
        store.data_mut().take_back(&handles);
    }
    let context = store.data();
    Ok(Ok(pendings.iter().map(|pending| context.arrived(pending)).collect()))
}

/// Why a call can't wait.
enum CannotWait {
    /// The host refuses, and the guest is told.
    Refused(Refusal),
    /// The guest uses a resource of an earlier call, and the call is ended.
    Stale,
}

impl CallContext {
    /// Returns the handles of these pendings, each once.
    fn begin_wait(&self, pendings: &[Resource<Pending>]) -> Result<Vec<Handle>, CannotWait> {
        if !self.can_wait() {
            return Err(CannotWait::Refused(Refusal::Denied));
        }
        if pendings.len() > self.own_pendings_max() {
            return Err(CannotWait::Refused(Refusal::Limit));
        }
        let mut representations: Vec<u32> = pendings.iter().map(Resource::rep).collect();
        representations.sort_unstable();
        representations.dedup();
        representations.into_iter().map(|rep| self.handle(rep).ok_or(CannotWait::Stale)).collect()
    }

    /// Collects what a pending was settled with, if it was.
    fn arrived(&self, pending: &Resource<Pending>) -> Option<Settlement> {
        let settled = self.registry().collect(self.handle(pending.rep())?.id)?;
        Some(Settlement::from(&*settled))
    }
}
