//! The kinds of values that a setting may have: for each kind, how a value is read, how it is
//! described to editors, and how it is written. The three stand side by side, so that they agree.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value as Json, json};

use super::reader::{Range, Reader, Toml};
use crate::config::{
    Admin, AdminListen, Cache, Command, Instances, LISTENERS_MAX, Listen, LogFormat, Mount,
    Rollback,
};
use snow_core::{Glob, Globs};

/// The most patterns of one list.
pub(super) const PATTERNS_MAX: usize = 1_000;
/// The most bytes of one pattern, one path or one argument.
pub(super) const TEXT_BYTES_MAX: usize = 1_024;
/// The most words of a build command with its arguments.
const WORDS_MAX: usize = 100;
/// How many calls an instance may serve.
const REUSE: Range = 1..=1_000_000_000;
/// How many first calls of a version may be looked at, and how many of them may trap.
const ROLLBACK: Range = 1..=1_000_000;
/// Segments of a path as it is sent (RFC 3986, section 3.3), none of them empty.
const MOUNT: &str = r"^(/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)+$";

/// A kind of values: usually their own type.
pub(crate) trait Kind {
    /// The type of the values.
    type Value: Clone + 'static;

    /// Reads the value that is written for the setting `name`, or reports all that is wrong with
    /// it. `range` is what a number may be.
    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        range: &Range,
        value: &Toml<'_>,
    ) -> Option<Self::Value>;

    /// Returns the JSON Schema of what may be written.
    fn schema(range: &Range) -> Json;

    /// Returns a value as JSON that means the same in TOML; null if it is not set.
    fn json(value: &Self::Value) -> Json;

    /// Lowers a number to `most` if it is above.
    fn cut(_value: &mut Self::Value, _most: u64) {}
}

/// A value that may be not set.
impl<K: Kind> Kind for Option<K> {
    type Value = Option<K::Value>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        range: &Range,
        value: &Toml<'_>,
    ) -> Option<Self::Value> {
        K::read(reader, name, range, value).map(Some)
    }

    fn schema(range: &Range) -> Json {
        K::schema(range)
    }

    fn json(value: &Self::Value) -> Json {
        value.as_ref().map_or(Json::Null, K::json)
    }

    fn cut(value: &mut Self::Value, most: u64) {
        value.iter_mut().for_each(|value| K::cut(value, most));
    }
}

impl Kind for bool {
    type Value = bool;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<bool> {
        reader.boolean(name, value)
    }

    fn schema(_: &Range) -> Json {
        json!({ "type": "boolean" })
    }

    fn json(value: &bool) -> Json {
        json!(value)
    }
}

/// The ranges fit the types, so that the casts lose nothing.
macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Kind for $type {
            type Value = $type;

            fn read(reader: &mut Reader<'_>, name: &str, range: &Range, value: &Toml<'_>) -> Option<$type> {
                reader.integer(name, value, range.clone()).map(|number| number as $type)
            }

            fn schema(range: &Range) -> Json {
                integer(range)
            }

            fn json(value: &$type) -> Json {
                json!(value)
            }

            fn cut(value: &mut $type, most: u64) {
                *value = (*value as u64).min(most) as $type;
            }
        }
    )*};
}

integers!(u16, u32, u64, usize);

fn integer(range: &Range) -> Json {
    json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
}

impl Kind for LogFormat {
    type Value = LogFormat;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<LogFormat> {
        reader.choice(name, value, &LogFormat::ALL.map(LogFormat::name))?.parse().ok()
    }

    fn schema(_: &Range) -> Json {
        json!({ "enum": LogFormat::ALL.map(LogFormat::name) })
    }

    fn json(value: &LogFormat) -> Json {
        json!(value.to_string())
    }
}

impl Kind for Vec<Listen> {
    type Value = Vec<Listen>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<Vec<Listen>> {
        const WANTED: &str = "a string such as \"127.0.0.1:8080\", or a list of such";
        if value.get_ref().is_str() {
            return Some(vec![parsed(reader, name, value, WANTED)?]);
        }
        let all = reader.list(name, value, WANTED, 1..=LISTENERS_MAX)?;
        let mut listens = Vec::new();
        for value in all.iter() {
            let listen: Listen = parsed(reader, name, value, "strings")?;
            if listens.contains(&listen)
                && !matches!(listen, Listen::Address(address) if address.port() == 0)
            {
                reader.problem(value.span(), format!("`{name}` has {listen} twice"));
            }
            listens.push(listen);
        }
        Some(listens)
    }

    fn schema(_: &Range) -> Json {
        let one = json!({ "type": "string", "pattern": r"^(fd:[0-9]+|.+:[0-9]{1,5})$" });
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "maxItems": LISTENERS_MAX }] })
    }

    fn json(value: &Vec<Listen>) -> Json {
        let texts: Vec<String> = value.iter().map(Listen::to_string).collect();
        if let [one] = texts.as_slice() { json!(one) } else { json!(texts) }
    }
}

/// `None` is written as `false`.
impl Kind for Admin {
    type Value = Option<AdminListen>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<Option<AdminListen>> {
        const WANTED: &str =
            "a string such as \"127.0.0.1:9090\" or \"unix:/run/snow.sock\", or false";
        if value.get_ref().as_bool() == Some(false) {
            return Some(None);
        }
        let listen = parsed(reader, name, value, WANTED)?;
        if let AdminListen::Unix(path) = &listen {
            absolute(reader, name, value, path)?;
        }
        Some(Some(listen))
    }

    fn schema(_: &Range) -> Json {
        json!({ "anyOf": [{ "const": false }, { "type": "string", "pattern": r"^(unix:/.+|.+:[0-9]{1,5})$" }] })
    }

    fn json(value: &Option<AdminListen>) -> Json {
        value.as_ref().map_or(json!(false), |listen| json!(listen.to_string()))
    }
}

impl Kind for Cache {
    type Value = Cache;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<Cache> {
        match value.get_ref().as_bool() {
            Some(true) => return Some(Cache::Default),
            Some(false) => return Some(Cache::Off),
            None => {}
        }
        let path = PathBuf::from(reader.text(
            name,
            value,
            "the path of a folder, or true or false",
            TEXT_BYTES_MAX,
        )?);
        absolute(reader, name, value, &path)?;
        Some(Cache::Folder(path))
    }

    fn schema(_: &Range) -> Json {
        json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "^/", "maxLength": TEXT_BYTES_MAX }] })
    }

    fn json(value: &Cache) -> Json {
        match value {
            Cache::Default => json!(true),
            Cache::Off => json!(false),
            Cache::Folder(path) => json!(path.to_string_lossy()),
        }
    }
}

impl Kind for Globs {
    type Value = Globs;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<Globs> {
        let all = reader.list(
            name,
            value,
            "a list of strings, such as [\"orders/*\"]",
            0..=PATTERNS_MAX,
        )?;
        let texts =
            all.iter().filter_map(|value| reader.text(name, value, "strings", TEXT_BYTES_MAX));
        Some(texts.map(Glob::new).collect())
    }

    fn schema(_: &Range) -> Json {
        json!({
            "type": "array", "maxItems": PATTERNS_MAX,
            "items": { "type": "string", "maxLength": TEXT_BYTES_MAX },
        })
    }

    fn json(value: &Globs) -> Json {
        value.iter().map(Glob::to_string).collect()
    }
}

impl Kind for Instances {
    type Value = Instances;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<Instances> {
        let Some(table) = value.get_ref().as_table() else {
            if !value.get_ref().is_str() {
                reader.wrong_type(name, "\"fresh\" or { reuse = 1000 }", value);
                return None;
            }
            return reader.choice(name, value, &["fresh"]).map(|_| Instances::Fresh);
        };
        let [calls] = reader.numbers(name, table, ["reuse"], &REUSE)?;
        if calls.is_none() {
            reader.problem(
                value.span(),
                format!("`{name}` has no number: write {{ reuse = 1000 }}, or \"fresh\""),
            );
        }
        calls.map(|calls| Instances::Reuse { calls: calls as u32 })
    }

    fn schema(_: &Range) -> Json {
        let reuse = json!({
            "type": "object", "additionalProperties": false, "required": ["reuse"],
            "properties": { "reuse": integer(&REUSE) },
        });
        json!({ "anyOf": [{ "enum": ["fresh"] }, reuse] })
    }

    fn json(value: &Instances) -> Json {
        match value {
            Instances::Fresh => json!("fresh"),
            Instances::Reuse { calls } => json!({ "reuse": calls }),
        }
    }
}

/// A number that is left out is the one of the default.
impl Kind for Rollback {
    type Value = Rollback;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<Rollback> {
        let Some(table) = value.get_ref().as_table() else {
            if value.get_ref().as_bool() == Some(false) {
                return Some(Rollback::Never);
            }
            reader.wrong_type(name, "{ traps = 5, calls = 20 } or false", value);
            return None;
        };
        let Rollback::After { traps: traps_default, calls: calls_default } = Rollback::default()
        else {
            return None;
        };
        let [traps, calls] = reader.numbers(name, table, ["traps", "calls"], &ROLLBACK)?;
        let traps = traps.map_or(traps_default, |traps| traps as u32);
        let calls = calls.map_or(calls_default, |calls| calls as u32);
        if traps > calls {
            let message =
                format!("`{name}` can't happen: `traps` is {traps}, of only {calls} `calls`");
            reader.problem(value.span(), message);
        }
        Some(Rollback::After { traps, calls })
    }

    fn schema(_: &Range) -> Json {
        let numbers = json!({
            "type": "object", "additionalProperties": false,
            "properties": { "traps": integer(&ROLLBACK), "calls": integer(&ROLLBACK) },
        });
        json!({ "anyOf": [{ "const": false }, numbers] })
    }

    fn json(value: &Rollback) -> Json {
        match value {
            Rollback::Never => json!(false),
            Rollback::After { traps, calls } => json!({ "traps": traps, "calls": calls }),
        }
    }
}

impl Kind for Mount {
    type Value = String;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<String> {
        static FITS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(MOUNT).expect("it is a regular expression"));
        let path = reader.text(name, value, "a path such as \"/shop\"", TEXT_BYTES_MAX)?;
        let wrong = match path {
            "" | "/" => "leave it out for a guest that is reached without a prefix".to_owned(),
            _ if FITS.is_match(path) => return Some(path.to_owned()),
            _ if !path.starts_with('/') => format!("it begins with a slash: \"/{path}\""),
            _ if path.ends_with('/') => format!("it ends without a slash: \"{}\"", path.trim_end_matches('/')),
            _ => {
                "it is a path as it is sent, no pattern: letters, digits and -._~!$&'()*+,;=:@ between single slashes, \
                  and %XX for the rest"
                    .to_owned()
            }
        };
        reader.problem(value.span(), format!("`{name}` can't be {path:?}: {wrong}"));
        None
    }

    fn schema(_: &Range) -> Json {
        json!({ "type": "string", "pattern": MOUNT, "maxLength": TEXT_BYTES_MAX })
    }

    fn json(value: &String) -> Json {
        json!(value)
    }
}

impl Kind for Command {
    type Value = Vec<String>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<Vec<String>> {
        const WANTED: &str = "a list of a command and its arguments, each a string of its own, so that nothing needs \
                              quotes: [\"cargo\", \"build\"]";
        let words = reader.list(name, value, WANTED, 1..=WORDS_MAX)?;
        let words =
            words.iter().filter_map(|value| reader.text(name, value, "strings", TEXT_BYTES_MAX));
        let words: Vec<String> = words.map(str::to_owned).collect();
        if words.first().is_some_and(String::is_empty) {
            reader.problem(
                value.span(),
                format!("`{name}` has no command: its first string is empty"),
            );
        }
        Some(words)
    }

    fn schema(_: &Range) -> Json {
        json!({
            "type": "array", "minItems": 1, "maxItems": WORDS_MAX,
            "items": { "type": "string", "maxLength": TEXT_BYTES_MAX },
        })
    }

    fn json(value: &Vec<String>) -> Json {
        json!(value)
    }
}

/// Parses a text, or reports why it can't be parsed.
fn parsed<T: FromStr<Err = String>>(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Toml<'_>,
    wanted: &str,
) -> Option<T> {
    let text = reader.text(name, value, wanted, TEXT_BYTES_MAX)?;
    let parsed = text.parse();
    parsed
        .inspect_err(|why| {
            reader.problem(value.span(), format!("`{name}` can't be {text:?}: {why}"))
        })
        .ok()
}

/// Reports a path that is not absolute: what the file means can't depend on where the host is
/// started.
fn absolute(reader: &mut Reader<'_>, name: &str, value: &Toml<'_>, path: &Path) -> Option<()> {
    if path.is_absolute() {
        return Some(());
    }
    reader.problem(
        value.span(),
        format!("`{name}` takes an absolute path, one that begins with a slash"),
    );
    None
}
