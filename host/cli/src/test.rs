//! `snow-host test`: plays the cases that lie beside guests.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};

use super::build::{self, Interrupt};
use super::compile;
use snow_config::{Overrides, Settings};
use snow_tools::build::Stop;

pub(super) fn test(guests: &[PathBuf], filter: Option<&str>, build_first: bool) -> anyhow::Result<()> {
    let stop = Stop::default();
    let _interrupt = Interrupt::watch(stop.clone())?;
    let mut summary = snow_tools::test::Summary::default();
    for guests in guests {
        let overrides = Overrides::default();
        let mut config = Settings::read(guests, &overrides)?.into_config(guests.clone(), overrides);
        if build_first {
            let folder = if guests.is_dir() { Some(&**guests) } else { guests.parent() };
            let folder = folder.filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            build::build(folder, &config.guest_configs, &config.limits, &stop)?;
        }
        config.compile = compile::in_process(&config.server.cache);
        summary += snow_tools::test::run(guests, &config, filter, &mut io::stdout())?;
    }
    let snow_tools::test::Summary { passed, failed } = summary;
    if let Some(filter) = filter.filter(|_| passed + failed == 0) {
        bail!("no case has {filter:?} in its name");
    }
    println!("{passed} passed, {failed} failed");
    ensure!(failed == 0, "{failed} of {} cases failed", passed + failed);
    Ok(())
}
