//! The contract between a guest and the host, `wit/snow.wit`, as it is kept here.
//!
//! [`types`] are its records. [`host_api`], [`waiting`], [`resumption`], [`deployment`], [`state`],
//! [`fetch`], [`sql`] and [`jobs`] are the functions that a guest may call; [`context`] is what they
//! may reach, and [`parking`] how a call waits in place. [`grants`] and [`quota`] say what each guest
//! may do and take, and [`store`] enforces the limits of a call, by the time that a [`seat`]'s
//! stopwatch shows.

pub(crate) mod context;
pub(crate) mod deployment;
mod explained;
pub(crate) mod fetch;
pub(crate) mod grants;
pub(crate) mod host_api;
mod jobs;
mod masks;
pub(crate) mod memory;
pub(crate) mod parking;
pub(crate) mod quota;
pub(crate) mod resumption;
pub(crate) mod seat;
pub(crate) mod source;
pub(crate) mod sql;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod types;
pub(crate) mod waiting;

/// The contract as text, for core modules that do not carry it themselves.
pub(crate) const WIT: &str = include_str!("../../../wit/snow.wit");
/// The interface that every engine imports.
pub(crate) const SOURCE: &str = "snow:host/source@0.1.0";
/// The interface that every guest exports.
pub(crate) const HANDLER: &str = "snow:host/handler@0.1.0";
/// The interface that a guest with `resume` exports.
pub(crate) const RESUMER: &str = "snow:host/resumer@0.1.0";
/// The interface that a guest with jobs exports.
pub(crate) const JOB_RUNNER: &str = "snow:host/job-runner@0.1.0";
