//! WASI 0.2 (`wasi:*@0.2`), as much of it as a guest can use that has no files and no network: what
//! the standard libraries of most languages import.
//!
//! | interfaces | |
//! |---|---|
//! | `wasi:random/*` | the system's random bytes, anew in each call |
//! | `wasi:clocks/*`, `wasi:io/poll` | the time; whoever sleeps waits in place |
//! | `wasi:cli/stdout`, `stderr` | lines in the guest's log |
//! | `wasi:cli/stdin`, `terminal-*` | empty, and none |
//! | `wasi:cli/environment` | what the deployer grants |
//! | `wasi:config/store` | what the deployer says in `[guest.NAME.config]` |
//! | `wasi:cli/exit` | ends the call, as a trap does |
//! | `wasi:filesystem/*` | no directories |
//! | `wasi:sockets/*` | every attempt is denied |
//!
//! None of it blocks a worker. A guest imports any version 0.2.x of these interfaces, and of
//! `wasi:config`, which has none yet, its drafts.
//!
//! Written by hand, since `wasmtime-wasi` brings tokio, files and sockets with it, and blocks in
//! `poll`.

mod absent;
mod cli;
mod clocks;
mod config;
mod poll;
mod random;
mod streams;

use wasmtime::component::Linker;

pub(crate) use self::poll::{POLLABLES_MAX, Pollables};
pub(crate) use self::streams::Outputs;
use crate::contract::context::CallContext;

/// The version of all interfaces. The linker lets a guest import any that is compatible.
const VERSION: &str = "0.2.12";

/// The packages that this module provides something of.
const PACKAGES: [&str; 7] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:config/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// What a store keeps for WASI, from one call to the next.
#[derive(Default)]
pub(crate) struct WasiState {
    pub outputs: Outputs,
    pub pollables: Pollables,
}

/// Adds all functions to a linker.
pub(crate) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    poll::add_to(linker)?;
    streams::add_to(linker)?;
    clocks::add_to(linker)?;
    random::add_to(linker)?;
    cli::add_to(linker)?;
    config::add_to(linker)?;
    absent::add_to(linker)
}

/// Returns whether a guest may import this interface, so far as its name goes.
pub(crate) fn provides(import: &str) -> bool {
    PACKAGES.iter().any(|package| import.starts_with(package)) && import.contains("@0.2.")
}

/// Returns the name of an interface, with its version.
fn named(interface: &str) -> String {
    format!("wasi:{interface}@{VERSION}")
}
