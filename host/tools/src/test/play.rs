//! Plays a case on a new server.

mod databases;
mod render;
mod save;
mod stage;
mod store;
mod upstream;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use self::databases::CaseDatabases;
use self::render::render_config;
use self::stage::CaseLog;
pub(super) use self::stage::Stage;
use self::upstream::Script;
use super::cases::{Action, Case, ExpectedWaiters, Save};
use super::compare::{self, Wanted};
use super::saved::{Renderer, Saved};
use crate::client::{ClientError, Endpoint, Request, SentRequest};
use snow_runtime::Log;
use snow_server::Server;

/// The longest time until a request is held, or until a client's leaving is noticed.
const HOLD_WITHIN: Duration = Duration::from_millis(5_000);
/// The longest time until a changed config is in force.
const CONFIG_WITHIN: Duration = Duration::from_millis(5_000);
/// The pause between two looks at what the server holds.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// The longest time that the last log lines may take.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// The reason why a case failed.
#[derive(Debug)]
pub(super) enum CaseFailure {
    /// The guest, or one that it is tested with, can't be loaded.
    NotLoaded(String),
    /// A step, by its index, did not go as expected.
    Step { index: usize, took: Duration, what: String, log: String },
}

impl Stage<'_> {
    /// Plays a case from its first step to its last, or to the first that fails. Returns the time
    /// of all steps.
    pub fn play(&self, case: &Case) -> Result<Duration, CaseFailure> {
        let case_log = CaseLog::default();
        // Their files are removed after the server has ended.
        let databases = CaseDatabases::default();
        let started = self.start(case, &databases, &case_log);
        let Started { server, log, script } =
            started.map_err(|error| CaseFailure::NotLoaded(format!("{error:#}")))?;
        let started = Instant::now();
        let endpoint = Endpoint::Tcp(server.addresses()[0]);
        let (held, saved) = (BTreeMap::new(), Saved::default());
        let guest = self.name.as_str();
        let script = &*script;
        let mut player = Player { server: &server, guest, endpoint, held, saved, script };
        let failed = case.steps.iter().enumerate().find_map(|(index, step)| {
            let error = player.play(&step.action).err().map(|error| format!("{error:#}"));
            // What a guest asked in vain is usually the reason for what it answers.
            let faults = script.take_faults().into_iter().chain(error).collect::<Vec<_>>();
            (!faults.is_empty()).then(|| (index, faults.join("\n")))
        });
        let took = started.elapsed();
        drop(player);
        server.drain().start();
        let ended = server.join();
        log.flush(LOG_PATIENCE);
        match (failed, ended) {
            (Some((index, what)), _) => {
                Err(CaseFailure::Step { index, took, what, log: case_log.text() })
            }
            (None, Err(error)) => {
                let what = format!("the server failed: {error:#}");
                let index = case.steps.len().saturating_sub(1);
                Err(CaseFailure::Step { index, took, what, log: case_log.text() })
            }
            (None, Ok(())) => Ok(took),
        }
    }
}

/// The server of a case, and who answers in the place of others.
struct Started {
    server: Server,
    log: Log,
    script: Arc<Script>,
}

impl Stage<'_> {
    fn start(
        &self,
        case: &Case,
        databases: &CaseDatabases,
        lines: &CaseLog,
    ) -> anyhow::Result<Started> {
        let config = render_config(&case.config, &mut Renderer::new(&Saved::default()))?;
        let script = Arc::new(Script::new(&case.upstreams, self.upstreams)?);
        let (server, log) = self.start_server(config, &script, databases, lines.clone())?;
        Ok(Started { server, log, script })
    }
}

/// A case that is being played.
struct Player<'p> {
    server: &'p Server,
    /// The name of the guest under test.
    guest: &'p str,
    endpoint: Endpoint,
    /// The held requests, by their labels.
    held: BTreeMap<String, SentRequest>,
    saved: Saved,
    script: &'p Script,
}

impl Player<'_> {
    fn play(&mut self, action: &Action) -> anyhow::Result<()> {
        let mut renderer = Renderer::new(&self.saved);
        match action {
            Action::Request { request, expect, save } => {
                let (request, wanted) =
                    (request.render(&mut renderer)?, expect.render(&mut renderer)?);
                let until = Instant::now() + wanted.within;
                self.check(SentRequest::send(&self.endpoint, &request, until), &wanted, until, save)
            }
            Action::Hold { label, request } => {
                let request = request.render(&mut renderer)?;
                self.hold(label, &request)
            }
            Action::Answer { label, expect, save } => {
                let wanted = expect.render(&mut renderer)?;
                let sent = self.held.remove(label).context("it is not held")?;
                self.check(Ok(sent), &wanted, Instant::now() + wanted.within, save)
            }
            Action::Settle { key, all, settlement, expect } => {
                let (key, settlement) = (renderer.text(key)?, settlement.render(&mut renderer)?);
                let settled = match all {
                    true => self.server.settle_all(&key, settlement),
                    false => u32::from(self.server.settle_next(&key, settlement)),
                };
                expect.check(settled)
            }
            Action::Disconnect { label } => self.disconnect(label),
            Action::Advance { by, within } => Ok(self.server.advance(*by, *within)?),
            Action::SetConfig(config) => {
                let config = render_config(config, &mut renderer)?;
                if !self.server.configure(self.guest, config, CONFIG_WITHIN) {
                    bail!("the config was not in force within {} ms", CONFIG_WITHIN.as_millis());
                }
                Ok(())
            }
            Action::SetStore(writes) => store::write(self.server, writes, &self.saved),
            Action::ExpectStore(entries) => store::check(self.server, entries, &self.saved),
            Action::ExpectAsked { index } => self.script.check_asked(*index),
        }
    }

    /// Waits for an answer, compares it with the expected one, and saves what later steps need.
    fn check(
        &mut self,
        sent: Result<SentRequest, ClientError>,
        wanted: &Wanted,
        until: Instant,
        save: &[Save],
    ) -> anyhow::Result<()> {
        let answer = match sent.and_then(|sent| sent.response(until)) {
            Err(ClientError::TimedOut) => {
                bail!("there was no answer within {} ms (`within_ms`)", wanted.within.as_millis())
            }
            answer => answer?,
        };
        match compare::differences(wanted, &answer) {
            differences if differences.is_empty() => {
                save.iter().try_for_each(|save| save.take(&answer, &mut self.saved))
            }
            differences => bail!(differences),
        }
    }

    /// Sends a request, and waits until the server holds it.
    fn hold(&mut self, label: &str, request: &Request) -> anyhow::Result<()> {
        let until = Instant::now() + HOLD_WITHIN;
        let sent = SentRequest::send(&self.endpoint, request, until)?;
        self.held.insert(label.to_owned(), sent);
        let mut looks = 0;
        // Two looks in a row must agree. The server counts at the end of a turn: at the first look,
        // another request that was answered in this turn may still be in the count.
        while looks < 2 {
            if !self.held[label].is_silent()? {
                let answer = self.held.remove(label).context("it is not held")?.response(until)?;
                bail!(
                    "expected the request to be held, but it was answered: {}",
                    compare::summary(&answer)
                );
            }
            looks =
                if self.server.counts().suspended >= self.unanswered()? { looks + 1 } else { 0 };
            if Instant::now() > until {
                bail!(
                    "the request was neither held nor answered within {} ms",
                    HOLD_WITHIN.as_millis()
                );
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Closes the connection of a held request, and waits until the server has noticed.
    fn disconnect(&mut self, label: &str) -> anyhow::Result<()> {
        let until = Instant::now() + HOLD_WITHIN;
        drop(self.held.remove(label));
        while self.server.counts().suspended > self.unanswered()? {
            if Instant::now() > until {
                bail!(
                    "the server did not notice within {} ms that the client left",
                    HOLD_WITHIN.as_millis()
                );
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Returns how many of the held requests have no answer yet.
    fn unanswered(&self) -> io::Result<usize> {
        let silent = self.held.values().map(SentRequest::is_silent);
        Ok(silent.collect::<io::Result<Vec<_>>>()?.into_iter().filter(|silent| *silent).count())
    }
}

impl ExpectedWaiters {
    fn check(self, settled: u32) -> anyhow::Result<()> {
        match self {
            ExpectedWaiters::AtLeastOne if settled == 0 => bail!("nobody waited under this key"),
            ExpectedWaiters::Nobody if settled > 0 => {
                bail!("expected nobody to wait under this key, but {settled} did")
            }
            ExpectedWaiters::Exactly(wanted) if settled != wanted => {
                bail!("expected {wanted} to wait, but {settled} did")
            }
            _ => Ok(()),
        }
    }
}
