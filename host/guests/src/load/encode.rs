//! What a guest's file holds becomes a component: text is parsed, a core module is encoded as a component.

use std::path::Path;

use anyhow::{Context, bail};
use wasmparser::Payload;
use wit_component::{ComponentEncoder, StringEncoding};

/// The contract, for core modules that do not carry it themselves.
pub(crate) const WIT: &str = include_str!("../../../../wit/snow.wit");
/// What a guest exports that has `resume`.
pub(crate) const RESUMER: &str = "snow:host/resumer@0.1.0";

/// The component in a file of this name: the file may hold a component, a core module, or either in text.
///
/// Costs time and memory as the guest likes, up to what its size allows.
pub fn component(file: &Path, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let wasm = wat::Parser::new().parse_bytes(Some(file), bytes).context("is not valid WebAssembly text")?;
    to_component(&wasm)
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
