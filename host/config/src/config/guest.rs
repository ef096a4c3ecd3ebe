//! What a deployer decides about single guests.

use std::collections::BTreeMap;

use super::PublicUrl;
use super::limits::{PAGE_BYTES, SLOTS_MAX};
use super::outbound::OutboundRules;
use super::values::ConfigValues;
use snow_core::Globs;
use snow_core::declare::{BYTES_MAX, MS_MAX};
use snow_jobs::Schedule;

/// The most that a call may run: an hour. No client waits longer for a response.
const RUNNING_MS_MAX: u64 = 3_600_000;
/// The most calls that could have an instance, whatever the limits are.
const CALLS_MAX: u64 = 1 << 20;

/// What was decided about guests, by their names. For all others [`Limits`](super::Limits) apply.
pub type GuestConfigs = BTreeMap<String, GuestConfig>;

snow_core::declare_settings! {
    /// What a deployer decides about one guest.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GuestConfig {
        /// Keys under which the guest may create pendings; `*` stands for anything.
        pub keys: Option<Globs>, live;
        /// Keys under which the guest may settle; `*` stands for anything.
        pub settles: Option<Globs>, live;
        /// Whether the guest may settle with a `response` what another guest waits for.
        pub responds: Option<bool>, live;
        /// Buckets of the store that the guest may use beside its own; `*` stands for anything. Its
        /// own are the one that has its name, and those whose names begin with that and a slash.
        pub buckets: Option<Globs>, live;
        /// Where the guest may send requests: origins such as https://api.example.com, with a port
        /// (`*` for any), perhaps with a prefix of the path, and with methods before it (GET,HEAD
        /// https://api.example.com/v1/); *. before a host stands for every name below it. A name may
        /// lead to public addresses, and to addresses that stand in the list (10.0.0.0/8). With
        /// { url = …, headers = { authorization = { secret = … } } } the host adds fields to the
        /// requests that the entry allows, and the guest never has their values. Unless set, nowhere.
        pub outbound: Option<OutboundRules>, live;
        /// Databases that the guest may use, by the names of their tables; `*` stands for anything.
        /// Unless set, none.
        pub databases: Option<Globs>, live;
        /// Pendings of this guest. More are refused. Unless set, `guest_pendings_max` of the
        /// limits.
        pub pendings_max: Option<usize>, live, in 0..=SLOTS_MAX, at_most pendings_max;
        /// The prefix of the paths that reach the guest, such as /shop: as it is sent, without a
        /// slash at its end. The guest's routes match what follows.
        pub mount: Option<String>, live, as Option<Mount>;
        /// The URL at which clients reach this guest's server, if it is another than that of the
        /// others: see `public_url` of the server.
        pub public_url: Option<String>, live, as Option<PublicUrl>;
        /// Bytes of the linear memory of an instance. Unless set, `call_memory_bytes_max` of the
        /// limits, which it can't exceed.
        pub memory_bytes_max: Option<usize>, live, in PAGE_BYTES..=BYTES_MAX, at_most call_memory_bytes_max;
        /// How long one call of the guest may run, without the time in which other calls run.
        /// Unless set, `call_running_ms_max` of the limits.
        pub running_ms_max: Option<u32>, live, in 1..=RUNNING_MS_MAX;
        /// Bytes of the content of one request to the guest. More is a 413. Unless set,
        /// `body_bytes_max` of the limits, which it can't exceed.
        pub body_bytes_max: Option<u64>, live, in 0..=BYTES_MAX, at_most body_bytes_max;
        /// How long one job of the guest may run, without the time in which others run. Unless set,
        /// `job_running_ms_max` of the limits.
        pub job_running_ms_max: Option<u32>, live, in 1..=MS_MAX;
        /// How long a job of the guest may take from its start to its end, with all that it waits
        /// for. Unless set, `job_ms_max` of the limits.
        pub job_ms_max: Option<u32>, live, in 1..=MS_MAX;
        /// Jobs of the guest that come again and again: tables with the `job`, with `every` (such
        /// as 10s) or `cron` (such as 0 3 * * *) in a time `zone` (UTC unless set), and perhaps
        /// with a `payload`. A run is skipped while the one before it is under way.
        pub schedule: Option<Vec<Schedule>>, live, as Option<Schedules>;
        /// Calls of the guest, in the whole process, that have an instance at one time, without
        /// jobs. Unless set, only the limits of all calls apply.
        pub calls_max: Option<u32>, live, in 1..=CALLS_MAX;
        /// Whether each call has a fresh instance, or one instance serves up to so many calls, one
        /// after another.
        pub instances: Option<Instances>, live;
        /// What the guest finds in its environment (`wasi:cli/environment`): strings such as
        /// MODE=test. Unless set, nothing. `snow-host config` shows it, so it is no place for
        /// secrets.
        pub environment: Option<Vec<String>>, live, as Option<Environment>;
        /// What the guest reads by `wasi:config`: a table of values by their names. A value is a
        /// string, or where it is: { env = "NAME" }, { file = "/path" }. A { secret = … } of one of
        /// these is never shown. Unless set, nothing.
        pub config: Option<ConfigValues>, live;
        /// The command that builds the guest, and its arguments, each a string. It runs in the
        /// folder of the guest's source, and writes to the path in $SNOW_GUEST_OUT, or leaves
        /// NAME.wasm in that folder. Unless set, the usual command of the source's language.
        pub build: Option<Vec<String>>, live, as Option<Command>;
        /// When a new version of the guest is rolled back. Unless set, the file's `rollback` for
        /// all guests.
        pub rollback: Option<Rollback>, live;
    }
}

/// What `mount` may be: the path of a prefix.
pub struct Mount;
/// What `build` may be: a command with its arguments.
pub struct Command;
/// What `environment` may be: names with values.
pub struct Environment;
/// What `schedule` may be: tables with a job and its times.
pub struct Schedules;

impl GuestConfig {
    /// Returns whether it grants or withholds anything. If one guest's table does, every guest may
    /// do only what its own table grants.
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
        /// The most calls that it serves, at least 1.
        calls: u32,
    },
}

/// When a new version of a guest is rolled back to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// Never, whatever it does.
    Never,
    /// When it traps too often.
    After {
        /// So many traps, at least 1, are too many.
        traps: u32,
        /// Only so many first calls are looked at, at least `traps`.
        calls: u32,
    },
}

impl Default for Rollback {
    fn default() -> Self {
        Rollback::After { traps: 5, calls: 20 }
    }
}
