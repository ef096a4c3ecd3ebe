//! State that outlives a call: buckets of keys that a request can wait for.
//!
//! Nothing here reads a clock, and nothing reads a socket. Every operation is handed the time, in
//! milliseconds since 1970, so tests and the simulator move it as they like.
//!
//! # Buckets, keys and versions
//!
//! A [`Store`] is shared by all threads. It holds buckets by name, and a bucket holds keys in the
//! order of their bytes. What a key holds is an [`Entry`]: a value, the time at which it expires if
//! it does, and a [`Version`], a number that no other content ever has.
//!
//! ```
//! use snow_state::{Action, Condition, Outcome, Store, StoreError, StoreLimits, Write};
//!
//! let store = Store::in_memory(StoreLimits::default(), (), 1_000);
//! let set = |value: &str, only| {
//!     let action = Action::Set {
//!         key: "status".into(),
//!         value: value.as_bytes().into(),
//!         expires_ms: Some(60_000),
//!         only,
//!     };
//!     store.apply(&Write { bucket: "parcels".into(), action }, 1_000)
//! };
//!
//! assert!(matches!(set("sent", Condition::Absent), Ok(Outcome::Set(_))));
//! let entry = store.get("parcels", "status", 1_000).expect("it was set");
//!
//! // A write that is done only if nobody was faster returns the entry that won.
//! assert!(set("arrived", Condition::Version(entry.version)).is_ok());
//! let Err(StoreError::Conflict(Some(won))) = set("lost", Condition::Version(entry.version)) else {
//!     panic!("the version is another one by now");
//! };
//! assert_eq!(*won.value, *b"arrived");
//!
//! assert_eq!(store.get("parcels", "status", 60_000), None, "it has expired");
//! ```
//!
//! # Waiting for a change
//!
//! [`Store::changed`] lets a waiter wait until a key has another version than the one its caller
//! has seen. Whoever owns the store implements [`Listener`], and is told of waiters whose keys have
//! changed. A waiter is any small value that tells the owner whom to wake:
//!
//! ```
//! use std::sync::Mutex;
//!
//! use snow_state::{Action, Change, Listener, Outcome, Store, StoreError, StoreLimits};
//! use snow_state::{Watch, Write};
//!
//! #[derive(Default)]
//! struct Owner(Mutex<Vec<u32>>);
//!
//! impl Listener for Owner {
//!     type Waiter = u32;
//!     type Caller = ();
//!
//!     fn changed(&self, waiters: &[u32], change: &Change) {
//!         assert_eq!(&*change.key, "status");
//!         self.0.lock().unwrap().extend(waiters);
//!     }
//!
//!     fn done(&self, _caller: (), _result: Result<Outcome, StoreError>) {}
//!
//!     fn work_at(&self, _at_ms: u64) {}
//! }
//!
//! let store = Store::in_memory(StoreLimits::default(), Owner::default(), 0);
//! let wait = |waiter| store.changed("parcels", "status", None, waiter, 0);
//! let Ok(Watch::Waiting(_)) = wait(1) else { panic!("the key does not exist") };
//! let Ok(Watch::Waiting(left)) = wait(2) else { panic!("it still does not") };
//! store.forget(left);
//!
//! let action = Action::Increment { key: "status".into(), by: 1 };
//! store.apply(&Write { bucket: "parcels".into(), action }, 0)?;
//! assert_eq!(*store.listener().0.lock().unwrap(), [1]);
//! assert!(matches!(wait(3), Ok(Watch::Changed(Some(_)))), "the key exists by now");
//! # Ok::<(), StoreError>(())
//! ```
//!
//! # Time
//!
//! Some things are done later, by [`Store::work`]: expired entries are removed, and the waiters of a
//! popular key are woken in slices. It returns when it is to be called next, and the listener is
//! told if that becomes earlier. In a server, a thread does nothing else; in the simulator and in
//! tests, whoever moves the clock calls it.
//!
//! # On disk
//!
//! A store that is given a [`Journal`], such as a [`RedbJournal`] in a folder, keeps its data for
//! good. Reads are as quick as ever, since all data stay in memory. A write waits for the disk, so
//! a thread that must not wait [submits](Store::submit) it; `work` brings writes to the disk in
//! batches and tells the listener each result.
//!
//! # Guarantees
//!
//! - A write is done as a whole or not at all. Every limit is checked before anything changes.
//! - All that a write changes becomes visible in one step, and in the same step its keys' waiters
//!   are taken off the keys. So no change is lost between a look at a version and a wait for the
//!   next one.
//! - A waiter is told at most once, and exactly once if its key changes after the wait began and
//!   the waiter was not forgotten.
//! - An entry that has expired does not exist, for anybody, from that very millisecond on.
//! - Versions of a key grow. None is given twice, not even after a restart.
//! - No operation costs in proportion to what the store holds, or to how many wait. Locks are held
//!   for one short critical section each, and never while the listener is called.
//! - A bucket without entries and waiters takes no memory. No guest takes the room of all, and a value
//!   that was replaced is counted for as long as somebody has it.
//!
//! - On disk, nobody sees a write before it is durable, and `Ok` means that it is. A batch that the
//!   disk does not take changes nothing, and the next one is tried anew.
//!
//! # Non-guarantees
//!
//! - Values may be skipped: a waiter that is woken finds what the key holds by then.
//! - A waiter may still be told just after it was forgotten, by a thread that was about to.
//! - Entries that have expired count against the limits until `work` has removed them.
//! - Pages of keys are not a snapshot: each shows its moment.
//! - If the clock is put back, an entry may exist again that `work` has not removed yet.
//! - A write that was answered as unavailable may be found done if the process ends before the disk
//!   takes writes again.

#![forbid(unsafe_code)]

mod disk;
mod entry;
mod error;
mod limits;
mod listener;
mod shard;
mod share;
mod stats;
mod store;
#[cfg(test)]
mod testing;
mod transfer;
mod waiters;
mod write;

pub use self::disk::{Changes, DataError, Journal, JournalError, RedbJournal};
pub use self::entry::{Entry, Place, Version};
pub use self::error::{Limit, StoreError};
pub use self::limits::{StoreLimits, Usage};
pub use self::listener::Listener;
pub use self::shard::Page;
pub use self::stats::{BucketStats, Counts, DiskStats, StoreStats};
pub use self::store::{Store, Submitted, Ticket, Watch};
pub use self::transfer::{ExportPage, ImportError, ImportReason, entry_json};
pub use self::waiters::Change;
pub use self::write::{Action, Condition, Outcome, Write};
