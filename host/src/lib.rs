//! snow-host: HTTP handlers in WebAssembly, and requests that wait without holding an instance.
//!
//! The map, in the order in which a request flows. Lower rooms know nothing of higher ones; the reasons are
//! in ARCHITECTURE.md.
//!
//! Values, without I/O or a clock:
//! - [`http`][]: heads, framing, encoding, refusals;
//! - [`declare`][]: how a setting is declared, each in one place;
//! - [`limits`] and [`config`]: every limit, its default and its unit;
//! - [`manifest`][]: what a deployer writes in `snow.toml`, and [`glob`][], the patterns in it;
//! - [`request_id`][]: what names a request;
//! - [`outcome`][]: what a guest can do to a request.
//!
//! Mechanisms, which are handed the clock and randomness:
//! - [`connection`][]: one client's bytes;
//! - [`exchange`][]: one request and its response;
//! - [`router`][]: pattern -> guest, route, captures;
//! - [`pending`][]: the one authority on who waits and who settled;
//! - [`timers`][]: deadlines;
//! - [`settling`][]: when a changed guests folder may be acted on;
//! - [`gates`][]: how many calls of one guest run at one time, on all threads;
//! - [`slab`][], [`fifo`], [`inbox`] and [`sync`]: where things lie and queue, how threads tell each other, and what they
//!   share by;
//! - [`counters`][]: what one thread counts for others to read.
//!
//! The world:
//! - [`world`][]: what a worker needs of it;
//! - [`net`][]: sockets, by mio;
//! - [`guest`][]: guests, by wasmtime;
//! - [`guests_folder`][]: what lies in the guests folder; [`watch`][]: that it has changed, by notify;
//! - [`settings`][]: the settings in force, from the manifest's file and the command line;
//! - [`log`], [`build_guests`], [`new_guest`].
//!
//! The places that know everyone:
//! - [`worker`][]: the loop of one thread;
//! - [`admin`][]: what the host tells about itself, by one more worker;
//! - [`server`][]: starts and stops workers;
//! - [`dev`][]: builds guests again as their sources change;
//! - [`guest_test`][]: plays the cases that lie beside guests;
//! - [`cli`][]: the command line.

pub mod admin;
pub mod build_guests;
pub mod cli;
pub mod config;
pub mod connection;
pub mod counters;
pub mod declare;
pub mod dev;
pub mod exchange;
pub mod fifo;
pub mod gates;
pub mod glob;
pub mod guest;
pub mod guest_test;
pub mod guests_folder;
pub mod http;
pub mod inbox;
pub mod limits;
pub mod log;
pub mod manifest;
pub mod net;
pub mod new_guest;
pub mod outcome;
pub mod pending;
pub mod request_id;
pub mod router;
pub mod server;
pub mod settings;
pub mod settling;
pub mod slab;
pub mod sync;
pub mod timers;
pub mod watch;
pub mod worker;
pub mod world;
