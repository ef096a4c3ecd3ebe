//! The one file with `unsafe`: compiled code is loaded back from a file.
//!
//! wasmtime trusts such a file as it trusts itself: code in it runs with all the rights of this process, and damage is
//! found only where it shows. So what may be loaded is no path but a [`OwnCode`], which only [`crate::load::cache`] can make.

#![allow(unsafe_code)]

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::load::cache::OwnCode;

/// Loads compiled code. Costs about as much as mapping the file, whatever its size.
///
/// # Errors
/// It was not made by this version of wasmtime with the engine's settings, it is cut off, or what it asks for is above
/// the engine's limits.
pub(crate) fn load(engine: &Engine, code: &OwnCode) -> wasmtime::Result<Component> {
    // SAFETY: wasmtime asks that these bytes come from `Engine::precompile_component` unaltered, and that nobody alters
    // them while they are mapped. They do, and nobody can but this very user, since of an `OwnCode` it holds that
    // - it was opened without following a link, in a folder that was itself opened so, and stays open: its owner is this
    //   process's user, and nobody else may even look into it (`load/cache/folder.rs`, checked when it was opened);
    // - it is a plain file of this user, and not writable for others (checked when it was opened);
    // - it was written there by this program or by its own child, under a name that nobody else looks up; it got its
    //   real name, by a rename, only when it was whole, synced, closed to its writer and read-only; it is never written
    //   again: another version takes the name with another file, and this one lives on while it is mapped;
    // - its name holds a hash of the guest and of `Engine::precompile_compatibility_hash`, and of this host's version;
    //   wasmtime checks its own version and settings once more.
    // What this user does to his own files by hand is beyond that, as it is for the program itself.
    let mapped = unsafe { Component::deserialize_file(engine, code.path()) };
    mapped.or_else(|_| {
        // A file system without execution (`noexec`) lets nothing of it be mapped as code: then a copy has to do. If
        // the file itself is at fault, this says so again.
        let bytes = code.read()?;
        // SAFETY: the same bytes, under the same guarantees.
        unsafe { Component::deserialize(engine, bytes) }
    })
}
