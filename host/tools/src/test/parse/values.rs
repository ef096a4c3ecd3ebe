//! Typed values of a TOML file, and problems with their places in it.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use regex::bytes::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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
}

impl<'t> Values<'t> {
    pub fn new(text: &'t str, name: &'t str, folder: &'t Path) -> Values<'t> {
        Values { reader: Reader::new(text, name), text, folder }
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

    /// Reads a time span, such as `"1h 30m"`.
    pub fn duration(&mut self, name: &str, value: &Value<'_>) -> Option<Duration> {
        let wanted = "a time span in quotes, such as \"1h 30m\"";
        let text = self.string_as(name, wanted, value)?;
        let message = |error| format!("`{name}` is not {wanted}: {error}");
        humantime::parse_duration(&text)
            .map_err(|error| self.problem(value.span(), message(error)))
            .ok()
    }

    pub fn regex(&mut self, name: &str, value: &Value<'_>) -> Option<Regex> {
        let pattern = self.string(name, value)?;
        let message =
            |error: regex::Error| format!("`{name}` is not a regular expression: {error}");
        Regex::new(&pattern).map_err(|error| self.problem(value.span(), message(error))).ok()
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
