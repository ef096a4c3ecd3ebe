//! `snow-host build`: builds the sources of guests.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{bail, ensure};

use crate::check::Checker;
use crate::signals::{CancelOnSignal, exit_if_cancelled};
use crate::{engines, terminal};
use snow_config::{GuestConfigs, Limits, Overrides, Settings};
use snow_core::{cut, error_chain, escape_control, escape_lines};
use snow_tools::{
    BuildOutcome, BuildRequest, BuildScope, BuiltGuest, Cancellation, MissingTool, build_guests,
};

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
    let skipped = build_and(guests, &manifest.guests, &manifest.limits, &cancellation, check)?;
    ensure!(skipped.is_empty(), "not built for want of a tool: {}", skipped.join(", "));
    engines::install_needed(guests, &cancellation)
}

/// Builds all guests, makes the engines that source files need, and prints the result of each.
/// Whether they can be served is for the caller to find out. A guest whose tools are missing is
/// passed over, and so is an engine that can't be made: both are said, with the remedy.
///
/// # Errors
/// The folder can't be read, or a guest can't be built. The other guests are built all the same.
pub(crate) fn build_all(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
) -> anyhow::Result<()> {
    build_and(guests, configs, limits, cancellation, |_| Ok(()))?;
    if let Err(error) = engines::install_needed(guests, cancellation) {
        complain(&mut terminal::err(), &error_chain(error.as_ref()))?;
    }
    Ok(())
}

/// Builds all guests, and prints what `check` says of each file. Returns the names of guests whose
/// tools are missing.
fn build_and(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
    check: impl Fn(&Path) -> Result<(), String>,
) -> anyhow::Result<Vec<String>> {
    let mut out = terminal::err();
    let request = BuildRequest { guests, configs, build_ms_max: limits.build_ms_max, cancellation };
    let outcomes = build_guests(&request, BuildScope::All, &mut out)?;
    exit_if_cancelled(cancellation);
    let (mut failed, mut unfit, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for BuildOutcome { name, result, .. } in &outcomes {
        let name = escape_control(name);
        let BuiltGuest { file, bytes, changed, .. } = match result {
            Ok(built) => built,
            Err(error) if error.is::<MissingTool>() => {
                writeln!(out, "skipped {name}: {}", escape_lines(&error.to_string()))?;
                skipped.push(name.into_owned());
                continue;
            }
            Err(error) => {
                complain(
                    &mut out,
                    &format!("{name} could not be built: {}", error_chain(error.as_ref())),
                )?;
                failed.push(name);
                continue;
            }
        };
        let shown = file.display();
        if let Err(why) = check(file) {
            complain(
                &mut out,
                &format!("{name} was built, but it can't be served: {shown} {why}"),
            )?;
            unfit.push(name);
            continue;
        }
        let (shown, kilobytes) = (shown.to_string(), bytes.div_ceil(1000));
        let shown = escape_control(&shown);
        match changed {
            true => writeln!(out, "built {name} -> {shown} ({kilobytes} KB)")?,
            false => writeln!(out, "{name} is unchanged: {shown} ({kilobytes} KB)")?,
        }
    }
    if outcomes.is_empty() {
        writeln!(out, "nothing to build in {}", guests.display())?;
    }
    let summary = [(failed, "could not be built"), (unfit, "can't be served")]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, what)| {
            format!("{} of {} guests {what}: {}", names.len(), outcomes.len(), names.join(", "))
        });
    match summary.collect::<Vec<_>>() {
        failures if failures.is_empty() => Ok(skipped),
        failures => bail!(failures.join("; ")),
    }
}

fn complain(out: &mut impl Write, error: &str) -> io::Result<()> {
    writeln!(out, "error: {}", escape_lines(&cut(error, ERROR_BYTES_MAX)))
}
