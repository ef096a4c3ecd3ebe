//! One call: an instance, one export, an outcome. Then the instance is gone, unless it is kept for
//! another call.

use std::sync::Arc;

use snow_core::WorkerId;
use snow_runtime::{
    Arrival, Call, CallEnd, CallEntry, CallFault, Cause, GuestRequest, Handle, Outcome, RouteId,
    Suspend,
};

use super::instance::{Instance, Resumed};
use crate::contract::context::{CallContext, stale_pending};
use crate::contract::quota::Bound;
use crate::contract::resumption::Resumption;
use crate::contract::seat::Seat;
use crate::contract::source::GuestFailure;
use crate::contract::types::{self, RequestRef};
use crate::deploy::share::Member;
use crate::deploy::version::{Verdict, Version};
use crate::engine::describe;
use crate::load::guest::Guest;
use crate::runtime::{Report, Runtime};

/// A call that has ended.
pub(super) struct RunEnd {
    /// What the worker is told.
    pub end: CallEnd,
    /// The instance, if it may serve another call.
    pub instance: Option<Instance>,
}

/// What a call borrows for its whole length. Afterwards the request is either kept for a suspension
/// or dropped.
struct Arguments {
    route: RouteId,
    request_id: String,
    request: Option<Box<GuestRequest>>,
    /// For `resume`; `None` calls `handle`.
    resumed: Option<(Cause, Vec<u8>, Vec<Arrival>)>,
}

impl Arguments {
    /// Returns the handles that the call owns from the start.
    fn handles(&self) -> Vec<Handle> {
        let arrivals = self.resumed.iter().flat_map(|(.., arrivals)| arrivals);
        arrivals.map(|arrival| arrival.handle).collect()
    }

    /// Returns the base URL that a proxy has told of, if the deployer trusts it.
    fn forwarded(&self, context: &CallContext) -> Option<String> {
        context.permit().address.forwarded(self.request.as_deref()?)
    }
}

/// Runs a call, in an instance that was kept or in a fresh one.
pub(super) async fn run(
    runtime: Runtime,
    member: Arc<Member>,
    worker: WorkerId,
    call: Call,
    seat: Arc<Seat>,
    kept: Option<Instance>,
) -> RunEnd {
    let Call { route, request_id, entry, now_ms, .. } = call;
    let mut wait = None;
    let (request, resumed) = match entry {
        CallEntry::Handle(request) => (Some(request), None),
        CallEntry::Resume { cause, request, state, arrivals, wait: before } => {
            wait = Some(before);
            (request, Some((cause, state, arrivals)))
        }
    };
    let arguments = Arguments { route, request_id: request_id.to_string(), request, resumed };
    let permit = member.permit.clone();
    let mut context = CallContext::for_request(
        &runtime,
        worker,
        permit,
        request_id,
        now_ms,
        &seat,
        arguments.handles(),
    );

    context.forwarded = arguments.forwarded(&context);
    context.resumption = Resumption::after(wait);
    context.member = Some(member.clone());
    let mut instance = Instance::next(kept, &runtime, context);
    let running = invoke(&member.version.guest, &mut instance, &arguments);
    let mut is_failure = false;
    let outcome = match seat.parking.run(running).await {
        Ok(returned) => returned
            .and_then(|outcome| accept(outcome, instance.context_mut()))
            .inspect_err(|error| is_failure = error.is::<GuestFailure>())
            .map_err(|error| fault(&error, instance.context())),
        Err(handles) => {
            instance.context_mut().take_back(&handles);
            Err(CallFault::Cancelled)
        }
    };
    instance.context_mut().end_lines();
    let leftover = instance.context_mut().take_leftover();
    // An instance that is kept keeps no version.
    instance.context_mut().member = None;
    let instance = Some(instance).filter(|instance| outcome.is_ok() && instance.is_reusable());

    // An exception of a source file says what a trap does not: that somebody sent what the guest did
    // not expect. Else any client could have a new version rolled back.
    let outcome = match is_failure {
        true => outcome,
        false => judge(outcome, &member.version, arguments.resumed.is_some(), &runtime),
    };
    let keeps_request = matches!(&outcome, Ok(Outcome::Suspend(suspend)) if suspend.keep_request);
    let request = arguments.request.filter(|_| keeps_request);
    RunEnd { end: CallEnd { outcome, leftover, request }, instance }
}

/// Calls `handle` or `resume`.
async fn invoke(
    guest: &Guest,
    instance: &mut Instance,
    arguments: &Arguments,
) -> wasmtime::Result<types::Outcome> {
    let client =
        arguments.request.as_ref().map(|request| request.client.to_string()).unwrap_or_default();
    let request = arguments
        .request
        .as_ref()
        .map(|request| RequestRef::new(&arguments.request_id, &client, request));
    match (&arguments.resumed, request) {
        (Some((cause, state, arrivals)), request) => {
            let resumed = Resumed { cause: *cause, state, arrivals };
            instance.resume(guest, arguments.route, request, resumed).await
        }
        (None, Some(request)) => instance.handle(guest, arguments.route, request).await,
        (None, None) => Err(wasmtime::Error::msg("a call without a request")),
    }
}

/// Turns the guest's outcome into the host's. Resources become handles, which are the worker's from
/// now on.
fn accept(outcome: types::Outcome, context: &mut CallContext) -> wasmtime::Result<Outcome> {
    let suspension = match outcome {
        types::Outcome::Respond(response) => return Ok(Outcome::Respond(response.into())),
        types::Outcome::Suspend(suspension) => suspension,
    };
    let mut handles = Vec::with_capacity(suspension.handles.len());
    for resource in &suspension.handles {
        let Some(handle) = context.take(resource) else {
            context.give_back(handles);
            return Err(stale_pending());
        };
        handles.push(handle);
    }
    Ok(Outcome::Suspend(Suspend {
        handles,
        until: suspension.until.into(),
        timeout_ms: suspension.timeout_ms,
        deadline_ms: context.resumption.kept_deadline_ms(),
        on_timeout: suspension.on_timeout.map(Into::into),
        resume: suspension.resume,
        keep_request: suspension.keep_request,
        state: suspension.state,
    }))
}

/// Returns why a call failed, as text for the log: what happened, the guest's backtrace, and a
/// likely reason.
pub(super) fn fault(error: &wasmtime::Error, context: &CallContext) -> CallFault {
    if let Some(failure) = error.downcast_ref::<GuestFailure>() {
        return CallFault::Trapped(failure.to_string());
    }
    let mut text = describe(error);
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return CallFault::Start(text);
    }
    if context.memory.was_refused {
        let Bound { most, set_by } = &context.permit().quota.memory_bytes;
        text += &format!(
            "\nnote: it had asked for more than {most} bytes of memory, the limit of a call \
             ({set_by})"
        );
    }
    CallFault::Trapped(text)
}

/// Counts a call in the trial of its version, and reports a verdict.
pub(super) fn count(version: &Version, trapped: bool, runtime: &Runtime) {
    match version.trial.ended(trapped) {
        Some(Verdict::Passed) => (runtime.report)(Report::TrialPassed { version: version.id }),
        Some(Verdict::Failed) => (runtime.report)(Report::TrialFailed { version: version.id }),
        None => {}
    }
}

/// Counts the call in the trial of its version, and reports a verdict. A call that was cancelled
/// says nothing about the version, so it is not counted.
///
/// A trap in `resume` of a version that was rolled back becomes [`CallFault::Withdrawn`]: the
/// client is asked to come again, since it need not suffer for a version that does not serve any
/// more.
fn judge(
    outcome: Result<Outcome, CallFault>,
    version: &Version,
    is_resumed: bool,
    runtime: &Runtime,
) -> Result<Outcome, CallFault> {
    if matches!(outcome, Err(CallFault::Cancelled)) {
        return outcome;
    }
    count(version, matches!(outcome, Err(CallFault::Trapped(_))), runtime);
    outcome.map_err(|fault| match fault {
        CallFault::Trapped(text) if is_resumed && version.trial.is_withdrawn() => {
            CallFault::Withdrawn(text)
        }
        fault => fault,
    })
}
