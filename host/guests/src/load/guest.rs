//! Turns a compiled component into a guest: links it, asks it for its routes, and checks it against
//! the contract.

use std::sync::Arc;

use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store};

use snow_runtime::{CompiledRoutes, Route};

use super::cache::Written;
use super::content_hash::ContentHash;
use super::error::LoadError;
use super::kept::Keeping;
use super::source::Sources;
use crate::contract::context::CallContext;
use crate::contract::source::GuestFailure;
use crate::contract::state::keyvalue;
use crate::contract::store::{block_on, store};
use crate::contract::{HANDLER, JOB_RUNNER, RESUMER, types};
use crate::runtime::Runtime;
use crate::wasi;

/// `handler.routes`, with its parameters and results.
type RoutesFunc = TypedFunc<(), (Vec<types::Route>,)>;
/// `handler.handle`, with its parameters and results.
pub(crate) type HandleFunc<'a> = TypedFunc<(u32, types::RequestRef<'a>), (types::Outcome,)>;
/// `resumer.resume`, with its parameters and results.
pub(crate) type ResumeFunc<'a> = TypedFunc<
    (u32, types::Cause, Option<types::RequestRef<'a>>, &'a [u8], Vec<types::ArrivalRef<'a>>),
    (types::Outcome,),
>;

/// `job-runner.run`, with its parameters and results.
pub(crate) type RunFunc<'a> = TypedFunc<(types::JobRef<'a>,), (Result<Vec<u8>, types::Failure>,)>;

/// A compiled component, not yet known to be a guest.
pub(super) struct Compiled {
    /// The code.
    pub component: Component,
    /// The size of the component before it was compiled.
    pub component_bytes: usize,
    /// The hash of the file that held it.
    pub content_hash: ContentHash,
    /// What the compiler wrote, unless it compiled in memory.
    pub written: Option<Written>,
    /// The name of the code's file in the cache, if it is there.
    pub cached_name: Option<Arc<str>>,
    /// The source files, if this is their engine's code.
    pub sources: Option<Arc<Sources>>,
}

/// A compiled guest, ready to be instantiated by any thread.
pub struct Guest {
    /// The guest's name: its file's stem.
    pub name: Arc<str>,
    /// The routes that `routes()` returned when the guest was loaded.
    pub routes: Vec<Route>,
    /// The same routes, compiled.
    pub compiled: Arc<CompiledRoutes>,
    /// The names of the interfaces that the guest imports.
    pub imports: Vec<String>,
    /// The size of the component before it was compiled.
    pub component_bytes: usize,
    /// The hash of the guest's file.
    pub content_hash: ContentHash,
    /// The guest's source files, if it is a source file; the code is its engine's.
    pub(crate) sources: Option<Arc<Sources>>,
    /// The name of the code's file in the cache. While it lives, the file is not removed to make
    /// room.
    _cached_name: Option<Arc<str>>,
    /// Makes instances: the component, linked with the functions of the host.
    pub(crate) pre: InstancePre<CallContext>,
    pub(crate) exports: Exports,
}

/// Where a guest's exports are, so that no call looks them up by name.
pub(crate) struct Exports {
    routes: ComponentExportIndex,
    pub handle: ComponentExportIndex,
    pub resume: Option<ComponentExportIndex>,
    pub run: Option<ComponentExportIndex>,
}

impl Guest {
    /// Whether the guest exports `resume`.
    pub fn has_resume(&self) -> bool {
        self.exports.resume.is_some()
    }

    /// Whether the guest has jobs: it exports `run`, and if it is a source file, it has some for
    /// the engine's `run`.
    pub fn has_run(&self) -> bool {
        self.exports.run.is_some()
    }

    /// Makes a guest of compiled code, and asks it for its routes.
    pub(super) fn new(
        name: &str,
        compiled: Compiled,
        runtime: &Runtime,
        linker: &Linker<CallContext>,
    ) -> Result<Guest, LoadError> {
        let mut guest = Guest::link(name, compiled, runtime.engine.wasmtime(), linker)?;
        let (routes, has_jobs) = guest.ask_for_routes(runtime)?;
        guest.routes = routes;
        if !has_jobs {
            guest.exports.run = None;
        }
        guest.compiled = Arc::new(CompiledRoutes::new(&guest.routes)?);
        Ok(guest)
    }

    /// Links the imports with the host's functions, and finds the exports. The guest has no routes
    /// yet.
    fn link(
        name: &str,
        compiled: Compiled,
        engine: &Engine,
        linker: &Linker<CallContext>,
    ) -> Result<Guest, LoadError> {
        let Compiled { component, component_bytes, content_hash, cached_name, sources, .. } =
            compiled;
        let imports: Vec<String> =
            component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
        let pre = linker.instantiate_pre(&component).map_err(|error| {
            let is_known = |name: &String| {
                name.starts_with("snow:host/") || wasi::provides(name) || keyvalue::provides(name)
            };
            let foreign = imports.iter().filter(|name| !is_known(name)).cloned().collect();
            LoadError::Imports { foreign, source: error.into() }
        })?;
        let export = |interface: &str, function: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), function)
        };
        let required =
            |function| export(HANDLER, function).ok_or(LoadError::MissingExport { function });
        let exports = Exports {
            routes: required("routes")?,
            handle: required("handle")?,
            resume: export(RESUMER, "resume"),
            run: export(JOB_RUNNER, "run"),
        };
        Ok(Guest {
            name: name.into(),
            routes: Vec::new(),
            compiled: Arc::new(CompiledRoutes::new(&[])?),
            imports,
            component_bytes,
            content_hash,
            sources,
            _cached_name: cached_name,
            pre,
            exports,
        })
    }

    /// Instantiates the guest once, checks the types of its exports, and calls `routes()`. It runs
    /// within the limits of a call, on this thread. Returns the routes, and whether it has jobs, if
    /// it exports `run`.
    fn ask_for_routes(&self, runtime: &Runtime) -> Result<(Vec<Route>, bool), LoadError> {
        let permit = Arc::new(runtime.permits.of(&self.name));
        let mut context = CallContext::for_routes(runtime, permit);
        context.sources = self.sources.clone();
        let limits = &runtime.limits;
        let (own_bytes_max, all_bytes_max) = (limits.guest_kept_bytes_max, limits.kept_bytes_max);
        context.keeping = self
            .sources
            .as_ref()
            .map(|_| Keeping::new(own_bytes_max, all_bytes_max, runtime.kept_bytes.clone()));
        let mut store = store(runtime, context);
        let stopwatch = store.data().stopwatch.clone();
        let returned = block_on(&runtime.engine, &stopwatch, async {
            let instance = self.pre.instantiate_async(&mut store).await;
            let instance = instance.map_err(|error| LoadError::Instantiate(error.into()))?;
            let routes = check_types(&self.exports, &instance, &mut store);
            let routes = routes.map_err(|error| LoadError::Contract(error.into()))?;
            let returned = routes.call_async(&mut store, ()).await;
            returned.map_err(|error| match error.downcast_ref::<GuestFailure>() {
                Some(failure) => LoadError::Evaluate(failure.to_string()),
                None => LoadError::Routes(error.into()),
            })
        });
        store.data_mut().end_lines();
        let (routes,) = returned?;
        let mut has_jobs = true;
        if let (Some(sources), Some(keeping)) = (&self.sources, store.data_mut().keeping.take()) {
            has_jobs = keeping.has_jobs;
            let _ = sources.kept.set(keeping.finish());
        }
        let routes_max = runtime.limits.guest_routes_max;
        if routes.len() > routes_max {
            return Err(LoadError::TooManyRoutes { routes: routes.len(), routes_max });
        }
        Ok((routes.into_iter().map(Route::from).collect(), has_jobs))
    }
}

/// Checks that every export has the type that the contract says, and returns the one that is called
/// at once.
fn check_types(
    exports: &Exports,
    instance: &wasmtime::component::Instance,
    store: &mut Store<CallContext>,
) -> wasmtime::Result<RoutesFunc> {
    let routes = typed(instance, store, &exports.routes)
        .map_err(|error| error.context("`handler.routes`"))?;
    let _: HandleFunc<'_> = typed(instance, store, &exports.handle)
        .map_err(|error| error.context("`handler.handle`"))?;
    if let Some(resume) = &exports.resume {
        let _: ResumeFunc<'_> =
            typed(instance, store, resume).map_err(|error| error.context("`resumer.resume`"))?;
    }
    if let Some(run) = &exports.run {
        let _: RunFunc<'_> =
            typed(instance, store, run).map_err(|error| error.context("`job-runner.run`"))?;
    }
    Ok(routes)
}

/// Returns the function of an export, with its type checked.
pub(crate) fn typed<P, R>(
    instance: &wasmtime::component::Instance,
    store: &mut Store<CallContext>,
    export: &ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
    R: wasmtime::component::ComponentNamedList + wasmtime::component::Lift,
{
    let function = instance.get_func(&mut *store, export);
    function
        .ok_or_else(|| wasmtime::Error::msg("an export of the contract is not a function"))?
        .typed(&*store)
}
