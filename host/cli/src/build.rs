//! `snow-host build`: sources become guests.

use std::io;
use std::path::Path;
use std::process;
use std::thread;

use anyhow::{Context, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use snow_config::{GuestConfigs, Limits, Overrides, Settings};
use snow_core::error_chain;
use snow_tools::build::{BuildRequest, Built, Outcome, Scope, Stop};

/// As shells report it.
pub(super) const EXIT_INTERRUPTED: i32 = 130;

/// `snow-host build`.
pub(super) fn command(guests: &Path) -> anyhow::Result<()> {
    let settings = Settings::read(guests, &Overrides::default())?;
    let stop = Stop::default();
    let _interrupt = Interrupt::watch(stop.clone())?;
    build(guests, &settings.manifest.guests, &settings.manifest.limits, &stop)
}

/// Builds all guests, and says what became of each.
///
/// # Errors
/// The folder can't be read, or a guest can't be built; then the others are.
pub(super) fn build(guests: &Path, configs: &GuestConfigs, limits: &Limits, stop: &Stop) -> anyhow::Result<()> {
    let order = BuildRequest { guests, configs, build_ms_max: limits.build_ms_max, stop };
    let outcomes = snow_tools::build::build(&order, Scope::All, &mut io::stderr())?;
    exit_if_stopped(stop);
    let mut failed = Vec::new();
    for Outcome { name, result, .. } in &outcomes {
        match result {
            Ok(Built { file, bytes, changed, .. }) => {
                let (file, kilobytes) = (file.display(), bytes.div_ceil(1000));
                match changed {
                    true => eprintln!("built {name} -> {file} ({kilobytes} KB)"),
                    false => eprintln!("{name} is unchanged: {file} ({kilobytes} KB)"),
                }
            }
            Err(error) => {
                eprintln!("error: {name} could not be built: {}", error_chain(error.as_ref()));
                failed.push(&**name);
            }
        }
    }
    if outcomes.is_empty() {
        eprintln!("nothing to build in {}", guests.display());
    }
    if !failed.is_empty() {
        bail!("{} of {} guests could not be built: {}", failed.len(), outcomes.len(), failed.join(", "));
    }
    Ok(())
}

/// A signal ends what is being built, and then the process; until this is dropped.
pub(super) struct Interrupt(Handle);

impl Interrupt {
    pub fn watch(stop: Stop) -> anyhow::Result<Interrupt> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("signals can't be watched")?;
        let handle = signals.handle();
        thread::Builder::new().name("snow-signals".into()).spawn(move || {
            if signals.forever().next().is_some() {
                stop.stop();
                process::exit(EXIT_INTERRUPTED);
            }
        })?;
        Ok(Interrupt(handle))
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What was built, and what was not, is nothing to be told then.
pub(super) fn exit_if_stopped(stop: &Stop) {
    if stop.is_stopped() {
        process::exit(EXIT_INTERRUPTED);
    }
}
