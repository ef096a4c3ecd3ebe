//! The kinds of the settings of single guests, and of rollback.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value as Json, json};
use snow_core::{Glob, Globs};

use super::{Kind, PATTERNS_MAX, TEXT_BYTES_MAX, integer};
use crate::config::{Command, Environment, Instances, Mount, PublicUrl, Rollback};
use crate::manifest::reader::{Range, Reader, Toml};

/// The most words of a build command with its arguments.
const WORDS_MAX: usize = 100;
/// How many calls an instance may serve.
const REUSE: Range = 1..=1_000_000_000;
/// How many first calls of a version may be looked at, and how many of them may trap.
const ROLLBACK: Range = 1..=1_000_000;
/// Segments of a path as it is sent (RFC 3986, section 3.3), none of them empty.
const MOUNT: &str = r"^(/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)+$";

/// Scheme, host and port (RFC 3986, section 3), and a path as it is sent.
const PUBLIC_URL: &str = r"^https?://([A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)*/?$";

impl Kind for Globs {
    type Value = Globs;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<Globs> {
        let wanted = "a list of strings, such as [\"orders/*\"]";
        Some(
            strings(reader, name, value, wanted, 0..=PATTERNS_MAX)?
                .into_iter()
                .map(Glob::new)
                .collect(),
        )
    }

    fn schema(_: &Range) -> Json {
        strings_schema(0..=PATTERNS_MAX)
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

impl Kind for PublicUrl {
    type Value = String;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<String> {
        static FITS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(PUBLIC_URL).expect("it is a regular expression"));
        let url =
            reader.text(name, value, "a URL such as \"https://example.org\"", TEXT_BYTES_MAX)?;
        if FITS.is_match(url) {
            return Some(url.trim_end_matches('/').to_owned());
        }
        let message = format!(
            "`{name}` can't be {url:?}: it is http:// or https://, a host, perhaps a port and a \
             path, as in \"https://example.org/app\""
        );
        reader.problem(value.span(), message);
        None
    }

    fn schema(_: &Range) -> Json {
        json!({ "type": "string", "pattern": PUBLIC_URL, "maxLength": TEXT_BYTES_MAX })
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
        let words = strings(reader, name, value, WANTED, 1..=WORDS_MAX)?;
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        if words.first().is_some_and(String::is_empty) {
            reader.problem(
                value.span(),
                format!("`{name}` has no command: its first string is empty"),
            );
        }
        Some(words)
    }

    fn schema(_: &Range) -> Json {
        strings_schema(1..=WORDS_MAX)
    }

    fn json(value: &Vec<String>) -> Json {
        json!(value)
    }
}

impl Kind for Environment {
    type Value = Vec<String>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<Vec<String>> {
        const WANTED: &str = "a list of strings such as \"MODE=test\"";
        let entries = strings(reader, name, value, WANTED, 0..=WORDS_MAX)?;
        let wrong = |entry: &&str| entry.find('=').is_none_or(|at| at == 0);
        if let Some(entry) = entries.iter().copied().find(wrong) {
            reader.problem(
                value.span(),
                format!("`{name}` can't have {entry:?}: each string is a name, `=` and a value"),
            );
            return None;
        }
        Some(entries.into_iter().map(str::to_owned).collect())
    }

    fn schema(_: &Range) -> Json {
        let mut schema = strings_schema(0..=WORDS_MAX);
        schema["items"]["pattern"] = json!("^[^=]+=");
        schema
    }

    fn json(value: &Vec<String>) -> Json {
        json!(value)
    }
}

/// Reads a list of so many strings. Those that are none are reported and left out.
fn strings<'v>(
    reader: &mut Reader<'_>,
    name: &str,
    value: &'v Toml<'v>,
    wanted: &str,
    count: RangeInclusive<usize>,
) -> Option<Vec<&'v str>> {
    let all = reader.list(name, value, wanted, count)?;
    let text = |value: &'v Toml<'v>| reader.text(name, value, "strings", TEXT_BYTES_MAX);
    Some(all.iter().filter_map(text).collect())
}

/// Returns the schema of a list of so many strings.
fn strings_schema(count: RangeInclusive<usize>) -> Json {
    json!({
        "type": "array", "minItems": count.start(), "maxItems": count.end(),
        "items": { "type": "string", "maxLength": TEXT_BYTES_MAX },
    })
}
