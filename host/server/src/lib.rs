//! Starts and stops workers, and knows everyone.

#![forbid(unsafe_code)]

mod admin;
mod guests_folder;
mod net;
mod server;
mod settling;
pub mod watch;

pub use self::admin::plain;
pub use self::server::{Counts, Drain, Rejected, Server, Serving, chain};
pub use self::watch::Watch;
