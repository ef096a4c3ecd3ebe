//! The kind of `outbound`: where a guest may send requests, and what the host adds to them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::values::{self, PREFIX};
use super::{Kind, PATTERNS_MAX, TEXT_BYTES_MAX, parsed};
use crate::config::{
    ADDED_BYTES_MAX, AddedField, DirectHost, DirectHosts, OutboundRule, OutboundRules, ProxyUrl,
};
use crate::manifest::reader::{Range, Reader, Toml};

/// What an entry may be.
const WANTED: &str = "strings such as \"https://api.example.com\", or { url = \"https://api.example.com\", \
                      headers = { authorization = { secret = { env = \"TOKEN\" }, prefix = \"Bearer \" } } }";
/// The keys of an entry that is a table.
const KEYS: [&str; 2] = ["url", "headers"];
/// The most fields that the host adds by one entry.
const FIELDS_MAX: usize = 16;
/// Scheme, host and port (RFC 3986, section 3).
const PROXY_URL: &str = r"^http://([A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$";
/// A host that is reached without the proxy, so far as a pattern can say: something, without a
/// space and a scheme.
const DIRECT: &str = r"^[^\s.:/][^\s/]*(/[0-9]{1,3})?$|^::[^\s/]*(/[0-9]{1,3})?$";
/// The value of a header field: something, without a control character but the tab (RFC 9110,
/// section 5.5).
const TEXT: &str = r"^[^\x00-\x08\x0a-\x1f\x7f]+$";
/// The name of a header field: a token (RFC 9110, section 5.6.2).
const NAME: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

impl Kind for OutboundRules {
    type Value = OutboundRules;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<OutboundRules> {
        let wanted = format!("a list: {WANTED}");
        let rules = reader
            .each(name, value, &wanted, 0..=PATTERNS_MAX, |reader, value| one(reader, name, value));
        rules.map(OutboundRules::from_iter)
    }

    fn schema(_: &Range) -> Json {
        let url = json!({ "type": "string", "maxLength": TEXT_BYTES_MAX });
        let text = json!({
            "type": "string", "pattern": TEXT, "maxLength": ADDED_BYTES_MAX,
        });
        let headers = json!({
            "type": "object", "maxProperties": FIELDS_MAX,
            "propertyNames": { "pattern": NAME, "maxLength": TEXT_BYTES_MAX },
            "additionalProperties": values::one_schema(&text, true),
        });
        let table = json!({
            "type": "object", "additionalProperties": false, "required": ["url"],
            "properties": { "url": url, "headers": headers },
        });
        json!({
            "type": "array", "minItems": 0, "maxItems": PATTERNS_MAX,
            "items": { "anyOf": [url, table] },
        })
    }

    fn json(value: &OutboundRules) -> Json {
        value.iter().map(written).collect()
    }
}

impl Kind for ProxyUrl {
    type Value = String;

    fn read(reader: &mut Reader<'_>, name: &str, _: &Range, value: &Toml<'_>) -> Option<String> {
        static FITS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(PROXY_URL).expect("it is a regular expression"));
        let wanted = "a URL such as \"http://proxy:3128\"";
        let url = reader.text(name, value, wanted, TEXT_BYTES_MAX)?;
        if FITS.is_match(url) && Url::parse(url).is_ok() {
            return Some(url.to_owned());
        }
        // It is not repeated: it may have a password in it.
        let message = format!(
            "`{name}` is no proxy: it is http://, a host, and perhaps a port, as in \
             \"http://proxy:3128\"; a user and a password have no place in it"
        );
        reader.problem(value.span(), message);
        None
    }

    fn schema(_: &Range) -> Json {
        json!({ "type": "string", "pattern": PROXY_URL, "maxLength": TEXT_BYTES_MAX })
    }

    fn json(value: &String) -> Json {
        json!(value)
    }
}

impl Kind for DirectHosts {
    type Value = DirectHosts;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<DirectHosts> {
        let wanted = "a list of strings, such as [\"*.internal\", \"10.0.0.0/8\"]";
        let hosts = reader.each(name, value, wanted, 0..=PATTERNS_MAX, |reader, value| {
            parsed::<DirectHost>(reader, name, value, "strings")
        });
        hosts.map(DirectHosts::from_iter)
    }

    fn schema(_: &Range) -> Json {
        json!({
            "type": "array", "minItems": 0, "maxItems": PATTERNS_MAX,
            "items": { "type": "string", "pattern": DIRECT, "maxLength": TEXT_BYTES_MAX },
        })
    }

    fn json(value: &DirectHosts) -> Json {
        value.iter().map(DirectHost::to_string).collect()
    }
}

/// Reads one entry.
fn one(reader: &mut Reader<'_>, name: &str, value: &Toml<'_>) -> Option<OutboundRule> {
    let Some(table) = value.get_ref().as_table() else { return rule(reader, name, value) };
    for (key, _) in table {
        if !KEYS.contains(&key.get_ref().as_ref()) {
            reader.unknown(&format!("an entry of `{name}`"), key, KEYS);
            return None;
        }
    }
    let Some(url) = table.get("url") else {
        let message = format!("an entry of `{name}` has no `url`: it takes {WANTED}");
        reader.problem(value.span(), message);
        return None;
    };
    let rule = rule(reader, name, url);
    let fields = match table.get("headers") {
        Some(headers) => fields(reader, name, headers),
        None => Some(Vec::new()),
    };
    let rule = rule?.adding(fields?);
    rule.map_err(|wrong| reader.problem(value.span(), format!("`{name}`: {wrong}"))).ok()
}

fn rule(reader: &mut Reader<'_>, name: &str, value: &Toml<'_>) -> Option<OutboundRule> {
    let text = reader.text(name, value, WANTED, TEXT_BYTES_MAX)?;
    let rule = text.parse::<OutboundRule>();
    rule.map_err(|wrong| reader.problem(value.span(), format!("`{name}`: {wrong}"))).ok()
}

/// Reads the fields that the host adds; `None` if anything is wrong.
fn fields(reader: &mut Reader<'_>, name: &str, value: &Toml<'_>) -> Option<Vec<AddedField>> {
    let Some(table) = value.get_ref().as_table() else {
        reader.wrong_type(&format!("{name}.headers"), "a table of header fields", value);
        return None;
    };
    if table.len() > FIELDS_MAX {
        let fields = table.len();
        let message = format!("`headers` has {fields} fields; an entry adds at most {FIELDS_MAX}");
        reader.problem(value.span(), message);
        return None;
    }
    let read = table.iter().map(|(key, value)| {
        let field = key.get_ref();
        if field.len() > TEXT_BYTES_MAX {
            let message = format!("a name in `headers` has more than {TEXT_BYTES_MAX} bytes");
            reader.problem(key.span(), message);
            return None;
        }
        let place = format!("headers.{field}");
        let prefix = value.get_ref().as_table().and_then(|table| table.get(PREFIX));
        let prefix = match prefix {
            Some(prefix) => reader.text(&place, prefix, "a prefix, a string", TEXT_BYTES_MAX)?,
            None => "",
        };
        let found = values::one(reader, &place, value, &[PREFIX])?;
        let mut wrong = |span, wrong: String| reader.problem(span, format!("`{place}` {wrong}"));
        let field = AddedField::new(field, prefix, found);
        let field = field.map_err(|why| wrong(key.span(), why)).ok()?;
        // A text that stands here is what it is; what stands elsewhere is looked up later.
        match field.fault() {
            Some(why) => {
                wrong(value.span(), why);
                None
            }
            None => Some(field),
        }
    });
    // All of them, so that all that is wrong is said.
    let read: Vec<Option<AddedField>> = read.collect();
    read.into_iter().collect()
}

/// Returns an entry as it is written in the file, but for the text of a secret.
fn written(rule: &OutboundRule) -> Json {
    if rule.adds().is_empty() {
        return json!(rule.to_string());
    }
    let field = |field: &AddedField| {
        let mut value = values::written(&field.value);
        if let Some(table) = value.as_object_mut()
            && !field.prefix().is_empty()
        {
            table.insert(PREFIX.to_owned(), json!(field.prefix()));
        }
        (field.name().to_owned(), value)
    };
    let headers: Map<String, Json> = rule.adds().iter().map(field).collect();
    json!({ "url": rule.to_string(), "headers": headers })
}

#[cfg(test)]
mod tests;
