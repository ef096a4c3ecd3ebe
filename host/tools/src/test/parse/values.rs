//! Typed values of a TOML file, and problems with their places in it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use regex::bytes::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::test::saved::Text;
use snow_config::manifest::{ManifestError, Reader, suggestion};

/// A value with its place in the file.
pub(super) type Value<'v> = Spanned<DeValue<'v>>;

/// Reads values and collects problems, so that one run reports all of them. A method that returns
/// `None` has reported why.
pub(super) struct Values<'t> {
    pub reader: Reader<'t>,
    text: &'t str,
    /// The folder of the case file.
    pub folder: &'t Path,
    /// The names of the values that earlier steps of the case save.
    pub names: BTreeSet<String>,
}

impl<'t> Values<'t> {
    pub fn new(text: &'t str, name: &'t str, folder: &'t Path) -> Values<'t> {
        Values { reader: Reader::new(text, name), text, folder, names: BTreeSet::new() }
    }

    /// Returns the problems in the order of the file, if there are any.
    pub fn finish(self) -> Result<(), ManifestError> {
        self.reader.into_places().map(drop).map_err(|problems| ManifestError { problems })
    }

    /// Adds a problem with a part of the file.
    pub fn problem(&mut self, place: Range<usize>, message: String) {
        self.reader.problem(place, message);
    }

    /// Returns the line of a value, from 1.
    pub fn line_of(&self, value: &Value<'_>) -> usize {
        self.text[..self.text.floor_char_boundary(value.span().start)].matches('\n').count() + 1
    }

    pub fn string(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        self.string_as(name, "a string", value)
    }

    /// Reads a string; `wanted` describes in the message what else the value might be.
    pub fn string_as(&mut self, name: &str, wanted: &str, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.reader.wrong_type(name, wanted, value);
        }
        text
    }

    /// Reads a text that may name saved values.
    pub fn text(&mut self, name: &str, value: &Value<'_>) -> Option<Text> {
        self.text_as(name, "a string", value)
    }

    /// Reads a text that may name saved values; `wanted` describes in the message what else the
    /// value might be.
    pub fn text_as(&mut self, name: &str, wanted: &str, value: &Value<'_>) -> Option<Text> {
        let text = self.string_as(name, wanted, value)?;
        self.text_of(&text, value.span())
    }

    /// Parses a text that may name saved values. An earlier step must save each of them.
    pub fn text_of(&mut self, text: &str, place: Range<usize>) -> Option<Text> {
        let text = match Text::parse(text) {
            Ok(text) => text,
            Err(error) => {
                self.problem(place, error);
                return None;
            }
        };
        let unknown: BTreeSet<&str> =
            text.names().filter(|name| !self.names.contains(*name)).collect();
        for name in &unknown {
            let near = suggestion(name, self.names.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("one needs save = {{ {name} = … }}"),
                |near| format!("did you mean `{near}`?"),
            );
            self.problem(place.clone(), format!("no earlier step saves `{name}`: {help}"));
        }
        unknown.is_empty().then_some(text)
    }

    /// Reads a number or a boolean as text.
    pub fn scalar(&mut self, name: &str, wanted: &str, value: &Value<'_>) -> Option<Text> {
        let text = match value.get_ref() {
            DeValue::Boolean(is_true) => is_true.to_string(),
            DeValue::Float(float) => float.to_string(),
            DeValue::Integer(integer) => {
                let parsed = i128::from_str_radix(integer.as_str(), integer.radix());
                parsed.map_or_else(|_| integer.to_string(), |integer| integer.to_string())
            }
            _ => {
                self.reader.wrong_type(name, wanted, value);
                return None;
            }
        };
        self.text_of(&text, value.span())
    }

    /// Reads a time span, such as `"1h 30m"`.
    pub fn duration(&mut self, name: &str, value: &Value<'_>) -> Option<Duration> {
        let wanted = "a time span in quotes, such as \"1h 30m\"";
        let text = self.string_as(name, wanted, value)?;
        let message = |error| format!("`{name}` is not {wanted}: {error}");
        humantime::parse_duration(&text)
            .map_err(|error| self.problem(value.span(), message(error)))
            .ok()
    }

    /// Reads a regular expression, which may name saved values.
    pub fn pattern(&mut self, name: &str, value: &Value<'_>) -> Option<Text> {
        self.pattern_and_groups(name, value).map(|(pattern, _)| pattern)
    }

    /// Reads a regular expression. Returns how many groups it has, too.
    pub fn pattern_and_groups(&mut self, name: &str, value: &Value<'_>) -> Option<(Text, usize)> {
        let pattern = self.text(name, value)?;
        // A saved value is put in as a text to be found, so any text will do.
        match Regex::new(&pattern.with_all("x")) {
            Ok(regex) => Some((pattern, regex.captures_len() - 1)),
            Err(error) => {
                let message = format!("`{name}` is not a regular expression: {error}");
                self.problem(value.span(), message);
                None
            }
        }
    }

    pub fn table<'v>(
        &mut self,
        name: &str,
        wanted: &str,
        value: &'v Value<'v>,
    ) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.reader.wrong_type(name, wanted, value);
        }
        table
    }

    pub fn list<'v>(
        &mut self,
        name: &str,
        wanted: &str,
        value: &'v Value<'v>,
    ) -> Vec<&'v Value<'v>> {
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.reader.wrong_type(name, wanted, value);
        }
        list.map(|list| list.iter().collect()).unwrap_or_default()
    }

    /// Reads a list that must not be empty.
    pub fn tables<'v>(
        &mut self,
        name: &str,
        wanted: &str,
        value: &'v Value<'v>,
    ) -> Vec<&'v Value<'v>> {
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            self.problem(value.span(), format!("there must be at least one {wanted}"));
        }
        self.list(name, wanted, value)
    }

    /// Reports each key of a table that is in none of these lists.
    pub fn check_keys(&mut self, place: &str, table: &DeTable<'_>, names: &[&[&str]]) {
        let names: Vec<&str> = names.concat();
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !names.contains(&name) {
                let help = suggestion(name, names.iter().copied()).map_or_else(
                    || format!("it has {}", names.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.problem(key.span(), format!("{place} has no `{name}`: {help}"));
            }
        }
    }
}

/// Returns the value of a key.
pub(super) fn get<'t>(table: &'t DeTable<'t>, name: &str) -> Option<&'t Value<'t>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}
