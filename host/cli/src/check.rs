//! `snow-host check`: loads one guest and says what it is.

use std::io::{self, Write};
use std::path::Path;

use snow_config::manifest::Manifest;
use snow_config::{Cache, Overrides, Settings};
use snow_guests::{Loader, Runtime, Urgency};
use snow_runtime::{Format, Log};
use snow_server::chain;

use super::{LOG_PATIENCE, compile, methods};

pub(super) fn check(file: &Path, cache: Option<Cache>) -> anyhow::Result<()> {
    let overrides = Overrides { cache, ..Overrides::default() };
    let Manifest { server, limits, guests, .. } = Settings::read(file, &overrides)?.manifest;
    let log = Log::start(Format::Text, limits.log_lines_max, io::stderr())?;
    let runtime = Runtime::offline(limits, &guests, log.clone())?;
    // What is compiled and kept is told to those who wait for a server.
    let silent = Log::start(Format::Text, runtime.limits.log_lines_max, io::sink())?;
    let loader = Loader::new(&runtime, &compile::in_process(&server.cache), silent);
    let loaded = loader.and_then(|loader| loader.load(file, Urgency::Start));
    log.flush(LOG_PATIENCE);
    let guest = loaded.map_err(|error| anyhow::anyhow!("{}: {}", file.display(), chain(&error.into())))?;
    let resume = if guest.has_resume() { "handle, resume" } else { "handle (no resume: waits end without a call)" };
    let mut out = io::stdout().lock();
    writeln!(out, "{}: a guest named {}", file.display(), guest.name)?;
    writeln!(out, "  size     {} bytes as a component", guest.component_bytes)?;
    writeln!(out, "  exports  {resume}")?;
    let imports = if guest.imports.is_empty() { "nothing".to_owned() } else { guest.imports.join(", ") };
    writeln!(out, "  imports  {imports}")?;
    writeln!(
        out,
        "  routes   {}",
        if guest.routes.is_empty() { "none: nothing will reach it" } else { "" }.trim_end()
    )?;
    for route in &guest.routes {
        writeln!(out, "    {}  {}", methods(&route.methods), route.pattern)?;
    }
    Ok(())
}
