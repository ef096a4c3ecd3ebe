//! The host's worker, registry and timers in a world without sockets, threads or guests.
//!
//! One thread runs everything, and a seed decides who acts next:
//! - [`rng`][]: the seed's numbers;
//! - [`office`][]: what workers share, put together as `server.rs` does it;
//! - [`network`][]: sockets in memory, and the clock;
//! - [`script`] and [`scripted`]: guests without wasm;
//! - [`client`][]: who sends requests and reads answers;
//! - [`ledger`][]: what should be; [`versions`][]: which versions of the guest are needed;
//! - [`simulation`][]: one run.
//!
//! For measuring what the worker costs there is [`crowd`][]: a million clients that cost nothing.

pub mod client;
pub mod crowd;
pub mod ledger;
pub mod network;
pub mod office;
pub mod rng;
pub mod script;
pub mod scripted;
pub mod simulation;
pub mod versions;
