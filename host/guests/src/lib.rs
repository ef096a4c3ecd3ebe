//! Runs guests, which are WebAssembly components that answer HTTP requests. Only this crate uses
//! wasmtime.
//!
//! A guest is a file. This crate makes code of it, keeps each call within its limits, and replaces
//! a guest while it is in use. These are its parts, in the order in which one meets them.
//!
//! # Engine and runtime
//!
//! An [`Engine`] compiles guests, has a pool of instances, and interrupts guests that compute. A
//! [`Runtime`] is what all calls share: the engine, the registry of pendings, the limits, and what
//! each guest may do ([`Permits`]). A server puts it together from [`RuntimeParts`]; a program that
//! only looks at guests takes [`Runtime::offline`].
//!
//! # Loading
//!
//! A [`Loader`] turns a file into a [`Guest`]: a component, a core module, or either as text.
//! Compiled code is kept on disk under the [`ContentHash`] of the file, and the file's [`Stamp`]
//! with it, so that the next start compiles nothing and reads no guest's file before it serves.
//! A guest that is not found there is compiled by a child process, with limits of time and memory
//! ([`compile_child`]). A file that is not a guest is a [`LoadError`], which says what to do.
//!
//! ```
//! use snow_config::{CompileConfig, GuestConfigs, Limits};
//! use snow_guests::{LoadError, Loader, Runtime, Urgency};
//! use snow_runtime::{Log, LogFormat};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = Log::start(LogFormat::Text, &Limits::default(), std::io::stderr())?;
//! let runtime = Runtime::offline(Limits::default(), &GuestConfigs::default(), log.clone())?;
//! let loader = Loader::new(&runtime, &CompileConfig::default(), log)?;
//!
//! let guest = loader.load("../../guests/hello.wat".as_ref(), Urgency::Start)?;
//! for route in &guest.routes {
//!     // hello: GET /hello
//!     println!("{}: {} {}", guest.name, route.methods.join(","), route.pattern);
//! }
//! # assert_eq!((&*guest.name, &*guest.routes[0].pattern), ("hello", "/hello"));
//!
//! let broken = loader.load("../../tests/guests/broken/nothing.wat".as_ref(), Urgency::Start);
//! assert!(matches!(broken, Err(LoadError::MissingExport { function: "routes" })));
//! # runtime.engine.stop();
//! # Ok(())
//! # }
//! ```
//!
//! # Deploying
//!
//! A loaded guest is a [`Version`], with a [`Trial`] that its first calls decide. A [`Deployment`]
//! is all versions that serve together, and the table of their routes. It tells of each
//! [`Conflict`] between two guests. Which versions serve is decided by a
//! [`Roster`](snow_runtime::Roster). A worker gets a [`Share`] of a deployment through a
//! [`Successor`]. By a [`Report`] workers tell the deployer how trials end and what they have
//! adopted, and hand it what they do not need any more.
//!
//! # Calling
//!
//! [`WasmGuests`] runs the calls of one worker, behind the trait [`Guests`](snow_runtime::Guests),
//! which is all that the worker sees. Each call has a slot, an instance and a fiber. It ends with
//! an outcome, or as a fault; in between it may yield many times, and wait in place.
//!
//! # Jobs
//!
//! An [`Executor`] runs calls of `run` on a thread of its own, several in turns. [`Jobs`] is what
//! executors share with whoever starts jobs: the queue, the jobs that the store keeps, and
//! schedules.
//!
//! # What is guaranteed
//!
//! - A guest reaches nothing but the functions of `wit/snow.wit`: no file, no network, no
//!   environment.
//! - A guest that computes gives the loop back within about two milliseconds.
//! - The memory, running time, handles and results of each call are bounded, also while a guest is
//!   loaded.
//! - A pending that a call does not return is handed to the worker to be released, however the call
//!   ends.
//! - Code from disk is loaded only if this program wrote it for this engine, in a folder that
//!   nobody else can open.
//!
//! # What is not guaranteed
//!
//! - A time slice has no minimum: a call may be interrupted at once.
//! - One instruction that runs as native code, such as `memory.fill`, is not interrupted before it
//!   ends.
//! - Compiling without a child process ([`CompileConfig::compiler`](snow_config::CompileConfig) is
//!   `None`) has no limits.
//! - An instance that is reused keeps its memory from one call to the next, with all that the guest
//!   has left there.

mod call;
mod contract;
mod deploy;
mod engine;
mod jobs;
mod load;
mod runtime;
mod wasi;

pub use self::call::wasm_guests::WasmGuests;
pub use self::contract::grants::Permits;
pub use self::contract::sql::Notifier;
pub use self::contract::state::listener::{GuestStore, StoreListener, Writer};
pub use self::deploy::deployment::{Conflict, Deployment};
pub use self::deploy::share::{Share, Successor};
pub use self::deploy::version::{Trial, Version};
pub use self::engine::{Engine, EngineError, LOADS_MAX, WasmtimeError};
pub use self::jobs::{
    BUCKET as JOBS_BUCKET, Executor, GuestJobs, JobOutcome, JobRow, JobStats, Jobs, JobsPage,
    JobsRest, ScheduleRow,
};
pub use self::load::cache::{Stamp, UnusableFolder};
pub use self::load::cancel::CancelLoad;
pub use self::load::compiler::{COMPILE_SUBCOMMAND, CompilerError, Urgency, compile_child};
pub use self::load::content_hash::ContentHash;
pub use self::load::error::LoadError;
pub use self::load::guest::Guest;
pub use self::load::kind::{FileKind, Purpose};
pub use self::load::loader::Loader;
pub use self::load::snapshot::{SNAPSHOT_CODE, SnapshotError, snapshot};
pub use self::load::source::{SourceError, SourceLanguage};
pub use self::runtime::{InstanceCounts, Report, Runtime, RuntimeParts};
