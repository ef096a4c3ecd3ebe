//! Starts and stops workers, and knows everyone.

#![forbid(unsafe_code)]

mod admin;
mod deploy;
mod folder;
mod net;
mod server;

pub use self::deploy::deployer::LeftOut;
pub use self::deploy::serving::Serving;
pub use self::folder::watch::{Watch, source_contents, source_folders};
pub use self::server::{Counts, Drain, Server};
