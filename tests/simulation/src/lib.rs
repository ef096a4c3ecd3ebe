//! The host's workers, registry and timers in a world without sockets, threads and wasm.
//!
//! One thread runs everything, and a seed decides who acts next, so that a failure can be repeated.
//! A run is a [`simulation`]; `tests/seeds.rs` runs many. It is put together from these parts:
//!
//! - [`rng`]: random numbers that the seed decides;
//! - [`network`]: sockets in memory, and the clock;
//! - [`office`]: what workers share, put together as the server does it;
//! - [`client`]: sends requests, reads answers, and checks each of them;
//! - [`script`] and [`scripted`]: guests that do what the seed says;
//! - [`stored`]: the host's store, in memory or on a disk that fails, whose changes guests wait for;
//! - [`deployer`]: guests and manifests that change, with the host's own roster;
//! - [`ledger`] and [`versions`]: what should be, for comparison with what is.
//!
//! What the worker costs, the program `million` measures with a [`crowd`]: clients that cost
//! nothing.

pub mod client;
pub mod crowd;
pub mod deployer;
pub mod ledger;
pub mod network;
pub mod office;
pub mod rng;
pub mod script;
pub mod scripted;
pub mod simulation;
pub mod stored;
pub mod versions;
