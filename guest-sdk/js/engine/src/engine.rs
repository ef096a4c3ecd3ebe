//! Evaluates the guest, once for each instance, and drives its promises.
//!
//! What does not depend on the guest is done when the engine is made: [`start`] runs then, and each
//! instance begins with the memory that it has left.

use std::cell::Cell;

use rquickjs::promise::PromiseState;
use rquickjs::{
    Array, CatchResultExt, CaughtError, Context, Ctx, Function, Module, Object, Persistent,
    Promise, Runtime, TypedArray, Value,
};

use crate::exports::snow::host::handler::Route;
use crate::exports::snow::host::job_runner::Job;
#[cfg(target_family = "wasm")]
use crate::libc;
use crate::snow::host::http::Request;
use crate::snow::host::pending_handles::{Arrival, Cause, Failure, Outcome, Settlement};
use crate::snow::host::source;
use crate::wasi::random::random;
use crate::{convert, failure, jobs, modules, native, pendings};

/// The stack of JavaScript. The host bounds that of wasm, which is used up at the same time; a
/// `RangeError` should come before the trap.
const STACK_BYTES_MAX: usize = 96 << 10;

/// Bytes that an instance allocates before its first garbage collection: what QuickJS allows a heap
/// that begins empty.
const GC_STEP_BYTES: usize = 256 << 10;

/// The number of no route, for `stuck` of `js/routes.js`: the file itself waits, or a job.
const NO_ROUTE: u32 = u32::MAX;

thread_local! {
    static ENGINE: Cell<Option<&'static Engine>> = const { Cell::new(None) };
    /// Whether the guest of this instance was evaluated, or is.
    static HAS_GUEST: Cell<bool> = const { Cell::new(false) };
}

type Saved = Persistent<Function<'static>>;

/// QuickJS with the guest in it.
pub struct Engine {
    context: Context,
    functions: Functions,
}

/// What `js/engine.js` exports.
struct Functions {
    begin: Saved,
    describe: Saved,
    end: Saved,
    handle: Saved,
    idle: Saved,
    rejection: Saved,
    resume: Saved,
    routes: Saved,
    run: Saved,
    seed: Saved,
    stuck: Saved,
}

/// Returns the guest's routes. The host asks for them when it loads the guest.
pub fn routes() -> Vec<Route> {
    modules::kept::begin();
    let engine = engine();
    engine.context.with(|ctx| {
        let routes = || -> rquickjs::Result<Vec<Route>> {
            let list: Array = engine.functions.routes.clone().restore(&ctx)?.call(())?;
            let route = |object: rquickjs::Result<Object>| {
                let object = object?;
                Ok(Route { methods: object.get("methods")?, pattern: object.get("pattern")? })
            };
            list.iter::<Object>().map(route).collect()
        };
        let routes = routes().catch(&ctx).map_err(|caught| engine.describe(&ctx, caught));
        routes.unwrap_or_else(|words| failure::fail(&words))
    })
}

/// Answers a request.
pub fn handle(route: u32, request: Request) -> Outcome {
    answer(route, |functions| &functions.handle, |ctx| convert::request(ctx, request))
}

/// Goes on with a request whose wait is over.
pub fn resume(
    route: u32,
    cause: Cause,
    request: Option<Request>,
    state: Vec<u8>,
    arrivals: Vec<Arrival>,
) -> Outcome {
    answer(
        route,
        |functions| &functions.resume,
        |ctx| resumed(ctx, cause, request, state, arrivals),
    )
}

/// Does a job.
pub fn run(job: Job) -> Result<Vec<u8>, Failure> {
    let done = call(
        NO_ROUTE,
        |functions| &functions.run,
        |ctx| jobs::job(ctx, job),
        |_, object| convert::settlement_from(object),
    );
    match done {
        Ok(Settlement::Value(value)) => Ok(value),
        Ok(Settlement::Failed(failure)) => Err(failure),
        Ok(Settlement::Response(_)) => Err(failure::of_job("the job returned a response")),
        Err(words) => Err(failure::of_job(&words)),
    }
}

fn resumed<'js>(
    ctx: &Ctx<'js>,
    cause: Cause,
    request: Option<Request>,
    state: Vec<u8>,
    arrivals: Vec<Arrival>,
) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("timedOut", cause == Cause::Deadline)?;
    let request = match request {
        Some(request) => convert::request(ctx, request)?.into_value(),
        None => Value::new_null(ctx.clone()),
    };
    object.set("request", request)?;
    object.set("state", TypedArray::<u8>::new(ctx.clone(), state)?)?;
    let list = Array::new(ctx.clone())?;
    for (index, arrival) in arrivals.into_iter().enumerate() {
        let pair = Array::new(ctx.clone())?;
        pair.set(0, pendings::keep(arrival.handle))?;
        pair.set(1, convert::settlement_to(ctx, arrival.settlement)?)?;
        list.set(index, pair)?;
    }
    object.set("arrivals", list)?;
    Ok(object)
}

/// Calls a handler, and returns its outcome.
fn answer(
    route: u32,
    choose: fn(&Functions) -> &Saved,
    argument: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Object<'js>>,
) -> Outcome {
    let outcome = call(route, choose, argument, convert::outcome);
    outcome.unwrap_or_else(|words| failure::answer(&words))
}

/// Calls a function of the guest, and returns what `lift` makes of what comes of it in the end. What it throws, in
/// words, fails this call alone, as in any server: also if the stack was used up, since it is not any
/// more.
fn call<T>(
    route: u32,
    choose: fn(&Functions) -> &Saved,
    argument: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Object<'js>>,
    lift: impl for<'js> Fn(&Ctx<'js>, &Object<'js>) -> rquickjs::Result<T>,
) -> Result<T, String> {
    let engine = engine();
    #[cfg(target_family = "wasm")]
    libc::forget_run_out();
    let result = engine.context.with(|ctx| {
        let words = |caught| engine.describe(&ctx, caught);
        let called = || -> Result<T, String> {
            engine.seed(&ctx).catch(&ctx).map_err(words)?;
            let begin = || -> rquickjs::Result<Value<'_>> {
                let argument = argument(&ctx)?;
                choose(&engine.functions).clone().restore(&ctx)?.call((route, argument))
            };
            let value = begin().catch(&ctx).map_err(words)?;
            let value = match value.as_promise() {
                Some(promise) => engine.drive(&ctx, promise, route)?,
                None => {
                    run_jobs(&ctx);
                    value
                }
            };
            let object = Object::from_value(value).catch(&ctx).map_err(words)?;
            lift(&ctx, &object).catch(&ctx).map_err(words)
        };
        let result = called();
        if result.is_err() {
            // What the call has begun is not to go on in the next one.
            run_jobs(&ctx);
        }
        engine.end(&ctx);
        result
    });
    pendings::end_of_call();
    result
}

/// Returns the engine with the guest evaluated.
fn engine() -> &'static Engine {
    // It was started when it was made, unless somebody runs it as the compiler wrote it.
    let engine = ENGINE.get().unwrap_or_else(start);
    if !HAS_GUEST.replace(true) {
        engine.begin();
        let main = source::main();
        modules::install(engine.context.runtime(), &main.name);
        engine.evaluate(&main.name, main.text);
    }
    engine
}

/// Makes QuickJS, with the module `snow` and the globals. It asks the host for nothing: when the
/// engine is made there is none, and what the host says would be the same in all instances.
pub fn start() -> &'static Engine {
    let refuse = |error: rquickjs::Error| -> ! { failure::fail(&format!("QuickJS: {error}")) };
    let runtime = Runtime::new().unwrap_or_else(|error| refuse(error));
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    modules::install(&runtime, "");
    runtime.set_host_promise_rejection_tracker(Some(Box::new(rejected)));
    let context = Context::full(&runtime).unwrap_or_else(|error| refuse(error));
    let functions = context.with(|ctx| {
        let functions = prelude(&ctx).catch(&ctx);
        functions.map_err(|caught| failure::describe(&ctx, None, caught))
    });
    let functions = functions.unwrap_or_else(|words| failure::fail(&words));
    // Else the first instance's few allocations would cross the threshold that the start has nearly
    // reached, and each fresh instance would walk the whole heap once.
    runtime.run_gc();
    let started_bytes = runtime.memory_usage().malloc_size as usize;
    runtime.set_gc_threshold(started_bytes + GC_STEP_BYTES);
    let engine: &Engine = Box::leak(Box::new(Engine { context, functions }));
    // Known before the guest runs, for rejections of its top level.
    ENGINE.set(Some(engine));
    engine
}

/// Evaluates `js/engine.js` and all that it imports.
fn prelude(ctx: &Ctx<'_>) -> rquickjs::Result<Functions> {
    // `js/native.js` takes them from there.
    ctx.globals().set("__native", native::functions(ctx)?)?;
    ctx.eval::<(), _>(
        "globalThis[Symbol.for('snow.native')] = __native; delete globalThis.__native;",
    )?;
    let module = Module::declare(ctx.clone(), modules::PRELUDE, modules::prelude())?;
    let (module, evaluated) = module.eval()?;
    evaluated.finish::<()>()?;
    ctx.eval::<(), _>("delete globalThis[Symbol.for('snow.native')];")?;
    let exports = module.namespace()?;
    let export = |name: &str| -> rquickjs::Result<Saved> {
        Ok(Persistent::save(ctx, exports.get::<_, Function>(name)?))
    };
    Ok(Functions {
        begin: export("begin")?,
        describe: export("describe")?,
        end: export("end")?,
        handle: export("handle")?,
        idle: export("idle")?,
        rejection: export("rejection")?,
        resume: export("resume")?,
        routes: export("routes")?,
        run: export("run")?,
        seed: export("seed")?,
        stuck: export("stuck")?,
    })
}

/// Tells `js/engine.js` of a rejected promise that nobody handles, or that somebody handles after
/// all.
fn rejected<'js>(ctx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, is_handled: bool) {
    let Some(engine) = ENGINE.get() else { return };
    let told = engine
        .functions
        .rejection
        .clone()
        .restore(&ctx)
        .and_then(|rejection| rejection.call::<_, ()>((promise, reason, is_handled)));
    if told.is_err() {
        // For instance without stack left. What was thrown must not be taken for the guest's.
        ctx.catch();
    }
}

/// Runs what is ready: the continuations of promises.
fn run_jobs(ctx: &Ctx<'_>) {
    while ctx.execute_pending_job() {}
}

impl Engine {
    fn describe<'js>(&self, ctx: &Ctx<'js>, caught: CaughtError<'js>) -> String {
        failure::describe(ctx, Some(&self.functions.describe), caught)
    }

    /// Begins an instance: with a seed for hashes and an origin of time that no other one has.
    fn begin(&self) {
        self.context.with(|ctx| {
            #[cfg(target_family = "wasm")]
            libc::seed_hashes(&ctx, random::get_random_u64());
            let begin = self.functions.begin.clone().restore(&ctx);
            let begun = begin.and_then(|begin| begin.call::<_, ()>(())).catch(&ctx);
            begun.unwrap_or_else(|caught| failure::fail(&self.describe(&ctx, caught)));
        });
    }

    fn evaluate(&self, name: &str, text: Vec<u8>) {
        let evaluated = self.context.with(|ctx| {
            let words = |caught| self.describe(&ctx, caught);
            let evaluate = || -> Result<(), String> {
                self.seed(&ctx).catch(&ctx).map_err(words)?;
                let module = modules::declare(&ctx, name, text).catch(&ctx).map_err(words)?;
                let evaluated = module.eval().catch(&ctx).map_err(words);
                let (_, promise) =
                    evaluated.map_err(|words| match modules::missing::place(&words) {
                        Some(place) => format!("{}\n{place}", words.trim_end()),
                        None => words,
                    })?;
                self.drive(&ctx, &promise, NO_ROUTE).map(drop)
            };
            // If it failed, there is nothing to go on with. The rejection is not unheard.
            evaluate().inspect(|()| self.end(&ctx))
        });
        evaluated.unwrap_or_else(|words| failure::fail(&words));
    }

    /// Gives `Math.random` a new seed: in each call, because an instance may be used again.
    fn seed(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        let seed = random::get_random_u64();
        self.functions.seed.clone().restore(ctx)?.call(((seed >> 32) as u32, seed as u32))
    }

    /// Runs jobs until a promise is settled, and returns its value. When no job is left, it waits
    /// in place for what the guest waits for.
    fn drive<'js>(
        &self,
        ctx: &Ctx<'js>,
        promise: &Promise<'js>,
        route: u32,
    ) -> Result<Value<'js>, String> {
        let words = |caught: CaughtError<'js>| self.describe(ctx, caught);
        loop {
            run_jobs(ctx);
            match promise.result::<Value>() {
                Some(result) => return result.catch(ctx).map_err(words),
                None => debug_assert_eq!(promise.state(), PromiseState::Pending),
            }
            let idle = self.functions.idle.clone().restore(ctx);
            let waited = idle.and_then(|idle| idle.call::<_, bool>(()));
            if waited.catch(ctx).map_err(words)? {
                continue;
            }
            let stuck = self.functions.stuck.clone().restore(ctx);
            let stuck = stuck.and_then(|stuck| stuck.call::<_, String>((route,)));
            return Err(stuck.catch(ctx).map_err(words)?);
        }
    }

    /// Reports what was rejected unheard, and forgets what the call waited for.
    fn end(&self, ctx: &Ctx<'_>) {
        let end = self.functions.end.clone().restore(ctx);
        let ended = end.and_then(|end| end.call::<_, ()>(()));
        if let Err(caught) = ended.catch(ctx) {
            failure::fail(&self.describe(ctx, caught));
        }
    }
}
