//! The tables of the file, and the keys of the file itself.

use std::sync::LazyLock;

use super::Manifest;
use super::key::{Key, Keys, find, keys_of};
use crate::config::{GuestConfig, Limits, ServerConfig};

/// The file itself, without its tables.
pub(super) static FILE: LazyLock<Keys<Manifest>> = LazyLock::new(|| keys_of(|file| file, |file| file));
/// `[server]`
pub(super) static SERVER: LazyLock<Keys<ServerConfig>> = LazyLock::new(|| keys_of(|server| server, |server| server));
/// `[limits]`: the limits of HTTP and all others.
pub(super) static LIMITS: LazyLock<Keys<Limits>> = LazyLock::new(|| {
    let mut keys = keys_of(|limits: &Limits| &limits.http, |limits| &mut limits.http);
    keys.extend(keys_of::<Limits, Limits>(|limits| limits, |limits| limits));
    keys
});
/// `[guest.NAME]`, of every guest
pub(super) static GUEST: LazyLock<Keys<GuestConfig>> = LazyLock::new(|| keys_of(|guest| guest, |guest| guest));

/// Returns the limit of this name, which a declaration mentions.
pub(super) fn limit(name: &str) -> &'static dyn Key<Limits> {
    find(&LIMITS, name).expect("a test compares every `at_most` with the limits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a check on every key of every table.
    macro_rules! for_every_key {
        (|$key:ident, $default:ident| $check:expr) => {{
            for_every_key!(FILE, Manifest, |$key, $default| $check);
            for_every_key!(SERVER, ServerConfig, |$key, $default| $check);
            for_every_key!(LIMITS, Limits, |$key, $default| $check);
            for_every_key!(GUEST, GuestConfig, |$key, $default| $check);
        }};
        ($table:ident, $type:ty, |$key:ident, $default:ident| $check:expr) => {
            let $default = <$type>::default();
            for $key in $table.iter() {
                $check;
            }
        };
    }

    #[test]
    fn every_default_is_within_its_range() {
        let mut numbers = 0;
        for_every_key!(|key, default| if let Some(number) = key.json(&default).as_u64() {
            numbers += 1;
            assert!(key.about().range.contains(&number), "{}", key.about().name);
        });
        assert_eq!(numbers, 46, "45 limits, and workers");
    }

    /// A number without a range of its own would not fit its type.
    #[test]
    fn every_number_has_a_range() {
        for_every_key!(|key, _default| {
            let is_number = key.schema()["type"] == "integer";
            assert_eq!(is_number, key.about().range != (0..=u64::MAX), "{}", key.about().name);
        });
    }

    #[test]
    fn every_bound_is_a_limit() {
        let mut bounds = Vec::new();
        for_every_key!(|key, _default| if let Some(bound) = key.about().at_most {
            bounds.push((key.about().name, bound));
            limit(bound);
        });
        let expected = [
            ("target_bytes_max", "head_bytes_max"),
            ("guest_pendings_max", "pendings_max"),
            ("suspension_default_ms", "suspension_max_ms"),
            ("pendings_max", "pendings_max"),
            ("memory_bytes_max", "call_memory_bytes_max"),
            ("body_bytes_max", "body_bytes_max"),
        ];
        assert_eq!(bounds, expected);
    }

    #[test]
    fn a_setting_is_described_by_its_doc_comment() {
        let doc = |name: &str| find(&LIMITS, name).map(|key| key.about().doc);
        assert_eq!(find(&SERVER, "log").map(|key| key.about().doc), Some("How the log looks."));
        assert_eq!(doc("fields_max"), Some("Header field lines of one request. More is a 431."));
        let lines = "Bytes of the trailer section of one chunked body, which is checked and discarded. More is a 431.";
        assert_eq!((doc("trailer_bytes_max"), doc("nothing")), (Some(lines), None));
        for_every_key!(|key, _default| assert!(!key.about().doc.contains(['[', '\n']), "{}", key.about().name));
    }

    /// The fields, as `Debug` prints them: each can be set by its name.
    #[test]
    fn every_limit_can_be_set() {
        let printed = format!("{:#?}", Limits::default());
        let fields = printed.lines().filter_map(|line| line.trim().split_once(": "));
        let declared: Vec<&str> = fields.map(|(name, _)| name).filter(|name| *name != "http").collect();
        assert_eq!(super::super::key::names(&LIMITS).collect::<Vec<_>>(), declared);
    }

    #[test]
    fn each_name_sets_its_own_field() {
        let default = Limits::default();
        for key in LIMITS.iter() {
            let mut limits = default.clone();
            key.cut(&mut limits, 1);
            for other in LIMITS.iter() {
                let is_same = other.about().name == key.about().name;
                let expected = if is_same { 1.into() } else { other.json(&default) };
                assert_eq!(other.json(&limits), expected, "{} after {}", other.about().name, key.about().name);
            }
        }
    }
}
