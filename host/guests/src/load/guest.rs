//! A compiled component becomes a guest: linked, asked for its routes, and checked against the contract. Each step's
//! error says what to do.

use std::sync::Arc;

use anyhow::{Context, ensure};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store};

use crate::contract::context::CallContext;
use crate::contract::store::{block_on, store};
use crate::contract::types;
use crate::load::cache::ContentHash;
use crate::load::encode::RESUMER;
use crate::runtime::Runtime;
use snow_runtime::{Route, check_routes};

const HANDLER: &str = "snow:host/handler@0.1.0";

/// The parameters and results of the exports.
pub type RoutesFunc = TypedFunc<(), (Vec<types::Route>,)>;
/// `handler.handle`
pub type HandleFunc<'a> = TypedFunc<(u32, types::RequestRef<'a>), (types::Outcome,)>;
/// `resumer.resume`
pub type ResumeFunc<'a> = TypedFunc<
    (u32, types::Cause, Option<types::RequestRef<'a>>, &'a [u8], Vec<types::ArrivalRef<'a>>),
    (types::Outcome,),
>;

/// A component, compiled.
pub(crate) struct Compiled {
    pub component: Component,
    /// Its size before.
    pub component_bytes: usize,
    /// Of the file that it was.
    pub content_hash: ContentHash,
    /// Its place in the cache, if it has one.
    pub code: Option<Arc<str>>,
}

/// A compiled guest, ready to be instantiated by any thread.
pub struct Guest {
    /// The file's stem.
    pub name: Arc<str>,
    /// What `routes()` said when it was loaded.
    pub routes: Vec<Route>,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The size of the component before it was compiled.
    pub component_bytes: usize,
    /// SHA-256 of its file: what names this version of it.
    pub content_hash: ContentHash,
    /// Its compiled code's file, which stays in the cache while it is used.
    pub(crate) _code: Option<Arc<str>>,
    pub(crate) pre: InstancePre<CallContext>,
    pub(crate) exports: Exports,
}

/// Where the exports are, so that no call looks them up by name.
pub(crate) struct Exports {
    pub routes: ComponentExportIndex,
    pub handle: ComponentExportIndex,
    pub resume: Option<ComponentExportIndex>,
}

impl Guest {
    /// Whether it exports `resume`.
    pub fn has_resume(&self) -> bool {
        self.exports.resume.is_some()
    }

    /// Makes a guest of compiled code, and asks it for its routes.
    pub(crate) fn new(
        name: &str,
        compiled: Compiled,
        runtime: &Runtime,
        linker: &Linker<CallContext>,
    ) -> anyhow::Result<Guest> {
        Guest::link(name, compiled, &runtime.engine, linker)?.describe(runtime)
    }

    fn link(name: &str, compiled: Compiled, engine: &Engine, linker: &Linker<CallContext>) -> anyhow::Result<Guest> {
        let Compiled { component, component_bytes, content_hash, code } = compiled;
        let imports: Vec<String> =
            component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
        let pre = linker.instantiate_pre(&component).map_err(plain).with_context(|| unlinkable(&imports))?;
        let export = |interface: &str, function: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), function)
        };
        let missing = |function: &str| {
            format!(
                "does not export `{function}` of `{HANDLER}`: \
                 build it for the world `guest` or `resuming-guest` of wit/snow.wit"
            )
        };
        let exports = Exports {
            routes: export(HANDLER, "routes").with_context(|| missing("routes"))?,
            handle: export(HANDLER, "handle").with_context(|| missing("handle"))?,
            resume: export(RESUMER, "resume"),
        };
        let (name, routes) = (name.into(), Vec::new());
        Ok(Guest { name, routes, imports, component_bytes, content_hash, _code: code, pre, exports })
    }

    /// Instantiates it once: the types of its exports are checked, and it is asked for its routes.
    fn describe(mut self, runtime: &Runtime) -> anyhow::Result<Guest> {
        let permit = Arc::new(runtime.permits.of(&self.name));
        let mut store = store(runtime, CallContext::for_routes(runtime, permit));
        let (exports, pre) = (&self.exports, &self.pre);
        let routes = block_on(&runtime.ticker, store.data().slice.clone(), async {
            let instance = pre.instantiate_async(&mut store).await.map_err(plain).context("can't be instantiated")?;
            let misfit = "does not fit the contract in wit/snow.wit";
            check_types(exports, &instance, &mut store).map_err(plain).context(misfit)?;
            let routes: RoutesFunc = typed(&instance, &mut store, &exports.routes).map_err(plain).context(misfit)?;
            let returned = routes.call_async(&mut store, ()).await;
            returned.map_err(plain).context("can't say its routes: its `routes` failed")
        });
        let (routes,) = routes?;
        let most = runtime.limits.guest_routes_max;
        ensure!(routes.len() <= most, "has {} routes; at most {most} are allowed", routes.len());
        self.routes = routes.into_iter().map(Route::from).collect();
        check_routes(&self.routes)?;
        Ok(self)
    }
}

/// The function of an export, its type checked.
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
    function.ok_or_else(|| wasmtime::Error::msg("an export of the contract is not a function"))?.typed(&*store)
}

fn check_types(
    exports: &Exports,
    instance: &wasmtime::component::Instance,
    store: &mut Store<CallContext>,
) -> wasmtime::Result<()> {
    let _: RoutesFunc = typed(instance, store, &exports.routes).map_err(|error| error.context("`handler.routes`"))?;
    let _: HandleFunc<'_> =
        typed(instance, store, &exports.handle).map_err(|error| error.context("`handler.handle`"))?;
    if let Some(resume) = &exports.resume {
        let _: ResumeFunc<'_> = typed(instance, store, resume).map_err(|error| error.context("`resumer.resume`"))?;
    }
    Ok(())
}

fn unlinkable(imports: &[String]) -> String {
    let foreign: Vec<&str> =
        imports.iter().map(String::as_str).filter(|name| !name.starts_with("snow:host/")).collect();
    if foreign.is_empty() {
        return "imports something of `snow:host` that this host does not have, or has with another type: \
                build it against this host's wit/snow.wit"
            .into();
    }
    format!(
        "imports what this host does not provide: {}. A guest gets no file system, no environment and no WASI: \
         build it for wasm32-unknown-unknown, or adapt it with a stub",
        foreign.join(", ")
    )
}

/// wasmtime's error with its causes and its backtrace, as text: what a person needs of it.
pub(crate) fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}
