//! Starts an engine once, when it is made, for all instances that will ever be: what it leaves in
//! its memory is what each of them begins with.
//!
//! An engine exports a function for that, by the convention of Wizer (`wizer-initialize`), whose
//! library does the work. The function must not ask the host for anything. There is nobody to ask,
//! and a time or a random number would be the same in all instances.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::{Instance, Linker, Module, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

use crate::engine::WasmtimeError;

/// The functions that are called: that of the module's libraries, if there is one, and the engine's.
const START: [&str; 2] = ["_initialize", "wizer-initialize"];

/// The code by which engines are made, as text. An engine's file is named by what it depends on.
pub const SNAPSHOT_CODE: &str = include_str!("snapshot.rs");

/// Why an engine can't be started when it is made.
#[derive(Debug, thiserror::Error)]
#[error("the engine can't be started while it is made")]
pub struct SnapshotError(#[from] WasmtimeError);

/// Starts an engine, a core module, and returns it as it is then. The functions that have been
/// called are not exported any more. The same module always gives the same bytes.
///
/// # Errors
/// It is no core module, has no function to start it, or traps; for instance because it calls an
/// import.
pub fn snapshot(module: &[u8]) -> Result<Vec<u8>, SnapshotError> {
    started(module).map_err(|error| SnapshotError(error.into()))
}

fn started(module: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.init_func(START[1]);
    let (context, instrumented) = wizer.instrument(module)?;
    let engine = wasmtime::Engine::default();
    let module = Module::new(&engine, &instrumented)?;
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    for name in START {
        // Not all modules have the first one.
        if name == START[1] || instance.get_func(&mut store, name).is_some() {
            instance.get_typed_func::<(), ()>(&mut store, name)?.call(&mut store, ())?;
        }
    }
    now(wizer.snapshot(&context, &mut Started { store, instance }))
}

/// Runs a future that is ready at its first poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing is waited for: memory and globals are there"),
    }
}

/// An instance that has been started.
struct Started {
    store: Store<()>,
    instance: Instance,
}

impl InstanceState for Started {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name);
        match global.expect("the library exports it").get(&mut self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(value) => SnapshotVal::F32(value),
            Val::F64(value) => SnapshotVal::F64(value),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            _ => unreachable!("the library refuses modules with such globals"),
        }
    }

    async fn memory_contents(&mut self, name: &str, look: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name);
        look(memory.expect("the library exports it").data(&self.store));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wat: &str) -> Result<Vec<u8>, String> {
        snapshot(&wat::parse_str(wat).unwrap()).map_err(|SnapshotError(error)| error.to_string())
    }

    #[test]
    fn an_engine_begins_as_its_start_has_left_it() {
        let engine = "(module
            (memory 1)
            (global $calls (mut i32) (i32.const 0))
            (func $count (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
            (func (export \"_initialize\") (call $count))
            (func (export \"wizer-initialize\")
                (call $count)
                (drop (memory.grow (i32.const 1)))
                (i32.store (i32.const 70000) (i32.const 7)))
            (func (export \"calls\") (result i32) (global.get $calls))
            (func (export \"kept\") (result i32) (i32.load (i32.const 70000))))";
        let made = of(engine).unwrap();
        assert_eq!(of(engine).unwrap(), made, "the same engine gives the same bytes");
        let wasmtime = wasmtime::Engine::default();
        let module = Module::new(&wasmtime, &made).unwrap();
        assert_eq!(module.exports().len(), 2, "what has been called is gone");
        let mut store = Store::new(&wasmtime, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let mut call = |name| {
            instance.get_typed_func::<(), i32>(&mut store, name).unwrap().call(&mut store, ())
        };
        assert_eq!((call("calls").unwrap(), call("kept").unwrap()), (2, 7));
    }

    #[test]
    fn an_engine_that_asks_for_something_is_refused() {
        let asks = "(module (import \"host\" \"time\" (func $time))
            (func (export \"wizer-initialize\") (call $time)))";
        assert!(of(asks).unwrap_err().contains("host"), "{}", of(asks).unwrap_err());
        let never = of("(module)").unwrap_err();
        assert!(never.contains("wizer-initialize"), "{never}");
    }
}
