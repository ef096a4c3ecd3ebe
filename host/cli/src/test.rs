//! `snow-host test`: runs the test cases of guests.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};

use crate::signals::CancelOnSignal;
use crate::{build, compile, terminal};
use snow_config::{Overrides, Settings, ValueOverride};
use snow_tools::{Cancellation, TestSummary, test_guests};

/// Runs `snow-host test`: builds the guests of each path if asked to, and plays their cases.
pub(crate) fn test(
    paths: &[PathBuf],
    filter: Option<&str>,
    build_first: bool,
    values: &[ValueOverride],
) -> anyhow::Result<()> {
    let cancellation = Cancellation::default();
    let _signals = CancelOnSignal::watch(cancellation.clone())?;
    let mut summary = TestSummary::default();
    for guests in paths {
        let overrides = Overrides { values: values.to_vec(), ..Overrides::default() };
        let mut config = Settings::read(guests, &overrides)?.into_config(guests.clone(), overrides);
        if build_first {
            let folder = if guests.is_dir() { Some(&**guests) } else { guests.parent() };
            let folder = folder.filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            let missing = build::Missing::Fails;
            build::build_all(
                folder,
                &config.guest_configs,
                &config.limits,
                &cancellation,
                missing,
            )?;
        }
        config.compile = compile::in_process(&config.server.cache);
        summary += test_guests(guests, &config, filter, &mut terminal::out())?;
    }
    let TestSummary { passed, failed } = summary;
    if let Some(filter) = filter.filter(|_| passed + failed == 0) {
        bail!("no case has {filter:?} in its name");
    }
    writeln!(terminal::out(), "{passed} passed, {failed} failed")?;
    ensure!(failed == 0, "{failed} of {} cases failed", passed + failed);
    Ok(())
}
