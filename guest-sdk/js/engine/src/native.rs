//! Functions of the host for the modules in `js/`: what `js/native.js` has.

use rquickjs::{
    Array, Constructor, Ctx, Error, Exception, Function, Object, Result, TypedArray, Value,
};

use crate::convert::{settlement_from, settlement_to};
use crate::modules::json;
use crate::pendings::{self, Gone};
use crate::snow::host::logging::{self, Level};
use crate::snow::host::pending_handles::{self as host, Join, Refusal};
use crate::text::{self, Text};
use crate::wasi::clocks::monotonic_clock;
use crate::wasi::random::random;
use crate::{deployed, fetch, jobs, signed, sql, store, url};

/// Returns an object with all of them.
pub fn functions<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    waiting(ctx, &object)?;
    settling(ctx, &object)?;
    store::functions(ctx, &object)?;
    fetch::functions(ctx, &object)?;
    sql::functions(ctx, &object)?;
    jobs::functions(ctx, &object)?;
    deployed::functions(ctx, &object)?;
    signed::functions(ctx, &object)?;
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function(
        "log",
        Function::new(ctx.clone(), |level: u32, message: Text| log(level, &message.0)),
    )?;
    function(
        "random",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, count: u32| {
            TypedArray::<u8>::new(ctx, random::get_random_bytes(count.into()))
        }),
    )?;
    function("monotonic", Function::new(ctx.clone(), || monotonic_clock::now() as f64 / 1e6))?;
    function(
        "encode",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, text: Text| {
            TypedArray::<u8>::new(ctx, text.0.into_bytes())
        }),
    )?;
    function("nesting", Function::new(ctx.clone(), |text: Text| json::nesting(&text.0)))?;
    function(
        "decode",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, bytes: TypedArray<'js, u8>, fatal: bool| {
            // SAFETY: no JavaScript runs while the bytes are looked at.
            text::decode(&ctx, unsafe { bytes.as_bytes() }.unwrap_or_default(), fatal)
        }),
    )?;
    function("find", Function::new(ctx.clone(), find))?;
    function("url", Function::new(ctx.clone(), url::parse))?;
    Ok(object)
}

/// Returns where bytes stand in others, from a place on; -1 if they do not.
fn find<'js>(within: TypedArray<'js, u8>, wanted: TypedArray<'js, u8>, from: usize) -> Result<f64> {
    // SAFETY: no JavaScript runs while the bytes are looked at.
    let within = unsafe { within.as_bytes() }.unwrap_or_default();
    // SAFETY: as above.
    let wanted = unsafe { wanted.as_bytes() }.unwrap_or_default();
    let rest = within.get(from..).unwrap_or_default();
    let at = memchr::memmem::find(rest, wanted);
    Ok(at.map_or(-1.0, |at| (from + at) as f64))
}

fn waiting<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function(
        "create",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, key: Option<Text>| {
            host::create(key.as_ref().map(|key| &*key.0))
                .map(pendings::keep)
                .map_err(|refusal| refused(&ctx, refusal))
        }),
    )?;
    function(
        "timer",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, after_ms: u32| {
            host::timer(after_ms).map(pendings::keep).map_err(|refusal| refused(&ctx, refusal))
        }),
    )?;
    function(
        "token",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, id: u32| {
            pendings::with(&[id], |found| found[0].token()).map_err(|Gone| gone(&ctx))
        }),
    )?;
    function("has", Function::new(ctx.clone(), |id: u32| pendings::with(&[id], |_| ()).is_ok()))?;
    // One that is gone has been released: there is nothing left to do.
    function("drop", Function::new(ctx.clone(), |id: u32| drop(pendings::take(id))))?;
    // Frees what lies in unreachable cycles. What nobody refers to is free already.
    function("collect", Function::new(ctx.clone(), |ctx: Ctx<'js>| ctx.run_gc()))?;
    function("wait", Function::new(ctx.clone(), wait))
}

fn settling<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function(
        "setResult",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, token: Text, with: Object<'js>| {
            host::set_result(&token.0, &settlement_from(&with)?)
                .map_err(|refusal| refused(&ctx, refusal))
        }),
    )?;
    function(
        "setNext",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, key: Text, with: Object<'js>| {
            host::set_next(&key.0, &settlement_from(&with)?)
                .map_err(|refusal| refused(&ctx, refusal))
        }),
    )?;
    function(
        "setAll",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, key: Text, with: Object<'js>| {
            host::set_all(&key.0, &settlement_from(&with)?)
                .map_err(|refusal| refused(&ctx, refusal))
        }),
    )?;
    function("waiting", Function::new(ctx.clone(), |key: Text| host::waiting(&key.0)))
}

/// Waits in place until one of these pendings is settled, and returns what became of each.
fn wait<'js>(ctx: Ctx<'js>, ids: Vec<u32>, timeout_ms: Option<u32>) -> Result<Array<'js>> {
    let waited = pendings::with(&ids, |handles| host::wait(handles, Join::Any, timeout_ms));
    let settlements =
        waited.map_err(|Gone| gone(&ctx))?.map_err(|refusal| refused(&ctx, refusal))?;
    let array = Array::new(ctx.clone())?;
    for (index, settlement) in settlements.into_iter().enumerate() {
        array.set(index, settlement_to(&ctx, settlement)?)?;
    }
    Ok(array)
}

fn log(level: u32, message: &str) {
    let level = match level {
        0 => Level::Trace,
        1 => Level::Debug,
        2 => Level::Info,
        3 => Level::Warn,
        _ => Level::Error,
    };
    logging::log(level, message);
}

/// Throws a `Refusal`: an error whose `code` is the contract's word.
pub fn refused(ctx: &Ctx<'_>, refusal: Refusal) -> Error {
    let (code, message) = match refusal {
        Refusal::Unknown => ("unknown", "nothing waits under this token"),
        Refusal::AlreadySettled => ("already-settled", "this was settled before"),
        Refusal::Denied => (
            "denied",
            "the host does not allow this here: a guest waits only while it handles a request, \
             under keys that it was granted",
        ),
        Refusal::Limit => (
            "limit",
            "a limit of the host is reached: pendings_per_call_max if this call has so many \
             pendings, else one of guest_pendings_max, pendings_max, key_bytes_max and \
             settlement_bytes_max",
        ),
    };
    let thrown = || -> Result<Value<'_>> {
        let class: Constructor = ctx.globals().get("Error")?;
        let error: Object = class.construct((message,))?;
        error.set("name", "Refusal")?;
        error.set("code", code)?;
        Ok(error.into_value())
    };
    match thrown() {
        Ok(error) => ctx.throw(error),
        Err(error) => error,
    }
}

fn gone(ctx: &Ctx<'_>) -> Error {
    let message = "this pending is gone: it was released, or belongs to an earlier call";
    Exception::throw_message(ctx, message)
}
