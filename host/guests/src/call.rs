//! Calling: [`wasm_guests`] are all calls of one worker, each in a [`slot`], and the [`versions`]
//! that they need. [`run`] is one call, from its [`instance`] to its outcome. Instances that are
//! kept for another call are [`idle`]. An [`attempt`] is a call for a job, on another thread.

pub(crate) mod attempt;
mod idle;
mod instance;
mod run;
mod slot;
mod versions;
pub(crate) mod wasm_guests;
