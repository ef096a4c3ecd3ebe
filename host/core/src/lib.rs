//! Mechanisms without I/O and without a clock.

#![forbid(unsafe_code)]

mod counters;
pub mod declare;
mod fifo;
mod gates;
mod glob;
mod inbox;
mod pending;
mod slab;
mod sync;
mod text;
mod timers;

pub use self::counters::{Counter, Distribution, Histogram};
pub use self::fifo::Fifo;
pub use self::gates::{Full, Gate, GateId, Gates};
pub use self::glob::{Glob, Globs};
pub use self::inbox::Inbox;
pub use self::pending::{Account, Entropy, Join, OWNERS_MAX, Owner, PendingId, Refusal, Registry, Waiter, WorkerId};
pub use self::slab::{Key, Slab};
pub use self::sync::lock;
pub use self::text::{error_chain, escape_control};
pub use self::timers::{TimerKey, Timers, due_ms};
