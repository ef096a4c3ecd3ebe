//! `snow-host check`: loads one guest and says what it is.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::{LOG_PATIENCE, compile, methods};
use crate::config::{Cache, Overrides};
use crate::gates::GateId;
use crate::guest::engine::{self, Ticker};
use crate::guest::grants::Permits;
use crate::guest::loader::{Loader, Urgency};
use crate::guest::runtime::{Runtime, Shared};
use crate::log::{Format, Log};
use crate::manifest::Manifest;
use crate::pending::{Registry, Waiter, WorkerId};
use crate::server::chain;
use crate::settings::Settings;
use crate::world::Post;

pub(super) fn check(file: &Path, cache: Option<Cache>) -> anyhow::Result<()> {
    struct Nobody;
    impl Post for Nobody {
        fn wake(&self, _: &[Waiter]) {}
        fn gate_opened(&self, _: WorkerId, _: GateId) {}
    }
    let overrides = Overrides { cache, ..Overrides::default() };
    let Manifest { server, limits, guests, .. } = Settings::read(file, &overrides)?.manifest;
    let log = Log::start(Format::Text, limits.log_lines_max, io::stderr())?;
    let engine = engine::engine(&limits, 1).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let runtime = Runtime::new(Shared {
        ticker: Ticker::start(&engine)?,
        engine,
        registry: Arc::new(Registry::new(limits.pendings_max, |bytes| bytes.fill(0))),
        post: Arc::new(Nobody),
        log: log.clone(),
        permits: Arc::new(Permits::new(&guests, &limits)),
        limits: Arc::new(limits),
        worker_calls_parked_max: 0,
        instances: Arc::default(),
        report: Arc::new(|_| {}),
    });
    // What is compiled and kept is told to those who wait for a server.
    let silent = Log::start(Format::Text, runtime.limits.log_lines_max, io::sink())?;
    let loader = Loader::new(&runtime, &compile::in_process(&server.cache), silent);
    let loaded = loader.and_then(|loader| loader.load(file, Urgency::Start));
    log.flush(LOG_PATIENCE);
    let guest = loaded.map_err(|error| anyhow::anyhow!("{}: {}", file.display(), chain(&error)))?;
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
