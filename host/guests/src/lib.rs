//! Guests: the only user of wasmtime. In the order of a guest's life:
//!
//! - [`loader`]: one file becomes a guest: found in the [`cache`] or compiled;
//! - [`encode`]: what the file holds becomes a component; [`compiler`]: a component becomes code, in a child process;
//!   `precompiled`: code is loaded back from its file, the one place with `unsafe`;
//! - [`module`]: a compiled component becomes a guest, checked against the contract;
//! - [`version`]: it serves, is tried, replaced and freed;
//! - [`deploy`]: guests become a deployment, the table of their routes;
//! - [`engine`]: how all of them are compiled, limited and preempted;
//! - [`runtime`]: what all calls share;
//! - [`grants`]: what each guest may do to pendings; [`quota`]: what it may take;
//! - [`context`]: what a call may reach; [`host_api`]: what a running guest can call; [`parking`] and `waiting`: how it waits in place;
//! - [`store`]: a call's limits, in force;
//! - [`instance`]: where calls run, one or several; [`idle`]: those that wait for their next;
//! - [`call`]: one call, from its instance to its outcome;
//! - [`types`]: the contract's records as Rust sees them.

mod call;
mod contract;
mod deploy;
mod engine;
mod load;
mod runtime;

pub use self::call::wasm_guests::WasmGuests;
pub use self::contract::grants::Permits;
pub use self::deploy::deployment::{Conflict, Deployment, Misfit, Share, Successor};
pub use self::deploy::version::{Trial, Verdict, Version};
pub use self::engine::{Ticker, engine};
pub use self::load::cache::{Stamp, hex};
pub use self::load::compiler::{COMPILE_SUBCOMMAND, Urgency, compile_child};
pub use self::load::guest::Guest;
pub use self::load::loader::Loader;
pub use self::runtime::{Report, Runtime, RuntimeParts};
