//! Starts and stops workers, and knows everyone.

#![forbid(unsafe_code)]

mod admin;
mod debounce;
mod guests_folder;
mod net;
mod server;
pub mod watch;

pub use self::server::{Counts, Drain, LeftOut, Server, Serving};
pub use self::watch::Watch;
