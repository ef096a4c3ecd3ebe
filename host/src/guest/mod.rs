//! Guests: the only user of wasmtime. In the order of a guest's life:
//!
//! - [`module`]: one file becomes a compiled guest, checked against the contract;
//! - [`version`]: it serves, is tried, replaced and freed;
//! - [`deploy`]: guests become a deployment, the table of their routes;
//! - [`engine`]: how all of them are compiled, limited and preempted;
//! - [`runtime`]: what all calls share;
//! - [`grants`]: what each guest may do to pendings; [`quota`]: what it may take;
//! - [`host_api`]: what a running guest can call; [`parking`] and `waiting`: how it waits in place;
//! - [`store`]: a call's limits, in force;
//! - [`instance`]: where calls run, one or several; [`idle`]: those that wait for their next;
//! - [`call`]: one call, from its instance to its outcome;
//! - [`types`]: the contract's records as Rust sees them.

pub mod call;
pub mod deploy;
pub mod engine;
pub mod grants;
pub mod host_api;
pub mod idle;
pub mod instance;
pub mod loader;
pub mod module;
pub mod parking;
pub mod quota;
pub mod runtime;
pub mod store;
pub mod types;
pub mod version;
mod waiting;
