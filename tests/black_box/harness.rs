//! What every test needs: a server, a client that trusts nothing, and guests to serve.
//!
//! A server writes its log on a thread of its own, learns of a client's leaving in its own time,
//! and deploys to one worker after the other. So a test never reads what a server has said "by
//! now". It waits for a sign:
//!
//! | to know that | wait with |
//! |---|---|
//! | something was said or logged | [`Lines::until`], [`Lines::find`] |
//! | something was *not* logged | [`Server::log_by_now`], or [`Lines::to_end`] once the server has ended |
//! | requests are held | [`Server::wait_for_waiting`], [`Admin::wait_until_held`] |
//! | something is counted | [`eventually`], with [`Admin::metric`] |
//! | every worker serves what was deployed | [`Server::everywhere`] |
//!
//! Silence is no sign: [`Client::is_silent`] shows that nothing came too early, never that
//! something was done.

mod admin;
mod cases;
mod client;
mod costs;
mod databases;
mod engines;
mod guests;
mod lines;
mod load;
mod program;
mod server;
mod upstream;

pub use admin::Admin;
pub use cases::Played;
pub use client::{Client, Response};
pub use costs::{open_files_max, user_memory_bytes};
pub use databases::DatabaseServer;
pub use engines::{Stage, command as command_with};
pub use guests::{Folder, can, engine, source};
pub use lines::Lines;
pub use load::Load;
pub use program::{keep_in_target, program, run, run_to_refusal, workspace};
pub use server::{Server, Setup, serve};
pub use upstream::Upstream;

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: machines that run tests are slow
/// and noisy, and a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How long a test looks at something that must not happen. Never how long it waits for something
/// that must.
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
