//! The tables of the file, and the keys of the file itself.

use std::sync::LazyLock;

use super::Manifest;
use super::key::{Key, Keys, find, keys_of};
use crate::config::{DatabaseConfig, GuestConfig, Limits, ServerConfig};

/// The file itself, without its tables.
pub(super) static FILE: LazyLock<Keys<Manifest>> =
    LazyLock::new(|| keys_of(|file| file, |file| file));
/// `[server]`
pub(super) static SERVER: LazyLock<Keys<ServerConfig>> =
    LazyLock::new(|| keys_of(|server| server, |server| server));
/// `[limits]`: the limits of HTTP, of the store, of jobs and all others.
pub(super) static LIMITS: LazyLock<Keys<Limits>> = LazyLock::new(|| {
    let mut keys = keys_of(|limits: &Limits| &limits.http, |limits| &mut limits.http);
    keys.extend(keys_of::<Limits, Limits>(|limits| limits, |limits| limits));
    keys.extend(keys_of(|limits: &Limits| &limits.store, |limits| &mut limits.store));
    keys.extend(keys_of(|limits: &Limits| &limits.jobs, |limits| &mut limits.jobs));
    keys
});
/// `[guest.NAME]`, of every guest
pub(super) static GUEST: LazyLock<Keys<GuestConfig>> =
    LazyLock::new(|| keys_of(|guest| guest, |guest| guest));

/// `[database.NAME]`, of every database
pub(super) static DATABASE: LazyLock<Keys<DatabaseConfig>> =
    LazyLock::new(|| keys_of(|database| database, |database| database));

/// Returns the limit of this name, which a declaration mentions.
pub(super) fn limit(name: &str) -> &'static dyn Key<Limits> {
    find(&LIMITS, name).expect("a test compares every `at_most` with the limits")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use toml::de::DeTable;

    use super::*;
    use crate::manifest::key;
    use crate::manifest::reader::Reader;
    use snow_core::declare::About;

    /// Every key of every table, with its default and its schema.
    fn all() -> impl Iterator<Item = (&'static About, Json, Json)> {
        fn of<T: Default>(keys: &'static Keys<T>) -> Vec<(&'static About, Json, Json)> {
            keys.iter().map(|key| (key.about(), key.json(&T::default()), key.schema())).collect()
        }
        [of(&FILE), of(&SERVER), of(&LIMITS), of(&GUEST), of(&DATABASE)].into_iter().flatten()
    }

    #[test]
    fn every_default_is_within_its_range() {
        for (about, default, schema) in all() {
            assert!(
                default.as_u64().is_none_or(|number| about.range.contains(&number)),
                "{}",
                about.name
            );
            // Without a range, a number would not fit its type.
            assert_eq!(
                schema["type"] == "integer",
                about.range != (0..=u64::MAX),
                "{}",
                about.name
            );
        }
    }

    #[test]
    fn every_bound_is_a_limit() {
        let bounds: Vec<_> = all().filter_map(|(about, ..)| about.at_most).map(limit).collect();
        assert_eq!(bounds.len(), 26);
    }

    #[test]
    fn a_setting_is_described_by_its_doc_comment() {
        let doc =
            |name: &str| all().find(|(about, ..)| about.name == name).map(|(about, ..)| about.doc);
        assert_eq!(doc("log"), Some("How the log looks."));
        assert_eq!(doc("fields_max"), Some("Header field lines of one request. More is a 431."));
        // Over two lines of the source.
        assert!(
            doc("body_bytes_max").is_some_and(|doc| doc.ends_with("A guest's own limit may be lower, never higher."))
        );
        assert_eq!(doc("nothing"), None);
    }

    /// So the range fits the type, and each name sets its own field alone.
    #[test]
    fn each_limit_can_be_at_both_ends_of_its_range() {
        let default = Limits::default();
        for key in LIMITS.iter().filter(|key| key.json(&default).is_number()) {
            let About { name, range, .. } = key.about();
            for value in [*range.start(), *range.end()] {
                let text = format!("{name} = {value}");
                let (table, mut limits) = (DeTable::parse(&text).unwrap(), default.clone());
                key::read(
                    &mut Reader::new(&text, ""),
                    "limits",
                    table.get_ref(),
                    &LIMITS,
                    &mut limits,
                );
                for other in LIMITS.iter() {
                    let expected = if other.about().name == *name {
                        json!(value)
                    } else {
                        other.json(&default)
                    };
                    assert_eq!(
                        other.json(&limits),
                        expected,
                        "{} after {text}",
                        other.about().name
                    );
                }
            }
        }
    }
}
