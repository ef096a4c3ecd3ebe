//! Where each key stands in the text.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where each key that is written stands in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    keys: BTreeMap<(String, &'static str), Place>,
    /// The line and the column of each value of a guest's `config`, by the guest and its name.
    values: BTreeMap<(String, String), (usize, usize)>,
    /// The line and the column of each field that the host adds to a guest's requests, by the guest,
    /// the place of its rule in `outbound`, and its name in lower case.
    fields: BTreeMap<(String, usize, String), (usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    span: Range<usize>,
}

impl Places {
    /// Returns the line of a key's value, from 1. The table is `server`, `limits`, `guest.NAME`, or
    /// empty for the file itself.
    pub fn line(&self, table: &str, key: &'static str) -> Option<usize> {
        self.keys.get(&(table.to_owned(), key)).map(|place| place.line)
    }

    /// Returns the line and the column of a value of a guest's `config`, both from 1.
    pub fn value(&self, guest: &str, name: &str) -> Option<(usize, usize)> {
        self.values.get(&(guest.to_owned(), name.to_owned())).copied()
    }

    pub(super) fn add_value(&mut self, guest: &str, name: &str, place: (usize, usize)) {
        self.values.insert((guest.to_owned(), name.to_owned()), place);
    }

    /// Returns the line and the column of a field that the host adds, both from 1.
    pub fn field(&self, guest: &str, rule: usize, name: &str) -> Option<(usize, usize)> {
        self.fields.get(&(guest.to_owned(), rule, name.to_owned())).copied()
    }

    pub(super) fn add_field(
        &mut self,
        guest: &str,
        rule: usize,
        name: &str,
        place: (usize, usize),
    ) {
        self.fields.insert((guest.to_owned(), rule, name.to_ascii_lowercase()), place);
    }

    pub(super) fn span(&self, table: &str, key: &'static str) -> Option<Range<usize>> {
        self.keys.get(&(table.to_owned(), key)).map(|place| place.span.clone())
    }

    pub(super) fn add(&mut self, table: &str, key: &'static str, line: usize, span: Range<usize>) {
        self.keys.insert((table.to_owned(), key), Place { line, span });
    }
}
