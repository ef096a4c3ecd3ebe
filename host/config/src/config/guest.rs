//! What a deployer decides about single guests.

use std::collections::BTreeMap;

use snow_core::Globs;

/// What was decided about guests, by their names. Guests that are not here have what [`Limits`](super::Limits) says.
pub type GuestConfigs = BTreeMap<String, GuestConfig>;

/// What a deployer decides about one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestConfig {
    /// Keys under which it may create pendings; `*` stands for anything.
    pub keys: Option<Globs>,
    /// Keys under which it may settle; `*` stands for anything.
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
    /// The command that builds it, and its arguments, each by itself. It runs in the folder of the guest's source, and
    /// writes to the path in $SNOW_GUEST_OUT, or leaves NAME.wasm in that folder. Unless set, what its language builds with.
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

/// When a new version of a guest is given up for the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// It stays whatever it does.
    Never,
    /// It trapped too often.
    After {
        /// This many traps, at least 1, are too many.
        traps: u32,
        /// Among so many first calls, at least `traps`.
        calls: u32,
    },
}

impl Default for Rollback {
    fn default() -> Self {
        Rollback::After { traps: 5, calls: 20 }
    }
}
