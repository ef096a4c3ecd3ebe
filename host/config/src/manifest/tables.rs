//! Which keys the tables have, and the file itself; those of `[limits]` are in a file of their own.

use super::Manifest;
use super::key::{Key, key};
use super::limits::{BYTES_MAX, PAGE_BYTES, SLOTS_MAX};
use super::setting::{Command, Mount, Setting};
use crate::config::{AdminListen, Cache, GuestConfig, Instances, Listen, LogFormat, Rollback, ServerConfig};
use snow_core::Globs;

/// An hour: longer is no request any more.
const RUNNING_MS_MAX: u64 = 3_600_000;
/// More can't have an instance, whatever the limits say.
const CALLS_MAX: u64 = 1 << 20;

/// The file itself, but for the tables below.
pub(super) static FILE: [Key<Manifest>; 1] = [key!(rollback: Rollback, live)];

/// `[server]`
pub(super) static SERVER: [Key<ServerConfig>; 8] = [
    key!(listen: Vec<Listen>, restart),
    key!(workers: u16 = 1..=1_024, restart),
    key!(access_log: bool, live),
    key!(log: LogFormat, restart),
    key!(admin: Option<AdminListen>, restart),
    key!(watch: bool, restart),
    key!(strict: bool, restart),
    key!(cache: Cache, restart),
];

/// `[guest.NAME]`, each
pub(super) static GUEST: [Key<GuestConfig>; 12] = [
    key!(keys: [Globs], live),
    key!(settles: [Globs], live),
    key!(responds: [bool], live),
    key!(pendings_max: [usize] = 0..=SLOTS_MAX, live),
    key!(mount: [Mount], live),
    key!(memory_bytes_max: [usize] = PAGE_BYTES..=BYTES_MAX, live),
    key!(running_ms_max: [u32] = 1..=RUNNING_MS_MAX, live),
    key!(body_bytes_max: [u64] = 0..=BYTES_MAX, live),
    key!(calls_max: [u32] = 1..=CALLS_MAX, live),
    key!(instances: [Instances], live),
    key!(build: [Command], live),
    key!(rollback: [Rollback], live),
];
