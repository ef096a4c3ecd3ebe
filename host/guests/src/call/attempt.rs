//! An attempt of a job: a fresh instance, a call of `run`, and what it returned.

use std::sync::Arc;

use snow_core::WorkerId;
use snow_http::RequestId;
use snow_jobs::JobId;
use snow_runtime::{CallFault, Handle};

use super::instance::Instance;
use super::run::{count, fault};
use crate::contract::context::CallContext;
use crate::contract::seat::Seat;
use crate::contract::source::GuestFailure;
use crate::contract::store::RanTooLong;
use crate::contract::types::{Failure, JobRef};
use crate::deploy::share::Member;
use crate::runtime::Runtime;

/// A job that is to be tried.
pub(crate) struct Attempt {
    pub id: JobId,
    pub name: Arc<str>,
    pub payload: Vec<u8>,
    pub attempt: u32,
    pub attempts_max: u32,
    pub due_ms: u64,
}

/// An attempt that is over. Whatever happened, the caller owns the handles from now on.
pub(crate) struct AttemptEnd {
    pub returned: Result<Result<Vec<u8>, Failure>, AttemptFault>,
    pub leftover: Vec<Handle>,
}

/// Why `run` has returned nothing. The texts are for the log.
pub(crate) enum AttemptFault {
    /// It trapped, or used too much memory.
    Trapped(String),
    /// It computed for too long.
    RanTooLong(String),
    /// There was no instance for it.
    NotStarted(String),
    /// The executor has ended it.
    Cancelled,
}

/// Tries a job. The future belongs to the thread that made it.
pub(crate) async fn attempt(
    runtime: Runtime,
    member: Arc<Member>,
    executor: WorkerId,
    job: Attempt,
    seat: Arc<Seat>,
) -> AttemptEnd {
    let id = job.id.to_string();
    let request_id = RequestId::made(job.id.0);
    let context = CallContext::for_job(&runtime, executor, &member, request_id, &seat);
    let mut instance = Instance::new(&runtime, context);
    let given = JobRef {
        id: &id,
        name: &job.name,
        payload: &job.payload,
        attempt: job.attempt,
        attempts_max: job.attempts_max,
        due_ms: job.due_ms,
    };
    let running = instance.run(&member.version.guest, given);
    let (returned, is_failure) = match seat.parking.run(running).await {
        Ok(returned) => {
            let is_failure = returned.as_ref().is_err_and(|error| error.is::<GuestFailure>());
            (returned.map_err(|error| why(&error, instance.context())), is_failure)
        }
        Err(handles) => {
            instance.context_mut().take_back(&handles);
            (Err(AttemptFault::Cancelled), false)
        }
    };
    instance.context_mut().end_lines();
    let leftover = instance.context_mut().take_leftover();
    // A trap, or none, says something about the version; but a later attempt repeats what failed in
    // an earlier one, perhaps by the version before.
    let is_first = job.attempt == 1;
    match &returned {
        Ok(_) => count(&member.version, false, &runtime),
        Err(AttemptFault::Trapped(_)) if !is_failure && is_first => {
            count(&member.version, true, &runtime);
        }
        Err(_) => {}
    }
    AttemptEnd { returned, leftover }
}

fn why(error: &wasmtime::Error, context: &CallContext) -> AttemptFault {
    match fault(error, context) {
        CallFault::Start(text) => AttemptFault::NotStarted(text),
        other if error.is::<RanTooLong>() => AttemptFault::RanTooLong(other.to_string()),
        other => AttemptFault::Trapped(other.to_string()),
    }
}
