//! The configuration of a server: its settings, each declared once by
//! [`declare_settings!`](snow_core::declare_settings), and limits that nobody needs to change.

mod database;
mod guest;
mod limits;
mod outbound;
mod server;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::lookup::NamedFiles;

pub(crate) use self::database::has_password;
pub use self::database::{
    DatabaseConfig, DatabaseConfigs, DatabasePlace, DatabaseUrl, Dialect, ServerAddress,
    ServerPlace,
};
pub(crate) use self::guest::{Command, Environment, Mount, Schedules};
pub use self::guest::{GuestConfig, GuestConfigs, Instances, Rollback};
pub use self::limits::{HalfClose, Limits};
pub use self::outbound::{
    ADDED_BYTES_MAX, AddedField, DirectHost, DirectHosts, OutboundRule, OutboundRules,
};
pub(crate) use self::server::{Admin, Files, Folder, OneFile, ProxyUrl, PublicUrl};
pub use self::server::{
    AdminListen, Cache, EXECUTORS_MAX, LISTENERS_MAX, Listen, LogFormat, Overrides, ServerConfig,
    WORKERS_MAX,
};
pub(crate) use self::values::VALUE_NAME_BYTES_MAX;
pub use self::values::{ConfigValue, ConfigValues, Secret, ValueOverride, ValueSource};

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of guests, or the file of one guest.
    pub guests: PathBuf,
    /// Where it listens, with how many threads, what it logs.
    pub server: ServerConfig,
    /// The values of `server` that the command line gave. They win over a manifest that changes
    /// later.
    pub overrides: Overrides,
    /// The limits.
    pub limits: Limits,
    /// When a new version of a guest is rolled back, for guests without a decision of their own.
    pub rollback: Rollback,
    /// The decisions about single guests.
    pub guest_configs: GuestConfigs,
    /// The databases that guests may be granted.
    pub database_configs: DatabaseConfigs,
    /// The values that the command line gives every guest.
    pub common: ConfigValues,
    /// The files that were read for values of guests.
    pub files: NamedFiles,
    /// How guests are compiled.
    pub compile: CompileConfig,
}

/// How guests are compiled. By default each start compiles all guests, in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompileConfig {
    /// The folder in which compiled code is kept from one start to the next. It is created if it is
    /// missing, and used only if nobody but this user has access to it.
    pub cache: Option<PathBuf>,
    /// The program that compiles: this program, which is started as `compile-guest`. If `None`,
    /// this process compiles, and `compile_ms_max` and `compile_bytes_max` do not apply.
    pub compiler: Option<PathBuf>,
    /// The files of the engines that evaluate source files, by the engines' names (`js`, `python`).
    /// A file need not be there.
    pub engines: BTreeMap<&'static str, PathBuf>,
}

impl Config {
    /// Returns the defaults, for this folder of guests.
    pub fn new(guests: PathBuf) -> Config {
        Config {
            guests,
            server: ServerConfig::default(),
            overrides: Overrides::default(),
            limits: Limits::default(),
            rollback: Rollback::default(),
            guest_configs: GuestConfigs::new(),
            database_configs: DatabaseConfigs::new(),
            common: ConfigValues::default(),
            files: NamedFiles::default(),
            compile: CompileConfig::default(),
        }
    }
}

/// How much of each kind of work a worker does in one turn of its loop, so that no kind keeps the
/// others waiting.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Connections that are accepted.
    pub accepts_max: usize,
    /// Clients that are looked at, twice at most, to find the one that gives way to another in a
    /// full table. All clients of the admin listener.
    pub evicted_of_max: usize,
    /// Connections that are accepted over all turns once the listener is to close. More than wait
    /// in the kernel's queue then.
    pub last_accepts_max: usize,
    /// Bytes that are read from one connection.
    pub client_read_bytes_max: usize,
    /// Bytes that are read from one connection that waits behind no other. Those with more to send
    /// wait in line.
    pub short_read_bytes_max: usize,
    /// Bytes of the paths of one connection's requests. Those with more wait in line: to find a
    /// route takes time in proportion to the path.
    pub short_path_bytes_max: usize,
    /// Bytes that are read from all connections.
    pub read_bytes_max: usize,
    /// Requests of one connection that are parsed and find their route.
    pub client_requests_max: usize,
    /// Requests of all connections that are parsed and find their route.
    pub requests_max: usize,
    /// Bytes that are written to one connection.
    pub client_written_bytes_max: usize,
    /// Bytes of the output of a connection that goes before those with more.
    pub short_written_bytes_max: usize,
    /// Bytes that are written to all connections before calls run; then half as many at least.
    pub written_bytes_max: usize,
    /// How long connections are accepted, read and parsed.
    pub input_us_max: u64,
    /// How long answers of calls are written.
    pub output_us_max: u64,
    /// Timers that fire.
    pub timers_max: usize,
    /// Calls that are started.
    pub starts_max: usize,
    /// How long settlements are taken in, and as long again timers fire: either may answer requests
    /// with as much as a guest has given. The last one may exceed it.
    pub waits_us_max: u64,
    /// How long quick calls are started and go on. The last one may exceed it by a time slice.
    pub quick_us_max: u64,
    /// How long slow calls go on, of which one at least gets a time slice.
    pub slow_us_max: u64,
    /// Suspensions that are looked at to list held requests.
    pub inspected_max: usize,
    /// How long a guest's `set-all` goes on in one time slice. Shorter than a slice, since the
    /// requests that it settles on its own worker are answered in the same turn.
    pub settling_us_max: u64,
    /// Bytes of an answer that is relayed which wait for its client in its connection. As many again
    /// wait on their way there.
    pub relayed_bytes_max: usize,
}

impl TurnLimits {
    /// The values that workers use.
    pub const DEFAULT: TurnLimits = TurnLimits {
        accepts_max: 64,
        evicted_of_max: 64,
        last_accepts_max: 16_384,
        client_read_bytes_max: 65_536,
        short_read_bytes_max: 16_384,
        short_path_bytes_max: 512,
        read_bytes_max: 1_048_576,
        client_requests_max: 32,
        requests_max: 512,
        client_written_bytes_max: 262_144,
        short_written_bytes_max: 16_384,
        written_bytes_max: 2_097_152,
        input_us_max: 1_500,
        output_us_max: 1_000,
        timers_max: 256,
        starts_max: 128,
        waits_us_max: 500,
        quick_us_max: 1_000,
        slow_us_max: 1_000,
        inspected_max: 256,
        settling_us_max: 150,
        relayed_bytes_max: 65_536,
    };
}

/// How the guests folder is watched, and how long a change must rest before it takes effect.
#[derive(Clone, Copy, Debug)]
pub struct WatchLimits {
    /// A file that has not changed for so long is complete: it may be loaded, or it is really
    /// removed.
    pub quiet_ms: u64,
    /// How long a removal waits, at most, until other files of the folder stop changing.
    pub removal_ms_max: u64,
    /// A folder that has taken the place of another is filled when nothing in it has changed for so
    /// long. Before, files that are missing there are not taken to be removed.
    pub filled_after_ms: u64,
    /// A file that can't be loaded is reported when it has not changed for so long: before, it may
    /// be a copy that stalls.
    pub report_after_ms: u64,
    /// How often a folder is read whose changes the kernel does not report, or that can't be read.
    pub poll_ms: u64,
    /// The shortest time between two reports of the watch, in which events gather.
    pub rest_ms: u64,
    /// Folders of sources that are watched, of all guests together.
    pub source_folders_max: usize,
}

impl WatchLimits {
    /// The values in use. A change takes effect within a second of its last write even if the
    /// folder is polled: `poll_ms + quiet_ms`, and `poll_ms + removal_ms_max` for a removal from a
    /// folder that stays.
    pub const DEFAULT: WatchLimits = WatchLimits {
        quiet_ms: 100,
        removal_ms_max: 400,
        filled_after_ms: 1_000,
        report_after_ms: 1_000,
        poll_ms: 500,
        rest_ms: 50,
        source_folders_max: 10_000,
    };
}
