//! What a server is started with; and every limit of the host, in one place: its default, and its unit last in its
//! name.

mod guest;
mod server;

use std::path::PathBuf;

pub use self::guest::{GuestConfig, GuestConfigs, Instances, Rollback};
pub use self::server::{AdminListen, Cache, LISTENERS_MAX, Listen, LogFormat, Overrides, ServerConfig};
pub use snow_http::HttpLimits;

/// All that a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of guests, or one guest file.
    pub guests: PathBuf,
    /// Where it listens, with how many threads, what it tells whom.
    pub server: ServerConfig,
    /// What of that the command line said: it wins over a manifest that changes later, too.
    pub overrides: Overrides,
    /// The limits.
    pub limits: Limits,
    /// When a new version of a guest is given up, for guests of which nothing else was decided.
    pub rollback: Rollback,
    /// What was decided about single guests.
    pub guest_configs: GuestConfigs,
    /// How guests are compiled.
    pub compile: CompileConfig,
}

/// How guests are compiled. By default in this process, and anew at each start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompileConfig {
    /// The folder in which compiled code is kept from one start to the next. Made if it is not there; used only if it is
    /// this user's alone.
    pub cache: Option<PathBuf>,
    /// The program that compiles: this very one, started as `compile-guest`. `None`: this process compiles, and then
    /// `compile_ms_max` and `compile_bytes_max` bound nothing.
    pub compiler: Option<PathBuf>,
}

impl Config {
    /// All defaults, for this folder of guests.
    pub fn new(guests: PathBuf) -> Config {
        Config {
            guests,
            server: ServerConfig::default(),
            overrides: Overrides::default(),
            limits: Limits::default(),
            rollback: Rollback::default(),
            guest_configs: GuestConfigs::new(),
            compile: CompileConfig::default(),
        }
    }
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
    /// What a pending is settled with ([`Settlement::bytes`](snow_runtime::Settlement::bytes)).
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
    /// Processor time that compiling a guest may take, to the second. On the clock it may take ten times as long, since
    /// it is done when nobody else wants the processor.
    pub compile_ms_max: u32,
    /// Memory that compiling a guest may take, as address space.
    pub compile_bytes_max: u64,
    /// How long a program that builds guests from their sources may run.
    pub build_ms_max: u32,
    /// Compiled code on disk; the least recently used goes first. What is in use stays.
    pub cache_bytes_max: u64,
    /// Routes that are counted each by itself; requests of more are counted together, for as long as the process lives.
    pub metrics_routes_max: usize,
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
            compile_ms_max: 120_000,
            compile_bytes_max: 4 << 30,
            build_ms_max: 600_000,
            cache_bytes_max: 1 << 30,
            metrics_routes_max: 10_000,
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
    /// Suspensions looked at for whoever asks what is held.
    pub inspected_max: usize,
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
        inspected_max: 256,
        settling_us_max: 150,
    };
}

/// How the guests folder is watched, and how patiently what changes in it is judged.
#[derive(Clone, Copy, Debug)]
pub struct WatchLimits {
    /// A file that has been the same for so long is taken as written: it may be loaded, or counts as removed.
    pub quiet_ms: u64,
    /// How long a removal waits, at most, for other files of the folder to settle.
    pub removal_ms_max: u64,
    /// A file that can't be loaded is reported once it has been the same for so long: before, it may be a copy that
    /// stalls.
    pub report_after_ms: u64,
    /// How often a folder is looked at whose changes the kernel does not tell, or that can't be read.
    pub poll_ms: u64,
    /// The least time between two reports of the watch: how long events gather.
    pub rest_ms: u64,
    /// Folders of sources that are watched, all guests together.
    pub source_folders_max: usize,
}

impl WatchLimits {
    /// The values in use. A change takes effect within a second of its last write, by polling too:
    /// `poll_ms + quiet_ms`, and `poll_ms + removal_ms_max` for a removal.
    pub const DEFAULT: WatchLimits = WatchLimits {
        quiet_ms: 100,
        removal_ms_max: 400,
        report_after_ms: 1_000,
        poll_ms: 500,
        rest_ms: 50,
        source_folders_max: 10_000,
    };
}
