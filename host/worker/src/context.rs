//! What the parts of a worker have in common.

use std::sync::Arc;

use snow_config::{Limits, TurnLimits};
use snow_core::{Key, PendingId, Registry, Timers, WorkerId};
use snow_http::HttpLimits;
use snow_runtime::{Level, Log, Post, RouteId, Settled, VersionId};

use crate::stats::StatsWriter;

/// How much of everything is done in one turn.
pub(crate) const TURN: TurnLimits = TurnLimits::DEFAULT;

/// What all workers of a server share.
#[derive(Clone)]
pub struct Common {
    /// The limits in force. A worker replaces them when it adopts a deployment.
    pub limits: Arc<Limits>,
    /// How many calls of one worker may wait in place beside those that run.
    pub calls_parked_max: u32,
    /// The pendings of all workers.
    pub registry: Arc<Registry<Settled>>,
    /// How a settlement reaches the worker of its suspension.
    pub post: Arc<dyn Post>,
    /// The log.
    pub log: Log,
    /// Whether each answered request is logged.
    pub access_log: bool,
}

/// What every part of a worker may read: the moment of the turn, and what the worker shares.
pub(crate) struct Context {
    pub id: WorkerId,
    /// When the turn began, on the workers' clock.
    pub now_ms: u64,
    /// The `date` field of answers (RFC 9110, section 5.6.7).
    pub date: String,
    pub common: Common,
    pub stats: StatsWriter,
}

impl Context {
    pub fn limits(&self) -> &Limits {
        &self.common.limits
    }

    pub fn http(&self) -> &HttpLimits {
        &self.common.limits.http
    }

    /// Logs an error that is not a request's.
    pub fn log_error(&self, message: String) {
        self.common.log.host(Level::Error, message);
    }
}

/// What a timer is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timer {
    /// The timeout of a client's connection.
    Client(Key),
    /// The deadline of a suspension.
    Deadline(Key),
    /// A pending that the clock settles.
    Pending(PendingId),
    /// The deadline of a request that waits for its first call.
    Queued(ExchangeRef),
}

/// All timers of a worker.
pub(crate) type WorkerTimers = Timers<Timer>;

/// One request of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExchangeRef {
    pub client: Key,
    pub serial: u32,
}

/// What runs for a request: a route of a version of a guest.
pub(crate) type Callee = (VersionId, RouteId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_small() {
        assert!(size_of::<Timer>() <= 16, "{}", size_of::<Timer>());
    }
}
