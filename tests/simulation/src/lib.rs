//! The host's worker, registry and timers in a world without sockets, threads or guests.
//!
//! - [`rng`][]: the seed's numbers;
//! - [`office`][]: what workers share, put together as `server.rs` does it;
//! - [`crowd`][]: a world of a million clients that cost nothing, for measuring what the worker costs.

pub mod crowd;
pub mod office;
pub mod rng;
