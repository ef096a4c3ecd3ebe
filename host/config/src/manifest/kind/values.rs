//! The kind of `config`: the values that a guest reads by `wasi:config`.

use serde_json::{Map, Value as Json, json};

use super::{Kind, TEXT_BYTES_MAX, absolute};
use crate::config::{ConfigValue, ConfigValues, Secret, VALUE_NAME_BYTES_MAX, ValueSource};
use crate::manifest::reader::{Range, Reader, Toml};

/// What is shown in the place of a secret. It can't be read again.
pub(crate) const NOT_SHOWN: &str = "(not shown)";
/// What a value may be.
const WANTED: &str =
    "a string, { env = \"NAME\" }, { file = \"/path\" } or { secret = … } of one of these";
/// The names of environment variables, as shells have them.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// The sources of a value, by the keys that name them.
const SOURCES: [&str; 2] = ["env", "file"];
/// The key of what stands before a value, where there may be such.
pub(super) const PREFIX: &str = "prefix";

impl Kind for ConfigValues {
    type Value = ConfigValues;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<ConfigValues> {
        let Some(table) = value.get_ref().as_table() else {
            reader.wrong_type(name, "a table of values, [guest.NAME.config]", value);
            return None;
        };
        let mut read = Vec::new();
        for (key, value) in table {
            let key = key.get_ref();
            if key.is_empty() || key.len() > VALUE_NAME_BYTES_MAX {
                let message = format!(
                    "a name in `{name}` has {} bytes; it has 1 to {VALUE_NAME_BYTES_MAX}",
                    key.len()
                );
                reader.problem(value.span(), message);
                continue;
            }
            read.extend(
                one(reader, &format!("{name}.{key}"), value, &[]).map(|one| (key.to_string(), one)),
            );
        }
        Some(read.into_iter().collect())
    }

    fn schema(_: &Range) -> Json {
        let one = one_schema(&json!({ "type": "string" }), false);
        json!({ "type": "object", "additionalProperties": one })
    }

    fn json(values: &ConfigValues) -> Json {
        let json = |(name, value): (&str, &ConfigValue)| (name.to_owned(), written(value));
        values.iter().map(json).collect::<Map<_, _>>().into()
    }
}

/// Returns the JSON Schema of one value whose text is as `text` says, and perhaps of what stands before
/// it.
pub(super) fn one_schema(text: &Json, has_prefix: bool) -> Json {
    let source = |key: &str, schema: &Json, has_prefix: bool| {
        let mut properties = json!({ key: schema });
        if has_prefix {
            properties[PREFIX] = json!({ "type": "string", "maxLength": TEXT_BYTES_MAX });
        }
        json!({
            "type": "object", "additionalProperties": false, "required": [key],
            "properties": properties,
        })
    };
    let variable = json!({ "type": "string", "pattern": VARIABLE, "maxLength": TEXT_BYTES_MAX });
    let file = json!({ "type": "string", "pattern": "^/", "maxLength": TEXT_BYTES_MAX });
    let public = |has_prefix| {
        let sources = [source("env", &variable, has_prefix), source("file", &file, has_prefix)];
        let mut all = vec![text.clone()];
        all.extend(sources);
        all
    };
    let mut all = public(has_prefix);
    all.push(source("secret", &json!({ "anyOf": public(false) }), has_prefix));
    json!({ "anyOf": all })
}

/// Reads one value. `beside` are keys that may stand beside it, which the caller reads.
pub(super) fn one(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Toml<'_>,
    beside: &[&str],
) -> Option<ConfigValue> {
    let secret = value.get_ref().as_table().and_then(|table| table.get("secret"));
    let Some(secret) = secret else {
        let source = source(reader, name, value, beside)?;
        return Some(ConfigValue { source, is_secret: false, found: None });
    };
    let is_other = |key: &str| key != "secret" && !beside.contains(&key);
    if value
        .get_ref()
        .as_table()
        .is_some_and(|table| table.keys().any(|key| is_other(key.get_ref())))
    {
        let wanted = "{ secret = \"text\" } or { secret = { env = \"NAME\" } }";
        reader.problem(value.span(), format!("`{name}` has more than `secret`: write {wanted}"));
        return None;
    }
    if secret.get_ref().as_str() == Some(NOT_SHOWN) {
        let message = format!(
            "`{name}` is what `snow-host config` shows in the place of a secret: write the secret \
             itself, or where it is"
        );
        reader.problem(secret.span(), message);
        return None;
    }
    Some(ConfigValue { source: source(reader, name, secret, &[])?, is_secret: true, found: None })
}

/// Reads where a value is from.
fn source(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Toml<'_>,
    beside: &[&str],
) -> Option<ValueSource> {
    let Some(table) = value.get_ref().as_table() else {
        // The limits say how long it may be, and are not known yet.
        let text = reader.text(name, value, WANTED, usize::MAX)?;
        return Some(ValueSource::Text(Secret::new(text.to_owned())));
    };
    for (key, _) in table {
        if key.get_ref() == "secret" {
            let message = format!("`{name}` is a secret already: write it once");
            reader.problem(key.span(), message);
            return None;
        }
        if beside.contains(&key.get_ref().as_ref()) {
            continue;
        }
        if !SOURCES.contains(&key.get_ref().as_ref()) {
            reader.unknown(&format!("`{name}`"), key, ["env", "file", "secret"]);
            return None;
        }
    }
    match (table.get("env"), table.get("file")) {
        (Some(variable), None) => {
            let variable_name = reader.text(
                name,
                variable,
                "the name of an environment variable",
                TEXT_BYTES_MAX,
            )?;
            if is_variable(variable_name) {
                return Some(ValueSource::Variable(variable_name.to_owned()));
            }
            // It is not repeated: whoever takes `env` for a place of secrets has put one there.
            reader.problem(
                variable.span(),
                format!(
                    "`env` of `{name}` is no name of an environment variable: letters, digits and \
                     `_`, not beginning with a digit"
                ),
            );
            None
        }
        (None, Some(file)) => {
            let path = reader.text(name, file, "the path of a file", TEXT_BYTES_MAX)?;
            absolute(reader, name, file, path.as_ref())?;
            Some(ValueSource::File(path.into()))
        }
        (None, None) => {
            reader.problem(value.span(), format!("`{name}` has no value: write {WANTED}"));
            None
        }
        (Some(_), Some(_)) => {
            reader.problem(value.span(), format!("`{name}` has both `env` and `file`: write one"));
            None
        }
    }
}

fn is_variable(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Returns a value as it is written in the file, but for the text of a secret.
pub(super) fn written(value: &ConfigValue) -> Json {
    let source = match &value.source {
        ValueSource::Text(_) if value.is_secret => json!(NOT_SHOWN),
        ValueSource::Text(text) => json!(text.expose()),
        ValueSource::Variable(name) => json!({ "env": name }),
        ValueSource::File(path) => json!({ "file": path.to_string_lossy() }),
    };
    if value.is_secret { json!({ "secret": source }) } else { source }
}
