//! Calling: [`wasm_guests`] are all calls of one worker, each in a [`slot`], and the [`versions`]
//! that they need. [`run`] is one call, from its [`instance`] to its outcome. Instances that are
//! kept for another call are [`idle`].

mod idle;
mod instance;
mod run;
mod slot;
mod versions;
pub(crate) mod wasm_guests;
