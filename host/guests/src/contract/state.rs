//! `store` of `wit/snow.wit`: what guests keep beyond a call.
//!
//! The store itself is the crate `snow-state`. [`listener`] is whom it tells: it settles the pendings
//! that wait for a change, and wakes calls whose writes are on the disk. [`buckets`] are the buckets
//! and swaps that a guest has open, and [`operations`] what it does with them, in the host's words. The
//! interfaces that guests see translate these: [`snow`] is ours, [`keyvalue`] the standard's.

pub(crate) mod buckets;
pub(crate) mod keyvalue;
pub(crate) mod listener;
pub(crate) mod operations;
mod snow;

use wasmtime::component::Linker;

use super::context::CallContext;

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    snow::add_to(linker)?;
    keyvalue::add_to(linker)
}
