//! What every test needs: a server, a client that trusts nothing, and guests to serve.

mod client;
mod guests;
mod lines;
mod load;
mod program;
mod server;

pub use client::Client;
pub use guests::{Folder, source};
pub use load::Load;
pub use program::{keep_in_target, program, run, workspace};
pub use server::{Server, Setup, serve};

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: machines that run tests are slow and noisy,
/// and a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How long a test looks at something that must not happen.
pub const A_MOMENT: Duration = Duration::from_millis(150);

/// Asks again and again until `done` says something. For what the host tells only those who ask.
#[track_caller]
pub fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < until, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
