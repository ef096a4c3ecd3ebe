//! Turns what a guest's file holds into a component: text is parsed, and a core module is encoded
//! as a component.

use std::path::Path;

use wasmparser::Payload;
use wit_component::{ComponentEncoder, StringEncoding};

use super::error::LoadError;
use crate::contract::{RESUMER, WIT};

/// Returns the component that a file holds, as bytes. The file may hold a component, a core module,
/// or either as text; its name is for messages.
///
/// Takes time and memory as the guest likes, up to what its size allows.
pub(crate) fn component(file: &Path, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let wasm = wat::Parser::new().parse_bytes(Some(file), bytes).map_err(LoadError::Text)?;
    to_component(&wasm)
}

fn to_component(wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    if wasmparser::Parser::is_component(wasm) {
        return Ok(wasm.to_vec());
    }
    if !wasmparser::Parser::is_core_wasm(wasm) {
        return Err(LoadError::NotWasm);
    }
    let shape = Shape::of(wasm).map_err(LoadError::Module)?;
    let encode = || {
        let mut module = wasm.to_vec();
        if !shape.has_component_type {
            // wit-bindgen writes this section; a module written by hand has none, so its exports
            // decide.
            let world = if shape.exports_resumer { "resuming-guest" } else { "guest" };
            let mut resolve = wit_parser::Resolve::default();
            let package = resolve.push_str("snow.wit", WIT)?;
            let world = resolve.select_world(&[package], Some(world))?;
            wit_component::embed_component_metadata(
                &mut module,
                &resolve,
                world,
                StringEncoding::UTF8,
                false,
            )?;
        }
        ComponentEncoder::default().validate(true).module(&module)?.encode()
    };
    encode().map_err(|error| LoadError::Encode(error.into()))
}

/// The properties of a core module that decide how it is encoded.
#[derive(Default)]
struct Shape {
    /// Whether the module says by itself which world it fits, in a `component-type` section.
    has_component_type: bool,
    /// Whether the module exports a function of `resumer`.
    exports_resumer: bool,
}

impl Shape {
    fn of(wasm: &[u8]) -> wasmparser::Result<Shape> {
        let mut shape = Shape::default();
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::CustomSection(section) => {
                    shape.has_component_type |= section.name().starts_with("component-type");
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        shape.exports_resumer |= export?.name.starts_with(RESUMER);
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }
}
