//! `snow-host dev`: serves guests, and builds them again as their sources change.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::run::{RunningServer, announce};
use crate::signals::{CancelOnSignal, exit_if_cancelled};
use crate::{build, compile, engines, terminal};
use snow_config::{Overrides, Settings};
use snow_core::error_chain;
use snow_runtime::Level;
use snow_tools::{Cancellation, Rebuilder};

/// The time for draining: none. A developer who ends it does not want to wait, so held requests are
/// answered with 503 at once.
const DRAIN_MS: u32 = 0;

/// Runs `snow-host dev`.
pub(crate) fn dev(guests: PathBuf, mut overrides: Overrides) -> anyhow::Result<()> {
    let shown = guests.display();
    ensure!(
        guests.is_dir(),
        "{shown} is not a folder: `snow-host new rust hello --in {shown}` makes one with a guest"
    );
    ensure!(
        overrides.watch != Some(false),
        "`dev` swaps the guests that it builds, so it can't run with --no-watch"
    );
    // As these are even if snow.toml, which is written for deployment, says otherwise.
    overrides.watch = Some(true);
    overrides.never_roll_back = true;
    overrides.reads_dotenv = true;
    overrides.access_log.get_or_insert(true);
    let settings = Settings::read(&guests, &overrides)?;
    let mut config = settings.into_config(guests, overrides);
    config.compile = compile::in_child(&config.server.cache);

    let cancellation = Cancellation::default();
    let signals = CancelOnSignal::watch(cancellation.clone())?;
    let context = || format!("can't watch the sources in {}", config.guests.display());
    let mut rebuilder =
        Rebuilder::open(&config, cancellation.clone(), terminal::err()).with_context(context)?;
    rebuilder.build_all();
    exit_if_cancelled(&cancellation);
    if let Err(error) = engines::install_needed(&config.guests, &cancellation) {
        build::complain(&mut terminal::err(), &error_chain(error.as_ref()))?;
    }
    let running = RunningServer::start(&config, signals.into())?;
    let RunningServer { server, log, .. } = &running;
    if server.deployment().versions.is_empty() {
        log.host(Level::Warn, "no guest is served yet: until one is, every answer is 404");
    }
    let rebuilding =
        rebuilder.start(server.serving()).context("can't start the thread that builds")?;
    let engines =
        engines::watch_needed(&config.guests, cancellation.clone()).with_context(context)?;
    announce(server, log)?;
    let drain = server.drain();
    let ended = running.wait(|_| {
        let drain_ms = drain.start_within(DRAIN_MS);
        cancellation.cancel();
        Some(drain_ms)
    });
    drop((rebuilding, engines));
    ended
}
