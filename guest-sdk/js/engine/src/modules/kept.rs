//! Code of modules that were compiled when the guest was loaded, for the instances that come later.
//!
//! The host keeps it with the version of the guest, so it is that of the very texts which an instance
//! would compile itself. QuickJS does not check it. It was made by an instance of this engine for
//! this guest; JavaScript can't reach the functions by which it is kept.

use std::cell::Cell;

use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Ctx, Module};

use crate::snow::host::source;

/// Bytes of one module's code. The host ends a call that hands it more than 16 MiB at a time.
const BYTES_MAX: usize = 8 << 20;

thread_local! {
    static IS_BEING_LOADED: Cell<bool> = const { Cell::new(false) };
}

/// Notes that the guest is being loaded: nothing is kept before.
pub fn begin() {
    IS_BEING_LOADED.set(true);
}

/// Returns a module that was compiled before.
pub fn find<'js>(ctx: &Ctx<'js>, name: &str) -> Option<Module<'js, Declared>> {
    let code = source::kept(name)?;
    // SAFETY: `keep` has written it, in an instance of this engine.
    let module = unsafe { Module::load(ctx.clone(), &code) };
    // Without it the text is compiled, and what was thrown here is nobody's business.
    module.inspect_err(|_| _ = ctx.catch()).ok()
}

/// Keeps the code of a module, if the guest is being loaded.
pub fn keep<'js>(ctx: &Ctx<'js>, name: &str, module: &Module<'js, Declared>) {
    if !IS_BEING_LOADED.get() {
        return;
    }
    match module.write(WriteOptions::default()) {
        Ok(code) if code.len() <= BYTES_MAX => source::keep(name, &code),
        Ok(_) => {}
        Err(_) => _ = ctx.catch(),
    }
}
