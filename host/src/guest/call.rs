//! One call: a fresh instance, one export, an outcome, and the instance is gone.
//!
//! Every call is a future on a fiber. While the guest computes, the epoch's callback makes the future yield
//! about each millisecond; its waker then puts the slot into the worker's inbox, and the worker polls it
//! again on a later turn, after it has looked at its sockets.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Wake, Waker};

use wasmtime::Store;

use super::deploy::{Member, Share, Successor};
use super::host_api::CallContext;
use super::module::{self, Guest, HandleFunc, ResumeFunc};
use super::runtime::{Runtime, Seat};
use super::store::{Alive, store};
use super::types::{self, ArrivalRef, RequestRef, SettlementRef};
use super::version::Report;
use crate::config::Limits;
use crate::outcome::{Arrival, Cause, Handle, Outcome, Suspend};
use crate::router::Router;
use crate::world::{Call, CallEnd, CallEntry, CallFault, Calls, GuestRequest, Ran, Redeployed};

/// A worker's started calls, each in its slot, and the versions of guests that they and its suspensions need.
pub struct GuestCalls {
    runtime: Runtime,
    worker: u16,
    /// By their numbers.
    versions: Vec<Option<Held>>,
    /// This worker's own copy: matching needs scratch space, which workers had better not share.
    router: Router,
    slots: Vec<Slot>,
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

struct Slot {
    call: Option<Pin<Box<dyn Future<Output = CallEnd>>>>,
    waker: Waker,
    seat: Arc<Seat>,
}

/// Says that a slot can go on: made once for a slot, not for each call.
struct SlotWaker<F> {
    slot: u32,
    runnable: F,
}

impl<F: Fn(u32) + Send + Sync + 'static> Wake for SlotWaker<F> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        (self.runnable)(self.slot);
    }
}

impl GuestCalls {
    /// Slots for the calls of one worker, which begins with `share` and goes on with what `successor` holds whenever it
    /// is told to redeploy. `runnable` is called, on any thread, when a slot can go on.
    pub fn new<F>(worker: u16, share: Share, successor: Successor, runnable: F) -> GuestCalls
    where
        F: Fn(u32) + Clone + Send + Sync + 'static,
    {
        let Share { runtime, router, current, .. } = share;
        let slots = (0..runtime.limits.worker_calls_started_max + runtime.worker_calls_parked_max).map(|slot| Slot {
            call: None,
            waker: Waker::from(Arc::new(SlotWaker { slot, runnable: runnable.clone() })),
            seat: Arc::default(),
        });
        let slots = slots.collect();
        let mut calls = GuestCalls { runtime, worker, versions: Vec::new(), router, slots, successor };
        current.into_iter().for_each(|member| calls.admit(member));
        calls
    }

    /// A member of the newest deployment. It may be here already, with what it was granted before.
    fn admit(&mut self, member: Member) {
        let number = member.version.number as usize;
        if self.versions.len() <= number {
            self.versions.resize_with(number + 1, || None);
        }
        let member = Arc::new(member);
        match &mut self.versions[number] {
            Some(held) => (held.member, held.is_current) = (member, true),
            none => *none = Some(Held { member, requests: 0, is_current: true, is_expelled: false }),
        }
    }

    fn held(&self, guest: u32) -> Option<&Held> {
        self.versions.get(guest as usize)?.as_ref()
    }

    fn held_mut(&mut self, guest: u32) -> Option<&mut Held> {
        self.versions.get_mut(guest as usize)?.as_mut()
    }

    /// Frees a version elsewhere: unmapping its code takes longer than a turn of the loop may.
    fn retire(&self, retired: impl Send + 'static) {
        (self.runtime.report)(Report::Retired(Box::new(retired)));
    }
}

impl Calls for GuestCalls {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, guest: u32) -> Arc<str> {
        self.held(guest).map_or_else(|| "-".into(), |held| held.member.permit.name.clone())
    }

    fn has_resume(&self, guest: u32) -> bool {
        self.held(guest).is_some_and(|held| held.member.version.guest.has_resume())
    }

    fn hold(&mut self, guest: u32) {
        if let Some(held) = self.held_mut(guest) {
            held.requests += 1;
        }
    }

    fn let_go(&mut self, guest: u32) -> bool {
        let Some(held) = self.held_mut(guest) else { return false };
        held.requests -= 1;
        if held.is_needed() {
            return false;
        }
        let retired = self.versions[guest as usize].take();
        self.retire(retired.map(|held| held.member));
        true
    }

    fn redeploy(&mut self) -> Option<Redeployed> {
        let Share { runtime, router, current, older, access_log } = self.successor.take()?;
        let runtime = mem::replace(&mut self.runtime, runtime);
        let router = mem::replace(&mut self.router, router);
        for held in self.versions.iter_mut().flatten() {
            held.is_current = false;
        }
        current.into_iter().for_each(|member| self.admit(member));
        // Those that only wait for their last request are granted what the newest manifest says, too.
        for member in older {
            if let Some(held) = self.held_mut(member.version.number) {
                held.member = Arc::new(member);
            }
        }
        let is_gone = |held: &Option<Held>| held.as_ref().is_some_and(|held| !held.is_needed());
        let gone: Vec<u32> = (0..).zip(&self.versions).filter(|(_, held)| is_gone(held)).map(|(n, _)| n).collect();
        let retired: Vec<_> = gone.iter().filter_map(|&n| Some(self.versions[n as usize].take()?.member)).collect();
        self.retire((router, runtime, retired));
        Some(Redeployed { limits: self.runtime.limits.clone(), access_log, gone })
    }

    fn expel(&mut self, guest: u32) -> bool {
        let Some(held) = self.held_mut(guest) else { return false };
        !mem::replace(&mut held.is_expelled, true)
    }

    fn is_expelled(&self, guest: u32) -> bool {
        self.held(guest).is_some_and(|held| held.is_expelled)
    }

    fn start(&mut self, slot: u32, call: Call) -> Ran {
        let held = self.held(call.guest).expect("whose request is started is held");
        let guest = held.member.clone();
        let entry = &mut self.slots[slot as usize];
        entry.seat.slice.start_call();
        entry.seat.parking.reset();
        let future = run(self.runtime.clone(), guest, self.worker, call, entry.seat.clone());
        entry.call = Some(Box::pin(future));
        self.poll(slot)
    }

    fn poll(&mut self, slot: u32) -> Ran {
        let slot = &mut self.slots[slot as usize];
        let Some(call) = &mut slot.call else { return Ran::Yielded };
        self.runtime.ticker.running();
        slot.seat.slice.start_slice();
        match call.as_mut().poll(&mut task::Context::from_waker(&slot.waker)) {
            Poll::Ready(end) => {
                slot.call = None;
                Ran::Ended(end)
            }
            Poll::Pending => slot.seat.parking.take_asked().map_or(Ran::Yielded, Ran::Parked),
        }
    }

    fn unpark(&mut self, slot: u32, handles: Box<[Handle]>) {
        self.slots[slot as usize].seat.parking.unpark(handles);
    }

    fn cancel(&mut self, slot: u32, handles: Box<[Handle]>) -> Vec<Handle> {
        self.slots[slot as usize].seat.parking.cancel(handles);
        // The call ends as by a trap, in one slice: no code of the guest runs any more.
        match self.poll(slot) {
            Ran::Ended(end) => end.leftover,
            Ran::Yielded | Ran::Parked(_) => Vec::new(),
        }
    }
}

/// What is borrowed for the length of a call, and then either kept or let go.
struct Arguments {
    route: u32,
    request_id: String,
    request: Option<Box<GuestRequest>>,
    /// `resume`'s own.
    resumed: Option<(Cause, Vec<u8>, Vec<Arrival>)>,
}

async fn run(runtime: Runtime, own: Arc<Member>, worker: u16, call: Call, seat: Arc<Seat>) -> CallEnd {
    let Call { route, request_id, entry, now_ms, .. } = call;
    let (request, resumed) = match entry {
        CallEntry::Handle(request) => (Some(request), None),
        CallEntry::Resume { cause, request, state, arrivals } => (request, Some((cause, state, arrivals))),
    };
    let arguments = Arguments { route, request_id: request_id.to_string(), request, resumed };
    let handles = arguments.resumed.iter().flat_map(|(.., arrivals)| arrivals.iter().map(|a| a.handle)).collect();
    let permit = own.permit.clone();
    let context = CallContext::for_request(&runtime, worker, permit, request_id, now_ms, &seat, handles);

    let alive = Alive::new(&runtime);
    let mut store = store(&runtime, context);
    let version = &own.version;
    let returned = invoke(&version.guest, &mut store, &arguments).await;
    let mut context = store.into_data();
    drop(alive);

    let outcome = match returned {
        Ok(outcome) => Ok(accept(outcome, &mut context)),
        Err(error) => Err(fault(&error, &context, &runtime.limits)),
    };
    let trapped = matches!(outcome, Err(CallFault::Trapped(_)));
    if version.trial.ended(trapped) {
        (runtime.report)(Report::Troubled { guest: version.number });
    }
    let outcome = outcome.map_err(|fault| match fault {
        // The client need not suffer for a version that nobody wants any more.
        CallFault::Trapped(text) if arguments.resumed.is_some() && version.trial.is_withdrawn() => {
            CallFault::Withdrawn(text)
        }
        fault => fault,
    });
    let keeps = matches!(&outcome, Ok(Outcome::Suspend(suspend)) if suspend.keep_request);
    CallEnd { outcome, leftover: context.leftover(), request: arguments.request.filter(|_| keeps) }
}

async fn invoke(
    guest: &Guest,
    store: &mut Store<CallContext>,
    arguments: &Arguments,
) -> wasmtime::Result<types::Outcome> {
    let instance = guest.pre.instantiate_async(&mut *store).await?;
    let client = arguments.request.as_ref().map(|request| request.client.to_string()).unwrap_or_default();
    let request = arguments.request.as_ref().map(|request| RequestRef::new(&arguments.request_id, &client, request));
    let (outcome,) = match (&arguments.resumed, request) {
        (Some((cause, state, arrivals)), request) => {
            let resume = guest.exports.resume.as_ref().ok_or_else(|| wasmtime::Error::msg("no `resume`"))?;
            let resume: ResumeFunc<'_> = module::typed(&instance, store, resume)?;
            let arrivals = arrivals.iter().enumerate().map(|(index, arrival)| ArrivalRef {
                handle: wasmtime::component::Resource::new_own(index as u32),
                settlement: arrival.settlement.as_deref().map(SettlementRef::new),
            });
            let arrivals = arrivals.collect();
            resume.call_async(store, (arguments.route, (*cause).into(), request, state.as_slice(), arrivals)).await?
        }
        (None, Some(request)) => {
            let handle: HandleFunc<'_> = module::typed(&instance, store, &guest.exports.handle)?;
            handle.call_async(store, (arguments.route, request)).await?
        }
        (None, None) => return Err(wasmtime::Error::msg("a call without a request")),
    };
    Ok(outcome)
}

/// From the guest's words to the host's: its resources become handles.
fn accept(outcome: types::Outcome, context: &mut CallContext) -> Outcome {
    match outcome {
        types::Outcome::Respond(response) => Outcome::Respond(response.into()),
        types::Outcome::Suspend(suspension) => {
            let handles: Vec<Handle> = suspension.handles.iter().filter_map(|handle| context.take(handle)).collect();
            Outcome::Suspend(Suspend {
                handles,
                until: suspension.until.into(),
                timeout_ms: suspension.timeout_ms,
                on_timeout: suspension.on_timeout.map(Into::into),
                resume: suspension.resume,
                keep_request: suspension.keep_request,
                state: suspension.state,
            })
        }
    }
}

/// Text for the log: what happened, with the wasm backtrace, and a likely reason.
fn fault(error: &wasmtime::Error, context: &CallContext, limits: &Limits) -> CallFault {
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return CallFault::Start(format!("{error:#}"));
    }
    let mut text = format!("{error:?}");
    if context.memory.refused {
        text += &format!(
            "\nnote: it had asked for more than {} bytes of memory, the limit of a call (call_memory_bytes_max)",
            limits.call_memory_bytes_max
        );
    }
    CallFault::Trapped(text)
}
