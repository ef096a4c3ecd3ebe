//! Guests.

mod call;
mod contract;
mod deploy;
mod engine;
mod load;
mod runtime;

pub use self::call::wasm_guests::WasmGuests;
pub use self::contract::grants::{Permit, Permits};
pub use self::deploy::deployment::{Conflict, Deployment, Misfit};
pub use self::deploy::share::{Share, Successor};
pub use self::deploy::version::{Trial, Version};
pub use self::engine::{Engine, EngineError, WasmtimeError};
pub use self::load::cache::{Stamp, UnusableFolder};
pub use self::load::compiler::{COMPILE_SUBCOMMAND, CompilerError, Urgency, compile_child};
pub use self::load::content_hash::ContentHash;
pub use self::load::error::LoadError;
pub use self::load::guest::Guest;
pub use self::load::loader::Loader;
pub use self::runtime::{Report, Runtime, RuntimeParts};
