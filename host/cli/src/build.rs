//! `snow-host build`: builds the sources of guests.

use std::io::Write;
use std::path::Path;

use anyhow::bail;

use crate::check::Checker;
use crate::signals::{CancelOnSignal, exit_if_cancelled};
use crate::terminal;
use snow_config::{GuestConfigs, Limits, Overrides, Settings};
use snow_core::{cut, error_chain, escape_control, escape_lines};
use snow_tools::{BuildOutcome, BuildRequest, BuildScope, BuiltGuest, Cancellation, build_guests};

/// Bytes of an error's text that are printed.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// Runs `snow-host build`. A guest that was built is loaded as a server would load it, since
/// whatever a compiler makes may be no guest. With a cache, that spares the server the compilation.
pub(crate) fn build(guests: &Path) -> anyhow::Result<()> {
    let manifest = Settings::read(guests, &Overrides::default())?.manifest;
    let cancellation = Cancellation::default();
    let _signals = CancelOnSignal::watch(cancellation.clone())?;
    let checker = Checker::new(&manifest)?;
    let check = |file: &Path| checker.load(file).map(drop);
    build_and(guests, &manifest.guests, &manifest.limits, &cancellation, check)
}

/// Builds all guests, and prints the result of each. Whether they can be served is for the caller to
/// find out.
///
/// # Errors
/// The folder can't be read, or a guest can't be built. The other guests are built all the same.
pub(crate) fn build_all(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
) -> anyhow::Result<()> {
    build_and(guests, configs, limits, cancellation, |_| Ok(()))
}

/// Builds all guests, and prints what `check` says of each file.
fn build_and(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
    check: impl Fn(&Path) -> Result<(), String>,
) -> anyhow::Result<()> {
    let mut out = terminal::err();
    let request = BuildRequest { guests, configs, build_ms_max: limits.build_ms_max, cancellation };
    let outcomes = build_guests(&request, BuildScope::All, &mut out)?;
    exit_if_cancelled(cancellation);
    let mut failed = Vec::new();
    for BuildOutcome { name, result, .. } in &outcomes {
        let shown = escape_control(name);
        let result = result.as_ref().map_err(|error| {
            format!("error: {shown} could not be built: {}", error_chain(error.as_ref()))
        });
        let checked = result.and_then(|built| match check(&built.file) {
            Ok(()) => Ok(built),
            Err(why) => {
                let file = built.file.display();
                Err(format!("error: {shown} was built, but it can't be served: {file} {why}"))
            }
        });
        match checked {
            Ok(BuiltGuest { file, bytes, changed, .. }) => {
                let (file, kilobytes) = (file.display().to_string(), bytes.div_ceil(1000));
                let file = escape_control(&file);
                match changed {
                    true => writeln!(out, "built {shown} -> {file} ({kilobytes} KB)")?,
                    false => writeln!(out, "{shown} is unchanged: {file} ({kilobytes} KB)")?,
                }
            }
            Err(error) => {
                writeln!(out, "{}", escape_lines(&cut(&error, ERROR_BYTES_MAX)))?;
                failed.push(shown);
            }
        }
    }
    if outcomes.is_empty() {
        writeln!(out, "nothing to build in {}", guests.display())?;
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
