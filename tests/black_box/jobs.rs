//! Jobs: calls of `run` on executors, by the example `executor` and the guest `works` of these
//! tests.

mod examples;
mod hostile;
mod kept;
mod killed;
mod schedules;
mod started;

use crate::harness::{Folder, Server, Setup};

/// A server with `works`, `hello`, this manifest and an admin listener. `None`: skip the test.
fn works(manifest: &str) -> Option<Server> {
    Some(setup(manifest)?.start())
}

fn setup(manifest: &str) -> Option<Setup> {
    let folder = Folder::with(&["works", "hello"])?;
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).watched())
}
