//! Values out of TOML, and what is wrong with them, by line and column.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Problem, suggestion};

/// Collects problems instead of giving up at the first.
pub(crate) struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    /// By the byte where each is.
    problems: Vec<(usize, Problem)>,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str, file: &'t str) -> Reader<'t> {
        Reader { text, file, problems: Vec::new() }
    }

    /// In the order of the file.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|(at, _)| *at);
        self.problems.into_iter().map(|(_, problem)| problem).collect()
    }

    /// Something is wrong with these bytes of the text.
    pub fn problem(&mut self, span: Range<usize>, message: String) {
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        self.problems.push((span.start, Problem { file: self.file.to_owned(), line, column, message }));
    }

    pub fn wrong_type(&mut self, name: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let is = value.get_ref().type_str();
        self.problem(value.span(), format!("`{name}` takes {wanted}; this is of type {is}"));
    }

    /// A key that means nothing in this place.
    pub fn unknown<'n>(&mut self, place: &str, key: &Spanned<DeString<'_>>, names: impl IntoIterator<Item = &'n str>) {
        let names: Vec<&str> = names.into_iter().collect();
        let name = key.get_ref();
        let help = match suggestion(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.len() <= 5 => format!("it has {}", names.join(", ")),
            None => "host/src/config.rs and host/src/limits.rs list them".to_owned(),
        };
        self.problem(key.span(), format!("{place} has no `{name}`: {help}"));
    }

    pub fn table<'v>(&mut self, name: &str, value: &'v Spanned<DeValue<'v>>) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(name, &format!("a table, [{name}]"), value);
        }
        table
    }

    pub fn boolean(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(name, "true or false", value);
        }
        boolean
    }

    pub fn integer(&mut self, name: &str, value: &Spanned<DeValue<'_>>, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(name, "an integer", value);
            return None;
        };
        let parsed = u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|value| range.contains(value));
        if parsed.is_none() {
            let message = format!("`{name}` may be {} to {}, not {integer}", range.start(), range.end());
            self.problem(value.span(), message);
        }
        parsed
    }
}
