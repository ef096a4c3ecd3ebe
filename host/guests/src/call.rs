//! Calls of guests.

pub(crate) mod idle;
pub(crate) mod instance;
pub(crate) mod wasm_guests;
