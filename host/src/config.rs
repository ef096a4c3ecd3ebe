//! Every limit of the host, in one place: its default, and its unit last in its name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::glob::Globs;
pub use crate::limits::HttpLimits;

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of guests, or one guest file.
    pub guests: PathBuf,
    /// Where to listen.
    pub listen: Listen,
    /// Threads that serve.
    pub workers: u16,
    /// Whether each answered request is logged.
    pub access_log: bool,
    /// The limits.
    pub limits: Limits,
    /// What was decided about single guests.
    pub guest_configs: GuestConfigs,
}

/// What was decided about guests, by their names. Guests that are not here have what [`Limits`] says.
pub type GuestConfigs = BTreeMap<String, GuestConfig>;

/// What a deployer decides about one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestConfig {
    /// Keys under which it may create pendings.
    pub keys: Option<Globs>,
    /// Keys under which it may settle.
    pub settles: Option<Globs>,
    /// Whether it may settle with a `response` what another guest waits for.
    pub responds: Option<bool>,
    /// Pendings of this guest; more are refused. Unless set, `guest_pendings_max` of the limits.
    pub pendings_max: Option<usize>,
    /// The prefix of the paths that reach it, such as /shop: as it is sent, without a slash at its end. Its routes
    /// match what follows.
    pub mount: Option<String>,
    /// The linear memory of an instance of it. Unless set, `call_memory_bytes_max` of the limits, which it can't exceed.
    pub memory_bytes_max: Option<usize>,
    /// How long one call of it may run, not counting the time when others run. Unless set, `call_running_ms_max` of the
    /// limits.
    pub running_ms_max: Option<u32>,
    /// The content of one request to it. More is a 413. Unless set, `body_bytes_max` of the limits, which it can't exceed.
    pub body_bytes_max: Option<u64>,
    /// Calls of it in the process that have an instance at one time. Unless set, only the limits of all calls count.
    pub calls_max: Option<u32>,
    /// Whether each call has a fresh instance, or one serves up to so many calls after another.
    pub instances: Option<Instances>,
    /// The command that builds it, and its arguments, each by itself. It runs in the folder of the guest's source. Unless
    /// set, what its language builds with.
    pub build: Option<Vec<String>>,
    /// When a new version of it is given up for the one before. Unless set, what the file says for all.
    pub rollback: Option<Rollback>,
}

impl GuestConfig {
    /// Whether it says anything of what the guest may do. If one guest's does, then every guest may do only what its
    /// own says.
    pub fn has_grants(&self) -> bool {
        self.keys.is_some() || self.settles.is_some() || self.responds.is_some()
    }
}

/// How long an instance lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instances {
    /// For one call: nothing of a request is left for the next.
    #[default]
    Fresh,
    /// For several calls, one after another.
    Reuse {
        /// How many it serves at most, at least 1.
        calls: u32,
    },
}

/// When the version before serves again: if so many of a new version's first calls trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// This many calls that trap are too many.
    pub traps: u32,
    /// Of this many, the first ones.
    pub calls: u32,
}

impl Default for Rollback {
    fn default() -> Self {
        Rollback { traps: 5, calls: 20 }
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address; port 0 takes any that is free.
    Address(SocketAddr),
    /// A listening socket that the parent process left open under this number.
    Inherited(i32),
}

/// The limits. Those of a worker are for each worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// HTTP itself.
    pub http: HttpLimits,
    /// Open connections of a worker; more are closed as they are accepted.
    pub worker_connections_max: usize,
    /// Calls of a worker that have an instance at one time.
    pub worker_calls_started_max: u32,
    /// Calls of the process that wait in place beside those: each keeps its instance. Workers get equal shares.
    pub calls_parked_max: u32,
    /// New requests of a worker that wait for one of those, of quick and of slow routes each; more are answered 503.
    /// What waits already when its route turns out slow moves over, so there may be twice as many of those.
    pub worker_calls_queued_max: usize,
    /// Suspended requests of a worker; more suspensions are answered 503.
    pub worker_suspensions_max: usize,
    /// How long one call may run, not counting the time when others run.
    pub call_running_ms_max: u32,
    /// A guest instance's linear memory.
    pub call_memory_bytes_max: usize,
    /// How long an instance that serves several calls is kept while it has none.
    pub instance_idle_ms_max: u32,
    /// What one host call, or a call's outcome, may bring out of a guest.
    pub call_lifted_bytes_max: usize,
    /// Pendings that a call owns at one time.
    pub pendings_per_call_max: usize,
    /// Pendings of the process.
    pub pendings_max: usize,
    /// Pendings of each guest that has no limit of its own.
    pub guest_pendings_max: usize,
    /// The length of a key.
    pub key_bytes_max: usize,
    /// What a pending is settled with ([`Settlement::bytes`](crate::outcome::Settlement::bytes)).
    pub settlement_bytes_max: usize,
    /// The opaque state of a suspension.
    pub state_bytes_max: usize,
    /// A suspension's deadline when the guest gives none.
    pub suspension_default_ms: u32,
    /// A suspension's longest deadline.
    pub suspension_max_ms: u32,
    /// How long held requests may wait on after a SIGTERM.
    pub drain_ms: u32,
    /// Lines that wait to be written to the log; more are dropped and counted.
    pub log_lines_max: usize,
    /// A guest's log message; longer ones are cut.
    pub log_message_bytes_max: usize,
    /// A guest's file.
    pub guest_file_bytes_max: u64,
    /// Guests of a folder.
    pub guests_max: usize,
    /// Routes of a guest.
    pub guest_routes_max: usize,
    /// Versions of one guest that are kept for the requests that they hold, the one that serves included. Beyond that
    /// the oldest one's requests are answered 503.
    pub versions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            http: HttpLimits::default(),
            worker_connections_max: 1 << 20,
            worker_calls_started_max: 8,
            calls_parked_max: 256,
            worker_calls_queued_max: 1_024,
            worker_suspensions_max: 1 << 20,
            call_running_ms_max: 10_000,
            call_memory_bytes_max: 64 << 20,
            instance_idle_ms_max: 60_000,
            call_lifted_bytes_max: 16 << 20,
            pendings_per_call_max: 64,
            pendings_max: 4 << 20,
            guest_pendings_max: 4 << 20,
            key_bytes_max: 256,
            settlement_bytes_max: 1 << 20,
            state_bytes_max: 65_536,
            suspension_default_ms: 30_000,
            suspension_max_ms: 3_600_000,
            drain_ms: 10_000,
            log_lines_max: 8_192,
            log_message_bytes_max: 4_096,
            guest_file_bytes_max: 128 << 20,
            guests_max: 1_000,
            guest_routes_max: 1_000,
            versions_max: 4,
        }
    }
}

impl Limits {
    /// A worker's share of `calls_parked_max`.
    pub fn worker_calls_parked_max(&self, workers: u16) -> u32 {
        self.calls_parked_max.div_ceil(u32::from(workers.max(1)))
    }
}

/// What one turn of a worker's loop does at most of each kind, so that no kind keeps the others waiting.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Connections accepted.
    pub accepts_max: usize,
    /// Bytes read from one connection.
    pub read_bytes_max: usize,
    /// Timers fired.
    pub timers_max: usize,
    /// Calls started.
    pub starts_max: usize,
    /// Suspensions that are over and have not been resumed; more wait in the inbox.
    pub resumable_max: usize,
    /// How long a guest's `set-all` goes on in one time slice. Short of a slice, since those whom it settles on its own
    /// worker are answered in the same turn.
    pub settling_us_max: u64,
}

impl TurnLimits {
    /// The values that workers use.
    pub const DEFAULT: TurnLimits = TurnLimits {
        accepts_max: 64,
        read_bytes_max: 262_144,
        timers_max: 256,
        starts_max: 128,
        resumable_max: 256,
        settling_us_max: 150,
    };
}
