//! Reads values from TOML, and collects what is wrong with them, by line and column.

use std::ops::{self, RangeInclusive};

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::{Places, Problem, suggestion};

/// A value with its place in the text.
pub type Toml<'v> = Spanned<DeValue<'v>>;
/// The values that a number may have.
pub type Range = RangeInclusive<u64>;

/// The most names that a line of help has room for.
const NAMES_MAX: usize = 20;

/// Reads values, and collects problems instead of giving up at the first.
pub struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    /// Each with the byte where it begins.
    problems: Vec<(usize, Problem)>,
    places: Places,
}

impl<'t> Reader<'t> {
    /// Returns a reader of this text; problems name the file.
    pub fn new(text: &'t str, file: &'t str) -> Reader<'t> {
        Reader { text, file, problems: Vec::new(), places: Places::default() }
    }

    /// Returns where everything is written; or the problems, in the order of the file.
    pub fn into_places(mut self) -> Result<Places, Vec<Problem>> {
        if self.problems.is_empty() {
            return Ok(self.places);
        }
        self.problems.sort_by_key(|(at, _)| *at);
        Err(self.problems.into_iter().map(|(_, problem)| problem).collect())
    }

    /// Remembers where the value of a key is written.
    pub fn wrote(&mut self, table: &str, key: &'static str, span: ops::Range<usize>) {
        let line = self.place(&span).0;
        self.places.add(table, key, line, span);
    }

    /// Remembers where a value of a guest's `config` is written.
    pub fn wrote_value(&mut self, guest: &str, name: &str, span: &ops::Range<usize>) {
        let place = self.place(span);
        self.places.add_value(guest, name, place);
    }

    /// Remembers where a field that the host adds to a guest's requests is written.
    pub fn wrote_field(&mut self, guest: &str, rule: usize, name: &str, span: &ops::Range<usize>) {
        let place = self.place(span);
        self.places.add_field(guest, rule, name, place);
    }

    /// Returns where the value of a key is written, if it is.
    pub fn written(&self, table: &str, key: &'static str) -> Option<ops::Range<usize>> {
        self.places.span(table, key)
    }

    /// Reports a problem with these bytes of the text.
    pub fn problem(&mut self, span: ops::Range<usize>, message: String) {
        let (line, column) = self.place(&span);
        self.problems
            .push((span.start, Problem { file: self.file.to_owned(), line, column, message }));
    }

    /// Reports a value whose type is not the wanted one.
    pub fn wrong_type(&mut self, name: &str, wanted: &str, value: &Toml<'_>) {
        let is = value.get_ref().type_str();
        self.problem(value.span(), format!("`{name}` takes {wanted}; this is of type {is}"));
    }

    /// Reports a key that does not exist in this place.
    pub fn unknown<'n>(
        &mut self,
        place: &str,
        key: &Spanned<DeString<'_>>,
        names: impl IntoIterator<Item = &'n str>,
    ) {
        let names: Vec<&str> = names.into_iter().collect();
        let name = key.get_ref();
        let help = match suggestion(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.len() <= NAMES_MAX => format!("it has {}", names.join(", ")),
            None => "`snow-host config` lists them".to_owned(),
        };
        self.problem(key.span(), format!("{place} has no `{name}`: {help}"));
    }

    /// Reads a table.
    pub fn table<'v>(&mut self, name: &str, value: &'v Toml<'v>) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(name, &format!("a table, [{name}]"), value);
        }
        table
    }

    /// Reads true or false.
    pub fn boolean(&mut self, name: &str, value: &Toml<'_>) -> Option<bool> {
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(name, "true or false", value);
        }
        boolean
    }

    /// Reads an integer within a range.
    pub fn integer(&mut self, name: &str, value: &Toml<'_>, range: Range) -> Option<u64> {
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(name, "an integer", value);
            return None;
        };
        let parsed = u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|value| range.contains(value));
        if parsed.is_none() {
            let message =
                format!("`{name}` may be {} to {}, not {integer}", range.start(), range.end());
            self.problem(value.span(), message);
        }
        parsed
    }

    /// Reads a text of at most so many bytes.
    pub fn text<'v>(
        &mut self,
        name: &str,
        value: &'v Toml<'_>,
        wanted: &str,
        bytes_max: usize,
    ) -> Option<&'v str> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(name, wanted, value);
            return None;
        };
        let wrong = match text {
            _ if text.len() > bytes_max => {
                format!("has {} bytes; at most {bytes_max} are allowed", text.len())
            }
            _ if text.contains('\0') => "has a NUL in it".to_owned(),
            _ => return Some(text),
        };
        self.problem(value.span(), format!("a string of `{name}` {wrong}"));
        None
    }

    /// Reads one of a few words.
    pub fn choice<'c>(
        &mut self,
        name: &str,
        value: &Toml<'_>,
        choices: &[&'c str],
    ) -> Option<&'c str> {
        let quoted: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
        let wanted = quoted.join(" or ");
        let Some(word) = value.get_ref().as_str() else {
            self.wrong_type(name, &wanted, value);
            return None;
        };
        let chosen = choices.iter().copied().find(|choice| *choice == word);
        if chosen.is_none() {
            let help = suggestion(word, choices.iter().copied())
                .map(|near| format!(": did you mean {near:?}?"));
            let help = help.unwrap_or_default();
            self.problem(value.span(), format!("`{name}` takes {wanted}, not {word:?}{help}"));
        }
        chosen
    }

    /// Reads a list of so many values.
    pub fn list<'v>(
        &mut self,
        name: &str,
        value: &'v Toml<'v>,
        wanted: &str,
        count: RangeInclusive<usize>,
    ) -> Option<&'v DeArray<'v>> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(name, wanted, value);
            return None;
        };
        if !count.contains(&array.len()) {
            let (least, most) = count.into_inner();
            self.problem(
                value.span(),
                format!("`{name}` has {} entries; it takes {least} to {most}", array.len()),
            );
        }
        Some(array)
    }

    /// Reads each value of a list with `read`. All that is wrong is reported, not only what is wrong
    /// first; `None` if anything is.
    pub fn each<'v, T>(
        &mut self,
        name: &str,
        value: &'v Toml<'v>,
        wanted: &str,
        count: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Self, &'v Toml<'v>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let values = self.list(name, value, wanted, count)?;
        let read: Vec<Option<T>> = values.iter().map(|value| read(self, value)).collect();
        read.into_iter().collect()
    }

    /// Reads the numbers of an inline table that may have these keys; `None` if anything is wrong.
    pub fn numbers<const N: usize>(
        &mut self,
        name: &str,
        table: &DeTable<'_>,
        keys: [&'static str; N],
        range: &Range,
    ) -> Option<[Option<u64>; N]> {
        let before = self.problems.len();
        let mut numbers = [None; N];
        for (key, value) in table {
            match keys.iter().position(|known| known == key.get_ref()) {
                Some(index) => numbers[index] = self.integer(keys[index], value, range.clone()),
                None => self.unknown(&format!("`{name}`"), key, keys),
            }
        }
        (self.problems.len() == before).then_some(numbers)
    }

    /// Returns the line and the column, in characters, where a span begins, both from 1.
    fn place(&self, span: &ops::Range<usize>) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
