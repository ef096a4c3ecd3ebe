//! What a call may reach: its store's data, and its account.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::ResourceLimiter;
use wasmtime::component::Resource;

use crate::contract::grants::Permit;
use crate::contract::parking::Parking;
use crate::contract::types::Pending;
use crate::runtime::{Runtime, Seat, Slice};
use snow_core::{Refusal, Registry, WorkerId};
use snow_http::RequestId;
use snow_runtime::{Handle, Level, Settled, Settlement, TimerState};

/// Representations of resources that one store gives out: more than a call has pendings are left.
const REPRESENTATIONS_MAX: u32 = 1 << 31;

/// A store's data: all that a call may reach.
pub struct CallContext {
    pub(crate) runtime: Runtime,
    /// The worker that runs the call.
    worker: WorkerId,
    pub(crate) permit: Arc<Permit>,
    request_id: RequestId,
    /// The worker's clock when the call started.
    pub(crate) now_ms: u64,
    phase: Phase,
    /// The call's pendings: a resource's representation is an index into this, and [`CallContext::first`].
    handles: Vec<Option<Handle>>,
    /// What the representations of this call begin with. Those of one store's calls never overlap, so that a resource that
    /// a guest keeps from one call to the next names nothing any more.
    first: u32,
    /// Handles that the guest dropped, whose timers the worker has to cancel.
    dropped: Vec<Handle>,
    pub(crate) memory: MemoryCeiling,
    /// How long the call has been running, the slice under way aside.
    pub(crate) used: Duration,
    pub(crate) slice: Arc<Slice>,
    pub(crate) parking: Arc<Parking>,
}

/// What the guest is asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is no request: nothing can wait.
    Routes,
    /// There is one.
    Request,
}

impl CallContext {
    /// For a call of `routes()`.
    pub fn for_routes(runtime: &Runtime, permit: Arc<Permit>) -> CallContext {
        let seat = Seat::default();
        let mut context =
            CallContext::for_request(runtime, WorkerId(0), permit, RequestId::made(0), 0, &seat, Vec::new());
        context.phase = Phase::Routes;
        context
    }

    /// For a call on behalf of a request, which owns these handles from the start.
    pub fn for_request(
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
            handles: handles.into_iter().map(Some).collect(),
            first: 0,
            dropped: Vec::new(),
            memory: MemoryCeiling { bytes: 0, bytes_max, refused: false },
            used: Duration::ZERO,
            slice: seat.slice.clone(),
            parking: seat.parking.clone(),
        }
    }

    /// Whether this store may go on with another call: not if it has more memory than that may have, or has given out too
    /// many resources.
    pub(crate) fn can_go_on(&self, next: &CallContext) -> bool {
        self.memory.bytes <= next.memory.bytes_max && self.next_first() < REPRESENTATIONS_MAX
    }

    /// It does: what the instance has taken stays taken, and nothing else is left.
    pub(crate) fn go_on(&mut self, mut next: CallContext) {
        next.first = self.next_first();
        next.memory.bytes = self.memory.bytes;
        *self = next;
    }

    /// Behind all that were ever given out.
    fn next_first(&self) -> u32 {
        self.first + self.handles.len() as u32
    }

    /// The representation of the handle at this place.
    fn representation(&self, index: usize) -> u32 {
        self.first + index as u32
    }

    fn index(&self, representation: u32) -> Option<usize> {
        Some(representation.checked_sub(self.first)? as usize)
    }

    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The resource for the handle that the call had from the start at this place.
    pub(crate) fn resource(&self, index: usize) -> Resource<Pending> {
        Resource::new_own(self.representation(index))
    }

    /// Whether there is somebody to wait for.
    pub(crate) fn has_request(&self) -> bool {
        self.phase == Phase::Request
    }

    pub(crate) fn own_pendings_max(&self) -> usize {
        self.runtime.limits.pendings_per_call_max
    }

    pub(crate) fn registry(&self) -> &Registry<Settled> {
        &self.runtime.registry
    }

    /// What a resource stands for; `None` if that is of an earlier call.
    pub(crate) fn handle(&self, representation: u32) -> Option<Handle> {
        *self.handles.get(self.index(representation)?)?
    }

    /// After a wait: timers may have been set for these.
    pub(crate) fn take_back(&mut self, handles: &[Handle]) {
        for back in handles {
            if let Some(own) = self.handles.iter_mut().flatten().find(|own| own.id == back.id) {
                *own = *back;
            }
        }
    }

    /// The handle that a guest returned. It is the caller's from now on. `None` if it is of an earlier call.
    pub fn take(&mut self, resource: &Resource<Pending>) -> Option<Handle> {
        let index = self.index(resource.rep())?;
        self.handles.get_mut(index)?.take()
    }

    /// Handles that were taken, and are not returned after all.
    pub(crate) fn give_back(&mut self, handles: Vec<Handle>) {
        self.dropped.extend(handles);
    }

    /// Every handle that the call did not return: they are the caller's to release.
    pub fn leftover(&mut self) -> Vec<Handle> {
        let mut leftover = mem::take(&mut self.dropped);
        leftover.extend(self.handles.iter_mut().filter_map(Option::take));
        leftover
    }

    pub(crate) fn create(&mut self, key: Option<&str>, timer: TimerState) -> Result<Resource<Pending>, Refusal> {
        let limits = &self.runtime.limits;
        if !self.has_request() {
            return Err(Refusal::Denied);
        }
        let account = self.permit.create(key, limits)?;
        let slot = self.free_slot(limits.pendings_per_call_max).ok_or(Refusal::Limit)?;
        let id = self.runtime.registry.create_for(account, self.worker, key)?;
        self.handles[slot] = Some(Handle { id, timer });
        Ok(self.resource(slot))
    }

    fn free_slot(&mut self, most: usize) -> Option<usize> {
        if let Some(free) = self.handles.iter().position(Option::is_none) {
            return Some(free);
        }
        (self.handles.len() < most).then(|| {
            self.handles.push(None);
            self.handles.len() - 1
        })
    }

    /// One of an earlier call is over already.
    pub(crate) fn drop_handle(&mut self, representation: u32) {
        let Some(index) = self.index(representation) else { return };
        let Some(handle) = self.handles.get_mut(index).and_then(Option::take) else { return };
        if let Some(waiter) = self.runtime.registry.release(handle.id) {
            self.runtime.post.wake(&[waiter]);
        }
        if matches!(handle.timer, TimerState::Set(_)) {
            self.dropped.push(handle);
        }
    }

    pub(crate) fn settle(&self, token: &str, settlement: Settlement) -> Result<(), Refusal> {
        let (registry, limits) = (&self.runtime.registry, &self.runtime.limits);
        let settled = self.permit.settle_token(token, settlement, registry, limits)?;
        let waiter = registry.settle_token(token, settled)?;
        self.runtime.post.wake(waiter.as_slice());
        Ok(())
    }

    pub(crate) fn settle_next(&self, key: &str, settlement: Settlement) -> Result<bool, Refusal> {
        let settled = self.permit.settle_key(key, settlement, &self.runtime.limits)?;
        let settled = self.runtime.registry.settle_next(key, settled);
        self.runtime.post.wake(settled.flatten().as_slice());
        Ok(settled.is_some())
    }

    pub(crate) fn waiting(&self, key: &str) -> u32 {
        if self.permit.sees(key) { self.runtime.registry.waiting(key) } else { 0 }
    }

    pub(crate) fn log(&self, level: Level, mut message: String) {
        let most = self.runtime.limits.log_message_bytes_max;
        if message.len() > most {
            message.truncate(message.floor_char_boundary(most));
            message.push('…');
        }
        self.runtime.log.guest(level, &self.permit.name, &self.request_id, message);
    }
}

/// Bounds the linear memories of one store together.
pub struct MemoryCeiling {
    bytes: usize,
    bytes_max: usize,
    /// Whether the guest ever asked for more: the likely reason of a trap that follows.
    pub refused: bool,
}

impl ResourceLimiter for MemoryCeiling {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.bytes_max {
            self.refused = true;
            return Ok(false);
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // The pool bounds every table's elements.
        Ok(true)
    }
}

/// A guest that keeps a `pending` from one call to the next has none: what a call does not return ends with it.
pub(crate) fn of_earlier_call() -> wasmtime::Error {
    wasmtime::Error::msg("a `pending` of an earlier call was used: it was released when that call ended")
}
