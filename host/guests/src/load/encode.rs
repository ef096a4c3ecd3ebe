//! Turns what a guest's file holds into a component: text is parsed, and a core module is encoded
//! as a component. If the module imports preview 1 of WASI, an adapter becomes part of it, which
//! turns that into WASI 0.2.

use std::borrow::Cow;
use std::path::Path;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as PREVIEW1_ADAPTER,
};
use wasmparser::{KnownCustom, Name, NameSectionReader, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId, WorldKey};

use super::error::LoadError;
use super::kind::{FileKind, Purpose};
use crate::contract::{HANDLER, JOB_RUNNER, RESUMER, WIT};

/// Bytes of the longest name of a function that a trap may show. After a trap wasmtime copies the
/// names of up to 20 functions, on the thread of a worker.
const NAME_BYTES_MAX: usize = 64 << 10;
/// The custom section that holds names, and what it is called when it is not to be found. Both are
/// equally long.
const NAMES: (&str, &str) = ("name", "long");

/// Returns the component that a file holds, as bytes. The file may hold a component, a core module,
/// or either as text; its name is for messages.
///
/// Takes time and memory as the guest likes, up to what its size allows.
pub(crate) fn component(file: &Path, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let wasm = match FileKind::of(file, bytes) {
        FileKind::Binary => Cow::Borrowed(bytes),
        FileKind::Text => {
            wat::Parser::new().parse_bytes(Some(file), bytes).map_err(LoadError::Text)?
        }
        kind => return Err(LoadError::NotWasm(kind)),
    };
    if let Some(purpose) = Purpose::of(&wasm) {
        return Err(LoadError::Purpose(purpose));
    }
    let mut component = to_component(&wasm)?;
    hide_long_names(&mut component);
    Ok(component)
}

/// Takes the names away from each module that has a very long one, so that a trap can't make the
/// host copy it. The section stays, by another name.
fn hide_long_names(wasm: &mut [u8]) {
    let mut hidden = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        if let Payload::CustomSection(section) = payload
            && let KnownCustom::Name(names) = section.as_known()
            && section.name() == NAMES.0
            && has_long_name(names)
        {
            // The section's own name lies before its data.
            hidden.push(section.data_offset() as usize - NAMES.0.len());
        }
    }
    for at in hidden {
        wasm[at..at + NAMES.1.len()].copy_from_slice(NAMES.1.as_bytes());
    }
}

fn has_long_name(names: NameSectionReader<'_>) -> bool {
    let is_long = |name: &str| name.len() > NAME_BYTES_MAX;
    names.into_iter().map_while(Result::ok).any(|names| match names {
        Name::Module { name, .. } => is_long(name),
        Name::Function(names) => {
            names.into_iter().map_while(Result::ok).any(|naming| is_long(naming.name))
        }
        // wasmtime does not read the others.
        _ => false,
    })
}

fn to_component(wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    if wasmparser::Parser::is_component(wasm) {
        return Ok(wasm.to_vec());
    }
    let shape = Shape::of(wasm).map_err(LoadError::Module)?;
    let encode = || {
        let mut module = wasm.to_vec();
        if !shape.has_component_type {
            // wit-bindgen writes this section; a module written by hand has none. It has the
            // fullest world, without what it does not export.
            let world =
                if shape.imports_wasi { "freestanding-working-guest" } else { "working-guest" };
            let mut resolve = Resolve::default();
            let package = resolve.push_str("snow.wit", WIT)?;
            let world = resolve.select_world(&[package], Some(world))?;
            let absent = shape.absent_exports(&resolve, world);
            resolve.worlds[world].exports.retain(|key, _| !absent.contains(key));
            wit_component::embed_component_metadata(
                &mut module,
                &resolve,
                world,
                StringEncoding::UTF8,
                false,
            )?;
        }
        let mut encoder = ComponentEncoder::default();
        encoder.validate(true).module(&module)?;
        // Without need, it would add its imports to what the module says of itself.
        if shape.imports_preview1 {
            encoder.adapter(PREVIEW1_NAME, PREVIEW1_ADAPTER)?;
        }
        encoder.encode()
    };
    encode().map_err(|error| LoadError::Encode(error.into()))
}

/// The properties of a core module that decide how it is encoded.
#[derive(Default)]
struct Shape {
    /// Whether the module says by itself which world it fits, in a `component-type` section.
    has_component_type: bool,
    /// The interfaces that a guest may export and of which the module exports a function.
    exported: Vec<&'static str>,
    /// Whether the module imports interfaces of WASI 0.2 by itself.
    imports_wasi: bool,
    /// Whether the module imports preview 1 of WASI.
    imports_preview1: bool,
}

impl Shape {
    fn of(wasm: &[u8]) -> wasmparser::Result<Shape> {
        let mut shape = Shape::default();
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::CustomSection(section) => {
                    shape.has_component_type |= section.name().starts_with("component-type");
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let module = import?.module;
                        shape.imports_wasi |= module.starts_with("wasi:");
                        shape.imports_preview1 |= module == PREVIEW1_NAME;
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let name = export?.name;
                        let interfaces = [RESUMER, JOB_RUNNER].into_iter();
                        shape.exported.extend(interfaces.filter(|it| name.starts_with(it)));
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    /// Returns the exports of a world that the module does not have, and need not have.
    fn absent_exports(&self, resolve: &Resolve, world: WorldId) -> Vec<WorldKey> {
        let is_absent = |key: &&WorldKey| {
            let name = resolve.name_world_key(key);
            name != HANDLER && !self.exported.contains(&&*name)
        };
        resolve.worlds[world].exports.keys().filter(is_absent).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compiling_engine;

    /// Returns the names of all functions of all modules, as wasmtime would find them.
    fn names(wasm: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            let Payload::CustomSection(section) = payload.unwrap() else { continue };
            let KnownCustom::Name(names) = section.as_known() else { continue };
            for names in names {
                let Name::Function(names) = names.unwrap() else { continue };
                found.extend(names.into_iter().map(|naming| naming.unwrap().name.to_owned()));
            }
        }
        found
    }

    #[test]
    fn a_module_with_a_very_long_name_has_none() {
        let module = |name: &str| format!("(core module (func ${name}) (func $other))");
        let component = |names: [&str; 2]| {
            let text = format!("(component {} {})", module(names[0]), module(names[1]));
            let mut wasm = wat::parse_str(text).unwrap();
            let whole = wasm.len();
            hide_long_names(&mut wasm);
            assert_eq!(wasm.len(), whole);
            compiling_engine()
                .unwrap()
                .precompile_component(&wasm)
                .expect("it is a component still");
            self::names(&wasm)
        };
        let longest = "n".repeat(NAME_BYTES_MAX);
        let longer = format!("{longest}n");
        assert_eq!(component(["short", &longest]), ["short", "other", &longest, "other"]);
        assert_eq!(component(["short", &longer]), ["short", "other"]);
    }
}
