//! Loads compiled code back from a file. The only file with `unsafe`.
//!
//! wasmtime trusts such a file as it trusts itself: code in it runs with all the rights of this
//! process, and it does not notice most damage. So code is not loaded by its path, but as an
//! [`OwnCode`], which only [`super::cache`] can make, and only if it has the hash that it was written
//! with.

#![allow(unsafe_code)]

use std::io;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::OwnCode;
use crate::engine::WasmtimeError;

/// Why compiled code is not loaded. The text continues a sentence that begins with the code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unloadable {
    /// The file does not hold what the compiler wrote.
    #[error("is damaged: it is not what the compiler wrote")]
    Damaged,
    /// The file can't be read.
    #[error("can't be read")]
    Unreadable(#[from] io::Error),
    /// The code was not made by this version of wasmtime with the engine's settings, or it asks for
    /// more than the engine's limits allow.
    #[error("does not fit the engine")]
    Refused(#[source] WasmtimeError),
}

/// Loads compiled code, if its hash is the one that it had when it was compiled. Costs about as much
/// as to read the file once.
pub(crate) fn load(engine: &Engine, code: &OwnCode) -> Result<Component, Unloadable> {
    if !code.is_intact()? {
        return Err(Unloadable::Damaged);
    }
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
    // - The file held, a moment ago, exactly what the compiler had in its memory: its hash was
    //   compared. So a disk, or a crash of the system, that alters the file is noticed.
    // - The file's name holds a hash of the guest, and one of
    //   `Engine::precompile_compatibility_hash` and of this host's version. wasmtime checks its own
    //   version and settings once more. What this user does to these files by hand is outside of
    //   this promise, as it is for the program's own file.
    let mapped = unsafe { Component::deserialize_file(engine, code.path()) };
    let mapped = mapped.or_else(|_| {
        // On a file system that forbids execution (`noexec`) nothing can be mapped as code, so a
        // copy is loaded. If the file itself is at fault, this fails with the same error.
        let bytes = code.read()?;
        // SAFETY: the same bytes, under the same guarantees.
        unsafe { Component::deserialize(engine, bytes) }
    });
    mapped.map_err(|error| Unloadable::Refused(error.into()))
}
