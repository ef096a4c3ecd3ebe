//! The seam between a worker's loop and the guests that it serves.
//!
//! A worker knows neither wasmtime nor mio. It talks to two traits and a few plain values, and this
//! crate is where they are. So a simulator can drive the very same loop with a seed instead of
//! sockets, and with scripted guests instead of compiled ones. In the order in which a request
//! meets them:
//!
//! 1. [`World`] is everything around a worker: sockets, a clock, randomness. A worker waits in
//!    [`World::wait`] and is told what is [`Ready`]. The [`Clock`] of a server's worlds is that of
//!    its store and its guests too, and a test can move it.
//! 2. [`Router`] maps a method and a path to a guest's route, with the captures of the route's
//!    pattern. [`CompiledRoutes`] checks and compiles the routes of one guest while it is loaded,
//!    so that a wrong pattern is that guest's error and not the table's.
//!    A [`Roster`] decides which guests' routes are in the table.
//! 3. [`Guests`] runs guests. A worker starts a [`Call`] in a [`Slot`] and gives it time slices;
//!    after each one, [`Ran`] tells whether the call has ended, computes, or waits in place.
//! 4. [`Outcome`] is what a call hands over when it ends: a response, or a [`Suspend`] that lists
//!    pendings as [`Handle`]s. What settled them comes back to the guest as [`Arrival`]s.
//! 5. [`Post`] tells a worker, from any thread, that its suspensions are settled.
//! 6. [`Log`] takes the lines that all of this writes, and never makes a worker wait.
//!
//! # Routes
//!
//! All routes of a deployment are one table, and the first entry that has the path and the method
//! wins:
//!
//! ```
//! use snow_runtime::{Match, Route, RouteEntry, RouteId, Router, VersionId};
//!
//! let entry = |route, methods: &[&str], pattern: &str| RouteEntry {
//!     version: VersionId(0),
//!     route: RouteId(route),
//!     declared: Route {
//!         methods: methods.iter().map(|method| method.to_string()).collect(),
//!         pattern: pattern.into(),
//!     },
//!     mount: "/shop".into(),
//! };
//! let router = Router::new(vec![
//!     entry(0, &["GET"], "/items/(?P<id>[0-9]+)"),
//!     entry(1, &["POST"], "/items/.*"),
//! ])?;
//!
//! let found = router.find("GET", "/shop/items/7");
//! let Match::Found { entry, params } = found else { panic!("{found:?}") };
//! assert_eq!(router.entry(entry).unwrap().route, RouteId(0));
//! assert_eq!((params[0].name.as_deref(), &*params[0].value), (Some("id"), "7"));
//!
//! let allow = "GET, HEAD, POST, OPTIONS".to_owned();
//! assert_eq!(router.find("PUT", "/shop/items/7"), Match::MethodNotAllowed { allow });
//! assert_eq!(router.find("GET", "/items/7"), Match::NotFound, "not below the mount prefix");
//! # Ok::<(), snow_runtime::RouteError>(())
//! ```
//!
//! # The log
//!
//! Lines go through a queue, bounded in lines and in bytes, to a thread that formats and writes them:
//!
//! ```
//! use std::time::Duration;
//!
//! use snow_config::Limits;
//! use snow_runtime::{Level, Log, LogFormat};
//!
//! # fn main() -> std::io::Result<()> {
//! let log = Log::start(LogFormat::Text, &Limits::default(), std::io::stderr())?;
//! log.host(Level::Info, "listening on 127.0.0.1:8080");
//! log.flush(Duration::from_secs(1));
//! assert_eq!(log.dropped(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! # What is guaranteed, and what is not
//!
//! - A guest never touches a connection. Everything that it can do to a request is in [`Outcome`],
//!   or is an operation on the registry of pendings.
//! - [`Router::find`] takes time linear in the length of the path, by a factor that is known before
//!   anything is served ([`Router::check_cost`]) and does not depend on the path: every state that
//!   a search may reach is made when the router is built. The number of routes hardly matters.
//! - [`Log`] never blocks on a terminal or a disk. It does **not** promise that each line is
//!   written: lines beyond the queue's limits are dropped, counted and reported. Lines of one thread
//!   keep their order.
//! - No text of a guest or a client can forge a line of the log or move a terminal's cursor.
//! - Dropping a [`Handle`] does **not** release its pending: handles are plain values, and whoever
//!   owns one releases it.
//! - The ids here ([`VersionId`], [`RouteId`], [`Slot`]) are reused once what they name is gone.
//!   Each type's page tells for how long an id is valid.

#![forbid(unsafe_code)]

mod clock;
mod databases;
mod guests;
mod log;
mod outcome;
mod outside;
mod roster;
mod router;
mod world;

pub use self::clock::{Clock, StoppedClock};
pub use self::databases::{
    Database, Databases, ListenDone, Listening, Notify, SqlAnswer, SqlDone, SqlError, SqlListen,
    SqlRows, SqlStatement, SqlValue, SqlWork,
};
pub use self::guests::{
    Adopted, Call, CallEnd, CallEntry, CallFault, GuestRequest, Guests, PastWait, Post, Ran, Share,
    Slot, Wait,
};
pub use self::log::{Access, Level, Log, LogFormat};
pub use self::outcome::{
    Arrival, Cause, Handle, Join, OperationId, Outcome, Settled, Settlement, Source, Suspend,
};
pub use self::outside::{
    Delivery, Fetch, FetchAnswer, FetchCode, FetchDone, FetchFailure, FetchOptions, KeepAnswer,
    Nowhere, Outside, OutsideRest, Relayed,
};
pub use self::roster::{Deployable, Misfit, Mounts, Published, Roster};
pub use self::router::{
    CompiledRoutes, Match, MountedRoutes, Param, Route, RouteEntry, RouteError, RouteId, Router,
    Shadowed, VersionId,
};
pub use self::world::{Ready, World};
