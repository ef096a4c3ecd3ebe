//! A key of a table: its name, what it may be, whether it can change while the server runs.

use serde_json::Value as Json;
use toml::de::DeTable;

use super::docs;
use super::reader::{Range, Reader, Toml};

/// One key of a table that is read into a `T`. All else that is known of it follows from its field: the doc comment
/// says what it is, the type what it may be, and `T`'s default what it is if it is not written.
pub(super) struct Key<T: 'static> {
    pub name: &'static str,
    /// If it is a number: what it may be.
    pub range: Range,
    /// Whether it takes effect while the server runs; else at the next start.
    pub live: bool,
    pub read: fn(&mut Reader<'_>, &Key<T>, &Toml<'_>, &mut T),
    /// Null if it is not set.
    pub json: fn(&T) -> Json,
    pub schema: fn(&Range) -> Json,
    /// From the first to the second.
    pub copy: fn(&T, &mut T),
}

/// The [`Key`] of a field, by the kind of its value and the range of its number: `key!(workers: u16 = 1..=1_024, restart)`.
/// The kind of a field that may be unset stands in brackets: `key!(mount: [Mount], live)`.
macro_rules! key {
    ($name:ident: [$kind:ty], $live:ident) => { key!($name: [$kind] = 0..=0, $live) };
    ($name:ident: $kind:ty, $live:ident) => { key!($name: $kind = 0..=0, $live) };
    ($name:ident: [$kind:ty] = $range:expr, $live:ident) => {
        key!(@ $name, $kind, $range, $live,
            |target, read| target.$name = Some(read),
            |target| target.$name.as_ref().map_or(serde_json::Value::Null, <$kind as Setting>::json))
    };
    ($name:ident: $kind:ty = $range:expr, $live:ident) => {
        key!(@ $name, $kind, $range, $live,
            |target, read| target.$name = read,
            |target| <$kind as Setting>::json(&target.$name))
    };
    (@ $name:ident, $kind:ty, $range:expr, $live:ident, |$target:ident, $read:ident| $set:expr, $json:expr) => {
        Key {
            name: stringify!($name),
            range: $range,
            live: key!(@ $live),
            read: |reader, key, value, $target| {
                if let Some($read) = <$kind as Setting>::read(reader, key.name, &key.range, value) {
                    $set;
                }
            },
            json: $json,
            schema: <$kind as Setting>::schema,
            copy: |from, to| to.$name.clone_from(&from.$name),
        }
    };
    (@ live) => { true };
    (@ restart) => { false };
}
pub(super) use key;

/// A key with its value, and all that there is to say of it.
pub(super) struct Row {
    pub name: &'static str,
    pub doc: String,
    pub live: bool,
    /// Null if it is not set.
    pub value: Json,
    /// What it may be, as JSON Schema.
    pub schema: Json,
}

/// The rows of a table: of this value, whose type has this name.
pub(super) fn rows<T>(keys: &[Key<T>], structure: &str, of: &T) -> Vec<Row> {
    let row = |key: &Key<T>| Row {
        name: key.name,
        doc: docs::of(structure, key.name),
        live: key.live,
        value: (key.json)(of),
        schema: (key.schema)(&key.range),
    };
    keys.iter().map(row).collect()
}

/// Reads a table into a value of which what is not written stays.
pub(super) fn read<T>(reader: &mut Reader<'_>, place: &str, table: &DeTable<'_>, keys: &[Key<T>], into: &mut T) {
    for (key, value) in table {
        let Some(known) = keys.iter().find(|known| known.name == key.get_ref()) else {
            reader.unknown(&format!("[{place}]"), key, keys.iter().map(|known| known.name));
            continue;
        };
        known.take(reader, place, value, into);
    }
}

impl<T> Key<T> {
    /// Reads the value that is written for this key of a table.
    pub fn take(&self, reader: &mut Reader<'_>, table: &str, value: &Toml<'_>, into: &mut T) {
        reader.wrote(table, self.name, value.span());
        (self.read)(reader, self, value, into);
    }
}
