//! `[limits]`: which there are, and how far a deployer may go.

use std::ops::RangeInclusive;

use serde_json::json;
use toml::de::DeTable;

use super::key::Row;
use super::reader::Reader;
use super::{docs, setting};
use crate::config::Limits;
use snow_core::OWNERS_MAX;

/// One limit: the name of its field, what it may be, and the field.
struct Field {
    name: &'static str,
    /// Which type has it.
    structure: &'static str,
    range: RangeInclusive<u64>,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

/// The ranges fit the fields' types, so that the casts lose nothing.
macro_rules! field {
    (http.$name:ident, $range:expr) => {
        field!(@ stringify!($name), "HttpLimits", http.$name, $range)
    };
    ($name:ident, $range:expr) => {
        field!(@ stringify!($name), "Limits", $name, $range)
    };
    (@ $name:expr, $structure:expr, $($path:ident).+, $range:expr) => {
        Field {
            name: $name,
            structure: $structure,
            range: $range,
            get: |limits| limits.$($path).+ as u64,
            set: |limits, value| limits.$($path).+ = value as _,
        }
    };
}

/// 49 days, what the contract's milliseconds hold.
const MS_MAX: u64 = u32::MAX as u64;
/// All that 32-bit WebAssembly can address: more can reach no guest. Also the pool's reservation for one memory.
pub(super) const BYTES_MAX: u64 = 1 << 32;
/// Slots of a table are numbered in 32 bits.
pub(super) const SLOTS_MAX: u64 = 1 << 30;
/// A page of WebAssembly memory.
pub(super) const PAGE_BYTES: u64 = 65_536;
/// A parsed head holds its positions in 16 bits.
const HEAD_BYTES_MAX: u64 = 65_536;
/// The pool reserves address space for each call that may be started: 8 GiB, of 128 TiB.
const CALLS_STARTED_MAX: u64 = 1_024;
/// The same for each that may wait in place.
const CALLS_PARKED_MAX: u64 = 4_096;
/// What the compiler takes before it has seen a guest, with room to spare.
const COMPILER_BYTES_MIN: u64 = 256 << 20;
/// 1 TiB.
const DISK_BYTES_MAX: u64 = 1 << 40;

/// All of them, in the order of their declaration. 0 is allowed where nothing at all is a sensible choice.
static FIELDS: [Field; 45] = [
    field!(http.head_bytes_max, 64..=HEAD_BYTES_MAX),
    field!(http.fields_max, 1..=HEAD_BYTES_MAX),
    field!(http.target_bytes_max, 1..=HEAD_BYTES_MAX),
    field!(http.body_bytes_max, 0..=BYTES_MAX),
    field!(http.header_timeout_ms, 1..=MS_MAX),
    field!(http.body_timeout_ms, 1..=MS_MAX),
    field!(http.body_bytes_per_s_min, 0..=BYTES_MAX),
    field!(http.idle_timeout_ms, 1..=MS_MAX),
    field!(http.drain_idle_ms, 0..=MS_MAX),
    field!(http.write_timeout_ms, 1..=MS_MAX),
    field!(http.linger_ms, 0..=MS_MAX),
    field!(http.linger_bytes_max, 0..=BYTES_MAX),
    field!(http.output_bytes_max, 1..=BYTES_MAX),
    field!(http.chunk_line_bytes_max, 16..=HEAD_BYTES_MAX),
    field!(http.chunk_extensions_bytes_max, 0..=BYTES_MAX),
    field!(http.trailer_bytes_max, 2..=BYTES_MAX),
    field!(worker_connections_max, 1..=SLOTS_MAX),
    field!(worker_calls_started_max, 1..=CALLS_STARTED_MAX),
    field!(calls_parked_max, 1..=CALLS_PARKED_MAX),
    field!(worker_calls_queued_max, 1..=SLOTS_MAX),
    field!(worker_suspensions_max, 0..=SLOTS_MAX),
    field!(call_running_ms_max, 1..=MS_MAX),
    field!(call_memory_bytes_max, PAGE_BYTES..=BYTES_MAX),
    field!(instance_idle_ms_max, 0..=MS_MAX),
    field!(call_lifted_bytes_max, 1_024..=BYTES_MAX),
    field!(pendings_per_call_max, 1..=65_535),
    field!(pendings_max, 0..=SLOTS_MAX),
    field!(guest_pendings_max, 0..=SLOTS_MAX),
    field!(key_bytes_max, 1..=65_536),
    field!(settlement_bytes_max, 0..=BYTES_MAX),
    field!(state_bytes_max, 0..=BYTES_MAX),
    field!(suspension_default_ms, 1..=MS_MAX),
    field!(suspension_max_ms, 1..=MS_MAX),
    field!(drain_ms, 0..=MS_MAX),
    field!(log_lines_max, 1..=SLOTS_MAX),
    field!(log_message_bytes_max, 1..=BYTES_MAX),
    field!(guest_file_bytes_max, 1..=BYTES_MAX),
    // Each has a number, and one is nobody's.
    field!(guests_max, 1..=OWNERS_MAX as u64 - 1),
    field!(guest_routes_max, 1..=65_536),
    field!(versions_max, 2..=64),
    field!(compile_ms_max, 1..=MS_MAX),
    field!(compile_bytes_max, COMPILER_BYTES_MIN..=DISK_BYTES_MAX),
    field!(build_ms_max, 1..=MS_MAX),
    field!(cache_bytes_max, 0..=DISK_BYTES_MAX),
    field!(metrics_routes_max, 0..=SLOTS_MAX),
];

/// Pairs of which the first can't be more than the second: written so it is an error, else it follows.
const WITHIN: [(&str, &str); 3] = [
    ("guest_pendings_max", "pendings_max"),
    ("suspension_default_ms", "suspension_max_ms"),
    ("target_bytes_max", "head_bytes_max"),
];

/// What can't change while the server runs: the pool of instances, the table of pendings and the log's queue are made
/// once. All others can.
const RESTART: [&str; 6] = [
    "worker_calls_started_max",
    "calls_parked_max",
    "call_memory_bytes_max",
    "pendings_max",
    "log_lines_max",
    "metrics_routes_max",
];

/// What `[limits]` may hold.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.name)
}

/// Reads the table into the limits, of which what is not written stays.
pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, limits: &mut Limits) {
    for (key, value) in table {
        let Some(field) = field(key.get_ref()) else {
            reader.unknown("[limits]", key, names());
            continue;
        };
        if let Some(number) = reader.integer(field.name, value, field.range.clone()) {
            (field.set)(limits, number);
            reader.wrote("limits", field.name, value.span());
        }
    }
    for (name, value, most, most_value) in exceeding(limits) {
        // What is nobody's wish gives way, below.
        if let Some(span) = reader.written("limits", name) {
            reader.problem(span, format!("`{name}` is {value}, above `{most}`, which is {most_value}"));
        }
    }
    // What has no bound of its own is as large as the whole.
    if reader.written("limits", "guest_pendings_max").is_none() {
        limits.guest_pendings_max = limits.pendings_max;
    }
    fit(limits);
}

/// Whether a limit can change while the server runs.
pub(super) fn is_live(name: &str) -> bool {
    !RESTART.contains(&name)
}

/// Cuts what exceeds another limit that bounds it.
pub(super) fn fit(limits: &mut Limits) {
    for (name, _, _, most_value) in exceeding(limits) {
        field(name).inspect(|field| (field.set)(limits, most_value));
    }
}

/// The limits that can't change while the server runs become those of another value.
pub(super) fn keep_restart_only(limits: &mut Limits, running: &Limits) {
    for field in FIELDS.iter().filter(|field| !is_live(field.name)) {
        (field.set)(limits, (field.get)(running));
    }
}

/// Each limit with its value, and all that there is to say of it.
pub(super) fn rows(limits: &Limits) -> Vec<Row> {
    let row = |field: &Field| Row {
        name: field.name,
        doc: docs::of(field.structure, field.name),
        live: is_live(field.name),
        value: json!((field.get)(limits)),
        schema: setting::integer(&field.range),
    };
    FIELDS.iter().map(row).collect()
}

/// The limits that are above one that bounds them: name and value, its name and value.
fn exceeding(limits: &Limits) -> Vec<(&'static str, u64, &'static str, u64)> {
    let pair = |(name, most): (&'static str, &'static str)| {
        let (value, most_value) = ((field(name)?.get)(limits), (field(most)?.get)(limits));
        (value > most_value).then_some((name, value, most, most_value))
    };
    WITHIN.into_iter().filter_map(pair).collect()
}

fn field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields' names, as `Debug` prints them: whoever adds a limit is told here that deployers can't set it yet.
    #[test]
    fn every_limit_can_be_set() {
        let printed = format!("{:#?}", Limits::default());
        let fields = printed.lines().filter_map(|line| line.trim().split_once(": "));
        let declared: Vec<&str> = fields.map(|(name, _)| name).filter(|name| *name != "http").collect();
        assert_eq!(names().collect::<Vec<_>>(), declared);
    }

    #[test]
    fn what_waits_for_a_restart_is_a_limit() {
        assert!(RESTART.iter().all(|name| field(name).is_some()));
        let other = |field: &Field| (field.get)(&Limits::default()) - 1;
        for field in &FIELDS {
            let mut limits = Limits::default();
            (field.set)(&mut limits, other(field));
            keep_restart_only(&mut limits, &Limits::default());
            assert_eq!(limits == Limits::default(), !is_live(field.name), "{}", field.name);
        }
    }

    #[test]
    fn every_default_is_within_its_range() {
        let limits = Limits::default();
        for field in &FIELDS {
            assert!(field.range.contains(&(field.get)(&limits)), "{}", field.name);
        }
    }

    #[test]
    fn each_name_sets_its_own_field() {
        for (index, field) in FIELDS.iter().enumerate() {
            for value in [*field.range.start(), *field.range.end()] {
                let mut limits = Limits::default();
                (field.set)(&mut limits, value);
                for (other_index, other) in FIELDS.iter().enumerate() {
                    let expected = if index == other_index { value } else { (other.get)(&Limits::default()) };
                    assert_eq!((other.get)(&limits), expected, "{} after {} = {value}", other.name, field.name);
                }
            }
        }
    }
}
