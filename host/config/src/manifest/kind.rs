//! The kinds of values that a setting may have: for each kind, how a value is read, how it is
//! described to editors, and how it is written. The three stand side by side, so that they agree.

mod database;
mod guest;
mod outbound;
mod schedule;
mod values;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value as Json, json};

use super::reader::{Range, Reader, Toml};
use crate::config::{
    Admin, AdminListen, Cache, Files, Folder, HalfClose, LISTENERS_MAX, Listen, LogFormat, OneFile,
};

/// The most patterns of one list.
pub(super) const PATTERNS_MAX: usize = 1_000;
/// The most bytes of one pattern, one path or one argument.
pub(super) const TEXT_BYTES_MAX: usize = 1_024;

/// The most files of one list.
const FILES_MAX: usize = 64;

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

impl Kind for HalfClose {
    type Value = HalfClose;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<HalfClose> {
        let word = reader.choice(name, value, &HalfClose::ALL.map(HalfClose::name))?;
        HalfClose::ALL.into_iter().find(|meaning| meaning.name() == word)
    }

    fn schema(_: &Range) -> Json {
        json!({ "enum": HalfClose::ALL.map(HalfClose::name) })
    }

    fn json(value: &HalfClose) -> Json {
        json!(value.name())
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

impl Kind for Folder {
    type Value = PathBuf;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<PathBuf> {
        let path =
            PathBuf::from(reader.text(name, value, "the path of a folder", TEXT_BYTES_MAX)?);
        absolute(reader, name, value, &path)?;
        Some(path)
    }

    fn schema(_: &Range) -> Json {
        json!({ "type": "string", "pattern": "^/", "maxLength": TEXT_BYTES_MAX })
    }

    fn json(value: &PathBuf) -> Json {
        json!(value.to_string_lossy())
    }
}

impl Kind for OneFile {
    type Value = PathBuf;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<PathBuf> {
        let path = PathBuf::from(reader.text(name, value, "the path of a file", TEXT_BYTES_MAX)?);
        absolute(reader, name, value, &path)?;
        Some(path)
    }

    fn schema(range: &Range) -> Json {
        Folder::schema(range)
    }

    fn json(value: &PathBuf) -> Json {
        Folder::json(value)
    }
}

impl Kind for Files {
    type Value = Vec<PathBuf>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<Vec<PathBuf>> {
        const WANTED: &str = "a list of strings, the paths of files";
        reader.each(name, value, WANTED, 0..=FILES_MAX, |reader, value| {
            let path = PathBuf::from(reader.text(name, value, "strings", TEXT_BYTES_MAX)?);
            absolute(reader, name, value, &path)?;
            Some(path)
        })
    }

    fn schema(_: &Range) -> Json {
        let path = json!({ "type": "string", "pattern": "^/", "maxLength": TEXT_BYTES_MAX });
        json!({ "type": "array", "items": path, "minItems": 0, "maxItems": FILES_MAX })
    }

    fn json(value: &Vec<PathBuf>) -> Json {
        value.iter().map(|path| json!(path.to_string_lossy())).collect()
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
