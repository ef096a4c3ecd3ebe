//! `snow-host dev`: serves, and builds guests again as their sources change.

use std::io;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::build::{self, Interrupt};
use super::compile;
use super::run::{self, Started};
use snow_config::{Overrides, Settings};
use snow_runtime::Level;
use snow_tools::build::Stop;
use snow_tools::dev::Workshop;

/// Whoever ends it wants it to end: held requests are answered 503 at once.
const DRAIN_MS: u32 = 0;

pub(super) fn dev(guests: PathBuf, mut overrides: Overrides) -> anyhow::Result<()> {
    let shown = guests.display();
    ensure!(guests.is_dir(), "{shown} is no folder of guests: `snow-host new rust hello --in {shown}` starts one");
    ensure!(overrides.watch != Some(false), "`dev` swaps what it builds: it can't do so with --no-watch");
    // Whatever is right where it is deployed.
    overrides.watch = Some(true);
    overrides.access_log.get_or_insert(true);
    let settings = Settings::read(&guests, &overrides)?;
    let mut config = settings.into_config(guests, overrides);
    config.compile = compile::by_child(&config.server.cache);

    let stop = Stop::default();
    let interrupt = Interrupt::watch(stop.clone())?;
    let context = || format!("the sources in {} can't be watched", config.guests.display());
    let mut workshop = Workshop::open(&config, stop.clone(), io::stderr()).with_context(context)?;
    workshop.build_all();
    build::exit_if_stopped(&stop);
    let started = Started::new(&config, Some(interrupt))?;
    let Started { server, log, .. } = &started;
    if server.deployment().versions.is_empty() {
        log.host(Level::Warn, "no guest serves yet: until one does, every answer is 404");
    }
    let following = workshop.follow(server.serving()).context("the builder's thread can't be started")?;
    run::announce(server).context("standard output can't be written")?;
    let drain = server.drain();
    let ended = started.until_ended(|_| {
        let drain_ms = drain.start_within(DRAIN_MS);
        stop.stop();
        Some(drain_ms)
    });
    drop(following);
    ended
}
