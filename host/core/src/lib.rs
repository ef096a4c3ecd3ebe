//! The mechanisms under the host: storage, queues, timers, and the registry of pendings.
//!
//! Everything here is plain data and arithmetic. Nothing reads a socket, a file or a clock: callers
//! bring the time as milliseconds, and random bytes as a function. So the tests, the simulator and
//! the model checker loom run exactly the code that is shipped.
//!
//! # A worker's own tables
//!
//! A worker is one thread that serves many clients, so none of its steps may take long. The tables
//! that it owns grow in small chunks instead of copying all they hold.
//!
//! [`Slab`] gives a value a slot and returns a [`Key`]. The slot is reused later, the key is not: a
//! message that arrives after its addressee is gone finds nothing.
//!
//! ```
//! use snow_core::Slab;
//!
//! let mut clients = Slab::new();
//! let ann = clients.insert("Ann");
//! assert_eq!(clients.get(ann), Some(&"Ann"));
//!
//! clients.remove(ann);
//! let bob = clients.insert("Bob");
//! assert_eq!(bob.slot, ann.slot, "Bob got Ann's slot");
//! assert_eq!(clients.get(ann), None, "but Ann's key does not find Bob");
//! ```
//!
//! [`Fifo`] is a queue, and [`Timers`] holds deadlines. A timer carries what it is for:
//!
//! ```
//! use snow_core::Timers;
//!
//! let mut timers = Timers::new();
//! let ping = timers.set(1_000, "ping");
//! timers.set(1_500, "timeout");
//!
//! assert_eq!(timers.cancel(ping), Some("ping"));
//! assert_eq!(timers.pop_due(1_499), None, "a timer never fires early");
//! assert_eq!(timers.pop_due(1_500), Some("timeout"));
//! ```
//!
//! # Between threads
//!
//! An [`Inbox`] carries messages to a worker. Senders wake the worker only if it sleeps:
//!
//! ```
//! use snow_core::Inbox;
//!
//! let inbox = Inbox::new(|| println!("the worker is woken"));
//! inbox.send("hello");
//! assert_eq!(inbox.take(), ["hello"]);
//! assert!(inbox.fall_asleep(), "there is nothing to do: the next sender wakes the worker");
//! ```
//!
//! A [`Bell`] lets a thread sleep. A [`Pipe`] carries bytes from a future to a loop. A [`Gate`]
//! limits how many calls of a guest run at a time. One thread writes [`Counter`]s, any reads them.
//!
//! # Pendings
//!
//! A *pending* is something that will be settled once. The [`Registry`] holds all pendings of the
//! process, and is the only authority on whether one is settled. A pending is created, handed to
//! whoever will settle it as a token, armed with the suspension that waits for it, settled from any
//! thread, collected, and released:
//!
//! ```
//! use snow_core::{Key, Refusal, Registry, Waiter, WorkerId};
//!
//! # fn random(bytes: &mut [u8]) { bytes.fill(7) }
//! let registry = Registry::new(1_000, random);
//! let worker = WorkerId(0);
//! let id = registry.create(worker, None)?;
//! let token = registry.token(id).expect("the pending exists");
//!
//! let waiter = Waiter { worker, suspension: Key { slot: 5, generation: 0 } };
//! assert!(!registry.arm(id, waiter), "the pending is not settled yet");
//!
//! // Later, on any thread, whoever has the token settles the pending, and wakes the waiter. The
//! // first one wins.
//! assert_eq!(registry.settle_token(&token, "tea is ready"), Ok(Some(waiter)));
//! assert_eq!(registry.settle_token(&token, "too late"), Err(Refusal::AlreadySettled));
//!
//! // The waiter's worker reads the value and ends the pending.
//! assert_eq!(registry.collect(id), Some("tea is ready"));
//! registry.release(id);
//! assert_eq!(registry.settle_token(&token, "too late"), Err(Refusal::Unknown));
//! # Ok::<(), Refusal>(())
//! ```
//!
//! Pendings can also wait under a *key*, first in, first out over all workers:
//! [`Registry::settle_next`] settles the one that has waited longest, [`Registry::settle_all`]
//! settles all of them.
//!
//! # Bytes, text and settings
//!
//! A [`Charge`] counts bytes in two [`ByteCount`]s until it is dropped. [`Glob`] matches the
//! patterns that grant keys to guests. [`escape_control`] and [`escape_lines`] make text safe for a
//! terminal, [`cut`] and [`Bounded`] keep it short. [`error_chain`] shows an error with its causes.
//! [`declare_settings!`] declares settings that a deployer can write in `snow.toml`.
//!
//! # Guarantees
//!
//! - A pending is settled at most once, whatever its threads do: `Ok` means that this one won.
//! - A key of a [`Slab`] never finds a later value in the same slot, until the slot's 32-bit
//!   generation wraps.
//! - No message in an [`Inbox`] waits while its receiver sleeps, and no ring of a [`Bell`] is lost.
//! - No operation of a worker's own tables copies all that it holds, or allocates several chunks.
//! - Locks are held for one short critical section each. [`Registry::settle_all`] lets its lock go
//!   between batches.
//!
//! # Non-guarantees
//!
//! - A settlement that won may still never be read: its waiter's client may leave first.
//! - An [`Inbox`] and a [`Fifo`] have no limit. Each message stands for something that has one.
//! - [`Registry::len`] and all counters may be a moment old when another thread reads them.

#![forbid(unsafe_code)]

mod bell;
mod bytes;
mod counters;
pub mod declare;
mod fifo;
mod gates;
mod glob;
mod inbox;
mod pending;
mod pipe;
mod slab;
pub mod sync;
mod text;
mod timers;

pub use self::bell::{Bell, Sleep};
pub use self::bytes::{ByteCount, Charge};
pub use self::counters::{Counter, Distribution, Histogram};
pub use self::fifo::Fifo;
pub use self::gates::{Full, Gate, GateId, Gates};
pub use self::glob::{Glob, Globs};
pub use self::inbox::Inbox;
pub use self::pending::{
    Account, Entropy, Join, OWNERS_MAX, Owner, PendingId, Refusal, Registry, Waiter, WorkerId,
};
pub use self::pipe::{Ending, Pipe, Taken};
pub use self::slab::{Key, Slab, Walk};
pub use self::sync::lock;
pub use self::text::{
    Bounded, EscapeStyle, Escaped, cut, cut_owned, cut_tokens, error_chain, escape_control,
    escape_lines, is_hidden,
};
pub use self::timers::{TimerKey, Timers, due_ms};
