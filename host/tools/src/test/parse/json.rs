//! JSON in a case file: as values of TOML, or as JSON text in quotes, which has null.

use serde_json::Value as Json;
use toml::de::DeValue;

use super::values::{Value, Values};
use crate::test::saved::{JsonText, Text};

const WANTED: &str = "a table or a list, or JSON in quotes, such as '{ \"next\": null }'";

impl Values<'_> {
    /// Reads JSON: a string of the file is JSON text.
    pub fn json(&mut self, name: &str, value: &Value<'_>) -> Option<JsonText> {
        match value.get_ref() {
            DeValue::String(text) => self.json_text(name, text, value),
            _ => self.json_value(name, value),
        }
    }

    /// Reads `json_at`: JSON values by JSON pointers.
    pub fn json_at(&mut self, value: &Value<'_>) -> Option<Vec<(Text, JsonText)>> {
        let wanted =
            "a table, such as { \"/id\" = 7 }, or JSON in quotes, such as '{ \"/next\": null }'";
        let json = match value.get_ref() {
            DeValue::String(text) => self.json_text("json_at", text, value)?,
            DeValue::Table(_) => self.json_value("json_at", value)?,
            _ => JsonText::Plain(Json::Null),
        };
        let JsonText::Object(members) = json else {
            self.reader.wrong_type("json_at", wanted, value);
            return None;
        };
        let checked = members
            .into_iter()
            .filter_map(|(pointer, json)| Some((self.pointer(pointer, value)?, json)));
        Some(checked.collect())
    }

    /// Checks a JSON pointer (RFC 6901).
    pub fn pointer(&mut self, pointer: Text, value: &Value<'_>) -> Option<Text> {
        let text = pointer.with_all("");
        let is_good = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if is_good && (pointer.literal() == Some("") || text.starts_with('/')) {
            return Some(pointer);
        }
        let message = format!(
            "{:?} is not a JSON pointer: it begins with `/`, as in \"/parcels/0/id\"; `~1` stands \
             for a `/` in a name and `~0` for a `~`; \"\" is the whole body",
            pointer.to_string()
        );
        self.problem(value.span(), message);
        None
    }

    /// Parses JSON text.
    fn json_text(&mut self, name: &str, text: &str, value: &Value<'_>) -> Option<JsonText> {
        match serde_json::from_str(text) {
            Ok(json) => self.named(json, value),
            Err(error) => {
                let help = if text.contains("{{") {
                    "; a saved value is quoted too, \"{{name}}\", and a number stays a number"
                } else {
                    ""
                };
                let message = format!("`{name}` is {WANTED}; this text is not JSON: {error}{help}");
                self.problem(value.span(), message);
                None
            }
        }
    }

    /// Finds the names of saved values in the texts of a JSON value.
    fn named(&mut self, json: Json, value: &Value<'_>) -> Option<JsonText> {
        Some(match json {
            Json::String(text) => JsonText::Text(self.text_of(&text, value.span())?),
            Json::Array(list) => {
                let list = list.into_iter().map(|json| self.named(json, value));
                JsonText::List(list.collect::<Option<_>>()?)
            }
            Json::Object(members) => {
                let members = members.into_iter().map(|(name, json)| {
                    Some((self.text_of(&name, value.span())?, self.named(json, value)?))
                });
                JsonText::Object(members.collect::<Option<_>>()?)
            }
            plain => JsonText::Plain(plain),
        })
    }

    /// Reads a value of TOML as JSON: a string of it is a string.
    fn json_value(&mut self, name: &str, value: &Value<'_>) -> Option<JsonText> {
        Some(match value.get_ref() {
            DeValue::String(_) => JsonText::Text(self.text(name, value)?),
            DeValue::Boolean(is_true) => JsonText::Plain((*is_true).into()),
            DeValue::Integer(integer) => {
                let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
                let number = parsed.map_err(|_| {
                    let message = format!("{integer} is too large: write the JSON in quotes");
                    self.problem(value.span(), message);
                });
                JsonText::Plain(number.ok()?.into())
            }
            DeValue::Float(float) => {
                let parsed: Option<f64> = float.as_str().parse().ok();
                let number = parsed.and_then(serde_json::Number::from_f64);
                if number.is_none() {
                    self.problem(value.span(), format!("JSON has no number {float}"));
                }
                JsonText::Plain(number?.into())
            }
            DeValue::Datetime(_) => {
                let message = "JSON has no dates: write it in quotes".to_owned();
                self.problem(value.span(), message);
                return None;
            }
            DeValue::Array(list) => {
                let list = list.iter().map(|value| self.json_value(name, value));
                // All of them are looked at, so that each problem is reported.
                let list: Vec<Option<JsonText>> = list.collect();
                JsonText::List(list.into_iter().collect::<Option<_>>()?)
            }
            DeValue::Table(table) => {
                let members = table.iter().map(|(key, value)| {
                    let name = self.text_of(key.get_ref(), key.span());
                    let json = self.json_value(key.get_ref(), value);
                    Some((name?, json?))
                });
                let members: Vec<Option<_>> = members.collect();
                JsonText::Object(members.into_iter().collect::<Option<_>>()?)
            }
        })
    }
}
