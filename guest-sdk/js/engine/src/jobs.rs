//! Jobs for `js/jobs.js`. What an operation returns is `{ ok }`, or `{ code, … }` of what was
//! refused.

use rquickjs::{Ctx, Function, Object, Result, TypedArray, Value};

use crate::convert::{self, bytes};
use crate::exports::snow::host::job_runner::Job;
use crate::pendings;
use crate::snow::host::jobs::{self, Durable, JobError};
use crate::snow::host::source;
use crate::text::Text;

/// Puts the functions of jobs into an object.
pub fn functions<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function("jobStart", Function::new(ctx.clone(), start))?;
    function("jobEnqueue", Function::new(ctx.clone(), enqueue))?;
    function("withJobs", Function::new(ctx.clone(), source::with_jobs))
}

/// Starts a job, and returns the number of its pending.
fn start<'js>(ctx: Ctx<'js>, name: Text, payload: Value<'js>) -> Result<Object<'js>> {
    let pending = jobs::start(&name.0, &bytes(&payload)?);
    told(&ctx, pending, |pending| {
        Ok(Value::new_number(ctx.clone(), pendings::keep(pending).into()))
    })
}

/// Keeps a job, and returns its id. The numbers are whole ones, as `js/jobs.js` has seen to.
fn enqueue<'js>(
    ctx: Ctx<'js>,
    name: Text,
    payload: Value<'js>,
    delay_ms: u32,
    attempts_max: u32,
) -> Result<Object<'js>> {
    let id = jobs::enqueue(&name.0, &bytes(&payload)?, Durable { delay_ms, attempts_max });
    told(&ctx, id, |id| Ok(rquickjs::String::from_str(ctx.clone(), &id)?.into_value()))
}

/// Returns a job for `run` of `js/jobs.js`.
pub fn job<'js>(ctx: &Ctx<'js>, job: Job) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("id", job.id)?;
    object.set("name", job.name)?;
    object.set("payload", TypedArray::<u8>::new(ctx.clone(), job.payload)?)?;
    object.set("attempt", job.attempt)?;
    object.set("attemptsMax", job.attempts_max)?;
    object.set("dueMs", job.due_ms as f64)?;
    Ok(object)
}

fn told<'js, T>(
    ctx: &Ctx<'js>,
    result: std::result::Result<T, JobError>,
    ok: impl FnOnce(T) -> Result<Value<'js>>,
) -> Result<Object<'js>> {
    convert::told(ctx, result, ok, |object, error| {
        let (code, message) = match error {
            JobError::Denied => ("denied", None),
            JobError::NoRunner => ("no-runner", None),
            JobError::Limit(words) => ("limit", Some(words)),
            JobError::Unavailable(words) => ("unavailable", Some(words)),
        };
        object.set("message", message)?;
        Ok(code)
    })
}
