//! Loads compiled code back from a file. The only file with `unsafe`.
//!
//! wasmtime trusts such a file as it trusts itself: code in it runs with all the rights of this
//! process, and most damage is not noticed. So code is not loaded by its path, but as an
//! [`OwnCode`], which only [`super::cache`] can make.

#![allow(unsafe_code)]

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::OwnCode;

/// Loads compiled code. Costs about as much as mapping the file, whatever its size.
///
/// # Errors
/// The code was not made by this version of wasmtime with the engine's settings, the file is cut
/// off, or the code asks for more than the engine's limits allow.
pub(crate) fn load(engine: &Engine, code: &OwnCode) -> wasmtime::Result<Component> {
    // SAFETY: wasmtime asks that these bytes come from `Engine::precompile_component` unaltered,
    // and that nobody alters them while they are mapped. They do come from there, and nobody but
    // this user can alter them, because of an `OwnCode` the following holds:
    // - The file was opened without following a link, in a folder that was itself opened without
    //   following a link and stays open. The folder belongs to this process's user, and nobody else
    //   may even look into it. This was checked when the folder was opened (`cache/folder.rs`).
    // - The file is a plain file that belongs to this user and that others can't write. This was
    //   checked when the file was opened.
    // - The file was written by this program or by its child process, under a name that nobody else
    //   looks up. It got its real name, by a rename, only when it was complete, synced, read-only,
    //   and its writer was done. It is never written again: a new version takes the name with a new
    //   file, and this one stays while it is mapped.
    // - The file's name holds a hash of the guest, and one of
    //   `Engine::precompile_compatibility_hash` and of this host's version. wasmtime checks its own
    //   version and settings once more. What this user does to these files by hand is outside of
    //   this promise, as it is for the program's own file.
    let mapped = unsafe { Component::deserialize_file(engine, code.path()) };
    mapped.or_else(|_| {
        // On a file system that forbids execution (`noexec`) nothing can be mapped as code, so a
        // copy is loaded. If the file itself is at fault, this fails with the same error.
        let bytes = code.read()?;
        // SAFETY: the same bytes, under the same guarantees.
        unsafe { Component::deserialize(engine, bytes) }
    })
}
