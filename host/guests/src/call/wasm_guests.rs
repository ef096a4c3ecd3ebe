//! One call: an instance, one export, an outcome, and the instance is gone, unless its guest's calls share one.
//!
//! Every call is a future on a fiber. While the guest computes, the epoch's callback makes the future yield
//! about each millisecond; its waker then puts the slot into the worker's inbox, and the worker polls it
//! again on a later turn, after it has looked at its sockets.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Wake, Waker};

use crate::call::idle::Idle;
use crate::call::instance::{Instance, Resumed};
use crate::contract::context::{CallContext, of_earlier_call};
use crate::contract::quota::Bound;
use crate::contract::types::{self, RequestRef};
use crate::deploy::deployment::{Member, Share, Successor};
use crate::deploy::version::Verdict;
use crate::load::guest::Guest;
use crate::runtime::{Report, Runtime, Seat};
use snow_core::{Gate, GateId, WorkerId};
use snow_runtime::{
    Adopted, Arrival, Call, CallEnd, CallEntry, CallFault, Cause, GuestRequest, Guests, Handle, Outcome, Ran, RouteId,
    Router, Slot, Suspend, VersionId,
};

/// Idle instances that are dropped in one turn, since their time is over.
const EXPIRED_MAX: usize = 8;

/// A worker's started calls, each in its slot, and the versions of guests that they and its suspensions need.
pub struct WasmGuests {
    runtime: Runtime,
    worker: WorkerId,
    /// By their ids.
    versions: Vec<Option<Held>>,
    /// This worker's own copy: matching needs scratch space, which workers had better not share.
    router: Router,
    slots: Vec<SlotState>,
    /// Slots that have a call.
    in_use: usize,
    /// Instances that wait for another call of their version. With those in use they are never more than there are slots:
    /// so many the pool has for this worker.
    idle: Idle<VersionId, Instance>,
    /// A call has entered its guest's gate, and is started next.
    entered: Option<Arc<Gate>>,
    successor: Successor,
}

/// One version of a guest, for as long as this worker needs it.
struct Held {
    /// With a count of references that only this worker's thread changes: with the deployment's own, each call would
    /// take that line of memory from the other workers.
    member: Arc<Member>,
    /// Requests of this worker that are queued, running or suspended with this version.
    requests: usize,
    /// It is in the newest deployment.
    is_current: bool,
    is_expelled: bool,
}

impl Held {
    fn is_needed(&self) -> bool {
        self.is_current || self.requests > 0
    }
}

/// A slot's call, and what its calls use one after another.
struct SlotState {
    call: Option<Pin<Box<dyn Future<Output = Ended>>>>,
    /// Of the call, or of the last one.
    version: VersionId,
    /// The worker's clock when it started.
    started_ms: u64,
    /// That it has entered.
    gate: Option<Arc<Gate>>,
    waker: Waker,
    seat: Arc<Seat>,
}

/// Says that a slot can go on: made once for a slot, not for each call.
struct SlotWaker<F> {
    slot: Slot,
    runnable: F,
}

impl<F: Fn(Slot) + Send + Sync + 'static> Wake for SlotWaker<F> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        (self.runnable)(self.slot);
    }
}

impl WasmGuests {
    /// Slots for the calls of one worker, which begins with `share` and goes on with what `successor` holds whenever it
    /// is told to adopt. `runnable` is called, on any thread, when a slot can go on.
    pub fn new<F>(worker: WorkerId, share: Share, successor: Successor, runnable: F) -> WasmGuests
    where
        F: Fn(Slot) + Clone + Send + Sync + 'static,
    {
        let Share { runtime, router, current, .. } = share;
        let slots = runtime.limits.worker_calls_started_max + runtime.worker_calls_parked_max;
        let slots = (0..slots).map(Slot).map(|slot| SlotState {
            call: None,
            version: VersionId(0),
            started_ms: 0,
            gate: None,
            waker: Waker::from(Arc::new(SlotWaker { slot, runnable: runnable.clone() })),
            seat: Arc::default(),
        });
        let slots = slots.collect();
        let mut calls = WasmGuests {
            runtime,
            worker,
            versions: Vec::new(),
            router,
            slots,
            in_use: 0,
            idle: Idle::new(),
            entered: None,
            successor,
        };
        current.into_iter().for_each(|member| calls.admit(member));
        calls
    }

    /// A member of the newest deployment. It may be here already, with what it was granted before.
    fn admit(&mut self, member: Member) {
        let index = member.version.id.index();
        if self.versions.len() <= index {
            self.versions.resize_with(index + 1, || None);
        }
        let member = Arc::new(member);
        match &mut self.versions[index] {
            Some(held) => (held.member, held.is_current) = (member, true),
            none => *none = Some(Held { member, requests: 0, is_current: true, is_expelled: false }),
        }
    }

    fn held(&self, version: VersionId) -> Option<&Held> {
        self.versions.get(version.index())?.as_ref()
    }

    fn held_mut(&mut self, version: VersionId) -> Option<&mut Held> {
        self.versions.get_mut(version.index())?.as_mut()
    }

    /// Whether an instance of this version may wait for another call.
    fn reuses(&self, version: VersionId) -> bool {
        self.held(version).is_some_and(|held| held.is_current && held.member.permit.quota.reuses())
    }

    /// An instance for the next call of a version, if one waits; if not, there is room for a fresh one.
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

    /// The call in a slot is over.
    fn ended(&mut self, slot: Slot, ended: Ended) -> CallEnd {
        self.in_use -= 1;
        let entry = &mut self.slots[slot.index()];
        entry.call = None;
        let gate = entry.gate.take();
        if let Some(instance) = ended.instance {
            let (version, now_ms) = (entry.version, entry.started_ms + entry.seat.slice.elapsed_ms());
            let most = self.runtime.limits.worker_calls_started_max as usize;
            if self.reuses(version) && self.idle.count(version) < most {
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

    /// Frees a version elsewhere: unmapping its code takes longer than a turn of the loop may.
    fn retire(&self, retired: impl Send + 'static) {
        (self.runtime.report)(Report::Retired(Box::new(retired)));
    }
}

impl Guests for WasmGuests {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, version: VersionId) -> Arc<str> {
        self.held(version).map_or_else(|| "-".into(), |held| held.member.permit.name.clone())
    }

    fn has_resume(&self, version: VersionId) -> bool {
        self.held(version).is_some_and(|held| held.member.version.guest.has_resume())
    }

    fn body_bytes_max(&self, version: VersionId) -> Option<u64> {
        self.held(version)?.member.permit.quota.body_bytes_max
    }

    fn gate(&self, version: VersionId) -> Option<GateId> {
        self.held(version)?.member.permit.gate.as_ref().map(|gate| gate.id)
    }

    fn enter(&mut self, version: VersionId) -> bool {
        let permit = self.held(version).map(|held| held.member.permit.clone());
        let Some((gate, calls_max)) = permit.and_then(|permit| permit.gate.clone().zip(permit.quota.calls_max)) else {
            // It has no limit any more.
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
        if let Some(held) = self.held_mut(version) {
            held.requests += 1;
        }
    }

    fn let_go(&mut self, version: VersionId) -> bool {
        let Some(held) = self.held_mut(version) else { return false };
        held.requests -= 1;
        if held.is_needed() {
            return false;
        }
        let retired = self.versions[version.index()].take();
        self.retire(retired.map(|held| held.member));
        true
    }

    fn adopt(&mut self) -> Option<Adopted> {
        let Share { runtime, router, current, older, access_log } = self.successor.take()?;
        let runtime = mem::replace(&mut self.runtime, runtime);
        let router = mem::replace(&mut self.router, router);
        for held in self.versions.iter_mut().flatten() {
            held.is_current = false;
        }
        current.into_iter().for_each(|member| self.admit(member));
        // Those that only wait for their last request are granted what the newest manifest says, too.
        for member in older {
            if let Some(held) = self.held_mut(member.version.id) {
                held.member = Arc::new(member);
            }
        }
        let versions = &self.versions;
        self.idle.retain(|version| {
            let held = versions.get(version.index()).and_then(Option::as_ref);
            held.is_some_and(|held| held.is_current && held.member.permit.quota.reuses())
        });
        let is_gone = |held: &Option<Held>| held.as_ref().is_some_and(|held| !held.is_needed());
        let held = (0..).map(VersionId).zip(&self.versions);
        let gone: Vec<VersionId> = held.filter(|(_, held)| is_gone(held)).map(|(version, _)| version).collect();
        let take = |version: &VersionId| Some(self.versions[version.index()].take()?.member);
        let retired: Vec<_> = gone.iter().filter_map(take).collect();
        self.retire((router, runtime, retired));
        Some(Adopted { limits: self.runtime.limits.clone(), access_log, gone })
    }

    fn expel(&mut self, version: VersionId) -> bool {
        let Some(held) = self.held_mut(version) else { return false };
        !mem::replace(&mut held.is_expelled, true)
    }

    fn is_expelled(&self, version: VersionId) -> bool {
        self.held(version).is_some_and(|held| held.is_expelled)
    }

    fn start(&mut self, slot: Slot, call: Call) -> Ran {
        let held = self.held(call.version).expect("whose request is started is held");
        let member = held.member.clone();
        let kept = self.take_idle(call.version);
        self.in_use += 1;
        let entry = &mut self.slots[slot.index()];
        entry.gate = self.entered.take();
        (entry.version, entry.started_ms) = (call.version, call.now_ms);
        entry.seat.slice.start_call();
        entry.seat.parking.reset();
        let future = run(self.runtime.clone(), member, self.worker, call, entry.seat.clone(), kept);
        entry.call = Some(Box::pin(future));
        self.poll(slot)
    }

    fn poll(&mut self, slot: Slot) -> Ran {
        let entry = &mut self.slots[slot.index()];
        let Some(call) = &mut entry.call else { return Ran::Yielded };
        self.runtime.ticker.running();
        entry.seat.slice.start_slice();
        match call.as_mut().poll(&mut task::Context::from_waker(&entry.waker)) {
            Poll::Ready(ended) => Ran::Ended(self.ended(slot, ended)),
            Poll::Pending => entry.seat.parking.take_asked().map_or(Ran::Yielded, Ran::Parked),
        }
    }

    fn unpark(&mut self, slot: Slot, handles: Box<[Handle]>) {
        self.slots[slot.index()].seat.parking.unpark(handles);
    }

    fn cancel(&mut self, slot: Slot, handles: Box<[Handle]>) -> Vec<Handle> {
        self.slots[slot.index()].seat.parking.cancel(handles);
        // The call ends as by a trap, in one slice: no code of the guest runs any more.
        match self.poll(slot) {
            Ran::Ended(end) => end.leftover,
            Ran::Yielded | Ran::Parked(_) => Vec::new(),
        }
    }
}

/// What is borrowed for the length of a call, and then either kept or let go.
struct Arguments {
    route: RouteId,
    request_id: String,
    request: Option<Box<GuestRequest>>,
    /// `resume`'s own.
    resumed: Option<(Cause, Vec<u8>, Vec<Arrival>)>,
}

/// A call is over.
struct Ended {
    end: CallEnd,
    /// To be kept for another call.
    instance: Option<Instance>,
}

async fn run(
    runtime: Runtime,
    own: Arc<Member>,
    worker: WorkerId,
    call: Call,
    seat: Arc<Seat>,
    kept: Option<Instance>,
) -> Ended {
    let Call { route, request_id, entry, now_ms, .. } = call;
    let (request, resumed) = match entry {
        CallEntry::Handle(request) => (Some(request), None),
        CallEntry::Resume { cause, request, state, arrivals } => (request, Some((cause, state, arrivals))),
    };
    let arguments = Arguments { route, request_id: request_id.to_string(), request, resumed };
    let handles = arguments.resumed.iter().flat_map(|(.., arrivals)| arrivals.iter().map(|a| a.handle)).collect();
    let permit = own.permit.clone();
    let context = CallContext::for_request(&runtime, worker, permit, request_id, now_ms, &seat, handles);

    let version = &own.version;
    let mut instance = Instance::next(kept, &runtime, context);
    let returned = invoke(&version.guest, &mut instance, &arguments).await;
    let returned = returned.and_then(|outcome| accept(outcome, instance.context_mut()));
    let outcome = returned.map_err(|error| fault(&error, instance.context()));
    let leftover = instance.context_mut().leftover();
    let instance = Some(instance).filter(|instance| outcome.is_ok() && instance.is_good());

    let trapped = matches!(outcome, Err(CallFault::Trapped(_)));
    match version.trial.ended(trapped) {
        Some(Verdict::Passed) => (runtime.report)(Report::Proven { version: version.id }),
        Some(Verdict::Failed) => (runtime.report)(Report::Troubled { version: version.id }),
        None => {}
    }
    let outcome = outcome.map_err(|fault| match fault {
        // The client need not suffer for a version that nobody wants any more.
        CallFault::Trapped(text) if arguments.resumed.is_some() && version.trial.is_withdrawn() => {
            CallFault::Withdrawn(text)
        }
        fault => fault,
    });
    let keeps = matches!(&outcome, Ok(Outcome::Suspend(suspend)) if suspend.keep_request);
    Ended { end: CallEnd { outcome, leftover, request: arguments.request.filter(|_| keeps) }, instance }
}

async fn invoke(guest: &Guest, instance: &mut Instance, arguments: &Arguments) -> wasmtime::Result<types::Outcome> {
    let client = arguments.request.as_ref().map(|request| request.client.to_string()).unwrap_or_default();
    let request = arguments.request.as_ref().map(|request| RequestRef::new(&arguments.request_id, &client, request));
    match (&arguments.resumed, request) {
        (Some((cause, state, arrivals)), request) => {
            let resumed = Resumed { cause: *cause, state, arrivals };
            instance.resume(guest, arguments.route, request, resumed).await
        }
        (None, Some(request)) => instance.handle(guest, arguments.route, request).await,
        (None, None) => Err(wasmtime::Error::msg("a call without a request")),
    }
}

/// From the guest's words to the host's: its resources become handles.
fn accept(outcome: types::Outcome, context: &mut CallContext) -> wasmtime::Result<Outcome> {
    let suspension = match outcome {
        types::Outcome::Respond(response) => return Ok(Outcome::Respond(response.into())),
        types::Outcome::Suspend(suspension) => suspension,
    };
    let mut handles = Vec::with_capacity(suspension.handles.len());
    for resource in &suspension.handles {
        let Some(handle) = context.take(resource) else {
            context.give_back(handles);
            return Err(of_earlier_call());
        };
        handles.push(handle);
    }
    Ok(Outcome::Suspend(Suspend {
        handles,
        until: suspension.until.into(),
        timeout_ms: suspension.timeout_ms,
        on_timeout: suspension.on_timeout.map(Into::into),
        resume: suspension.resume,
        keep_request: suspension.keep_request,
        state: suspension.state,
    }))
}

/// Text for the log: what happened, with the wasm backtrace, and a likely reason.
fn fault(error: &wasmtime::Error, context: &CallContext) -> CallFault {
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return CallFault::Start(format!("{error:#}"));
    }
    let mut text = format!("{error:?}");
    if context.memory.refused {
        let Bound { most, set_by } = &context.permit().quota.memory_bytes;
        text += &format!("\nnote: it had asked for more than {most} bytes of memory, the limit of a call ({set_by})");
    }
    CallFault::Trapped(text)
}

#[cfg(test)]
mod tests;
