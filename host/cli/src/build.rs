//! `snow-host build`: builds the sources of guests.

use std::io::{self, Write};
use std::path::Path;

use anyhow::bail;

use crate::check::Checker;
use crate::signals::{CancelOnSignal, exit_if_cancelled};
use crate::{engines, terminal};
use snow_config::{GuestConfigs, Limits, Overrides, Settings};
use snow_core::{cut, error_chain, escape_control, escape_lines};
use snow_tools::{BuildOutcome, BuildRequest, BuildScope, BuiltGuest, Cancellation, build_guests};

/// Bytes of an error's text that are printed.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// Runs `snow-host build`. A guest that was built is loaded as a server would load it, since
/// whatever a compiler makes may be no guest. With a cache, that spares the server the compilation.
pub(crate) fn build(guests: &Path) -> anyhow::Result<()> {
    let manifest = Settings::written(guests, &Overrides::default())?.manifest;
    let cancellation = Cancellation::default();
    let _signals = CancelOnSignal::watch(cancellation.clone())?;
    let checker = Checker::new(&manifest)?;
    let check = |file: &Path| checker.load(file).map(drop);
    build_and(guests, &manifest.guests, &manifest.limits, &cancellation, Missing::Fails, check)?;
    engines::install_needed(guests, &cancellation)
}

/// What becomes of a build if a guest's tool is not installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It fails.
    Fails,
    /// It goes on without the guest.
    IsLeftOut,
}

/// Builds all guests, makes the engines that source files need, and prints the result of each.
/// Whether they can be served is for the caller to find out.
///
/// # Errors
/// The folder can't be read, or a guest can't be built. The other guests are built all the same. A
/// guest whose tool is missing is an error or is left out, as `missing` says.
pub(crate) fn build_all(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
    missing: Missing,
) -> anyhow::Result<()> {
    build_and(guests, configs, limits, cancellation, missing, |_| Ok(()))?;
    match engines::install_needed(guests, cancellation) {
        // Only the guests in this language can't be served.
        Err(error) if missing == Missing::IsLeftOut => {
            Ok(complain(&mut terminal::err(), &error_chain(error.as_ref()))?)
        }
        installed => installed,
    }
}

/// Builds all guests, and prints what `check` says of each file.
fn build_and(
    guests: &Path,
    configs: &GuestConfigs,
    limits: &Limits,
    cancellation: &Cancellation,
    missing: Missing,
    check: impl Fn(&Path) -> Result<(), String>,
) -> anyhow::Result<()> {
    let mut out = terminal::err();
    let request = BuildRequest { guests, configs, build_ms_max: limits.build_ms_max, cancellation };
    let outcomes = build_guests(&request, BuildScope::All, &mut out)?;
    exit_if_cancelled(cancellation);
    let (mut failed, mut unfit) = (Vec::new(), Vec::new());
    for outcome in &outcomes {
        let BuildOutcome { name, result, .. } = outcome;
        let name = escape_control(name);
        let BuiltGuest { file, bytes, changed, .. } = match result {
            Ok(built) => built,
            Err(remedy) if missing == Missing::IsLeftOut && outcome.lacks_tool() => {
                writeln!(out, "note: {name} is left out: {}", escape_lines(&remedy.to_string()))?;
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
        failures if failures.is_empty() => Ok(()),
        failures => bail!(failures.join("; ")),
    }
}

/// Prints an error after which the program goes on.
pub(crate) fn complain(out: &mut impl Write, error: &str) -> io::Result<()> {
    writeln!(out, "error: {}", escape_lines(&cut(error, ERROR_BYTES_MAX)))
}
