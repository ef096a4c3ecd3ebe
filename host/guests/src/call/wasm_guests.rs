//! All calls of one worker.
//!
//! Every call is a future on a fiber. While the guest computes, the epoch's callback makes the
//! future yield about each millisecond, and the worker's scheduler decides when the call is polled
//! again. Nothing else makes a call pending but a wait in place, so no waker is needed.

#[cfg(test)]
mod tests;

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use snow_core::{Gate, GateId, WorkerId};
use snow_runtime::{
    Adopted, Call, CallEnd, Delivery, Guests, Handle, OperationId, Ran, Router, Slot, VersionId,
};

use super::idle::Idle;
use super::instance::Instance;
use super::run::{RunEnd, run};
use super::slot::CallSlot;
use super::versions::{HeldVersion, Versions};
use crate::deploy::share::{Share, Successor};
use crate::runtime::{Report, Runtime};

/// Idle instances that are dropped in one turn because their time is over.
const EXPIRED_MAX: usize = 8;

/// Runs the guests of one worker: the calls that it has started, and the versions that its requests
/// need.
pub struct WasmGuests {
    runtime: Runtime,
    worker: WorkerId,
    versions: Versions,
    router: Router,
    slots: Vec<CallSlot>,
    /// Slots that have a call.
    in_use: usize,
    /// Instances that are kept for another call of their version. With the slots in use they are
    /// never more than there are slots, since the pool has so many instances for this worker.
    idle: Idle<VersionId, Instance>,
    /// The gate that the next call to be started has entered.
    entered: Option<Arc<Gate>>,
    successor: Successor,
}

impl WasmGuests {
    /// Makes the slots of one worker. It begins with `share`, and whenever it is told to adopt a
    /// deployment, it takes up what `successor` holds.
    pub fn new(worker: WorkerId, share: Share, successor: Successor) -> WasmGuests {
        let Share { runtime, router, current, .. } = share;
        let slots = runtime.limits.worker_calls_started_max + runtime.worker_calls_parked_max;
        WasmGuests {
            runtime,
            worker,
            versions: Versions::new(current),
            router,
            slots: (0..slots).map(|_| CallSlot::default()).collect(),
            in_use: 0,
            idle: Idle::new(),
            entered: None,
            successor,
        }
    }

    /// Takes an idle instance of a version, if there is one. If not, makes sure that the pool has
    /// room for a fresh one.
    fn take_idle(&mut self, version: VersionId) -> Option<Instance> {
        if self.idle.is_empty() {
            return None;
        }
        let kept = self.idle.take(version);
        while kept.is_none() && self.in_use + self.idle.len() >= self.slots.len() {
            self.idle.take_oldest();
        }
        kept
    }

    /// Empties the slot of a call that has ended, and keeps its instance if another call may use
    /// it.
    fn finish(&mut self, slot: Slot, ended: RunEnd) -> CallEnd {
        self.in_use -= 1;
        let entry = &mut self.slots[slot.index()];
        entry.call = None;
        let gate = entry.gate.take();
        if let Some(instance) = ended.instance {
            let (version, now_ms) = (entry.version, self.runtime.clock.now_ms());
            let most = self.runtime.limits.worker_calls_started_max as usize;
            let keeps = self.versions.get(version).is_some_and(HeldVersion::keeps_instances);
            if keeps && self.idle.count(version) < most {
                self.idle.put(version, now_ms, instance);
            }
        }
        if let Some(gate) = gate {
            self.tell(gate.id, gate.leave());
        }
        ended.end
    }

    fn tell(&self, gate: GateId, told: Option<WorkerId>) {
        if let Some(worker) = told {
            self.runtime.post.gate_opened(worker, gate);
        }
    }

    /// Hands something to the deployer's thread to be dropped: unmapping code takes longer than a
    /// turn of the loop may.
    fn retire(&self, retired: impl Send + 'static) {
        (self.runtime.report)(Report::Retired(Box::new(retired)));
    }
}

impl Guests for WasmGuests {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, version: VersionId) -> Arc<str> {
        self.versions
            .get(version)
            .map_or_else(|| "-".into(), |held| held.member.permit.name.clone())
    }

    fn has_resume(&self, version: VersionId) -> bool {
        self.versions.get(version).is_some_and(|held| held.member.version.guest.has_resume())
    }

    fn body_bytes_max(&self, version: VersionId) -> Option<u64> {
        self.versions.get(version)?.member.permit.quota.body_bytes_max
    }

    fn gate(&self, version: VersionId) -> Option<GateId> {
        self.versions.get(version)?.member.permit.gate.as_ref().map(|gate| gate.id)
    }

    fn enter(&mut self, version: VersionId) -> bool {
        let permit = self.versions.get(version).map(|held| held.member.permit.clone());
        let Some((gate, calls_max)) =
            permit.and_then(|permit| permit.gate.clone().zip(permit.quota.calls_max))
        else {
            // A new manifest has taken the guest's limit away.
            return true;
        };
        let Ok(told) = gate.enter(self.worker, calls_max) else { return false };
        self.tell(gate.id, told);
        if let Some(unused) = self.entered.replace(gate) {
            self.tell(unused.id, unused.leave());
        }
        true
    }

    fn give_up(&mut self, gate: GateId) {
        if let Some(gate) = self.runtime.permits.gate(gate) {
            self.tell(gate.id, gate.give_up(self.worker));
        }
    }

    fn deliver(&mut self, operation: OperationId, how: Delivery) {
        self.runtime.deliver(operation, how);
    }

    fn cancel_operation(&mut self, operation: OperationId) {
        self.runtime.cancel(operation);
    }

    fn expires_ms(&self) -> Option<u64> {
        Some(self.idle.oldest_ms()? + u64::from(self.runtime.limits.instance_idle_ms_max))
    }

    fn expire(&mut self, now_ms: u64) {
        for _ in 0..EXPIRED_MAX {
            if self.expires_ms().is_none_or(|at_ms| at_ms > now_ms) {
                return;
            }
            self.idle.take_oldest();
        }
    }

    fn hold(&mut self, version: VersionId) {
        self.versions.hold(version);
    }

    fn let_go(&mut self, version: VersionId) -> bool {
        let Some(unneeded) = self.versions.let_go(version) else { return false };
        self.retire(unneeded);
        true
    }

    fn adopt(&mut self) -> Option<Adopted> {
        let Share { runtime, router, current, older, access_log, .. } = self.successor.take()?;
        let runtime = mem::replace(&mut self.runtime, runtime);
        let router = mem::replace(&mut self.router, router);
        let unneeded = self.versions.adopt(current, older);
        let versions = &self.versions;
        self.idle.retain(|version| versions.get(version).is_some_and(HeldVersion::keeps_instances));
        let gone = unneeded.iter().map(|member| member.version.id).collect();
        self.retire((router, runtime, unneeded));
        Some(Adopted { limits: self.runtime.limits.clone(), access_log, gone })
    }

    fn expel(&mut self, version: VersionId) -> bool {
        let Some(held) = self.versions.get_mut(version) else { return false };
        !mem::replace(&mut held.is_expelled, true)
    }

    fn is_expelled(&self, version: VersionId) -> bool {
        self.versions.get(version).is_some_and(|held| held.is_expelled)
    }

    fn start(&mut self, slot: Slot, call: Call) -> Ran {
        let held =
            self.versions.get(call.version).expect("the request of a call holds its version");
        let member = held.member.clone();
        let kept = self.take_idle(call.version);
        self.in_use += 1;
        let entry = &mut self.slots[slot.index()];
        entry.gate = self.entered.take();
        (entry.version, entry.started_ms) = (call.version, call.now_ms);
        entry.seat.stopwatch.start_call();
        entry.seat.parking.reset();
        let future = run(self.runtime.clone(), member, self.worker, call, entry.seat.clone(), kept);
        entry.call = Some(Box::pin(future));
        self.poll(slot)
    }

    fn poll(&mut self, slot: Slot) -> Ran {
        let entry = &mut self.slots[slot.index()];
        let Some(call) = &mut entry.call else { return Ran::Yielded };
        self.runtime.engine.runs();
        entry.seat.stopwatch.start_slice();
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        entry.seat.stopwatch.end_slice();
        match polled {
            Poll::Ready(ended) => Ran::Ended(self.finish(slot, ended)),
            // The call is pending either because it waits in place or because its time slice is
            // over.
            Poll::Pending => entry.seat.parking.take_asked().map_or(Ran::Yielded, Ran::Parked),
        }
    }

    fn unpark(&mut self, slot: Slot, handles: Box<[Handle]>) {
        self.slots[slot.index()].seat.parking.unpark(handles);
    }

    fn cancel(&mut self, slot: Slot, handles: Box<[Handle]>) -> Vec<Handle> {
        self.slots[slot.index()].seat.parking.cancel(handles);
        // The call's fiber unwinds as by a trap, in one slice, since no code of the guest runs any
        // more.
        match self.poll(slot) {
            Ran::Ended(end) => end.leftover,
            Ran::Yielded | Ran::Parked(_) => Vec::new(),
        }
    }
}
