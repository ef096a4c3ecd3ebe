//! A call's context: all that the functions of the host can reach on behalf of one call.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::component::Resource;

use snow_core::{Refusal, Registry, WorkerId};
use snow_http::RequestId;
use snow_runtime::{Handle, Level, Settled, Settlement, Source};

use super::explained::Explained;
use super::grants::{Permit, TO_CREATE};
use super::memory::MemoryCeiling;
use super::parking::Parking;
use super::quota::Bound;
use super::resumption::Resumption;
use super::seat::{Seat, Stopwatch};
use super::sql::OpenDatabases;
use super::state::buckets::OpenInStore;
use super::types::Pending;
use crate::deploy::share::Member;
use crate::load::kept::Keeping;
use crate::load::source::Sources;
use crate::runtime::Runtime;
use crate::wasi::WasiState;

/// Representations of resources after which a store takes no further call. As many again are left,
/// which is more than its last call can use.
const REPRESENTATIONS_MAX: u32 = 1 << 31;

/// Bytes that a line of the log counts beside its message.
const LINE_BYTES: usize = 64;

/// The data of a call's store.
pub(crate) struct CallContext {
    pub runtime: Runtime,
    /// The worker that runs the call.
    worker: WorkerId,
    /// What the guest may do and take.
    pub permit: Arc<Permit>,
    request_id: RequestId,
    /// The worker's clock when the call started.
    pub now_ms: u64,
    phase: Phase,
    /// The version that runs, for the jobs that the call starts. `None` while a guest is loaded.
    pub member: Option<Arc<Member>>,
    /// The call's pendings. The representation of a resource is [`CallContext::first`] plus an
    /// index into this.
    handles: Vec<Option<Handle>>,
    /// The first representation of this call. The calls of one store never share one, so a resource
    /// that a guest keeps from one call to the next names nothing any more.
    first: u32,
    /// Handles that the guest dropped and whose sources the worker has to end.
    dropped: Vec<Handle>,
    /// How much linear memory the store has and may have.
    pub memory: MemoryCeiling,
    pub stopwatch: Arc<Stopwatch>,
    pub parking: Arc<Parking>,
    /// Whether a denial of this call has been logged.
    pub was_explained: Explained,
    /// Bytes that this call has logged.
    logged_bytes: AtomicUsize,
    /// The base URL by the fields of a proxy, if these are trusted.
    pub forwarded: Option<String>,
    /// The wait before the call.
    pub resumption: Resumption,
    /// The source files of the instance's guest, if it is one.
    pub sources: Option<Arc<Sources>>,
    /// The code that the engine has made of the sources, while the guest is loaded.
    pub keeping: Option<Keeping>,
    /// Buckets and swaps that the instance has open, from one call to the next.
    pub open: OpenInStore,
    /// Databases that the instance has open, from one call to the next.
    pub open_databases: OpenDatabases,
    /// What WASI keeps, from one call to the next.
    pub wasi: WasiState,
}

/// What the guest is called for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For its routes: there is no request, so nothing can wait.
    Routes,
    /// For a request.
    Request,
    /// For a job.
    Job,
}

impl CallContext {
    /// Makes the context of a call of `routes()`.
    pub(crate) fn for_routes(runtime: &Runtime, permit: Arc<Permit>) -> CallContext {
        let seat = Seat::default();
        let mut context = CallContext::for_request(
            runtime,
            WorkerId(0),
            permit,
            RequestId::made(0),
            0,
            &seat,
            Vec::new(),
        );
        context.phase = Phase::Routes;
        context
    }

    /// Makes the context of a call of `run`, for the job of this id.
    pub(crate) fn for_job(
        runtime: &Runtime,
        executor: WorkerId,
        member: &Arc<Member>,
        id: RequestId,
        seat: &Seat,
    ) -> CallContext {
        let (permit, now_ms) = (member.permit.clone(), runtime.clock.now_ms());
        let mut context =
            CallContext::for_request(runtime, executor, permit, id, now_ms, seat, Vec::new());
        context.phase = Phase::Job;
        context.member = Some(member.clone());
        context
    }

    /// Makes the context of a call on behalf of a request. The call owns `handles` from the start.
    pub(crate) fn for_request(
        runtime: &Runtime,
        worker: WorkerId,
        permit: Arc<Permit>,
        request_id: RequestId,
        now_ms: u64,
        seat: &Seat,
        handles: Vec<Handle>,
    ) -> CallContext {
        let bytes_max = permit.quota.memory_bytes.most;
        CallContext {
            runtime: runtime.clone(),
            worker,
            permit,
            request_id,
            now_ms,
            phase: Phase::Request,
            member: None,
            handles: handles.into_iter().map(Some).collect(),
            first: 0,
            dropped: Vec::new(),
            memory: MemoryCeiling::new(bytes_max),
            stopwatch: seat.stopwatch.clone(),
            parking: seat.parking.clone(),
            was_explained: Explained::default(),
            logged_bytes: AtomicUsize::new(0),
            forwarded: None,
            resumption: Resumption::default(),
            sources: None,
            keeping: None,
            open: OpenInStore::default(),
            open_databases: OpenDatabases::default(),
            wasi: WasiState::default(),
        }
    }

    /// Whether this context's store can serve another call: not if it has more memory than that
    /// call may have, or has given out too many representations.
    pub(crate) fn can_go_on(&self, next: &CallContext) -> bool {
        self.memory.bytes <= next.memory.bytes_max && self.next_first() < REPRESENTATIONS_MAX
    }

    /// Turns this context into the next call's. The memory of the instance and the representations
    /// that it has seen stay; all else is the next call's.
    pub(crate) fn go_on(&mut self, mut next: CallContext) {
        next.first = self.next_first();
        next.memory.bytes = self.memory.bytes;
        next.wasi = mem::take(&mut self.wasi);
        next.open = mem::take(&mut self.open);
        next.open_databases = mem::take(&mut self.open_databases);
        next.sources = self.sources.take();
        *self = next;
    }

    /// Returns the first representation that this store has not given out.
    fn next_first(&self) -> u32 {
        self.first + self.handles.len() as u32
    }

    /// Returns the representation of the handle at this index.
    fn representation(&self, index: usize) -> u32 {
        self.first + index as u32
    }

    /// Returns the index that a representation stands for; `None` for one of an earlier call.
    fn index(&self, representation: u32) -> Option<usize> {
        Some(representation.checked_sub(self.first)? as usize)
    }

    /// Returns the identifier of the request that the call is for.
    pub(crate) fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Returns what the guest may do and take.
    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Returns the resource for the handle at this index, which the guest owns from now on.
    pub(crate) fn resource(&self, index: usize) -> Resource<Pending> {
        Resource::new_own(self.representation(index))
    }

    /// Whether the call is on behalf of a request or a job, which can wait.
    pub(crate) fn can_wait(&self) -> bool {
        self.phase != Phase::Routes
    }

    /// Returns how long the call may run.
    pub(crate) fn running_ms(&self) -> &Bound<u32> {
        let quota = &self.permit.quota;
        if self.phase == Phase::Job { &quota.job_running_ms } else { &quota.running_ms }
    }

    /// Returns how many pendings a call may own.
    pub(crate) fn own_pendings_max(&self) -> usize {
        self.runtime.limits.pendings_per_call_max
    }

    /// Returns the registry of all pendings.
    pub(crate) fn registry(&self) -> &Registry<Settled> {
        &self.runtime.registry
    }

    /// Returns the handle that a representation stands for; `None` for one of an earlier call.
    pub(crate) fn handle(&self, representation: u32) -> Option<Handle> {
        *self.handles.get(self.index(representation)?)?
    }

    /// Sets what settles the pending of a resource.
    pub(crate) fn set_source(&mut self, pending: &Resource<Pending>, source: Source) {
        let place = self.index(pending.rep()).and_then(|index| self.handles.get_mut(index));
        if let Some(Some(handle)) = place {
            handle.source = source;
        }
    }

    /// Takes handles back after a wait in place, in which timers may have been set for them.
    pub(crate) fn take_back(&mut self, handles: &[Handle]) {
        for back in handles {
            if let Some(own) = self.handles.iter_mut().flatten().find(|own| own.id == back.id) {
                *own = *back;
            }
        }
    }

    /// Takes the handle of a resource that the guest has returned. The caller owns it from now on.
    /// `None` for a resource of an earlier call, or one that was taken before.
    pub(crate) fn take(&mut self, resource: &Resource<Pending>) -> Option<Handle> {
        let index = self.index(resource.rep())?;
        self.handles.get_mut(index)?.take()
    }

    /// Gives back handles that were taken in vain, to be among the leftover.
    pub(crate) fn give_back(&mut self, handles: Vec<Handle>) {
        self.dropped.extend(handles);
    }

    /// Takes every handle that the guest has not returned, for the caller to release.
    pub(crate) fn take_leftover(&mut self) -> Vec<Handle> {
        let mut leftover = mem::take(&mut self.dropped);
        leftover.extend(self.handles.iter_mut().filter_map(Option::take));
        leftover
    }

    /// Creates a pending, if the guest may.
    pub(crate) fn create(
        &mut self,
        key: Option<&str>,
        source: Source,
    ) -> Result<Resource<Pending>, Refusal> {
        let limits = &self.runtime.limits;
        if !self.can_wait() {
            return Err(Refusal::Denied);
        }
        let account = self.permit.create(key, limits);
        let account =
            account.inspect_err(|refusal| self.explain(*refusal, "create", key, TO_CREATE))?;
        let place = self.free_place(limits.pendings_per_call_max).ok_or(Refusal::Limit)?;
        let id = self.runtime.registry.create_for(account, self.worker, key)?;
        self.handles[place] = Some(Handle { id, source });
        Ok(self.resource(place))
    }

    /// Returns the index of a place without a handle; `None` if the call has `most` handles.
    fn free_place(&mut self, most: usize) -> Option<usize> {
        if let Some(free) = self.handles.iter().position(Option::is_none) {
            return Some(free);
        }
        (self.handles.len() < most).then(|| {
            self.handles.push(None);
            self.handles.len() - 1
        })
    }

    /// Releases a pending whose resource the guest drops. One of an earlier call was released when
    /// that call ended.
    pub(crate) fn drop_handle(&mut self, representation: u32) {
        let Some(index) = self.index(representation) else { return };
        let Some(handle) = self.handles.get_mut(index).and_then(Option::take) else { return };
        if let Some(waiter) = self.runtime.registry.release(handle.id) {
            self.runtime.post.wake(&[waiter]);
        }
        if matches!(handle.source, Source::Timer(_) | Source::Operation(_)) {
            self.dropped.push(handle);
        }
    }

    /// Settles the pending of a token, if the guest may.
    pub(crate) fn settle(&self, token: &str, settlement: Settlement) -> Result<(), Refusal> {
        let (registry, limits) = (&self.runtime.registry, &self.runtime.limits);
        let settled = self.permit.settle_token(token, settlement, registry, limits);
        let settled = settled.inspect_err(|refusal| self.explain_settling(*refusal, None))?;
        let waiter = registry.settle_token(token, settled)?;
        self.runtime.post.wake(waiter.as_slice());
        Ok(())
    }

    /// Settles the pending that has waited longest under a key, if the guest may. False if none
    /// waits.
    pub(crate) fn settle_next(&self, key: &str, settlement: Settlement) -> Result<bool, Refusal> {
        let settled = self.permit.settle_key(key, settlement, &self.runtime.limits);
        let settled = settled.inspect_err(|refusal| self.explain_settling(*refusal, Some(key)))?;
        let settled = self.runtime.registry.settle_next(key, settled);
        self.runtime.post.wake(settled.flatten().as_slice());
        Ok(settled.is_some())
    }

    /// Returns how many pendings wait under a key; 0 if the guest may not know.
    pub(crate) fn waiting(&self, key: &str) -> u32 {
        if self.permit.sees(key) { self.runtime.registry.waiting(key) } else { 0 }
    }

    /// Logs why the guest may not settle under a key, or by a token.
    pub(crate) fn explain_settling(&self, refusal: Refusal, key: Option<&str>) {
        self.explain(refusal, "settle", key, self.permit.to_settle(key));
    }

    /// Logs what the guest was denied, and what the deployer may do. The guest is told `denied` and
    /// no more, and may keep that to itself. Only the first denial of a call is logged.
    fn explain(&self, refusal: Refusal, deed: &str, key: Option<&str>, remedy: &str) {
        if refusal == Refusal::Denied {
            let under = key.map_or("by a token".to_owned(), |key| format!("under the key {key:?}"));
            self.explain_denial(&format!("{deed} {under}"), remedy);
        }
    }

    /// Logs what the guest was denied, and the remedy, unless this call has been denied before.
    pub(crate) fn explain_denial(&self, deed: &str, remedy: &str) {
        if !self.was_explained.is_first() {
            return;
        }
        let (name, id) = (&self.permit.name, &self.request_id);
        self.runtime.log.host(
            Level::Warn,
            format!(
                "guest={name} id={id}: denied to {deed}: if it may, {remedy} in [guest.{name}] of \
                 snow.toml"
            ),
        );
    }

    /// Logs a line of the guest; of a long message, only the beginning. A call that logs more than
    /// it may is told so in the log, once, and the rest is dropped.
    pub(crate) fn log(&self, level: Level, message: String) {
        let limits = &self.runtime.limits;
        let message = self.permit.masks.masked(message, limits.log_message_bytes_max);
        let bytes = message.len() + LINE_BYTES;
        let before = self.logged_bytes.fetch_add(bytes, Ordering::Relaxed);
        let most = limits.call_log_bytes_max;
        let (level, message) = match before + bytes <= most {
            true => (level, message),
            false if before <= most => (
                Level::Warn,
                format!("the rest is dropped: {most} bytes are logged (call_log_bytes_max)"),
            ),
            false => return,
        };
        self.runtime.log.guest(level, &self.permit.name, &self.request_id, message);
    }
}

/// Returns the error that ends a call which uses a `pending` of an earlier one.
pub(crate) fn stale_pending() -> wasmtime::Error {
    wasmtime::Error::msg(
        "a `pending` of an earlier call was used: it was released when that call ended",
    )
}
