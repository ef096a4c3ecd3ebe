//! `[limits]`: which there are, and how far a deployer may go.

use std::ops::RangeInclusive;

use toml::de::DeTable;

use super::reader::Reader;
use crate::config::Limits;
use crate::pending::OWNERS_MAX;

/// One limit: the name of its field, what it may be, and the field.
struct Field {
    name: &'static str,
    range: RangeInclusive<u64>,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

/// The ranges fit the fields' types, so that the casts lose nothing.
macro_rules! field {
    (http.$name:ident, $range:expr) => {
        field!(@ stringify!($name), http.$name, $range)
    };
    ($name:ident, $range:expr) => {
        field!(@ stringify!($name), $name, $range)
    };
    (@ $name:expr, $($path:ident).+, $range:expr) => {
        Field {
            name: $name,
            range: $range,
            get: |limits| limits.$($path).+ as u64,
            set: |limits, value| limits.$($path).+ = value as _,
        }
    };
}

/// 49 days, what the contract's milliseconds hold.
const MS_MAX: u64 = u32::MAX as u64;
/// All that 32-bit WebAssembly can address: more can reach no guest. Also the pool's reservation for one memory.
const BYTES_MAX: u64 = 1 << 32;
/// Slots of a table are numbered in 32 bits.
const SLOTS_MAX: u64 = 1 << 30;
/// A page of WebAssembly memory.
const PAGE_BYTES: u64 = 65_536;
/// A parsed head holds its positions in 16 bits.
const HEAD_BYTES_MAX: u64 = 65_536;
/// The pool reserves address space for each call that may be started: 8 GiB, of 128 TiB.
const CALLS_STARTED_MAX: u64 = 1_024;
/// The same for each that may wait in place.
const CALLS_PARKED_MAX: u64 = 4_096;

/// All of them, in the order of their declaration. 0 is allowed where nothing at all is a sensible choice.
static FIELDS: [Field; 39] = [
    field!(http.head_bytes_max, 64..=HEAD_BYTES_MAX),
    field!(http.fields_max, 1..=HEAD_BYTES_MAX),
    field!(http.target_bytes_max, 1..=HEAD_BYTES_MAX),
    field!(http.body_bytes_max, 0..=BYTES_MAX),
    field!(http.header_timeout_ms, 1..=MS_MAX),
    field!(http.body_timeout_ms, 1..=MS_MAX),
    field!(http.body_bytes_per_s_min, 0..=BYTES_MAX),
    field!(http.idle_timeout_ms, 1..=MS_MAX),
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
];

/// Pairs of which the first can't be more than the second: written so it is an error, else it follows.
const WITHIN: [(&str, &str); 3] = [
    ("guest_pendings_max", "pendings_max"),
    ("suspension_default_ms", "suspension_max_ms"),
    ("target_bytes_max", "head_bytes_max"),
];

/// What `[limits]` may hold.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.name)
}

/// Reads the table into the limits, of which what is not written stays.
pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, limits: &mut Limits) {
    let mut written = Vec::new();
    for (key, value) in table {
        let Some(field) = field(key.get_ref()) else {
            reader.unknown("[limits]", key, names());
            continue;
        };
        if let Some(number) = reader.integer(field.name, value, field.range.clone()) {
            (field.set)(limits, number);
            written.push((field.name, value.span()));
        }
    }
    for (name, most) in WITHIN {
        let (Some(field), Some(bound)) = (field(name), field(most)) else { continue };
        let (value, most_value) = ((field.get)(limits), (bound.get)(limits));
        match written.iter().find(|(written, _)| *written == name) {
            Some((_, span)) if value > most_value => {
                reader.problem(span.clone(), format!("`{name}` is {value}, above `{most}`, which is {most_value}"));
            }
            Some(_) => {}
            // What is nobody's wish gives way; and one that has no bound of its own is as large as the whole.
            None if name == "guest_pendings_max" => (field.set)(limits, most_value),
            None => (field.set)(limits, value.min(most_value)),
        }
    }
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
