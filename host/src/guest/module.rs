//! One file becomes a guest: read, encoded as a component if it is not one, compiled, linked, asked for its
//! routes, and checked against the contract. Each step's error says what to do.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use wasmparser::Payload;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store};
use wit_component::{ComponentEncoder, StringEncoding};

use super::host_api::CallContext;
use super::runtime::Runtime;
use super::store::{block_on, store};
use super::types;
use crate::router::{self, Route};

/// The contract, for core modules that do not carry it themselves.
const WIT: &str = include_str!("../../../wit/snow.wit");
const HANDLER: &str = "snow:host/handler@0.1.0";
const RESUMER: &str = "snow:host/resumer@0.1.0";

/// The parameters and results of the exports.
pub type RoutesFunc = TypedFunc<(), (Vec<types::Route>,)>;
/// `handler.handle`
pub type HandleFunc<'a> = TypedFunc<(u32, types::RequestRef<'a>), (types::Outcome,)>;
/// `resumer.resume`
pub type ResumeFunc<'a> = TypedFunc<
    (u32, types::Cause, Option<types::RequestRef<'a>>, &'a [u8], Vec<types::ArrivalRef<'a>>),
    (types::Outcome,),
>;

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
    pub(super) pre: InstancePre<CallContext>,
    pub(super) exports: Exports,
}

/// Where the exports are, so that no call looks them up by name.
pub(super) struct Exports {
    pub routes: ComponentExportIndex,
    pub handle: ComponentExportIndex,
    pub resume: Option<ComponentExportIndex>,
}

impl Guest {
    /// Whether it exports `resume`.
    pub fn has_resume(&self) -> bool {
        self.exports.resume.is_some()
    }

    /// Loads the guest in a file: a component, a core module, or either in text.
    ///
    /// Compiles on this thread and those of the compiler's pool: for large guests this takes seconds.
    pub fn load(path: &Path, runtime: &Runtime, linker: &Linker<CallContext>) -> anyhow::Result<Guest> {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("the file's name is not UTF-8")?;
        let size = std::fs::metadata(path).context("can't be read")?.len();
        let size_max = runtime.limits.guest_file_bytes_max;
        ensure!(size <= size_max, "the file has {size} bytes; at most {size_max} are allowed (guest_file_bytes_max)");
        let bytes = std::fs::read(path).context("can't be read")?;
        let wasm = wat::Parser::new().parse_bytes(Some(path), &bytes).context("is not valid WebAssembly text")?;
        let component = to_component(&wasm)?;
        let guest = Guest::compile(name, &component, &runtime.engine, linker)?;
        guest.describe(runtime)
    }

    fn compile(name: &str, bytes: &[u8], engine: &Engine, linker: &Linker<CallContext>) -> anyhow::Result<Guest> {
        let component = Component::new(engine, bytes).map_err(plain).context("can't be compiled")?;
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
        Ok(Guest { name: name.into(), routes: Vec::new(), imports, component_bytes: bytes.len(), pre, exports })
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
        router::check(&self.routes)?;
        Ok(self)
    }
}

/// The function of an export, its type checked.
pub(super) fn typed<P, R>(
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

/// A component is taken as it is; a core module is encoded as one.
fn to_component(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    if wasmparser::Parser::is_component(wasm) {
        return Ok(wasm.to_vec());
    }
    if !wasmparser::Parser::is_core_wasm(wasm) {
        bail!("is neither a WebAssembly module, nor a component, nor text of one");
    }
    let shape = Shape::of(wasm).context("is not a valid WebAssembly module")?;
    let mut module = wasm.to_vec();
    if !shape.carries_type {
        embed_world(&mut module, if shape.resumes { "resuming-guest" } else { "guest" })?;
    }
    let encode = || ComponentEncoder::default().validate(true).module(&module)?.encode();
    encode().context(
        "is a core module that does not fit its component type: its imports and exports must be those of a world \
         of wit/snow.wit (for WASI modules: adapt them first, or build for wasm32-unknown-unknown)",
    )
}

/// What decides how a core module is encoded.
#[derive(Default)]
struct Shape {
    /// It has a `component-type` section, as wit-bindgen writes it.
    carries_type: bool,
    /// It exports something of `resumer`.
    resumes: bool,
}

impl Shape {
    fn of(wasm: &[u8]) -> anyhow::Result<Shape> {
        let mut shape = Shape::default();
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::CustomSection(section) => shape.carries_type |= section.name().starts_with("component-type"),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        shape.resumes |= export?.name.starts_with(RESUMER);
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }
}

fn embed_world(module: &mut Vec<u8>, world: &str) -> anyhow::Result<()> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("snow.wit", WIT)?;
    let world = resolve.select_world(&[package], Some(world))?;
    wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)
}

/// wasmtime's error with its causes and its backtrace, as text: what a person needs of it.
pub(super) fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}
