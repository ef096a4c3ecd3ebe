//! `componentize CORE.wasm COMPONENT.wasm`: makes a component of a core module that carries its
//! component type, as wit-bindgen leaves it. So the guests are built for the same target as
//! snow-host's own guests.

use std::error::Error;
use std::{env, fs};

use wit_component::ComponentEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [core, component] = arguments.as_slice() else {
        return Err("usage: componentize CORE.wasm COMPONENT.wasm".into());
    };
    let core = fs::read(core)?;
    let bytes = ComponentEncoder::default().validate(true).module(&core)?.encode()?;
    fs::write(component, bytes)?;
    Ok(())
}
