//! `snow-host build`: builds the sources of guests.

use std::io;
use std::path::Path;

use anyhow::bail;

use crate::signals::{CancelOnSignal, exit_if_cancelled};
use snow_config::{GuestConfigs, Limits, Overrides, Settings};
use snow_core::error_chain;
use snow_tools::{BuildOutcome, BuildRequest, BuildScope, BuiltGuest, Cancellation, build_guests};

/// Runs `snow-host build`.
pub(crate) fn build(guests: &Path) -> anyhow::Result<()> {
    let settings = Settings::read(guests, &Overrides::default())?;
    let cancellation = Cancellation::default();
    let _signals = CancelOnSignal::watch(cancellation.clone())?;
    build_all(guests, &settings.manifest.guests, &settings.manifest.limits, &cancellation)
}

/// Builds all guests, and prints the result of each.
///
/// # Errors
/// The folder can't be read, or a guest can't be built. The other guests are built all the same.
pub(crate) fn build_all(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
) -> anyhow::Result<()> {
    let request = BuildRequest { guests, configs, build_ms_max: limits.build_ms_max, cancellation };
    let outcomes = build_guests(&request, BuildScope::All, &mut io::stderr())?;
    exit_if_cancelled(cancellation);
    let mut failed = Vec::new();
    for BuildOutcome { name, result, .. } in &outcomes {
        match result {
            Ok(BuiltGuest { file, bytes, changed, .. }) => {
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
        bail!(
            "{} of {} guests could not be built: {}",
            failed.len(),
            outcomes.len(),
            failed.join(", ")
        );
    }
    Ok(())
}
