//! `snow-host check`: loads one guest and describes it.

use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;

use crate::{LOG_PATIENCE, compile, methods, terminal};
use snow_config::manifest::Manifest;
use snow_config::{Cache, Overrides, Schedule, Settings};
use snow_core::{error_chain, escape_control};
use snow_guests::{Guest, Loader, Runtime, Urgency};
use snow_runtime::{Log, LogFormat};

/// Runs `snow-host check`.
pub(crate) fn check(file: &Path, cache: Option<Cache>) -> anyhow::Result<()> {
    let overrides = Overrides { cache, ..Overrides::default() };
    let manifest = Settings::written(file, &overrides)?.manifest;
    let guest = Checker::new(&manifest)?.load(file);
    let guest = guest.map_err(|error| anyhow!("{}: {error}", file.display()))?;
    let exports = match (guest.has_resume(), guest.has_run()) {
        (true, true) => "handle, resume, run",
        (true, false) => "handle, resume",
        (false, true) => "handle, run (no resume: waits end without a call)",
        (false, false) => "handle (no resume: waits end without a call)",
    };
    let mut out = terminal::out();
    let shown = file.display().to_string();
    let (shown, name) = (escape_control(&shown), escape_control(&guest.name));
    writeln!(out, "{shown}: a guest named {name}")?;
    writeln!(out, "  size     {} bytes as a component", guest.component_bytes)?;
    writeln!(out, "  exports  {exports}")?;
    let imports =
        if guest.imports.is_empty() { "nothing".to_owned() } else { guest.imports.join(", ") };
    writeln!(out, "  imports  {}", escape_control(&imports))?;
    match guest.routes.is_empty() {
        true => writeln!(out, "  routes   none: no request will reach it")?,
        false => writeln!(out, "  routes")?,
    }
    for route in &guest.routes {
        writeln!(out, "    {}  {}", methods(&route.methods), escape_control(&route.pattern))?;
    }
    let schedules = manifest.guests.get(&*guest.name).and_then(|own| own.schedule.as_ref());
    for Schedule { job, times, .. } in schedules.into_iter().flatten() {
        writeln!(
            out,
            "  schedule {}  {}",
            escape_control(job),
            escape_control(&times.to_string())
        )?;
    }
    if schedules.is_some_and(|schedules| !schedules.is_empty()) && !guest.has_run() {
        writeln!(out, "  warning  it has schedules, but no jobs: it does not export run")?;
    }
    for conflict in guest.conflicts() {
        writeln!(out, "  warning  {conflict}")?;
    }
    Ok(())
}

/// Loads guests as a server would, to see whether it could serve them.
pub(crate) struct Checker {
    loader: Loader,
    /// Takes the lines that guests write while they are loaded.
    log: Log,
}

impl Checker {
    /// Makes a checker with the limits and the cache of a manifest.
    pub fn new(manifest: &Manifest) -> anyhow::Result<Checker> {
        let Manifest { server, limits, guests, .. } = manifest;
        let log = Log::start(LogFormat::Text, limits, io::stderr())?;
        let runtime = Runtime::offline(limits.clone(), guests, log.clone())?;
        // The loader logs what it compiles and caches, which is of interest only while a server
        // starts.
        let silent = Log::start(LogFormat::Text, limits, io::sink())?;
        let loader = Loader::new(&runtime, &compile::in_process(&server.cache), silent)?;
        Ok(Checker { loader, log })
    }

    /// Loads the guest in a file.
    ///
    /// # Errors
    /// It can't be served. The text says why, and continues a sentence that begins with the file.
    pub fn load(&self, file: &Path) -> Result<Guest, String> {
        let loaded = self.loader.load(file, Urgency::Start);
        self.log.flush(LOG_PATIENCE);
        loaded.map_err(|error| error_chain(&error))
    }
}
