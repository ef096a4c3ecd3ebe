//! `snow-host check`: loads one guest and describes it.

use std::io::{self, Write};
use std::path::Path;

use crate::{LOG_PATIENCE, compile, methods};
use snow_config::manifest::Manifest;
use snow_config::{Cache, Overrides, Settings};
use snow_core::error_chain;
use snow_guests::{Loader, Runtime, Urgency};
use snow_runtime::{Log, LogFormat};

/// Runs `snow-host check`.
pub(crate) fn check(file: &Path, cache: Option<Cache>) -> anyhow::Result<()> {
    let overrides = Overrides { cache, ..Overrides::default() };
    let Manifest { server, limits, guests, .. } = Settings::read(file, &overrides)?.manifest;
    let log = Log::start(LogFormat::Text, limits.log_lines_max, io::stderr())?;
    let runtime = Runtime::offline(limits, &guests, log.clone())?;
    // The loader logs what it compiles and caches, which is of interest only while a server starts.
    let silent = Log::start(LogFormat::Text, runtime.limits.log_lines_max, io::sink())?;
    let loader = Loader::new(&runtime, &compile::in_process(&server.cache), silent);
    let loaded = loader.and_then(|loader| loader.load(file, Urgency::Start));
    log.flush(LOG_PATIENCE);
    let guest =
        loaded.map_err(|error| anyhow::anyhow!("{}: {}", file.display(), error_chain(&error)))?;
    let exports = if guest.has_resume() {
        "handle, resume"
    } else {
        "handle (no resume: waits end without a call)"
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}: a guest named {}", file.display(), guest.name)?;
    writeln!(out, "  size     {} bytes as a component", guest.component_bytes)?;
    writeln!(out, "  exports  {exports}")?;
    let imports =
        if guest.imports.is_empty() { "nothing".to_owned() } else { guest.imports.join(", ") };
    writeln!(out, "  imports  {imports}")?;
    match guest.routes.is_empty() {
        true => writeln!(out, "  routes   none: no request will reach it")?,
        false => writeln!(out, "  routes")?,
    }
    for route in &guest.routes {
        writeln!(out, "    {}  {}", methods(&route.methods), route.pattern)?;
    }
    for conflict in guest.conflicts() {
        writeln!(out, "  warning  {conflict}")?;
    }
    Ok(())
}
