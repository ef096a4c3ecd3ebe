//! Starts and stops workers, and keeps what serves in step with the guests folder.

#![forbid(unsafe_code)]

mod admin;
mod deploy;
mod folder;
mod net;
mod server;
mod workers;

pub use self::deploy::{LeftOut, Serving};
pub use self::folder::watch::{Watch, source_contents, source_folders};
pub use self::server::{Counts, Drain, Server};
