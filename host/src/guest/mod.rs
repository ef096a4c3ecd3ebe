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

pub mod cache;
pub mod call;
pub mod compiler;
pub mod context;
pub mod deploy;
pub mod encode;
pub mod engine;
pub mod grants;
pub mod host_api;
pub mod idle;
pub mod instance;
pub mod loader;
pub mod module;
pub mod parking;
mod precompiled;
pub mod quota;
pub mod runtime;
pub mod store;
pub mod types;
pub mod version;
mod waiting;
